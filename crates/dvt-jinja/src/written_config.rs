//! The arguments of a template's `config(...)` call as they are written, not as they evaluate: dbt's `unrendered_config`.

use crate::Template;
use crate::engine::ir::{Arg, BinaryOp, Expr, ExprNode, FilterCall, MacroBody, Stmt, Target};

impl Template {
    /// Keyword by keyword, the text of the first `config(...)` call; `None` when the template has no such call. A plain
    /// string stands without its quotes, everything else as Python would write the expression.
    #[must_use]
    pub fn written_config(&self) -> Option<Vec<(String, String)>> {
        if !self.text().contains("config(") {
            return None;
        }
        let mut found = None;
        statements(self.statements(), &mut found);
        let args = found?;
        Some(
            args.iter()
                .filter_map(|arg| match arg {
                    Arg::Keyword(name, expr) => Some((name.to_string(), argument(expr))),
                    _ => None,
                })
                .collect(),
        )
    }
}

fn argument(expr: &Expr) -> String {
    match &expr.node {
        ExprNode::Const(value) => value.as_str().map_or_else(|| written(expr), str::to_owned),
        _ => written(expr),
    }
}

fn written(expr: &Expr) -> String {
    let all = |items: &[Expr]| items.iter().map(written).collect::<Vec<_>>().join(", ");
    match &expr.node {
        ExprNode::Const(value) => crate::value::repr(value),
        ExprNode::Name(name) => name.to_string(),
        ExprNode::Attribute(owner, name) => format!("{}.{name}", written(owner)),
        ExprNode::Item(owner, key) => format!("{}[{}]", written(owner), written(key)),
        ExprNode::Call(callee, args) => {
            let args: Vec<String> = args
                .iter()
                .map(|arg| match arg {
                    Arg::Positional(expr) => written(expr),
                    Arg::Keyword(name, expr) => format!("{name}={}", written(expr)),
                    Arg::Splat(expr) => format!("*{}", written(expr)),
                    Arg::KeywordSplat(expr) => format!("**{}", written(expr)),
                })
                .collect();
            format!("{}({})", written(callee), args.join(", "))
        }
        ExprNode::List(items) => format!("[{}]", all(items)),
        ExprNode::Tuple(items) if items.len() == 1 => format!("({},)", all(items)),
        ExprNode::Tuple(items) => format!("({})", all(items)),
        ExprNode::Dict(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(key, value)| format!("{}: {}", written(key), written(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        ExprNode::Not(value) => match &value.node {
            ExprNode::Binary(BinaryOp::In, left, right) => {
                format!("{} {} {}", written(left), symbol(BinaryOp::NotIn), written(right))
            }
            _ => format!("not {}", written(value)),
        },
        ExprNode::Negate(value) => format!("-{}", written(value)),
        ExprNode::And(left, right) => format!("{} and {}", written(left), written(right)),
        ExprNode::Or(left, right) => format!("{} or {}", written(left), written(right)),
        ExprNode::Compare(first, rest) => {
            let rest: Vec<String> =
                rest.iter().map(|(operator, expr)| format!("{} {}", symbol(*operator), written(expr))).collect();
            format!("{} {}", written(first), rest.join(" "))
        }
        ExprNode::Binary(
            operator @ (BinaryOp::Concat
            | BinaryOp::Eq
            | BinaryOp::Ne
            | BinaryOp::Lt
            | BinaryOp::Lte
            | BinaryOp::Gt
            | BinaryOp::Gte
            | BinaryOp::In
            | BinaryOp::NotIn),
            left,
            right,
        ) => {
            format!("{} {} {}", written(left), symbol(*operator), written(right))
        }
        // dbt shows the rest as the syntax tree of its parser.
        _ => tree(expr),
    }
}

/// The expression as Jinja2 prints its syntax tree.
fn tree(expr: &Expr) -> String {
    let all = |items: &[Expr]| items.iter().map(tree).collect::<Vec<_>>().join(", ");
    match &expr.node {
        ExprNode::Const(value) => format!("Const(value={})", crate::value::repr(value)),
        ExprNode::Name(name) => format!("Name(name='{name}', ctx='load')"),
        ExprNode::Attribute(owner, name) => format!("Getattr(node={}, attr='{name}', ctx='load')", tree(owner)),
        ExprNode::Item(owner, key) => format!("Getitem(node={}, arg={}, ctx='load')", tree(owner), tree(key)),
        ExprNode::Slice { value, start, stop, step } => {
            let part = |part: &Option<Box<Expr>>| part.as_ref().map_or_else(|| "None".to_owned(), |part| tree(part));
            let slice = format!("Slice(start={}, stop={}, step={})", part(start), part(stop), part(step));
            format!("Getitem(node={}, arg={slice}, ctx='load')", tree(value))
        }
        ExprNode::Call(callee, args) => format!("Call(node={}, {})", tree(callee), tree_args(args)),
        ExprNode::Filter(value, filter) => {
            format!("Filter(node={}, name='{}', {})", tree(value), filter.name, tree_args(&filter.args))
        }
        ExprNode::Test { value, name, args } => {
            format!("Test(node={}, name='{name}', {})", tree(value), tree_args(args))
        }
        ExprNode::Not(value) => match &value.node {
            ExprNode::Binary(BinaryOp::In, left, right) => comparison(BinaryOp::NotIn, left, right),
            _ => format!("Not(node={})", tree(value)),
        },
        ExprNode::Negate(value) => format!("Neg(node={})", tree(value)),
        ExprNode::Binary(BinaryOp::Concat, left, right) => {
            format!("Concat(nodes=[{}, {}])", tree(left), tree(right))
        }
        ExprNode::Binary(
            operator @ (BinaryOp::Eq
            | BinaryOp::Ne
            | BinaryOp::Lt
            | BinaryOp::Lte
            | BinaryOp::Gt
            | BinaryOp::Gte
            | BinaryOp::In
            | BinaryOp::NotIn),
            left,
            right,
        ) => comparison(*operator, left, right),
        ExprNode::Binary(operator, left, right) => {
            format!("{}(left={}, right={})", class(*operator), tree(left), tree(right))
        }
        ExprNode::And(left, right) => format!("And(left={}, right={})", tree(left), tree(right)),
        ExprNode::Or(left, right) => format!("Or(left={}, right={})", tree(left), tree(right)),
        ExprNode::Compare(first, rest) => {
            let rest: Vec<String> = rest
                .iter()
                .map(|(operator, expr)| format!("Operand(op='{}', expr={})", class(*operator), tree(expr)))
                .collect();
            format!("Compare(expr={}, ops=[{}])", tree(first), rest.join(", "))
        }
        ExprNode::If { condition, then, otherwise } => {
            let otherwise = otherwise.as_ref().map_or_else(|| "None".to_owned(), |expr| tree(expr));
            format!("CondExpr(test={}, expr1={}, expr2={otherwise})", tree(condition), tree(then))
        }
        ExprNode::List(items) => format!("List(items=[{}])", all(items)),
        ExprNode::Tuple(items) => format!("Tuple(items=[{}], ctx='load')", all(items)),
        ExprNode::Dict(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(key, value)| format!("Pair(key={}, value={})", tree(key), tree(value))).collect();
            format!("Dict(items=[{}])", entries.join(", "))
        }
    }
}

fn comparison(operator: BinaryOp, left: &Expr, right: &Expr) -> String {
    format!("Compare(expr={}, ops=[Operand(op='{}', expr={})])", tree(left), class(operator), tree(right))
}

fn tree_args(args: &[Arg]) -> String {
    let (mut positional, mut keyword) = (Vec::new(), Vec::new());
    let (mut splat, mut keyword_splat) = ("None".to_owned(), "None".to_owned());
    for arg in args {
        match arg {
            Arg::Positional(expr) => positional.push(tree(expr)),
            Arg::Keyword(name, expr) => keyword.push(format!("Keyword(key='{name}', value={})", tree(expr))),
            Arg::Splat(expr) => splat = tree(expr),
            Arg::KeywordSplat(expr) => keyword_splat = tree(expr),
        }
    }
    format!(
        "args=[{}], kwargs=[{}], dyn_args={splat}, dyn_kwargs={keyword_splat}",
        positional.join(", "),
        keyword.join(", ")
    )
}

fn symbol(operator: BinaryOp) -> &'static str {
    match operator {
        BinaryOp::Eq => "==",
        BinaryOp::Ne => "!=",
        BinaryOp::Lt => "<",
        BinaryOp::Lte => "<=",
        BinaryOp::Gt => ">",
        BinaryOp::Gte => ">=",
        BinaryOp::In => "in",
        BinaryOp::NotIn => "not in",
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::Div => "/",
        BinaryOp::FloorDiv => "//",
        BinaryOp::Rem => "%",
        BinaryOp::Pow => "**",
        BinaryOp::Concat => "~",
    }
}

/// Jinja2's name of the operator: a class, or the word in a comparison.
fn class(operator: BinaryOp) -> &'static str {
    match operator {
        BinaryOp::Eq => "eq",
        BinaryOp::Ne => "ne",
        BinaryOp::Lt => "lt",
        BinaryOp::Lte => "lteq",
        BinaryOp::Gt => "gt",
        BinaryOp::Gte => "gteq",
        BinaryOp::In => "in",
        BinaryOp::NotIn => "notin",
        BinaryOp::Add => "Add",
        BinaryOp::Sub => "Sub",
        BinaryOp::Mul => "Mul",
        BinaryOp::Div => "Div",
        BinaryOp::FloorDiv => "FloorDiv",
        BinaryOp::Rem => "Mod",
        BinaryOp::Pow => "Pow",
        BinaryOp::Concat => "Concat",
    }
}

