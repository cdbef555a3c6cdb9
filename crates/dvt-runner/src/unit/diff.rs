//! What a model returned against what it should return, in any order: as a table that shows the rows that differ.
//!
//! The table reads like dbt's: `→` before a row whose cells changed (`expected→actual`), `+++` before a row that should
//! not be there, `---` before one that is missing, one equal row around them, `...` where equal rows are left out.

use dvt_jinja::{Decimal, Table, Value};
use std::cmp::Ordering;
use std::collections::HashMap;

/// A cell as text; `None` is NULL.
type Cell = Option<String>;
type Row = Vec<Cell>;

/// The comparison of both sets of rows.
#[derive(Debug)]
pub(super) struct Difference {
    columns: Vec<String>,
    lines: Vec<Line>,
}

#[derive(Clone, Debug, PartialEq)]
enum Line {
    Equal(Row),
    /// Expected, but not returned.
    Missing(Row),
    /// Returned, but not expected.
    Surplus(Row),
    Changed {
        expected: Row,
        actual: Row,
    },
}

impl Line {
    fn row(&self) -> &Row {
        match self {
            Self::Equal(row) | Self::Missing(row) | Self::Surplus(row) => row,
            Self::Changed { expected, .. } => expected,
        }
    }
}

impl Difference {
    /// Compares the rows that the column `actual_or_expected` marks; `None` when there is no such column.
    pub(super) fn of(table: &Table) -> Option<Self> {
        let names: Vec<String> = table.column_names().map(str::to_lowercase).collect();
        let mark = names.iter().rposition(|name| name == "actual_or_expected")?;
        let columns: Vec<String> =
            names.iter().enumerate().filter(|(index, _)| *index != mark).map(|(_, name)| name.clone()).collect();
        let (mut expected, mut actual) = (Vec::new(), Vec::new());
        for row in table.rows() {
            let cells: Row =
                row.iter().enumerate().filter(|(index, _)| *index != mark).map(|(_, value)| cell(value)).collect();
            match row.get(mark).map(ToString::to_string).as_deref().map(str::trim_end) {
                Some("expected") => expected.push(cells),
                _ => actual.push(cells),
            }
        }
        Some(Self { columns, lines: compare(expected, actual) })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.iter().all(|line| matches!(line, Line::Equal(_)))
    }

    /// The message of a failed test.
    pub(super) fn render(&self) -> String {
        let header = std::iter::once("@@".to_owned()).chain(self.columns.iter().cloned()).collect();
        let mut table: Vec<Vec<String>> = vec![header];
        let is_shown: Vec<bool> = (0..self.lines.len())
            .map(|index| {
                let around = index.saturating_sub(1)..=(index + 1).min(self.lines.len() - 1);
                self.lines[around].iter().any(|line| !matches!(line, Line::Equal(_)))
            })
            .collect();
        let mut is_gap_open = false;
        for (line, is_shown) in self.lines.iter().zip(is_shown) {
            if !is_shown {
                if !is_gap_open {
                    table.push(vec!["...".to_owned(); self.columns.len() + 1]);
                }
                is_gap_open = true;
                continue;
            }
            is_gap_open = false;
            table.push(shown_line(line));
        }
        let widths: Vec<usize> = (0..=self.columns.len())
            .map(|column| table.iter().map(|row| row[column].chars().count()).max().unwrap_or_default())
            .collect();
        let mut text = "\n\nactual differs from expected:\n\n".to_owned();
        for row in &table {
            let mut shown = String::new();
            for (index, (cell, width)) in row.iter().zip(&widths).enumerate() {
                if index > 0 {
                    shown.push(',');
                }
                shown.push_str(cell);
                let blank = width - cell.chars().count();
                shown.extend(std::iter::repeat_n(' ', blank));
            }
            text.push_str(shown.trim_end());
            text.push('\n');
        }
        text.push('\n');
        text
    }
}

fn shown_line(line: &Line) -> Vec<String> {
    let shown = |cell: &Cell| cell.clone().unwrap_or_else(|| "NULL".to_owned());
    let (mark, cells): (&str, Vec<String>) = match line {
        Line::Equal(row) => ("", row.iter().map(shown).collect()),
        Line::Missing(row) => ("---", row.iter().map(shown).collect()),
        Line::Surplus(row) => ("+++", row.iter().map(shown).collect()),
        Line::Changed { expected, actual } => {
            let cells = expected.iter().zip(actual).map(|(expected, actual)| match expected == actual {
                true => shown(expected),
                false => format!("{}→{}", told_apart(expected), told_apart(actual)),
            });
            ("→", cells.collect())
        }
    };
    std::iter::once(mark.to_owned()).chain(cells).collect()
}

/// A cell beside another: the text NULL and empty texts must not look like nothing.
fn told_apart(cell: &Cell) -> String {
    match cell.as_deref() {
        None => "NULL".to_owned(),
        Some("") => "''".to_owned(),
        Some("NULL") => "'NULL'".to_owned(),
        Some(text) => text.to_owned(),
    }
}

/// Numbers as they are worth, and as Python prints them: a scale that the database adds is no difference.
fn cell(value: &Value) -> Cell {
    match value {
        Value::None => None,
        Value::Decimal(number) => Some(without_zeros(number)),
        Value::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => Some(format!("{number:.1}")),
        other => Some(other.to_string()),
    }
}

