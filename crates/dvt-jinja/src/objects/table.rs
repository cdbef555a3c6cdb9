//! Tables of query results and seeds, with agate's interface.

use super::table_print;
use crate::engine::Interpreter;
use crate::error::{Flow, raise};
use crate::value::{Dict, DumpStyle, dump_json, lock};
use crate::{Args, Object, Value};
use serde_json::Value as Json;
use std::sync::Arc;

/// The kinds of columns that dbt tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    Text,
    Integer,
    Number,
    Boolean,
    Date,
    DateTime,
    Time,
}

impl ColumnKind {
    /// agate's name of the type.
    #[must_use]
    pub fn agate_name(self) -> &'static str {
        match self {
            Self::Text => "Text",
            Self::Integer => "Integer",
            Self::Number => "Number",
            Self::Boolean => "Boolean",
            Self::Date => "Date",
            Self::DateTime => "DateTime",
            Self::Time => "TimeDelta",
        }
    }
}

/// A table of typed values: the rows of a statement or a seed.
#[derive(Clone, Debug, Default)]
pub struct Table {
    pub(crate) names: Arc<[Arc<str>]>,
    pub(crate) kinds: Arc<[ColumnKind]>,
    pub(crate) rows: Arc<[Arc<[Value]>]>,
}

impl Table {
    /// A table; each row has a value for each column. Missing values are [`Value::None`].
    #[must_use]
    pub fn new(columns: &[(&str, ColumnKind)], rows: Vec<Vec<Value>>) -> Self {
        let width = columns.len();
        let rows = rows.into_iter().map(|mut row| {
            row.resize(width, Value::None);
            Arc::from(row)
        });
        Self {
            names: columns.iter().map(|(name, _)| Arc::from(*name)).collect(),
            kinds: columns.iter().map(|(_, kind)| *kind).collect(),
            rows: rows.collect(),
        }
    }

    pub fn column_names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(AsRef::as_ref)
    }

    #[must_use]
    pub fn column_kinds(&self) -> &[ColumnKind] {
        &self.kinds
    }

    /// The rows, values in the order of the columns.
    pub fn rows(&self) -> impl Iterator<Item = &[Value]> {
        self.rows.iter().map(AsRef::as_ref)
    }

    #[must_use]
    pub fn row_count(&self) -> usize {
        self.rows.len()
    }

    /// The table as a value of a template.
    #[must_use]
    pub fn into_value(self) -> Value {
        Value::object(TableValue(self))
    }

    fn row(&self, index: usize) -> Value {
        Value::object(RowValue { names: Arc::clone(&self.names), cells: Arc::clone(&self.rows[index]) })
    }

    fn column(&self, index: usize) -> Value {
        Value::object(ColumnOfTable { table: self.clone(), index })
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| **known == *name)
    }

    fn picked(&self, indices: &[usize]) -> Self {
        Self {
            names: indices.iter().map(|index| Arc::clone(&self.names[*index])).collect(),
            kinds: indices.iter().map(|index| self.kinds[*index]).collect(),
            rows: self.rows.iter().map(|row| indices.iter().map(|index| row[*index].clone()).collect()).collect(),
        }
    }

    /// The rows as lists of values: dbt's `load_result(...).data`.
    pub(crate) fn matrix(&self) -> Value {
        Value::list(self.rows.iter().map(|row| Value::Tuple(Arc::clone(row))).collect())
    }
}

/// A table in a template.
#[derive(Debug)]
pub(crate) struct TableValue(pub(crate) Table);

impl Object for TableValue {
    fn type_name(&self) -> &str {
        "Table"
    }

    fn display(&self) -> String {
        table_print::structure(&self.0)
    }

    fn is_true(&self) -> bool {
        true
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        let table = &self.0;
        Some(match name {
            "rows" => Value::object(RowsOfTable(table.clone())),
            "columns" => Value::object(ColumnsOfTable(table.clone())),
            "column_names" => Value::tuple(table.names.iter().map(|name| Value::Str(Arc::clone(name))).collect()),
            "column_types" => Value::tuple(table.kinds.iter().map(|kind| Value::object(AgateType(*kind))).collect()),
            _ => return None,
        })
    }

    fn items(&self) -> Option<Vec<Value>> {
        Some((0..self.0.rows.len()).map(|index| self.0.row(index)).collect())
    }

    fn call_method(
        &self,
        interpreter: &mut Interpreter<'_>,
        name: &str,
        args: &mut Args,
    ) -> Option<Result<Value, Flow>> {
        const METHODS: &[&str] = &[
            "print_table",
            "print_csv",
            "print_json",
            "print_structure",
            "rename",
            "select",
            "exclude",
            "where",
            "limit",
            "to_csv",
            "to_json",
            "order_by",
        ];
        METHODS.contains(&name).then(|| self.run(interpreter, name, args))
    }
}

