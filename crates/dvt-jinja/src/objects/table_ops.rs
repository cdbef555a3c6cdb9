//! agate's operations that make new tables: order, distinct rows, groups, joins, unions.

use super::table::{Table, TableValue};
use crate::engine::Interpreter;
use crate::error::{Flow, raise};
use crate::value::{compare, equals};
use crate::{Args, Value};
use std::cmp::Ordering;
use std::sync::Arc;

/// What rows are told apart by: a column, several, the whole row, or what a function says.
enum Key {
    Columns(Vec<usize>),
    Column(usize),
    Row,
    Function(Value),
}

impl Key {
    fn of(table: &Table, key: Option<&Value>) -> Result<Self, Flow> {
        let column = |key: &Value| -> Result<usize, Flow> {
            match key {
                Value::Str(name) => table.position(name).ok_or_else(|| raise(format!("KeyError: '{name}'"))),
                Value::Int(index) => usize::try_from(*index)
                    .ok()
                    .filter(|index| *index < table.names.len())
                    .ok_or_else(|| raise("tuple index out of range")),
                other => Err(raise(format!("a column is named by text, not by {}", other.type_name()))),
            }
        };
        Ok(match key {
            None | Some(Value::None | Value::Undefined(_)) => Self::Row,
            Some(Value::List(_) | Value::Tuple(_)) => {
                let keys = key.and_then(Value::iterate).unwrap_or_default();
                Self::Columns(keys.iter().map(column).collect::<Result<_, _>>()?)
            }
            Some(function @ Value::Object(_)) => Self::Function(function.clone()),
            Some(key) => Self::Column(column(key)?),
        })
    }

    fn value(&self, interpreter: &mut Interpreter<'_>, table: &Table, row: usize) -> Result<Value, Flow> {
        Ok(match self {
            Self::Row => Value::Tuple(Arc::clone(&table.rows[row])),
            Self::Column(index) => table.rows[row][*index].clone(),
            Self::Columns(indices) => {
                Value::tuple(indices.iter().map(|index| table.rows[row][*index].clone()).collect())
            }
            Self::Function(function) => {
                interpreter.call_value(function, &mut Args::new("key", vec![table.row(row)]))?
            }
        })
    }
}

/// The order of two keys; a missing value stands behind all others.
fn order(left: &Value, right: &Value) -> Result<Ordering, Flow> {
    match (left, right) {
        (Value::None, Value::None) => Ok(Ordering::Equal),
        (Value::None, _) => Ok(Ordering::Greater),
        (_, Value::None) => Ok(Ordering::Less),
        (Value::Tuple(left), Value::Tuple(right)) => {
            for (left, right) in left.iter().zip(right.iter()) {
                let found = order(left, right)?;
                if found.is_ne() {
                    return Ok(found);
                }
            }
            Ok(left.len().cmp(&right.len()))
        }
        _ => compare(left, right).ok_or_else(|| {
            let (left, right) = (left.type_name(), right.type_name());
            raise(format!("'<' not supported between instances of '{left}' and '{right}'"))
        }),
    }
}

impl TableValue {
    pub(super) fn order_by(&self, interpreter: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
        let table = &self.0;
        let key = Key::of(table, Some(&args.required("key")?))?;
        let is_reversed = args.flag("reverse", false)?;
        let mut keyed = Vec::with_capacity(table.rows.len());
        for row in 0..table.rows.len() {
            keyed.push((key.value(interpreter, table, row)?, row));
        }
        let mut failure = None;
        keyed.sort_by(|left, right| {
            let found = order(&left.0, &right.0).unwrap_or_else(|flow| {
                failure = Some(flow);
                Ordering::Equal
            });
            if is_reversed { found.reverse() } else { found }
        });
        match failure {
            Some(flow) => Err(flow),
            None => Ok(table.with_rows(keyed.into_iter().map(|(_, row)| row)).into_value()),
        }
    }

    pub(super) fn distinct(&self, interpreter: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
        let table = &self.0;
        let key = Key::of(table, args.optional("key")?.as_ref())?;
        let mut seen: Vec<Value> = Vec::new();
        let mut kept = Vec::new();
        for row in 0..table.rows.len() {
            let value = key.value(interpreter, table, row)?;
            // agate compares a list of columns by identity: every row is its own.
            let is_new = matches!(key, Key::Columns(_)) || !seen.iter().any(|known| equals(known, &value));
            if is_new {
                seen.push(value);
                kept.push(row);
            }
        }
        Ok(table.with_rows(kept).into_value())
    }