fn without_zeros(number: &Decimal) -> String {
    let text = number.as_str();
    if text.contains(['e', 'E', 'N', 'I']) {
        return text.to_owned();
    }
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    match part.trim_end_matches('0') {
        "" => format!("{whole}.0"),
        part => format!("{whole}.{part}"),
    }
}

/// Equal rows are paired first; of the rest, those that share most cells are one changed row.
fn compare(mut expected: Vec<Row>, mut actual: Vec<Row>) -> Vec<Line> {
    expected.sort_by(compare_rows);
    actual.sort_by(compare_rows);
    let mut counts: HashMap<&Row, usize> = HashMap::new();
    for row in &actual {
        *counts.entry(row).or_default() += 1;
    }
    let mut lines = Vec::new();
    let mut missing = Vec::new();
    let mut taken: HashMap<&Row, usize> = HashMap::new();
    for row in &expected {
        match counts.get_mut(row) {
            Some(count) if *count > 0 => {
                *count -= 1;
                *taken.entry(row).or_default() += 1;
                lines.push(Line::Equal(row.clone()));
            }
            _ => missing.push(row.clone()),
        }
    }
    let mut surplus = Vec::new();
    for row in &actual {
        match taken.get_mut(row) {
            Some(count) if *count > 0 => *count -= 1,
            _ => surplus.push(row.clone()),
        }
    }
    lines.extend(pair(missing, surplus));
    lines.sort_by(|left, right| compare_rows(left.row(), right.row()));
    lines
}

/// Rows beyond this many are not paired: the table would be unreadable, and pairing is quadratic.
const MAX_PAIRED: usize = 500;

fn pair(missing: Vec<Row>, surplus: Vec<Row>) -> Vec<Line> {
    let mut candidates = Vec::new();
    if missing.len() <= MAX_PAIRED && surplus.len() <= MAX_PAIRED {
        for (left, expected) in missing.iter().enumerate() {
            for (right, actual) in surplus.iter().enumerate() {
                let shared = expected.iter().zip(actual).filter(|(expected, actual)| expected == actual).count();
                // The first columns are mostly the keys.
                let first = expected.iter().zip(actual).position(|(expected, actual)| expected == actual);
                if let Some(first) = first {
                    candidates.push((std::cmp::Reverse(shared), first, left, right));
                }
            }
        }
    }
    candidates.sort_unstable();
    let (mut of_missing, mut of_surplus) = (vec![None; missing.len()], vec![false; surplus.len()]);
    for (_, _, left, right) in candidates {
        if of_missing[left].is_none() && !of_surplus[right] {
            of_missing[left] = Some(right);
            of_surplus[right] = true;
        }
    }
    let mut lines = Vec::new();
    for (expected, partner) in missing.into_iter().zip(of_missing) {
        lines.push(match partner {
            Some(partner) => Line::Changed { expected, actual: surplus[partner].clone() },
            None => Line::Missing(expected),
        });
    }
    let alone = surplus.into_iter().zip(of_surplus).filter(|(_, is_paired)| !is_paired);
    lines.extend(alone.map(|(row, _)| Line::Surplus(row)));
    lines
}

/// By columns from the left; NULL last, numbers by value.
fn compare_rows(left: &Row, right: &Row) -> Ordering {
    let number = |cell: &Cell| cell.as_deref().and_then(|text| text.parse::<f64>().ok());
    for (left, right) in left.iter().zip(right) {
        let by_value = match (left, right) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(_), Some(_)) => match (number(left), number(right)) {
                (Some(one), Some(other)) => one.total_cmp(&other).then_with(|| left.cmp(right)),
                _ => left.cmp(right),
            },
        };
        if by_value != Ordering::Equal {
            return by_value;
        }
    }
    Ordering::Equal
}

#[cfg(test)]
mod tests {
    use super::*;
    use dvt_jinja::ColumnKind;

    fn difference(rows: &[(&str, i64, Option<&str>)]) -> Difference {
        let columns =
            [("id", ColumnKind::Integer), ("name", ColumnKind::Text), ("actual_or_expected", ColumnKind::Text)];
        let rows = rows
            .iter()
            .map(|(which, id, name)| vec![Value::from(*id), name.map_or(Value::None, Value::str), Value::str(which)])
            .collect();
        Difference::of(&Table::new(&columns, rows)).unwrap()
    }

    #[test]
    fn the_order_of_rows_does_not_matter() {
        let same = difference(&[
            ("actual", 2, None),
            ("actual", 1, Some("a")),
            ("expected", 1, Some("a")),
            ("expected", 2, None),
        ]);
        assert!(same.is_empty());
        let twice = difference(&[("actual", 1, Some("a")), ("expected", 1, Some("a")), ("expected", 1, Some("a"))]);
        assert!(!twice.is_empty());
    }

    #[test]
    fn the_table_shows_what_changed_and_little_else() {
        let mut rows: Vec<(&str, i64, Option<&str>)> = Vec::new();
        for id in 1..=6 {
            rows.push(("expected", id, Some("same")));
            rows.push(("actual", id, Some("same")));
        }
        rows.extend([("expected", 8, Some("b")), ("actual", 8, None), ("actual", 9, Some("new"))]);
        rows.push(("expected", 10, Some("gone")));
        let text = difference(&rows).render();
        assert_eq!(
            text,
            "\n\nactual differs from expected:\n\n\
             @@ ,id ,name\n\
             ...,...,...\n   ,6  ,same\n\
             →  ,8  ,b→NULL\n\
             +++,9  ,new\n\
             ---,10 ,gone\n\n"
        );
    }
}
