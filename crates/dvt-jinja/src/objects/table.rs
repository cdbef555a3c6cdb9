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
            for (cell, (_, kind)) in row.iter_mut().zip(columns) {
                // agate's numbers are decimals, whatever the database gave.
                if let (Value::Float(number), ColumnKind::Number) = (&*cell, kind) {
                    *cell = table_print::decimal_of_float(*number);
                }
            }
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

    /// The same columns with these rows.
    pub(super) fn with_rows(&self, rows: impl IntoIterator<Item = usize>) -> Self {
        Self { rows: rows.into_iter().map(|row| Arc::clone(&self.rows[row])).collect(), ..self.clone() }
    }

    pub(super) fn row(&self, index: usize) -> Value {
        Value::object(RowValue { names: Arc::clone(&self.names), cells: Arc::clone(&self.rows[index]) })
    }

    fn column(&self, index: usize) -> Value {
        Value::object(ColumnOfTable { table: self.clone(), index })
    }

    pub(super) fn position(&self, name: &str) -> Option<usize> {
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

/// The methods of an agate table that only read.
const METHODS: &[&str] = &[
    "aggregate",
    "compute",
    "distinct",
    "exclude",
    "find",
    "group_by",
    "homogenize",
    "join",
    "limit",
    "merge",
    "order_by",
    "print_csv",
    "print_html",
    "print_json",
    "print_structure",
    "print_table",
    "rename",
    "select",
    "to_csv",
    "to_json",
    "where",
];

impl Object for TableValue {
    fn type_name(&self) -> &str {
        "Table"
    }

    fn display(&self) -> String {
        table_print::structure(&self.0, None)
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
            "row_names" => Value::None,
            "column_types" => Value::tuple(table.kinds.iter().map(|kind| Value::object(AgateType(*kind))).collect()),
            _ => return None,
        })
    }

    fn items(&self) -> Option<Vec<Value>> {
        Some((0..self.0.rows.len()).map(|index| self.0.row(index)).collect())
    }

    fn methods(&self) -> &'static [&'static str] {
        METHODS
    }

    fn call_method(
        &self,
        interpreter: &mut Interpreter<'_>,
        name: &str,
        args: &mut Args,
    ) -> Option<Result<Value, Flow>> {
        const REFUSED: &[&str] = &[
            "bar_chart",
            "bins",
            "column_chart",
            "denormalize",
            "line_chart",
            "normalize",
            "pivot",
            "print_bars",
            "scatterplot",
        ];
        if REFUSED.contains(&name) {
            return Some(Err(raise(format!(
                "agate's `{name}` is not available in templates; compute it in SQL, or with `group_by` and a loop"
            ))));
        }
        METHODS.contains(&name).then(|| self.run(interpreter, name, args))
    }
}

/// The limits that a printing method was called with; all of agate's arguments are optional.
fn limits(args: &mut Args) -> Result<table_print::Limits, Flow> {
    let mut limit = |name: &str, default: Option<usize>| -> Result<Option<usize>, Flow> {
        Ok(match args.optional(name)? {
            None => default,
            Some(value) => value.as_int().map(|number| usize::try_from(number.max(0)).unwrap_or(usize::MAX)),
        })
    };
    let default = table_print::Limits::default();
    let rows = limit("max_rows", default.rows)?;
    let columns = limit("max_columns", default.columns)?;
    limit("output", None)?;
    let width = limit("max_column_width", default.width)?;
    limit("locale", None)?;
    Ok(table_print::Limits { rows, columns, width, precision: limit("max_precision", default.precision)? })
}

