//! Aggregates over pairs of numbers: `corr`, `covar_pop`, `covar_samp` and `regr_*`, as PostgreSQL has them, in doubles.
//!
//! The sums of squares are kept as deviations from the mean so far (Youngs and Cramer's way), as the server keeps them, so that the
//! rows of one order give the same digits.

use arrow::array::{ArrayRef, AsArray, Float64Array};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};
use std::sync::Arc;

/// The functions, by the names that packs call them.
pub(super) fn functions() -> impl Iterator<Item = Arc<AggregateUDF>> {
    [
        ("postgres_corr", Figure::Correlation),
        ("postgres_covar_pop", Figure::Covariance),
        ("postgres_covar_samp", Figure::SampleCovariance),
        ("postgres_regr_avgx", Figure::MeanX),
        ("postgres_regr_avgy", Figure::MeanY),
        ("postgres_regr_count", Figure::Count),
        ("postgres_regr_intercept", Figure::Intercept),
        ("postgres_regr_r2", Figure::Determination),
        ("postgres_regr_slope", Figure::Slope),
        ("postgres_regr_sxx", Figure::SquaresX),
        ("postgres_regr_sxy", Figure::Products),
        ("postgres_regr_syy", Figure::SquaresY),
    ]
    .into_iter()
    .map(|(name, figure)| {
        let signature = Signature::user_defined(Volatility::Immutable);
        Arc::new(AggregateUDF::new_from_impl(Regression { name, figure, signature }))
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Figure {
    Correlation,
    Covariance,
    SampleCovariance,
    MeanX,
    MeanY,
    Count,
    Intercept,
    Determination,
    Slope,
    SquaresX,
    Products,
    SquaresY,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Regression {
    name: &'static str,
    figure: Figure,
    signature: Signature,
}

impl AggregateUDFImpl for Regression {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [one, two] if [one, two].iter().all(|from| from.is_numeric() || from.is_null()) => {
                Ok(vec![DataType::Float64, DataType::Float64])
            }
            _ => {
                let types: Vec<String> = types.iter().map(ToString::to_string).collect();
                plan_err!("{}({}) is not supported in a query across connections", self.name, types.join(", "))
            }
        }
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(if self.figure == Figure::Count { DataType::Int64 } else { DataType::Float64 })
    }

    fn accumulator(&self, _arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Pairs { figure: self.figure, sums: Sums::default() }))
    }

    fn state_fields(&self, _arguments: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let fields = ["n", "sx", "sxx", "sy", "syy", "sxy"];
        Ok(fields.into_iter().map(|name| Arc::new(Field::new(name, DataType::Float64, true))).collect())
    }
}

/// Sums over pairs; those of squares are of deviations from the mean.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    count: f64,
    x: f64,
    xx: f64,
    y: f64,
    yy: f64,
    xy: f64,
}

impl Sums {
    fn add(&mut self, y: f64, x: f64) {
        let before = self.count;
        self.count += 1.0;
        self.x += x;
        self.y += y;
        if before > 0.0 {
            let (across, up) = (x * self.count - self.x, y * self.count - self.y);
            let scale = 1.0 / (self.count * before);
            self.xx += across * across * scale;
            self.yy += up * up * scale;
            self.xy += across * up * scale;
        } else if !x.is_finite() || !y.is_finite() {
            // What a deviation from such a mean is.
            let unknown = |number: f64| if number.is_finite() { 0.0 } else { f64::NAN };
            self.xx = unknown(x);
            self.yy = unknown(y);
            self.xy = f64::NAN;
        }
    }

    fn merge(&mut self, other: &Self) {
        if other.count == 0.0 {
            return;
        }
        if self.count == 0.0 {
            *self = *other;
            return;
        }
        let count = self.count + other.count;
        let across = self.x / self.count - other.x / other.count;
        let up = self.y / self.count - other.y / other.count;
        let weight = self.count * other.count / count;
        self.xx += other.xx + weight * across * across;
        self.yy += other.yy + weight * up * up;
        self.xy += other.xy + weight * across * up;
        self.x += other.x;
        self.y += other.y;
        self.count = count;
    }

    fn figure(&self, figure: Figure) -> Option<f64> {
        let Self { count, x, xx, y, yy, xy } = *self;
        if count < 1.0 {
            return None;
        }
        match figure {
            Figure::Correlation => (xx != 0.0 && yy != 0.0).then(|| xy / (xx * yy).sqrt()),
            Figure::Covariance => Some(xy / count),
            Figure::SampleCovariance => (count > 1.0).then(|| xy / (count - 1.0)),
            Figure::MeanX => Some(x / count),
            Figure::MeanY => Some(y / count),
            Figure::Count => Some(count),
            Figure::Intercept => (xx != 0.0).then(|| (y - x * xy / xx) / count),
            Figure::Determination if xx == 0.0 => None,
            Figure::Determination if yy == 0.0 => Some(1.0),
            Figure::Determination => Some((xy * xy) / (xx * yy)),
            Figure::Slope => (xx != 0.0).then(|| xy / xx),
            Figure::SquaresX => Some(xx),
            Figure::Products => Some(xy),
            Figure::SquaresY => Some(yy),
        }
    }
}

#[derive(Debug)]
struct Pairs {
    figure: Figure,
    sums: Sums,
}

impl Accumulator for Pairs {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let (ys, xs) = (values[0].as_primitive::<Float64Type>(), values[1].as_primitive::<Float64Type>());
        for (y, x) in ys.iter().zip(xs) {
            if let Some((y, x)) = y.zip(x) {
                self.sums.add(y, x);
                let Sums { x: sum_x, xx, y: sum_y, yy, xy, .. } = self.sums;
                if y.is_finite() && x.is_finite() && [sum_x, xx, sum_y, yy, xy].iter().any(|sum| sum.is_infinite()) {
                    return exec_err!("value out of range: overflow");
                }
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        #[expect(clippy::cast_possible_truncation, reason = "a number of rows")]
        Ok(match self.figure {
            Figure::Count => ScalarValue::Int64(Some(self.sums.count as i64)),
            figure => ScalarValue::Float64(self.sums.figure(figure)),
        })
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let Sums { count, x, xx, y, yy, xy } = self.sums;
        Ok([count, x, xx, y, yy, xy].into_iter().map(|sum| ScalarValue::Float64(Some(sum))).collect())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let columns: Vec<&Float64Array> = states.iter().map(|column| column.as_primitive::<Float64Type>()).collect();
        let [count, x, xx, y, yy, xy] = columns[..] else { return exec_err!("a state of six sums") };
        for row in 0..count.len() {
            let other = Sums {
                count: count.value(row),
                x: x.value(row),
                xx: xx.value(row),
                y: y.value(row),
                yy: yy.value(row),
                xy: xy.value(row),
            };
            self.sums.merge(&other);
        }
        Ok(())
    }
}
