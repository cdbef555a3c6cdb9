//! Calls: macros with their return values, functions, methods.

use super::ir::{Expr, ExprNode, MacroBody};
use super::{Frame, Interpreter, PackageNamespace, Scope};
use crate::error::{ErrorKind, Flow, TraceFrame, raise};
use crate::functions::context_object::ContextObject;
use crate::library::Definition;
use crate::{Args, Dict, Object, Value, methods};
use dvt_diagnostics::{Span, did_you_mean};
use std::sync::Arc;

/// How many macros may be nested before it counts as endless.
const MAX_DEPTH: usize = 400;

/// Stack that must be left before a macro is entered, and how much is added when it is not.
pub(crate) const RED_ZONE: usize = 256 * 1024;
pub(crate) const STACK_STEP: usize = 4 * 1024 * 1024;

/// A macro of the library as a value. As in dbt, a bare name is the same value each time, and asking a package or
/// `adapter.dispatch` makes another one each time: `f == f`, but not `package.f == package.f`.
#[derive(Debug)]
pub(crate) struct MacroReference {
    definition: Arc<Definition>,
    is_bare_name: bool,
}

impl MacroReference {
    /// What a macro's bare name means.
    pub(crate) fn by_name(definition: &Arc<Definition>) -> Self {
        Self { definition: Arc::clone(definition), is_bare_name: true }
    }

    /// What an attribute of a package, or a dispatch, gives.
    pub(crate) fn found(definition: &Arc<Definition>) -> Self {
        Self { definition: Arc::clone(definition), is_bare_name: false }
    }
}

impl Object for MacroReference {
    fn type_name(&self) -> &str {
        "macro"
    }

    fn display(&self) -> String {
        format!("<macro {}>", self.definition.unique_id)
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        match name {
            "name" => Some(Value::from(self.definition.name.as_str())),
            "arguments" => {
                Some(Value::list(self.definition.arguments.iter().map(|name| Value::from(name.as_str())).collect()))
            }
            _ => None,
        }
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn equals(&self, other: &dyn Object) -> bool {
        let other: &dyn std::any::Any = other;
        other.downcast_ref::<Self>().is_some_and(|other| {
            self.is_bare_name && other.is_bare_name && Arc::ptr_eq(&self.definition, &other.definition)
        })
    }

    fn call(&self, interpreter: &mut Interpreter<'_>, args: &mut Args) -> Option<Result<Value, Flow>> {
        Some(interpreter.call_definition(&self.definition, args))
    }
}

/// A macro that was declared inside a template, or the body of a `call` block: it sees the variables around it.
#[derive(Debug)]
pub(crate) struct LocalMacro {
    pub(crate) body: Arc<MacroBody>,
    pub(crate) scope: Arc<Scope>,
}

impl Object for LocalMacro {
    fn type_name(&self) -> &str {
        "macro"
    }

    fn display(&self) -> String {
        format!("<macro {}>", self.body.name)
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn call(&self, interpreter: &mut Interpreter<'_>, args: &mut Args) -> Option<Result<Value, Flow>> {
        let is_caller = &*self.body.name == "caller";
        let result = interpreter.nested(|interpreter| interpreter.run_macro(&self.body, &self.scope.inner(), args));
        Some(match result {
            // A `return` inside a `call` block belongs to the macro that the block stands in.
            Err(Flow::Return(value)) if !is_caller => Ok(value),
            other => other,
        })
    }
}

impl Interpreter<'_> {
    /// Calls a macro by bare name, `package.name` or unique id.
    pub(crate) fn call_macro_by_name(&mut self, name: &str, mut args: Args) -> Result<Value, Flow> {
        let library = self.library;
        let found = match name.strip_prefix("macro.") {
            Some(_) => library.definitions.get(name),
            None => match name.split_once('.') {
                Some((package, name)) => library.lookup_in(package, name),
                None => library.lookup(&self.context.package, name),
            },
        };
        let Some(definition) = found else {
            let nearest = match name.split_once('.') {
                Some((package, name)) => did_you_mean(name, library.names_in(package)),
                None => did_you_mean(name, library.visible_names(&self.context.package)),
            };
            let error = Flow::error(
                ErrorKind::UnknownMacro,
                format!("dvt could not find a macro with the name '{name}' in any package"),
            );
            return Err(error.with_help(nearest.map(|nearest| format!("did you mean `{nearest}`?"))));
        };
        args.function = definition.name.clone();
        let definition = Arc::clone(definition);
        if self.call_site.is_none() {
            let place = super::ir::Place {
                start: u32::try_from(definition.span.range.start).unwrap_or(u32::MAX),
                end: u32::try_from(definition.span.range.start).unwrap_or(u32::MAX),
            };
            self.call_site = Some((Arc::clone(&definition.span.file), place));
        }
        self.call_definition(&definition, &mut args)
    }

