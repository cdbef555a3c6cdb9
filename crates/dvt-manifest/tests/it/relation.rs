//! Relations as SQL.

use dvt_manifest::{Quoting, Relation, RelationKind};

fn orders() -> Relation {
    Relation::new("wh", Some("db"), Some("public"), Some("orders"))
}

#[test]
fn a_relation_is_written_as_its_dialect_and_policies_say() {
    assert_eq!(orders().render(), r#""db"."public"."orders""#);
    assert_eq!(orders().in_dialect('`', false).render(), "`public`.`orders`");
    let quoting = Quoting { database: false, schema: true, identifier: false };
    assert_eq!(Relation { quoting, ..orders() }.render(), r#"db."public".orders"#);
    let mut schema_only = orders();
    schema_only.identifier = None;
    assert_eq!(schema_only.render(), r#""db"."public""#);
    let mut included = orders();
    included.include.database = false;
    included.include.schema = false;
    assert_eq!(included.render(), r#""orders""#);
}

#[test]
fn quotes_inside_a_name_are_doubled() {
    let odd = Relation::new("wh", None, Some("s"), Some(r#"a"b"#));
    assert_eq!(odd.render(), r#""s"."a""b""#);
    assert_eq!(Relation::new("wh", None, None, Some("a`b")).in_dialect('`', false).render(), "`a``b`");
}

#[test]
fn across_connections_the_connection_is_part_of_the_name() {
    let quoting = Quoting { database: false, schema: false, identifier: false };
    let relation = Relation { quoting, ..orders() }.in_dialect('`', false);
    assert_eq!(relation.qualified_by_connection('"').render(), r#""wh"."public"."orders""#);
    assert_eq!(Relation::cte("eph").qualified_by_connection('"').render(), "__dbt__cte__eph");
    assert_eq!(Relation::cte("eph").kind, Some(RelationKind::Cte));
}
