//! Plans run over rows in memory: results, failures, memory limits.

use crate::{ComputeError, ComputeSettings, Engine, ExtractInput, JoinStrategy, OpenStream, ResultStream};
use arrow::array::{ArrayRef, AsArray, Date32Array, Decimal128Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type};
use arrow::util::pretty::pretty_format_batches;
use dvt_adapter::{
    AdapterError, BatchStream, ColumnDescription, ErrorClass, RelationDescription, RelationKind, RelationName,
    Statistics, TextComparison,
};
use dvt_federation::{CatalogRelation, FederatedPlan, PlanRequest, Pushdown, plan_query};
use dvt_sql::{Dialect, MARIADB, POSTGRES};
use futures::{FutureExt, StreamExt, TryStreamExt};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

fn relation(name: &str, columns: &[(&str, DataType)]) -> CatalogRelation {
    CatalogRelation {
        sql_name: ["c", "s", name].map(str::to_owned).to_vec(),
        connection: if name == "names" { "c" } else { "d" }.to_owned(),
        adapter_type: "postgres".to_owned(),
        dialect: &POSTGRES,
        description: RelationDescription {
            name: RelationName::new(None, Some("s"), name),
            kind: RelationKind::Table,
            columns: columns
                .iter()
                .map(|(name, data_type)| ColumnDescription {
                    name: (*name).to_owned(),
                    native_type: "x".to_owned(),
                    field: Ok(Field::new(*name, data_type.clone(), true)),
                    comparison: TextComparison::Binary,
                })
                .collect(),
            statistics: Statistics::default(),
        },
        display_name: name.to_owned(),
    }
}

/// A plan that computes everything here, over rows that are made up.
fn planned(sql: &str, dialect: &'static Dialect) -> FederatedPlan {
    planned_with(sql, dialect, Pushdown::Columns)
}

fn planned_with(sql: &str, dialect: &'static Dialect, pushdown: Pushdown) -> FederatedPlan {
    let relations = vec![
        relation(
            "numbers",
            &[("id", DataType::Int64), ("price", DataType::Decimal128(10, 2)), ("day", DataType::Date32)],
        ),
        relation("names", &[("id", DataType::Int64), ("name", DataType::Utf8)]),
    ];
    plan_query(PlanRequest { sql, dialect, relations, limit: None, pushdown }).unwrap()
}

/// The rows of each extract, made from the columns it asks for.
fn inputs(plan: &FederatedPlan, rows: i64) -> Vec<ExtractInput> {
    plan.extracts
        .iter()
        .map(|extract| {
            let schema = Arc::clone(&extract.schema);
            let open: OpenStream = Arc::new(move |_sql| {
                let schema = Arc::clone(&schema);
                let batches = (0..rows).step_by(1000).map(move |start| {
                    let ids: Vec<i64> = (start..rows.min(start + 1000)).collect();
                    let columns = schema.fields().iter().map(|field| column(field, &ids)).collect();
                    Ok(RecordBatch::try_new(Arc::clone(&schema), columns).unwrap())
                });
                let stream: BatchStream = futures::stream::iter(batches).boxed();
                futures::future::ready(Ok(stream)).boxed()
            });
            ExtractInput::Stream(open)
        })
        .collect()
}

fn column(field: &Field, ids: &[i64]) -> ArrayRef {
    match field.name().as_str() {
        "price" => Arc::new(
            ids.iter()
                .map(|id| Some(i128::from(*id) * 100 + 50))
                .collect::<Decimal128Array>()
                .with_precision_and_scale(10, 2)
                .unwrap(),
        ),
        "day" => Arc::new(Date32Array::from_iter_values(ids.iter().map(|id| 19_782 + i32::try_from(*id).unwrap()))),
        "name" => {
            Arc::new(StringArray::from_iter_values(ids.iter().map(|id| format!("name {id} {}", "x".repeat(200)))))
        }
        _ => Arc::new(Int64Array::from(ids.to_vec())),
    }
}

fn engine(memory_limit: u64) -> Engine {
    Engine::new(ComputeSettings { memory_limit, threads: 2, spill_dir: None, batch_size: 1024, reduces: true }).unwrap()
}

async fn rows(stream: ResultStream) -> Result<Vec<RecordBatch>, ComputeError> {
    stream.batches.try_collect().await
}

