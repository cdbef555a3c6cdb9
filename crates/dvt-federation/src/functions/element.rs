//! An element of a list by its place: counted from 1, and NULL for a place that the list has not. The engine's own counts
//! backwards from the end for negative places, and is merged with `array_agg` into an aggregate that has no groups.

use arrow::array::{AsArray, Int64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::functions_nested::extract::array_element_udf;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use std::sync::Arc;

/// The function for a list and a place.
pub(crate) fn element() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(Element { signature: Signature::user_defined(Volatility::Immutable) }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Element {
    signature: Signature,
}

impl ScalarUDFImpl for Element {
    fn name(&self) -> &str {
        "dvt_element"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [list, place] if place.is_integer() || place.is_null() => Ok(vec![list.clone(), DataType::Int64]),
            _ => plan_err!("a subscript has to be one integer"),
        }
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        array_element_udf().return_type(types)
    }

    fn invoke_with_args(&self, mut arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if let Some(place) = arguments.args.get_mut(1) {
            *place = match place {
                ColumnarValue::Scalar(value) => {
                    let number = match value.cast_to(&DataType::Int64)? {
                        ScalarValue::Int64(number) => number.filter(|number| *number > 0),
                        _ => None,
                    };
                    ColumnarValue::Scalar(ScalarValue::Int64(number))
                }
                ColumnarValue::Array(values) => {
                    let values = cast(values, &DataType::Int64)?;
                    let values = values.as_primitive::<Int64Type>();
                    let places: Int64Array = values.iter().map(|place| place.filter(|place| *place > 0)).collect();
                    ColumnarValue::Array(Arc::new(places))
                }
            };
        }
        array_element_udf().inner().invoke_with_args(arguments)
    }
}