type Found<'a> = Option<&'a [Arg]>;

fn statements<'a>(body: &'a [Stmt], found: &mut Found<'a>) {
    for statement in body {
        if found.is_some() {
            return;
        }
        match statement {
            Stmt::Text { .. } | Stmt::Break | Stmt::Continue | Stmt::Refused { .. } => {}
            Stmt::Emit { expr, .. } | Stmt::Do(expr) => search(expr, found),
            Stmt::For(loop_) => {
                search(&loop_.iterable, found);
                statements(&loop_.body, found);
                statements(&loop_.otherwise, found);
                loop_.filter.iter().for_each(|expr| search(expr, found));
            }
            Stmt::If { condition, then, otherwise } => {
                search(condition, found);
                statements(then, found);
                statements(otherwise, found);
            }
            Stmt::With { assignments, body } => {
                assignments.iter().for_each(|(_, expr)| search(expr, found));
                statements(body, found);
            }
            Stmt::Set { target, expr } => {
                if let Target::Attribute(owner, _) = target {
                    search(owner, found);
                }
                search(expr, found);
            }
            Stmt::SetBlock { filters, body, .. } | Stmt::FilterBlock { filters, body } => {
                filters.iter().for_each(|filter| filter_args(filter, found));
                statements(body, found);
            }
            Stmt::Scope(body) => statements(body, found),
            Stmt::Macro(body) => macro_body(body, found),
            Stmt::CallBlock { call, caller, .. } => {
                search(call, found);
                macro_body(caller, found);
            }
        }
    }
}

