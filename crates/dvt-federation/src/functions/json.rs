//! Parts of JSON values, by PostgreSQL's operators.
//!
//! A value travels as its text; jsonb's is canonical already, so a part of it is too. Nothing is parsed into numbers: digits
//! stay as they are written.

mod build;
mod text;

pub(crate) use build::shows_values;

use arrow::array::{Array, ArrayRef, AsArray, BooleanBuilder, Int32Builder, ListBuilder, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type};
use datafusion::common::{Result, exec_err, not_impl_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use dvt_adapter::{LOGICAL_TYPE, LogicalType, logical_type};
use std::sync::Arc;

/// The functions, by the names that packs call them.
pub(super) fn functions() -> impl Iterator<Item = Arc<ScalarUDF>> {
    [
        ("dvt_json_get", Task::Part),
        ("dvt_json_get_text", Task::PartAsText),
        ("dvt_json_path", Task::Path),
        ("dvt_json_path_text", Task::PathAsText),
        ("dvt_json_extract", Task::Steps),
        ("dvt_json_extract_text", Task::StepsAsText),
        ("dvt_json_has", Task::HasKey),
        ("dvt_json_kind", Task::Kind),
        ("dvt_json_length", Task::Length),
        ("dvt_json_elements", Task::Elements),
        ("dvt_json_elements_text", Task::ElementsAsText),
        ("dvt_json_keys", Task::Keys),
        ("dvt_json_values", Task::Values),
        ("dvt_json_values_text", Task::ValuesAsText),
        ("dvt_to_json", Task::ToJson),
        ("dvt_to_jsonb", Task::ToJsonb),
    ]
    .into_iter()
    .map(|(name, task)| {
        let signature = Signature::variadic_any(Volatility::Immutable);
        Arc::new(ScalarUDF::new_from_impl(JsonFunction { name, task, signature }))
    })
    .chain(build::functions())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Task {
    /// `j -> key`, by name or position.
    Part,
    PartAsText,
    /// `j #> '{a,b}'`.
    Path,
    PathAsText,
    /// `json_extract_path(j, 'a', 'b')`.
    Steps,
    StepsAsText,
    /// `j ? key`.
    HasKey,
    Kind,
    Length,
    /// The list of an array's values.
    Elements,
    ElementsAsText,
    /// The list of the names of an object.
    Keys,
    /// The list of its values.
    Values,
    ValuesAsText,
    ToJson,
    ToJsonb,
}

impl Task {
    fn makes_lists(self) -> bool {
        matches!(self, Self::Elements | Self::ElementsAsText | Self::Keys | Self::Values | Self::ValuesAsText)
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct JsonFunction {
    name: &'static str,
    task: Task,
    signature: Signature,
}

impl ScalarUDFImpl for JsonFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(match self.task {
            Task::HasKey => DataType::Boolean,
            Task::Length => DataType::Int32,
            _ if self.task.makes_lists() => DataType::new_list(DataType::Utf8, true),
            _ => DataType::Utf8,
        })
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> Result<FieldRef> {
        let types: Vec<DataType> = arguments.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let field = Field::new(self.name, self.return_type(&types)?, true);
        let Some(value) = arguments.arg_fields.first() else { return not_impl_err!("a JSON operator without a value") };
        let of_value = logical_type(value).filter(|known| matches!(known, LogicalType::Json | LogicalType::Jsonb));
        let result = match self.task {
            Task::ToJson => Some(LogicalType::Json),
            Task::ToJsonb => Some(LogicalType::Jsonb),
            _ if of_value.is_none() => {
                return not_impl_err!("a JSON operator on a value of another type than json or jsonb");
            }
            Task::Part | Task::Path | Task::Steps => of_value,
            Task::Elements | Task::Values => {
                return Ok(Arc::new(Field::new_list(self.name, with_type(of_value), true)));
            }
            _ => None,
        };
        Ok(Arc::new(match result {
            Some(known) => field.with_metadata([(LOGICAL_TYPE.to_owned(), known.to_string())].into()),
            None => field,
        }))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let ScalarFunctionArgs { ref args, number_rows, .. } = arguments;
        let text = |index: usize| -> Result<ArrayRef> {
            let values = args[index].to_array(number_rows)?;
            if matches!(values.data_type(), DataType::List(_)) {
                return not_impl_err!("a JSON path that is an array: write it as '{{a,b}}'");
            }
            Ok(cast(&values, &DataType::Utf8)?)
        };
        let values = text(0)?;
        let values = values.as_string::<i32>();
        match self.task {
            Task::HasKey => {
                let keys = text(1)?;
                let mut found = BooleanBuilder::with_capacity(number_rows);
                for (value, key) in values.iter().zip(keys.as_string::<i32>()) {
                    found.append_option(value.zip(key).map(|(value, key)| text::has(value, key)));
                }
                Ok(ColumnarValue::Array(Arc::new(found.finish())))
            }
            task if task.makes_lists() => {
                let DataType::List(item) = arguments.return_field.data_type() else {
                    return exec_err!("the parts of a JSON value are a list");
                };
                let mut lists = ListBuilder::new(StringBuilder::new()).with_field(Arc::clone(item));
                for value in values {
                    let Some(value) = value else {
                        lists.append_null();
                        continue;
                    };
                    let is_array = matches!(task, Task::Elements | Task::ElementsAsText);
                    if text::kind(value) != if is_array { "array" } else { "object" } {
                        return exec_err!(
                            "cannot take a value apart that is no {}",
                            if is_array { "array" } else { "object" }
                        );
                    }
                    for (key, value) in text::items(value) {
                        lists.values().append_option(match task {
                            Task::Keys => key,
                            Task::Elements | Task::Values => Some(value.to_owned()),
                            _ => text::as_text(value),
                        });
                    }
                    lists.append(true);
                }
                Ok(ColumnarValue::Array(Arc::new(lists.finish())))
            }
            Task::Length => {
                let mut lengths = Int32Builder::with_capacity(number_rows);
                for value in values {
                    match value.map(text::length) {
                        None => lengths.append_null(),
                        Some(Some(length)) => lengths.append_value(i32::try_from(length).unwrap_or(i32::MAX)),
                        Some(None) => return exec_err!("cannot get the array length of a value that is no array"),
                    }
                }
                Ok(ColumnarValue::Array(Arc::new(lengths.finish())))
            }
            _ => {
                let is_jsonb =
                    arguments.arg_fields.first().and_then(|field| logical_type(field)) == Some(LogicalType::Jsonb);
                let steps = self.steps(args, number_rows, is_jsonb)?;
                let mut parts = StringBuilder::new();
                for row in 0..number_rows {
                    let part = match (values.is_valid(row), &steps) {
                        (false, _) => None,
                        (true, steps) => self.part(values.value(row), steps.as_ref().map(|steps| &steps[row]))?,
                    };
                    parts.append_option(part);
                }
                Ok(ColumnarValue::Array(Arc::new(parts.finish())))
            }
        }
    }
}

/// An element of a list of JSON values.
fn with_type(known: Option<LogicalType>) -> Field {
    let item = Field::new_list_field(DataType::Utf8, true);
    match known {
        Some(known) => item.with_metadata([(LOGICAL_TYPE.to_owned(), known.to_string())].into()),
        None => item,
    }
}

/// The way to a part; `None` when a step is NULL.
type Steps = Option<Vec<Step>>;

#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// A key, or a position where the value is an array.
    Either(String),
    Key(String),
    /// An element of an array.
    Position(i64),
    /// The same for jsonb.
    Place(i64),
}

impl JsonFunction {
    /// For each row, where the task has a way to go.
    fn steps(&self, args: &[ColumnarValue], rows: usize, is_jsonb: bool) -> Result<Option<Vec<Steps>>> {
        let arrays = args[1..].iter().map(|argument| argument.to_array(rows)).collect::<Result<Vec<_>>>()?;
        let texts = |array: &ArrayRef| -> Result<ArrayRef> {
            if matches!(array.data_type(), DataType::List(_)) {
                return not_impl_err!("a JSON path that is an array: write it as '{{a,b}}'");
            }
            Ok(cast(array, &DataType::Utf8)?)
        };
        Ok(match self.task {
            Task::Part | Task::PartAsText if arrays[0].data_type().is_integer() => {
                let positions = cast(&arrays[0], &DataType::Int64)?;
                let positions = positions.as_primitive::<Int64Type>();
                let step = |at| if is_jsonb { Step::Place(at) } else { Step::Position(at) };
                Some(positions.iter().map(|at| at.map(|at| vec![step(at)])).collect())
            }
            Task::Part | Task::PartAsText => {
                let keys = texts(&arrays[0])?;
                Some(keys.as_string::<i32>().iter().map(|key| key.map(|key| vec![Step::Key(key.to_owned())])).collect())
            }
            Task::Path | Task::PathAsText => {
                let paths = texts(&arrays[0])?;
                let mut all = Vec::with_capacity(rows);
                for path in paths.as_string::<i32>() {
                    all.push(match path {
                        None => None,
                        Some(path) => match text::path(path) {
                            Some(steps) => Some(steps.into_iter().map(Step::Either).collect()),
                            None => return exec_err!("malformed array literal: \"{path}\""),
                        },
                    });
                }
                Some(all)
            }
            Task::Steps | Task::StepsAsText => {
                let columns = arrays.iter().map(texts).collect::<Result<Vec<_>>>()?;
                let step = |column: &ArrayRef, row: usize| {
                    let column = column.as_string::<i32>();
                    column.is_valid(row).then(|| Step::Either(column.value(row).to_owned()))
                };
                Some((0..rows).map(|row| columns.iter().map(|column| step(column, row)).collect()).collect())
            }
            _ => None,
        })
    }

    fn part(&self, value: &str, steps: Option<&Steps>) -> Result<Option<String>> {
        let as_text = matches!(self.task, Task::PartAsText | Task::PathAsText | Task::StepsAsText);
        Ok(match self.task {
            Task::Kind => Some(text::kind(value).to_owned()),
            Task::ToJson => match text::is_valid(value) {
                true => Some(value.to_owned()),
                false => return exec_err!("invalid input syntax for type json"),
            },
            Task::ToJsonb => match text::canonical(value) {
                Some(canonical) => Some(canonical),
                None => return exec_err!("invalid input syntax for type json"),
            },
            _ => {
                let Some(Some(steps)) = steps else { return Ok(None) };
                let mut part = Some(value.trim());
                for step in steps {
                    part = part.and_then(|part| match step {
                        Step::Key(key) => text::member(part, key),
                        Step::Position(at) => text::element(part, *at),
                        // For jsonb a value that is neither object nor array is the one element of an array.
                        Step::Place(at) => match text::kind(part) {
                            "object" | "array" => text::element(part, *at),
                            _ => matches!(at, 0 | -1).then_some(part),
                        },
                        Step::Either(step) => match step.trim().parse() {
                            Ok(at) if text::kind(part) == "array" => text::element(part, at),
                            _ => text::member(part, step),
                        },
                    });
                }
                match part {
                    Some(part) if as_text => text::as_text(part),
                    other => other.map(str::to_owned),
                }
            }
        })
    }
}
