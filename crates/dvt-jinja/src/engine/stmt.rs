//! Statements: text, tags and assignments.

use super::call::LocalMacro;
use super::ir::{FilterCall, Place, Stmt, Target};
use super::{Interpreter, Output, Scope};
use crate::error::{ErrorKind, Flow, raise};
use crate::objects::namespace::Namespace;
use crate::value::{MAX_TEXT, TOO_LARGE, lock};
use crate::{Value, filters};
use dvt_diagnostics::Span;
use std::sync::Arc;

impl Interpreter<'_> {
    pub(crate) fn statements(
        &mut self,
        statements: &[Stmt],
        scope: &Arc<Scope>,
        output: &mut Output,
    ) -> Result<(), Flow> {
        for statement in statements {
            self.statement(statement, scope, output)?;
            if output.text.len() > MAX_TEXT {
                return Err(raise(TOO_LARGE));
            }
        }
        Ok(())
    }

    fn statement(&mut self, statement: &Stmt, scope: &Arc<Scope>, output: &mut Output) -> Result<(), Flow> {
        match statement {
            Stmt::Text { text, place } => {
                if let Some(map) = &mut output.map {
                    map.push(output.text.len(), place.range(), true);
                }
                output.text.push_str(text);
            }
            Stmt::Emit { expr, place } => {
                let value = self.expr(expr, scope)?;
                if let Some(map) = &mut output.map {
                    map.push(output.text.len(), place.range(), false);
                }
                match &value {
                    Value::Str(text) => output.text.push_str(text),
                    other => output.text.push_str(&other.to_string()),
                }
            }
            Stmt::For(loop_) => self.run_loop(loop_, None, 0, scope, output)?,
            Stmt::If { condition, then, otherwise } => {
                let branch = if self.expr(condition, scope)?.is_true() { then } else { otherwise };
                self.statements(branch, scope, output)?;
            }
            Stmt::With { assignments, body } => {
                let inner = scope.inner();
                for (target, expr) in assignments {
                    let value = self.expr(expr, &inner)?;
                    self.assign(target, value, &inner)?;
                }
                self.statements(body, &inner, output)?;
            }
            Stmt::Set { target, expr } => {
                let value = self.expr(expr, scope)?;
                self.assign(target, value, scope)?;
            }
            Stmt::SetBlock { target, filters, body } => {
                let text = self.capture(body, &scope.inner())?;
                let value = self.filter_chain(filters, Value::from(text), scope)?;
                self.assign(target, value, scope)?;
            }
            Stmt::FilterBlock { filters, body } => {
                let text = self.capture(body, &scope.inner())?;
                let value = self.filter_chain(filters, Value::from(text), scope)?;
                output.text.push_str(&value.to_string());
            }
            Stmt::Scope(body) => self.statements(body, &scope.inner(), output)?,
            Stmt::Macro(body) => {
                let value = Value::object(LocalMacro { body: Arc::clone(body), scope: Arc::clone(scope) });
                scope.set(&body.name, value);
            }
            Stmt::CallBlock { call, caller, place } => {
                let caller = Value::object(LocalMacro { body: Arc::clone(caller), scope: Arc::clone(scope) });
                let value = self.call_expr(call, scope, Some(caller))?;
                if let Some(map) = &mut output.map {
                    map.push(output.text.len(), place.range(), false);
                }
                output.text.push_str(&value.to_string());
            }
            Stmt::Do(expr) => {
                self.expr(expr, scope)?;
            }
            Stmt::Break => return Err(Flow::Break),
            Stmt::Continue => return Err(Flow::Continue),
            Stmt::Refused { what, place } => {
                let place = *place;
                return Err(Flow::error(
                    ErrorKind::Syntax,
                    format!("`{{% {what} %}}` cannot be used in a dbt project"),
                )
                .with_help(Some("macros of all packages are in reach without importing: `package.macro()`".into()))
                .at(|| Span::new(&scope.file, place.range())));
            }
        }
        Ok(())
    }

    /// Renders statements to text of their own.
    pub(crate) fn capture(&mut self, statements: &[Stmt], scope: &Arc<Scope>) -> Result<String, Flow> {
        let mut output = Output::captured();
        self.statements(statements, scope, &mut output)?;
        Ok(output.text)
    }

    fn filter_chain(&mut self, chain: &[FilterCall], value: Value, scope: &Arc<Scope>) -> Result<Value, Flow> {
        let mut value = value;
        for filter in chain {
            let mut args = self.args(&filter.name, &filter.args, scope)?;
            value = filters::apply(self, &filter.name, value, &mut args)
                .map_err(|flow| flow.at(|| Span::new(&scope.file, filter.place.range())))?;
        }
        Ok(value)
    }

    pub(crate) fn assign(&mut self, target: &Target, value: Value, scope: &Arc<Scope>) -> Result<(), Flow> {
        match target {
            Target::Name(name) => scope.set(name, value),
            Target::Attribute(owner, name) => {
                let object = self.expr(owner, scope)?;
                match object.downcast::<Namespace>() {
                    Some(namespace) => {
                        lock(&namespace.0).insert(Value::Str(Arc::clone(name)), value);
                    }
                    None => {
                        return Err(raise("cannot assign attribute on non-namespace object")
                            .with_help(Some("only attributes of a `namespace(...)` can be set".to_owned()))
                            .at(|| Span::new(&scope.file, owner.place.range())));
                    }
                }
            }
            Target::Tuple(targets, place) => self.unpack(targets, *place, &value, scope)?,
        }
        Ok(())
    }

    fn unpack(&mut self, targets: &[Target], place: Place, value: &Value, scope: &Arc<Scope>) -> Result<(), Flow> {
        let here = || Span::new(&scope.file, place.range());
        let Some(items) = value.iterate() else {
            return Err(raise(format!("cannot unpack non-iterable {} object", value.type_name())).at(here));
        };
        if items.len() < targets.len() {
            return Err(raise(format!(
                "not enough values to unpack (expected {}, got {})",
                targets.len(),
                items.len()
            ))
            .at(here));
        }
        if items.len() > targets.len() {
            return Err(raise(format!("too many values to unpack (expected {})", targets.len())).at(here));
        }
        for (target, item) in targets.iter().zip(items) {
            self.assign(target, item, scope)?;
        }
        Ok(())
    }
}
