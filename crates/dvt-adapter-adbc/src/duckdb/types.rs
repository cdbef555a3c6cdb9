//! DuckDB's types: their texts, the Arrow types that their values travel as, and the types for values from elsewhere.
//!
//! Source: DuckDB docs, "Data Types". `HUGEINT` travels as a decimal of 39 digits, which hold every value of it. Types that
//! have no exact counterpart (`UNION`, `BIGNUM`, `VARIANT`, `GEOMETRY`) are refused by name.

use arrow::datatypes::{DataType, Field, Fields, IntervalUnit, TimeUnit};
use dvt_adapter::{LogicalType, UNCONSTRAINED_NUMERIC, UnsupportedType, logical_type, native_type, with_types};
use std::sync::Arc;

pub(crate) const ADAPTER_TYPE: &str = "duckdb";

/// What a 128-bit integer travels as.
pub(crate) const HUGE: DataType = DataType::Decimal256(39, 0);

/// A `numeric` without precision and scale becomes this; a value with more digits is an error that names the column.
const WIDEST_DECIMAL: &str = "DECIMAL(38,20)";

/// A type as DuckDB writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DuckType {
    Boolean,
    TinyInt,
    SmallInt,
    Integer,
    BigInt,
    HugeInt,
    UTinyInt,
    USmallInt,
    UInteger,
    UBigInt,
    UHugeInt,
    Float,
    Double,
    Decimal(u8, i8),
    Varchar,
    Blob,
    Bit,
    Uuid,
    Json,
    Enum,
    Date,
    Time,
    TimeNs,
    TimeTz,
    Timestamp,
    TimestampS,
    TimestampMs,
    TimestampNs,
    TimestampTz,
    Interval,
    /// The type of a bare NULL.
    Null,
    List(Box<DuckType>),
    Array(Box<DuckType>, i32),
    Struct(Vec<(String, DuckType)>),
    Map(Box<DuckType>, Box<DuckType>),
    /// One that dvt does not read or write.
    Other(String),
}

impl DuckType {
    /// Reads a type's text, as the catalog writes it or as a user may: `numeric(10, 2)`, `text[]`.
    pub(crate) fn parse(text: &str) -> Self {
        let mut parser = Parser { rest: text.trim() };
        match parser.parse_type() {
            Some(parsed) if parser.rest.trim().is_empty() => parsed,
            _ => Self::Other(text.trim().to_owned()),
        }
    }

