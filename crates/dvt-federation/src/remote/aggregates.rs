//! GROUP BY, DISTINCT and aggregate functions.
//!
//! Sent are those whose result does not depend on the order of the rows: counts, sums of exact numbers, least and greatest
//! values. Averages of exact numbers arrive here as a sum and a count already (`semantics`). Sums and averages of floating
//! point numbers stay here, since each order of adding gives another last digit.

use super::estimate::group_rows;
use super::translate::{Translator, computed_column, is_groupable};
use super::{Block, BlockColumn};
use crate::Exactness;
use crate::pushdown::{Columns, Fragment, Reason, Value};
use crate::syntax::CARRIER;
use arrow::datatypes::{DataType, Field};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Aggregate, Expr};
use dvt_adapter::TextComparison;

impl Translator {
    pub(super) fn aggregate(&self, node: &Aggregate) -> Result<Block, Reason> {
        let mut block = self.block_of(&node.input)?;
        if !block.is_simple() {
            block = self.derived(block);
        }
        let rules = block.place.rules;
        let mut columns = Vec::new();
        let mut keys = Vec::new();
        let mut distinct = Vec::new();
        let fields: Vec<_> = node.schema.iter().map(|(qualifier, field)| (qualifier.cloned(), field.clone())).collect();
        let expressions = node.group_expr.iter().chain(&node.aggr_expr);
        if fields.len() != node.group_expr.len() + node.aggr_expr.len() {
            return Err("it groups in several ways at once");
        }
        for (index, (expr, (qualifier, field))) in expressions.zip(fields).enumerate() {
            let column = if index < node.group_expr.len() {
                let value = block.writer().value(expr)?;
                if !is_groupable(&value, rules) {
                    return Err("values of this type are not grouped there");
                }
                let stored = expr.try_as_col().and_then(|column| block.find(column)).cloned();
                if !value.sql.has_columns() {
                    return Err("it groups by a constant");
                }
                distinct.push(stored.as_ref().and_then(|stored| stored.distinct));
                keys.push(value.sql.clone());
                match stored {
                    Some(stored) => stored,
                    None => computed_column(value, field.as_ref().clone()),
                }
            } else {
                let value = call(expr, &block, &field)?;
                computed_column(value, field.as_ref().clone())
            };
            columns.push(BlockColumn { qualifier, name: field.name().clone(), column });
        }
        let input_rows = block.estimate.rows;
        // All rows are one group in any order.
        let is_ordered = keys.is_empty() || is_in_order(&block, &keys);
        let costs = &rules.costs;
        block.estimate.rows = group_rows(input_rows, &distinct);
        block.estimate.work += input_rows * if is_ordered { costs.group_ordered } else { costs.group };
        block.operators.push(if node.aggr_expr.is_empty() { "distinct" } else { "aggregate" });
        block.group_by = Some(keys);
        block.columns = columns;
        block.keys.clear();
        Ok(block)
    }
}

/// Whether an index has the rows in the order of the groups.
fn is_in_order(block: &Block, keys: &[Fragment]) -> bool {
    let quote = |column: &String| block.place.dialect.quote_identifier(column);
    !keys.is_empty()
        && block.keys.iter().any(|index| {
            index.columns.len() >= keys.len()
                && index.columns[..keys.len()]
                    .iter()
                    .all(|column| keys.iter().any(|key| key.is_column_named(&quote(column))))
        })
}

