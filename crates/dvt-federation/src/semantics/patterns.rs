//! Regular expressions: what engines find alike is written in the engine's form, another is refused.

use crate::error::PlanError;
use crate::regex::{Asked, translate, translate_replacement};
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, lit};

/// `regexp_match` of a pattern that finds the same here.
pub(super) fn rewrite_match(mut call: ScalarFunction, refused: &mut Option<PlanError>) -> Transformed<Expr> {
    let flags = call.args.get(2).map_or(Some(""), constant_text).filter(|flags| matches!(*flags, "" | "i"));
    let pattern = call.args.get(1).and_then(constant_text).and_then(|text| translate(text, Asked::Match));
    // A group that takes no part would be left out of the list.
    let has_loose_group = |pattern: &String| [")?", ")*", "){"].iter().any(|end| pattern.contains(end));
    match (pattern.filter(|pattern| !has_loose_group(pattern)), flags) {
        (Some(pattern), Some(_)) => {
            call.args[1] = lit(pattern);
            Transformed::yes(Expr::ScalarFunction(call))
        }
        _ => {
            refuse_pattern("a match", refused);
            Transformed::no(Expr::ScalarFunction(call))
        }
    }
}

/// `regexp_replace` of a pattern that finds the same here.
pub(super) fn rewrite_replacement(mut call: ScalarFunction, refused: &mut Option<PlanError>) -> Transformed<Expr> {
    let flags = call
        .args
        .get(3)
        .map_or(Some(""), constant_text)
        .filter(|flags| flags.chars().all(|flag| matches!(flag, 'g' | 'i')));
    let pattern = call.args.get(1).and_then(constant_text).and_then(|text| translate(text, Asked::Match));
    let replacement = call.args.get(2).and_then(constant_text).and_then(translate_replacement);
    match (pattern, replacement, flags) {
        (Some(pattern), Some(replacement), Some(_)) => {
            call.args[1] = lit(pattern);
            call.args[2] = lit(replacement);
            Transformed::yes(Expr::ScalarFunction(call))
        }
        _ => {
            refuse_pattern("regexp_replace()", refused);
            Transformed::no(Expr::ScalarFunction(call))
        }
    }
}

pub(super) fn constant_text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)), _) => Some(text),
        _ => None,
    }
}

pub(super) fn refuse_pattern(function: &str, refused: &mut Option<PlanError>) {
    refused.get_or_insert(PlanError::Unsupported {
        construct: format!("{function} with this regular expression, of which engines find different matches,"),
        hint: Some(
            "use a constant pattern of characters, classes, groups and greedy repetition, or match it in a model on one \
             connection"
                .to_owned(),
        ),
        location: None,
    });
}