    /// The Arrow type that values travel as and what it cannot say, or why they cannot travel.
    pub(crate) fn arrow(&self) -> Result<(DataType, Option<LogicalType>), String> {
        let plain = |data_type| Ok((data_type, None));
        let text = |logical| Ok((DataType::Utf8, Some(logical)));
        match self {
            Self::Boolean => plain(DataType::Boolean),
            Self::TinyInt => plain(DataType::Int8),
            Self::SmallInt => plain(DataType::Int16),
            Self::Integer | Self::Null => plain(DataType::Int32),
            Self::BigInt => plain(DataType::Int64),
            Self::UTinyInt => plain(DataType::UInt8),
            Self::USmallInt => plain(DataType::UInt16),
            Self::UInteger => plain(DataType::UInt32),
            Self::UBigInt => plain(DataType::UInt64),
            Self::HugeInt | Self::UHugeInt => plain(HUGE),
            Self::Float => plain(DataType::Float32),
            Self::Double => plain(DataType::Float64),
            Self::Decimal(precision, scale) => plain(DataType::Decimal128(*precision, *scale)),
            Self::Varchar => plain(DataType::Utf8),
            Self::Blob => plain(DataType::Binary),
            Self::Bit => text(LogicalType::Bit),
            Self::Uuid => text(LogicalType::Uuid),
            Self::Json => text(LogicalType::Json),
            Self::Enum => text(LogicalType::Enum),
            Self::TimeTz => text(LogicalType::TimeWithTimeZone),
            Self::Date => plain(DataType::Date32),
            Self::Time => plain(DataType::Time64(TimeUnit::Microsecond)),
            Self::TimeNs => plain(DataType::Time64(TimeUnit::Nanosecond)),
            // Seconds and milliseconds are kept in microseconds, as every other engine has them.
            Self::Timestamp | Self::TimestampS | Self::TimestampMs => {
                plain(DataType::Timestamp(TimeUnit::Microsecond, None))
            }
            Self::TimestampNs => plain(DataType::Timestamp(TimeUnit::Nanosecond, None)),
            Self::TimestampTz => plain(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))),
            Self::Interval => plain(DataType::Interval(IntervalUnit::MonthDayNano)),
            Self::List(item) | Self::Array(item, _) => {
                plain(DataType::List(Arc::new(Field::new("item", item.arrow()?.0, true))))
            }
            Self::Struct(fields) => {
                let fields = fields.iter().map(|(name, of)| Ok(Field::new(name, of.arrow()?.0, true)));
                plain(DataType::Struct(fields.collect::<Result<Fields, String>>()?))
            }
            Self::Map(key, value) => {
                let key = Field::new("key", key.arrow()?.0, false);
                let value = Field::new("value", value.arrow()?.0, true);
                let entries = Field::new("entries", DataType::Struct(vec![key, value].into()), false);
                plain(DataType::Map(Arc::new(entries), false))
            }
            Self::Other(text) => Err(format!(
                "DuckDB's type {text} has no exact counterpart; cast the column in a view or a model there"
            )),
        }
    }

    /// The form in which values that DuckDB's ingest has no Arrow type for go in, to be cast there: each such part as text.
    pub(crate) fn interim(&self) -> (DataType, String) {
        if let (Some(data_type), Some(text)) = (self.ingested_as(), self.flat_text()) {
            return (data_type, text);
        }
        match self {
            Self::List(item) | Self::Array(item, _) => {
                let (item, text) = item.interim();
                (DataType::List(Arc::new(Field::new("item", item, true))), format!("{text}[]"))
            }
            Self::Struct(fields) => {
                let (fields, texts): (Vec<Field>, Vec<String>) = fields
                    .iter()
                    .map(|(name, of)| {
                        let (data_type, text) = of.interim();
                        let text = format!("{} {text}", dvt_sql::DUCKDB.quote_identifier(name));
                        (Field::new(name, data_type, true), text)
                    })
                    .unzip();
                (DataType::Struct(fields.into()), format!("STRUCT({})", texts.join(", ")))
            }
            Self::Map(key, value) => {
                let ((key, key_text), (value, value_text)) = (key.interim(), value.interim());
                let pair = vec![Field::new("key", key, false), Field::new("value", value, true)];
                let entries = Field::new("entries", DataType::Struct(pair.into()), false);
                (DataType::Map(Arc::new(entries), false), format!("MAP({key_text}, {value_text})"))
            }
            _ => (DataType::Utf8, "VARCHAR".to_owned()),
        }
    }

    /// The text of a type that has no parts and that ingest takes in.
    fn flat_text(&self) -> Option<String> {
        let text = match self {
            Self::Boolean => "BOOLEAN",
            Self::TinyInt => "TINYINT",
            Self::SmallInt => "SMALLINT",
            Self::Integer => "INTEGER",
            Self::BigInt => "BIGINT",
            Self::UTinyInt => "UTINYINT",
            Self::USmallInt => "USMALLINT",
            Self::UInteger => "UINTEGER",
            Self::UBigInt => "UBIGINT",
            Self::Float => "FLOAT",
            Self::Double => "DOUBLE",
            Self::Decimal(precision, scale) => return Some(format!("DECIMAL({precision},{scale})")),
            Self::Varchar => "VARCHAR",
            Self::Blob => "BLOB",
            Self::Date => "DATE",
            Self::Time => "TIME",
            Self::TimeNs => "TIME_NS",
            Self::Timestamp => "TIMESTAMP",
            Self::TimestampS => "TIMESTAMP_S",
            Self::TimestampMs => "TIMESTAMP_MS",
            Self::TimestampNs => "TIMESTAMP_NS",
            Self::TimestampTz => "TIMESTAMP WITH TIME ZONE",
            Self::Interval => "INTERVAL",
            _ => return None,
        };
        Some(text.to_owned())
    }

    /// Whether a value of the type holds an interval, and whether it is one itself.
    pub(crate) fn interval(&self) -> (bool, bool) {
        let holds = match self {
            Self::Interval => true,
            Self::List(item) | Self::Array(item, _) => item.interval().0,
            Self::Struct(fields) => fields.iter().any(|(_, of)| of.interval().0),
            Self::Map(key, value) => key.interval().0 || value.interval().0,
            _ => false,
        };
        (holds, *self == Self::Interval)
    }

    /// The Arrow type that DuckDB takes in as exactly this type, `None` where it takes none.
    pub(crate) fn ingested_as(&self) -> Option<DataType> {
        Some(match self {
            Self::TimestampS => DataType::Timestamp(TimeUnit::Second, None),
            Self::TimestampMs => DataType::Timestamp(TimeUnit::Millisecond, None),
            Self::HugeInt
            | Self::UHugeInt
            | Self::Bit
            | Self::Uuid
            | Self::Json
            | Self::Enum
            | Self::TimeTz
            | Self::Null
            | Self::Array(..)
            | Self::Other(_) => return None,
            Self::List(item) => DataType::List(Arc::new(Field::new("item", item.ingested_as()?, true))),
            Self::Struct(fields) => {
                let fields = fields.iter().map(|(name, of)| Some(Field::new(name, of.ingested_as()?, true)));
                DataType::Struct(fields.collect::<Option<Fields>>()?)
            }
            Self::Map(key, value) => {
                let key = Field::new("key", key.ingested_as()?, false);
                let value = Field::new("value", value.ingested_as()?, true);
                let entries = Field::new("entries", DataType::Struct(vec![key, value].into()), false);
                DataType::Map(Arc::new(entries), false)
            }
            flat => flat.arrow().ok()?.0,
        })
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn parse_type(&mut self) -> Option<DuckType> {
        let mut parsed = self.parse_base()?;
        loop {
            self.rest = self.rest.trim_start();
            let Some(inside) = self.rest.strip_prefix('[') else { return Some(parsed) };
            let (length, rest) = inside.split_once(']')?;
            parsed = match length.trim() {
                "" => DuckType::List(Box::new(parsed)),
                length => DuckType::Array(Box::new(parsed), length.parse().ok()?),
            };
            self.rest = rest;
        }
    }

    fn parse_base(&mut self) -> Option<DuckType> {
        self.rest = self.rest.trim_start();
        if self.rest.starts_with('"') {
            // A quoted name is a user's own type, or the built-in one of that name.
            let name = self.quoted_name()?;
            return named(&name.to_uppercase(), &[]);
        }
        let mut name = self.word().to_uppercase();
        // `double precision`, `timestamp with time zone`.
        loop {
            let before = self.rest;
            let word = self.word().to_uppercase();
            let continues = matches!(
                (name.as_str(), word.as_str()),
                ("DOUBLE", "PRECISION")
                    | ("CHARACTER", "VARYING")
                    | ("TIME" | "TIMESTAMP", "WITH" | "WITHOUT")
                    | ("TIME WITH" | "TIME WITHOUT" | "TIMESTAMP WITH" | "TIMESTAMP WITHOUT", "TIME")
                    | (
                        "TIME WITH TIME" | "TIME WITHOUT TIME" | "TIMESTAMP WITH TIME" | "TIMESTAMP WITHOUT TIME",
                        "ZONE"
                    )
            );
            if !continues {
                self.rest = before;
                break;
            }
            name = format!("{name} {word}");
        }
        self.rest = self.rest.trim_start();
        if !self.rest.starts_with('(') {
            return named(&name, &[]);
        }
        self.rest = &self.rest[1..];
        match name.as_str() {
            "STRUCT" | "ROW" => {
                let mut fields = Vec::new();
                loop {
                    self.rest = self.rest.trim_start();
                    let field = if self.rest.starts_with('"') { self.quoted_name()? } else { self.word().to_owned() };
                    fields.push((field, self.parse_type()?));
                    if !self.comma_or_end()? {
                        return Some(DuckType::Struct(fields));
                    }
                }
            }
            "MAP" => {
                let key = self.parse_type()?;
                if !self.comma_or_end()? {
                    return None;
                }
                let value = self.parse_type()?;
                if self.comma_or_end()? {
                    return None;
                }
                Some(DuckType::Map(Box::new(key), Box::new(value)))
            }
            "ENUM" => {
                self.skip_labels()?;
                Some(DuckType::Enum)
            }
            _ => {
                let (inside, rest) = self.rest.split_once(')')?;
                let numbers = inside.split(',').map(|number| number.trim().parse().ok()).collect::<Option<Vec<u8>>>();
                self.rest = rest;
                match (name.as_str(), numbers) {
                    // Lengths of texts mean nothing to DuckDB, nor does the precision of a time.
                    ("VARCHAR" | "CHAR" | "BPCHAR" | "TEXT" | "STRING" | "CHARACTER VARYING" | "CHARACTER", _) => {
                        Some(DuckType::Varchar)
                    }
                    (_, Some(numbers)) => named(&name, &numbers),
                    (_, None) => None,
                }
            }
        }
    }

    fn word(&mut self) -> &str {
        let rest = self.rest.trim_start();
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let (word, rest) = rest.split_at(end);
        self.rest = rest;
        word
    }

    /// `"a ""b"" c"`.
    fn quoted_name(&mut self) -> Option<String> {
        let mut name = String::new();
        let mut characters = self.rest.char_indices().skip(1).peekable();
        while let Some((at, character)) = characters.next() {
            if character != '"' {
                name.push(character);
            } else if characters.next_if(|(_, next)| *next == '"').is_some() {
                name.push('"');
            } else {
                self.rest = &self.rest[at + 1..];
                return Some(name);
            }
        }
        None
    }

    /// Behind the labels of an enumeration, which may hold any character.
    fn skip_labels(&mut self) -> Option<()> {
        let mut is_quoted = false;
        for (at, character) in self.rest.char_indices() {
            match character {
                '\'' => is_quoted = !is_quoted,
                ')' if !is_quoted => {
                    self.rest = &self.rest[at + 1..];
                    return Some(());
                }
                _ => {}
            }
        }
        None
    }

    /// True after a comma, false after the closing bracket.
    fn comma_or_end(&mut self) -> Option<bool> {
        self.rest = self.rest.trim_start();
        if let Some(rest) = self.rest.strip_prefix(',') {
            self.rest = rest;
            return Some(true);
        }
        self.rest = self.rest.strip_prefix(')')?;
        Some(false)
    }
}