fn call(expr: &Expr, block: &Block, field: &Field) -> Result<Value, Reason> {
    let aggregate = match expr {
        Expr::Alias(alias) => return call(&alias.expr, block, field),
        Expr::AggregateFunction(aggregate) => aggregate,
        _ => return Err("its aggregate is not one that is sent"),
    };
    let AggregateFunction { func, params } = aggregate;
    if !params.order_by.is_empty() || params.null_treatment.is_some() {
        return Err("its aggregate depends on the order of rows");
    }
    let rules = block.place.rules;
    let writer = block.writer();
    let condition = match &params.filter {
        None => None,
        Some(filter) => match writer.predicate(filter)? {
            (sql, Exactness::Exact) => Some(sql),
            _ => return Err("its condition may keep too much there"),
        },
    };
    let only_where = |sql: Fragment| match &condition {
        None => sql,
        Some(condition) => {
            Fragment::concat(["CASE WHEN ".into(), condition.clone(), " THEN ".into(), sql, " END".into()])
        }
    };
    let result = |sql: Fragment, comparison: TextComparison| Value {
        sql,
        data_type: field.data_type().clone(),
        comparison,
        is_plain_text: true,
    };
    let distinct = if params.distinct { "DISTINCT " } else { "" };
    let wrap =
        |name: &str, argument: Fragment| Fragment::concat([format!("{name}({distinct}").into(), argument, ")".into()]);
    match (func.name(), &params.args[..]) {
        // A constant that is not NULL stands for the row.
        ("count", [] | [Expr::Literal(..)]) if !params.distinct => {
            if matches!(&params.args[..], [Expr::Literal(value, _)] if value.is_null()) {
                return Err("it counts NULL");
            }
            let argument = match &condition {
                None => "*".into(),
                Some(_) => only_where("1".into()),
            };
            Ok(result(wrap("COUNT", argument), TextComparison::Binary))
        }
        ("count", [argument]) => {
            let value = writer.value(argument)?;
            if params.distinct && !is_groupable(&value, rules) {
                return Err("values of this type are not told apart there as here");
            }
            Ok(result(wrap("COUNT", only_where(value.sql)), TextComparison::Binary))
        }
        ("sum", [argument]) => {
            let plain = exact_argument(argument);
            let value = writer.value(plain)?;
            if plain != argument && !value.data_type.is_signed_integer() {
                return Err("its argument is rounded first");
            }
            let is_exact = match value.data_type {
                DataType::Decimal128(..) => true,
                DataType::Decimal256(precision, scale) => (precision, scale) != CARRIER,
                ref other => other.is_signed_integer(),
            };
            if !is_exact || value.comparison != TextComparison::Binary || !rules.decimals {
                return Err("sums of this type are not exact there");
            }
            let sum = wrap("SUM", only_where(value.sql));
            let sum = match (field.data_type(), rules.bigint) {
                (DataType::Int64, Some(bigint)) => {
                    Fragment::concat(["CAST(".into(), sum, format!(" AS {bigint})").into()])
                }
                (DataType::Decimal128(..) | DataType::Decimal256(..), _) => sum,
                _ => return Err("its sum has another type there"),
            };
            Ok(result(sum, TextComparison::Binary))
        }
        (name @ ("min" | "max"), [argument]) => {
            let value = writer.value(argument)?;
            if !is_groupable(&value, rules) || value.data_type == DataType::Boolean {
                return Err("values of this type are not ordered there");
            }
            let mut sql = value.sql;
            let mut comparison = value.comparison;
            if value.data_type == DataType::Utf8 {
                match (rules.bytewise, &comparison) {
                    (Some(bytewise), _) => {
                        sql = Fragment::concat([sql, bytewise.into()]);
                        comparison = TextComparison::BinaryEquality;
                    }
                    (None, TextComparison::Binary) => {}
                    _ => return Err("the connection's collation orders text in another way"),
                }
            }
            let function = if name == "min" { "MIN" } else { "MAX" };
            Ok(result(Fragment::call(function, [only_where(sql)]), comparison))
        }
        _ => Err("its aggregate is not one that is sent"),
    }
}

/// Databases add whole numbers exactly; the cast that makes it so here is not needed there.
fn exact_argument(argument: &Expr) -> &Expr {
    match argument {
        Expr::Cast(cast) if *cast.field.data_type() == DataType::Decimal128(38, 0) => &cast.expr,
        other => other,
    }
}
