//! From minijinja's syntax tree to the owned form, with places in the user's file.

use crate::Value;
use crate::engine::ir::{
    Arg, BinaryOp, Body, Expr, ExprNode, FilterCall, ForLoop, MacroBody, Parameter, Place, Stmt, Target, Uses,
};
use crate::engine::{RED_ZONE, STACK_STEP};
use dvt_diagnostics::SourceFile;
use minijinja::machinery::Span as TokenSpan;
use minijinja::machinery::ast;
use std::sync::Arc;

/// Translates offsets of the parsed text to offsets of the file: the text is a piece of the file, with insertions.
pub(crate) struct Lowering<'a> {
    pub(crate) file: &'a Arc<SourceFile>,
    /// Pairs of (offset in the parsed text, offset in the file) from which both run in step.
    pub(crate) offsets: &'a [(usize, usize)],
}

/// What was said about the special names of a macro.
#[derive(Default)]
struct UseTracker(Uses);

impl Lowering<'_> {
    fn offset(&self, parsed: usize) -> u32 {
        let index = self.offsets.partition_point(|(start, _)| *start <= parsed).saturating_sub(1);
        let (start, file_start) = self.offsets.get(index).copied().unwrap_or((0, 0));
        let limit = self.offsets.get(index + 1).map_or(usize::MAX, |(_, file_offset)| *file_offset);
        let offset = (file_start + parsed.saturating_sub(start)).min(limit).min(self.file.text.len());
        u32::try_from(offset).unwrap_or(u32::MAX)
    }

    pub(crate) fn range(&self, range: std::ops::Range<usize>) -> std::ops::Range<usize> {
        self.offset(range.start) as usize..self.offset(range.end) as usize
    }

    fn place(&self, span: TokenSpan) -> Place {
        Place { start: self.offset(span.start_offset as usize), end: self.offset(span.end_offset as usize) }
    }

    pub(crate) fn template(&self, template: &ast::Stmt<'_>) -> Vec<Stmt> {
        match template {
            ast::Stmt::Template(template) => self.statements(&template.children, &mut UseTracker::default()),
            other => vec![self.statement(other, &mut UseTracker::default())],
        }
    }

    fn statements(&self, statements: &[ast::Stmt<'_>], uses: &mut UseTracker) -> Vec<Stmt> {
        statements.iter().map(|statement| self.statement(statement, uses)).collect()
    }

    fn statement(&self, statement: &ast::Stmt<'_>, uses: &mut UseTracker) -> Stmt {
        match statement {
            ast::Stmt::Template(template) => Stmt::Scope(self.statements(&template.children, uses)),
            ast::Stmt::EmitRaw(raw) => Stmt::Text { text: raw.raw.into(), place: self.place(raw.span()) },
            ast::Stmt::EmitExpr(emit) => {
                Stmt::Emit { expr: self.expr(&emit.expr, uses), place: self.place(emit.span()) }
            }
            ast::Stmt::ForLoop(loop_) => Stmt::For(Arc::new(ForLoop {
                target: self.target(&loop_.target, uses),
                iterable: self.expr(&loop_.iter, uses),
                filter: loop_.filter_expr.as_ref().map(|filter| self.expr(filter, uses)),
                is_recursive: loop_.recursive,
                body: self.statements(&loop_.body, uses),
                otherwise: self.statements(&loop_.else_body, uses),
            })),
            ast::Stmt::IfCond(condition) => Stmt::If {
                condition: self.expr(&condition.expr, uses),
                then: self.statements(&condition.true_body, uses),
                otherwise: self.statements(&condition.false_body, uses),
            },
            ast::Stmt::WithBlock(with) => Stmt::With {
                assignments: with
                    .assignments
                    .iter()
                    .map(|(target, expr)| (self.target(target, uses), self.expr(expr, uses)))
                    .collect(),
                body: self.statements(&with.body, uses),
            },
            ast::Stmt::Set(set) => {
                Stmt::Set { target: self.target(&set.target, uses), expr: self.expr(&set.expr, uses) }
            }
            ast::Stmt::SetBlock(set) => Stmt::SetBlock {
                target: self.target(&set.target, uses),
                filters: set.filter.as_ref().map(|filter| self.filter_chain(filter, uses)).unwrap_or_default(),
                body: self.statements(&set.body, uses),
            },
            ast::Stmt::AutoEscape(block) => Stmt::Scope(self.statements(&block.body, uses)),
            ast::Stmt::FilterBlock(block) => Stmt::FilterBlock {
                filters: self.filter_chain(&block.filter, uses),
                body: self.statements(&block.body, uses),
            },
            ast::Stmt::Block(block) => Stmt::Scope(self.statements(&block.body, uses)),
            ast::Stmt::Import(import) => Stmt::Refused { what: "import", place: self.place(import.span()) },
            ast::Stmt::FromImport(import) => Stmt::Refused { what: "from", place: self.place(import.span()) },
            ast::Stmt::Extends(extends) => Stmt::Refused { what: "extends", place: self.place(extends.span()) },
            ast::Stmt::Include(include) => Stmt::Refused { what: "include", place: self.place(include.span()) },
            ast::Stmt::Macro(declaration) => Stmt::Macro(self.macro_body(declaration)),
            ast::Stmt::CallBlock(block) => {
                let caller = self.macro_body(&block.macro_decl);
                uses.0.varargs |= caller.uses.varargs;
                uses.0.kwargs |= caller.uses.kwargs;
                uses.0.caller |= caller.uses.caller;
                Stmt::CallBlock { call: self.call(&block.call, uses), caller, place: self.place(block.call_expr_span) }
            }
            ast::Stmt::Continue(_) => Stmt::Continue,
            ast::Stmt::Break(_) => Stmt::Break,
            ast::Stmt::Do(call) => Stmt::Do(self.call(&call.call, uses)),
        }
    }

    /// A macro declaration; also used on its own for definitions at the top of macro files.
    pub(crate) fn macro_body(&self, declaration: &ast::Macro<'_>) -> Arc<MacroBody> {
        let mut uses = UseTracker::default();
        let missing_defaults = declaration.args.len().saturating_sub(declaration.defaults.len());
        let parameters = declaration
            .args
            .iter()
            .enumerate()
            .map(|(index, name)| Parameter {
                name: variable_name(name),
                default: index
                    .checked_sub(missing_defaults)
                    .and_then(|index| declaration.defaults.get(index))
                    .map(|default| self.expr(default, &mut uses)),
            })
            .collect();
        let statements = self.statements(&declaration.body, &mut uses);
        Arc::new(MacroBody {
            name: declaration.name.into(),
            parameters,
            body: Body { file: Arc::clone(self.file), statements },
            uses: uses.0,
        })
    }

    fn target(&self, target: &ast::Expr<'_>, uses: &mut UseTracker) -> Target {
        match target {
            ast::Expr::GetAttr(attribute) => Target::Attribute(self.expr(&attribute.expr, uses), attribute.name.into()),
            ast::Expr::List(list) => {
                Target::Tuple(list.items.iter().map(|item| self.target(item, uses)).collect(), self.place(list.span()))
            }
            ast::Expr::Tuple(list) => {
                Target::Tuple(list.items.iter().map(|item| self.target(item, uses)).collect(), self.place(list.span()))
            }
            other => Target::Name(variable_name(other)),
        }
    }

    /// The filters of a filter block, first applied first.
    fn filter_chain(&self, filter: &ast::Expr<'_>, uses: &mut UseTracker) -> Vec<FilterCall> {
        let ast::Expr::Filter(filter) = filter else {
            return Vec::new();
        };
        let mut chain = filter.expr.as_ref().map(|inner| self.filter_chain(inner, uses)).unwrap_or_default();
        chain.push(FilterCall {
            name: filter.name.into(),
            args: self.args(&filter.args, uses),
            place: self.place(filter.span()),
        });
        chain
    }

    fn args(&self, args: &[ast::CallArg<'_>], uses: &mut UseTracker) -> Vec<Arg> {
        args.iter()
            .map(|arg| match arg {
                ast::CallArg::Pos(expr) => Arg::Positional(self.expr(expr, uses)),
                ast::CallArg::Kwarg(name, expr) => Arg::Keyword((*name).into(), self.expr(expr, uses)),
                ast::CallArg::PosSplat(expr) => Arg::Splat(self.expr(expr, uses)),
                ast::CallArg::KwargSplat(expr) => Arg::KeywordSplat(self.expr(expr, uses)),
            })
            .collect()
    }

    fn call(&self, call: &ast::Spanned<ast::Call<'_>>, uses: &mut UseTracker) -> Expr {
        let callee = self.expr(&call.expr, uses);
        // The parser's span of a call starts at its callee; take the callee's own start where it is earlier.
        let mut place = self.place(call.span());
        place.start = place.start.min(callee.place.start);
        Expr { node: ExprNode::Call(Box::new(callee), self.args(&call.args, uses)), place }
    }

    fn boxed(&self, expr: &ast::Expr<'_>, uses: &mut UseTracker) -> Box<Expr> {
        Box::new(self.expr(expr, uses))
    }

    fn exprs(&self, exprs: &[ast::Expr<'_>], uses: &mut UseTracker) -> Vec<Expr> {
        exprs.iter().map(|expr| self.expr(expr, uses)).collect()
    }

    fn expr(&self, expr: &ast::Expr<'_>, uses: &mut UseTracker) -> Expr {
        stacker::maybe_grow(RED_ZONE, STACK_STEP, || self.lowered(expr, uses))
    }

    fn lowered(&self, expr: &ast::Expr<'_>, uses: &mut UseTracker) -> Expr {
        let node = match expr {
            ast::Expr::Var(variable) => {
                match variable.id {
                    "varargs" => uses.0.varargs = true,
                    "kwargs" => uses.0.kwargs = true,
                    "caller" => uses.0.caller = true,
                    _ => {}
                }
                ExprNode::Name(variable.id.into())
            }
            ast::Expr::Const(constant) => ExprNode::Const(constant_value(&constant.value)),
            ast::Expr::Slice(slice) => ExprNode::Slice {
                value: self.boxed(&slice.expr, uses),
                start: slice.start.as_ref().map(|expr| self.boxed(expr, uses)),
                stop: slice.stop.as_ref().map(|expr| self.boxed(expr, uses)),
                step: slice.step.as_ref().map(|expr| self.boxed(expr, uses)),
            },
            ast::Expr::UnaryOp(unary) => {
                let operand = self.boxed(&unary.expr, uses);
                match unary.op {
                    ast::UnaryOpKind::Not => ExprNode::Not(operand),
                    ast::UnaryOpKind::Neg => ExprNode::Negate(operand),
                }
            }
            ast::Expr::BinOp(binary) => {
                let (left, right) = (self.boxed(&binary.left, uses), self.boxed(&binary.right, uses));
                match binary_op(binary.op) {
                    Ok(operator) => ExprNode::Binary(operator, left, right),
                    Err(true) => ExprNode::And(left, right),
                    Err(false) => ExprNode::Or(left, right),
                }
            }
            ast::Expr::Compare(compare) => ExprNode::Compare(
                self.boxed(&compare.expr, uses),
                compare.ops.iter().map(|op| (compare_op(op.op), self.expr(&op.expr, uses))).collect(),
            ),
            ast::Expr::IfExpr(condition) => ExprNode::If {
                condition: self.boxed(&condition.test_expr, uses),
                then: self.boxed(&condition.true_expr, uses),
                otherwise: condition.false_expr.as_ref().map(|expr| self.boxed(expr, uses)),
            },
            ast::Expr::Filter(filter) => {
                let value = match &filter.expr {
                    Some(value) => self.boxed(value, uses),
                    None => Box::new(Expr {
                        node: ExprNode::Const(Value::Undefined(None)),
                        place: self.place(filter.span()),
                    }),
                };
                let call = FilterCall {
                    name: filter.name.into(),
                    args: self.args(&filter.args, uses),
                    place: self.place(filter.span()),
                };
                ExprNode::Filter(value, call)
            }
            ast::Expr::Test(test) => ExprNode::Test {
                value: self.boxed(&test.expr, uses),
                name: test.name.into(),
                args: self.args(&test.args, uses),
            },
            ast::Expr::GetAttr(attribute) => {
                ExprNode::Attribute(self.boxed(&attribute.expr, uses), attribute.name.into())
            }
            ast::Expr::GetItem(item) => {
                ExprNode::Item(self.boxed(&item.expr, uses), self.boxed(&item.subscript_expr, uses))
            }
            ast::Expr::Call(call) => return self.call(call, uses),
            ast::Expr::List(list) => ExprNode::List(self.exprs(&list.items, uses)),
            ast::Expr::Tuple(tuple) => ExprNode::Tuple(self.exprs(&tuple.items, uses)),
            ast::Expr::Map(map) => ExprNode::Dict(
                map.keys
                    .iter()
                    .zip(&map.values)
                    .map(|(key, value)| (self.expr(key, uses), self.expr(value, uses)))
                    .collect(),
            ),
        };
        let mut place = self.place(expr.span());
        // The parser's spans of postfix forms start at their last part; what they apply to belongs to them.
        if let ExprNode::Attribute(owner, _) | ExprNode::Item(owner, _) | ExprNode::Slice { value: owner, .. } = &node {
            place.start = place.start.min(owner.place.start);
        }
        Expr { node, place }
    }
}

fn variable_name(expr: &ast::Expr<'_>) -> Arc<str> {
    match expr {
        ast::Expr::Var(variable) => variable.id.into(),
        _ => "".into(),
    }
}

fn constant_value(value: &minijinja::Value) -> Value {
    use minijinja::value::ValueKind;
    match value.kind() {
        ValueKind::None => Value::None,
        ValueKind::Bool => Value::Bool(value.is_true()),
        ValueKind::Number if value.is_integer() => {
            i128::try_from(value.clone()).map_or_else(|_| Value::from(value.to_string()), Value::Int)
        }
        ValueKind::Number => f64::try_from(value.clone()).map_or(Value::None, Value::Float),
        ValueKind::String => Value::str(value.as_str().unwrap_or_default()),
        _ => Value::Undefined(None),
    }
}

fn compare_op(op: ast::CompareOpKind) -> BinaryOp {
    match op {
        ast::CompareOpKind::Eq => BinaryOp::Eq,
        ast::CompareOpKind::Ne => BinaryOp::Ne,
        ast::CompareOpKind::Lt => BinaryOp::Lt,
        ast::CompareOpKind::Lte => BinaryOp::Lte,
        ast::CompareOpKind::Gt => BinaryOp::Gt,
        ast::CompareOpKind::Gte => BinaryOp::Gte,
        ast::CompareOpKind::In => BinaryOp::In,
        ast::CompareOpKind::NotIn => BinaryOp::NotIn,
    }
}

/// The operator; `Err(true)` is `and`, `Err(false)` is `or`.
fn binary_op(op: ast::BinOpKind) -> Result<BinaryOp, bool> {
    Ok(match op {
        ast::BinOpKind::Eq => BinaryOp::Eq,
        ast::BinOpKind::Ne => BinaryOp::Ne,
        ast::BinOpKind::Lt => BinaryOp::Lt,
        ast::BinOpKind::Lte => BinaryOp::Lte,
        ast::BinOpKind::Gt => BinaryOp::Gt,
        ast::BinOpKind::Gte => BinaryOp::Gte,
        ast::BinOpKind::ScAnd => return Err(true),
        ast::BinOpKind::ScOr => return Err(false),
        ast::BinOpKind::Add => BinaryOp::Add,
        ast::BinOpKind::Sub => BinaryOp::Sub,
        ast::BinOpKind::Mul => BinaryOp::Mul,
        ast::BinOpKind::Div => BinaryOp::Div,
        ast::BinOpKind::FloorDiv => BinaryOp::FloorDiv,
        ast::BinOpKind::Rem => BinaryOp::Rem,
        ast::BinOpKind::Pow => BinaryOp::Pow,
        ast::BinOpKind::Concat => BinaryOp::Concat,
        ast::BinOpKind::In => BinaryOp::In,
    })
}
