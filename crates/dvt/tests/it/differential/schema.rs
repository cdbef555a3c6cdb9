//! Small tables with awkward values, each in one place of a split world and, all together, in the oracle.

use crate::random::Random;

/// The types that expressions have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Int,
    Num,
    Float,
    Text,
    Date,
    Time,
    /// An instant.
    Zoned,
    Bool,
    /// No expressions of its own: columns for the operators of JSON.
    Json,
}

/// Where a table of the split world lives; each is a connection of that name, and a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The target itself.
    Pg,
    /// Another PostgreSQL.
    Right,
    /// A MariaDB.
    Left,
    /// A SQLite file.
    Lite,
    /// Parquet in a folder.
    Files,
    /// Delta tables in a folder.
    Delta,
    /// A DuckDB file; Parquet where its driver is missing.
    Duck,
}

impl Place {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pg => "pg",
            Self::Right => "right",
            Self::Left => "left",
            Self::Lite => "lite",
            Self::Files => "files",
            Self::Delta => "delta",
            Self::Duck => "duck",
        }
    }
}

pub(super) struct Table {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Type,
    sql: &'static str,
}

const TEXTS: [&str; 16] =
    ["", " ", "a", "A", "ab", "aB", "a ", "Zoë", "ß", "日本", "100", "7", "it''s", "50% off", "a_b", "b"];
const DATES: [&str; 8] =
    ["2024-02-29", "2024-02-28", "2023-12-31", "2024-01-01", "1969-12-31", "1970-01-01", "2100-03-01", "2024-03-31"];
const TIMES: [&str; 6] = [
    "2024-02-29 00:00:00",
    "2024-02-29 23:59:59.999999",
    "1969-12-31 23:59:59.5",
    "2024-01-01 12:30:00",
    "2023-12-31 23:00:00.000001",
    "2024-03-31 02:30:00",
];

const JSONS: [&str; 9] = [
    "null",
    "[]",
    "{}",
    r#"{"a": 1, "b": {"c": "x"}, "A": null}"#,
    r#"{"a": "1", "b": [1, "two", null, 3.50], "ä": true}"#,
    r#"[1, {"a": "Zoë \"q\""}, [2]]"#,
    r#""text""#,
    "12.0",
    r#"{"b": {"c": {"d": false}}, "a": 1e2}"#,
];

impl Table {
    fn random(random: &mut Random, index: usize, place: Place) -> Self {
        let mut columns = vec![
            Column { name: "id".to_owned(), kind: Type::Int, sql: "int" },
            Column { name: "k".to_owned(), kind: Type::Int, sql: random.pick(&["int", "int", "bigint", "smallint"]) },
        ];
        let wanted = 4 + random.below(4);
        while columns.len() < wanted {
            let (kind, sql) = random.pick(&[
                (Type::Int, "int"),
                (Type::Int, "bigint"),
                (Type::Int, "smallint"),
                (Type::Num, "decimal(10,2)"),
                (Type::Num, "decimal(20,6)"),
                (Type::Num, "decimal(5,0)"),
                (Type::Float, "double precision"),
                (Type::Text, "varchar(20)"),
                (Type::Text, "varchar(20)"),
                (Type::Text, "text"),
                (Type::Date, "date"),
                (Type::Time, "timestamp(6)"),
                (Type::Bool, "boolean"),
                (Type::Zoned, "timestamptz(6)"),
                (Type::Json, "jsonb"),
            ]);
            let is_lossy = match place {
                Place::Pg | Place::Right => false,
                Place::Files | Place::Delta | Place::Duck => kind == Type::Json,
                Place::Left => matches!(kind, Type::Bool | Type::Zoned | Type::Json),
                Place::Lite => matches!(kind, Type::Bool | Type::Num | Type::Time | Type::Zoned | Type::Json),
            };
            if !is_lossy {
                let letter = match kind {
                    Type::Int => "i",
                    Type::Num => "n",
                    Type::Float => "f",
                    Type::Text => "s",
                    Type::Date => "d",
                    Type::Time => "t",
                    Type::Zoned => "z",
                    Type::Bool => "b",
                    Type::Json => "j",
                };
                columns.push(Column { name: format!("{letter}{}", columns.len()), kind, sql });
            }
        }
        let count = random.pick(&[0, 1, 5, 9, 14, 14]);
        let rows: Vec<Vec<String>> =
            (0..count).map(|row| columns.iter().map(|column| column.random_value(random, row)).collect()).collect();
        Self { name: format!("t{index}"), place, columns, rows }
    }

