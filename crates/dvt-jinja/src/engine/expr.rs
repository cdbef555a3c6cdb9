//! Expressions.

use super::call::{RED_ZONE, STACK_STEP};
use super::ir::{Arg, BinaryOp, Expr, ExprNode};
use super::{Interpreter, Scope};
use crate::error::{ErrorKind, Flow, raise};
use crate::value::{binary, negate, slice};
use crate::{Args, Dict, Value, filters, tests_of_values};
use dvt_diagnostics::Span;
use std::sync::Arc;

impl Interpreter<'_> {
    pub(crate) fn expr(&mut self, expr: &Expr, scope: &Arc<Scope>) -> Result<Value, Flow> {
        match &expr.node {
            ExprNode::Const(value) => Ok(value.clone()),
            ExprNode::Name(name) => Ok(self.name(name, scope)),
            // A chain of a thousand operators is a tree of that depth.
            _ => stacker::maybe_grow(RED_ZONE, STACK_STEP, || self.compound(expr, scope)),
        }
    }

    fn compound(&mut self, expr: &Expr, scope: &Arc<Scope>) -> Result<Value, Flow> {
        let here = || Span::new(&scope.file, expr.place.range());
        match &expr.node {
            ExprNode::Const(value) => Ok(value.clone()),
            ExprNode::Name(name) => Ok(self.name(name, scope)),
            ExprNode::Attribute(owner, name) => {
                let owner_value = self.expr(owner, scope)?;
                self.attribute(&owner_value, name)
                    .map_err(|flow| self.suggest(flow, owner, scope).at(|| Span::new(&scope.file, owner.place.range())))
            }
            ExprNode::Item(owner, key) => {
                let owner_value = self.expr(owner, scope)?;
                let key = self.expr(key, scope)?;
                self.item(&owner_value, &key)
                    .map_err(|flow| self.suggest(flow, owner, scope).at(|| Span::new(&scope.file, owner.place.range())))
            }
            ExprNode::Slice { value, start, stop, step } => {
                let value = self.expr(value, scope)?;
                let mut bound = |bound: &Option<Box<Expr>>| -> Result<Option<i128>, Flow> {
                    match bound {
                        None => Ok(None),
                        Some(bound) => match self.expr(bound, scope)? {
                            Value::None => Ok(None),
                            value => value
                                .as_int()
                                .map(Some)
                                .ok_or_else(|| raise("slice indices must be integers or None").at(here)),
                        },
                    }
                };
                let (start, stop, step) = (bound(start)?, bound(stop)?, bound(step)?);
                slice(&value, start, stop, step).map_err(|message| operation_error(&[&value], message).at(here))
            }
            ExprNode::Call(..) => self.call_expr(expr, scope, None),
            ExprNode::Filter(value, filter) => {
                let value = self.expr(value, scope)?;
                let mut args = self.args(&filter.name, &filter.args, scope)?;
                filters::apply(self, &filter.name, value, &mut args)
                    .map_err(|flow| flow.at(|| Span::new(&scope.file, filter.place.range())))
            }
            ExprNode::Test { value, name, args } => {
                let value = self.expr(value, scope)?;
                let mut args = self.args(name, args, scope)?;
                tests_of_values::check(name, &value, &mut args).map(Value::Bool).map_err(|flow| flow.at(here))
            }
            ExprNode::Not(value) => Ok(Value::Bool(!self.expr(value, scope)?.is_true())),
            ExprNode::Negate(value) => {
                let value = self.expr(value, scope)?;
                negate(&value).map_err(|message| operation_error(&[&value], message).at(here))
            }
            ExprNode::Binary(operator, left, right) => {
                let (left, right) = (self.expr(left, scope)?, self.expr(right, scope)?);
                if let (BinaryOp::In | BinaryOp::NotIn, Some(found)) = (operator, self.namespace_has(&right, &left)) {
                    return Ok(Value::Bool(found == matches!(operator, BinaryOp::In)));
                }
                binary(*operator, &left, &right).map_err(|message| operation_error(&[&left, &right], message).at(here))
            }
            ExprNode::And(left, right) => {
                let left = self.expr(left, scope)?;
                if left.is_true() { self.expr(right, scope) } else { Ok(left) }
            }
            ExprNode::Or(left, right) => {
                let left = self.expr(left, scope)?;
                if left.is_true() { Ok(left) } else { self.expr(right, scope) }
            }
            ExprNode::Compare(first, rest) => {
                let mut left = self.expr(first, scope)?;
                for (operator, right) in rest {
                    let right = self.expr(right, scope)?;
                    let holds = binary(*operator, &left, &right)
                        .map_err(|message| operation_error(&[&left, &right], message).at(here))?;
                    if !holds.is_true() {
                        return Ok(Value::Bool(false));
                    }
                    left = right;
                }
                Ok(Value::Bool(true))
            }
            ExprNode::If { condition, then, otherwise } => {
                if self.expr(condition, scope)?.is_true() {
                    return self.expr(then, scope);
                }
                match otherwise {
                    Some(otherwise) => self.expr(otherwise, scope),
                    None => Ok(Value::Undefined(Some("the condition of an inline if without else is false".into()))),
                }
            }
            ExprNode::List(items) => Ok(Value::list(self.exprs(items, scope)?)),
            ExprNode::Tuple(items) => Ok(Value::tuple(self.exprs(items, scope)?)),
            ExprNode::Dict(entries) => {
                let mut dict = Dict::new();
                for (key, value) in entries {
                    let key_value = self.expr(key, scope)?;
                    let value = self.expr(value, scope)?;
                    if !dict.insert(key_value.clone(), value) {
                        return Err(raise(format!("unhashable type: '{}'", key_value.type_name()))
                            .at(|| Span::new(&scope.file, key.place.range())));
                    }
                }
                Ok(Value::dict(dict))
            }
        }
    }

    fn exprs(&mut self, exprs: &[Expr], scope: &Arc<Scope>) -> Result<Vec<Value>, Flow> {
        exprs.iter().map(|expr| self.expr(expr, scope)).collect()
    }

    /// Evaluates the arguments of a call.
    pub(crate) fn args(&mut self, function: &str, args: &[Arg], scope: &Arc<Scope>) -> Result<Args, Flow> {
        let mut evaluated = Args::new(function, Vec::with_capacity(args.len()));
        for arg in args {
            match arg {
                Arg::Positional(expr) => evaluated.positional.push(self.expr(expr, scope)?),
                Arg::Keyword(name, expr) => {
                    let value = self.expr(expr, scope)?;
                    evaluated.keyword.insert(Arc::clone(name), value);
                }
                Arg::Splat(expr) => {
                    let value = self.expr(expr, scope)?;
                    let items = value.iterate().ok_or_else(|| {
                        raise(format!("argument after * must be an iterable, not {}", value.type_name()))
                            .at(|| Span::new(&scope.file, expr.place.range()))
                    })?;
                    evaluated.positional.extend(items);
                }
                Arg::KeywordSplat(expr) => {
                    let value = self.expr(expr, scope)?;
                    if value.is_undefined() {
                        continue;
                    }
                    let dict = value.as_dict().ok_or_else(|| {
                        raise(format!("argument after ** must be a mapping, not {}", value.type_name()))
                            .at(|| Span::new(&scope.file, expr.place.range()))
                    })?;
                    for (key, value) in dict.iter() {
                        evaluated.keyword.insert(key.to_string().into(), value.clone());
                    }
                }
            }
        }
        Ok(evaluated)
    }
}

/// An operator's error: of kind `Undefined` when an operand is undefined.
fn operation_error(operands: &[&Value], message: String) -> Flow {
    let is_undefined = operands.iter().any(|value| value.is_undefined());
    Flow::error(if is_undefined { ErrorKind::Undefined } else { ErrorKind::Evaluation }, message)
}
