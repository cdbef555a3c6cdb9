//! How fast rows go out and in. Run with `--run-ignored only bench`, best in a release build.

use crate::support::{adapter, profile, run, stream};
use dvt_adapter::{CancellationToken, LoadColumn, LoadRequest, RelationName};
use futures::StreamExt;
use std::time::Instant;

const ROWS: u64 = 1_000_000;

/// CPU seconds of this process so far.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    // utime and stime, in hundredths.
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a benchmark"]
async fn bench_extract_and_load() {
    let Some(database) = dvt_test_support::mysql() else { return };
    let adapter = adapter(&profile(&database, "mariadb"));
    run(
        adapter.as_ref(),
        &format!(
            "create table wide (id bigint not null, a int, b double, price decimal(15,2), qty decimal(15,2), flag char(1),
               shipped date, at datetime(6), code varchar(25), note varchar(44));
             insert into wide select seq, seq % 1000, seq / 7, seq / 100, seq % 50, 'R', date'1995-01-01' + interval seq % 2000 day,
               '2024-01-01 00:00:00' + interval seq second, concat('code ', seq % 100), concat('some words about ', seq)
               from seq_1_to_{ROWS}"
        ),
    )
    .await;
    let report = |what: &str, started: Instant, cpu: f64| {
        let seconds = started.elapsed().as_secs_f64();
        println!(
            "{what}: {seconds:.2} s, {:.0} rows/s, {:.2} s client CPU",
            ROWS as f64 / seconds,
            cpu_seconds() - cpu
        );
    };
    for _ in 0..3 {
        let (started, cpu) = (Instant::now(), cpu_seconds());
        let (_, mut batches) = stream(adapter.as_ref(), "select * from wide").await;
        let mut rows = 0;
        while let Some(batch) = batches.next().await {
            rows += batch.unwrap().num_rows() as u64;
        }
        assert_eq!(rows, ROWS);
        report("extract", started, cpu);
    }
    let (schema, batches) = stream(adapter.as_ref(), "select * from wide").await;
    let batches: Vec<_> = batches.collect().await;
    let columns = schema.fields().iter().map(|field| LoadColumn {
        name: field.name().clone(),
        column_type: adapter.column_type(field).unwrap(),
        nullable: field.is_nullable(),
    });
    let request = LoadRequest {
        relation: RelationName::new(None, None, "copy"),
        columns: columns.collect(),
        schema: schema.clone(),
        on_behalf_of: "bench".to_owned(),
        options: serde_json::Map::new(),
    };
    let (started, cpu) = (Instant::now(), cpu_seconds());
    let loaded = adapter.load(request, futures::stream::iter(batches).boxed(), CancellationToken::new()).await.unwrap();
    assert_eq!(loaded.rows, ROWS);
    report("load", started, cpu);
}
