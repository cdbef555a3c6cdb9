//! The same plans on both engines over the same staged tables: every row and type equal, or Spark's refusal by name.

use super::{SparkEngine, SparkSettings, spark_query};
use crate::{ComputeError, ComputeSettings, Engine, ExtractInput, JoinStrategy, ResultStream, SparkFailure};
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Decimal256Array, Float64Array, Int16Array,
    Int32Array, Int64Array, RecordBatch, StringArray, Time64MicrosecondArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow::datatypes::{DataType, Field, TimeUnit, i256};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use dvt_adapter::{
    BatchStream, CancellationToken, ColumnDescription, ConnectionIdentity, RelationDescription, RelationKind,
    RelationName, Statistics, TextComparison,
};
use dvt_federation::{CatalogRelation, FederatedPlan, PlanRequest, Pushdown, plan_query};
use dvt_sql::{Dialect, LAKE, POSTGRES};
use dvt_staging::{Bucket, OpenExtract, StageRequest, StagedTable, Staging, StagingKey};
use futures::{FutureExt, StreamExt, TryStreamExt};
use std::sync::Arc;

const ROWS: usize = 1000;

/// Columns of `facts`, each with a NULL every eleventh row.
fn facts(name: &str) -> (DataType, ArrayRef) {
    let rows = 0..i64::try_from(ROWS).unwrap();
    let some = |n: i64| (n % 11 != 5).then_some(n);
    let utc = || Some("UTC".into());
    match name {
        "id" => (DataType::Int64, Arc::new(rows.map(Some).collect::<Int64Array>())),
        "k" => (DataType::Int32, Arc::new(rows.map(|n| some(n).map(|n| (n % 7) as i32)).collect::<Int32Array>())),
        "small" => {
            (DataType::Int16, Arc::new(rows.map(|n| some(n).map(|n| (n % 100 - 50) as i16)).collect::<Int16Array>()))
        }
        "price" => (
            DataType::Decimal128(12, 2),
            Arc::new(
                rows.map(|n| some(n).map(|n| i128::from(n * 7919 % 100_003 - 50_000)))
                    .collect::<Decimal128Array>()
                    .with_precision_and_scale(12, 2)
                    .unwrap(),
            ),
        ),
        "ratio" => (
            DataType::Float64,
            Arc::new(rows.map(|n| some(n).map(|n| (n % 64) as f64 / 8.0 - 3.0)).collect::<Float64Array>()),
        ),
        "name" => (
            DataType::Utf8,
            Arc::new(
                rows.map(|n| {
                    some(n).map(|n| {
                        ["", "Straße ñ", "it's \\ ${x}", " padded ", "ΟΔΟΣ İ", "a,b,c", "100%_x", "😀 x"]
                            [usize::try_from(n % 8).unwrap()]
                    })
                })
                .collect::<StringArray>(),
            ),
        ),
        "day" => (
            DataType::Date32,
            Arc::new(rows.map(|n| some(n).map(|n| (n * 37 - 400_000) as i32)).collect::<Date32Array>()),
        ),
        "at" => (
            DataType::Timestamp(TimeUnit::Microsecond, None),
            Arc::new(
                rows.map(|n| some(n).map(|n| n * 86_399_000_017 - 9_000_000_000_000_000))
                    .collect::<TimestampMicrosecondArray>(),
            ),
        ),
        "zoned" => (
            DataType::Timestamp(TimeUnit::Microsecond, utc()),
            Arc::new(
                rows.map(|n| some(n).map(|n| n * 3_600_000_001))
                    .collect::<TimestampMicrosecondArray>()
                    .with_timezone("UTC"),
            ),
        ),
        "flag" => (DataType::Boolean, Arc::new(rows.map(|n| some(n).map(|n| n % 3 == 0)).collect::<BooleanArray>())),
        "big" => (
            DataType::Decimal256(76, 28),
            Arc::new(
                rows.map(|n| some(n).map(|n| i256::from_i128(i128::from(n) * 12_345_678_901_234_567_890)))
                    .collect::<Decimal256Array>()
                    .with_precision_and_scale(76, 28)
                    .unwrap(),
            ),
        ),
        "clock" => (
            DataType::Time64(TimeUnit::Microsecond),
            Arc::new(rows.map(|n| some(n).map(|n| n * 1_000_003)).collect::<Time64MicrosecondArray>()),
        ),
        "unsigned" => {
            (DataType::UInt64, Arc::new(rows.map(|n| some(n).map(|n| u64::MAX - n as u64)).collect::<UInt64Array>()))
        }
        "bytes" => (
            DataType::Binary,
            Arc::new(rows.map(|n| some(n).map(|n| vec![0, (n % 256) as u8])).collect::<BinaryArray>()),
        ),
        other => panic!("{other}"),
    }
}

