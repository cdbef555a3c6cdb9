//! The lake's SQL types and the Arrow types they are, both ways.
//!
//! Every Arrow type has a text: the SQL name where there is one, else `ARROW('…')` with Arrow's own spelling. A lake's
//! `TIMESTAMP` and `TIME` count microseconds, as Delta's do.

use arrow::datatypes::{DataType, Field, FieldRef, IntervalUnit, TimeUnit};
use datafusion::common::{DataFusionError, Result as PlanResult};
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, CharacterLength, DataType as SqlType, ExactNumberInfo, TimezoneInfo,
};
use datafusion::sql::sqlparser::parser::Parser;
use dvt_adapter::{LogicalType, UNCONSTRAINED_NUMERIC, UnsupportedType, logical_type, native_type, with_types};
use std::sync::Arc;

pub(crate) const ADAPTER_TYPE: &str = "filesystem";

/// What a type text means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LakeType {
    pub(crate) arrow: DataType,
    pub(crate) logical: Option<LogicalType>,
}

impl LakeType {
    fn plain(arrow: DataType) -> Self {
        Self { arrow, logical: None }
    }

    fn text(logical: LogicalType) -> Self {
        Self { arrow: DataType::Utf8, logical: Some(logical) }
    }
}

/// The type text for a column of a new table that holds the field's values exactly.
pub(crate) fn column_type(field: &Field) -> Result<String, UnsupportedType> {
    if let Some(native) = native_type(field, ADAPTER_TYPE)
        && parse(native).is_ok_and(|parsed| parsed.arrow == stored_arrow(field.data_type()))
    {
        return Ok(native.to_owned());
    }
    let arrow = stored_arrow(field.data_type());
    if arrow == DataType::Utf8 {
        match logical_type(field) {
            Some(LogicalType::Varchar(length)) => return Ok(format!("varchar({length})")),
            Some(LogicalType::Char(length)) => return Ok(format!("char({length})")),
            Some(LogicalType::Uuid) => return Ok("uuid".into()),
            Some(LogicalType::Json) => return Ok("json".into()),
            Some(LogicalType::Jsonb) => return Ok("jsonb".into()),
            _ => {}
        }
    }
    type_text(&arrow).map_err(|reason| UnsupportedType {
        column: field.name().clone(),
        data_type: field.data_type().to_string(),
        adapter_type: ADAPTER_TYPE.into(),
        reason,
    })
}

/// The field as a lake column: native and logical type in its metadata. What the source's logical type says stays, if the
/// column's type still is the one it was said of.
pub(crate) fn lake_field(name: &str, text: &str, nullable: bool, source: Option<&Field>) -> Result<Field, String> {
    let parsed = parse(text)?;
    let kept = source.filter(|field| stored_arrow(field.data_type()) == parsed.arrow).and_then(logical_type);
    let field = Field::new(name, parsed.arrow, nullable);
    Ok(with_types(field, ADAPTER_TYPE, text, parsed.logical.or(kept)))
}

/// The field with the lake's metadata, as a table delivers it.
pub(crate) fn described(field: &Field) -> Result<Field, String> {
    let text = column_type(field).map_err(|error| error.reason)?;
    let logical = logical_type(field);
    let bare = Field::new(field.name(), field.data_type().clone(), field.is_nullable());
    Ok(with_types(bare, ADAPTER_TYPE, &text, logical))
}

/// The type that a value of this type has in a table: plain arrays instead of views and dictionaries, text instead of the
/// type of a bare NULL.
pub(crate) fn stored_arrow(data_type: &DataType) -> DataType {
    let child = |field: &FieldRef| Arc::new(field.as_ref().clone().with_data_type(stored_arrow(field.data_type())));
    match data_type {
        DataType::Null | DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        DataType::BinaryView | DataType::LargeBinary => DataType::Binary,
        DataType::Dictionary(_, values) => stored_arrow(values),
        DataType::RunEndEncoded(_, values) => stored_arrow(values.data_type()),
        DataType::List(item) | DataType::LargeList(item) | DataType::ListView(item) | DataType::LargeListView(item) => {
            DataType::List(child(item))
        }
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(child).collect()),
        DataType::Map(entries, sorted) => DataType::Map(child(entries), *sorted),
        other => other.clone(),
    }
}

