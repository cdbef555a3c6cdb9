//! How a table is printed: agate's grid, CSV, and its structure.

use super::table::Table;
use crate::Value;

fn cell_text(value: &Value) -> String {
    match value {
        Value::None => String::new(),
        other => other.to_string(),
    }
}

/// agate's `print_table`: `| a | b |` with a line under the header; wide tables and long ones end in `...`.
pub(super) fn markdown(table: &Table, max_rows: i128, max_columns: i128) -> String {
    let limit = |limit: i128, length: usize| usize::try_from(limit.max(0)).unwrap_or(length).min(length);
    let columns = limit(max_columns, table.names.len());
    let rows = limit(max_rows, table.rows.len());
    let mut grid: Vec<Vec<String>> = vec![table.names[..columns].iter().map(ToString::to_string).collect()];
    let shorten = |text: String| match text.chars().count() > 20 {
        true => text.chars().take(17).chain("...".chars()).collect(),
        false => text,
    };
    for row in &table.rows[..rows] {
        grid.push(row[..columns].iter().map(|cell| shorten(cell_text(cell))).collect());
    }
    if columns < table.names.len() {
        for row in &mut grid {
            row.push("...".to_owned());
        }
    }
    if rows < table.rows.len() {
        grid.push(vec!["...".to_owned(); grid[0].len()]);
    }
    let widths: Vec<usize> = (0..grid[0].len())
        .map(|column| grid.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    let mut lines = Vec::with_capacity(grid.len() + 1);
    for (index, row) in grid.iter().enumerate() {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(column, (text, width))| {
                let is_number = table.kinds.get(column).is_some_and(|kind| {
                    matches!(kind, super::table::ColumnKind::Integer | super::table::ColumnKind::Number)
                });
                let padding = " ".repeat(width - text.chars().count());
                if is_number && index > 0 { format!("{padding}{text}") } else { format!("{text}{padding}") }
            })
            .collect();
        lines.push(format!("| {} |", cells.join(" | ")));
        if index == 0 {
            let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            lines.push(format!("| {} |", rules.join(" | ")));
        }
    }
    lines.join("\n")
}

pub(super) fn csv(table: &Table) -> String {
    let quote = |text: &str| match text.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    };
    let mut lines = vec![table.names.iter().map(|name| quote(name)).collect::<Vec<_>>().join(",")];
    for row in table.rows.iter() {
        lines.push(row.iter().map(|cell| quote(&cell_text(cell))).collect::<Vec<_>>().join(","));
    }
    lines.join("\n")
}

/// Column names and types.
pub(super) fn structure(table: &Table) -> String {
    let names: Vec<String> = table.names.iter().map(ToString::to_string).collect();
    let kinds: Vec<&str> = table.kinds.iter().map(|kind| kind.agate_name()).collect();
    let width = |header: &str, texts: &[&str]| {
        texts.iter().map(|text| text.chars().count()).chain([header.len()]).max().unwrap_or(0)
    };
    let name_refs: Vec<&str> = names.iter().map(String::as_str).collect();
    let (left, right) = (width("column", &name_refs), width("data_type", &kinds));
    let mut lines = vec![
        format!("| {:<left$} | {:<right$} |", "column", "data_type"),
        format!("| {} | {} |", "-".repeat(left), "-".repeat(right)),
    ];
    for (name, kind) in names.iter().zip(kinds) {
        lines.push(format!("| {name:<left$} | {kind:<right$} |"));
    }
    lines.join("\n")
}
