//! Tests of the public behaviour.

use crate::*;
use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use dvt_adapter::{AdapterError, BatchStream, CancellationToken, ConnectionIdentity, ErrorClass};
use futures::{FutureExt, StreamExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

fn identity(host: &str) -> ConnectionIdentity {
    ConnectionIdentity {
        adapter_type: "postgres".into(),
        host: host.into(),
        port: Some(5432),
        database: "shop".into(),
        user: "reader".into(),
    }
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]))
}

fn request(sql: &str) -> StageRequest {
    StageRequest {
        connection: "shop".into(),
        relation: "public.orders".into(),
        key: StagingKey::new(&identity("db"), sql, &schema()),
        schema: schema(),
        proof: None,
    }
}

fn numbers(count: i64) -> RecordBatch {
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..count));
    RecordBatch::try_new(schema(), vec![column]).unwrap()
}

fn opens(rows: Vec<Result<RecordBatch, AdapterError>>) -> OpenExtract {
    Box::new(move || async move { Ok(futures::stream::iter(rows).boxed()) }.boxed())
}

/// Gives its rows only after the others have come.
fn opens_counted(opened: &Arc<AtomicUsize>) -> OpenExtract {
    let opened = Arc::clone(opened);
    Box::new(move || {
        async move {
            opened.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok(futures::stream::iter([Ok(numbers(7))]).boxed())
        }
        .boxed()
    })
}