fn macro_body<'a>(body: &'a MacroBody, found: &mut Found<'a>) {
    body.parameters.iter().filter_map(|parameter| parameter.default.as_ref()).for_each(|expr| search(expr, found));
    statements(&body.body.statements, found);
}

fn filter_args<'a>(filter: &'a FilterCall, found: &mut Found<'a>) {
    args(&filter.args, found);
}

fn args<'a>(args: &'a [Arg], found: &mut Found<'a>) {
    for arg in args {
        match arg {
            Arg::Positional(expr) | Arg::Keyword(_, expr) | Arg::Splat(expr) | Arg::KeywordSplat(expr) => {
                search(expr, found);
            }
        }
    }
}

fn search<'a>(expr: &'a Expr, found: &mut Found<'a>) {
    if found.is_some() {
        return;
    }
    match &expr.node {
        ExprNode::Const(_) | ExprNode::Name(_) => {}
        ExprNode::Attribute(value, _) | ExprNode::Not(value) | ExprNode::Negate(value) => search(value, found),
        ExprNode::Item(left, right)
        | ExprNode::Binary(_, left, right)
        | ExprNode::And(left, right)
        | ExprNode::Or(left, right) => {
            search(left, found);
            search(right, found);
        }
        ExprNode::Slice { value, start, stop, step } => {
            search(value, found);
            [start, stop, step].into_iter().flatten().for_each(|part| search(part, found));
        }
        ExprNode::Call(callee, arguments) => {
            if matches!(&callee.node, ExprNode::Name(name) if &**name == "config") {
                *found = Some(arguments);
                return;
            }
            search(callee, found);
            args(arguments, found);
        }
        ExprNode::Filter(value, filter) => {
            search(value, found);
            filter_args(filter, found);
        }
        ExprNode::Test { value, args: arguments, .. } => {
            search(value, found);
            args(arguments, found);
        }
        ExprNode::Compare(first, rest) => {
            search(first, found);
            rest.iter().for_each(|(_, expr)| search(expr, found));
        }
        ExprNode::If { condition, then, otherwise } => {
            search(condition, found);
            search(then, found);
            otherwise.iter().for_each(|expr| search(expr, found));
        }
        ExprNode::List(items) | ExprNode::Tuple(items) => items.iter().for_each(|item| search(item, found)),
        ExprNode::Dict(entries) => entries.iter().for_each(|(key, value)| {
            search(key, found);
            search(value, found);
        }),
    }
}
