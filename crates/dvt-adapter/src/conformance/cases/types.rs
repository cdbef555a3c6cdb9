//! Values in, and the same values out.

use crate::conformance::subject::batch_of;
use crate::conformance::{Sample, Subject, samples};
use crate::{ErrorClass, native_type};
use arrow::array::{Array, Int32Array, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use std::sync::Arc;

fn kept_samples(subject: &Subject) -> impl Iterator<Item = Sample> {
    let (refuses, refuses_values) = (subject.engine.refuses, subject.engine.refuses_values);
    samples()
        .into_iter()
        .filter(move |sample| !refuses.contains(&sample.name) && !refuses_values.contains(&sample.name))
}

fn batch(sample: &Sample) -> RecordBatch {
    RecordBatch::try_new(Arc::new(Schema::new(vec![sample.field.clone()])), vec![Arc::clone(&sample.values)])
        .expect("a sample fits its field")
}

/// Load, describe, extract: the rows are equal, asked for as they were loaded and asked for as they are described.
pub async fn every_type_round_trips(subject: &Subject) {
    let mut failures = Vec::new();
    for sample in kept_samples(subject) {
        let table = format!("sample_{}", sample.name);
        let batch = batch(&sample);
        let request = subject.load_request(&table, &batch.schema());
        let native = request.columns[0].column_type.clone();
        let report = match subject.try_load(request, vec![batch.clone()]).await {
            Ok(report) => report,
            Err(error) => {
                failures.push(format!("{} as {native}: load: {error}", sample.name));
                continue;
            }
        };
        assert_eq!(report.rows, sample.values.len() as u64, "{table}");
        let described = subject.describe(&table).await.unwrap_or_else(|| panic!("{table} is there"));
        let field = match &described.columns[0].field {
            Ok(field) => field.clone(),
            Err(reason) => {
                failures.push(format!("{} as {native} cannot be read back: {reason}", sample.name));
                continue;
            }
        };
        let sql = format!("select {} from {}", subject.quote(sample.name), subject.sql_name(&table));
        match subject.try_extract(&sql, &batch.schema()).await {
            Ok(rows) if is_permutation(&rows, &batch) => {}
            Ok(rows) => {
                failures.push(format!("{} as {native}: {:?} is not {:?}", sample.name, rows.column(0), batch.column(0)))
            }
            Err(error) => failures.push(format!("{} as {native}: extract: {error}", sample.name)),
        }
        let described_schema = Arc::new(Schema::new(vec![field.clone()]));
        match subject.try_extract(&sql, &described_schema).await {
            Ok(rows) => match arrow::compute::cast(rows.column(0), sample.field.data_type()) {
                Ok(cast) => {
                    let cast = RecordBatch::try_new(batch.schema(), vec![cast]).expect("it was cast to that type");
                    if !is_permutation(&cast, &batch) {
                        failures.push(format!("{} as described ({field:?}): {:?}", sample.name, rows.column(0)));
                    }
                }
                Err(error) => failures.push(format!("{} as described ({field:?}): {error}", sample.name)),
            },
            Err(error) => failures.push(format!("{} as described ({field:?}): extract: {error}", sample.name)),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Equal rows in any order (a table has none).
fn is_permutation(left: &RecordBatch, right: &RecordBatch) -> bool {
    let rows = |batch: &RecordBatch| {
        let column = batch.column(0);
        let mut rows: Vec<String> = (0..column.len()).map(|row| format!("{:?}", column.slice(row, 1))).collect();
        rows.sort();
        rows
    };
    left.num_rows() == right.num_rows() && rows(left) == rows(right)
}

/// What an engine cannot hold is refused by an error that names the column, before any table is made.
pub async fn types_without_a_counterpart_are_refused(subject: &Subject) {
    for sample in samples().into_iter().filter(|sample| subject.engine.refuses.contains(&sample.name)) {
        match subject.adapter.column_type(&sample.field) {
            Ok(native) => panic!("{} is stated to be refused, and became {native}", sample.name),
            Err(error) => assert_eq!(error.column, sample.name),
        }
    }
    for sample in samples().into_iter().filter(|sample| subject.engine.refuses_values.contains(&sample.name)) {
        let table = format!("refused_{}", sample.name);
        let batch = batch(&sample);
        let request = subject.load_request(&table, &batch.schema());
        let error = subject.try_load(request, vec![batch]).await.expect_err(sample.name);
        let expected = (ErrorClass::ValueDoesNotFit, Some(sample.name));
        assert_eq!((error.class, error.column.as_deref()), expected, "{error}");
        assert!(subject.describe(&table).await.is_none(), "{table} is left behind");
    }
}

/// A column that came from this adapter type is made again with the native type it had.
pub async fn described_types_recreate_themselves(subject: &Subject) {
    for sample in kept_samples(subject) {
        let table = format!("again_{}", sample.name);
        subject.load(&table, batch(&sample).slice(0, 1)).await;
        let described = subject.describe(&table).await.unwrap_or_else(|| panic!("{table} is there"));
        let Ok(field) = &described.columns[0].field else { continue };
        let native = native_type(field, subject.adapter.adapter_type());
        assert_eq!(native, Some(described.columns[0].native_type.as_str()), "{table}: metadata of {field:?}");
        assert_eq!(subject.column_type(field), described.columns[0].native_type, "{table}");
    }
}

/// Delivered as asked, or an error that names the column: never cut, never a NULL.
pub async fn a_value_outside_the_asked_type_is_an_error(subject: &Subject) {
    let values = Int64Array::from(vec![Some(1), Some(1_000_000), None]);
    subject.load("too_big", batch_of(&[("amount", Arc::new(values))])).await;
    let schema = Arc::new(Schema::new(vec![Field::new("amount", DataType::Int16, true)]));
    let sql = format!("select {} from {}", subject.quote("amount"), subject.sql_name("too_big"));
    let error = subject.try_extract(&sql, &schema).await.expect_err("1000000 is no int16");
    assert_eq!((error.class, error.column.as_deref()), (ErrorClass::ValueDoesNotFit, Some("amount")), "{error}");
}

/// A field that is declared without NULLs never delivers one.
pub async fn a_null_in_a_column_without_nulls_is_an_error(subject: &Subject) {
    subject.load("with_null", batch_of(&[("amount", Arc::new(Int32Array::from(vec![Some(1), None])))])).await;
    let schema = Arc::new(Schema::new(vec![Field::new("amount", DataType::Int32, false)]));
    let sql = format!("select {} from {}", subject.quote("amount"), subject.sql_name("with_null"));
    let error = subject.try_extract(&sql, &schema).await.expect_err("there is a NULL");
    assert_eq!((error.class, error.column.as_deref()), (ErrorClass::ValueDoesNotFit, Some("amount")), "{error}");
}
