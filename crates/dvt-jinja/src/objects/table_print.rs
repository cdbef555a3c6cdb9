//! How a table is written: agate's grid, CSV, JSON and HTML.

use super::table::{ColumnKind, Table};
use crate::value::float_repr;
use crate::{Decimal, Dict, Value};
use std::sync::Arc;

/// agate's limits of a grid; `None` means all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) rows: Option<usize>,
    pub(super) columns: Option<usize>,
    pub(super) width: Option<usize>,
    pub(super) precision: Option<usize>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rows: Some(20), columns: Some(6), width: Some(20), precision: Some(3) }
    }
}

/// How the numbers of a column are written: digits after the point, and whether some were cut.
#[derive(Clone, Copy)]
struct NumberStyle {
    places: usize,
    is_cut: bool,
}

/// The cells of a grid as text, header first.
fn cells(table: &Table, limits: Limits) -> Vec<Vec<String>> {
    let rows = limits.rows.unwrap_or(usize::MAX).min(table.rows.len());
    let columns = limits.columns.unwrap_or(usize::MAX).min(table.names.len());
    let shorten = |text: String| match limits.width {
        Some(width) if text.chars().count() > width => {
            text.chars().take(width.saturating_sub(3)).chain("...".chars()).collect()
        }
        _ => text,
    };
    let is_cut = columns < table.names.len();
    let styles: Vec<Option<NumberStyle>> =
        (0..columns).map(|column| number_style(table, column, rows, limits.precision)).collect();
    let mut grid = Vec::with_capacity(rows + 1);
    let mut header: Vec<String> = table.names[..columns].iter().map(|name| shorten(name.to_string())).collect();
    header.extend(is_cut.then(|| "...".to_owned()));
    grid.push(header);
    for row in &table.rows[..rows] {
        let mut line: Vec<String> = row[..columns]
            .iter()
            .zip(&styles)
            .map(|(cell, style)| {
                shorten(match (cell, style) {
                    (Value::None, _) => String::new(),
                    (cell, Some(style)) => format_number(cell, *style).unwrap_or_else(|| cell.to_string()),
                    (cell, None) => cell.to_string(),
                })
            })
            .collect();
        line.extend(is_cut.then(|| "...".to_owned()));
        grid.push(line);
    }
    grid
}

/// agate's `print_table`: GitHub's Markdown, text to the left, all else to the right. Ends with a line break.
pub(super) fn grid(table: &Table, limits: Limits) -> String {
    let mut grid = cells(table, limits);
    let widths: Vec<usize> = (0..grid[0].len())
        .map(|column| grid.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    if limits.rows.is_some_and(|rows| rows < table.rows.len()) {
        grid.push(vec!["...".to_owned(); grid[0].len()]);
    }
    let mut out = String::new();
    for (index, row) in grid.iter().enumerate() {
        let line: Vec<String> = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(column, (text, width))| {
                let padding = " ".repeat(width.saturating_sub(text.chars().count()));
                match table.kinds.get(column) {
                    Some(ColumnKind::Text) => format!("{text}{padding}"),
                    _ => format!("{padding}{text}"),
                }
            })
            .collect();
        out.push_str(&format!("| {} |\n", line.join(" | ")));
        if index == 0 {
            let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            out.push_str(&format!("| {} |\n", rules.join(" | ")));
        }
    }
    out
}

/// How many digits a column of numbers needs.
fn number_style(table: &Table, column: usize, rows: usize, limit: Option<usize>) -> Option<NumberStyle> {
    if table.kinds[column] != ColumnKind::Number {
        return None;
    }
    let places = table.rows[..rows].iter().filter_map(|row| decimal(&row[column])).map(|number| {
        let text = number.as_str();
        text.split_once('.').map_or(0, |(_, fraction)| fraction.trim_end_matches('0').len())
    });
    let places = places.max().unwrap_or(0);
    Some(match limit {
        Some(limit) if places > limit => NumberStyle { places: limit, is_cut: true },
        _ => NumberStyle { places, is_cut: false },
    })
}

