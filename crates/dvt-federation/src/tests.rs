//! Plans as short stable text: what is sent, what stays.

mod expressions;
mod remote;
mod support;

use crate::{PlanError, PlanRequest, Pushdown, Route, choose_route, plan_query, relations_read, rename_relations};
use dvt_sql::{LAKE, MYSQL, POSTGRES, SQLITE};
use std::collections::BTreeMap;
use support::{plan, plan_error, sent};

#[test]
fn routes_follow_where_the_inputs_live() {
    let same = |left: &str, right: &str| left == right || (left == "wh" && right == "wh_copy");
    let route = |reads: &[&str]| choose_route("wh", reads.iter().copied(), same);
    assert_eq!(route(&[]), Route::Pushdown);
    assert_eq!(route(&["wh"]), Route::Pushdown);
    assert_eq!(route(&["crm"]), Route::Transfer("crm".to_owned()));
    assert_eq!(route(&["crm", "wh"]), Route::Federate);
    assert_eq!(route(&["crm", "shop"]), Route::Federate);
}

#[test]
fn columns_and_safe_predicates_are_sent() {
    assert_eq!(
        sent(
            "select c.name, o.amount from pg.public.customers c join my.shop.orders o on o.customer_id = c.id
             where o.amount > 10.5 and c.name = 'Ann' and o.status = 'ok' and o.placed >= date '2024-01-01'"
        ),
        [
            "my: SELECT `customer_id`, `status`, `amount` FROM `shop`.`orders` WHERE (`customer_id` IS NOT NULL) AND \
             (`amount` > 10.50) AND (`status` = 'ok') AND (`placed` >= DATE '2024-01-01')",
            "pg: SELECT \"id\", \"name\" FROM \"public\".\"customers\" WHERE (\"id\" IS NOT NULL) AND (\"name\" = 'Ann')",
        ]
        .map(|text| text.to_owned())
    );
}

/// Pitfalls 1 and 2: a predicate on the nullable side of an outer join is not the scan's.
#[test]
fn predicates_on_the_nullable_side_stay_above_the_join() {
    for predicate in ["o.id is null", "coalesce(o.status, 'none') = 'none'"] {
        let sent = sent(&format!(
            "select c.id from pg.public.customers c left join my.shop.orders o on o.customer_id = c.id where {predicate}"
        ));
        assert!(sent.iter().all(|sql| !sql.contains("IS NULL") && !sql.contains("none")), "{sent:?}");
    }
}

/// Pitfalls 3, 4 and 5: a limit goes below nothing that it does not commute with.
#[test]
fn limits_are_sent_only_where_they_keep_the_answer() {
    for query in [
        "select id from my.shop.orders order by status limit 3",
        "select status, count(*) from my.shop.orders group by status limit 3",
        "select distinct status from my.shop.orders limit 3",
        "select id, row_number() over (order by amount) from my.shop.orders limit 3",
        "select id from my.shop.orders where upper(status) = 'OK' limit 3",
        "select id from my.shop.orders where status = 'ok' limit 3",
    ] {
        let sent = sent(query);
        assert!(sent.iter().all(|sql| !sql.contains("LIMIT")), "{query}: {sent:?}");
    }
    assert!(sent("select id from my.shop.orders where amount > 3 limit 3")[0].ends_with("(`amount` > 3.00) LIMIT 3"));
    // With all that is below it, a limit is the connection's own.
    for (query, end) in [
        (
            "select id from my.shop.orders order by amount limit 3",
            "ORDER BY (`amount` IS NULL) ASC, `amount` ASC LIMIT 3",
        ),
        ("select name, count(*) from pg.public.customers group by name limit 3", "GROUP BY \"name\" LIMIT 3"),
    ] {
        let sent = sent(query);
        assert!(sent[0].ends_with(end), "{query}: {sent:?}");
    }
}