const FACTS: &[&str] =
    &["id", "k", "small", "price", "ratio", "name", "day", "at", "zoned", "flag", "big", "clock", "unsigned", "bytes"];

fn dims(name: &str) -> (DataType, ArrayRef) {
    match name {
        "id" => (DataType::Int32, Arc::new(Int32Array::from(vec![Some(0), Some(1), Some(2), Some(3), None, Some(9)]))),
        "label" => (
            DataType::Utf8,
            Arc::new(StringArray::from(vec![
                Some("zero"),
                None,
                Some("two"),
                Some("three"),
                Some("none"),
                Some("nine"),
            ])),
        ),
        "weight" => (
            DataType::Decimal128(10, 4),
            Arc::new(
                Decimal128Array::from(vec![Some(12_345), Some(-5), None, Some(99_999), Some(1), Some(0)])
                    .with_precision_and_scale(10, 4)
                    .unwrap(),
            ),
        ),
        other => panic!("{other}"),
    }
}

const DIMS: &[&str] = &["id", "label", "weight"];

type ColumnOf = fn(&str) -> (DataType, ArrayRef);

fn relation(name: &str, columns: &[&str], of: ColumnOf) -> CatalogRelation {
    CatalogRelation {
        sql_name: ["c", "s", name].map(str::to_owned).to_vec(),
        connection: name.to_owned(),
        adapter_type: "postgres".to_owned(),
        dialect: &POSTGRES,
        description: RelationDescription {
            name: RelationName::new(None, Some("s"), name),
            kind: RelationKind::Table,
            columns: columns
                .iter()
                .map(|column| ColumnDescription {
                    name: (*column).to_owned(),
                    native_type: "x".to_owned(),
                    field: Ok(Field::new(*column, of(column).0, true)),
                    comparison: TextComparison::Binary,
                })
                .collect(),
            statistics: Statistics::default(),
        },
        display_name: name.to_owned(),
    }
}

