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
    Bool,
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
}

impl Place {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pg => "pg",
            Self::Right => "right",
            Self::Left => "left",
            Self::Lite => "lite",
            Self::Files => "files",
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
            ]);
            let is_lossy = match place {
                Place::Pg | Place::Right | Place::Files => false,
                Place::Left => kind == Type::Bool,
                Place::Lite => matches!(kind, Type::Bool | Type::Num | Type::Time),
            };
            if !is_lossy {
                let letter = match kind {
                    Type::Int => "i",
                    Type::Num => "n",
                    Type::Float => "f",
                    Type::Text => "s",
                    Type::Date => "d",
                    Type::Time => "t",
                    Type::Bool => "b",
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
                let sql = if place == Place::Left && column.sql == "timestamp(6)" { "datetime(6)" } else { column.sql };
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
            (Type::Bool, _) => random.pick(&["true", "false"]).to_string(),
        }
    }
}

/// Four tables, in at least three places.
pub(super) fn tables(random: &mut Random) -> Vec<Table> {
    let fourth = random.pick(&[Place::Lite, Place::Left, Place::Right, Place::Files]);
    [Place::Left, Place::Pg, Place::Right, fourth]
        .into_iter()
        .enumerate()
        .map(|(index, place)| Table::random(random, index, place))
        .collect()
}