fn decimal(value: &Value) -> Option<Decimal> {
    match value {
        Value::Decimal(number) => Some(number.clone()),
        Value::Int(number) => Some(Decimal::from_unscaled(*number, 0)),
        Value::Float(number) => Decimal::parse(&number.to_string()),
        _ => None,
    }
}

/// `1,234.50`: thousands in groups, ties to the even digit.
fn format_number(value: &Value, style: NumberStyle) -> Option<String> {
    let rounded = decimal(value)?.rounded(style.places)?;
    let text = rounded.as_str();
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let point = if style.places > 0 { "." } else { "" };
    let cut = if style.is_cut { "…" } else { "" };
    Some(format!("{sign}{grouped}{point}{fraction}{cut}"))
}

/// One cell as agate's `csvify` has it.
fn csv_cell(value: &Value) -> String {
    match value {
        Value::None => String::new(),
        Value::Object(object) => object.isoformat().unwrap_or_else(|| value.to_string()),
        other => other.to_string(),
    }
}

/// The table as CSV: LF, quotes where they are needed. Ends with a line break.
pub(super) fn csv(table: &Table) -> String {
    let quote =
        |text: &str, is_alone: bool| match text.contains(['"', ',', '\n', '\r']) || (is_alone && text.is_empty()) {
            true => format!("\"{}\"", text.replace('"', "\"\"")),
            false => text.to_owned(),
        };
    let is_alone = table.names.len() == 1;
    let mut out = String::new();
    let mut line = |cells: Vec<String>| {
        let cells: Vec<String> = cells.iter().map(|cell| quote(cell, is_alone)).collect();
        out.push_str(&cells.join(","));
        out.push('\n');
    };
    line(table.names.iter().map(ToString::to_string).collect());
    for row in table.rows.iter() {
        line(row.iter().map(csv_cell).collect());
    }
    out
}

/// One cell as agate's `jsonify` has it: numbers as floats, dates as text.
fn json_cell(value: &Value) -> Value {
    match value {
        Value::Decimal(number) => Value::Float(number.to_f64()),
        Value::Object(object) => object.isoformat().map_or_else(|| value.clone(), Value::from),
        other => other.clone(),
    }
}

/// The rows as dicts that JSON knows.
pub(super) fn json_rows(table: &Table) -> Vec<Value> {
    let dict = |row: &Arc<[Value]>| {
        let entries = table.names.iter().zip(row.iter().map(json_cell));
        Value::dict(entries.map(|(name, cell)| (Value::Str(Arc::clone(name)), cell)).collect::<Dict>())
    };
    table.rows.iter().map(dict).collect()
}

/// Column names and types as a grid.
pub(super) fn structure(table: &Table, rows: Option<usize>) -> String {
    let lines = table.names.iter().zip(table.kinds.iter());
    let lines = lines.map(|(name, kind)| vec![Value::Str(Arc::clone(name)), Value::from(kind.agate_name())]);
    let described = Table::new(&[("column", ColumnKind::Text), ("data_type", ColumnKind::Text)], lines.collect());
    grid(&described, Limits { rows, width: None, ..Limits::default() })
}

/// agate's `print_html`.
pub(super) fn html(table: &Table, limits: Limits) -> String {
    let grid = cells(table, limits);
    let mut out = "<table>\n<thead>\n<tr>\n".to_owned();
    for name in &grid[0] {
        out.push_str(&format!("<th>{name}</th>\n"));
    }
    out.push_str("</tr>\n</thead>\n<tbody>\n");
    for row in &grid[1..] {
        out.push_str("<tr>\n");
        for (column, cell) in row.iter().enumerate() {
            let side = if table.kinds.get(column) == Some(&ColumnKind::Text) { "left" } else { "right" };
            out.push_str(&format!("<td style=\"text-align: {side};\">{cell}</td>\n"));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n");
    out
}

/// A float as the decimal that Python's `repr` of it spells.
pub(super) fn decimal_of_float(number: f64) -> Value {
    let text = float_repr(number);
    let decimal = Decimal::parse(&text).or_else(|| Decimal::parse(&number.to_string()));
    decimal.map_or(Value::Float(number), Value::Decimal)
}
