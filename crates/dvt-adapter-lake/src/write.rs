//! Rows into tables: created, replaced or added to, each in one step that a reader sees whole or not at all.

use crate::files;
use crate::lake::Lake;
use crate::layout::{DeltaFolder, Stored};
use crate::names::Name;
use crate::profile::Format;
use arrow::array::{Array, RecordBatch};
use arrow::datatypes::SchemaRef;
use dvt_adapter::{AdapterError, BatchStream, ErrorClass, LoadReport};
use dvt_delta::{DeltaTable, RowStream, SourceError};
use futures::StreamExt;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

impl Lake {
    /// Makes a table of these rows, which have the types of `schema`.
    pub(crate) async fn create_table(
        &self,
        name: &Name,
        format: Format,
        schema: &SchemaRef,
        rows: BatchStream,
    ) -> Result<LoadReport, AdapterError> {
        if self.find(name).await?.is_some() {
            return Err(self.errors.exists(name));
        }
        self.check_columns(name, schema)?;
        let failed = |error| self.errors.io("creating", name, error);
        if format == Format::Delta {
            let draft = self.layout.delta_draft(name).await.map_err(failed)?;
            let location = draft.location().map_err(|error| self.errors.delta(name, error))?;
            let table = match DeltaTable::create(&location, schema, row_stream(rows)).await {
                Ok(table) => table,
                Err(error) => {
                    self.layout.abandon(draft).await;
                    return Err(self.errors.write(name, error));
                }
            };
            self.layout.place_delta(draft, name).await.map_err(failed)?;
            return Ok(LoadReport { rows: table.rows().unwrap_or_default(), bytes: table.bytes() });
        }
        let draft = self.layout.draft(&name.schema).map_err(failed)?;
        draft.mark().map_err(failed)?;
        let report = self.write_file(name, format, draft.path(), schema, rows).await?;
        self.layout.place(draft, name).await.map_err(failed)?;
        Ok(report)
    }

    /// Replaces all rows and the columns of a table.
    pub(crate) async fn replace_table(
        &self,
        name: &Name,
        stored: &Stored,
        schema: &SchemaRef,
        rows: BatchStream,
    ) -> Result<LoadReport, AdapterError> {
        self.check_columns(name, schema)?;
        match stored {
            Stored::View(_) => {
                Err(self.errors.unsupported(format_args!("`{name}` is a view, whose rows cannot be changed")))
            }
            Stored::Delta(delta) => {
                let table = self.open_delta(name, delta).await?;
                let table = table.overwrite(schema, row_stream(rows)).await;
                let table = table.map_err(|error| self.errors.write(name, error))?;
                Ok(LoadReport { rows: table.rows().unwrap_or_default(), bytes: table.bytes() })
            }
            Stored::Files(table) => {
                self.refuse_foreign_files(name, stored)?;
                let failed = |error| self.errors.io("replacing", name, error);
                let draft = self.layout.draft(&name.schema).map_err(failed)?;
                draft.mark().map_err(failed)?;
                let report = self.write_file(name, table.format, draft.path(), schema, rows).await?;
                self.layout.replace(draft, table).await.map_err(failed)?;
                Ok(report)
            }
        }
    }

    /// Adds rows, which have the types of the table.
    pub(crate) async fn append_rows(
        &self,
        name: &Name,
        stored: &Stored,
        schema: &SchemaRef,
        rows: BatchStream,
    ) -> Result<LoadReport, AdapterError> {
        match stored {
            Stored::View(_) => {
                Err(self.errors.unsupported(format_args!("`{name}` is a view, whose rows cannot be changed")))
            }
            Stored::Delta(delta) => {
                let table = self.open_delta(name, delta).await?;
                let (old_rows, old_bytes) = (table.rows().unwrap_or_default(), table.bytes());
                let table = table.append(row_stream(rows)).await.map_err(|error| self.errors.write(name, error))?;
                let rows = table.rows().unwrap_or_default().saturating_sub(old_rows);
                Ok(LoadReport { rows, bytes: table.bytes().saturating_sub(old_bytes) })
            }
            Stored::Files(table) => {
                self.refuse_foreign_files(name, stored)?;
                let failed = |error| self.errors.io("adding rows to", name, error);
                let draft = self.layout.draft(&name.schema).map_err(failed)?;
                let report = self.write_file(name, table.format, draft.path(), schema, rows).await?;
                self.layout.append(draft, table).await.map_err(failed)?;
                Ok(report)
            }
        }
    }