fn type_text(data_type: &DataType) -> Result<String, String> {
    let simple = match data_type {
        DataType::Boolean => "boolean",
        DataType::Int8 => "tinyint",
        DataType::Int16 => "smallint",
        DataType::Int32 => "integer",
        DataType::Int64 => "bigint",
        DataType::UInt8 => "tinyint unsigned",
        DataType::UInt16 => "smallint unsigned",
        DataType::UInt32 => "integer unsigned",
        DataType::UInt64 => "bigint unsigned",
        DataType::Float32 => "real",
        DataType::Float64 => "double",
        DataType::Utf8 => "string",
        DataType::Binary => "bytea",
        DataType::Date32 => "date",
        DataType::Time32(TimeUnit::Second) => "time(0)",
        DataType::Time32(TimeUnit::Millisecond) => "time(3)",
        DataType::Time64(TimeUnit::Microsecond) => "time",
        DataType::Time64(TimeUnit::Nanosecond) => "time(9)",
        DataType::Timestamp(TimeUnit::Second, None) => "timestamp(0)",
        DataType::Timestamp(TimeUnit::Millisecond, None) => "timestamp(3)",
        DataType::Timestamp(TimeUnit::Microsecond, None) => "timestamp",
        DataType::Timestamp(TimeUnit::Nanosecond, None) => "timestamp(9)",
        DataType::Timestamp(unit, Some(zone)) if zone.as_ref() == "UTC" => match unit {
            TimeUnit::Second => "timestamp(0) with time zone",
            TimeUnit::Millisecond => "timestamp(3) with time zone",
            TimeUnit::Microsecond => "timestamp with time zone",
            TimeUnit::Nanosecond => "timestamp(9) with time zone",
        },
        DataType::Interval(IntervalUnit::MonthDayNano) => "interval",
        _ => "",
    };
    if !simple.is_empty() {
        return Ok(simple.into());
    }
    let text = match data_type {
        DataType::Decimal128(precision, scale) if *scale >= 0 => format!("decimal({precision},{scale})"),
        DataType::Decimal256(precision, scale) if *scale >= 0 && *precision > 38 => {
            format!("decimal({precision},{scale})")
        }
        DataType::List(item) => format!("{}[]", type_text(item.data_type())?),
        _ => String::new(),
    };
    if parse(&text).is_ok_and(|parsed| &parsed.arrow == data_type) {
        return Ok(text);
    }
    let text = format!("arrow('{}')", data_type.to_string().replace('\'', "''"));
    match parse(&text) {
        Ok(parsed) if &parsed.arrow == data_type => Ok(text),
        _ => Err("the lake has no type that holds it".into()),
    }
}

/// What a type text means.
pub(crate) fn parse(text: &str) -> Result<LakeType, String> {
    let dialect = dvt_sql::LAKE.parser();
    let sql_type = Parser::new(dialect.as_ref())
        .try_with_sql(text)
        .and_then(|mut parser| {
            let sql_type = parser.parse_data_type()?;
            parser.expect_token(&datafusion::sql::sqlparser::tokenizer::Token::EOF)?;
            Ok(sql_type)
        })
        .map_err(|error| format!("`{text}` is not a type: {error}"))?;
    from_sql(&sql_type)
}