/// The type of that name, with its numbers. Source: DuckDB docs, "Data Types", column "Aliases".
fn named(name: &str, numbers: &[u8]) -> Option<DuckType> {
    Some(match (name, numbers) {
        ("BOOLEAN" | "BOOL" | "LOGICAL", []) => DuckType::Boolean,
        ("TINYINT" | "INT1", []) => DuckType::TinyInt,
        ("SMALLINT" | "INT2" | "INT16" | "SHORT", []) => DuckType::SmallInt,
        ("INTEGER" | "INT" | "INT4" | "INT32" | "SIGNED", []) => DuckType::Integer,
        ("BIGINT" | "INT8" | "INT64" | "LONG", []) => DuckType::BigInt,
        ("HUGEINT" | "INT128", []) => DuckType::HugeInt,
        ("UTINYINT" | "UINT8", []) => DuckType::UTinyInt,
        ("USMALLINT" | "UINT16", []) => DuckType::USmallInt,
        ("UINTEGER" | "UINT32", []) => DuckType::UInteger,
        ("UBIGINT" | "UINT64", []) => DuckType::UBigInt,
        ("UHUGEINT" | "UINT128", []) => DuckType::UHugeInt,
        ("FLOAT" | "FLOAT4" | "REAL", []) => DuckType::Float,
        ("DOUBLE" | "FLOAT8" | "DOUBLE PRECISION", []) => DuckType::Double,
        ("DECIMAL" | "NUMERIC" | "DEC", []) => DuckType::Decimal(18, 3),
        ("DECIMAL" | "NUMERIC" | "DEC", [precision]) if (1..=38).contains(precision) => {
            DuckType::Decimal(*precision, 0)
        }
        ("DECIMAL" | "NUMERIC" | "DEC", [precision, scale]) if (1..=38).contains(precision) && scale <= precision => {
            DuckType::Decimal(*precision, i8::try_from(*scale).ok()?)
        }
        ("VARCHAR" | "CHAR" | "BPCHAR" | "TEXT" | "STRING" | "NVARCHAR" | "CHARACTER VARYING" | "CHARACTER", []) => {
            DuckType::Varchar
        }
        ("BLOB" | "BYTEA" | "BINARY" | "VARBINARY", []) => DuckType::Blob,
        ("BIT" | "BITSTRING", []) => DuckType::Bit,
        ("UUID" | "GUID", []) => DuckType::Uuid,
        ("JSON", []) => DuckType::Json,
        ("DATE", []) => DuckType::Date,
        ("TIME" | "TIME WITHOUT TIME ZONE", []) => DuckType::Time,
        ("TIME_NS", []) => DuckType::TimeNs,
        ("TIMETZ" | "TIME WITH TIME ZONE", []) => DuckType::TimeTz,
        ("TIMESTAMP" | "DATETIME" | "TIMESTAMP_US" | "TIMESTAMP WITHOUT TIME ZONE", []) => DuckType::Timestamp,
        ("TIMESTAMP" | "TIMESTAMP WITHOUT TIME ZONE", [0]) | ("TIMESTAMP_S", []) => DuckType::TimestampS,
        ("TIMESTAMP" | "TIMESTAMP WITHOUT TIME ZONE", [1..=3]) | ("TIMESTAMP_MS", []) => DuckType::TimestampMs,
        ("TIMESTAMP" | "TIMESTAMP WITHOUT TIME ZONE", [4..=6]) => DuckType::Timestamp,
        ("TIMESTAMP" | "TIMESTAMP WITHOUT TIME ZONE", [7..=9]) | ("TIMESTAMP_NS", []) => DuckType::TimestampNs,
        ("TIMESTAMPTZ" | "TIMESTAMP WITH TIME ZONE", []) => DuckType::TimestampTz,
        ("INTERVAL", []) => DuckType::Interval,
        ("NULL", []) => DuckType::Null,
        _ => return None,
    })
}

