//! `for` loops and their `loop` object.

use super::ir::ForLoop;
use super::{Interpreter, Output, Scope};
use crate::error::{Flow, raise};
use crate::value::lock;
use crate::{Args, Object, Value};
use dvt_diagnostics::Span;
use std::sync::{Arc, Mutex};

/// The variable `loop`.
#[derive(Debug)]
struct LoopObject {
    items: Arc<[Value]>,
    index: usize,
    depth: usize,
    /// What `loop.changed` saw last; shared by the iterations.
    last_changed: Arc<Mutex<Option<Vec<Value>>>>,
    /// For `loop(children)` of a recursive loop.
    recursion: Option<(Arc<ForLoop>, Arc<Scope>)>,
}

impl Object for LoopObject {
    fn type_name(&self) -> &str {
        "LoopContext"
    }

    fn display(&self) -> String {
        format!("<LoopContext {}/{}>", self.index + 1, self.items.len())
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        let length = self.items.len();
        Some(match name {
            "index" => Value::from(self.index + 1),
            "index0" => Value::from(self.index),
            "revindex" => Value::from(length - self.index),
            "revindex0" => Value::from(length - self.index - 1),
            "first" => Value::Bool(self.index == 0),
            "last" => Value::Bool(self.index + 1 == length),
            "length" => Value::from(length),
            "depth" => Value::from(self.depth + 1),
            "depth0" => Value::from(self.depth),
            "previtem" => match self.index.checked_sub(1) {
                Some(index) => self.items[index].clone(),
                None => Value::Undefined(Some("there is no previous item".into())),
            },
            "nextitem" => {
                let none = || Value::Undefined(Some("there is no next item".into()));
                self.items.get(self.index + 1).cloned().unwrap_or_else(none)
            }
            _ => return None,
        })
    }

    fn is_callable(&self) -> bool {
        self.recursion.is_some()
    }

    fn call(&self, interpreter: &mut Interpreter<'_>, args: &mut Args) -> Option<Result<Value, Flow>> {
        let (loop_, scope) = self.recursion.as_ref()?;
        let mut run = || {
            let items = args.required("iterable")?;
            args.finish()?;
            let mut output = Output::captured();
            interpreter.run_loop(loop_, Some(items), self.depth + 1, scope, &mut output)?;
            Ok(Value::from(output.text))
        };
        Some(run())
    }

    fn call_method(
        &self,
        _interpreter: &mut Interpreter<'_>,
        name: &str,
        args: &mut Args,
    ) -> Option<Result<Value, Flow>> {
        let values = args.rest();
        match name {
            "cycle" if values.is_empty() => Some(Err(raise("no items for cycling given"))),
            "cycle" => Some(Ok(values[self.index % values.len()].clone())),
            "changed" => {
                let mut last = lock(&self.last_changed);
                let is_changed = last.as_ref() != Some(&values);
                *last = Some(values);
                Some(Ok(Value::Bool(is_changed)))
            }
            _ => None,
        }
    }
}

impl Interpreter<'_> {
    /// Runs a loop over `items`, or over what its own expression gives.
    pub(crate) fn run_loop(
        &mut self,
        loop_: &Arc<ForLoop>,
        items: Option<Value>,
        depth: usize,
        scope: &Arc<Scope>,
        output: &mut Output,
    ) -> Result<(), Flow> {
        let iterable = match items {
            Some(items) => items,
            None => self.expr(&loop_.iterable, scope)?,
        };
        let Some(mut items) = iterable.iterate() else {
            return Err(raise(format!("'{}' object is not iterable", iterable.type_name()))
                .at(|| Span::new(&scope.file, loop_.iterable.place.range())));
        };
        if let Some(filter) = &loop_.filter {
            let mut kept = Vec::with_capacity(items.len());
            for item in items {
                let inner = scope.inner();
                self.assign(&loop_.target, item.clone(), &inner)?;
                if self.expr(filter, &inner)?.is_true() {
                    kept.push(item);
                }
            }
            items = kept;
        }
        if items.is_empty() {
            return self.statements(&loop_.otherwise, &scope.inner(), output);
        }
        let items: Arc<[Value]> = items.into();
        let last_changed = Arc::default();
        let loop_name: Arc<str> = "loop".into();
        for (index, item) in items.iter().enumerate() {
            let inner = scope.inner();
            self.assign(&loop_.target, item.clone(), &inner)?;
            let object = LoopObject {
                items: Arc::clone(&items),
                index,
                depth,
                last_changed: Arc::clone(&last_changed),
                recursion: loop_.is_recursive.then(|| (Arc::clone(loop_), Arc::clone(scope))),
            };
            inner.set(&loop_name, Value::object(object));
            match self.statements(&loop_.body, &inner, output) {
                Ok(()) | Err(Flow::Continue) => {}
                Err(Flow::Break) => break,
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }
}