fn planned(sql: &str, dialect: &'static Dialect) -> FederatedPlan {
    try_planned(sql, dialect).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

fn try_planned(sql: &str, dialect: &'static Dialect) -> Result<FederatedPlan, String> {
    let relations = vec![relation("facts", FACTS, facts), relation("dims", DIMS, dims)];
    let request = PlanRequest { sql, dialect, relations, limit: None, pushdown: Pushdown::Columns };
    plan_query(request).map_err(|error| error.to_string())
}

struct Both {
    embedded: Arc<Engine>,
    spark: SparkEngine,
    staging: Arc<Staging>,
}

impl Both {
    async fn staged(&self, plan: &FederatedPlan) -> Vec<Arc<StagedTable>> {
        let mut tables = Vec::new();
        for extract in &plan.extracts {
            let of: ColumnOf = if extract.connection == "facts" { facts } else { dims };
            let columns: Vec<ArrayRef> = extract
                .schema
                .fields()
                .iter()
                .map(|field| match field.name().as_str() {
                    "dvt_row" => Arc::new(Int64Array::from(vec![1; of("id").1.len()])) as ArrayRef,
                    name => of(name).1,
                })
                .collect();
            let batch = RecordBatch::try_new(Arc::clone(&extract.schema), columns).unwrap();
            let batches: Vec<_> = (0..batch.num_rows())
                .step_by(300)
                .map(|at| Ok(batch.slice(at, 300.min(batch.num_rows() - at))))
                .collect();
            let identity = ConnectionIdentity {
                adapter_type: "postgres".to_owned(),
                host: extract.connection.clone(),
                port: None,
                database: String::new(),
                user: String::new(),
            };
            let request = StageRequest {
                connection: extract.connection.clone(),
                relation: "x".to_owned(),
                key: StagingKey::new(&identity, &extract.sql, &extract.schema),
                schema: Arc::clone(&extract.schema),
                proof: None,
            };
            let open: OpenExtract = Box::new(move || {
                let rows: BatchStream = futures::stream::iter(batches).boxed();
                futures::future::ready(Ok(rows)).boxed()
            });
            let outcome = self.staging.stage(&request, open.into(), &CancellationToken::new()).await.unwrap();
            tables.push(outcome.table);
        }
        tables
    }

    /// The rows of both, as text.
    async fn run(&self, sql: &str, dialect: &'static Dialect) -> Result<(Vec<String>, Vec<String>), String> {
        let plan = try_planned(sql, dialect)?;
        let tables = self.staged(&plan).await;
        let own = self.embedded.execute(&plan, staged_inputs(&tables), JoinStrategy::Hash).await;
        let own = lines(own.map_err(|error| error.to_string())?).await.map_err(|error| format!("embedded: {error}"))?;
        let spark = self.spark.execute(&plan, staged_inputs(&tables), JoinStrategy::Hash).await;
        let spark = lines(spark.map_err(|error| error.to_string())?).await.map_err(|error| error.to_string())?;
        Ok((own, spark))
    }
}

fn staged_inputs(tables: &[Arc<StagedTable>]) -> Vec<ExtractInput> {
    tables.iter().cloned().map(ExtractInput::Staged).collect()
}

async fn lines(rows: ResultStream) -> Result<Vec<String>, ComputeError> {
    let schema = Arc::clone(&rows.schema);
    let batches: Vec<RecordBatch> = rows.batches.try_collect().await?;
    let mut lines = Vec::new();
    for batch in batches {
        assert_eq!(batch.schema(), schema);
        let options = FormatOptions::default().with_null("NULL");
        let columns: Vec<_> =
            batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
        for row in 0..batch.num_rows() {
            let cells: Vec<String> = columns.iter().map(|column| column.value(row).to_string()).collect();
            lines.push(cells.join("|"));
        }
    }
    Ok(lines)
}

/// The processes whose parent is this one.
fn children_of(parent: u32) -> Vec<u32> {
    let mut children = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(id) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let status = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let after_name = status.rsplit(')').next().unwrap_or_default().to_owned();
        let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let is_server = String::from_utf8_lossy(&command).contains("SparkConnectServer");
        if after_name.split_whitespace().nth(1) == Some(&parent.to_string()) && is_server {
            let is_java = std::fs::read_link(entry.path().join("exe")).is_ok_and(|path| path.ends_with("java"));
            children.extend(is_java.then_some(id));
        }
    }
    children
}

