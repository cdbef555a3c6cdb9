use super::{Kind, TypeName, column_type, kind_of};
use arrow::datatypes::{DataType, Field, TimeUnit};
use dvt_adapter::{LogicalType, with_types};

fn numeric(precision: i32, scale: i32) -> Result<Kind, String> {
    let type_name = TypeName { oid: 1700, name: "numeric".to_owned(), is_enum: false, element: None };
    kind_of(&type_name, ((precision << 16) | (scale & 0x7ff)) + 4)
}

#[test]
fn numeric_modifiers() {
    assert_eq!(numeric(10, 2), Ok(Kind::Numeric { precision: 10, scale: 2 }));
    assert_eq!(numeric(2, -3), Ok(Kind::Numeric { precision: 5, scale: 0 }));
    assert_eq!(numeric(3, 5), Ok(Kind::Numeric { precision: 5, scale: 5 }));
    assert_eq!(numeric(77, 0), Err("numeric with 77 digits is wider than 76 digits".to_owned()));
}

fn check(data_type: DataType, expected: &str) {
    assert_eq!(column_type(&Field::new("c", data_type, true)).unwrap(), expected);
}

#[test]
fn arrow_types_get_the_nearest_type() {
    check(DataType::Int8, "smallint");
    check(DataType::UInt64, "numeric(20,0)");
    check(DataType::Decimal128(5, -2), "numeric(7,0)");
    check(DataType::new_list(DataType::Utf8, true), "text[]");
    check(DataType::Timestamp(TimeUnit::Second, Some("+01:00".into())), "timestamp with time zone");
    check(DataType::Timestamp(TimeUnit::Nanosecond, None), "timestamp without time zone");
    let lists = DataType::new_list(DataType::new_list(DataType::Int32, true), true);
    assert_eq!(column_type(&Field::new("deep", lists, true)).unwrap_err().column, "deep");
}

#[test]
fn native_types_come_back_when_they_exist_everywhere() {
    let field = |native: &str, logical| with_types(Field::new("c", DataType::Utf8, true), "postgres", native, logical);
    assert_eq!(column_type(&field("character varying(25)[]", None)).unwrap(), "character varying(25)[]");
    assert_eq!(column_type(&field("time(3) with time zone", None)).unwrap(), "time(3) with time zone");
    assert_eq!(column_type(&field("mood", Some(LogicalType::Enum))).unwrap(), "text");
    let foreign = with_types(Field::new("c", DataType::Utf8, true), "mysql", "enum('a')", Some(LogicalType::Enum));
    assert_eq!(column_type(&foreign).unwrap(), "text");
}