/// The field that a column of this native type is read as, or why it cannot be read.
pub(crate) fn field_of(name: &str, native: &str, nullable: bool) -> Result<Field, String> {
    let (data_type, logical) = DuckType::parse(native).arrow()?;
    Ok(with_types(Field::new(name, data_type, nullable), ADAPTER_TYPE, native, logical))
}

/// See [`dvt_adapter::Adapter::column_type`].
pub(crate) fn column_type(field: &Field) -> Result<String, UnsupportedType> {
    if let Some(native) = native_type(field, ADAPTER_TYPE)
        && DuckType::parse(native).arrow().is_ok_and(|(data_type, _)| data_type == *field.data_type())
    {
        return Ok(match DuckType::parse(native) {
            DuckType::Null => "INTEGER".to_owned(),
            _ => native.to_owned(),
        });
    }
    let by_meaning = match logical_type(field) {
        Some(LogicalType::Varchar(_) | LogicalType::Char(_) | LogicalType::Network | LogicalType::Xml) => "VARCHAR",
        Some(LogicalType::Numeric) if *field.data_type() == UNCONSTRAINED_NUMERIC => WIDEST_DECIMAL,
        Some(LogicalType::Uuid) => "UUID",
        // DuckDB's JSON is the text itself, as it came.
        Some(LogicalType::Json | LogicalType::Jsonb) => "JSON",
        // The labels are not known here.
        Some(LogicalType::Enum) => "VARCHAR",
        Some(LogicalType::TimeWithTimeZone) => "TIMETZ",
        Some(LogicalType::Bit) => "BIT",
        Some(LogicalType::Year) => "SMALLINT",
        // Microseconds of a time span, which may pass a day: only the number itself is exact.
        Some(LogicalType::TimeSpan | LogicalType::Numeric) | None => {
            return type_text(field.data_type()).map_err(|reason| UnsupportedType {
                column: field.name().clone(),
                data_type: field.data_type().to_string(),
                adapter_type: ADAPTER_TYPE.to_owned(),
                reason,
            });
        }
    };
    Ok(by_meaning.to_owned())
}