/// The result of a query over ten rows, as a table.
async fn result(sql: &str, dialect: &'static Dialect) -> Result<String, ComputeError> {
    let plan = planned(sql, dialect);
    let stream = engine(1 << 30).execute(&plan, inputs(&plan, 10), JoinStrategy::Hash).await?;
    let batches = rows(stream).await?;
    Ok(pretty_format_batches(&batches).unwrap().to_string())
}

async fn check(sql: &str, dialect: &'static Dialect, cells: &[&str]) {
    let table = result(sql, dialect).await.unwrap();
    let found: Vec<String> = table
        .lines()
        .skip(3)
        .filter(|line| line.starts_with('|'))
        .flat_map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>())
        .collect();
    assert_eq!(found, cells, "{sql}\n{table}");
}

/// The expected values are PostgreSQL 15's.
#[tokio::test]
async fn operators_mean_what_postgres_means() {
    let zeros = "000000000000";
    check("select avg(id) from c.s.numbers where id + 0 < 4", &POSTGRES, &[&format!("1.5000000000000000{zeros}")])
        .await;
    check("select avg(price) from c.s.numbers where id + 0 < 3", &POSTGRES, &[&format!("1.5000000000000000{zeros}")])
        .await;
    check("select sum(id) from c.s.numbers", &POSTGRES, &["45"]).await;
    check("select 7 / 2, -7 / 2, 7 % 3", &POSTGRES, &["3", "-3", "1"]).await;
    check(
        "select cast(2.5 as int), cast(-2.5 as int), cast(0.5::float8 as int), cast(1.5::float8 as int)",
        &POSTGRES,
        &["3", "-3", "0", "2"],
    )
    .await;
    check("select date '2024-03-01' - date '2024-02-01', date '2024-02-28' + 2", &POSTGRES, &["29", "2024-03-01"])
        .await;
    check("select cast('abcdef' as varchar(3)), cast('ab' as varchar(3))", &POSTGRES, &["abc", "ab"]).await;
    check("select max(day) - min(day) from c.s.numbers", &POSTGRES, &["9"]).await;
    check("select 'a' || null is null", &POSTGRES, &["true"]).await;
    check("select id from c.s.numbers where id not in (select nullif(id, 3) from c.s.names)", &POSTGRES, &[]).await;
    check("select cast('0001-01-01 00:00:00' as timestamp) < timestamp '9999-12-31 23:59:59'", &POSTGRES, &["true"])
        .await;
}

/// What random queries found to differ; the expected values are PostgreSQL 15's.
#[tokio::test]
async fn numbers_and_letters_are_those_of_postgres() {
    check("select round(0.5::float8), round(2.5::float8), round(-1.5::float8)", &POSTGRES, &["0.0", "2.0", "-2.0"])
        .await;
    check(
        "select round(1245.67, -1), round(-2.5), trunc(-2.57, 1), ceil(2.01), floor(-2.01)",
        &POSTGRES,
        &["1250", "-3", "-2.5", "3", "-3"],
    )
    .await;
    check(
        "select 1e2 as a, cast(1e2 as bigint) as b, sum(round(1e2)) as c from c.s.numbers",
        &POSTGRES,
        &["100", "100", "1000"],
    )
    .await;
    check("select upper('ßñ'), lower('ÀB'), initcap('ßa bC')", &POSTGRES, &["ßÑ", "àb", "ßa Bc"]).await;
    let quarter = format!("0.25{}", "0".repeat(26));
    check("select avg(price / 4) as a from c.s.numbers where id + 0 < 2", &POSTGRES, &[&quarter]).await;
    check("select count(*) from c.s.numbers where id + 0 is distinct from 3 and id + 0 < 5", &POSTGRES, &["4"]).await;
}

/// EXCEPT ALL and INTERSECT ALL count equal rows, NULLs among them.
#[tokio::test]
async fn equal_rows_are_counted_in_sets_with_all() {
    for (set, rows) in [
        ("select id % 3 from c.s.numbers except all select id % 4 from c.s.names where id + 0 < 4", "7"),
        ("select id % 3 from c.s.numbers except select id % 4 from c.s.names where id + 0 < 2", "1"),
        ("select id % 3 from c.s.numbers intersect all select id % 2 from c.s.names", "7"),
        ("select distinct id % 3 from c.s.numbers intersect all select id % 2 from c.s.names", "2"),
        (
            "select nullif(id % 2, 1) from c.s.numbers except all select nullif(id % 2, 1) from c.s.names where id + 0 < 3",
            "7",
        ),
        (
            "(select id, day from c.s.numbers union all select id, day from c.s.numbers) except all \
             select id, day from c.s.numbers",
            "10",
        ),
    ] {
        check(&format!("select count(*) from ({set}) as x"), &POSTGRES, &[rows]).await;
    }
}

