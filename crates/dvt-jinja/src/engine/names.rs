//! What a bare name means: a template variable, a macro, a package, a member of dbt's context.

use super::call::MacroReference;
use super::ir::{Expr, ExprNode};
use super::{Interpreter, Scope};
use crate::error::{ErrorKind, Flow};
use crate::functions::context_object::ContextObject;
use crate::{Object, Value, functions};
use dvt_diagnostics::did_you_mean;

/// A package name before a dot: `dbt_utils.star`.
#[derive(Debug)]
pub(crate) struct PackageNamespace(pub(crate) String);

impl Object for PackageNamespace {
    fn type_name(&self) -> &str {
        "MacroNamespace"
    }
}

/// A macro that a unit test replaced by a value.
#[derive(Debug)]
struct OverriddenMacro(Value);

impl Object for OverriddenMacro {
    fn type_name(&self) -> &str {
        "macro"
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn call(&self, _interpreter: &mut Interpreter<'_>, _args: &mut crate::Args) -> Option<Result<Value, Flow>> {
        Some(Ok(self.0.clone()))
    }
}

impl Interpreter<'_> {
    pub(crate) fn name(&mut self, name: &str, scope: &Scope) -> Value {
        // Only macros see what `context.update` changed: the template itself was given its names before.
        let updated = !self.updated.is_empty() && !self.is_outermost();
        let found = scope.get(name).or_else(|| if updated { self.global(name) } else { self.original(name) });
        found.unwrap_or_else(|| Value::Undefined(Some(format!("'{name}' is undefined").into())))
    }

    /// A name outside of the template's own variables. Macros win over dbt's own functions, so that a project can
    /// override `ref` (the original stays in `builtins`).
    pub(crate) fn global(&mut self, name: &str) -> Option<Value> {
        match self.updated.get(name) {
            Some(value) => Some(value.clone()),
            None => self.original(name),
        }
    }

    /// The name as it was before any `context.update`.
    fn original(&mut self, name: &str) -> Option<Value> {
        if !self.context.macro_overrides.is_empty()
            && let Some(value) = self.override_of(name)
        {
            return Some(value);
        }
        if let Some(definition) = self.library.lookup(&self.context.package, name) {
            return Some(Value::object(MacroReference::by_name(definition)));
        }
        if let Some(value) = self.context.variables.get(name) {
            return Some(value.clone());
        }
        if let Some(value) = functions::member(self, name) {
            return Some(value);
        }
        self.library.has_package(name).then(|| Value::object(PackageNamespace(name.to_owned())))
    }

    /// What a unit test put in the place of a name: called like a macro, or the value itself where the name is no macro.
    /// `dbt.name` stands for the bare name too.
    fn override_of(&mut self, name: &str) -> Option<Value> {
        let overrides = &self.context.macro_overrides;
        let value = overrides.get(name).or_else(|| overrides.get(&format!("dbt.{name}")))?.clone();
        if self.library.lookup(&self.context.package, name).is_some() {
            return Some(Value::object(OverriddenMacro(value)));
        }
        let member = functions::member(self, name)?;
        let is_callable = matches!(&member, Value::Object(object) if object.is_callable());
        Some(if is_callable { Value::object(OverriddenMacro(value)) } else { value })
    }

    /// What a unit test put in the place of a package's macro. A bare name stands for dbt's own macro too.
    pub(crate) fn override_in(&self, package: &str, name: &str) -> Option<Value> {
        let overrides = &self.context.macro_overrides;
        if overrides.is_empty() || self.library.lookup_in(package, name).is_none() {
            return None;
        }
        let bare = (package == "dbt").then(|| overrides.get(name)).flatten();
        let value = bare.or_else(|| overrides.get(&format!("{package}.{name}")))?;
        Some(Value::object(OverriddenMacro(value.clone())))
    }

    /// Every name in reach, for `context.keys()`.
    pub(crate) fn global_names(&self) -> Vec<String> {
        let known = self
            .updated
            .keys()
            .map(AsRef::as_ref)
            .chain(self.context.variables.keys().map(String::as_str))
            .chain(functions::MEMBER_NAMES.iter().copied())
            .chain(self.library.visible_names(&self.context.package));
        let mut seen = std::collections::BTreeSet::new();
        known.filter(|name| seen.insert((*name).to_owned())).map(str::to_owned).collect()
    }

    /// Whether `context`, or a package of it, has a name; none for any other container.
    pub(crate) fn namespace_has(&mut self, container: &Value, name: &Value) -> Option<bool> {
        if container.downcast::<ContextObject>().is_some() {
            return Some(name.as_str().is_some_and(|name| self.global(name).is_some()));
        }
        let package = container.downcast::<PackageNamespace>()?.0.clone();
        Some(name.as_str().is_some_and(|name| !self.package_member(&package, name).is_undefined()))
    }

    /// A context member that keeps its identity through the render.
    pub(crate) fn kept_member(&mut self, name: &'static str, make: impl FnOnce(&Self) -> Value) -> Value {
        if let Some(value) = self.members.get(name) {
            return value.clone();
        }
        let value = make(self);
        self.members.insert(name, value.clone());
        value
    }

    /// The error of calling something that is not defined.
    pub(crate) fn undefined_call(&self, name: &str, scope: &Scope) -> Flow {
        let message = format!(
            "'{name}' is undefined. This can happen when calling a macro that does not exist. Check for typos and/or \
             install package dependencies with \"dvt deps\"."
        );
        Flow::error(ErrorKind::UnknownMacro, message).with_help(self.nearest_name(name, scope))
    }

    fn nearest_name(&self, name: &str, scope: &Scope) -> Option<String> {
        let local = scope.names();
        let known = local
            .iter()
            .map(AsRef::as_ref)
            .chain(self.library.visible_names(&self.context.package))
            .chain(self.context.variables.keys().map(String::as_str))
            .chain(functions::MEMBER_NAMES.iter().copied());
        did_you_mean(name, known).map(|nearest| format!("did you mean `{nearest}`?"))
    }

    /// Adds the nearest known name to the error of using an undefined name.
    pub(crate) fn suggest(&self, flow: Flow, owner: &Expr, scope: &Scope) -> Flow {
        match (&flow, &owner.node) {
            (Flow::Error(error), ExprNode::Name(name))
                if error.kind == ErrorKind::Undefined && error.help.is_empty() =>
            {
                flow.with_help(self.nearest_name(name, scope))
            }
            _ => flow,
        }
    }
}