    /// The groups in order of their first rows: key and rows.
    pub(super) fn groups(
        &self,
        interpreter: &mut Interpreter<'_>,
        args: &mut Args,
    ) -> Result<(String, Vec<(Value, Table)>), Flow> {
        let table = &self.0;
        let key = args.required("key")?;
        let key_name = args.optional_str("key_name")?;
        args.optional("key_type")?;
        let name = key_name.or_else(|| key.as_str().map(Arc::from)).unwrap_or_else(|| "group".into()).to_string();
        let key = Key::of(table, Some(&key))?;
        let mut groups: Vec<(Value, Vec<usize>)> = Vec::new();
        for row in 0..table.rows.len() {
            let value = match (&key, key.value(interpreter, table, row)?) {
                (Key::Function(_), value) if !value.is_none() => Value::from(value.to_string()),
                (_, value) => value,
            };
            match groups.iter_mut().find(|(known, _)| equals(known, &value)) {
                Some((_, rows)) => rows.push(row),
                None => groups.push((value, vec![row])),
            }
        }
        Ok((name, groups.into_iter().map(|(value, rows)| (value, table.with_rows(rows))).collect()))
    }

    /// A left outer join, or as the flags say.
    pub(super) fn join(&self, interpreter: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
        let left = &self.0;
        let other = args.required("right_table")?;
        let Some(right) = other.downcast::<Self>().map(|other| other.0.clone()) else {
            return Err(args.wrong_type("right_table", "a Table", &other));
        };
        let given = |key: Option<Value>| key.filter(|key| !key.is_none());
        let left_key = given(args.optional("left_key")?);
        let right_key = given(args.optional("right_key")?).or_else(|| left_key.clone());
        let inner = args.flag("inner", false)?;
        let full_outer = args.flag("full_outer", false)?;
        let require_match = args.flag("require_match", false)?;
        let wanted: Option<Vec<String>> = given(args.optional("columns")?)
            .map(|columns| columns.iterate().unwrap_or_default().iter().map(ToString::to_string).collect());
        if inner && full_outer {
            return Err(raise("A join can not be both \"inner\" and \"full_outer\"."));
        }
        let is_sequential = left_key.is_none();
        let left_by = Key::of(left, left_key.as_ref())?;
        let right_by = Key::of(&right, right_key.as_ref())?;
        let key_columns: Vec<usize> = match &right_by {
            Key::Column(index) if !is_sequential => vec![*index],
            Key::Columns(indices) if !is_sequential => indices.clone(),
            _ => Vec::new(),
        };
        let taken: Vec<usize> = (0..right.names.len())
            .filter(|index| match (&wanted, full_outer) {
                (_, true) => true,
                (Some(wanted), false) => wanted.iter().any(|name| **name == *right.names[*index]),
                (None, false) => !key_columns.contains(index),
            })
            .collect();
        let mut keys = Vec::with_capacity(right.rows.len());
        for row in 0..right.rows.len() {
            keys.push(if is_sequential { Value::from(row) } else { right_by.value(interpreter, &right, row)? });
        }
        let joined = |left_row: Option<usize>, right_row: Option<usize>| -> Arc<[Value]> {
            let own =
                (0..left.names.len()).map(|index| left_row.map_or(Value::None, |row| left.rows[row][index].clone()));
            let others = taken.iter().map(|index| right_row.map_or(Value::None, |row| right.rows[row][*index].clone()));
            own.chain(others).collect()
        };
        let mut rows = Vec::new();
        let mut matched = vec![false; right.rows.len()];
        for row in 0..left.rows.len() {
            let key = if is_sequential { Value::from(row) } else { left_by.value(interpreter, left, row)? };
            let matches: Vec<usize> = (0..keys.len()).filter(|index| equals(&keys[*index], &key)).collect();
            if matches.is_empty() && require_match {
                return Err(raise(format!("Left key \"{key}\" does not have a matching right key.")));
            }
            for index in &matches {
                matched[*index] = true;
                rows.push(joined(Some(row), Some(*index)));
            }
            if matches.is_empty() && !inner {
                rows.push(joined(Some(row), None));
            }
        }
        if full_outer {
            rows.extend((0..right.rows.len()).filter(|row| !matched[*row]).map(|row| joined(None, Some(row))));
        }
        let new_name = |index: &usize| -> Arc<str> {
            let name = &right.names[*index];
            if left.position(name).is_some() { format!("{name}2").into() } else { Arc::clone(name) }
        };
        Ok(Table {
            names: left.names.iter().cloned().chain(taken.iter().map(new_name)).collect(),
            kinds: left.kinds.iter().copied().chain(taken.iter().map(|index| right.kinds[*index])).collect(),
            rows: rows.into(),
        }
        .into_value())
    }

