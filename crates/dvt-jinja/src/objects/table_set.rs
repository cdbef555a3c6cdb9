//! agate's `TableSet`: the groups of a table.

use super::table::{ColumnKind, Table};
use super::table_print;
use crate::engine::Interpreter;
use crate::error::Flow;
use crate::value::equals;
use crate::{Args, Object, Value};

/// What `table.group_by(key)` gives: tables by the group's key.
#[derive(Debug)]
pub(super) struct TableSet {
    pub(super) key_name: String,
    pub(super) groups: Vec<(Value, Table)>,
}

impl TableSet {
    fn tables(&self) -> Vec<Value> {
        self.groups.iter().map(|(_, table)| table.clone().into_value()).collect()
    }

    fn keys(&self) -> Value {
        Value::tuple(self.groups.iter().map(|(key, _)| key.clone()).collect())
    }

    fn find(&self, key: &Value) -> Option<Value> {
        let found = self.groups.iter().find(|(known, _)| equals(known, key));
        found.map(|(_, table)| table.clone().into_value())
    }

    /// The table that [`Object::display`] shows: each group and its number of rows.
    fn structure(&self) -> Table {
        let rows = self
            .groups
            .iter()
            .map(|(key, table)| vec![Value::from(key.to_string()), Value::from(table.row_count().to_string())]);
        Table::new(&[("table", ColumnKind::Text), ("rows", ColumnKind::Text)], rows.collect())
    }
}

impl Object for TableSet {
    fn type_name(&self) -> &str {
        "TableSet"
    }

    fn display(&self) -> String {
        table_print::grid(&self.structure(), table_print::Limits { columns: None, ..table_print::Limits::default() })
    }

    fn is_true(&self) -> bool {
        !self.groups.is_empty()
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        let first = self.groups.first().map(|(_, table)| table.clone().into_value());
        match name {
            "key_name" => Some(Value::from(self.key_name.as_str())),
            "column_names" | "column_types" => match &first {
                Some(Value::Object(table)) => table.attribute(name),
                _ => Some(Value::tuple(Vec::new())),
            },
            _ => None,
        }
    }

    fn item(&self, key: &Value) -> Option<Value> {
        self.find(key)
    }

    fn items(&self) -> Option<Vec<Value>> {
        Some(self.tables())
    }

    fn has(&self, key: &Value) -> Option<bool> {
        Some(self.find(key).is_some())
    }

    fn methods(&self) -> &'static [&'static str] {
        &["keys", "values", "items", "dict", "get"]
    }

    fn call_method(&self, _: &mut Interpreter<'_>, name: &str, args: &mut Args) -> Option<Result<Value, Flow>> {
        let value = match name {
            "keys" => self.keys(),
            "values" => Value::tuple(self.tables()),
            "items" => Value::tuple(
                self.groups
                    .iter()
                    .map(|(key, table)| Value::tuple(vec![key.clone(), table.clone().into_value()]))
                    .collect(),
            ),
            "dict" => {
                Value::dict(self.groups.iter().map(|(key, table)| (key.clone(), table.clone().into_value())).collect())
            }
            "get" => {
                return Some(args.required("key").and_then(|key| {
                    let default = args.optional("default")?.unwrap_or(Value::None);
                    Ok(self.find(&key).unwrap_or(default))
                }));
            }
            _ => return None,
        };
        Some(args.finish().map(|()| value))
    }
}
