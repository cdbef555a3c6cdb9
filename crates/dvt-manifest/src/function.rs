//! What only a function node has: its arguments, what it returns, its overloads.

use crate::{RefCall, UniqueId};
use dvt_diagnostics::Span;
use serde_json::Value;

/// The signature of a function resource.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FunctionInfo {
    pub arguments: Vec<FunctionArgument>,
    pub returns: FunctionReturns,
    pub overloads: Vec<FunctionOverload>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct FunctionArgument {
    pub name: String,
    pub data_type: String,
    pub description: Option<String>,
    pub default_value: Option<Value>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct FunctionReturns {
    pub data_type: String,
    pub description: Option<String>,
}

/// The same function with other arguments; its body is in a file of its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FunctionOverload {
    /// The name of the file that holds the body, without its extension.
    pub defined_in: String,
    pub arguments: Vec<FunctionArgument>,
    pub returns: Option<FunctionReturns>,
    pub description: Option<String>,
    /// The body before it is rendered.
    pub raw_body: Option<String>,
    /// The body as it was rendered, once it was.
    pub compiled_body: Option<String>,
}

/// A `function()` that was called, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionCall {
    pub package: Option<String>,
    pub name: String,
    pub span: Span,
    /// The function it resolved to; `None` before resolution.
    pub unique_id: Option<UniqueId>,
}

impl FunctionCall {
    /// The call as a `ref` of the same name: both are resolved by one rule.
    #[must_use]
    pub fn as_ref_call(&self) -> RefCall {
        RefCall {
            name: self.name.clone(),
            package: self.package.clone(),
            version: None,
            span: self.span.clone(),
            unique_id: self.unique_id.clone(),
        }
    }
}
