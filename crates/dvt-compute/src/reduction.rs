//! What a finished side of a join tells about the rows that the other side needs.
//!
//! The engine's hash joins publish a *dynamic filter* once their build side is read: a predicate over the probe side's
//! columns. Here it is taken apart into keys that can be sent to a connection. Only a superset matters, since the join
//! evaluates its condition itself: what is not understood is left out.

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{ColumnarValue, Operator};
use datafusion::physical_expr::expressions::{
    BinaryExpr, CaseExpr, Column, DynamicFilterPhysicalExpr, InListExpr, Literal,
};
use datafusion::physical_expr::scalar_subquery::ScalarSubqueryExpr;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use dvt_federation::{KeyReduction, Keys};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// What is known about one column.
#[derive(Clone, Debug, PartialEq)]
enum Known {
    Values(Vec<ScalarValue>),
    Range(Option<ScalarValue>, Option<ScalarValue>),
}

/// Per column (position in the scan's output) what every needed row fulfils; `None`: no row is needed.
type Facts = Option<BTreeMap<usize, Known>>;

/// Whether the condition compares a column with the value of a subquery, which is known when the scan starts.
pub(crate) fn is_bound_by_subquery(filter: &Arc<dyn PhysicalExpr>) -> bool {
    filter.downcast_ref::<BinaryExpr>().is_some_and(|binary| {
        let sides = [binary.left(), binary.right()];
        sides.iter().any(|side| side.downcast_ref::<Column>().is_some())
            && sides.iter().any(|side| side.downcast_ref::<ScalarSubqueryExpr>().is_some())
    })
}

/// Waits until the filters are final, then gives the keys they hold.
pub(crate) async fn await_keys(filters: &[Arc<dyn PhysicalExpr>]) -> Vec<KeyReduction> {
    let mut facts: Facts = Some(BTreeMap::new());
    for filter in filters {
        match filter.downcast_ref::<DynamicFilterPhysicalExpr>() {
            Some(dynamic) => {
                dynamic.wait_complete().await;
                if let Ok(current) = dynamic.current() {
                    facts = both(facts, facts_of(&current));
                }
            }
            None => facts = both(facts, facts_of(filter)),
        }
    }
    let Some(facts) = facts else { return vec![KeyReduction { column: 0, keys: Keys::Values(Vec::new()) }] };
    facts
        .into_iter()
        .filter_map(|(column, known)| {
            let keys = match known {
                Known::Values(values) => Keys::Values(values),
                Known::Range(None, None) => return None,
                Known::Range(least, greatest) => Keys::Range(least, greatest),
            };
            Some(KeyReduction { column, keys })
        })
        .collect()
}

/// Looking up this many rows by their keys takes as long as reading all of so many more.
const LOOKUP_FACTOR: usize = 8;

/// Below this a list is always worth its while.
const FEW_KEYS: usize = 1000;

/// The keys in the form that suits a relation of so many rows: many keys among few rows say no more than their bounds.
pub(crate) fn fitting(keys: &Keys, rows: usize) -> Keys {
    match keys {
        Keys::Values(values) if values.len() > FEW_KEYS && values.len().saturating_mul(LOOKUP_FACTOR) > rows => {
            let mut bounds: Option<(&ScalarValue, &ScalarValue)> = None;
            for value in values {
                bounds = Some(match bounds {
                    None => (value, value),
                    Some((least, greatest)) => (
                        if value.partial_cmp(least).is_some_and(|order| order.is_lt()) { value } else { least },
                        if value.partial_cmp(greatest).is_some_and(|order| order.is_gt()) { value } else { greatest },
                    ),
                });
            }
            match bounds {
                Some((least, greatest)) => Keys::Range(Some(least.clone()), Some(greatest.clone())),
                None => keys.clone(),
            }
        }
        other => other.clone(),
    }
}

fn facts_of(expr: &Arc<dyn PhysicalExpr>) -> Facts {
    let nothing = Some(BTreeMap::new());
    if let Some(binary) = expr.downcast_ref::<BinaryExpr>() {
        return match binary.op() {
            Operator::And => both(facts_of(binary.left()), facts_of(binary.right())),
            Operator::Or => either(facts_of(binary.left()), facts_of(binary.right())),
            op => bound(binary, *op).map_or(nothing, |(column, known)| Some([(column, known?)].into())),
        };
    }
    if let Some(list) = expr.downcast_ref::<InListExpr>() {
        return listed(list).map_or(nothing, |listed| {
            Some(listed.into_iter().map(|(column, values)| (column, Known::Values(values))).collect())
        });
    }
    if let Some(case) = expr.downcast_ref::<CaseExpr>() {
        // Each row takes one branch, so it fulfils what one of them says.
        let otherwise = case.else_expr().and_then(facts_of);
        return case.when_then_expr().iter().fold(otherwise, |facts, (_, then)| either(facts, facts_of(then)));
    }
    if let Some(literal) = expr.downcast_ref::<Literal>()
        && matches!(literal.value(), ScalarValue::Boolean(Some(false)))
    {
        return None;
    }
    nothing
}

