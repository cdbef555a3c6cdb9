//! Types both ways.

use super::{TypeText, column_type, of_catalog};
use arrow::datatypes::{DataType, Field, TimeUnit};
use dvt_adapter::{LogicalType, TextComparison, logical_type, with_types};

#[test]
fn type_texts_are_taken_apart() {
    let text = TypeText::parse("DECIMAL(10, 2) unsigned zerofill");
    assert_eq!((text.base.as_str(), text.numbers, text.is_unsigned), ("decimal", vec![10, 2], true));
    // The label is not the word behind the bracket.
    assert!(!TypeText::parse("enum('unsigned','b')").is_unsigned);
    assert_eq!(TypeText::parse("boolean").base, "tinyint");
}

#[test]
fn catalog_types_have_arrow_types_and_come_back() {
    let check = |native: &str, data_type: DataType, logical: Option<LogicalType>| {
        let column = of_catalog("mysql", "c", native, Some("utf8mb4_general_ci"), true, false);
        let field = column.field.unwrap();
        assert_eq!(field.data_type(), &data_type, "{native}");
        assert_eq!(logical_type(&field), logical, "{native}");
        assert_eq!(column_type("mysql", &field).unwrap(), native);
    };
    let utc = || Some("UTC".into());
    check("tinyint(1)", DataType::Int8, None);
    check("int(10) unsigned", DataType::UInt32, None);
    check("bigint(20) unsigned", DataType::UInt64, None);
    check("mediumint", DataType::Int32, None);
    check("decimal(38,10)", DataType::Decimal128(38, 10), None);
    check("decimal(65,30)", DataType::Decimal256(65, 30), None);
    check("float", DataType::Float32, None);
    check("datetime(3)", DataType::Timestamp(TimeUnit::Microsecond, None), None);
    check("timestamp", DataType::Timestamp(TimeUnit::Microsecond, utc()), None);
    check("time", DataType::Int64, Some(LogicalType::TimeSpan));
    check("year(4)", DataType::Int16, Some(LogicalType::Year));
    check("bit(1)", DataType::Boolean, None);
    check("bit(12)", DataType::Utf8, Some(LogicalType::Bit));
    check("char(3)", DataType::Utf8, Some(LogicalType::Char(3)));
    check("varchar(25)", DataType::Utf8, Some(LogicalType::Varchar(25)));
    check("enum('a','b')", DataType::Utf8, Some(LogicalType::Enum));
    check("varbinary(16)", DataType::Binary, None);
    let point = of_catalog("mysql", "c", "point", None, true, false);
    assert!(point.field.unwrap_err().contains("ST_AsText"));
}

#[test]
fn only_byte_collations_without_padding_are_binary() {
    let check = |native: &str, collation: Option<&str>, is_binary: bool| {
        let column = of_catalog("mysql", "c", native, collation, true, false);
        assert_eq!(column.comparison == TextComparison::Binary, is_binary, "{native} {collation:?}");
    };
    check("varchar(3)", Some("utf8mb4_0900_bin"), true);
    check("varchar(3)", Some("utf8mb4_nopad_bin"), true);
    check("varchar(3)", Some("utf8mb4_bin"), false);
    check("varchar(3)", Some("utf8mb4_0900_ai_ci"), false);
    check("varchar(3)", Some("latin1_nopad_bin"), false);
    check("enum('a')", Some("utf8mb4_0900_bin"), false);
    check("int", None, true);
    check("varbinary(3)", None, true);
}

#[test]
fn fields_of_other_engines_get_types_that_hold_them() {
    let check = |data_type: DataType, logical: Option<LogicalType>, expected: &str| {
        let field = with_types(Field::new("c", data_type, true), "postgres", "whatever", logical);
        assert_eq!(column_type("mysql", &field).unwrap_or_else(|error| error.reason), expected);
    };
    check(DataType::Boolean, None, "tinyint(1)");
    check(DataType::Utf8, Some(LogicalType::Varchar(25)), "varchar(25)");
    check(DataType::Utf8, Some(LogicalType::Char(5)), "varchar(5)");
    check(DataType::Utf8, Some(LogicalType::Varchar(20_000)), "longtext");
    check(DataType::Utf8, Some(LogicalType::Uuid), "char(36)");
    check(DataType::Utf8, Some(LogicalType::Jsonb), "json");
    check(DataType::Utf8, None, "longtext");
    check(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), None, "datetime(6)");
    check(DataType::Decimal128(5, 7), None, "decimal(7,7)");
    check(DataType::Decimal128(5, -2), None, "decimal(7,0)");
    check(DataType::Decimal256(76, 0), None, "`decimal` holds at most 65 digits, 30 of them behind the point");
    check(DataType::Decimal256(76, 28), Some(LogicalType::Numeric), "decimal(65,28)");
    let list = DataType::List(Field::new("item", DataType::Int32, true).into());
    check(list, None, "there is no array type; turn it into text or JSON in the model");
}

#[test]
fn a_changed_arrow_type_is_not_given_its_old_native_type() {
    let field = with_types(Field::new("c", DataType::Int64, true), "mysql", "varchar(3)", None);
    assert_eq!(column_type("mysql", &field).unwrap(), "bigint");
}
