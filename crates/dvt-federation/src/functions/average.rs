//! `avg` of numbers and of intervals: stands for the engine's function, which knows no intervals, until meanings are given.

use arrow::datatypes::DataType;
use datafusion::common::{Result, internal_err};
use datafusion::functions_aggregate::average::avg_udaf;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};
use std::sync::Arc;

/// How packs call it.
pub(crate) const AVERAGE: &str = "postgres_avg";

pub(super) fn function() -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::new_from_impl(Average { signature: Signature::any(1, Volatility::Immutable) }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Average {
    signature: Signature,
}

impl AggregateUDFImpl for Average {
    fn name(&self) -> &str {
        AVERAGE
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [DataType::Interval(unit)] => Ok(DataType::Interval(*unit)),
            [data_type] if data_type.is_integer() || data_type.is_floating() || data_type.is_null() => {
                Ok(DataType::Float64)
            }
            _ => avg_udaf().return_type(types),
        }
    }

    fn accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        internal_err!("an average is written in other words before anything is computed")
    }
}