    /// Calls a library macro: its value is what it returns, else the text it renders.
    pub(crate) fn call_definition(&mut self, definition: &Arc<Definition>, args: &mut Args) -> Result<Value, Flow> {
        self.note_macro(&definition.unique_id);
        if self.frames.is_empty() && !self.asked.direct_macros.contains(&definition.unique_id) {
            self.asked.direct_macros.push(definition.unique_id.clone());
        }
        let called_at = match &self.call_site {
            Some((file, place)) => Span::new(file, place.range()),
            None => definition.span.clone(),
        };
        self.frames.push(Frame { unique_id: definition.unique_id.clone(), called_at });
        let result = self.nested(|interpreter| {
            let scope = Scope::root(&definition.body.body.file);
            interpreter.run_macro(&definition.body, &scope, args)
        });
        let frame = self.frames.pop();
        match result {
            Err(Flow::Return(value)) => Ok(value),
            Err(Flow::Error(mut error)) => {
                if let Some(frame) = frame {
                    let path = path_in_package(&definition.span.file.path);
                    let trace = TraceFrame { unique_id: frame.unique_id, called_at: frame.called_at, path };
                    error.trace.insert(0, trace);
                }
                Err(Flow::Error(error))
            }
            other => other,
        }
    }

    /// Runs with one more level of nesting, on more stack when little is left.
    pub(crate) fn nested(&mut self, run: impl FnOnce(&mut Self) -> Result<Value, Flow>) -> Result<Value, Flow> {
        if self.depth >= MAX_DEPTH {
            let names: Vec<&str> = self.running_macros().collect();
            let last = names.iter().rev().take(4).rev().copied().collect::<Vec<_>>().join(" -> ");
            let message = format!("maximum recursion depth exceeded: {MAX_DEPTH} macros are nested (… {last})");
            return Err(Flow::error(ErrorKind::Recursion, message));
        }
        self.depth += 1;
        let call_site = self.call_site.clone();
        let result = stacker::maybe_grow(RED_ZONE, STACK_STEP, || run(self));
        self.call_site = call_site;
        self.depth -= 1;
        result
    }

    /// Binds the arguments in `scope` and renders the body.
    fn run_macro(&mut self, body: &Arc<MacroBody>, scope: &Arc<Scope>, args: &mut Args) -> Result<Value, Flow> {
        let name = &body.name;
        let caller = args.keyword.shift_remove("caller");
        let mut extra = args.rest();
        let positional: Vec<Value> = extra.drain(..body.parameters.len().min(extra.len())).collect();
        let mut positional = positional.into_iter();
        for parameter in &body.parameters {
            let by_name = args.keyword.shift_remove(&parameter.name);
            let value = match (positional.next(), by_name) {
                (Some(_), Some(_)) => {
                    let name = python_name(name);
                    return Err(raise(format!("macro '{name}' got multiple values for argument '{}'", parameter.name)));
                }
                (Some(value), None) | (None, Some(value)) => value,
                (None, None) => match &parameter.default {
                    Some(default) => self.expr(default, scope)?,
                    None => Value::Undefined(Some(
                        format!("parameter '{}' of macro '{name}' was not provided", parameter.name).into(),
                    )),
                },
            };
            scope.set(&parameter.name, value);
        }
        if body.uses.varargs {
            scope.set(&"varargs".into(), Value::tuple(extra));
        } else if !extra.is_empty() {
            let count = body.parameters.len();
            return Err(raise(format!("macro '{}' takes not more than {count} argument(s)", python_name(name))));
        }
        if body.uses.kwargs {
            let kwargs: Dict = args.keyword.drain(..).map(|(key, value)| (Value::Str(key), value)).collect();
            scope.set(&"kwargs".into(), Value::dict(kwargs));
        } else if let Some((key, _)) = args.keyword.first() {
            let known: Vec<&str> = body.parameters.iter().map(|parameter| &*parameter.name).collect();
            let nearest = did_you_mean(key, known.iter().copied());
            let message = format!("macro '{}' takes no keyword argument '{key}'", python_name(name));
            return Err(raise(message).with_help(match nearest {
                Some(nearest) => Some(format!("did you mean `{nearest}`?")),
                None if known.is_empty() => None,
                None => Some(format!("its arguments are {}", known.join(", "))),
            }));
        }
        if body.uses.caller && &**name != "caller" {
            let no_caller = || Value::Undefined(Some("No caller defined".into()));
            scope.set(&"caller".into(), caller.unwrap_or_else(no_caller));
        } else if caller.is_some() {
            return Err(raise(format!("macro '{name}' was used in a `call` block, but does not use `caller()`")));
        }
        self.capture(&body.body.statements, scope).map(Value::from)
    }

