//! Values with behaviour of their own, and the arguments of a call.

use super::Value;
use crate::engine::Interpreter;
use crate::error::{Flow, raise};
use indexmap::IndexMap;
use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

/// A value with behaviour of its own. All methods have defaults: an object says only what it can do.
pub trait Object: Any + Send + Sync + Debug {
    /// Python's name of the type, for messages.
    fn type_name(&self) -> &str;

    /// `str(value)`.
    fn display(&self) -> String {
        format!("<{}>", self.type_name())
    }

    /// `repr(value)`.
    fn repr(&self) -> String {
        self.display()
    }

    fn is_true(&self) -> bool {
        self.items().is_none_or(|items| !items.is_empty())
    }

    /// `value.name` and `value['name']`.
    fn attribute(&self, _name: &str) -> Option<Value> {
        None
    }

    /// `value[key]` for keys that are no attribute names.
    fn item(&self, _key: &Value) -> Option<Value> {
        None
    }

    /// What iterating gives; `None` for an object that cannot be iterated.
    fn items(&self) -> Option<Vec<Value>> {
        None
    }

    /// Whether it can be iterated; reading the items of an iterator would empty it.
    fn is_iterable(&self) -> bool {
        self.items().is_some()
    }

    /// Whether it counts as a sequence: with a length and with positions.
    fn is_sequence(&self) -> bool {
        self.items().is_some()
    }

    /// Whether a slice of it is a tuple.
    fn slices_to_tuple(&self) -> bool {
        false
    }

    /// `len(value)`.
    fn length(&self) -> Option<usize> {
        self.items().map(|items| items.len())
    }

    /// `key in value`; `None` asks the items.
    fn has(&self, _key: &Value) -> Option<bool> {
        None
    }

    /// `value(...)`; `None` for an object that cannot be called.
    fn call(&self, _interpreter: &mut Interpreter<'_>, _args: &mut Args) -> Option<Result<Value, Flow>> {
        None
    }

    /// `value.name(...)`; `None` for a method that the object does not have.
    fn call_method(
        &self,
        _interpreter: &mut Interpreter<'_>,
        _name: &str,
        _args: &mut Args,
    ) -> Option<Result<Value, Flow>> {
        None
    }

    /// The names that `call_method` knows, so that a template may ask whether a method is there, or take it along without
    /// calling it.
    fn methods(&self) -> &'static [&'static str] {
        &[]
    }

    /// `value == other`; the default is identity of the content's text and type.
    fn equals(&self, other: &dyn Object) -> bool {
        self.type_name() == other.type_name() && self.repr() == other.repr()
    }

    /// A number or text to order by, for objects that have an order (dates).
    fn order(&self) -> Option<i128> {
        None
    }

    /// `self + other`, `self - other`, `*`, `/`, and `f` for `//`; `None` where the operator is not defined.
    fn arithmetic(&self, _operator: char, _other: &Value) -> Option<Value> {
        None
    }

    /// The value as JSON; `None` for one that has no JSON form.
    fn to_json(&self) -> Option<serde_json::Value> {
        None
    }

    /// `format(value, spec)` for a class with format directives of its own.
    fn formatted(&self, _spec: &str) -> Option<String> {
        None
    }

    /// The text of a date or time in ISO's form.
    fn isoformat(&self) -> Option<String> {
        None
    }

    /// What `json.dumps` makes of it: nothing, unless its Python class is one that JSON knows.
    fn dumps(&self) -> Option<serde_json::Value> {
        None
    }

    /// Whether the object can be called.
    fn is_callable(&self) -> bool {
        false
    }

    /// Whether it counts as a mapping.
    fn is_mapping(&self) -> bool {
        false
    }
}

/// The arguments of a call. Functions take out what they know; [`Args::finish`] refuses the rest.
#[derive(Clone, Debug, Default)]
pub struct Args {
    /// For messages.
    pub function: String,
    pub positional: Vec<Value>,
    pub keyword: IndexMap<Arc<str>, Value>,
    taken: usize,
}

impl Args {
    #[must_use]
    pub fn new(function: &str, positional: Vec<Value>) -> Self {
        Self { function: function.to_owned(), positional, ..Self::default() }
    }

    #[must_use]
    pub fn with_keyword(mut self, name: &str, value: Value) -> Self {
        self.keyword.insert(name.into(), value);
        self
    }

    /// The next argument, by position or by name; an undefined value counts as given.
    pub(crate) fn optional(&mut self, name: &str) -> Result<Option<Value>, Flow> {
        let by_name = self.keyword.shift_remove(name);
        if self.taken < self.positional.len() {
            if by_name.is_some() {
                return Err(raise(format!("{}() got multiple values for argument '{name}'", self.function)));
            }
            let value = std::mem::replace(&mut self.positional[self.taken], Value::None);
            self.taken += 1;
            return Ok(Some(value));
        }
        Ok(by_name)
    }

    pub(crate) fn required(&mut self, name: &str) -> Result<Value, Flow> {
        self.optional(name)?.ok_or_else(|| raise(format!("{}() missing required argument: '{name}'", self.function)))
    }

    /// A text argument.
    pub(crate) fn required_str(&mut self, name: &str) -> Result<Arc<str>, Flow> {
        match self.required(name)? {
            Value::Str(text) => Ok(text),
            other => Err(self.wrong_type(name, "a string", &other)),
        }
    }

    /// A text argument that may be missing or `none`.
    pub(crate) fn optional_str(&mut self, name: &str) -> Result<Option<Arc<str>>, Flow> {
        match self.optional(name)? {
            None | Some(Value::None | Value::Undefined(_)) => Ok(None),
            Some(Value::Str(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong_type(name, "a string", &other)),
        }
    }

    pub(crate) fn optional_int(&mut self, name: &str) -> Result<Option<i128>, Flow> {
        match self.optional(name)? {
            None | Some(Value::None | Value::Undefined(_)) => Ok(None),
            Some(value) => match value.as_int() {
                Some(number) => Ok(Some(number)),
                None => Err(self.wrong_type(name, "an integer", &value)),
            },
        }
    }

    /// The truth of an argument, `default` when it is missing.
    pub(crate) fn flag(&mut self, name: &str, default: bool) -> Result<bool, Flow> {
        Ok(self.optional(name)?.map_or(default, |value| value.is_true()))
    }

    /// All positional arguments that were not taken.
    pub(crate) fn rest(&mut self) -> Vec<Value> {
        let rest = self.positional.split_off(self.taken.min(self.positional.len()));
        self.taken = self.positional.len();
        rest
    }

    pub(crate) fn wrong_type(&self, name: &str, expected: &str, value: &Value) -> Flow {
        raise(format!("{}(): argument '{name}' must be {expected}, not {}", self.function, value.type_name()))
    }

    /// # Errors
    /// When an argument was given that the function does not have.
    pub(crate) fn finish(&self) -> Result<(), Flow> {
        if let Some(name) = self.keyword.keys().next() {
            return Err(raise(format!("{}() got an unexpected keyword argument '{name}'", self.function)));
        }
        if self.taken < self.positional.len() {
            return Err(raise(format!(
                "{}() takes {} positional arguments but {} were given",
                self.function,
                self.taken,
                self.positional.len()
            )));
        }
        Ok(())
    }
}