/// What asks a subquery, and where, changes nothing of its answer: as a value, in an aggregate, in ON, in ORDER BY, one level
/// deeper, by more than equality. The expected values are PostgreSQL 15's.
#[tokio::test]
async fn subqueries_answer_wherever_they_stand() {
    let from = "from (select id, id + 5 as k from c.s.numbers) n";
    for (value, answer) in [
        ("sum(case when exists (select 1 from c.s.names m where m.id = n.k) then 1 else 0 end)", "5"),
        (
            "sum(case when not exists (select 1 from c.s.names m where m.id = n.k and m.id + 0 > 7) then 1 else 0 end)",
            "8",
        ),
        ("count(*) filter (where n.id in (select m.id from c.s.names m where m.id + 0 < 3))", "3"),
        ("count(*) filter (where n.id not in (select nullif(m.id, 3) from c.s.names m where m.id + 0 < 4))", "0"),
        (
            "count(*) filter (where n.id not in (select m.id from c.s.names m where m.id + 0 < n.k and m.id + 0 > 4))",
            "5",
        ),
        ("sum((select count(*) from c.s.names m where m.id = n.id and m.id + 0 > 4))", "5"),
        ("sum((select count(*) from c.s.names m where m.id < n.id))", "45"),
        ("sum((select m.id from c.s.names m where m.id < n.id order by m.id desc limit 1))", "36"),
        (
            "sum((select max(q.c) from (select count(*) as c from c.s.names m where m.id <= n.id group by m.id % 2) q))",
            "30",
        ),
        ("count((select m.name from c.s.names m where m.id = n.k))", "5"),
        ("bool_or(exists (select 1 from c.s.names m where m.id = n.k order by m.id limit 1))", "true"),
        ("bool_or(exists (select 1 from c.s.names m where m.id + 0 > 20))", "false"),
        ("count(*) filter (where n.id > all (select m.id from c.s.names m where m.id + 0 < 3))", "7"),
        ("count(*) filter (where n.id < any (select nullif(m.id, 9) from c.s.names m))", "8"),
        ("sum((select count(*) from (select m.id from c.s.names m where m.id = n.id union all select n.k) q))", "20"),
        ("sum((select sum(v.x) from (values (n.id), (n.k), (1)) as v (x)))", "150"),
        ("count((select 1 where n.id + 0 > 3 and exists (select 1 from c.s.names m where m.id = n.k)))", "1"),
    ] {
        check(&format!("select {value} {from}"), &POSTGRES, &[answer]).await;
    }
    let exists = "select n.id, exists (select 1 from c.s.names m where m.id = n.id and m.id + 0 > 1) as e \
                  from c.s.numbers n where n.id + 0 < 3 order by 1";
    check(exists, &POSTGRES, &["0", "false", "1", "false", "2", "true"]).await;
    for (query, rows) in [
        // Two levels, the inner one asking the outermost rows.
        (
            "select count(*) from c.s.numbers n where exists (select 1 from c.s.names m where m.id = n.id and exists \
             (select 1 from c.s.names p where p.id = m.id + n.id))",
            "5",
        ),
        (
            "select count(b.id) from c.s.numbers a left join c.s.names b on a.id = b.id and b.id in \
             (select q.id from c.s.names q where q.id + 0 > 6)",
            "3",
        ),
        (
            "select count(*) from c.s.numbers n where (select count(*) from c.s.names m where m.id > n.id) between 2 and 4",
            "3",
        ),
        (
            "select string_agg(cast(id as text), ',' order by id) from (select n.id from c.s.numbers n \
             order by (select count(*) from c.s.names m where m.id > n.id) limit 3) q",
            "7,8,9",
        ),
    ] {
        check(query, &POSTGRES, &[rows]).await;
    }
    let two = "select (select m.id from c.s.names m where m.id >= n.id) from c.s.numbers n";
    let error = result(two, &POSTGRES).await.expect_err("several rows");
    assert!(error.to_string().contains("more than one row"), "{error:?}");
}

