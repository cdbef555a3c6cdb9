//! The physical expression that turns a stored column into its Arrow column.

use crate::encoding::decode;
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, FieldRef, Schema};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// `child`, decoded to the type and metadata of `field`.
#[derive(Debug, Eq)]
pub(crate) struct DecodeExpression {
    child: Arc<dyn PhysicalExpr>,
    field: FieldRef,
}

impl DecodeExpression {
    pub(crate) fn new(child: Arc<dyn PhysicalExpr>, field: FieldRef) -> Self {
        Self { child, field }
    }
}

impl PartialEq for DecodeExpression {
    fn eq(&self, other: &Self) -> bool {
        self.child.eq(&other.child) && self.field == other.field
    }
}

impl Hash for DecodeExpression {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.child.hash(state);
        self.field.hash(state);
    }
}

impl fmt::Display for DecodeExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "decode({} as {})", self.child, self.field.data_type())
    }
}

impl PhysicalExpr for DecodeExpression {
    fn data_type(&self, _input_schema: &Schema) -> Result<DataType> {
        Ok(self.field.data_type().clone())
    }

    fn nullable(&self, _input_schema: &Schema) -> Result<bool> {
        Ok(self.field.is_nullable())
    }

    fn return_field(&self, _input_schema: &Schema) -> Result<FieldRef> {
        Ok(Arc::clone(&self.field))
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let stored = self.child.evaluate(batch)?.into_array(batch.num_rows())?;
        let array = decode(&stored, self.field.data_type())
            .map_err(|error| DataFusionError::Execution(format!("column `{}`: {error}", self.field.name())))?;
        Ok(ColumnarValue::Array(array))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.child]
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        match <[_; 1]>::try_from(children) {
            Ok([child]) => Ok(Arc::new(Self { child, field: Arc::clone(&self.field) })),
            Err(_) => Err(DataFusionError::Internal("decoding takes one column".to_owned())),
        }
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