    /// `table.merge(tables)`: all rows, columns by name.
    pub(super) fn merge(args: &mut Args) -> Result<Value, Flow> {
        let tables = args.required("tables")?;
        let wanted = args.optional("column_names")?.filter(|names| !names.is_none());
        args.optional("row_names")?;
        let tables: Vec<Table> = tables
            .iterate()
            .unwrap_or_default()
            .iter()
            .filter_map(|table| table.downcast::<Self>().map(|table| table.0.clone()))
            .collect();
        let mut names: Vec<Arc<str>> = Vec::new();
        let mut kinds = Vec::new();
        for table in &tables {
            for (name, kind) in table.names.iter().zip(table.kinds.iter()) {
                match names.iter().position(|known| known == name) {
                    None => {
                        names.push(Arc::clone(name));
                        kinds.push(*kind);
                    }
                    Some(index) if kinds[index] != *kind => {
                        return Err(raise("Tables contain columns with the same names, but different types."));
                    }
                    Some(_) => {}
                }
            }
        }
        if let Some(wanted) = wanted {
            let wanted: Vec<String> = wanted.iterate().unwrap_or_default().iter().map(ToString::to_string).collect();
            let kept: Vec<usize> =
                (0..names.len()).filter(|index| wanted.iter().any(|name| **name == *names[*index])).collect();
            kinds = kept.iter().map(|index| kinds[*index]).collect();
            names = kept.iter().map(|index| Arc::clone(&names[*index])).collect();
        }
        let mut rows: Vec<Arc<[Value]>> = Vec::new();
        for table in &tables {
            let positions: Vec<Option<usize>> = names.iter().map(|name| table.position(name)).collect();
            for row in table.rows.iter() {
                rows.push(
                    positions.iter().map(|place| place.map_or(Value::None, |index| row[index].clone())).collect(),
                );
            }
        }
        Ok(Table { names: names.into(), kinds: kinds.into(), rows: rows.into() }.into_value())
    }

    /// `table.homogenize(key, compare_values, default_row)`: a row for each value that no row has.
    pub(super) fn homogenize(&self, interpreter: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
        let table = &self.0;
        let key = args.required("key")?;
        let wanted = args.required("compare_values")?.iterate().unwrap_or_default();
        let default = args.optional("default_row")?.and_then(|row| row.iterate());
        let names = if key.as_str().is_some() { Value::list(vec![key]) } else { key };
        let Key::Columns(columns) = Key::of(table, Some(&names))? else {
            return Err(args.wrong_type("key", "a column name or a list of them", &names));
        };
        let by = Key::Columns(columns.clone());
        let mut known = Vec::new();
        for row in 0..table.rows.len() {
            known.push(by.value(interpreter, table, row)?);
        }
        let mut rows = table.rows.to_vec();
        for values in wanted {
            let values = values.iterate().unwrap_or_else(|| vec![values.clone()]);
            if known.contains(&Value::tuple(values.clone())) {
                continue;
            }
            let mut rest = default.clone().unwrap_or_default().into_iter();
            let mut given = values.into_iter();
            let cells = (0..table.names.len()).map(|index| {
                let next = if columns.contains(&index) { given.next() } else { rest.next() };
                next.unwrap_or(Value::None)
            });
            rows.push(cells.collect());
        }
        Ok(Table { rows: rows.into(), ..table.clone() }.into_value())
    }
}