/// LATERAL is computed for each row of what stands before it. The expected values are PostgreSQL 15's.
#[tokio::test]
async fn lateral_joins_see_the_rows_before_them() {
    for (query, cells) in [
        (
            "select n.id, l.id from c.s.numbers n cross join lateral (select m.id from c.s.names m where m.id > n.id \
             order by m.id limit 2) l where n.id + 0 > 6 order by 1, 2",
            vec!["7", "8", "7", "9", "8", "9"],
        ),
        (
            "select n.id, l.c from c.s.numbers n left join lateral (select count(*) as c from c.s.names m \
             where m.id = n.id + 8) l on l.c > 0 where n.id + 0 < 3 order by 1",
            vec!["0", "1", "1", "1", "2", ""],
        ),
        (
            "select n.id, v.k, v.x from c.s.numbers n, lateral (values ('a', n.id), ('b', n.id * 10)) as v (k, x) \
             where n.id + 0 < 2 order by 1, 2",
            vec!["0", "a", "0", "0", "b", "0", "1", "a", "1", "1", "b", "10"],
        ),
        (
            "select n.id, s.x from c.s.numbers n, lateral generate_series(1, n.id) as s (x) where n.id + 0 < 3 order by 1, 2",
            vec!["1", "1", "2", "1", "2", "2"],
        ),
        (
            "select count(*), sum(b.y) from c.s.numbers n cross join lateral (select n.id + 1 as x) a \
             cross join lateral (select a.x * 2 as y) b",
            vec!["10", "110"],
        ),
        ("select * from generate_series(1, 7, 3) as g", vec!["1", "4", "7"]),
        (
            "select d::date from generate_series(date '2024-01-30', date '2024-02-02', interval '1 day') d",
            vec!["2024-01-30", "2024-01-31", "2024-02-01", "2024-02-02"],
        ),
    ] {
        check(query, &POSTGRES, &cells).await;
    }
}

/// A join by IS NOT DISTINCT FROM stands beside others by equality, and each keeps its own meaning of NULL.
#[tokio::test]
async fn each_join_keeps_its_meaning_of_null() {
    let a = "(select id, nullif(id, 3) as x from c.s.numbers) a";
    let b = "(select id, nullif(id, 3) as x from c.s.names) b";
    for (query, rows) in [
        (format!("select count(*) from {a} join {b} on a.x is not distinct from b.x"), "10"),
        (format!("select count(*) from {a} join {b} on a.x is not distinct from b.x where a.id = b.id"), "10"),
        (format!("select count(*) from {a} join {b} on a.id is not distinct from b.id where a.x = b.x"), "9"),
        (
            format!("select count(*) from {a} join {b} on a.x is not distinct from b.x join c.s.names m on m.id = a.x"),
            "9",
        ),
        (
            format!(
                "select count(*) from c.s.names m join {a} on m.id = a.id join {b} on a.x is not distinct from b.x"
            ),
            "10",
        ),
    ] {
        check(&query, &POSTGRES, &[rows]).await;
    }
}

/// A condition that draws is drawn for each row of the join, wherever it is written and whatever stands beside it.
#[tokio::test]
async fn a_drawn_condition_is_drawn_for_each_joined_row() {
    let from = "select a.id from c.s.numbers a join c.s.names b on b.id + 0 >= 0";
    for query in [
        format!("{from} where random() < 0.5"),
        format!("{from} and random() < 0.5"),
        format!("{from} where random() < 0.5 and a.id + 0 >= 0 and b.id + 0 >= 0"),
        format!("{from} where random() < 0.5 or a.id + 0 < 0"),
        "select q.id from (select a.id from c.s.numbers a cross join c.s.names b) q where random() < 0.5".to_owned(),
        format!("select id from ({from} union all {from} where a.id + 0 < 0) q where random() < 0.5"),
    ] {
        let sql = format!("select id, count(*) as n from ({query}) as drawn group by id order by id");
        let plan = planned(&sql, &POSTGRES);
        assert!(plan.extracts.iter().all(|extract| !extract.sql.contains("random")), "{plan}");
        let stream = engine(1 << 30).execute(&plan, inputs(&plan, 200), JoinStrategy::Hash).await.unwrap();
        let counts: Vec<i64> = rows(stream)
            .await
            .unwrap()
            .iter()
            .flat_map(|batch| batch.column(1).as_primitive::<Int64Type>().values().to_vec())
            .collect();
        // 200 draws each: a hundred, give or take seven; never all and never none.
        assert!(counts.len() == 200 && counts.iter().all(|n| (50..150).contains(n)), "{sql}: {counts:?}\n{plan}");
    }
}

