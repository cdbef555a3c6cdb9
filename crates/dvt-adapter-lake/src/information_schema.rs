//! `information_schema`: schemata, tables, views and columns, read from the folder when they are asked for.
//!
//! A query that says which schema or relation it wants (`table_schema = '…'`, `table_name = '…'`) opens only those.

use crate::lake::Lake;
use crate::layout::Stored;
use crate::names::Name;
use crate::types;
use arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use datafusion::catalog::{MemTable, Session, TableProvider};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use dvt_adapter::{AdapterError, LogicalType, logical_type};
use std::sync::Arc;
use std::time::SystemTime;

pub(crate) const SCHEMA: &str = "information_schema";

/// The place of `last_modified` in `tables`.
const LAST_MODIFIED: usize = 4;

#[derive(Clone, Copy, Debug)]
enum Kind {
    Schemata,
    Tables,
    Views,
    Columns,
}

/// The table of `information_schema` of this name.
pub(crate) fn table(lake: &Arc<Lake>, name: &Name) -> Option<Arc<dyn TableProvider>> {
    if name.schema != SCHEMA {
        return None;
    }
    let kind = match name.identifier.as_str() {
        "schemata" => Kind::Schemata,
        "tables" => Kind::Tables,
        "views" => Kind::Views,
        "columns" => Kind::Columns,
        _ => return None,
    };
    Some(Arc::new(InformationTable { lake: Arc::clone(lake), kind, schema: schema(kind) }))
}

fn schema(kind: Kind) -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    let number = |name: &str| Field::new(name, DataType::Int32, true);
    Arc::new(Schema::new(match kind {
        Kind::Schemata => vec![text("catalog_name"), text("schema_name")],
        Kind::Tables => vec![
            text("table_catalog"),
            text("table_schema"),
            text("table_name"),
            text("table_type"),
            Field::new("last_modified", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), true),
        ],
        Kind::Views => {
            vec![text("table_catalog"), text("table_schema"), text("table_name"), text("view_definition")]
        }
        Kind::Columns => vec![
            text("table_catalog"),
            text("table_schema"),
            text("table_name"),
            text("column_name"),
            number("ordinal_position"),
            text("is_nullable"),
            text("data_type"),
            number("character_maximum_length"),
            number("numeric_precision"),
            number("numeric_scale"),
        ],
    }))
}

struct InformationTable {
    lake: Arc<Lake>,
    kind: Kind,
    schema: SchemaRef,
}

impl std::fmt::Debug for InformationTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "InformationTable({:?})", self.kind)
    }
}

#[async_trait]
impl TableProvider for InformationTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let wanted = Wanted {
            schema: wanted(filters, "table_schema"),
            identifier: wanted(filters, "table_name"),
            times: projection.is_none_or(|columns| columns.contains(&LAST_MODIFIED)),
        };
        let batch = self.rows(&wanted).await.map_err(|error| DataFusionError::External(Box::new(error)))?;
        let table = MemTable::try_new(Arc::clone(&self.schema), vec![vec![batch]])?;
        // The filters are inexact, so a limit that comes along is one for all rows.
        table.scan(session, projection, &[], limit).await
    }
}

struct Wanted {
    schema: Option<String>,
    identifier: Option<String>,
    /// Whether anybody reads when the relations were changed.
    times: bool,
}

/// The text that a filter `column = 'text'` asks for.
fn wanted(filters: &[Expr], column: &str) -> Option<String> {
    filters.iter().find_map(|filter| match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => match (left.as_ref(), right.as_ref()) {
            (Expr::Column(name), Expr::Literal(text, _)) | (Expr::Literal(text, _), Expr::Column(name))
                if name.name == column =>
            {
                match text {
                    ScalarValue::Utf8(Some(text))
                    | ScalarValue::Utf8View(Some(text))
                    | ScalarValue::LargeUtf8(Some(text)) => Some(text.clone()),
                    _ => None,
                }
            }
            _ => None,
        },
        _ => None,
    })
}

impl InformationTable {
    async fn rows(&self, wanted: &Wanted) -> std::result::Result<RecordBatch, AdapterError> {
        let columns = match self.kind {
            Kind::Schemata => {
                let mut schemas = self.schemas().await?;
                schemas.push(SCHEMA.to_owned());
                vec![texts(schemas.iter().map(|_| None)), texts(schemas.iter().map(|name| Some(name.clone())))]
            }
            Kind::Tables => {
                let relations = self.relations(wanted).await?;
                let mut modified = Vec::with_capacity(relations.len());
                for (name, stored) in &relations {
                    // Of a relation asked for by its name: opening every table of a lake to list it would take long.
                    let is_asked = wanted.times && wanted.identifier.is_some();
                    modified.push(if is_asked { self.last_modified(name, stored).await? } else { None });
                }
                vec![
                    texts(relations.iter().map(|_| None)),
                    texts(relations.iter().map(|(name, _)| Some(name.schema.clone()))),
                    texts(relations.iter().map(|(name, _)| Some(name.identifier.clone()))),
                    texts(
                        relations
                            .iter()
                            .map(|(_, stored)| Some(if stored.is_view() { "VIEW" } else { "BASE TABLE" }.to_owned())),
                    ),
                    Arc::new(TimestampMicrosecondArray::from(modified).with_timezone("UTC")),
                ]
            }
            Kind::Views => {
                let mut relations = self.relations(wanted).await?;
                relations.retain(|(_, stored)| stored.is_view());
                let definitions = relations.iter().map(|(_, stored)| match stored {
                    Stored::View(view) => Some(view.sql.clone()),
                    Stored::Delta(_) | Stored::Files(_) => None,
                });
                vec![
                    texts(relations.iter().map(|_| None)),
                    texts(relations.iter().map(|(name, _)| Some(name.schema.clone()))),
                    texts(relations.iter().map(|(name, _)| Some(name.identifier.clone()))),
                    texts(definitions),
                ]
            }
            Kind::Columns => self.columns(wanted).await?,
        };
        RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(|error| self.lake.errors.query(error.into()))
    }

