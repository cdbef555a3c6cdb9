//! `for` loops and their `loop` object.

use super::ir::ForLoop;
use super::{Interpreter, Output, Scope};
use crate::error::{Flow, raise};
use crate::value::{DictView, lock};
use crate::{Args, Dict, Object, Value};
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

    fn methods(&self) -> &'static [&'static str] {
        &["cycle", "changed"]
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

/// What a loop runs over while its body may change it, as in Python: a list that grows is read to its new end, a dict
/// must keep its size.
enum Live {
    Fixed,
    List(Arc<Mutex<Vec<Value>>>),
    Dict(Arc<Mutex<Dict>>, usize),
}

/// A list that grows longer than this while it is read would grow for ever.
const MAX_GROWN: usize = 10_000_000;

impl Live {
    fn of(iterable: &Value) -> Self {
        let dict = match iterable {
            Value::List(items) => return Self::List(Arc::clone(items)),
            Value::Dict(dict) => Arc::clone(dict),
            other => match other.downcast::<DictView>() {
                Some(view) => Arc::clone(&view.dict),
                None => return Self::Fixed,
            },
        };
        let length = lock(&dict).len();
        Self::Dict(dict, length)
    }

    /// Brings the items up to date before the next one is read.
    fn follow(&self, items: &mut Arc<[Value]>) -> Result<(), Flow> {
        match self {
            Self::Fixed => Ok(()),
            Self::List(list) => {
                let list = lock(list);
                if list.len() > MAX_GROWN {
                    return Err(raise("the list grows without end while the loop reads it"));
                }
                if list.len() != items.len() {
                    *items = list.as_slice().into();
                }
                Ok(())
            }
            Self::Dict(dict, length) if lock(dict).len() == *length => Ok(()),
            Self::Dict(..) => Err(raise("dictionary changed size during iteration")),
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
        let mut items: Arc<[Value]> = items.into();
        let last_changed = Arc::default();
        let loop_name: Arc<str> = "loop".into();
        let live = if loop_.filter.is_none() { Live::of(&iterable) } else { Live::Fixed };
        let mut index = 0;
        loop {
            if index > 0 {
                live.follow(&mut items)?;
            }
            let Some(item) = items.get(index).cloned() else {
                break;
            };
            let inner = scope.inner();
            self.assign(&loop_.target, item, &inner)?;
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
            index += 1;
        }
        Ok(())
    }
}