/// NULL is neither in a list nor not in it, wherever the condition stands.
#[tokio::test]
async fn in_with_a_subquery_keeps_its_nulls() {
    // `id + 0`: these inputs filter nothing, so nothing may be sent.
    for (condition, rows) in [
        ("nullif(n.id, 3) not in (select id + 0 from c.s.names where id + 0 > 7) or n.id + 0 < 0", "7"),
        ("not (nullif(n.id, 3) in (select id + 0 from c.s.names where id + 0 > 7) and n.id + 0 >= 0)", "7"),
        ("(nullif(n.id, 3) in (select id + 0 from c.s.names where id + 0 > 7)) is null", "1"),
        ("n.id not in (select nullif(m.id, 3) from c.s.names m where m.id = n.id)", "0"),
        ("n.id not in (select m.id + 1 from c.s.names m where m.id = n.id)", "10"),
        ("n.id not in (select nullif(m.id, 3) from c.s.names m) or n.id + 0 = 4", "1"),
        ("n.id in (select m.id from c.s.names m where m.id = n.id and m.id + 0 < 4)", "4"),
        ("nullif(n.id, 3) not in (select id + 0 from c.s.names where id + 0 < 0)", "10"),
        ("nullif(n.id, 3) not in (select id + 0 from c.s.names where id + 0 < 0) or n.id + 0 < 0", "10"),
    ] {
        check(&format!("select count(*) from c.s.numbers n where {condition}"), &POSTGRES, &[rows]).await;
    }
}

/// 128 bits go round at 39 digits: never without a word, in groups, totals and windows.
#[tokio::test]
async fn sums_that_do_not_fit_are_errors() {
    let wide = "(values (1, 9999999999999.999999), (1, 9999999999999.999998), (2, 1.5), (2, 2.5)) as v (k, x)";
    for sql in [
        format!("select sum(v.x * v.x) from {wide} cross join c.s.numbers"),
        format!("select v.k, sum(v.x * v.x) from {wide} cross join c.s.numbers group by v.k"),
        format!("select sum(distinct v.x * v.x) from {wide} cross join c.s.numbers"),
        format!("select avg(v.x * v.x) from {wide} cross join c.s.numbers"),
        format!(
            "select sum(v.x * v.x) over (order by v.x rows between 1 preceding and current row) from {wide} cross join c.s.numbers where id = 1"
        ),
    ] {
        let error = result(&sql, &POSTGRES).await.expect_err(&sql);
        assert!(matches!(&error, ComputeError::Value { .. }), "{sql}: {error:?}");
    }
    let fits = format!("select sum(v.x * v.x) from {wide} cross join c.s.numbers where v.k = 2 and id < 3");
    check(&fits, &POSTGRES, &["25.500000000000"]).await;
}

#[tokio::test]
async fn integers_that_do_not_fit_are_errors() {
    for sql in [
        "select 9223372036854775807 + id from c.s.numbers",
        "select -(id - 9223372036854775807 - 1) from c.s.numbers",
        "select id * 9223372036854775807 from c.s.numbers",
    ] {
        for dialect in [&POSTGRES, &MARIADB] {
            let error = result(sql, dialect).await.expect_err(sql);
            assert!(
                matches!(&error, ComputeError::Value { message } if message.contains("out of range")),
                "{sql}: {error:?}"
            );
        }
    }
}

#[tokio::test]
async fn division_in_mysql_is_decimal_and_by_zero_is_null() {
    check("select 7 / 2, 1 / 0", &MARIADB, &["3.5000", ""]).await;
    check("select avg(id) from c.s.numbers where id + 0 < 4", &MARIADB, &["1.5000"]).await;
}