/// What both engines compute to the last digit. `ORDER BY` at the end compares the order too.
const EQUAL: &[&str] = &[
    "select * from c.s.facts",
    "select id, big, clock, unsigned, bytes, zoned from c.s.facts where big is not null and id + 0 < 50",
    "select count(*), count(k), count(distinct name), sum(id), sum(small), min(name), max(day), min(at), max(zoned) from c.s.facts",
    "select k, count(*), sum(price), min(price), avg(price), avg(k), sum(k) from c.s.facts group by k",
    "select name, flag, count(*) as n from c.s.facts group by name, flag having count(*) > 3 order by n desc, name nulls first, flag",
    "select f.id, d.label, f.price * d.weight as p, f.price + d.weight as s, f.price - 1 from c.s.facts f join c.s.dims d on f.k = d.id",
    "select f.id, d.label from c.s.facts f left join c.s.dims d on f.k = d.id and d.weight > 0 where f.id + 0 < 100",
    "select d.id, count(f.id) from c.s.facts f right join c.s.dims d on f.k = d.id group by d.id",
    "select count(*), count(f.id), count(d.id) from c.s.facts f full join c.s.dims d on f.k = d.id",
    "select id from c.s.facts where k in (select id from c.s.dims where weight > 0) order by id desc limit 7",
    "select id from c.s.facts where k not in (select id from c.s.dims where id is not null)",
    "select id from c.s.facts where k not in (select id from c.s.dims)",
    "select id from c.s.facts f where not exists (select 1 from c.s.dims d where d.id = f.k)",
    "select id, case when k = 1 then 'one' when k is null then null else name end, coalesce(k, -1), nullif(k, 2) from c.s.facts",
    "select id from c.s.facts where name like '%\\%\\_x' or name like '%''s%' or name like '%$%'",
    "select id from c.s.facts where name between ' ' and 'a,b,d' and not flag",
    "select id, upper(name), lower(name), length(name), octet_length(name), trim(name), reverse(name) from c.s.facts",
    "select id, substr(name, 2, 3), left(name, 2), right(name, 2), lpad(name, 9, '*'), replace(name, 'a', 'bb'), strpos(name, 'x'), split_part(name, ',', 2), md5(name) from c.s.facts",
    "select id, name || '|' || coalesce(name, 'nothing'), concat(name, '-', name), translate(name, 'abc', 'xy') from c.s.facts",
    "select id, k + small, k - small, k * small, small / 7, small % 7, -k, abs(small) from c.s.facts",
    "select id, round(price, 1), round(price), ceil(price), floor(price), cast(price as int) as i, cast(price as bigint) as j from c.s.facts",
    "select id, ratio * 2, ratio + k, ratio / 4, cast(ratio as int) as i, round(ratio), cast(k as double precision) from c.s.facts",
    "select id, day + 3, day - date '2000-01-01', day + interval '1 month', at - interval '1 day 2 hours', at + interval '0.000001 seconds' from c.s.facts",
    "select id, date_trunc('month', at), date_trunc('week', at), date_trunc('hour', zoned), date_trunc('quarter', at) from c.s.facts",
    "select id, extract(year from at), extract(month from day), extract(dow from day), extract(doy from at), extract(hour from at), extract(week from day) from c.s.facts",
    "select id, cast(day as timestamp) as a, cast(at as date) as b, cast(k as text) as c, cast(flag as text) as d, cast(price as text) as e, cast(day as text) as f, cast(zoned as timestamp) as g from c.s.facts",
    "select id from c.s.facts where at > timestamp '1700-01-01 00:00:00' and zoned <= timestamptz '1970-01-15 00:00:00+02' and day <> date '1582-10-10'",
    "select id, row_number() over (partition by k order by id), rank() over (order by k nulls first), sum(price) over (partition by k order by id), lag(id) over (order by id), count(*) over () from c.s.facts",
    "select id, first_value(id) over (partition by k order by id desc), last_value(id) over (partition by k order by id rows between unbounded preceding and unbounded following), sum(id) over (order by id rows between 2 preceding and current row), ntile(4) over (order by id), dense_rank() over (order by k) from c.s.facts",
    "select k, id from (select k, id, row_number() over (partition by k order by id desc) as n from c.s.facts) x where n <= 2",
    "select k, 1 as o from c.s.facts union all select id, 2 from c.s.dims",
    "select k from c.s.facts union select id from c.s.dims",
    "select distinct k, flag from c.s.facts",
    "select k from c.s.facts intersect select id from c.s.dims",
    "select id from c.s.dims except select k from c.s.facts",
    "select id from c.s.facts where id > (select max(id) from c.s.dims) and id < 40 order by id",
    "select id, (select max(weight) from c.s.dims) as w from c.s.facts where id + 0 < 3",
    "with a as (select k, sum(price) as p from c.s.facts group by k) select a.k, b.p from a join a b on a.k = b.k where a.p > 0",
    "select * from c.s.facts where id + 0 < 0",
    "select id from c.s.facts order by name desc nulls last, id limit 20 offset 5",
    "select bool_and(flag), bool_or(flag), bool_and(k > 100) from c.s.facts",
    "select k, count(*) filter (where flag), sum(price) filter (where price > 0) from c.s.facts group by k",
    "select greatest(k, small, 3), least(price, 10) from c.s.facts",
    "select count(*) from (select 1 from c.s.facts cross join c.s.dims) x",
    "select stddev(ratio) is not null, variance(ratio) is not null from c.s.facts",
    "select 7 as a, 'x' as b, null as c from c.s.dims",
];

