use super::{ADAPTER_TYPE, DuckType, column_type, field_of};
use arrow::datatypes::{DataType, Field};
use dvt_adapter::{LogicalType, native_type, with_types};

#[test]
fn texts_of_the_catalog_are_read() {
    let check = |text: &str, expected: DuckType| assert_eq!(DuckType::parse(text), expected, "{text}");
    check("DECIMAL(18,3)", DuckType::Decimal(18, 3));
    check("numeric(10, 2)", DuckType::Decimal(10, 2));
    check("TIMESTAMP WITH TIME ZONE", DuckType::TimestampTz);
    check("timestamp(3)", DuckType::TimestampMs);
    check("double precision", DuckType::Double);
    check("character varying(20)", DuckType::Varchar);
    check("ENUM('a', 'it''s) [', 'b')", DuckType::Enum);
    check("INTEGER[][3]", DuckType::Array(Box::new(DuckType::List(Box::new(DuckType::Integer))), 3));
    check(
        "STRUCT(x INTEGER, \"y \"\"z\" VARCHAR[], \"time\" TIME WITH TIME ZONE)",
        DuckType::Struct(vec![
            ("x".to_owned(), DuckType::Integer),
            ("y \"z".to_owned(), DuckType::List(Box::new(DuckType::Varchar))),
            ("time".to_owned(), DuckType::TimeTz),
        ]),
    );
    check("MAP(VARCHAR, DECIMAL(4,1))", DuckType::Map(Box::new(DuckType::Varchar), Box::new(DuckType::Decimal(4, 1))));
    check("\"NULL\"", DuckType::Null);
    check("UNION(n INTEGER, s VARCHAR)", DuckType::Other("UNION(n INTEGER, s VARCHAR)".to_owned()));
    check("DECIMAL(39,0)", DuckType::Other("DECIMAL(39,0)".to_owned()));
    check("STRUCT(", DuckType::Other("STRUCT(".to_owned()));
}

#[test]
fn what_cannot_travel_is_refused_by_name() {
    for text in ["UNION(n INTEGER)", "BIGNUM", "VARIANT", "GEOMETRY", "STRUCT(a BIGNUM)", "BIGNUM[]"] {
        let reason = field_of("c", text, true).unwrap_err();
        assert!(reason.contains("no exact counterpart"), "{text}: {reason}");
    }
}

#[test]
fn a_type_is_made_again_as_it_was() {
    for text in ["HUGEINT", "ENUM('a', 'b')", "INTEGER[3]", "TIMESTAMP_S", "STRUCT(a INTEGER)[]", "JSON"] {
        let field = field_of("c", text, true).unwrap();
        assert_eq!(native_type(&field, ADAPTER_TYPE), Some(text));
        assert_eq!(column_type(&field).unwrap(), text);
    }
    // An expression on the column has kept its name only.
    let lost = with_types(Field::new("c", DataType::Int64, true), ADAPTER_TYPE, "VARCHAR", None);
    assert_eq!(column_type(&lost).unwrap(), "BIGINT");
}

#[test]
fn types_of_others_take_the_nearest() {
    let numeric = with_types(
        Field::new("c", dvt_adapter::UNCONSTRAINED_NUMERIC, true),
        "postgres",
        "numeric",
        Some(LogicalType::Numeric),
    );
    assert_eq!(column_type(&numeric).unwrap(), "DECIMAL(38,20)");
    assert!(column_type(&Field::new("c", DataType::Decimal256(60, 20), true)).is_err());
    assert_eq!(column_type(&Field::new("c", DataType::Decimal256(39, 0), true)).unwrap(), "HUGEINT");
}