    /// Evaluates a call expression; `caller` is the body of a `call` block.
    pub(crate) fn call_expr(&mut self, expr: &Expr, scope: &Arc<Scope>, caller: Option<Value>) -> Result<Value, Flow> {
        let ExprNode::Call(callee, args) = &expr.node else {
            return self.expr(expr, scope);
        };
        let here = || Span::new(&scope.file, expr.place.range());
        if let ExprNode::Attribute(owner, name) = &callee.node {
            let owner_value = self.expr(owner, scope)?;
            let mut args = self.args(name, args, scope)?;
            if let Some(caller) = caller {
                args.keyword.insert("caller".into(), caller);
            }
            self.call_site = Some((Arc::clone(&scope.file), expr.place));
            return self
                .call_method(&owner_value, name, &mut args)
                .map_err(|flow| self.suggest(flow, owner, scope).at(here));
        }
        let function = self.expr(callee, scope)?;
        let callee_name = match &callee.node {
            ExprNode::Name(name) => &**name,
            _ => "function",
        };
        let mut args = self.args(callee_name, args, scope)?;
        if let Some(caller) = caller {
            args.keyword.insert("caller".into(), caller);
        }
        self.call_site = Some((Arc::clone(&scope.file), expr.place));
        if let (Value::Undefined(_), true, ExprNode::Name(name)) = (&function, self.executes(), &callee.node)
            && scope.get(name).is_none()
        {
            return Err(self.undefined_call(name, scope).at(|| Span::new(&scope.file, callee.place.range())));
        }
        self.call_value(&function, &mut args).map_err(|flow| flow.at(here))
    }

    /// `value(...)`.
    pub(crate) fn call_value(&mut self, function: &Value, args: &mut Args) -> Result<Value, Flow> {
        match function {
            Value::Undefined(_) if !self.executes() => Ok(function.clone()),
            Value::Undefined(_) => {
                Err(Flow::error(ErrorKind::Undefined, function.undefined_message().unwrap_or_default()))
            }
            Value::Object(object) => object
                .call(self, args)
                .unwrap_or_else(|| Err(raise(format!("'{}' object is not callable", function.type_name())))),
            other => Err(raise(format!("'{}' object is not callable", other.type_name()))),
        }
    }

    /// `value.name(...)`.
    pub(crate) fn call_method(&mut self, value: &Value, name: &str, args: &mut Args) -> Result<Value, Flow> {
        if let Value::Object(object) = value {
            if let Some(namespace) = value.downcast::<PackageNamespace>() {
                return self.call_in_package(&namespace.0, name, args);
            }
            if value.downcast::<ContextObject>().is_some() {
                return ContextObject::call_method(self, name, args);
            }
            if let Some(result) = object.call_method(self, name, args) {
                return result;
            }
        } else if let Some(result) = methods::call(self, value, name, args) {
            return result;
        }
        let attribute = self.attribute(value, name)?;
        self.call_value(&attribute, args)
    }

    fn call_in_package(&mut self, package: &str, name: &str, args: &mut Args) -> Result<Value, Flow> {
        // For dbt a package is a dictionary of its macros.
        match name {
            "get" => {
                let macro_name = args.required_str("key")?;
                let default = args.optional("default")?;
                args.finish()?;
                let found = self.package_member(package, &macro_name);
                return Ok(if found.is_undefined() { default.unwrap_or(Value::None) } else { found });
            }
            "keys" => {
                args.finish()?;
                let names = self.library.names_in(package).into_iter().map(Value::from);
                return Ok(Value::list(names.collect()));
            }
            _ => {}
        }
        if let Some(value) = self.override_in(package, name) {
            return self.call_value(&value, args);
        }
        let library = self.library;
        match library.lookup_in(package, name) {
            Some(definition) => self.call_definition(&Arc::clone(definition), args),
            None if !self.executes() => Ok(Value::Undefined(None)),
            None => {
                let nearest = did_you_mean(name, library.names_in(package));
                let error = Flow::error(ErrorKind::UnknownMacro, format!("package '{package}' has no macro '{name}'"));
                Err(error.with_help(nearest.map(|nearest| format!("did you mean `{package}.{nearest}`?"))))
            }
        }
    }
}

/// A macro's name as dbt's messages have it: that of the function that Python would call.
fn python_name(name: &str) -> String {
    if name == "caller" { name.to_owned() } else { format!("dbt_macro__{name}") }
}

/// A macro's file as its own package names it: without the folder of installed packages.
fn path_in_package(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').collect();
    let start = parts.iter().position(|part| *part == "macros" || *part == "tests").unwrap_or(0);
    parts[start..].join("/")
}