impl TableValue {
    fn run(&self, interpreter: &mut Interpreter<'_>, name: &str, args: &mut Args) -> Result<Value, Flow> {
        let table = &self.0;
        let print = |interpreter: &Interpreter<'_>, text: &str| {
            interpreter.bridge.print(text.strip_suffix('\n').unwrap_or(text));
            Value::None
        };
        let result = match name {
            "print_table" => {
                let limits = limits(args)?;
                print(interpreter, &table_print::grid(table, limits))
            }
            "print_html" => {
                let limits = limits(args)?;
                print(interpreter, &table_print::html(table, limits))
            }
            "print_csv" => print(interpreter, &table_print::csv(table)),
            "print_json" => {
                let text = json_text(table, args)?;
                print(interpreter, &text)
            }
            "print_structure" => {
                args.optional("output")?;
                let rows = args.optional_int("max_rows")?.and_then(|rows| usize::try_from(rows).ok());
                print(interpreter, &table_print::structure(table, rows))
            }
            "to_csv" | "to_json" => {
                let path = args.required_str("path")?;
                let text = if name == "to_csv" { table_print::csv(table) } else { json_text(table, args)? };
                args.finish()?;
                if interpreter.executes() {
                    interpreter.bridge.write_file(&path, &text)?;
                }
                Value::None
            }
            "order_by" => self.order_by(interpreter, args)?,
            "distinct" => self.distinct(interpreter, args)?,
            "join" => self.join(interpreter, args)?,
            "merge" => Self::merge(args)?,
            "homogenize" => self.homogenize(interpreter, args)?,
            "group_by" => {
                let (key_name, groups) = self.groups(interpreter, args)?;
                Value::object(super::table_set::TableSet { key_name, groups })
            }
            "aggregate" | "compute" => {
                let wanted = args.required("aggregations")?;
                args.optional("replace")?;
                if wanted.is_true() {
                    return Err(raise(format!("agate's classes for `{name}` are not available in templates")));
                }
                if name == "compute" { table.clone().into_value() } else { Value::dict(Dict::new()) }
            }
            "rename" => self.rename(args)?,
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
            "where" | "find" => {
                let test = args.required("test")?;
                let mut kept = Vec::new();
                for index in 0..table.rows.len() {
                    let mut inner = Args::new("test", vec![table.row(index)]);
                    if interpreter.call_value(&test, &mut inner)?.is_true() {
                        kept.push(index);
                    }
                }
                match name {
                    "where" => table.with_rows(kept).into_value(),
                    _ => kept.first().map_or(Value::None, |index| table.row(*index)),
                }
            }
            _ => {
                let first = args.optional_int("start_or_stop")?;
                let second = args.optional_int("stop")?;
                let step = args.optional_int("step")?;
                let (start, stop) = if second.is_some() || step.is_some() { (first, second) } else { (None, first) };
                let rows = Value::list((0..table.rows.len()).map(Value::from).collect());
                let kept = crate::value::slice(&rows, start, stop, step).map_err(raise)?.iterate().unwrap_or_default();
                let kept = kept.iter().filter_map(|row| usize::try_from(row.as_int()?).ok());
                table.with_rows(kept).into_value()
            }
        };
        args.finish()?;
        Ok(result)
    }

    fn rename(&self, args: &mut Args) -> Result<Value, Flow> {
        let table = &self.0;
        let names = args.optional("column_names")?.unwrap_or(Value::None);
        args.optional("row_names")?;
        let slug_columns = args.flag("slug_columns", false)?;
        args.flag("slug_rows", false)?;
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
        if slug_columns {
            renamed.names = renamed.names.iter().map(|name| Arc::from(slug(name))).collect();
        }
        Ok(renamed.into_value())
    }
}

/// A name of lower-case letters, digits and `_`.
fn slug(name: &str) -> String {
    let lowered = name.to_lowercase();
    let words = lowered.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_")
}

/// agate's `to_json`: a list of objects, an object by key, or an object a line.
fn json_text(table: &Table, args: &mut Args) -> Result<String, Flow> {
    let key = args.optional("key")?.filter(|key| !key.is_none());
    let is_by_line = args.flag("newline", false)?;
    let indent = args.optional_int("indent")?.and_then(|width| usize::try_from(width).ok());
    args.keyword.clear();
    let rows = table_print::json_rows(table);
    let style = DumpStyle { sort_keys: false, indent, keeps_unicode: true };
    let dump =
        |value: &Value| dump_json(value, style).map_err(|what| raise(crate::functions::json::not_serializable(&what)));
    match key {
        Some(_) if is_by_line => Err(raise("key and newline may not be specified together.")),
        Some(key) => {
            let name = key.to_string();
            let column = table.position(&name).ok_or_else(|| raise(format!("KeyError: '{name}'")))?;
            let mut keyed = Dict::new();
            for (row, json) in table.rows.iter().zip(rows) {
                let key = Value::from(row[column].to_string());
                if keyed.get(&key).is_some() {
                    return Err(raise(format!("Value {key} is not unique in the key column.")));
                }
                keyed.insert(key, json);
            }
            dump(&Value::dict(keyed))
        }
        None if is_by_line => {
            let lines = rows.iter().map(|row| dump(row).map(|line| line + "\n"));
            Ok(lines.collect::<Result<Vec<_>, _>>()?.concat())
        }
        None => dump(&Value::list(rows)),
    }
}

