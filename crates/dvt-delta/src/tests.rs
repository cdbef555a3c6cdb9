//! Tests of the public behaviour.

use crate::*;
use arrow::array::*;
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::*;
use datafusion::prelude::SessionContext;
use futures::StreamExt;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn stream(batches: Vec<RecordBatch>) -> RowStream {
    futures::stream::iter(batches.into_iter().map(Ok)).boxed()
}

fn place() -> (tempfile::TempDir, TableLocation) {
    let dir = tempfile::tempdir().unwrap();
    let location = Store::filesystem(dir.path()).unwrap().table(&["main", "my table"]);
    (dir, location)
}

async fn read(table: &DeltaTable) -> RecordBatch {
    query(table, "select * from t").await
}

async fn query(table: &DeltaTable, sql: &str) -> RecordBatch {
    let context = SessionContext::new();
    context.register_table("t", table.table_provider()).unwrap();
    let frame = context.sql(sql).await.unwrap();
    let schema: SchemaRef = Arc::new(frame.schema().as_arrow().clone());
    let batches = frame.collect().await.unwrap();
    for batch in &batches {
        assert_eq!(batch.schema().fields(), schema.fields());
    }
    arrow::compute::concat_batches(&schema, &batches).unwrap()
}

fn files_below(dir: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path.display().to_string()) }
        }
    }
    found.sort();
    found
}

