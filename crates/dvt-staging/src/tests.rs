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
    let staged =
        staging.stage(&request, opens(vec![Ok(numbers(7)), Ok(numbers(3))]), &CancellationToken::new()).await.unwrap();
    assert!(!staged.shared);
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
        staging.stage(&whole, opens_counted(&opened), &cancel),
        staging.stage(&whole, opens_counted(&opened), &cancel),
        staging.stage(&limited, opens_counted(&opened), &cancel),
    );
    let (a, b, c) = (a.unwrap(), b.unwrap(), c.unwrap());
    assert_eq!(opened.load(Ordering::SeqCst), 2);
    assert_eq!(usize::from(a.shared) + usize::from(b.shared), 1);
    assert!(!c.shared);
    assert!(Arc::ptr_eq(&a.table, &b.table));
    assert_ne!(a.table.location, c.table.location);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_extract_is_never_visible_and_leaves_nothing() {
    let (dir, bucket) = place();
    let staging = Staging::new(bucket.clone(), "run1");
    let request = request("select n from t");
    let cancel = CancellationToken::new();
    let error = staging.stage(&request, opens(vec![Ok(numbers(9)), Err(broken("gone"))]), &cancel).await.unwrap_err();
    assert!(matches!(&error, StagingError::Extract(cause) if cause.message == "gone"), "{error}");
    assert!(error.is_retryable());
    assert_eq!(files_below(dir.path()), Vec::<PathBuf>::new());
    assert!(bucket.staged_tables().await.unwrap().is_empty());

    let again = staging.stage(&request, opens(vec![Ok(numbers(9))]), &cancel).await.unwrap();
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
    let (a, b) = tokio::join!(staging.stage(&request, first, &cancel), async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        staging.stage(&request, opens_counted(&opened), &cancel).await
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
    let error = staging.stage(&request("select 1"), endless, &cancel).await.unwrap_err();
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
    one.stage(&request, opens(vec![Ok(numbers(1))]), &cancel).await.unwrap();
    let kept = two.stage(&request, opens(vec![Ok(numbers(2))]), &cancel).await.unwrap();
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
    staging.stage(&request("a"), opens(vec![Ok(numbers(1))]), &cancel).await.unwrap();
    staging.stage(&request("b"), opens(vec![Ok(numbers(1))]), &cancel).await.unwrap();
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
    let staged = staging.stage(&request("a"), opens(vec![Ok(numbers(7))]), &CancellationToken::new()).await.unwrap();
    let context = datafusion::prelude::SessionContext::new();
    context.register_table("t", staged.table.table_provider()).unwrap();
    let rows = context.sql("select n from t where n >= 5 order by n").await.unwrap().collect().await.unwrap();
    let column = rows[0].column(0);
    assert_eq!(column.as_any().downcast_ref::<Int64Array>().unwrap().values(), &[5, 6]);
    assert_eq!(column.len(), 2);
}