/// `column >= value`, `column <= value` and their kin, either way round. Bounds are inclusive: a superset will do. The
/// inner `None` says that no row can fulfil it: nothing compares with NULL.
fn bound(binary: &BinaryExpr, op: Operator) -> Option<(usize, Option<Known>)> {
    let (column, op, value) = match binary.left().downcast_ref::<Column>() {
        Some(column) => (column, op, constant(binary.right())?),
        None => (binary.right().downcast_ref::<Column>()?, op.swap()?, constant(binary.left())?),
    };
    let column = column.index();
    if value.is_null() {
        let is_comparison = matches!(
            op,
            Operator::Gt | Operator::GtEq | Operator::Lt | Operator::LtEq | Operator::Eq | Operator::NotEq
        );
        return is_comparison.then_some((column, None));
    }
    match op {
        Operator::Gt | Operator::GtEq => Some((column, Some(Known::Range(Some(value), None)))),
        Operator::Lt | Operator::LtEq => Some((column, Some(Known::Range(None, Some(value))))),
        Operator::Eq => Some((column, Some(Known::Values(vec![value])))),
        _ => None,
    }
}

/// A literal, or the value of a subquery that has run.
fn constant(expr: &Arc<dyn PhysicalExpr>) -> Option<ScalarValue> {
    if let Some(literal) = expr.downcast_ref::<Literal>() {
        return Some(literal.value().clone());
    }
    let subquery = expr.downcast_ref::<ScalarSubqueryExpr>()?;
    match subquery.evaluate(&RecordBatch::new_empty(Arc::new(Schema::empty()))) {
        Ok(ColumnarValue::Scalar(value)) => Some(value),
        _ => None,
    }
}

/// `column IN (…)`, or `struct(column, …) IN (…)` for a join on several columns: then the values of each by themselves.
fn listed(list: &InListExpr) -> Option<Vec<(usize, Vec<ScalarValue>)>> {
    if list.negated() {
        return None;
    }
    let items = list.list().iter().map(|item| Some(item.downcast_ref::<Literal>()?.value()));
    if let Some(column) = list.expr().downcast_ref::<Column>() {
        let values = items.collect::<Option<Vec<_>>>()?;
        return Some(vec![(column.index(), values.into_iter().filter(|value| !value.is_null()).cloned().collect())]);
    }
    let call = list.expr().downcast_ref::<ScalarFunctionExpr>().filter(|call| call.fun().name() == "struct")?;
    let mut seen: Vec<HashSet<ScalarValue>> = vec![HashSet::new(); call.args().len()];
    for item in items {
        let ScalarValue::Struct(row) = item? else { return None };
        for (values, column) in seen.iter_mut().zip(row.columns()) {
            let value = ScalarValue::try_from_array(column, 0).ok()?;
            if !value.is_null() {
                values.insert(value);
            }
        }
    }
    let columns = call.args().iter().map(|argument| argument.downcast_ref::<Column>().map(Column::index));
    Some(columns.zip(seen).filter_map(|(column, values)| Some((column?, values.into_iter().collect()))).collect())
}

/// Rows that fulfil both.
fn both(left: Facts, right: Facts) -> Facts {
    let (mut left, right) = (left?, right?);
    for (column, known) in right {
        let merged = match left.remove(&column) {
            None => known,
            Some(other) => narrower(other, known),
        };
        left.insert(column, merged);
    }
    Some(left)
}

fn narrower(left: Known, right: Known) -> Known {
    match (left, right) {
        (Known::Values(left), Known::Values(right)) => {
            let keep: HashSet<ScalarValue> = right.into_iter().collect();
            Known::Values(left.into_iter().filter(|value| keep.contains(value)).collect())
        }
        (values @ Known::Values(_), Known::Range(..)) | (Known::Range(..), values @ Known::Values(_)) => values,
        (Known::Range(least, greatest), Known::Range(other_least, other_greatest)) => {
            Known::Range(least.or(other_least), greatest.or(other_greatest))
        }
    }
}

