//! What a finished side of a join tells about the rows that the other side needs.
//!
//! The engine's hash joins publish a *dynamic filter* once their build side is read: a predicate over the probe side's
//! columns. Here it is taken apart into keys that can be sent to a connection. Only a superset matters, since the join
//! evaluates its condition itself: what is not understood is left out.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{
    BinaryExpr, CaseExpr, Column, DynamicFilterPhysicalExpr, InListExpr, Literal,
};
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

/// Waits until the filters are final, then gives the keys they hold.
pub(crate) async fn await_keys(filters: &[Arc<dyn PhysicalExpr>]) -> Vec<KeyReduction> {
    let mut facts: Facts = Some(BTreeMap::new());
    for filter in filters {
        let Some(dynamic) = filter.downcast_ref::<DynamicFilterPhysicalExpr>() else { continue };
        dynamic.wait_complete().await;
        if let Ok(current) = dynamic.current() {
            facts = both(facts, facts_of(&current));
        }
    }
    let Some(facts) = facts else { return vec![KeyReduction { column: 0, keys: Keys::Values(Vec::new()) }] };
    facts
        .into_iter()
        .filter_map(|(column, known)| {
            let keys = match known {
                Known::Values(values) => Keys::Values(values),
                Known::Range(Some(least), Some(greatest)) => Keys::Range(least, greatest),
                Known::Range(..) => return None,
            };
            Some(KeyReduction { column, keys })
        })
        .collect()
}

fn facts_of(expr: &Arc<dyn PhysicalExpr>) -> Facts {
    let nothing = Some(BTreeMap::new());
    if let Some(binary) = expr.downcast_ref::<BinaryExpr>() {
        return match binary.op() {
            Operator::And => both(facts_of(binary.left()), facts_of(binary.right())),
            Operator::Or => either(facts_of(binary.left()), facts_of(binary.right())),
            op => bound(binary, *op).map_or(nothing, |(column, known)| Some([(column, known)].into())),
        };
    }
    if let Some(list) = expr.downcast_ref::<InListExpr>() {
        return listed(list).map_or(nothing, |(column, values)| Some([(column, Known::Values(values))].into()));
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

/// `column >= value` or `column <= value`.
fn bound(binary: &BinaryExpr, op: Operator) -> Option<(usize, Known)> {
    let column = binary.left().downcast_ref::<Column>()?.index();
    let value = binary.right().downcast_ref::<Literal>()?.value().clone();
    match op {
        Operator::GtEq => Some((column, Known::Range(Some(value), None))),
        Operator::LtEq => Some((column, Known::Range(None, Some(value)))),
        _ => None,
    }
}

fn listed(list: &InListExpr) -> Option<(usize, Vec<ScalarValue>)> {
    if list.negated() {
        return None;
    }
    let column = list.expr().downcast_ref::<Column>()?.index();
    let mut values = Vec::with_capacity(list.list().len());
    for item in list.list() {
        let value = item.downcast_ref::<Literal>()?.value();
        if !value.is_null() {
            values.push(value.clone());
        }
    }
    Some((column, values))
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
    use arrow::datatypes::{DataType, Field, Schema};
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