/// What stays above Spark's rows, and what is refused.
const REFUSED: &[(&str, &str)] = &[
    ("select count(*) from c.s.facts where big > 5", "big"),
    ("select name, array_agg(id) from c.s.facts group by name", "array_agg"),
    ("select id from (select id, price / 3 as q from c.s.facts) x where q > 1 group by id", "exact_division"),
    ("select id from c.s.facts where name ilike 'A%' group by id", "ILIKE"),
];

#[test]
fn what_has_no_faithful_meaning_is_refused_by_name() {
    for (sql, name) in REFUSED {
        match spark_query(&planned(sql, &POSTGRES)) {
            Err(SparkFailure::Refused { construct }) => assert!(construct.contains(name), "{sql}: {construct}"),
            Err(other) => panic!("{sql}: {other}"),
            Ok(query) => panic!("{sql}: {}", query.sql),
        }
    }
}

#[test]
fn a_plan_is_one_query_with_a_step_for_each_operator() {
    let sql = "select d.label, sum(f.price) as total from c.s.facts f join c.s.dims d on f.k = d.id \
               where f.id > 3 group by d.label order by total desc nulls last limit 2";
    let query = spark_query(&planned(sql, &POSTGRES)).unwrap();
    let last = query.sql.lines().last().unwrap();
    assert!(
        last.starts_with("SELECT") && last.ends_with("ORDER BY t.`total` DESC NULLS LAST LIMIT 2"),
        "{}",
        query.sql
    );
    assert!(query.sql.contains("JOIN") && query.sql.contains("GROUP BY t.`label`"), "{}", query.sql);
    assert_eq!(query.kept, None);
    // PostgreSQL's average of exact numbers is computed over Spark's rows.
    let query = spark_query(&planned("select k, avg(price) from c.s.facts group by k", &POSTGRES)).unwrap();
    assert!(query.kept.as_deref().is_some_and(|kept| kept.contains("exact_division")), "{:?}", query.kept);
    assert!(query.sql.contains("sum(") && !query.sql.contains("/"), "{}", query.sql);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_engines_give_equal_rows() {
    let Some(distributions) = dvt_test_support::spark() else { return };
    let folder = std::env::temp_dir().join(format!("dvt spark [test] {}", std::process::id()));
    let embedded = Arc::new(Engine::new(ComputeSettings::default()).unwrap());
    let settings = SparkSettings {
        version: Some(dvt_test_support::SPARK_VERSION.to_owned()),
        master: "local[2]".to_owned(),
        distributions: vec![distributions],
        logs: folder.join("logs"),
        config: [("spark.driver.memory", "1g"), ("spark.sql.shuffle.partitions", "2")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .to_vec(),
        ..SparkSettings::new("local")
    };
    let staging = Staging::new(Bucket::filesystem("b", &folder.join("bucket")).unwrap(), "run1");
    let both = Both { embedded: Arc::clone(&embedded), spark: SparkEngine::new(settings, embedded), staging };
    let mut problems = Vec::new();
    assert_eq!(both.spark.version().await.unwrap(), dvt_test_support::SPARK_VERSION);
    for dialect in [&POSTGRES, &LAKE] {
        for sql in EQUAL {
            // The lake's SQL is the engine's own: what its aggregates and numbers mean is compared, the rest is the same.
            if dialect.name != "postgres" && !sql.contains("avg(") && !sql.contains("k * small") {
                continue;
            }
            let (mut own, mut spark) = match both.run(sql, dialect).await {
                Ok(rows) => rows,
                Err(error) => {
                    problems.push(format!("{}: {sql}\n    {error}", dialect.name));
                    continue;
                }
            };
            if !sql.contains("order by") || sql.contains("over (") {
                own.sort();
                spark.sort();
            }
            if own != spark {
                let at =
                    own.iter().zip(&spark).position(|(own, spark)| own != spark).unwrap_or(own.len().min(spark.len()));
                problems.push(format!(
                    "{}: {sql}\n    {} and {} rows; own   {:?}\n    spark {:?}",
                    dialect.name,
                    own.len(),
                    spark.len(),
                    own.get(at),
                    spark.get(at)
                ));
            }
        }
    }
    // A value that fails is Spark's error, with its class.
    for (sql, class) in [
        ("select 1 / (k - k) from c.s.facts", "DIVIDE_BY_ZERO"),
        ("select sum(id) from c.s.facts where 9223372036854775807 - id + 5 > 0", "ARITHMETIC_OVERFLOW"),
    ] {
        let plan = planned(sql, &POSTGRES);
        let tables = both.staged(&plan).await;
        let failed = match both.spark.execute(&plan, staged_inputs(&tables), JoinStrategy::Hash).await {
            Ok(rows) => lines(rows).await.err(),
            Err(error) => Some(error),
        };
        match failed {
            Some(ComputeError::Spark(failure)) if failure.to_string().contains(class) => {}
            other => problems.push(format!("{sql}: {other:?}")),
        }
    }
    assert!(problems.is_empty(), "{} problems\n{}", problems.len(), problems.join("\n"));
    // A stream that is dropped ends its query, and the session goes on.
    let plan = planned(
        "select count(*) from c.s.facts a cross join c.s.facts b cross join c.s.facts c cross join c.s.facts d",
        &POSTGRES,
    );
    let tables = both.staged(&plan).await;
    let rows = both.spark.execute(&plan, staged_inputs(&tables), JoinStrategy::Hash).await.unwrap();
    let waited = tokio::time::timeout(std::time::Duration::from_secs(2), lines(rows)).await;
    assert!(waited.is_err(), "10^12 rows were counted in two seconds");
    let (own, spark) = both.run("select count(*) from c.s.dims", &POSTGRES).await.unwrap();
    assert_eq!(own, spark);
    // A server that goes away in mid-query is told as what it is, and the next query has a new one; here the run ends.
    let keeper = both.spark.session().await.unwrap().server.as_ref().unwrap().id().await.unwrap();
    let rows = both.spark.execute(&plan, staged_inputs(&tables), JoinStrategy::Hash).await.unwrap();
    let reading = tokio::spawn(lines(rows));
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    for child in children_of(keeper) {
        let killed = std::process::Command::new("/bin/kill").args(["-KILL", &child.to_string()]).status().unwrap();
        assert!(killed.success());
    }
    match reading.await.unwrap() {
        Err(ComputeError::Spark(failure)) => {
            assert!(matches!(*failure, SparkFailure::Server { .. }) && failure.is_retryable(), "{failure}");
            assert!(failure.to_string().contains("was killed by signal 9"), "{failure}");
        }
        other => panic!("{other:?}"),
    }
    both.spark.stop().await;
    drop(both);
    std::fs::remove_dir_all(&folder).unwrap();
}