/// Pitfall 6: each scan keeps its own predicate.
#[test]
fn a_self_join_reads_each_alias_with_its_own_predicate() {
    let sent = sent(
        "select a.id from my.shop.orders a join my.shop.orders b on a.id = b.customer_id where a.amount > 5 and b.amount < 3",
    );
    assert_eq!(sent.len(), 2);
    assert!(sent.iter().all(|sql| !(sql.contains("> 5.00") && sql.contains("< 3.00"))), "{sent:?}");
}

/// Pitfalls 7 to 9: names bind by scope, and the connection is part of the name.
#[test]
fn names_bind_by_scope() {
    let sql = "with customers as (select * from pg.public.customers where id > 7) select count(*) from customers";
    assert!(sent(sql)[0].contains("(\"id\" > 7)"));
    let both = sent("select a.id from pg.public.customers a join my.public.customers b on a.id = b.id");
    assert_eq!(both.len(), 2);
    assert!(both[0].starts_with("my: ") && both[1].starts_with("pg: "), "{both:?}");
}

/// Pitfall 13: text that a collation compares loosely is sent wider and compared again, or not at all.
#[test]
fn loose_collations_are_checked_again() {
    let plan = plan("select id from my.shop.orders where status = 'ok'");
    assert!(
        plan.contains("(`status` = 'ok')") && plan.contains("Filter: my.shop.orders.status = Utf8(\"ok\")"),
        "{plan}"
    );
    for predicate in ["status <> 'ok'", "status > 'a'", "status like 'o%'", "status not in ('ok')"] {
        let sent = sent(&format!("select id from my.shop.orders where {predicate}"));
        assert!(!sent[0].contains("WHERE"), "{sent:?}");
    }
}

/// Numbers and dates that an engine stores as text are not compared there.
#[test]
fn values_stored_in_another_form_are_not_compared_there() {
    let sent = sent("select id from my.shop.orders where stored_as_text = 7");
    assert!(!sent[0].contains("WHERE"), "{sent:?}");
}

/// Pitfall 16: literals and identifiers with quotes and SQL words in them.
#[test]
fn quotes_and_words_in_literals_are_only_text() {
    let sent = sent("select id from pg.public.customers where name = 'it''s LIMIT 5 -- \" '");
    assert_eq!(sent, ["pg: SELECT \"id\" FROM \"public\".\"customers\" WHERE (\"name\" = 'it''s LIMIT 5 -- \" ')"]);
}

#[test]
fn reading_only_the_number_of_rows_reads_no_column() {
    assert_eq!(sent("select count(*) from my.shop.orders"), ["my: SELECT COUNT(*) FROM `shop`.`orders`"]);
}

#[test]
fn equal_scans_share_an_extract() {
    let plan = plan("select a.id from my.shop.orders a join my.shop.orders b on a.id = b.id");
    assert!(plan.contains("read 2 times"), "{plan}");
}

#[test]
fn unknown_columns_name_the_known_ones_and_the_place() {
    let sql = "select\n  o.amuont\nfrom my.shop.orders o";
    let error = plan_error(sql);
    assert!(matches!(&error, PlanError::UnknownColumn { name, .. } if name == "amuont"), "{error:?}");
    assert_eq!(error.range(sql).map(|range| &sql[range]), Some("o.amuont"));
    assert_eq!(error.help(), ["did you mean `amount`?"]);
}

#[test]
fn unknown_functions_and_relations_are_refused_by_name() {
    let error = plan_error("select to_tsvector(status) from my.shop.orders");
    assert_eq!(error.to_string(), "function `to_tsvector` of postgres has no translation with the same meaning");
    let error = plan_error("select 1 from my.shop.refunds");
    assert_eq!(error.to_string(), "relation `my.shop.refunds` is not known");
    assert!(matches!(plan_error("selec 1"), PlanError::Syntax { .. } | PlanError::NotAQuery { .. }));
    assert!(matches!(plan_error("delete from my.shop.orders"), PlanError::NotAQuery { .. }));
}

