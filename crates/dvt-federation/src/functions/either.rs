//! `coalesce`, `max(a, b)` and `min(a, b)` of SQLite, whose arguments may be of several types: stands for the engine's function
//! until the plan is bound, when what stands beside a text becomes one. It goes when meanings are given.

use arrow::datatypes::DataType;
use datafusion::common::{Result, internal_err, plan_err};
use datafusion::logical_expr::binary::type_union_resolution;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use std::sync::Arc;

/// How the pack calls them, and the engine's name.
pub(crate) const EITHER: [(&str, &str); 3] =
    [("sqlite_coalesce", "coalesce"), ("sqlite_greatest", "greatest"), ("sqlite_least", "least")];

pub(super) fn functions() -> [Arc<ScalarUDF>; 3] {
    EITHER.map(|(name, _)| {
        Arc::new(ScalarUDF::new_from_impl(Either { name, signature: Signature::variadic_any(Volatility::Immutable) }))
    })
}

/// Whether values of these types are all texts for SQLite, though not of one type here.
pub(crate) fn become_texts(types: &[DataType]) -> bool {
    let is_text = |data_type: &DataType| matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    let is_moment =
        |data_type: &DataType| matches!(data_type, DataType::Date32 | DataType::Timestamp(..) | DataType::Time64(_));
    let known: Vec<&DataType> = types.iter().filter(|data_type| !data_type.is_null()).collect();
    known.iter().any(|data_type| is_moment(data_type))
        && known.iter().all(|data_type| is_moment(data_type) || is_text(data_type))
        && known.iter().any(|data_type| *data_type != known[0])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Either {
    name: &'static str,
    signature: Signature,
}

impl ScalarUDFImpl for Either {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        if become_texts(types) {
            return Ok(DataType::Utf8);
        }
        match type_union_resolution(types) {
            Some(data_type) => Ok(data_type),
            None => plan_err!("{} of values that have no type in common", self.name.trim_start_matches("sqlite_")),
        }
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        internal_err!("{} is written in other words before anything is computed", self.name)
    }
}
