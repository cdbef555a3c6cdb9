//! A job's result, page by page.

use crate::api::{Api, in_path};
use crate::jobs::JobRef;
use crate::types::BigType;
use crate::values::Column;
use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use dvt_adapter::{AdapterError, ErrorClass, with_types};
use reqwest::Method;
use serde_json::Value;
use std::sync::Arc;

/// A result that is read on and on; a page has 10 MB at most.
pub(crate) struct Pages {
    api: Api,
    job: JobRef,
    token: Option<String>,
    is_over: bool,
    /// Fields of the result, once the first page has come.
    pub(crate) fields: Vec<Value>,
    seen: u64,
}

impl Pages {
    pub(crate) fn of(api: &Api, job: JobRef) -> Self {
        Self { api: api.clone(), job, token: None, is_over: false, fields: Vec::new(), seen: 0 }
    }

    /// The next rows, as cells; `None` at the end.
    ///
    /// # Errors
    /// A result that ends before all of its rows have come is one.
    pub(crate) async fn next(&mut self, most: usize) -> Result<Option<Vec<Value>>, AdapterError> {
        if self.is_over {
            return Ok(None);
        }
        let settings = &self.api.settings;
        let mut path = format!(
            "/projects/{}/queries/{}?formatOptions.useInt64Timestamp=true&timeoutMs=10000&maxResults={most}",
            in_path(&settings.execution_project),
            self.job.id
        );
        if let Some(location) = &self.job.location {
            path.push_str(&format!("&location={}", in_path(location)));
        }
        if let Some(token) = &self.token {
            path.push_str(&format!("&pageToken={}", in_path(token)));
        }
        let mut page = self.api.json(Method::GET, &path, None).await?;
        if page.get("jobComplete").and_then(Value::as_bool) != Some(true) {
            return Err(self.api.error(ErrorClass::Other, "the job's result is not complete"));
        }
        if self.fields.is_empty()
            && let Some(fields) = page.pointer("/schema/fields").and_then(Value::as_array)
        {
            self.fields.clone_from(fields);
        }
        let rows = match page.get_mut("rows").map(Value::take) {
            Some(Value::Array(rows)) => rows,
            _ => Vec::new(),
        };
        self.seen += rows.len() as u64;
        self.token = page.get("pageToken").and_then(Value::as_str).filter(|token| !token.is_empty()).map(str::to_owned);
        if self.token.is_none() {
            self.is_over = true;
            let total = page.get("totalRows").and_then(|total| total.as_u64().or_else(|| total.as_str()?.parse().ok()));
            if let Some(total) = total.filter(|total| *total != self.seen) {
                let message = format!("the result has {total} rows, and {} came", self.seen);
                return Err(self.api.error(ErrorClass::ConnectionLost, message));
            }
        }
        Ok(Some(rows))
    }

    /// Columns for the values of the result.
    pub(crate) fn columns(&self) -> Vec<Column> {
        self.fields.iter().map(Column::new).collect()
    }

    /// The schema of the result as macros see it: what does not travel is shown as JSON.
    pub(crate) fn shown_schema(&self) -> SchemaRef {
        let fields = self.fields.iter().map(|field| {
            let name = field.get("name").and_then(Value::as_str).unwrap_or_default();
            let big_type = BigType::of_schema(field);
            big_type.field(name, true).unwrap_or_else(|_| {
                with_types(
                    Field::new(name, DataType::Utf8, true),
                    crate::profile::ADAPTER_TYPE,
                    &big_type.native(),
                    None,
                )
            })
        });
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// Adds a row's cells to the columns.
    pub(crate) fn push(&self, row: &Value, columns: &mut [Column]) -> Result<(), AdapterError> {
        let cells = row.get("f").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if cells.len() != columns.len() {
            return Err(self.api.error(ErrorClass::Other, "a row has another number of columns than the result"));
        }
        for (index, (cell, column)) in cells.iter().zip(columns.iter_mut()).enumerate() {
            let value = cell.get("v").unwrap_or(&Value::Null);
            column.push(value).map_err(|problem| self.misfit(index, problem))?;
        }
        Ok(())
    }

    /// The columns so far as arrays.
    pub(crate) fn finish(&self, columns: &mut [Column]) -> Result<Vec<ArrayRef>, AdapterError> {
        let finished = columns.iter_mut().enumerate();
        finished.map(|(index, column)| column.finish().map_err(|problem| self.misfit(index, problem))).collect()
    }

    fn misfit(&self, index: usize, problem: &str) -> AdapterError {
        let name = self.fields.get(index).and_then(|field| field.get("name")?.as_str()).unwrap_or_default();
        self.api.error(ErrorClass::ValueDoesNotFit, format!("a value of column `{name}` {problem}")).with_column(name)
    }
}