#[test]
fn unreadable_columns_are_an_error_only_where_they_are_read() {
    assert!(sent("select id from pg.public.customers").len() == 1);
    let error = plan_error("select * from pg.public.customers");
    assert_eq!(error.to_string(), "column `position` of pg.public.customers cannot be read: type point");
}

#[test]
fn computed_decimals_keep_the_dialects_types() {
    assert_eq!(
        support::types("select sum(amount) as total, avg(amount) as mean, avg(id) as id from my.shop.orders"),
        ["total: Decimal128(20, 2) numeric", "mean: Decimal256(76, 28) numeric", "id: Decimal256(76, 28) numeric",]
    );
    assert_eq!(
        support::types("select sum(id) as s, date '2024-03-01' - date '2024-02-01' as days from my.shop.orders"),
        ["s: Decimal128(38, 0) numeric", "days: Int32 -",]
    );
}

#[test]
fn places_are_counted_in_the_dialects_types() {
    let over = "over (order by id)";
    let sql =
        format!("select row_number() {over} as n, dense_rank() {over} as d, ntile(2) {over} as t from my.shop.orders");
    assert_eq!(support::types(&sql), ["n: Int64 -", "d: Int64 -", "t: Int32 -"]);
}

#[test]
fn relations_are_found_and_renamed_by_their_place() {
    let sql = "with a as (select 'my.shop.orders' as t, x.* from \"my\".\"shop\".\"orders\" x) select * from a, pg.public.customers";
    assert_eq!(
        relations_read(sql, &POSTGRES).unwrap(),
        [vec!["my", "shop", "orders"], vec!["pg", "public", "customers"]]
    );
    let names =
        BTreeMap::from([(vec!["my".to_owned(), "shop".to_owned(), "orders".to_owned()], "`shop`.`o``s`".to_owned())]);
    assert_eq!(
        rename_relations(sql, &POSTGRES, &names).unwrap(),
        "with a as (select 'my.shop.orders' as t, x.* from `shop`.`o``s` x) select * from a, pg.public.customers"
    );
    assert_eq!(relations_read("select * from `My`.`Shop`.`Orders`", &MYSQL).unwrap(), [vec!["my", "shop", "orders"]]);
}

#[test]
fn merged_columns_come_first() {
    for kind in ["join", "left join", "right join", "full join"] {
        let sql = format!("select * from my.shop.orders {kind} my.public.customers using (id)");
        let types = support::types(&sql);
        let names: Vec<&str> = types.iter().map(|column| column.split(':').next().unwrap()).collect();
        assert_eq!((names[0], *names.last().unwrap()), ("id", "name"), "{sql}: {names:?}");
        assert_eq!(names.iter().filter(|name| **name == "id").count(), 1, "{sql}: {names:?}");
    }
}

#[test]
fn functions_in_a_from_are_no_relations() {
    let sql = "select o.id from my.shop.orders o, generate_series(1, 3) s, lateral jsonb_each(o.status) as e";
    assert_eq!(relations_read(sql, &POSTGRES).unwrap(), [vec!["my", "shop", "orders"]]);
    let names = BTreeMap::from([(vec!["my".to_owned(), "shop".to_owned(), "orders".to_owned()], "x".to_owned())]);
    assert_eq!(rename_relations(sql, &POSTGRES, &names).unwrap(), sql.replace("my.shop.orders", "x"));
}