/// Rows that fulfil one of them.
fn either(left: Facts, right: Facts) -> Facts {
    match (left, right) {
        (None, facts) | (facts, None) => facts,
        (Some(mut left), Some(mut right)) => {
            let columns: Vec<usize> = left.keys().copied().collect();
            let mut merged = BTreeMap::new();
            for column in columns {
                let (Some(one), Some(other)) = (left.remove(&column), right.remove(&column)) else { continue };
                if let Some(known) = wider(one, other) {
                    merged.insert(column, known);
                }
            }
            Some(merged)
        }
    }
}

fn wider(left: Known, right: Known) -> Option<Known> {
    match (left, right) {
        (Known::Values(mut left), Known::Values(right)) => {
            let known: HashSet<ScalarValue> = left.iter().cloned().collect();
            left.extend(right.into_iter().filter(|value| !known.contains(value)));
            Some(Known::Values(left))
        }
        (Known::Range(Some(least), Some(greatest)), Known::Range(Some(other_least), Some(other_greatest))) => {
            let least = if other_least.partial_cmp(&least)?.is_lt() { other_least } else { least };
            let greatest = if other_greatest.partial_cmp(&greatest)?.is_gt() { other_greatest } else { greatest };
            Some(Known::Range(Some(least), Some(greatest)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::{DataType, Field};
    use datafusion::physical_expr::expressions::{binary, col, in_list, lit};

    fn schema() -> Schema {
        Schema::new(vec![Field::new("a", DataType::Int64, true), Field::new("b", DataType::Int64, true)])
    }

    fn compare(name: &str, op: Operator, value: i64) -> Arc<dyn PhysicalExpr> {
        binary(col(name, &schema()).unwrap(), op, lit(value), &schema()).unwrap()
    }

    fn range(name: &str, least: i64, greatest: i64) -> Arc<dyn PhysicalExpr> {
        binary(compare(name, Operator::GtEq, least), Operator::And, compare(name, Operator::LtEq, greatest), &schema())
            .unwrap()
    }

    fn list(name: &str, values: &[i64]) -> Arc<dyn PhysicalExpr> {
        let values = values.iter().map(|value| lit(*value)).collect();
        in_list(col(name, &schema()).unwrap(), values, &false, &schema()).unwrap()
    }

    fn values(values: &[i64]) -> Known {
        Known::Values(values.iter().map(|value| ScalarValue::from(*value)).collect())
    }

    #[test]
    fn lists_beat_ranges_and_branches_are_united() {
        let and = binary(list("a", &[1, 2, 3]), Operator::And, range("a", 1, 3), &schema()).unwrap();
        assert_eq!(facts_of(&and), Some([(0, values(&[1, 2, 3]))].into()));

        let case: Arc<dyn PhysicalExpr> = Arc::new(
            CaseExpr::try_new(
                Some(col("b", &schema()).unwrap()),
                vec![(lit(0_i64), list("a", &[1, 2])), (lit(1_i64), list("a", &[2, 7]))],
                Some(lit(false)),
            )
            .unwrap(),
        );
        assert_eq!(facts_of(&case), Some([(0, values(&[1, 2, 7]))].into()));
    }

    #[test]
    fn a_branch_that_keeps_everything_tells_nothing() {
        let case: Arc<dyn PhysicalExpr> = Arc::new(
            CaseExpr::try_new(
                Some(col("b", &schema()).unwrap()),
                vec![(lit(0_i64), list("a", &[1, 2])), (lit(1_i64), lit(true))],
                Some(lit(false)),
            )
            .unwrap(),
        );
        assert_eq!(facts_of(&case), Some(BTreeMap::new()));
        let or = binary(list("a", &[1]), Operator::Or, compare("b", Operator::Gt, 3), &schema()).unwrap();
        assert_eq!(facts_of(&or), Some(BTreeMap::new()));
        assert_eq!(facts_of(&lit(false)), None);
    }

    #[test]
    fn ranges_of_branches_are_widened() {
        let or = binary(range("a", 5, 9), Operator::Or, range("a", 2, 6), &schema()).unwrap();
        let known = Known::Range(Some(ScalarValue::from(2_i64)), Some(ScalarValue::from(9_i64)));
        assert_eq!(facts_of(&or), Some([(0, known)].into()));
    }
}