pub(crate) fn from_sql(sql_type: &SqlType) -> Result<LakeType, String> {
    let unknown = || format!("the lake has no type `{sql_type}`");
    Ok(match sql_type {
        SqlType::Boolean | SqlType::Bool => LakeType::plain(DataType::Boolean),
        SqlType::TinyInt(_) => LakeType::plain(DataType::Int8),
        SqlType::SmallInt(_) | SqlType::Int2(_) | SqlType::Int16 => LakeType::plain(DataType::Int16),
        SqlType::Int(_) | SqlType::Integer(_) | SqlType::Int4(_) | SqlType::MediumInt(_) | SqlType::Int32 => {
            LakeType::plain(DataType::Int32)
        }
        SqlType::BigInt(_) | SqlType::Int8(_) | SqlType::Int64 => LakeType::plain(DataType::Int64),
        SqlType::TinyIntUnsigned(_) | SqlType::UInt8 => LakeType::plain(DataType::UInt8),
        SqlType::SmallIntUnsigned(_) | SqlType::Int2Unsigned(_) | SqlType::UInt16 => LakeType::plain(DataType::UInt16),
        SqlType::IntUnsigned(_)
        | SqlType::IntegerUnsigned(_)
        | SqlType::Int4Unsigned(_)
        | SqlType::MediumIntUnsigned(_)
        | SqlType::UInt32 => LakeType::plain(DataType::UInt32),
        SqlType::BigIntUnsigned(_) | SqlType::Int8Unsigned(_) | SqlType::UInt64 => LakeType::plain(DataType::UInt64),
        SqlType::Float(info) => match info {
            ExactNumberInfo::Precision(bits) | ExactNumberInfo::PrecisionAndScale(bits, _) if *bits > 24 => {
                LakeType::plain(DataType::Float64)
            }
            _ => LakeType::plain(DataType::Float32),
        },
        SqlType::Real | SqlType::Float4 | SqlType::Float32 => LakeType::plain(DataType::Float32),
        SqlType::Double(ExactNumberInfo::None) | SqlType::DoublePrecision | SqlType::Float8 | SqlType::Float64 => {
            LakeType::plain(DataType::Float64)
        }
        SqlType::Text | SqlType::String(_) | SqlType::Clob(_) => LakeType::plain(DataType::Utf8),
        SqlType::Varchar(length)
        | SqlType::CharacterVarying(length)
        | SqlType::CharVarying(length)
        | SqlType::Nvarchar(length) => match characters(length.as_ref()) {
            Some(length) => LakeType::text(LogicalType::Varchar(length)),
            None => LakeType::plain(DataType::Utf8),
        },
        SqlType::Char(length) | SqlType::Character(length) => {
            LakeType::text(LogicalType::Char(characters(length.as_ref()).unwrap_or(1)))
        }
        SqlType::Uuid => LakeType::text(LogicalType::Uuid),
        SqlType::JSON => LakeType::text(LogicalType::Json),
        SqlType::JSONB => LakeType::text(LogicalType::Jsonb),
        SqlType::Bytea | SqlType::Binary(_) | SqlType::Varbinary(_) | SqlType::Blob(_) | SqlType::Bytes(_) => {
            LakeType::plain(DataType::Binary)
        }
        SqlType::Date => LakeType::plain(DataType::Date32),
        SqlType::Datetime(None) => LakeType::plain(DataType::Timestamp(TimeUnit::Microsecond, None)),
        SqlType::Timestamp(precision, zone) => {
            let unit = unit(*precision).ok_or_else(unknown)?;
            let zoned = matches!(zone, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone);
            LakeType::plain(DataType::Timestamp(unit, zoned.then(|| "UTC".into())))
        }
        SqlType::Time(precision, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
            LakeType::plain(match unit(*precision).ok_or_else(unknown)? {
                unit @ (TimeUnit::Second | TimeUnit::Millisecond) => DataType::Time32(unit),
                unit => DataType::Time64(unit),
            })
        }
        SqlType::Interval { fields: None, precision: None } => {
            LakeType::plain(DataType::Interval(IntervalUnit::MonthDayNano))
        }
        SqlType::Numeric(info) | SqlType::Decimal(info) | SqlType::Dec(info) => {
            let (precision, scale) = match info {
                // DataFusion's own default.
                ExactNumberInfo::None => (38, 10),
                ExactNumberInfo::Precision(precision) => (*precision, 0),
                ExactNumberInfo::PrecisionAndScale(precision, scale) => (*precision, *scale),
            };
            let precision = u8::try_from(precision).ok().filter(|precision| (1..=76).contains(precision));
            let precision = precision.ok_or_else(unknown)?;
            let scale =
                i8::try_from(scale).ok().filter(|scale| scale.unsigned_abs() <= precision).ok_or_else(unknown)?;
            let arrow = if precision <= 38 {
                DataType::Decimal128(precision, scale)
            } else {
                DataType::Decimal256(precision, scale)
            };
            let logical = (arrow == UNCONSTRAINED_NUMERIC).then_some(LogicalType::Numeric);
            LakeType { arrow, logical }
        }
        SqlType::Array(ArrayElemTypeDef::AngleBracket(item) | ArrayElemTypeDef::SquareBracket(item, None)) => {
            LakeType::plain(DataType::List(Arc::new(Field::new("item", from_sql(item)?.arrow, true))))
        }
        SqlType::Struct(fields, _) => {
            let fields = fields.iter().enumerate().map(|(index, field)| {
                let name = match &field.field_name {
                    Some(name) => crate::names::normal(name),
                    None => format!("c{index}"),
                };
                Ok(Field::new(name, from_sql(&field.field_type)?.arrow, true))
            });
            LakeType::plain(DataType::Struct(fields.collect::<Result<Vec<_>, String>>()?.into()))
        }
        SqlType::Custom(name, modifiers) if name.to_string().eq_ignore_ascii_case("arrow") => {
            match modifiers.as_slice() {
                [text] => LakeType::plain(text.parse().map_err(|error| format!("`{text}` is no Arrow type: {error}"))?),
                _ => return Err(unknown()),
            }
        }
        _ => return Err(unknown()),
    })
}

fn unit(precision: Option<u64>) -> Option<TimeUnit> {
    Some(match precision {
        Some(0) => TimeUnit::Second,
        Some(3) => TimeUnit::Millisecond,
        None | Some(6) => TimeUnit::Microsecond,
        Some(9) => TimeUnit::Nanosecond,
        Some(_) => return None,
    })
}

fn characters(length: Option<&CharacterLength>) -> Option<u64> {
    match length {
        Some(CharacterLength::IntegerLength { length, .. }) => Some(*length),
        Some(CharacterLength::Max) | None => None,
    }
}

/// Gives DataFusion the lake's meaning of type names, in casts and literals.
#[derive(Debug)]
pub(crate) struct LakeTypes;

impl TypePlanner for LakeTypes {
    fn plan_type_field(&self, sql_type: &SqlType) -> PlanResult<Option<FieldRef>> {
        match from_sql(sql_type) {
            Ok(parsed) => Ok(Some(Arc::new(Field::new("", parsed.arrow, true)))),
            // DataFusion may know types that tables do not have.
            Err(_) if !matches!(sql_type, SqlType::Custom(..) | SqlType::Timestamp(..) | SqlType::Time(..)) => Ok(None),
            Err(problem) => Err(DataFusionError::Plan(problem)),
        }
    }
}