fn row_dict(names: &[Arc<str>], cells: &[Value]) -> Value {
    Value::dict(
        names.iter().zip(cells).map(|(name, cell)| (Value::Str(Arc::clone(name)), cell.clone())).collect::<Dict>(),
    )
}

/// `<agate.MappedSequence: (…)>`.
fn sequence_display(name: &str, items: Vec<Value>) -> String {
    format!("<agate.{name}: {}>", Value::tuple(items))
}

/// `table.rows`.
#[derive(Debug)]
struct RowsOfTable(Table);

impl Object for RowsOfTable {
    fn type_name(&self) -> &str {
        "MappedSequence"
    }

    fn display(&self) -> String {
        sequence_display("MappedSequence", self.items().unwrap_or_default())
    }

    fn slices_to_tuple(&self) -> bool {
        true
    }

    fn items(&self) -> Option<Vec<Value>> {
        Some((0..self.0.rows.len()).map(|index| self.0.row(index)).collect())
    }

    fn methods(&self) -> &'static [&'static str] {
        &["values"]
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

    fn display(&self) -> String {
        sequence_display("MappedSequence", self.items().unwrap_or_default())
    }

    fn slices_to_tuple(&self) -> bool {
        true
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

    fn methods(&self) -> &'static [&'static str] {
        &["keys", "values", "items", "dict", "get"]
    }

    fn call_method(&self, _: &mut Interpreter<'_>, name: &str, args: &mut Args) -> Option<Result<Value, Flow>> {
        let names = || self.0.names.iter().map(|name| Value::Str(Arc::clone(name)));
        match name {
            "keys" => Some(args.finish().map(|()| Value::tuple(names().collect()))),
            "values" => Some(args.finish().map(|()| Value::tuple(self.items().unwrap_or_default()))),
            "items" => Some(args.finish().map(|()| {
                let columns = self.items().unwrap_or_default();
                Value::tuple(names().zip(columns).map(|(name, column)| Value::tuple(vec![name, column])).collect())
            })),
            "dict" => {
                Some(args.finish().map(|()| Value::dict(names().zip(self.items().unwrap_or_default()).collect())))
            }
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

    fn display(&self) -> String {
        sequence_display("Column", self.cells())
    }

    fn slices_to_tuple(&self) -> bool {
        true
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

    fn methods(&self) -> &'static [&'static str] {
        &["values", "values_distinct", "values_without_nulls", "values_sorted", "values_without_nulls_sorted", "keys"]
    }

    fn call_method(&self, _: &mut Interpreter<'_>, name: &str, args: &mut Args) -> Option<Result<Value, Flow>> {
        let cells = self.cells();
        let value = match name {
            "values" => Value::tuple(cells),
            "values_distinct" => Value::tuple(Value::set(cells).iterate().unwrap_or_default()),
            "values_without_nulls" => Value::tuple(cells.into_iter().filter(|cell| !cell.is_none()).collect()),
            "values_sorted" | "values_without_nulls_sorted" => {
                let (mut cells, missing): (Vec<Value>, Vec<Value>) =
                    cells.into_iter().partition(|cell| !cell.is_none());
                cells.sort_by(|left, right| crate::value::compare(left, right).unwrap_or(std::cmp::Ordering::Equal));
                if name == "values_sorted" {
                    cells.extend(missing);
                }
                Value::list(cells)
            }
            "keys" => Value::None,
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

    fn slices_to_tuple(&self) -> bool {
        true
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        self.names.iter().position(|known| **known == *name).map(|index| self.cells[index].clone())
    }

    fn items(&self) -> Option<Vec<Value>> {
        Some(self.cells.to_vec())
    }

    fn methods(&self) -> &'static [&'static str] {
        &["keys", "values", "items", "dict", "get"]
    }

    fn call_method(&self, _: &mut Interpreter<'_>, name: &str, args: &mut Args) -> Option<Result<Value, Flow>> {
        let names = || self.names.iter().map(|name| Value::Str(Arc::clone(name)));
        let value = match name {
            "values" => Value::Tuple(Arc::clone(&self.cells)),
            "keys" => Value::tuple(names().collect()),
            "items" => Value::tuple(
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
        let class = match self.0 {
            ColumnKind::Integer => "dbt_common.clients.agate_helper.Integer",
            ColumnKind::Number => "dbt_common.clients.agate_helper.Number",
            ColumnKind::Text => "agate.data_types.text.Text",
            ColumnKind::Boolean => "agate.data_types.boolean.Boolean",
            ColumnKind::Date => "agate.data_types.date.Date",
            ColumnKind::DateTime => "agate.data_types.date_time.DateTime",
            ColumnKind::Time => "agate.data_types.time_delta.TimeDelta",
        };
        format!("<{class} object>")
    }

    fn methods(&self) -> &'static [&'static str] {
        &["cast", "test", "jsonify", "csvify"]
    }

    fn call_method(&self, _: &mut Interpreter<'_>, name: &str, args: &mut Args) -> Option<Result<Value, Flow>> {
        let convert: fn(ColumnKind, &Value) -> Result<Value, Flow> = match name {
            "cast" | "test" => cast,
            "jsonify" => |kind, value| Ok(jsonified(kind, value)),
            "csvify" => |_, value| Ok(Value::from(written(value))),
            _ => return None,
        };
        Some(args.required("d").and_then(|value| {
            args.finish()?;
            match (name, value.is_none()) {
                ("test", _) => Ok(Value::Bool(cast(self.0, &value).is_ok())),
                (_, true) => Ok(Value::None),
                _ => convert(self.0, &value),
            }
        }))
    }
}

/// A value as agate writes it: times in ISO's form.
fn written(value: &Value) -> String {
    let iso = match value {
        Value::Object(object) => object.isoformat(),
        _ => None,
    };
    iso.unwrap_or_else(|| value.to_string())
}

/// A value as agate puts it into JSON: numbers as floats, booleans and dbt's whole numbers as they are, the rest as text.
fn jsonified(kind: ColumnKind, value: &Value) -> Value {
    match (kind, value) {
        (ColumnKind::Integer | ColumnKind::Boolean, _) => value.clone(),
        (ColumnKind::Number, _) => match value.to_string().parse::<f64>() {
            Ok(number) => Value::Float(number),
            Err(_) => value.clone(),
        },
        _ => Value::from(written(value)),
    }
}

/// `data_type.cast(value)`: the value in the column's type, or an error in agate's words.
fn cast(kind: ColumnKind, value: &Value) -> Result<Value, Flow> {
    let text = value.to_string();
    let word = text.trim().to_lowercase();
    let wrong = |what: &str| raise(format!("Can not {what} \"{text}\""));
    if value.is_none()
        || (kind != ColumnKind::Text && matches!(word.as_str(), "" | "na" | "n/a" | "none" | "null" | "."))
    {
        return Ok(Value::None);
    }
    match kind {
        ColumnKind::Text => Ok(Value::from(text)),
        ColumnKind::Integer => match (value, word.parse::<i128>()) {
            (Value::Int(_), _) => Ok(value.clone()),
            (Value::Str(_), Ok(number)) => Ok(Value::Int(number)),
            _ => Err(wrong("parse value as Integer")),
        },
        ColumnKind::Number => match word.parse::<f64>() {
            Ok(_) if matches!(value, Value::Float(_) | Value::Int(_) | Value::Object(_)) => Ok(value.clone()),
            Ok(number) if matches!(value, Value::Str(_)) => Ok(table_print::decimal_of_float(number)),
            _ => Err(wrong("convert value to Decimal from")),
        },
        ColumnKind::Boolean => match word.as_str() {
            "yes" | "y" | "true" | "t" | "1" => Ok(Value::Bool(true)),
            "no" | "n" | "false" | "f" | "0" => Ok(Value::Bool(false)),
            _ => Err(wrong("convert value to bool from")),
        },
        ColumnKind::Date | ColumnKind::DateTime | ColumnKind::Time => match value {
            Value::Object(_) => Ok(value.clone()),
            _ => Err(wrong("parse value as a time:")),
        },
    }
}