impl TableValue {
    fn run(&self, interpreter: &mut Interpreter<'_>, name: &str, args: &mut Args) -> Result<Value, Flow> {
        let table = &self.0;
        let result = match name {
            "print_table" => {
                let rows = args.optional_int("max_rows")?;
                let columns = args.optional_int("max_columns")?;
                args.keyword.clear();
                interpreter.bridge.print(&table_print::markdown(table, rows.unwrap_or(20), columns.unwrap_or(6)));
                Value::None
            }
            "print_csv" => {
                interpreter.bridge.print(&table_print::csv(table));
                Value::None
            }
            "print_json" => {
                interpreter.bridge.print(&json_rows(table)?);
                Value::None
            }
            "print_structure" => {
                interpreter.bridge.print(&table_print::structure(table));
                Value::None
            }
            "to_csv" | "to_json" => {
                return Err(raise(format!(
                    "agate's `{name}` writes a file, which templates cannot do; use print_csv()"
                )));
            }
            "rename" => {
                let names = args.optional("column_names")?.unwrap_or(Value::None);
                let mut renamed = table.clone();
                renamed.names = match &names {
                    Value::None => Arc::clone(&table.names),
                    Value::Dict(map) => {
                        let map = lock(map);
                        let new_name = |name: &Arc<str>| map.get_str(name).map(|new| Arc::from(new.to_string()));
                        table.names.iter().map(|name| new_name(name).unwrap_or_else(|| Arc::clone(name))).collect()
                    }
                    other => {
                        let names = other.iterate().unwrap_or_default();
                        if names.len() != table.names.len() {
                            return Err(raise("rename() needs as many names as there are columns"));
                        }
                        names.iter().map(|name| Arc::from(name.to_string())).collect()
                    }
                };
                renamed.into_value()
            }
            "select" | "exclude" => {
                let key = args.required("key")?;
                let wanted: Vec<String> = match &key {
                    Value::Str(name) => vec![name.to_string()],
                    other => other.iterate().unwrap_or_default().iter().map(ToString::to_string).collect(),
                };
                let indices: Vec<usize> = if name == "exclude" {
                    (0..table.names.len())
                        .filter(|index| !wanted.iter().any(|name| **name == *table.names[*index]))
                        .collect()
                } else {
                    wanted
                        .iter()
                        .map(|name| table.position(name).ok_or_else(|| raise(format!("KeyError: '{name}'"))))
                        .collect::<Result<_, _>>()?
                };
                table.picked(&indices).into_value()
            }
            "where" => {
                let test = args.required("test")?;
                let mut kept = Vec::new();
                for index in 0..table.rows.len() {
                    let mut inner = Args::new("test", vec![table.row(index)]);
                    if interpreter.call_value(&test, &mut inner)?.is_true() {
                        kept.push(Arc::clone(&table.rows[index]));
                    }
                }
                Table { rows: kept.into(), ..table.clone() }.into_value()
            }
            "limit" => {
                let first = args.optional_int("start_or_stop")?.unwrap_or(0);
                let second = args.optional_int("stop")?;
                let (start, stop) = second.map_or((0, first), |stop| (first, stop));
                let clamp = |bound: i128| usize::try_from(bound.max(0)).unwrap_or(0).min(table.rows.len());
                let (start, stop) = (clamp(start), clamp(stop).max(clamp(start)));
                Table { rows: table.rows[start..stop].into(), ..table.clone() }.into_value()
            }
            _ => {
                let key = args.required_str("key")?;
                let is_reversed = args.flag("reverse", false)?;
                let position = table.position(&key).ok_or_else(|| raise(format!("KeyError: '{key}'")))?;
                let mut rows = table.rows.to_vec();
                rows.sort_by(|left, right| {
                    let order = crate::value::compare(&left[position], &right[position]);
                    let order = order.unwrap_or_else(|| left[position].is_none().cmp(&right[position].is_none()));
                    if is_reversed { order.reverse() } else { order }
                });
                Table { rows: rows.into(), ..table.clone() }.into_value()
            }
        };
        args.finish()?;
        Ok(result)
    }
}

fn json_rows(table: &Table) -> Result<String, Flow> {
    let rows = (0..table.rows.len()).map(|index| row_dict(&table.names, &table.rows[index])).collect();
    dump_json(&Value::list(rows), DumpStyle::default())
        .map_err(|what| raise(format!("Object of type {what} is not JSON serializable")))
}

fn row_dict(names: &[Arc<str>], cells: &[Value]) -> Value {
    Value::dict(
        names.iter().zip(cells).map(|(name, cell)| (Value::Str(Arc::clone(name)), cell.clone())).collect::<Dict>(),
    )
}

/// `table.rows`.
#[derive(Debug)]
struct RowsOfTable(Table);

impl Object for RowsOfTable {
    fn type_name(&self) -> &str {
        "MappedSequence"
    }

    fn items(&self) -> Option<Vec<Value>> {
        Some((0..self.0.rows.len()).map(|index| self.0.row(index)).collect())
    }