/// The type that holds an Arrow type's values exactly.
fn type_text(data_type: &DataType) -> Result<String, String> {
    let text = match data_type {
        DataType::Boolean => "BOOLEAN",
        DataType::Int8 => "TINYINT",
        DataType::Int16 => "SMALLINT",
        DataType::Int32 | DataType::Null => "INTEGER",
        DataType::Int64 => "BIGINT",
        DataType::UInt8 => "UTINYINT",
        DataType::UInt16 => "USMALLINT",
        DataType::UInt32 => "UINTEGER",
        DataType::UInt64 => "UBIGINT",
        DataType::Float16 | DataType::Float32 => "FLOAT",
        DataType::Float64 => "DOUBLE",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "VARCHAR",
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => "BLOB",
        DataType::Date32 | DataType::Date64 => "DATE",
        DataType::Time32(_) | DataType::Time64(TimeUnit::Microsecond) => "TIME",
        DataType::Time64(_) => "TIME_NS",
        DataType::Timestamp(TimeUnit::Nanosecond, None) => "TIMESTAMP_NS",
        DataType::Timestamp(TimeUnit::Nanosecond, Some(_)) => {
            return Err("DuckDB keeps times with a zone in microseconds".to_owned());
        }
        DataType::Timestamp(_, None) => "TIMESTAMP",
        DataType::Timestamp(_, Some(_)) => "TIMESTAMP WITH TIME ZONE",
        DataType::Interval(_) => "INTERVAL",
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale)
            if *precision <= 38 && (0..=38).contains(scale) =>
        {
            return Ok(format!("DECIMAL({precision},{scale})"));
        }
        DataType::Decimal256(39, 0) => "HUGEINT",
        DataType::Dictionary(_, values) => return type_text(values),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            return Ok(format!("{}[]", type_text(item.data_type())?));
        }
        DataType::Struct(fields) if !fields.is_empty() => {
            let fields = fields.iter().map(|field| {
                Ok(format!("{} {}", dvt_sql::DUCKDB.quote_identifier(field.name()), type_text(field.data_type())?))
            });
            return Ok(format!("STRUCT({})", fields.collect::<Result<Vec<_>, String>>()?.join(", ")));
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(pair) if pair.len() == 2 => {
                return Ok(format!("MAP({}, {})", type_text(pair[0].data_type())?, type_text(pair[1].data_type())?));
            }
            _ => return Err("it is not a map".to_owned()),
        },
        DataType::Decimal128(..) | DataType::Decimal256(..) => {
            return Err("DuckDB's decimals have at most 38 digits".to_owned());
        }
        _ => return Err("DuckDB has no such type".to_owned()),
    };
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests;
