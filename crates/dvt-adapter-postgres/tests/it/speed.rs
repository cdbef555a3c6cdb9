//! How fast rows come and go: `cargo nextest run -p dvt-adapter-postgres --run-ignored only --no-capture speed`.

use crate::support::{adapter, describe, output_with, run, schema_of};
use arrow::array::RecordBatch;
use dvt_adapter::{BatchStream, CancellationToken, ExtractRequest, LoadColumn, LoadRequest, RelationName};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Map, json};
use std::time::{Duration, Instant};

const ROWS: usize = 1_000_000;

/// CPU time of this process so far: its own part of the work, not the server's.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

#[expect(clippy::print_stdout, reason = "the figures are for the person who asked")]
fn report(what: &str, columns: usize, begun: Instant, cpu: Duration) {
    let (wall, cpu) = (begun.elapsed(), cpu_time() - cpu);
    let per_value = cpu.as_nanos() as usize / (ROWS * columns);
    println!(
        "{what}: {:.2} s wall, {:.2} s client CPU, {:.0} rows/s, {per_value} ns CPU per value",
        wall.as_secs_f64(),
        cpu.as_secs_f64(),
        ROWS as f64 / wall.as_secs_f64(),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn a_million_rows_of_ten_columns() {
    let Some(database) = dvt_test_support::postgres() else { return };
    let adapter = adapter(&output_with(&database, json!({"sslmode": "disable"})));
    run(
        adapter.as_ref(),
        &format!(
            "create table source as select i::int8 as id, (i % 1000)::int4 as customer, (i % 7)::int2 as kind, \
             (i * 0.37)::numeric(15,2) as amount, i / 3.0::float8 as ratio, i % 2 = 0 as is_paid, \
             'customer number ' || i as name, date '2020-01-01' + (i % 1000)::int as day, \
             timestamp '2020-01-01' + i * interval '1 second' as at, case when i % 5 = 0 then null else md5(i::text) end as hash \
             from generate_series(1, {ROWS}) as g(i)"
        ),
    )
    .await;
    let schema = schema_of(&describe(adapter.as_ref(), "source").await);
    let mut batches: Vec<RecordBatch> = Vec::new();
    for _ in 0..3 {
        let (begun, cpu) = (Instant::now(), cpu_time());
        let request =
            ExtractRequest { sql: "select * from source".to_owned(), schema: schema.clone(), batch_rows: 8192 };
        let stream = adapter.extract(request, CancellationToken::new()).await.unwrap();
        batches = stream.try_collect().await.unwrap();
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), ROWS);
        report("extract", schema.fields().len(), begun, cpu);
    }
    for round in 0..2 {
        let (begun, cpu) = (Instant::now(), cpu_time());
        let columns = schema.fields().iter().map(|field| LoadColumn {
            name: field.name().clone(),
            column_type: adapter.column_type(field).unwrap(),
            nullable: true,
        });
        let request = LoadRequest {
            relation: RelationName::new(None, Some("public"), &format!("copy_{round}")),
            columns: columns.collect(),
            schema: schema.clone(),
            on_behalf_of: "model.speed.copy".to_owned(),
            options: Map::new(),
        };
        let rows: BatchStream = stream::iter(batches.clone().into_iter().map(Ok)).boxed();
        let loaded = adapter.load(request, rows, CancellationToken::new()).await.unwrap();
        assert_eq!(loaded.rows as usize, ROWS);
        report(&format!("load ({} MB)", loaded.bytes >> 20), schema.fields().len(), begun, cpu);
    }
    let differences = database.sql("select count(*) from (select * from source except select * from copy_0) as d");
    assert_eq!(differences, "0\n");
}