    fn call_method(&self, _: &mut Interpreter<'_>, name: &str, args: &mut Args) -> Option<Result<Value, Flow>> {
        match name {
            "values" => Some(args.finish().map(|()| Value::tuple(self.items().unwrap_or_default()))),
            _ => None,
        }
    }
}

/// `table.columns`: by position or by name.
#[derive(Debug)]
struct ColumnsOfTable(Table);

impl Object for ColumnsOfTable {
    fn type_name(&self) -> &str {
        "MappedSequence"
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        self.0.position(name).map(|index| self.0.column(index))
    }

    fn items(&self) -> Option<Vec<Value>> {
        Some((0..self.0.names.len()).map(|index| self.0.column(index)).collect())
    }

    fn has(&self, key: &Value) -> Option<bool> {
        Some(key.as_str().is_some_and(|name| self.0.position(name).is_some()))
    }

    fn call_method(&self, _: &mut Interpreter<'_>, name: &str, args: &mut Args) -> Option<Result<Value, Flow>> {
        let names = || self.0.names.iter().map(|name| Value::Str(Arc::clone(name)));
        match name {
            "keys" => Some(args.finish().map(|()| Value::tuple(names().collect()))),
            "values" => Some(args.finish().map(|()| Value::tuple(self.items().unwrap_or_default()))),
            "items" => Some(args.finish().map(|()| {
                let columns = self.items().unwrap_or_default();
                Value::list(names().zip(columns).map(|(name, column)| Value::tuple(vec![name, column])).collect())
            })),
            "get" => Some(args.required("key").and_then(|key| {
                let default = args.optional("default")?.unwrap_or(Value::None);
                Ok(key.as_str().and_then(|name| self.attribute(name)).unwrap_or(default))
            })),
            _ => None,
        }
    }
}

/// One column of a table.
#[derive(Debug)]
struct ColumnOfTable {
    table: Table,
    index: usize,
}

impl ColumnOfTable {
    fn cells(&self) -> Vec<Value> {
        self.table.rows.iter().map(|row| row[self.index].clone()).collect()
    }
}

impl Object for ColumnOfTable {
    fn type_name(&self) -> &str {
        "Column"
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        match name {
            "name" => Some(Value::Str(Arc::clone(&self.table.names[self.index]))),
            "index" => Some(Value::from(self.index)),
            "data_type" => Some(Value::object(AgateType(self.table.kinds[self.index]))),
            _ => None,
        }
    }

    fn items(&self) -> Option<Vec<Value>> {
        Some(self.cells())
    }

    fn call_method(&self, _: &mut Interpreter<'_>, name: &str, args: &mut Args) -> Option<Result<Value, Flow>> {
        let cells = self.cells();
        let value = match name {
            "values" => Value::tuple(cells),
            "values_distinct" => Value::set(cells),
            "values_without_nulls" => Value::tuple(cells.into_iter().filter(|cell| !cell.is_none()).collect()),
            _ => return None,
        };
        Some(args.finish().map(|()| value))
    }
}

/// One row: by position, by column name.
#[derive(Debug)]
struct RowValue {
    names: Arc<[Arc<str>]>,
    cells: Arc<[Value]>,
}

impl Object for RowValue {
    fn type_name(&self) -> &str {
        "Row"
    }

    fn display(&self) -> String {
        format!("<agate.Row: {}>", Value::Tuple(Arc::clone(&self.cells)))
    }

    fn is_true(&self) -> bool {
        !self.cells.is_empty()
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        self.names.iter().position(|known| **known == *name).map(|index| self.cells[index].clone())
    }

    fn items(&self) -> Option<Vec<Value>> {
        Some(self.cells.to_vec())
    }

    fn call_method(&self, _: &mut Interpreter<'_>, name: &str, args: &mut Args) -> Option<Result<Value, Flow>> {
        let names = || self.names.iter().map(|name| Value::Str(Arc::clone(name)));
        let value = match name {
            "values" => Value::Tuple(Arc::clone(&self.cells)),
            "keys" => Value::tuple(names().collect()),
            "items" => Value::list(
                names().zip(self.cells.iter()).map(|(name, cell)| Value::tuple(vec![name, cell.clone()])).collect(),
            ),
            "dict" => row_dict(&self.names, &self.cells),
            "get" => {
                return Some(args.required("key").and_then(|key| {
                    let default = args.optional("default")?.unwrap_or(Value::None);
                    Ok(key.as_str().and_then(|name| self.attribute(name)).unwrap_or(default))
                }));
            }
            _ => return None,
        };
        Some(args.finish().map(|()| value))
    }

    fn to_json(&self) -> Option<Json> {
        Value::Tuple(Arc::clone(&self.cells)).to_json().ok()
    }
}

/// agate's data type of a column.
#[derive(Debug)]
pub(crate) struct AgateType(pub(crate) ColumnKind);

impl Object for AgateType {
    fn type_name(&self) -> &str {
        self.0.agate_name()
    }

    fn display(&self) -> String {
        format!("<agate.data_types.{}>", self.0.agate_name())
    }
}