    /// When a table's newest rows were written, in microseconds since 1970; a view tells nothing of what it reads.
    async fn last_modified(&self, name: &Name, stored: &Stored) -> std::result::Result<Option<i64>, AdapterError> {
        let time = match stored {
            Stored::View(_) => None,
            Stored::Delta(delta) => Some(self.lake.open_delta(name, delta).await?.modified()),
            Stored::Files(table) => {
                let failed = |error| self.lake.errors.io("reading", name, error);
                let mut newest = None;
                for file in table.files().map_err(failed)? {
                    let modified = table.facts(&file).map_err(failed)?.modified;
                    newest = newest.max(Some(modified));
                }
                newest
            }
        };
        let since = time.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
        Ok(since.and_then(|since| i64::try_from(since.as_micros()).ok()))
    }

    async fn schemas(&self) -> std::result::Result<Vec<String>, AdapterError> {
        let everything = Name { schema: SCHEMA.into(), identifier: "schemata".into() };
        self.lake.layout.schemas().await.map_err(|error| self.lake.errors.io("listing", &everything, error))
    }

    async fn relations(&self, wanted: &Wanted) -> std::result::Result<Vec<(Name, Stored)>, AdapterError> {
        let schemas = match &wanted.schema {
            Some(schema) => vec![schema.clone()],
            None => self.schemas().await?,
        };
        let mut relations = Vec::new();
        for schema in schemas {
            if let Some(identifier) = &wanted.identifier {
                let name = Name { schema, identifier: identifier.clone() };
                relations.extend(self.lake.find(&name).await?.map(|stored| (name, stored)));
                continue;
            }
            let everything = Name { schema: schema.clone(), identifier: "*".into() };
            let listed = self.lake.layout.relations(&schema).await;
            let listed = listed.map_err(|error| self.lake.errors.io("listing", &everything, error))?;
            relations.extend(
                listed.into_iter().map(|(identifier, stored)| (Name { schema: schema.clone(), identifier }, stored)),
            );
        }
        Ok(relations)
    }

    async fn columns(&self, wanted: &Wanted) -> std::result::Result<Vec<ArrayRef>, AdapterError> {
        let mut rows: Vec<(Name, usize, Field)> = Vec::new();
        for (name, _) in self.relations(wanted).await? {
            match self.lake.provider(&name).await {
                Ok(provider) => {
                    let schema = provider.schema();
                    let fields = schema.fields().iter().enumerate();
                    rows.extend(fields.map(|(index, field)| (name.clone(), index, field.as_ref().clone())));
                }
                // One broken relation among many hides no other; asked for by its name, it is an error.
                Err(error) if wanted.identifier.is_none() => {
                    tracing::debug!(relation = %name, %error, "left out of information_schema.columns");
                }
                Err(error) => return Err(error),
            }
        }
        let number = |value: fn(&Field) -> Option<i32>| -> ArrayRef {
            Arc::new(rows.iter().map(|(_, _, field)| value(field)).collect::<Int32Array>())
        };
        Ok(vec![
            texts(rows.iter().map(|_| None)),
            texts(rows.iter().map(|(name, ..)| Some(name.schema.clone()))),
            texts(rows.iter().map(|(name, ..)| Some(name.identifier.clone()))),
            texts(rows.iter().map(|(_, _, field)| Some(field.name().clone()))),
            Arc::new(rows.iter().map(|(_, index, _)| i32::try_from(*index + 1).ok()).collect::<Int32Array>()),
            texts(rows.iter().map(|(_, _, field)| Some(if field.is_nullable() { "YES" } else { "NO" }.to_owned()))),
            texts(rows.iter().map(|(_, _, field)| types::column_type(field).ok())),
            number(|field| match logical_type(field) {
                Some(LogicalType::Varchar(length) | LogicalType::Char(length)) => i32::try_from(length).ok(),
                _ => None,
            }),
            number(|field| match field.data_type() {
                DataType::Decimal128(precision, _) | DataType::Decimal256(precision, _) => Some(i32::from(*precision)),
                _ => None,
            }),
            number(|field| match field.data_type() {
                DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => Some(i32::from(*scale)),
                _ => None,
            }),
        ])
    }
}

fn texts(values: impl Iterator<Item = Option<String>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}