    /// `create table` and its rows, in SQL that the engine of `place` takes.
    pub(super) fn sql(&self, name: &str, place: Place, random: &mut Random) -> String {
        let loose = random.pick(&["", " collate utf8mb4_bin", ""]);
        let columns: Vec<String> = self
            .columns
            .iter()
            .map(|column| {
                let sql = match (place, self.place, column.sql) {
                    (Place::Left, _, "timestamp(6)") => "datetime(6)",
                    // What one database would hold of what these can tell.
                    (Place::Pg, Place::Lite, "int" | "smallint") => "bigint",
                    (Place::Pg, Place::Lite | Place::Files | Place::Delta | Place::Duck, "varchar(20)") => "text",
                    (_, _, sql) => sql,
                };
                let collation = if place == Place::Left && column.kind == Type::Text { loose } else { "" };
                format!("{} {sql}{collation}", column.name)
            })
            .collect();
        let mut text = format!("create table {name} ({});\n", columns.join(", "));
        if !self.rows.is_empty() {
            let rows: Vec<String> = self.rows.iter().map(|row| format!("({})", row.join(", "))).collect();
            text += &format!("insert into {name} values {};\n", rows.join(", "));
        }
        text
    }
}

impl Column {
    fn random_value(&self, random: &mut Random, row: usize) -> String {
        if self.name == "id" {
            return (row + 1).to_string();
        }
        if random.percent(18) {
            return "null".to_owned();
        }
        let quoted = |text: &str| format!("'{text}'");
        match (self.kind, self.sql) {
            (Type::Int, _) if self.name == "k" => random.pick(&["0", "1", "2", "3", "4"]).to_string(),
            (Type::Int, "smallint") => random.pick(&["0", "-1", "7", "100", "-32768", "32767"]).to_string(),
            (Type::Int, "bigint") => random.pick(&["0", "-3", "7", "100", "10", "3000000000"]).to_string(),
            (Type::Int, _) => random.pick(&["0", "-7", "5", "100", "2", "1", "12", "100000", "2147483647"]).to_string(),
            (Type::Num, "decimal(10,2)") => {
                random.pick(&["0", "-0.50", "1.50", "2.50", "99999999.99", "10.05", "-3.14", "0.01"]).to_string()
            }
            (Type::Num, "decimal(5,0)") => random.pick(&["0", "-3", "12", "99999", "2"]).to_string(),
            (Type::Num, _) => {
                random.pick(&["0", "-0.000001", "1.5", "12345678901234.123456", "0.333333", "-2.5", "100"]).to_string()
            }
            (Type::Float, _) => random.pick(&["0", "0.5", "-1.5", "2.5", "1024.25", "-0.25", "3"]).to_string(),
            (Type::Text, _) => quoted(random.pick(&TEXTS)),
            (Type::Date, _) => quoted(random.pick(&DATES)),
            (Type::Time, _) => quoted(random.pick(&TIMES)),
            (Type::Zoned, _) => quoted(&format!("{}+00", random.pick(&TIMES))),
            (Type::Json, _) => quoted(random.pick(&JSONS)),
            (Type::Bool, _) => random.pick(&["true", "false"]).to_string(),
        }
    }
}

/// How many tables a seed has: `t0`, `t1`, …
pub(super) const TABLES: usize = 5;

/// The tables, in at least three places.
pub(super) fn tables(random: &mut Random) -> [Table; TABLES] {
    let others = [Place::Lite, Place::Left, Place::Right, Place::Files, Place::Delta, Place::Duck, Place::Pg];
    let places = [Place::Left, Place::Pg, Place::Right, random.pick(&others), random.pick(&others)];
    std::array::from_fn(|index| Table::random(random, index, places[index]))
}