/// What the engine would answer wrongly, or not at all, is refused by name.
#[test]
fn what_has_no_faithful_plan_is_refused_by_name() {
    for (query, named) in [
        (
            "select o.id from my.shop.orders o left join pg.public.customers c on exists (select 1 from my.public.customers d where d.id = o.id + c.id)",
            "a subquery over both sides in the ON of an outer join",
        ),
        (
            "select exists (select 1 from pg.public.customers c where c.id < o.id) from (select id from my.shop.orders limit 3) o",
            "over rows that a LIMIT chooses",
        ),
        (
            "select (select count(*) from pg.public.customers c where c.id < o.id group by rollup (c.name)) from my.shop.orders o",
            "a correlated subquery with GROUPING SETS",
        ),
        ("select * from my.shop.orders o, json_to_recordset(o.status)", "the function `json_to_recordset` in a FROM"),
        ("select * from my.shop.orders natural full join pg.public.customers", "a NATURAL RIGHT or FULL JOIN"),
        (
            "select id from my.shop.orders o join pg.public.customers c on c.id = o.id full join my.public.customers d using (id)",
            "with USING whose column may be of several tables",
        ),
        (
            "select (array[o.id])[0:1] from my.shop.orders o join pg.public.customers c on c.id = o.id",
            "a slice of an array",
        ),
        ("select cast(id as date) from my.shop.orders", "a cast of a number to"),
        ("select array_to_string(array_agg(id > 3), ',') from my.shop.orders", "array_to_string() of elements of type"),
        ("select array_to_string(array[now()], ',') as t from my.shop.orders", "array_to_string() of elements of type"),
        ("select cast(amount as timestamp) from my.shop.orders", "a cast of a number to"),
        ("select sqrt(amount) from my.shop.orders", "sqrt(numeric("),
        ("select max(now() - now()) over () from my.shop.orders", "max() of intervals over a window"),
        (
            "select now() - now() in (select interval '1 day') from my.shop.orders",
            "a comparison of an interval with the rows of a subquery",
        ),
        ("select o.id from my.shop.orders o tablesample system (10)", "TABLESAMPLE"),
        ("select o.id from (select id from my.shop.orders) o tablesample bernoulli (10)", "TABLESAMPLE"),
        ("select id from my.shop.orders order by amount fetch first 3 rows with ties", "FETCH … WITH TIES"),
        ("select cast(coalesce(amount, 1.5) as varchar) from my.shop.orders", "digits after the point"),
        (
            "select o.id from my.shop.orders o left join pg.public.customers c on c.id = o.id and random() < 0.5",
            "a volatile condition in the ON of an outer join",
        ),
        (
            "with q as (select id, random() as r from my.shop.orders) select 1 from q a join q b on a.r = b.r",
            "the CTE `q`, which calls a volatile function",
        ),
    ] {
        let error = plan_error(query);
        assert!(
            matches!(&error, PlanError::Unsupported { .. }) && error.to_string().contains(named),
            "{query}: {error}"
        );
    }
    // In an inner join, ON and WHERE are the same place.
    let inner = "select o.id from my.shop.orders o join pg.public.customers c on c.id = o.id and c.id in (select id from my.public.customers)";
    assert_eq!(sent(inner).len(), 3);
}

/// The types of the rows around a subquery are those that they have by the dialect: an integer, an exact sum.
#[test]
fn a_subquery_sees_the_types_of_the_rows_around_it() {
    let narrow = plan(
        "select x.v from (values (1)) as x (v) join my.shop.orders o on o.amount = x.v \
         where not exists (select 1 from pg.public.customers c where c.id = x.v)",
    );
    assert!(narrow.contains("CAST(x.v AS Int64)"), "{narrow}");
    let exact = plan(
        "select x.s from (select status, sum(customer_id) as s from my.shop.orders group by status) x \
         where exists (select 1 from pg.public.customers c where c.id = x.s)",
    );
    assert!(exact.contains(".id AS Decimal128(38, 0))"), "{exact}");
}

/// A condition without columns is not brought below a total, which has a row of no rows.
#[test]
fn conditions_stay_above_totals() {
    let plan = plan(
        "select o.id, t.n from my.shop.orders o left join lateral (select count(*) as n from pg.public.customers) t on o.amount = 5 and 1 = 2",
    );
    let (total, condition) = (plan.find("Aggregate").unwrap_or(usize::MAX), plan.find("false").unwrap_or(0));
    assert!(condition < total, "{plan}");
}

/// The planner does not look for a merged column behind a sign.
#[test]
fn merged_columns_are_found_behind_a_sign() {
    let plan = plan("select -id as n, id as m from pg.public.customers c left join my.shop.orders o using (id)");
    assert!(plan.contains("c.id"), "{plan}");
}