fn broken(message: &str) -> AdapterError {
    AdapterError::new(ErrorClass::ConnectionLost, "shop", message)
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

fn place() -> (tempfile::TempDir, Bucket) {
    let dir = tempfile::tempdir().unwrap();
    let bucket = Bucket::filesystem("local", &dir.path().join("a bucket")).unwrap();
    (dir, bucket)
}

#[test]
fn a_key_holds_whatever_changes_the_rows() {
    let key = |host: &str, sql: &str, field: Field| StagingKey::new(&identity(host), sql, &Schema::new(vec![field]));
    let field = || Field::new("n", DataType::Int64, true);
    let whole = key("db", "select n from t", field());
    assert_eq!(whole, key("db", "select n from t", field()));
    let others = [
        key("db2", "select n from t", field()),
        key("db", "select n from t where n > 1", field()),
        key("db", "select n from t limit 10", field()),
        key("db", "select n from t", Field::new("n", DataType::Int32, true)),
        key("db", "select n from t", Field::new("m", DataType::Int64, true)),
        key(
            "db",
            "select n from t",
            field().with_metadata([("dvt:native_type".into(), "postgres:bigint".into())].into()),
        ),
    ];
    for (index, other) in others.iter().enumerate() {
        assert_ne!(&whole, other, "case {index}");
    }
    let wide = StagingKey::new(
        &identity("db"),
        "select n from t",
        &Schema::new(vec![field(), Field::new("m", DataType::Int64, true)]),
    );
    assert_ne!(whole, wide);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_staged_table_says_where_it_is_and_what_it_holds() {
    let (dir, bucket) = place();
    let staging = Staging::new(bucket, "run-1");
    let request = request("select n from t");
    let staged = staging
        .stage(&request, opens(vec![Ok(numbers(7)), Ok(numbers(3))]).into(), &CancellationToken::new())
        .await
        .unwrap();
    assert_eq!(staged.origin, Origin::Read);
    let table = &staged.table;
    assert_eq!((table.version, table.rows, &table.schema), (0, 10, &schema()));
    assert!(
        table.location.ends_with(&format!("/sources/shop/public.orders/{}-run1", request.key)),
        "{}",
        table.location
    );
    let folder = dir.path().join(format!("a bucket/sources/shop/public.orders/{}-run1", request.key));
    let bytes: u64 = std::fs::read_dir(&folder)
        .unwrap()
        .filter_map(|entry| entry.unwrap().path().extension().is_some_and(|e| e == "parquet").then_some(()))
        .count() as u64;
    assert_eq!(bytes, 1);
    assert!(table.bytes > 0);
    staging.remove_all().await.unwrap();
    assert_eq!(files_below(dir.path()), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_ask_for_the_same_extract_share_it_and_others_do_not() {
    let (_dir, bucket) = place();
    let staging = Staging::new(bucket, "run1");
    let opened = Arc::new(AtomicUsize::new(0));
    let cancel = CancellationToken::new();
    let (whole, limited) = (request("select n from t"), request("select n from t limit 10"));
    let (a, b, c) = tokio::join!(
        staging.stage(&whole, opens_counted(&opened).into(), &cancel),
        staging.stage(&whole, opens_counted(&opened).into(), &cancel),
        staging.stage(&limited, opens_counted(&opened).into(), &cancel),
    );
    let (a, b, c) = (a.unwrap(), b.unwrap(), c.unwrap());
    assert_eq!(opened.load(Ordering::SeqCst), 2);
    assert_eq!(usize::from(a.origin == Origin::Shared) + usize::from(b.origin == Origin::Shared), 1);
    assert_eq!(c.origin, Origin::Read);
    assert!(Arc::ptr_eq(&a.table, &b.table));
    assert_ne!(a.table.location, c.table.location);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_extract_is_never_visible_and_leaves_nothing() {
    let (dir, bucket) = place();
    let staging = Staging::new(bucket.clone(), "run1");
    let request = request("select n from t");
    let cancel = CancellationToken::new();
    let error =
        staging.stage(&request, opens(vec![Ok(numbers(9)), Err(broken("gone"))]).into(), &cancel).await.unwrap_err();
    assert!(matches!(&error, StagingError::Extract(cause) if cause.message == "gone"), "{error}");
    assert!(error.is_retryable());
    assert_eq!(files_below(&dir.path().join("a bucket/sources")), Vec::<PathBuf>::new());
    assert!(bucket.staged_tables().await.unwrap().is_empty());

    let again = staging.stage(&request, opens(vec![Ok(numbers(9))]).into(), &cancel).await.unwrap();
    assert_eq!(again.table.rows, 9, "the next caller stages for itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_node_stages_for_itself_when_the_first_one_fails() {
    let (_dir, bucket) = place();
    let staging = Staging::new(bucket, "run1");
    let request = request("select n from t");
    let cancel = CancellationToken::new();
    let first: OpenExtract = Box::new(|| {
        async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Err(broken("gone"))
        }
        .boxed()
    });
    let opened = Arc::new(AtomicUsize::new(0));
    let (a, b) = tokio::join!(staging.stage(&request, first.into(), &cancel), async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        staging.stage(&request, opens_counted(&opened).into(), &cancel).await
    });
    assert!(a.is_err());
    assert_eq!(b.unwrap().table.rows, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_extract_ends_at_once_and_leaves_nothing() {
    let (dir, bucket) = place();
    let staging = Staging::new(bucket, "run1");
    let cancel = CancellationToken::new();
    let endless: OpenExtract = Box::new(|| {
        async {
            let rows: BatchStream =
                futures::stream::iter([Ok(numbers(1000))]).chain(futures::stream::pending()).boxed();
            Ok(rows)
        }
        .boxed()
    });
    let fire = cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(50)).await;
        fire.cancel();
    });
    let error = staging.stage(&request("select 1"), endless.into(), &cancel).await.unwrap_err();
    assert!(matches!(error, StagingError::Cancelled { .. }), "{error}");
    staging.remove_all().await.unwrap();
    assert_eq!(files_below(dir.path()), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_removes_its_own_tables_only() {
    let (_dir, bucket) = place();
    let (one, two) = (Staging::new(bucket.clone(), "run1"), Staging::new(bucket.clone(), "run2"));
    let request = request("select n from t");
    let cancel = CancellationToken::new();
    one.stage(&request, opens(vec![Ok(numbers(1))]).into(), &cancel).await.unwrap();
    let kept = two.stage(&request, opens(vec![Ok(numbers(2))]).into(), &cancel).await.unwrap();
    one.remove_all().await.unwrap();
    let left = bucket.staged_tables().await.unwrap();
    assert_eq!(left.len(), 1);
    assert!(kept.table.location.ends_with(&left[0].name), "{} {}", kept.table.location, left[0].name);
    assert!(left[0].committed && left[0].bytes >= kept.table.bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn cleaning_takes_whole_old_tables_and_nothing_else() {
    let (dir, bucket) = place();
    let root = dir.path().join("a bucket");
    let stranger = root.join("sources/notes.txt");
    let outside = dir.path().join("precious.parquet");
    let staging = Staging::new(bucket.clone(), "run1");
    let cancel = CancellationToken::new();
    staging.stage(&request("a"), opens(vec![Ok(numbers(1))]).into(), &cancel).await.unwrap();
    staging.stage(&request("b"), opens(vec![Ok(numbers(1))]).into(), &cancel).await.unwrap();
    std::fs::write(&stranger, "mine").unwrap();
    std::fs::write(&outside, "mine").unwrap();
    let old = std::time::SystemTime::now() - Duration::from_secs(3 * 86_400);
    let age = |path: &Path| {
        std::fs::File::options().write(true).open(path).unwrap().set_modified(old).unwrap();
    };
    let first_key = request("a").key.to_string();
    for path in files_below(&root) {
        let is_data = path.extension().is_some_and(|extension| extension == "parquet");
        // All of table a is old; of table b only the data file is, its commit is new.
        if path.display().to_string().contains(&first_key) || is_data {
            age(&path);
        }
    }
    age(&stranger);
    age(&outside);
    let report = bucket.clean(Duration::from_secs(86_400)).await.unwrap();
    assert_eq!((report.removed.len(), report.kept, report.in_use), (0, 2, 1), "the run that wrote them still lives");
    drop(staging);
    let report = bucket.clean(Duration::from_secs(86_400)).await.unwrap();
    assert_eq!((report.removed.len(), report.kept), (1, 1));
    assert!(report.removed[0].name.contains(&first_key));
    assert_eq!(bucket.staged_tables().await.unwrap().len(), 1);
    assert!(stranger.exists() && outside.exists());
    assert!(files_below(&root).iter().any(|path| path.extension().is_some_and(|extension| extension == "parquet")));
}

#[test]
fn a_bucket_without_a_prefix_is_refused() {
    for path in ["", "/", "/tmp/..", "//"] {
        let error = Bucket::filesystem("local", Path::new(path)).unwrap_err();
        assert!(matches!(&error, StagingError::Configuration { bucket, .. } if bucket == "local"), "{path:?}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rows_come_back_through_datafusion() {
    let (_dir, bucket) = place();
    let staging = Staging::new(bucket, "run1");
    let staged =
        staging.stage(&request("a"), opens(vec![Ok(numbers(7))]).into(), &CancellationToken::new()).await.unwrap();
    let context = datafusion::prelude::SessionContext::new();
    context.register_table("t", staged.table.table_provider()).unwrap();
    let rows = context.sql("select n from t where n >= 5 order by n").await.unwrap().collect().await.unwrap();
    let column = rows[0].column(0);
    assert_eq!(column.as_any().downcast_ref::<Int64Array>().unwrap().values(), &[5, 6]);
    assert_eq!(column.len(), 2);
}

/// A source whose rows and state the test sets.
#[derive(Clone, Default)]
struct Source {
    state: Arc<std::sync::Mutex<(String, i64)>>,
    opened: Arc<AtomicUsize>,
}

impl Source {
    fn new(token: &str, rows: i64) -> Self {
        let source = Self::default();
        source.set(token, rows);
        source
    }

    fn set(&self, token: &str, rows: i64) {
        *self.state.lock().unwrap() = (token.to_owned(), rows);
    }

    fn times_read(&self) -> usize {
        self.opened.load(Ordering::SeqCst)
    }

    fn request(&self, sql: &str) -> StageRequest {
        let token = self.state.lock().unwrap().0.clone();
        let this = self.clone();
        let ask = Arc::new(move || {
            let token = this.state.lock().unwrap().0.clone();
            async move { Ok(Some(token)) }.boxed()
        });
        StageRequest { proof: Some(Proof { token, ask }), ..request(sql) }
    }

    fn rows(&self) -> Vec<Result<RecordBatch, AdapterError>> {
        self.opened.fetch_add(1, Ordering::SeqCst);
        vec![Ok(numbers(self.state.lock().unwrap().1))]
    }

    fn whole(&self) -> Reading {
        let this = self.clone();
        let open: OpenExtract = Box::new(move || {
            let rows = this.rows();
            async move { Ok(futures::stream::iter(rows).boxed()) }.boxed()
        });
        open.into()
    }

    /// In four parts, of which the one called `fails` does.
    fn parts(&self, fails: &'static str, before: impl Fn(&str) + Send + Sync + 'static) -> Reading {
        let this = self.clone();
        let open: OpenPart = Box::new(move |condition| {
            before(condition);
            let rows = if condition == fails { vec![Err(broken("gone"))] } else { this.rows() };
            async move { Ok(futures::stream::iter(rows).boxed()) }.boxed()
        });
        let conditions = ["one", "two", "three", "four"].map(str::to_owned).to_vec();
        Reading { parts: Some(Parts { conditions, open, on_part: Box::new(|_, _| {}) }), ..self.whole() }
    }
}

async fn stage(staging: &Staging, request: &StageRequest, reading: Reading) -> Result<StageOutcome, StagingError> {
    staging.stage(request, reading, &CancellationToken::new()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_proven_serves_later_runs_until_the_source_changes() {
    let (dir, bucket) = place();
    let source = Source::new("v1", 7);
    let first = Staging::new(bucket.clone(), "run1");
    let request = source.request("a");
    assert_eq!(first.look_up(&request).await.unwrap(), None);
    assert_eq!(stage(&first, &request, source.whole()).await.unwrap().origin, Origin::Read);
    first.remove_all().await.unwrap();
    assert!(bucket.staged_tables().await.unwrap()[0].kept);

    let second = Staging::new(bucket.clone(), "run2");
    assert_eq!(second.look_up(&request).await.unwrap(), Some(Origin::Reused));
    let reused = stage(&second, &request, source.whole()).await.unwrap();
    assert_eq!((reused.origin, reused.table.rows, source.times_read()), (Origin::Reused, 7, 1));
    // Another question is another table, and without proof nothing is taken over.
    assert_eq!(stage(&second, &source.request("b"), source.whole()).await.unwrap().origin, Origin::Read);
    let unproven = StageRequest { proof: None, ..source.request("a") };
    assert_eq!(stage(&second, &unproven, source.whole()).await.unwrap().origin, Origin::Read);
    assert_eq!(source.times_read(), 3);
    // While a run reads it, nobody removes it.
    let report = bucket.clean(Duration::ZERO).await.unwrap();
    assert_eq!((report.removed.len(), report.in_use), (0, 3));
    second.remove_all().await.unwrap();

    source.set("v2", 9);
    let third = Staging::new(bucket.clone(), "run3");
    let changed = stage(&third, &source.request("a"), source.whole()).await.unwrap();
    assert_eq!((changed.origin, changed.table.rows), (Origin::Read, 9));
    third.remove_all().await.unwrap();
    // What it supersedes is gone; the other question's table stays.
    assert_eq!(bucket.staged_tables().await.unwrap().len(), 2);
    assert_eq!(bucket.clean(Duration::ZERO).await.unwrap().removed.len(), 2);
    assert_eq!(files_below(dir.path()), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_changes_while_it_is_read_proves_nothing() {
    let (_dir, bucket) = place();
    let source = Source::new("v1", 7);
    let request = source.request("a");
    let staging = Staging::new(bucket.clone(), "run1");
    let reading = source.whole();
    source.set("v2", 7);
    assert_eq!(stage(&staging, &request, reading).await.unwrap().origin, Origin::Read);
    staging.remove_all().await.unwrap();
    assert!(bucket.staged_tables().await.unwrap().is_empty());
}

/// Every file of a kept table, cut at every length, gone, or emptied: never other rows.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_table_is_read_again() {
    let (dir, bucket) = place();
    let source = Source::new("v1", 7);
    let fill = || async {
        let staging = Staging::new(bucket.clone(), "filler");
        stage(&staging, &source.request("a"), source.whole()).await.unwrap();
        staging.remove_all().await.unwrap();
    };
    fill().await;
    let files = files_below(dir.path());
    assert!(files.len() >= 3, "{files:?}");
    for index in 0..files.len() {
        let whole = std::fs::read(&files_below(dir.path())[index]).unwrap();
        let lines: Vec<usize> =
            whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1).collect();
        let mut lengths = vec![0, 1, whole.len() / 2, whole.len() - 1];
        lengths.extend(lines.into_iter().filter(|length| *length < whole.len()));
        for length in lengths.into_iter().map(Some).chain([None]) {
            let path = files_below(dir.path())[index].clone();
            match length {
                Some(length) => std::fs::write(&path, &std::fs::read(&path).unwrap()[..length]).unwrap(),
                None => std::fs::remove_file(&path).unwrap(),
            }
            let staging = Staging::new(bucket.clone(), "run1");
            let staged = stage(&staging, &source.request("a"), source.whole()).await.unwrap();
            let context = datafusion::prelude::SessionContext::new();
            context.register_table("t", staged.table.table_provider()).unwrap();
            let rows = context.sql("select count(*) as c, sum(n) as s from t").await.unwrap().collect().await.unwrap();
            let value = |column: usize| rows[0].column(column).as_any().downcast_ref::<Int64Array>().unwrap().value(0);
            assert_eq!((value(0), value(1)), (7, 21), "{} cut to {length:?}", path.display());
            staging.remove_all().await.unwrap();
            bucket.clean(Duration::ZERO).await.unwrap();
            fill().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extract_in_parts_goes_on_where_a_run_ended() {
    let (_dir, bucket) = place();
    let source = Source::new("v1", 5);
    let dead = Staging::new(bucket.clone(), "run1");
    let error = stage(&dead, &source.request("a"), source.parts("three", |_| {})).await.unwrap_err();
    assert!(matches!(error, StagingError::Extract(_)), "{error}");
    assert_eq!(source.times_read(), 2);
    // As a kill leaves it: nothing is tidied up.
    drop(dead);

    let resumed = Staging::new(bucket.clone(), "run2");
    let outcome = stage(&resumed, &source.request("a"), source.parts("", |_| {})).await.unwrap();
    assert_eq!(outcome.origin, Origin::Resumed { parts_done: 2, parts: 4 });
    assert_eq!((outcome.table.rows, source.times_read()), (20, 4));
    resumed.remove_all().await.unwrap();
    let later = Staging::new(bucket.clone(), "run3");
    assert_eq!(stage(&later, &source.request("a"), source.whole()).await.unwrap().origin, Origin::Reused);
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_two_states_are_never_put_together() {
    let (_dir, bucket) = place();
    let source = Source::new("v1", 5);
    let dead = Staging::new(bucket.clone(), "run1");
    stage(&dead, &source.request("a"), source.parts("three", |_| {})).await.unwrap_err();
    drop(dead);
    // Between the runs, and then between two parts.
    source.set("v2", 6);
    let second = Staging::new(bucket.clone(), "run2");
    let changing = source.clone();
    let reading = source.parts("", move |part| {
        if part == "three" {
            changing.set("v3", 7);
        }
    });
    let outcome = stage(&second, &source.request("a"), reading).await.unwrap();
    // One query, of the state as it is then.
    assert_eq!((outcome.origin, outcome.table.rows), (Origin::Read, 7));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_that_resume_the_same_extract_give_the_same_rows() {
    let (_dir, bucket) = place();
    let source = Source::new("v1", 5);
    let dead = Staging::new(bucket.clone(), "run1");
    stage(&dead, &source.request("a"), source.parts("two", |_| {})).await.unwrap_err();
    drop(dead);
    let (left, right) = (Staging::new(bucket.clone(), "left"), Staging::new(bucket.clone(), "right"));
    let request = source.request("a");
    let (left, right) = tokio::join!(
        stage(&left, &request, source.parts("", |_| {})),
        stage(&right, &request, source.parts("", |_| {}))
    );
    // Whoever read it in parts has four times the rows of whoever read it whole, in this source.
    let rows = [left.unwrap().table.rows, right.unwrap().table.rows];
    assert!(rows.iter().all(|rows| [20, 5].contains(rows)) && rows.contains(&20), "{rows:?}");
}

/// Runs that come and go, and cleaning all the while: every reader sees whole tables.
#[tokio::test(flavor = "multi_thread")]
async fn no_reader_is_broken_by_cleaning() {
    let (_dir, bucket) = place();
    let source = Source::new("v1", 1000);
    let runs: usize = std::env::var("DVT_STAGING_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(40);
    let stop = CancellationToken::new();
    let (cleaner, until) = (bucket.clone(), stop.clone());
    let cleaning = tokio::spawn(async move {
        let mut removed = 0;
        while !until.is_cancelled() {
            removed += cleaner.clean(Duration::ZERO).await.unwrap().removed.len();
            cleaner.optimize().await.unwrap();
        }
        removed
    });
    let mut readers = Vec::new();
    for reader in 0..4 {
        let (bucket, source) = (bucket.clone(), source.clone());
        readers.push(tokio::spawn(async move {
            for run in 0..runs {
                let staging = Staging::new(bucket.clone(), &format!("reader{reader}run{run}"));
                let staged = stage(&staging, &source.request("a"), source.whole()).await.unwrap();
                let context = datafusion::prelude::SessionContext::new();
                context.register_table("t", staged.table.table_provider()).unwrap();
                tokio::time::sleep(Duration::from_millis(2)).await;
                let rows = context.sql("select n from t").await.unwrap().collect().await.unwrap();
                assert_eq!(rows.iter().map(RecordBatch::num_rows).sum::<usize>(), 1000);
                staging.remove_all().await.unwrap();
            }
        }));
    }
    for reader in readers {
        reader.await.unwrap();
    }
    stop.cancel();
    cleaning.await.unwrap();
}
