//! The form that templates are evaluated from: minijinja's syntax tree, owned, with byte ranges of the user's file.

use crate::Value;
use dvt_diagnostics::SourceFile;
use std::ops::Range;
use std::sync::Arc;

/// A byte range in the file the template was written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Place {
    pub(crate) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A parsed template or macro body.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) file: Arc<SourceFile>,
    pub(crate) statements: Vec<Stmt>,
}

#[derive(Debug)]
pub(crate) enum Stmt {
    /// Text as it stands in the file.
    Text {
        text: Box<str>,
        place: Place,
    },
    Emit {
        expr: Expr,
        place: Place,
    },
    For(Arc<ForLoop>),
    If {
        condition: Expr,
        then: Vec<Stmt>,
        otherwise: Vec<Stmt>,
    },
    With {
        assignments: Vec<(Target, Expr)>,
        body: Vec<Stmt>,
    },
    Set {
        target: Target,
        expr: Expr,
    },
    SetBlock {
        target: Target,
        filters: Vec<FilterCall>,
        body: Vec<Stmt>,
    },
    FilterBlock {
        filters: Vec<FilterCall>,
        body: Vec<Stmt>,
    },
    /// A block whose content is just rendered (`autoescape`, `block`).
    Scope(Vec<Stmt>),
    Macro(Arc<MacroBody>),
    CallBlock {
        call: Expr,
        caller: Arc<MacroBody>,
        place: Place,
    },
    Do(Expr),
    Break,
    Continue,
    /// A tag that dbt does not support (`include`, `import`, `extends`).
    Refused {
        what: &'static str,
        place: Place,
    },
}

#[derive(Debug)]
pub(crate) struct ForLoop {
    pub(crate) target: Target,
    pub(crate) iterable: Expr,
    pub(crate) filter: Option<Expr>,
    pub(crate) is_recursive: bool,
    pub(crate) body: Vec<Stmt>,
    pub(crate) otherwise: Vec<Stmt>,
}

/// What an assignment assigns to.
#[derive(Debug)]
pub(crate) enum Target {
    Name(Arc<str>),
    /// `namespace.attribute`.
    Attribute(Expr, Arc<str>),
    Tuple(Vec<Target>, Place),
}

/// A macro, generic test, materialization or `call` block: parameters and body.
#[derive(Debug)]
pub(crate) struct MacroBody {
    pub(crate) name: Arc<str>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) body: Body,
    /// Whether the body speaks of `varargs`, `kwargs` or `caller`, as Jinja finds out for itself.
    pub(crate) uses: Uses,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Uses {
    pub(crate) varargs: bool,
    pub(crate) kwargs: bool,
    pub(crate) caller: bool,
}

#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) name: Arc<str>,
    pub(crate) default: Option<Expr>,
}

#[derive(Debug)]
pub(crate) struct FilterCall {
    pub(crate) name: Arc<str>,
    pub(crate) args: Vec<Arg>,
    pub(crate) place: Place,
}

#[derive(Debug)]
pub(crate) enum Arg {
    Positional(Expr),
    Keyword(Arc<str>, Expr),
    Splat(Expr),
    KeywordSplat(Expr),
}

#[derive(Debug)]
pub(crate) struct Expr {
    pub(crate) node: ExprNode,
    pub(crate) place: Place,
}

#[derive(Debug)]
pub(crate) enum ExprNode {
    Const(Value),
    Name(Arc<str>),
    Attribute(Box<Expr>, Arc<str>),
    Item(Box<Expr>, Box<Expr>),
    Slice {
        value: Box<Expr>,
        start: Option<Box<Expr>>,
        stop: Option<Box<Expr>>,
        step: Option<Box<Expr>>,
    },
    Call(Box<Expr>, Vec<Arg>),
    Filter(Box<Expr>, FilterCall),
    Test {
        value: Box<Expr>,
        name: Arc<str>,
        args: Vec<Arg>,
    },
    Not(Box<Expr>),
    Negate(Box<Expr>),
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    /// `a < b < c`.
    Compare(Box<Expr>, Vec<(BinaryOp, Expr)>),
    If {
        condition: Box<Expr>,
        then: Box<Expr>,
        otherwise: Option<Box<Expr>>,
    },
    List(Vec<Expr>),
    Tuple(Vec<Expr>),
    Dict(Vec<(Expr, Expr)>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BinaryOp {
    Eq,
    Ne,
    Lt,
    Lte,
    Gt,
    Gte,
    In,
    NotIn,
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Rem,
    Pow,
    Concat,
}