/// Every type that an adapter may deliver, with values at the edges and a NULL in each nullable column.
fn everything() -> RecordBatch {
    let utc: Option<Arc<str>> = Some("UTC".into());
    let decimal256 = Decimal256Array::from(vec![
        Some(i256::from_string("1234567890123456789012345678901234567890123456789012345678901234567890").unwrap()),
        Some(i256::from_i128(-1)),
        None,
    ])
    .with_precision_and_scale(76, 28)
    .unwrap();
    let mut lists = ListBuilder::new(UInt32Builder::new());
    lists.append_value([Some(u32::MAX), None]);
    lists.append_value([]);
    lists.append_null();
    let interval = |months, days, nanos| Some(IntervalMonthDayNano::new(months, days, nanos));
    let structure = StructArray::new(
        vec![Field::new("a b", DataType::UInt64, true), Field::new("t", DataType::Time64(TimeUnit::Microsecond), true)]
            .into(),
        vec![
            Arc::new(UInt64Array::from(vec![Some(u64::MAX), None, Some(0)])) as ArrayRef,
            Arc::new(Time64MicrosecondArray::from(vec![Some(86_399_999_999), Some(0), None])),
        ],
        Some(NullBuffer::from(vec![true, true, false])),
    );
    let map = {
        let keys = StringArray::from(vec!["k1", "k2", "k1"]);
        let values = UInt16Array::from(vec![Some(1), None, Some(u16::MAX)]);
        let fields: Fields =
            vec![Field::new("keys", DataType::Utf8, false), Field::new("values", DataType::UInt16, true)].into();
        let entries = StructArray::new(fields.clone(), vec![Arc::new(keys), Arc::new(values)], None);
        MapArray::new(
            Arc::new(Field::new("entries", DataType::Struct(fields), false)),
            OffsetBuffer::new(vec![0, 2, 3, 3].into()),
            entries,
            Some(NullBuffer::from(vec![true, true, false])),
            false,
        )
    };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("bool", Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]))),
        ("i8", Arc::new(Int8Array::from(vec![Some(i8::MIN), Some(i8::MAX), None]))),
        ("i64", Arc::new(Int64Array::from(vec![Some(i64::MIN), Some(i64::MAX), None]))),
        ("u8", Arc::new(UInt8Array::from(vec![Some(u8::MAX), Some(0), None]))),
        ("u32", Arc::new(UInt32Array::from(vec![Some(u32::MAX), Some(0), None]))),
        ("u64", Arc::new(UInt64Array::from(vec![Some(u64::MAX), Some(0), None]))),
        ("f32", Arc::new(Float32Array::from(vec![Some(f32::MIN_POSITIVE), Some(f32::INFINITY), None]))),
        ("f64", Arc::new(Float64Array::from(vec![Some(-0.0), Some(f64::MAX), None]))),
        ("text", Arc::new(StringArray::from(vec![Some(""), Some("NULL \u{0}\t\n\"'ü"), None]))),
        ("large", Arc::new(LargeStringArray::from(vec![Some("x"), Some(""), None]))),
        ("bytes", Arc::new(BinaryArray::from(vec![Some(&b""[..]), Some(&[0, 255]), None]))),
        (
            "fixed",
            Arc::new(
                FixedSizeBinaryArray::try_from_sparse_iter_with_size(
                    [Some([1u8, 2]), Some([0, 0]), None].into_iter(),
                    2,
                )
                .unwrap(),
            ),
        ),
        (
            "dec15_2",
            Arc::new(Decimal128Array::from(vec![Some(-99), Some(0), None]).with_precision_and_scale(15, 2).unwrap()),
        ),
        (
            "dec38",
            Arc::new(
                Decimal128Array::from(vec![Some(10i128.pow(38) - 1), Some(1), None])
                    .with_precision_and_scale(38, 10)
                    .unwrap(),
            ),
        ),
        (
            "dec_neg",
            Arc::new(Decimal128Array::from(vec![Some(12), Some(-7), None]).with_precision_and_scale(5, -2).unwrap()),
        ),
        (
            "dec256_20",
            Arc::new(
                Decimal256Array::from(vec![Some(i256::from_i128(7)), Some(i256::from_i128(-7)), None])
                    .with_precision_and_scale(20, 3)
                    .unwrap(),
            ),
        ),
        ("numeric", Arc::new(decimal256)),
        ("date", Arc::new(Date32Array::from(vec![Some(-719_162), Some(2_932_896), None]))),
        ("date64", Arc::new(Date64Array::from(vec![Some(86_400_000), Some(-86_400_000), None]))),
        ("time", Arc::new(Time64MicrosecondArray::from(vec![Some(0), Some(86_399_999_999), None]))),
        ("time32", Arc::new(Time32SecondArray::from(vec![Some(0), Some(86_399), None]))),
        (
            "ts",
            Arc::new(TimestampMicrosecondArray::from(vec![
                Some(-62_135_596_800_000_000),
                Some(253_402_300_799_999_999),
                None,
            ])),
        ),
        (
            "ts_utc",
            Arc::new(TimestampMicrosecondArray::from(vec![Some(-1), Some(1), None]).with_timezone_opt(utc.clone())),
        ),
        ("ts_zone", Arc::new(TimestampMillisecondArray::from(vec![Some(-1), Some(1), None]).with_timezone("+02:00"))),
        ("ts_s", Arc::new(TimestampSecondArray::from(vec![Some(-1), Some(1), None]))),
        ("ts_ns", Arc::new(TimestampNanosecondArray::from(vec![Some(i64::MIN), Some(1_000_000_001), None]))),
        ("duration", Arc::new(DurationMicrosecondArray::from(vec![Some(-5), Some(5), None]))),
        (
            "interval",
            Arc::new(IntervalMonthDayNanoArray::from(vec![
                interval(-1, 40, 1_000),
                interval(i32::MAX, i32::MIN, i64::MIN),
                None,
            ])),
        ),
        ("interval_ym", Arc::new(IntervalYearMonthArray::from(vec![Some(14), Some(-1), None]))),
        (
            "interval_dt",
            Arc::new(IntervalDayTimeArray::from(vec![
                Some(IntervalDayTime::new(1, -1)),
                Some(IntervalDayTime::new(0, 0)),
                None,
            ])),
        ),
        ("list", Arc::new(lists.finish())),
        ("struct", Arc::new(structure)),
        ("map", Arc::new(map)),
        ("dictionary", Arc::new(DictionaryArray::<Int32Type>::from_iter([Some("a"), Some("b"), None]))),
        ("nothing", Arc::new(NullArray::new(3))),
        ("A name, with (marks) = ü", Arc::new(Int32Array::from(vec![Some(1), Some(2), None]))),
        ("TEXT", Arc::new(Int32Array::from(vec![Some(3), Some(4), None]))),
    ];
    let mut fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| {
            Field::new(*name, array.data_type().clone(), true).with_metadata(HashMap::from([
                ("dvt:native_type".to_owned(), format!("postgres:{name}")),
                ("dvt:logical_type".to_owned(), "varchar(7)".to_owned()),
            ]))
        })
        .collect();
    let mut arrays: Vec<ArrayRef> = columns.into_iter().map(|(_, array)| array).collect();
    fields.push(Field::new("id", DataType::Int64, false));
    arrays.push(Arc::new(Int64Array::from(vec![1, 2, 3])));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_comes_back_exactly_with_its_metadata() {
    let (_dir, location) = place();
    let batch = everything();
    let created = DeltaTable::create(&location, &batch.schema(), stream(vec![batch.clone()])).await.unwrap();
    for table in [created, DeltaTable::open(&location).await.unwrap()] {
        assert_eq!(table.schema(), batch.schema());
        assert_eq!(table.rows(), Some(3));
        assert_eq!(table.version(), 0);
        let back = read(&table).await;
        assert_eq!(back.schema().fields(), batch.schema().fields());
        for (index, field) in batch.schema().fields().iter().enumerate() {
            assert_eq!(back.column(index), batch.column(index), "column {}", field.name());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_projection_with_a_filter_reads_decoded_columns() {
    let (_dir, location) = place();
    let batch = everything();
    let table = DeltaTable::create(&location, &batch.schema(), stream(vec![batch])).await.unwrap();
    let rows = query(&table, "select u64, id from t where u64 > 5 and id < 3").await;
    assert_eq!(rows.num_rows(), 1);
    assert_eq!(rows.column(0).as_primitive::<UInt64Type>().value(0), u64::MAX);
    let count = query(&table, "select count(*) from t").await;
    assert_eq!(count.column(0).as_primitive::<Int64Type>().value(0), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_without_a_counterpart_is_refused_by_name_and_nothing_is_written() {
    let (dir, location) = place();
    let union =
        DataType::Union(UnionFields::from_fields(vec![Field::new("a", DataType::Int32, true)]), UnionMode::Sparse);
    let schema = Arc::new(Schema::new(vec![Field::new("id", DataType::Int32, true), Field::new("both", union, true)]));
    let error = DeltaTable::create(&location, &schema, stream(vec![])).await.unwrap_err();
    let WriteError::Delta(error) = error else { panic!("{error}") };
    assert_eq!((error.kind, error.column.as_deref()), (DeltaErrorKind::UnsupportedType, Some("both")));
    assert!(error.to_string().contains("column `both`"), "{error}");
    assert_eq!(files_below(dir.path()), Vec::<String>::new());
}

fn numbers(range: std::ops::Range<i64>) -> RecordBatch {
    RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from_iter_values(range)) as ArrayRef)]).unwrap()
}

async fn sum(table: &DeltaTable) -> (i64, i64) {
    let rows = query(table, "select count(*), coalesce(sum(n), 0) from t").await;
    (rows.column(0).as_primitive::<Int64Type>().value(0), rows.column(1).as_primitive::<Int64Type>().value(0))
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_stay_readable_through_append_overwrite_compact_and_vacuum() {
    let (dir, location) = place();
    let schema = numbers(0..1).schema();
    let v0 = DeltaTable::create(&location, &schema, stream(vec![numbers(0..10)])).await.unwrap();
    let v1 = v0.append(stream(vec![numbers(10..20)])).await.unwrap();
    let stale = v1.clone();
    let v2 = v1.overwrite(&schema, stream(vec![numbers(0..5)])).await.unwrap();
    assert_eq!((v0.version(), v1.version(), v2.version()), (0, 1, 2));
    assert_eq!((sum(&v0).await, sum(&v1).await, sum(&v2).await), ((10, 45), (20, 190), (5, 10)));
    assert_eq!(sum(&DeltaTable::open_version(&location, 1).await.unwrap()).await, (20, 190));

    let late = stale.overwrite(&schema, stream(vec![numbers(0..1)])).await.unwrap_err();
    let WriteError::Delta(late) = late else { panic!("{late}") };
    assert_eq!(late.kind, DeltaErrorKind::Conflict);
    let appended = stale.append(stream(vec![numbers(100..101)])).await;
    assert!(appended.is_ok(), "an append is no conflict: {appended:?}");

    let v3 = DeltaTable::open(&location).await.unwrap();
    assert_eq!((sum(&v3).await, v3.files().len()), ((6, 110), 2));
    let v4 = v3.compact().await.unwrap();
    assert_eq!((sum(&v4).await, v4.files().len()), ((6, 110), 1));
    assert!(v4.vacuum(Duration::ZERO).await.unwrap() >= 4);
    let parts = files_below(dir.path()).iter().filter(|path| path.contains("part-")).count();
    assert_eq!(parts, 1);
    assert_eq!(sum(&DeltaTable::open(&location).await.unwrap()).await, (6, 110));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overwrite_changes_the_columns_in_the_same_commit() {
    let (_dir, location) = place();
    let batch = everything();
    let first = DeltaTable::create(&location, &numbers(0..1).schema(), stream(vec![numbers(0..10)])).await.unwrap();
    let second = first.overwrite(&batch.schema(), stream(vec![batch.clone()])).await.unwrap();
    assert_eq!(DeltaTable::open(&location).await.unwrap().schema(), batch.schema());
    assert_eq!(read(&second).await, batch);
    assert_eq!(sum(&DeltaTable::open_version(&location, 0).await.unwrap()).await, (10, 45));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_source_leaves_no_table_and_no_file() {
    let (dir, location) = place();
    let rows = futures::stream::iter([Ok(numbers(0..100_000)), Err("the network is gone".into())]).boxed();
    let error = DeltaTable::create(&location, &numbers(0..1).schema(), rows).await.unwrap_err();
    assert!(matches!(&error, WriteError::Source(cause) if cause.to_string() == "the network is gone"), "{error}");
    assert!(!DeltaTable::exists(&location).await.unwrap());
    assert_eq!(files_below(dir.path()), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_null_in_a_column_that_allows_none_is_an_error() {
    let (dir, location) = place();
    let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
    let batch =
        RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(vec![Some(1), None])) as ArrayRef)]).unwrap();
    let error = DeltaTable::create(&location, &schema, stream(vec![batch])).await.unwrap_err();
    let WriteError::Delta(error) = error else { panic!("{error}") };
    assert_eq!((error.kind, error.column.as_deref()), (DeltaErrorKind::ValueDoesNotFit, Some("n")));
    assert_eq!(files_below(dir.path()), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_independent_of_its_source() {
    let (_dir, location) = place();
    let target = location.store.table(&["main", "target"]);
    let source = DeltaTable::create(&location, &numbers(0..1).schema(), stream(vec![numbers(0..10)])).await.unwrap();
    source.copy_to(&target).await.unwrap();
    let bigger = source.append(stream(vec![numbers(10..20)])).await.unwrap();
    let copied = bigger.copy_to(&target).await.unwrap();
    assert_eq!(copied.version(), 1);
    location.remove().await.unwrap();
    assert!(!DeltaTable::exists(&location).await.unwrap());
    assert_eq!(sum(&DeltaTable::open(&target).await.unwrap()).await, (20, 190));
    assert_eq!(sum(&DeltaTable::open_version(&target, 0).await.unwrap()).await, (10, 45));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_created_once() {
    let (_dir, location) = place();
    let schema = numbers(0..1).schema();
    let both = tokio::join!(
        DeltaTable::create(&location, &schema, stream(vec![numbers(0..10)])),
        DeltaTable::create(&location, &schema, stream(vec![numbers(0..10)])),
    );
    let won = usize::from(both.0.is_ok()) + usize::from(both.1.is_ok());
    assert_eq!(won, 1);
    assert_eq!(sum(&DeltaTable::open(&location).await.unwrap()).await, (10, 45));
    let third = DeltaTable::create(&location, &schema, stream(vec![])).await.unwrap_err();
    assert!(matches!(third, WriteError::Delta(error) if error.kind == DeltaErrorKind::Exists));
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_other_writers_are_read() {
    let (_dir, location) = place();
    let log = location.log_store().unwrap();
    let batch = RecordBatch::try_from_iter([
        ("part", Arc::new(StringArray::from(vec!["a", "a", "b"])) as ArrayRef),
        ("n", Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef),
    ])
    .unwrap();
    deltalake::DeltaTable::new(log).write(vec![batch]).with_partition_columns(["part"]).await.unwrap();
    let table = DeltaTable::open(&location).await.unwrap();
    assert!(table.state.foreign);
    assert_eq!(table.rows(), Some(3));
    let rows = query(&table, "select part, sum(n) from t group by part order by part").await;
    assert_eq!(rows.column(0).as_string::<i32>().value(1), "b");
    assert_eq!(rows.column(1).as_primitive::<Int64Type>().values(), &[3, 3]);
    let refused = table.append(stream(vec![])).await.unwrap_err();
    assert!(refused.to_string().contains("partitions"), "{refused}");
}

#[test]
fn every_name_is_one_safe_segment_and_comes_back() {
    for name in [
        "orders", "Orders", "..", ".", "", "a/b", "a\\b", "a+b", "ü", "a.b", "_x", "a_b", ".hidden", "nul\0", "x y",
        "%2e%2e", "=",
    ] {
        let segment = encode_segment(name);
        assert_eq!(decode_segment(&segment).as_deref(), Some(name), "{segment}");
        assert!(segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.+".contains(&byte)), "{segment}");
        assert!(!segment.is_empty() && !segment.starts_with(['.', '_']), "{segment}");
    }
    assert_eq!(decode_segment("+6f"), None, "a letter is never written in digits");
    assert_eq!(decode_segment("+zz"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_root_of_a_store_is_never_removed() {
    let store = Store::filesystem(std::path::Path::new("/")).unwrap();
    assert!(store.is_root());
    assert!(store.table(&[]).remove().await.is_err());
}

/// Figures for the report: `cargo nextest run -p dvt-delta --run-ignored all --no-capture -E 'test(throughput)'`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn throughput_of_writing_and_reading() {
    let (_dir, location) = place();
    let batches = measured_batches();
    let arrow_bytes: usize = batches.iter().map(RecordBatch::get_array_memory_size).sum();
    let begun = Instant::now();
    let table = DeltaTable::create(&location, &batches[0].schema(), stream(batches)).await.unwrap();
    let wrote = begun.elapsed();
    let begun = Instant::now();
    let read = query(&table, "select count(*), max(id), max(text), sum(money), max(day), max(flag) from t").await;
    let elapsed = begun.elapsed();
    assert_eq!(read.num_rows(), 1);
    let megabytes = |seconds: f64| arrow_bytes as f64 / 1e6 / seconds;
    println!(
        "{} rows, {:.0} MB Arrow, {:.0} MB files, wrote {:.2} s ({:.0} MB/s), read {:.2} s ({:.0} MB/s)",
        table.rows().unwrap(),
        arrow_bytes as f64 / 1e6,
        table.bytes() as f64 / 1e6,
        wrote.as_secs_f64(),
        megabytes(wrote.as_secs_f64()),
        elapsed.as_secs_f64(),
        megabytes(elapsed.as_secs_f64()),
    );
}

fn measured_batches() -> Vec<RecordBatch> {
    let rows = 65_536;
    (0..48)
        .map(|batch: i64| {
            let ids: Int64Array = (0..rows).map(|row| batch * rows + row).collect();
            let money: Decimal128Array = (0..rows).map(|row| i128::from((row * 7919) % 10_000_000)).collect();
            let days = Date32Array::from_iter_values((0..rows).map(|row| i32::try_from(8000 + row % 2500).unwrap()));
            let flag = StringArray::from_iter_values((0..rows).map(|row| if row % 3 == 0 { "A" } else { "N" }));
            let text = StringArray::from_iter_values(
                (0..rows).map(|row| format!("slyly final deposits {} sleep {batch}", row * 31)),
            );
            RecordBatch::try_from_iter([
                ("id", Arc::new(ids) as ArrayRef),
                ("money", Arc::new(money.with_precision_and_scale(15, 2).unwrap())),
                ("day", Arc::new(days)),
                ("flag", Arc::new(flag)),
                ("text", Arc::new(text)),
            ])
            .unwrap()
        })
        .collect()
}

/// CPU time of encoding by codec, with and without dictionaries.
#[test]
#[ignore = "a measurement"]
fn encoding_by_codec() {
    use parquet::basic::{Compression, ZstdLevel};
    let cpu = || {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    let batches = measured_batches();
    let codecs = [
        ("none", Compression::UNCOMPRESSED),
        ("snappy", Compression::SNAPPY),
        ("lz4", Compression::LZ4_RAW),
        ("zstd(1)", Compression::ZSTD(ZstdLevel::try_new(1).unwrap())),
    ];
    for (name, codec) in codecs {
        for dictionary in [true, false] {
            let properties = crate::data_files::properties().into_builder();
            let properties = properties.set_compression(codec).set_dictionary_enabled(dictionary).build();
            let begun = cpu();
            let mut writer =
                parquet::arrow::ArrowWriter::try_new(Vec::new(), batches[0].schema(), Some(properties)).unwrap();
            for batch in &batches {
                writer.write(batch).unwrap();
            }
            let bytes = writer.into_inner().unwrap().len();
            println!("{name}, dictionaries {dictionary}: {} ms CPU, {} MB", (cpu() - begun) * 10, bytes / 1_000_000);
        }
    }
}
