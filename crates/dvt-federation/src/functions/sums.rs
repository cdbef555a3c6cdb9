//! Sums of decimals of 128 bits that are an error where they leave the 38 digits of their type: the engine's own go round there.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::datatypes::{DataType, Decimal128Type, FieldRef, i256};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::functions_aggregate::sum::Sum;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF, Signature,
};
use datafusion_functions_aggregate_common::aggregate::groups_accumulator::prim_op::PrimitiveGroupsAccumulator;
use std::fmt;
use std::sync::{Arc, LazyLock};

/// The least number of 39 digits.
const LIMIT: i128 = 10_i128.pow(38);

/// `sum` for arguments of type `Decimal128`.
pub(crate) fn checked_sum() -> Arc<AggregateUDF> {
    static SUM: LazyLock<Arc<AggregateUDF>> =
        LazyLock::new(|| Arc::new(AggregateUDF::new_from_impl(CheckedSum { plain: Sum::new() })));
    Arc::clone(&SUM)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct CheckedSum {
    plain: Sum,
}

impl AggregateUDFImpl for CheckedSum {
    fn name(&self) -> &str {
        self.plain.name()
    }

    fn signature(&self) -> &Signature {
        self.plain.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.plain.return_type(types)
    }

    fn state_fields(&self, arguments: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        self.plain.state_fields(arguments)
    }

    fn accumulator(&self, arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        match arguments.return_field.data_type() {
            DataType::Decimal128(precision, scale) if !arguments.is_distinct => {
                Ok(Box::new(Total { sum: i256::ZERO, count: 0, precision: *precision, scale: *scale }))
            }
            _ => self.plain.accumulator(arguments),
        }
    }

    fn create_sliding_accumulator(&self, arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        match arguments.return_field.data_type() {
            DataType::Decimal128(..) if !arguments.is_distinct => self.accumulator(arguments),
            _ => self.plain.create_sliding_accumulator(arguments),
        }
    }

    fn groups_accumulator_supported(&self, arguments: AccumulatorArgs) -> bool {
        self.plain.groups_accumulator_supported(arguments)
    }

    fn create_groups_accumulator(&self, arguments: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        match arguments.return_field.data_type() {
            data_type @ DataType::Decimal128(..) => {
                Ok(Box::new(Totals(PrimitiveGroupsAccumulator::new(data_type, add as fn(&mut i128, i128)))))
            }
            _ => self.plain.create_groups_accumulator(arguments),
        }
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

/// What has left the digits once stays outside.
fn add(sum: &mut i128, value: i128) {
    let is_inside = |number: i128| -LIMIT < number && number < LIMIT;
    *sum = match sum.checked_add(value) {
        Some(added) if is_inside(*sum) && is_inside(value) => added,
        _ => i128::MAX,
    };
}

fn left_digits<T>() -> Result<T> {
    exec_err!("numeric field overflow: a sum has more than 38 digits")
}

/// The sum of all rows, or of those in a window's frame.
#[derive(Debug)]
struct Total {
    sum: i256,
    /// How many values are in it.
    count: u64,
    precision: u8,
    scale: i8,
}

impl Total {
    fn each(&mut self, values: &[ArrayRef], mut change: impl FnMut(i256, i256) -> i256) -> u64 {
        let values = values[0].as_primitive::<Decimal128Type>();
        for value in values.iter().flatten() {
            self.sum = change(self.sum, i256::from_i128(value));
        }
        (values.len() - values.null_count()) as u64
    }
}

impl Accumulator for Total {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        // 2^128 values of 128 bits fit.
        self.count += self.each(values, i256::wrapping_add);
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.count -= self.each(values, i256::wrapping_sub);
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let sum = match (self.count, self.sum.to_i128()) {
            (0, _) => None,
            (_, Some(sum)) if -LIMIT < sum && sum < LIMIT => Some(sum),
            _ => return left_digits(),
        };
        Ok(ScalarValue::Decimal128(sum, self.precision, self.scale))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// The sums of groups.
struct Totals(PrimitiveGroupsAccumulator<Decimal128Type, fn(&mut i128, i128)>);

impl fmt::Debug for Totals {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Totals")
    }
}

impl GroupsAccumulator for Totals {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.0.update_batch(values, group_indices, filter, total_num_groups)
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.0.merge_batch(values, group_indices, total_num_groups)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let sums = self.0.evaluate(emit_to)?;
        let all = sums.as_primitive::<Decimal128Type>();
        if all.iter().flatten().any(|sum| sum <= -LIMIT || LIMIT <= sum) {
            return left_digits();
        }
        Ok(sums)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        self.0.state(emit_to)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        self.0.convert_to_state(values, filter)
    }

    fn size(&self) -> usize {
        self.0.size()
    }
}