#[tokio::test]
async fn dividing_by_zero_and_casting_what_does_not_fit_are_errors() {
    for sql in [
        "select 1.5 / (id - id) from c.s.numbers",
        "select cast(name as int) from c.s.names",
        "select 1 / (id - id) from c.s.numbers",
    ] {
        let error = result(sql, &POSTGRES).await.expect_err(sql);
        assert!(matches!(error, ComputeError::Value { .. }), "{sql}: {error:?}");
    }
}

#[tokio::test]
async fn a_join_that_does_not_fit_says_so_and_runs_sorted() {
    let plan =
        planned("select a.id, b.name from c.s.names a join c.s.names b on a.id = b.id and a.name = b.name", &POSTGRES);
    let small = engine(64 << 20);
    let hashed = rows(small.execute(&plan, inputs(&plan, 400_000), JoinStrategy::Hash).await.unwrap()).await;
    assert!(hashed.as_ref().is_err_and(ComputeError::is_memory_exhausted), "{:?}", hashed.map(|batches| batches.len()));
    let sorted =
        rows(small.execute(&plan, inputs(&plan, 400_000), JoinStrategy::SortMerge).await.unwrap()).await.unwrap();
    let mut ids: Vec<i64> =
        sorted.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..400_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_failing_input_comes_through_as_it_was() {
    let plan = planned("select count(*) from c.s.numbers a join c.s.names b on a.id = b.id", &POSTGRES);
    let failing: OpenStream = Arc::new(|_sql| {
        let error = AdapterError::new(ErrorClass::ValueDoesNotFit, "c", "zero date").with_column("day");
        futures::future::ready(Err(error)).boxed()
    });
    let mut inputs = inputs(&plan, 10);
    inputs[0] = ExtractInput::Stream(failing);
    let error =
        rows(engine(1 << 30).execute(&plan, inputs, JoinStrategy::Hash).await.unwrap()).await.expect_err("fails");
    let ComputeError::Input(error) = error else { panic!("{error:?}") };
    assert_eq!((error.class, error.column.as_deref()), (ErrorClass::ValueDoesNotFit, Some("day")));
}

/// The SQL that each connection is sent, in the order of the extracts, when `names` is known to be small and `numbers` large.
async fn sent_with_statistics(sql: &str, names: i64) -> Vec<String> {
    let mut plan = planned_with(sql, &POSTGRES, Pushdown::Whole);
    for extract in &mut plan.extracts {
        let is_small = extract.relation.identifier == "names";
        extract.statistics.rows = Some(if is_small { 100 } else { 6_000_000 });
    }
    let sent = Arc::new(Mutex::new(vec![String::new(); plan.extracts.len()]));
    let opened = inputs(&plan, names).into_iter().enumerate().map(|(index, input)| {
        let ExtractInput::Stream(open) = input else { panic!("streams only") };
        let sent = Arc::clone(&sent);
        let recording: OpenStream = Arc::new(move |sql| {
            sent.lock().unwrap()[index].clone_from(&sql);
            open(sql)
        });
        ExtractInput::Stream(recording)
    });
    let opened = opened.collect();
    rows(engine(1 << 30).execute(&plan, opened, JoinStrategy::Hash).await.unwrap()).await.unwrap();
    sent.lock().unwrap().clone()
}

#[tokio::test]
async fn the_large_side_of_a_join_is_asked_only_for_the_keys_of_the_small_side() {
    let sent =
        sent_with_statistics("select n.name, m.price from c.s.names n join c.s.numbers m on m.id = n.id", 3).await;
    assert_eq!(sent.iter().filter(|sql| sql.contains(" IN (")).count(), 1, "{sent:?}");
    let reduced = sent.iter().find(|sql| sql.contains("numbers")).unwrap();
    assert!(reduced.contains("(\"id\" IN (") && !sent.iter().any(|sql| sql.is_empty()), "{sent:?}");
}

/// The rows of the preserved side of an outer join are wanted whether they find a partner or not.
#[tokio::test]
async fn the_preserved_side_of_an_outer_join_is_read_whole() {
    let sent =
        sent_with_statistics("select n.name, m.price from c.s.numbers m left join c.s.names n on m.id = n.id", 3).await;
    assert!(!sent.iter().any(|sql| sql.contains(" IN (")), "{sent:?}");
    // Keys stand above a limit: a limit of what is left would be another five rows.
    let limited = "select n.name, m.price from c.s.names n join (select * from c.s.numbers limit 5) m on m.id = n.id";
    let sent = sent_with_statistics(limited, 3).await;
    assert!(sent.iter().any(|sql| sql.contains("\"numbers\" AS t0 LIMIT 5) AS t1 WHERE")), "{sent:?}");
}

/// Dropping the result drops the readers, which cancels the queries at their connections.
#[tokio::test]
async fn dropping_the_result_stops_the_inputs() {
    struct Guard(Arc<AtomicBool>);
    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let plan = planned("select id from c.s.numbers", &POSTGRES);
    let stopped = Arc::new(AtomicBool::new(false));
    let schema = Arc::clone(&plan.extracts[0].schema);
    let flag = Arc::clone(&stopped);
    let endless: OpenStream = Arc::new(move |_sql| {
        let guard = Guard(Arc::clone(&flag));
        let schema = Arc::clone(&schema);
        let stream: BatchStream = futures::stream::repeat_with(move || {
            let _alive = &guard;
            let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(vec![1; 10]))];
            Ok(RecordBatch::try_new(Arc::clone(&schema), columns).unwrap())
        })
        .boxed();
        futures::future::ready(Ok(stream)).boxed()
    });
    let inputs = vec![ExtractInput::Stream(endless)];
    let mut stream = engine(1 << 30).execute(&plan, inputs, JoinStrategy::Hash).await.unwrap();
    assert!(stream.batches.next().await.unwrap().unwrap().num_rows() > 0);
    drop(stream);
    for _ in 0..200 {
        if stopped.load(Ordering::SeqCst) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the input was still read");
}

