//! Renders templates one by one, for comparing with other engines: JSON strings on stdin, one a line; JSON answers on
//! stdout, `{"ok": text}` or `{"err": message}`. The variables `table`, `rel` and `col` hold dbt's objects.

use chrono::{TimeZone, Utc};
use dvt_diagnostics::SourceFile;
use dvt_jinja::{
    Bridge, ColumnKind, DispatchConfig, Invocation, LogLine, MacroLibrary, ParseBridge, Phase, RenderContext, Table,
    Value, render,
};
use dvt_manifest::{Relation, RelationKind};
use dvt_sql::POSTGRES;
use std::io::{BufRead, Write};
use std::sync::Arc;

fn table() -> Table {
    let row = |id: i128, name: &str, amount: f64, flag: Option<bool>| {
        vec![
            Value::Int(id),
            Value::from(name),
            dvt_jinja::Decimal::parse(&amount.to_string()).map_or(Value::None, Value::Decimal),
            flag.map_or(Value::None, Value::Bool),
        ]
    };
    Table::new(
        &[
            ("id", ColumnKind::Integer),
            ("name", ColumnKind::Text),
            ("amount", ColumnKind::Number),
            ("flag", ColumnKind::Boolean),
        ],
        vec![row(3, "carl, the 3rd", 1.5, Some(true)), row(1, "ann", 20.25, None), row(2, "bob", 1.5, Some(false))],
    )
}

fn printed(line: &LogLine) -> String {
    match line {
        LogLine::Print(text) => format!("<<{text}\n"),
        _ => String::new(),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let library = MacroLibrary::load(&[], "shop", DispatchConfig::default(), &["dbt_postgres"])
        .map_err(|diagnostics| diagnostics.to_string())?;
    let started = Utc.with_ymd_and_hms(2026, 11, 23, 4, 5, 6).single().ok_or("no such time")?;
    let invocation = Arc::new(Invocation::new("6f0c", started));
    let mut context = RenderContext::new(Phase::Run, &invocation, "shop", &["postgres"]);
    let relation = Relation::new("warehouse", Some("db"), Some("sch"), Some("ident")).with_kind(RelationKind::Table);
    context.variables.insert("rel".to_owned(), Value::relation(relation));
    context.variables.insert("table".to_owned(), table().into_value());
    let mut stdout = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let template: String = serde_json::from_str(&line?)?;
        let bridge = Arc::new(ParseBridge::new("warehouse", &POSTGRES));
        let file = SourceFile::new("t.sql", template);
        let answer = match render(&library, &context, Arc::clone(&bridge) as Arc<dyn Bridge>, &file) {
            Ok(rendered) => {
                let printed: String = bridge.take_lines().iter().map(printed).collect();
                serde_json::json!({ "ok": rendered.text + &printed })
            }
            Err(error) => serde_json::json!({ "err": error.message }),
        };
        writeln!(stdout, "{answer}")?;
    }
    Ok(())
}