    pub(crate) async fn open_delta(&self, name: &Name, delta: &DeltaFolder) -> Result<DeltaTable, AdapterError> {
        DeltaTable::open(&delta.location).await.map_err(|error| self.errors.delta(name, error))
    }

    /// Files that dvt did not make are read and never changed.
    pub(crate) fn refuse_foreign_files(&self, name: &Name, stored: &Stored) -> Result<(), AdapterError> {
        match stored {
            Stored::Files(table) if !table.is_ours() => {
                let path = table.path.display();
                let message =
                    format!("`{name}` is kept in `{path}`, which dvt did not make: it reads it and never changes it");
                Err(self.errors.of(ErrorClass::Permission, message).with_relation(name.relation()))
            }
            _ => Ok(()),
        }
    }

    fn check_columns(&self, name: &Name, schema: &SchemaRef) -> Result<(), AdapterError> {
        if schema.fields().is_empty() {
            let message = format!("table `{name}` would have no columns");
            return Err(self.errors.of(ErrorClass::Other, message).with_relation(name.relation()));
        }
        for (index, field) in schema.fields().iter().enumerate() {
            if schema.fields()[..index].iter().any(|earlier| earlier.name() == field.name()) {
                let message = format!("table `{name}` would have two columns named `{}`", field.name());
                let error = self.errors.of(ErrorClass::Other, message).with_relation(name.relation());
                return Err(error.with_column(field.name()).with_hint("give one of them another alias"));
            }
        }
        Ok(())
    }

    async fn write_file(
        &self,
        name: &Name,
        format: Format,
        folder: &Path,
        schema: &SchemaRef,
        mut rows: BatchStream,
    ) -> Result<LoadReport, AdapterError> {
        let mut writer = files::writer(&self.errors, name, format, folder, schema)?;
        // The source runs beside the writer, so that reading and encoding overlap.
        let (sender, mut batches) = mpsc::channel(2);
        let mut source = JoinSet::new();
        source.spawn(async move {
            while let Some(batch) = rows.next().await {
                let ends = batch.is_err();
                if sender.send(batch).await.is_err() || ends {
                    return;
                }
            }
        });
        let mut written = 0;
        while let Some(batch) = batches.recv().await {
            let batch = batch?;
            written += batch.num_rows() as u64;
            writer.write(&batch)?;
            tokio::task::yield_now().await;
        }
        if let Some(Err(error)) = source.join_next().await {
            return Err(self.errors.of(ErrorClass::Other, format!("the rows ended early: {error}")));
        }
        Ok(LoadReport { rows: written, bytes: writer.finish()? })
    }

    /// The rows with each column cast to the type of `schema`, by position. `sources` says which column of a batch goes where;
    /// `None` is a column of NULLs.
    pub(crate) fn cast_rows(
        &self,
        name: &Name,
        schema: &SchemaRef,
        sources: Vec<Option<usize>>,
        rows: BatchStream,
    ) -> BatchStream {
        let (errors, name, schema) = (self.errors.clone(), name.clone(), Arc::clone(schema));
        rows.map(move |batch| {
            let batch = batch?;
            let mut columns = Vec::with_capacity(sources.len());
            for (source, field) in sources.iter().zip(schema.fields()) {
                let misfit = |problem: String| {
                    let message = format!("column `{}` of `{name}`: {problem}", field.name());
                    let error = errors.of(ErrorClass::ValueDoesNotFit, message);
                    error.with_relation(name.relation()).with_column(field.name())
                };
                let column = match source {
                    Some(index) => files::cast_strictly(batch.column(*index), field.data_type()).map_err(misfit)?,
                    None => arrow::array::new_null_array(field.data_type(), batch.num_rows()),
                };
                if !field.is_nullable() && column.null_count() > 0 {
                    return Err(misfit("it is not nullable, and a row holds NULL".into()));
                }
                columns.push(column);
            }
            RecordBatch::try_new(Arc::clone(&schema), columns).map_err(|error| errors.query(error.into()))
        })
        .boxed()
    }
}

fn row_stream(rows: BatchStream) -> RowStream {
    rows.map(|batch| batch.map_err(|error| Box::new(error) as SourceError)).boxed()
}
