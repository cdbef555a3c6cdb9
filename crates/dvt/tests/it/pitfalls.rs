//! Wrong answers that other tools give (pitfalls 1–10, 16–20): each query runs in one database and federated.

use crate::pair::{agree, left, right};
use crate::project::Project;
use serde_json::{Value, json};

const CUSTOMERS: &str = "create table {t} (id integer, name varchar(20), country varchar(2));
    insert into {t} values (1, 'Ada', 'SE'), (2, 'Alan', 'FR'), (3, 'Grace', 'SE'), (4, 'Edsger', null), (5, null, 'NL');";
const ORDERS: &str = "create table {t} (id integer, customer_id integer, status varchar(10), amount integer);
    insert into {t} values (10, 1, 'ok', 100), (11, 1, 'late', 20), (12, 2, 'ok', 30), (13, 2, 'ok', 40),
        (14, 3, 'late', 50), (15, 9, 'ok', 60), (16, null, 'ok', 70);";

#[test]
fn pitfall_1_is_null_on_the_nullable_side_keeps_only_rows_without_a_match() {
    agree(
        &[left("a", CUSTOMERS), right("b", ORDERS)],
        &[
            "select a.id, b.status from {a} as a left join {b} as b on b.customer_id = a.id where b.id is not null",
            "select a.id, b.amount from {a} as a left join {b} as b on b.customer_id = a.id and b.status = 'ok' where b.status is null",
            "select b.id, a.name from {a} as a right join {b} as b on b.customer_id = a.id where a.id is null",
            "select a.id, a.name from {a} as a left join {b} as b on a.id = b.customer_id where b.id is null",
        ],
        &[r#"{"id": 4, "name": "Edsger"}"#, r#"{"id": 5, "name": null}"#],
    );
}

#[test]
fn pitfall_2_coalesce_on_the_nullable_side_sees_the_missing_rows() {
    agree(
        &[left("a", CUSTOMERS), right("b", ORDERS)],
        &["select a.id, b.id as order_id from {a} as a left join {b} as b on a.id = b.customer_id \
           where coalesce(b.status, 'none') = 'none'"],
        &[r#"{"id": 4, "order_id": null}"#, r#"{"id": 5, "order_id": null}"#],
    );
}

#[test]
fn pitfall_3_top_k_is_sent_whole_or_not_at_all() {
    agree(
        &[left("a", CUSTOMERS), right("b", ORDERS)],
        &[
            "select id, amount from {b} order by amount desc limit 2",
            "select q.id, a.name from (select id, customer_id from {b} order by amount desc limit 4) as q \
             left join {a} as a on a.id = q.customer_id",
        ],
        &[
            r#"{"id": 10, "name": "Ada"}"#,
            r#"{"id": 14, "name": "Grace"}"#,
            r#"{"id": 15, "name": null}"#,
            r#"{"id": 16, "name": null}"#,
        ],
    );
}

#[test]
fn pitfall_4_limit_is_not_sent_below_what_changes_the_number_of_rows() {
    agree(
        &[left("a", CUSTOMERS), right("b", ORDERS)],
        &[
            "select count(*) as n, sum(q.n) as rows_seen from (select status, count(*) as n from {b} group by status \
             order by status limit 2) as q cross join (select max(id) as m from {a}) as x",
            "select count(*) as n from (select distinct status from {b} limit 2) as q cross join (select 1 as one from {a} \
             where id = 1) as x",
            "select count(*) as n from (select id, row_number() over (order by id desc) as r from {b} order by id limit 3) as q \
             join (select max(id) as m from {a}) as x on q.r > x.m - 1",
            "select count(*) as n from (select id from {b} union all select id from {a} limit 9) as q",
            "select count(*) as n, sum(q.paid) as paid from (select customer_id, sum(amount) as paid from {b} \
             where customer_id is not null group by customer_id order by customer_id limit 2) as q join {a} as a \
             on a.id = q.customer_id",
        ],
        &[r#"{"n": 2, "paid": 190}"#],
    );
}

#[test]
fn pitfall_5_limit_comes_after_the_filter() {
    agree(
        &[left("a", CUSTOMERS), right("b", ORDERS)],
        &[
            "select count(*) as n from (select id from {b} where status = 'late' limit 2) as q cross join \
             (select id from {a} where id = 1) as x",
            "select sum(q.amount) as late from (select amount from {b} where status = 'late' limit 2) as q cross join \
             (select id from {a} where id = 1) as x",
            "select count(*) as n, sum(q.amount) as paid from (select amount from {b} where status = 'ok' and amount > 40 limit 3) \
             as q cross join (select id from {a} where id = 1) as x",
        ],
        &[r#"{"n": 3, "paid": 230}"#],
    );
}

#[test]
fn pitfall_6_a_self_join_keeps_the_filter_of_each_alias() {
    agree(
        &[left("a", CUSTOMERS), right("b", ORDERS)],
        &["select a.name, x.id as ok_id, y.id as late_id from {a} as a \
           join {b} as x on x.customer_id = a.id and x.status = 'ok' \
           join {b} as y on y.customer_id = a.id and y.status = 'late'"],
        &[r#"{"name": "Ada", "ok_id": 10, "late_id": 11}"#],
    );
}

#[test]
fn pitfall_7_a_cte_named_like_its_table_is_used() {
    agree(
        &[left("customers", CUSTOMERS), right("orders", ORDERS)],
        &["with customers as (select * from {customers} where country = 'SE'), orders as (select * from {orders} \
           where status = 'ok') select customers.name, orders.amount from customers join orders \
           on orders.customer_id = customers.id"],
        &[r#"{"name": "Ada", "amount": 100}"#],
    );
}

#[test]
fn pitfall_8_one_alias_in_two_ctes_means_two_tables() {
    agree(
        &[left("a", CUSTOMERS), right("b", ORDERS)],
        &["with one as (select t.id, t.name from {a} as t), two as (select t.id, t.customer_id from {b} as t) \
           select one.name, two.id from one join two on two.customer_id = one.id where two.id < 12"],
        &[r#"{"name": "Ada", "id": 10}"#, r#"{"name": "Ada", "id": 11}"#],
    );
}

#[test]
fn pitfall_9_the_same_name_on_two_connections_is_two_tables() {
    let project = Project::new()
        .file(
            "models/sources.yml",
            "sources:
  - {name: here, connection: left, schema: main, tables: [{name: customers}]}
  - {name: there, connection: right, schema: main, tables: [{name: customers}]}
",
        )
        .file(
            "models/both.sql",
            "select l.id, l.name as left_name, r.name as right_name from {{ source('here', 'customers') }} as l \
             join {{ source('there', 'customers') }} as r on r.id = l.id",
        );
    project.sqlite(
        "left.db",
        "create table customers (id integer, name text); insert into customers values (1, 'left'), (2, 'x')",
    );
    project.sqlite(
        "right.db",
        "create table customers (id integer, name text); insert into customers values (1, 'right')",
    );
    project.dvt("run").exits(0);
    assert_eq!(project.route("both"), "federate");
    assert_eq!(
        project.rows("target.db", "select * from both"),
        [r#"{"id":1,"left_name":"left","right_name":"right"}"#]
    );
}

#[test]
fn pitfall_10_columns_without_a_qualifier_are_found_in_the_real_tables() {
    agree(
        &[left("a", CUSTOMERS), right("b", ORDERS)],
        &[
            "select name, country, status, amount from {a} as a join {b} as b on customer_id = a.id where amount > 40 and \
           country = 'SE'",
        ],
        &[
            r#"{"name": "Ada", "country": "SE", "status": "ok", "amount": 100}"#,
            r#"{"name": "Grace", "country": "SE", "status": "late", "amount": 50}"#,
        ],
    );
}

#[test]
fn pitfall_16_text_inside_literals_and_odd_identifiers_is_left_alone() {
    agree(
        &[
            left(
                "a",
                "create table {t} (id integer, note varchar(60));
                 insert into {t} values (1, 'first LIMIT 1'), (2, 'it''s -- no comment; select'), (3, 'FROM b WHERE 1=0 LIMIT 0');",
            ),
            right(
                "b",
                "create table {t} (id integer, note varchar(60)); insert into {t} values (1, ' LIMIT '), (3, 'it''s'), (4, '/* x */');",
            ),
        ],
        &[
            "select a.id, ' LIMIT 1 ''quoted''' as literal from {a} as a join {b} as b on a.id = b.id",
            "select a.id, a.note, b.note as other from {a} as a join {b} as b on a.id = b.id where a.note <> ' LIMIT 1; drop' and \
             a.note like '%LIMIT%' and b.note <> 'x''y'",
        ],
        &[
            r#"{"id": 1, "note": "first LIMIT 1", "other": " LIMIT "}"#,
            r#"{"id": 3, "note": "FROM b WHERE 1=0 LIMIT 0", "other": "it's"}"#,
        ],
    );
}

#[test]
fn pitfall_16_an_identifier_with_a_quote_in_it_is_quoted_right() {
    let project = Project::new()
        .file(
            "models/sources.yml",
            "sources:
  - {name: l, connection: left, schema: main, tables: [{name: odd, identifier: 'odd \"name\" x'}]}
  - {name: r, connection: right, schema: main, tables: [{name: plain}]}
",
        )
        .file(
            "models/both.sql",
            "select l.\"the \"\"key\"\"\" as id, r.v from {{ source('l', 'odd') }} as l join {{ source('r', 'plain') }} as r \
             on r.id = l.\"the \"\"key\"\"\"",
        );
    project.sqlite(
        "left.db",
        "create table \"odd \"\"name\"\" x\" (\"the \"\"key\"\"\" integer); insert into \"odd \"\"name\"\" x\" values (1), (2)",
    );
    project.sqlite("right.db", "create table plain (id integer, v text); insert into plain values (2, 'two')");
    project.dvt("run").exits(0);
    assert_eq!(project.rows("target.db", "select * from both"), [r#"{"id":2,"v":"two"}"#]);
}

#[test]
fn pitfall_17_not_in_with_nulls_and_correlated_subqueries_keep_their_meaning() {
    agree(
        &[left("a", CUSTOMERS), right("b", ORDERS)],
        &[
            "select a.id from {a} as a where a.id not in (select customer_id from {b})",
            "select a.id from {a} as a where a.id not in (select customer_id from {b} where customer_id is not null)",
            "select a.id from {a} as a where exists (select 1 from {b} as b where b.customer_id = a.id and b.status = 'late')",
            "select a.id from {a} as a where not exists (select 1 from {b} as b where b.customer_id = a.id)",
            "select a.id from {a} as a where a.id in (select customer_id from {b} where amount >= 50)",
        ],
        &[r#"{"id": 1}"#, r#"{"id": 3}"#],
    );
}

#[test]
fn pitfall_18_a_limit_without_an_order_is_evaluated_once() {
    let project = two_files().file(
        "models/sampled.sql",
        "select a.id, b.id as other from {{ source('l', 'a') }} as a cross join {{ source('r', 'b') }} as b limit 500",
    );
    project.dvt("run").exits(0);
    assert_eq!(project.rows("target.db", "select count(*) as n from sampled"), [r#"{"n":500}"#]);
    assert_eq!(project.result("model.shop.sampled")["adapter_response"]["rows_affected"], 500);
}

#[test]
fn pitfall_18_the_rows_that_are_counted_are_the_rows_that_are_written() {
    let project = two_files()
        .profile(
            "lake",
            "    lake: {type: filesystem, path: lake}\n    left: {type: sqlite, path: left.db}\n    right: {type: sqlite, path: right.db}\n",
        )
        .file(
            "models/drawn.sql",
            "select a.id, b.id as other from {{ source('l', 'a') }} as a cross join {{ source('r', 'b') }} as b \
             where random() < 0.5",
        );
    project.dvt("run").exits(0);
    let counted = project.result("model.shop.drawn")["adapter_response"]["rows_affected"].clone();
    let shown =
        project.dvt_with(&["show", "--inline", "select count(*) as n from {{ ref('drawn') }}", "--output", "json"]);
    assert_eq!(json(&shown.exits(0).stdout), json!({"show": [{"n": counted}]}));
    assert!(counted.as_u64().is_some_and(|rows| (4_000..6_000).contains(&rows)), "{counted}");
}

#[test]
fn pitfall_18_volatile_functions_are_evaluated_once_per_row() {
    let project = two_files()
        .profile(
            "lake",
            "    lake: {type: filesystem, path: lake}\n    left: {type: sqlite, path: left.db}\n    right: {type: sqlite, path: right.db}\n",
        )
        .file(
            "models/drawn.sql",
            "with q as (select a.id, random() as r, now() as t from {{ source('l', 'a') }} as a \
             join {{ source('r', 'b') }} as b on b.id = a.id) select q.id, q.r, q.r as again, q.t from q",
        );
    project.dvt("run").exits(0);
    let state = "select count(*) as n, count(distinct r) > 90 as varied, bool_and(r = again) as same, \
                 count(distinct t) as times from {{ ref('drawn') }}";
    let shown = project.dvt_with(&["show", "--inline", state, "--output", "json"]).exits(0);
    assert_eq!(json(&shown.stdout), json!({"show": [{"n": 100, "varied": true, "same": true, "times": 1}]}));
}

#[test]
fn pitfall_19_the_real_name_is_used_everywhere() {
    let project = Project::new()
        .file(
            "models/sources.yml",
            "sources:
  - name: crm
    connection: left
    schema: main
    tables: [{name: customers, identifier: \"CRM Customers\"}]
  - {name: r, connection: right, schema: main, tables: [{name: b}]}
models:
  - name: versioned
    latest_version: 2
    versions: [{v: 1}, {v: 2}]
",
        )
        .file(
            "models/renamed.sql",
            "{{ config(alias='the result') }} select c.id, b.v from {{ source('crm', 'customers') }} as c \
             join {{ source('r', 'b') }} as b on b.id = c.id",
        )
        .file("models/versioned_v1.sql", "select id, 'one' as version from {{ ref('renamed') }}")
        .file("models/versioned_v2.sql", "select id, 'two' as version from {{ ref('renamed') }}")
        .file(
            "models/latest.sql",
            "select * from {{ ref('versioned') }} union all select * from {{ ref('versioned', v=1) }}",
        );
    project.sqlite(
        "left.db",
        "create table \"CRM Customers\" (id integer); insert into \"CRM Customers\" values (1), (2)",
    );
    project.sqlite("right.db", "create table b (id integer, v text); insert into b values (2, 'two')");
    project.dvt("run").exits(0);
    assert_eq!(project.rows("target.db", "select * from \"the result\""), [r#"{"id":2,"v":"two"}"#]);
    assert_eq!(
        project.rows("target.db", "select * from latest"),
        [r#"{"id":2,"version":"one"}"#, r#"{"id":2,"version":"two"}"#]
    );
}

#[test]
fn pitfall_20_ephemerals_refs_and_seeds_on_other_targets_are_inputs_like_any() {
    let project = two_files()
        .file(
            "models/small.sql",
            "{{ config(materialized='ephemeral') }} select id from {{ source('l', 'a') }} where id <= 3",
        )
        .file(
            "models/smaller.sql",
            "{{ config(materialized='ephemeral') }} select id from {{ ref('small') }} where id >= 2",
        )
        .file("models/elsewhere.sql", "{{ config(target='right') }} select id * 10 as id from {{ ref('smaller') }}")
        .file("models/near.sql", "select id from {{ ref('smaller') }}")
        .file("seeds/codes.csv", "id,code\n20,twenty\n30,thirty\n")
        .file(
            "models/joined.sql",
            "select e.id, c.code from {{ ref('elsewhere') }} as e join {{ ref('codes') }} as c on c.id = e.id",
        )
        .file(
            "dbt_project.yml",
            "name: shop\nprofile: shop\nmodels:\n  +materialized: table\nseeds:\n  shop: {+target: left}\n",
        );
    project.dvt("seed").exits(0);
    assert_eq!(project.rows("left.db", "select count(*) as n from codes"), [r#"{"n":2}"#]);
    project.dvt("run").exits(0);
    assert_eq!(project.route("elsewhere"), "transfer");
    assert_eq!(project.rows("right.db", "select * from elsewhere"), [r#"{"id":20}"#, r#"{"id":30}"#]);
    assert_eq!(project.route("near"), "transfer");
    assert_eq!(project.rows("target.db", "select * from near"), [r#"{"id":2}"#, r#"{"id":3}"#]);
    assert_eq!(project.route("joined"), "federate");
    assert_eq!(
        project.rows("target.db", "select * from joined"),
        [r#"{"id":20,"code":"twenty"}"#, r#"{"id":30,"code":"thirty"}"#]
    );
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Table `a` with the numbers 1 to 100 on `left`, table `b` likewise on `right`.
pub(crate) fn two_files() -> Project {
    let project = Project::new().file(
        "models/sources.yml",
        "sources:
  - {name: l, connection: left, schema: main, tables: [{name: a}]}
  - {name: r, connection: right, schema: main, tables: [{name: b}]}
",
    );
    let numbers = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 100)";
    project.sqlite(
        "left.db",
        &format!("create table a (id integer, v text); insert into a {numbers} select i, 'a' || i from n"),
    );
    project.sqlite(
        "right.db",
        &format!("create table b (id integer, v text); insert into b {numbers} select i, 'b' || i from n"),
    );
    project
}

/// `char(n)` compares without its padding, on every side.
#[test]
fn blanks_that_pad_a_char_count_in_no_comparison() {
    crate::pair::on_servers(
        &[
            left(
                "a",
                "create table {t} (id integer, code char(5)); insert into {t} values (1, 'ab'), (2, 'abcde'), (3, '')",
            ),
            right(
                "b",
                "create table {t} (code char(7), n integer); insert into {t} values ('ab', 10), ('abcde', 20), ('', 30)",
            ),
        ],
        &["select a.id, b.n from {a} as a join {b} as b on b.code = a.code where a.code <> 'abcde'"],
        &[r#"{"id":1,"n":10}"#, r#"{"id":3,"n":30}"#],
    );
}
