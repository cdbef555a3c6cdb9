//! Aggregates over values in their order: `percentile_cont`, `percentile_disc`, `mode`, as PostgreSQL has them.

use arrow::array::{Array, ArrayRef, AsArray, ListArray, new_empty_array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{SortOptions, concat, filter, is_not_null, sort};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use arrow::record_batch::RecordBatch;
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, Signature, Volatility};
use std::sync::Arc;

/// The functions, by the names that packs call them.
pub(super) fn functions() -> impl Iterator<Item = Arc<AggregateUDF>> {
    [
        ("postgres_percentile_cont", Choice::Between),
        ("postgres_percentile_disc", Choice::At),
        ("postgres_mode", Choice::MostFrequent),
    ]
    .into_iter()
    .map(|(name, choice)| {
        let signature = Signature::user_defined(Volatility::Immutable);
        Arc::new(AggregateUDF::new_from_impl(OrderedSet { name, choice, signature }))
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Choice {
    /// The value at a place between two.
    Between,
    /// The value at a place.
    At,
    MostFrequent,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct OrderedSet {
    name: &'static str,
    choice: Choice,
    signature: Signature,
}

impl AggregateUDFImpl for OrderedSet {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let is_number = |from: &DataType| from.is_numeric() || from.is_null();
        match (self.choice, types) {
            (Choice::Between, [value, place]) if is_number(value) && is_number(place) => {
                Ok(vec![DataType::Float64, DataType::Float64])
            }
            (Choice::At, [value, place]) if is_number(place) => Ok(vec![value.clone(), DataType::Float64]),
            (Choice::MostFrequent, [value]) => Ok(vec![value.clone()]),
            _ => {
                let types: Vec<String> = types.iter().map(ToString::to_string).collect();
                plan_err!("{}({}) is not supported in a query across connections", self.name, types.join(", "))
            }
        }
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(types[0].clone())
    }

    fn supports_within_group_clause(&self) -> bool {
        true
    }

    fn accumulator(&self, arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let place = match arguments.exprs.get(1) {
            None => 0.0,
            Some(place) => {
                let schema = Arc::new(arrow::datatypes::Schema::empty());
                match place.evaluate(&RecordBatch::new_empty(schema))? {
                    ColumnarValue::Scalar(ScalarValue::Float64(Some(place))) if (0.0..=1.0).contains(&place) => place,
                    ColumnarValue::Scalar(value) => {
                        return exec_err!("percentile value {value} is not between 0 and 1");
                    }
                    ColumnarValue::Array(_) => return exec_err!("a percentile that is no constant"),
                }
            }
        };
        Ok(Box::new(Values {
            choice: self.choice,
            place,
            descending: arguments.order_bys.first().is_some_and(|order| order.options.descending),
            data_type: arguments.return_field.data_type().clone(),
            parts: Vec::new(),
        }))
    }

    fn state_fields(&self, arguments: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let item = Field::new_list_field(arguments.return_field.data_type().clone(), true);
        Ok(vec![Arc::new(Field::new("values", DataType::List(Arc::new(item)), true))])
    }
}

#[derive(Debug)]
struct Values {
    choice: Choice,
    place: f64,
    descending: bool,
    data_type: DataType,
    parts: Vec<ArrayRef>,
}

impl Values {
    fn all(&self) -> Result<ArrayRef> {
        let parts: Vec<&dyn Array> = self.parts.iter().map(AsRef::as_ref).collect();
        Ok(if parts.is_empty() { new_empty_array(&self.data_type) } else { concat(&parts)? })
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "places among as many values as fit into memory"
    )]
    fn chosen(&self) -> Result<ScalarValue> {
        let sorted = sort(&self.all()?, Some(SortOptions { descending: self.descending, nulls_first: false }))?;
        let count = sorted.len();
        if count == 0 {
            return ScalarValue::try_from(&self.data_type);
        }
        match self.choice {
            Choice::Between => {
                let values = sorted.as_primitive::<Float64Type>();
                let place = self.place * (count - 1) as f64;
                let (low, high) = (values.value(place.floor() as usize), values.value(place.ceil() as usize));
                let value = if place.floor() == place.ceil() { low } else { low + (high - low) * place.fract() };
                Ok(ScalarValue::Float64(Some(value)))
            }
            Choice::At => {
                let place = (self.place * count as f64).ceil() as usize;
                ScalarValue::try_from_array(&sorted, place.max(1) - 1)
            }
            Choice::MostFrequent => {
                let mut best = (ScalarValue::try_from_array(&sorted, 0)?, 0_usize);
                let mut run = (best.0.clone(), 0_usize);
                for row in 0..count {
                    let value = ScalarValue::try_from_array(&sorted, row)?;
                    run = if value == run.0 { (run.0, run.1 + 1) } else { (value, 1) };
                    if run.1 > best.1 {
                        best = run.clone();
                    }
                }
                Ok(best.0)
            }
        }
    }
}

impl Accumulator for Values {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.parts.push(filter(&values[0], &is_not_null(&values[0])?)?);
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.chosen()
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.parts.iter().map(|part| part.get_array_memory_size()).sum::<usize>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let values = self.all()?;
        let item = Arc::new(Field::new_list_field(self.data_type.clone(), true));
        let list = ListArray::try_new(item, OffsetBuffer::from_lengths([values.len()]), values, None)?;
        Ok(vec![ScalarValue::List(Arc::new(list))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for values in states[0].as_list::<i32>().iter().flatten() {
            self.parts.push(values);
        }
        Ok(())
    }
}