/// A join below one that leaves out partitions waits for none of them; the one above keeps its keys.
#[test]
fn no_join_waits_for_a_partition_that_nobody_asks_for() {
    use datafusion::common::NullEquality;
    use datafusion::common::config::ConfigOptions;
    use datafusion::datasource::memory::MemorySourceConfig;
    use datafusion::logical_expr::JoinType;
    use datafusion::physical_expr::expressions::col;
    use datafusion::physical_optimizer::PhysicalOptimizerRule;
    use datafusion::physical_optimizer::filter_pushdown::FilterPushdown;
    use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode};
    use datafusion::physical_plan::repartition::RepartitionExec;
    use datafusion::physical_plan::{ExecutionPlan, Partitioning};

    let rows = |name: &str| -> Arc<dyn ExecutionPlan> {
        let ids: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
        let batch = RecordBatch::try_from_iter([(name, ids)]).unwrap();
        let schema = batch.schema();
        MemorySourceConfig::try_new_exec(&[vec![batch]], schema, None).unwrap()
    };
    let spread = |rows: Arc<dyn ExecutionPlan>, name: &str| -> Arc<dyn ExecutionPlan> {
        let key = col(name, &rows.schema()).unwrap();
        Arc::new(RepartitionExec::try_new(rows, Partitioning::Hash(vec![key], 2)).unwrap())
    };
    let joined = |left: Arc<dyn ExecutionPlan>, right: Arc<dyn ExecutionPlan>, names: (&str, &str), kind, mode| {
        let on = vec![(col(names.0, &left.schema()).unwrap(), col(names.1, &right.schema()).unwrap())];
        let join =
            HashJoinExec::try_new(left, right, on, None, &kind, None, mode, NullEquality::NullEqualsNothing, false);
        Arc::new(join.unwrap()) as Arc<dyn ExecutionPlan>
    };
    let below = joined(rows("a"), spread(rows("b"), "b"), ("a", "b"), JoinType::Inner, PartitionMode::CollectLeft);
    let whole = joined(spread(rows("c"), "c"), below, ("c", "b"), JoinType::Left, PartitionMode::Partitioned);
    let pushed = FilterPushdown::new_post_optimization().optimize(whole, &ConfigOptions::default()).unwrap();
    let tells = |plan: &Arc<dyn ExecutionPlan>| !plan.dynamic_expressions_produced().is_empty();
    assert!(tells(&pushed) && tells(pushed.children()[1]), "the engine has dynamic filters");
    let guarded = crate::waiting::without_endless_waits(pushed).unwrap();
    assert!(tells(&guarded) && !tells(guarded.children()[1]));
}