/// A SQLite author compares dates as texts; what means the same of days is asked of the connection.
#[test]
fn days_of_a_sqlite_author_are_asked_of_connections() {
    let asked = |condition: &str| {
        let sql = format!("select id from my.shop.orders where {condition}");
        let request = PlanRequest {
            sql: &sql,
            dialect: &SQLITE,
            relations: support::catalog(),
            limit: None,
            pushdown: Pushdown::Whole,
        };
        let sent = plan_query(request).unwrap().extracts[0].sql.clone();
        sent.split_once(" WHERE ").map_or_else(String::new, |(_, condition)| condition.to_owned())
    };
    for (condition, expected) in [
        ("placed >= '2024-01-31'", "`placed` >= DATE '2024-01-31'"),
        ("'2024-01-31' > placed", "`placed` < DATE '2024-01-31'"),
        ("placed >= date('2024-01-31', 'start of month')", "`placed` >= DATE '2024-01-01'"),
        ("placed <= '2024-01-31 10:00:00'", "`placed` <= DATE '2024-01-31'"),
        ("placed >= '2024-01-31 00:00:00'", "`placed` > DATE '2024-01-31'"),
        ("datetime(placed) >= '2024-01-31 00:00:00'", "`placed` >= DATE '2024-01-31'"),
        ("date(placed) = '2024-01-31'", "`placed` = DATE '2024-01-31'"),
        ("strftime('%Y', placed) = '2024'", ""),
        ("placed = '2024'", ""),
    ] {
        assert_eq!(asked(condition).trim_matches(['(', ')']), expected, "{condition}");
    }
}

/// JSON that a query makes lands as JSON.
#[test]
fn made_json_has_its_type() {
    let sql = "with q as (select jsonb_build_object('a', id) as b, json_agg(status) as j from my.shop.orders group by id) \
         select b, coalesce(b -> 'a', b) as part, j, b ->> 'a' as text, case when j is null then b end as whole from q";
    let kinds: Vec<String> =
        support::types(sql).iter().map(|column| column.rsplit(' ').next().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["jsonb", "jsonb", "json", "-", "jsonb"]);
}

/// What the engine's planner would leave out without a word.
#[test]
fn no_clause_is_passed_over() {
    assert_eq!(
        sent("select id from my.shop.orders fetch first 3 rows only"),
        sent("select id from my.shop.orders limit 3")
    );
    let rolled = |sql, dialect| {
        let request =
            PlanRequest { sql, dialect, relations: support::catalog(), limit: None, pushdown: Pushdown::Whole };
        plan_query(request).unwrap().logical_plan.display_indent().to_string()
    };
    let with = "select status, count(*) as n from my.shop.orders group by status with rollup";
    let plan = rolled(with, &LAKE);
    assert_eq!(plan, rolled("select status, count(*) as n from my.shop.orders group by rollup (status)", &LAKE));
    let aggregate = |plan: &str| plan.lines().find(|line| line.contains("Aggregate:")).unwrap().trim().to_owned();
    assert_eq!(aggregate(&rolled(with, &MYSQL)), aggregate(&plan));
}

/// Pitfall 18: a condition that draws is evaluated for each joined row, above the join, and a CTE that draws only once.
#[test]
fn draws_stay_where_they_stand() {
    let plan = plan(
        "select c.id from pg.public.customers c cross join my.shop.orders o where random() < 0.5 and o.amount > 3",
    );
    let filter = plan.find("Filter: dvt_condition").expect("the drawn condition is a filter of its own");
    let join = plan.find("Join").expect("there is a join");
    assert!(filter < join && plan.contains("> 3.00"), "{plan}");
    let error = plan_error(
        "with q as (select id, random() as r from my.shop.orders) select a.r from q a join q b on a.id = b.id",
    );
    assert!(error.to_string().contains("the CTE `q`"), "{error}");
}
