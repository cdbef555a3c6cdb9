//! JSON made of values: `json_build_object`, `json_agg` and their kin.
//!
//! An aggregate is a list of texts that `array_agg` gathers in its order, and one of these functions over it. Numbers keep the
//! digits that PostgreSQL would show, so a decimal whose digits depend on its value is refused by the caller.

use super::super::calendar::{DAY, timestamp_text};
use super::super::meanings::double_text;
use super::text::{canonical, quote};
use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, Field, FieldRef, Float64Type, TimeUnit, TimestampMicrosecondType};
use datafusion::common::{Result, exec_err, not_impl_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use dvt_adapter::{LOGICAL_TYPE, LogicalType, logical_type};
use std::sync::Arc;

/// The functions, by the names that packs call them; each for json and for jsonb.
pub(super) fn functions() -> impl Iterator<Item = Arc<ScalarUDF>> {
    [
        ("dvt_json_value", "dvt_jsonb_value", Form::Value),
        ("dvt_json_item", "dvt_jsonb_item", Form::Item),
        ("dvt_json_pair", "dvt_jsonb_pair", Form::Pair),
        ("dvt_json_object", "dvt_jsonb_object", Form::Object),
        ("dvt_json_array", "dvt_jsonb_array", Form::Array),
        ("dvt_json_items", "dvt_jsonb_items", Form::Items),
        ("dvt_json_pairs", "dvt_jsonb_pairs", Form::Pairs),
    ]
    .into_iter()
    .flat_map(|(json, jsonb, form)| [(json, form, false), (jsonb, form, true)])
    .map(|(name, form, is_canonical)| {
        let counts = vec![TypeSignature::VariadicAny, TypeSignature::Nullary];
        let signature = Signature::one_of(counts, Volatility::Immutable);
        Arc::new(ScalarUDF::new_from_impl(Building { name, form, is_canonical, signature }))
    })
}

/// Whether values become JSON by a function of this name.
pub(crate) fn shows_values(function: &str) -> bool {
    ["value", "item", "pair", "object", "array"].iter().any(|form| {
        let rest = function.strip_prefix("dvt_json");
        rest.and_then(|rest| rest.strip_prefix("b_").or_else(|| rest.strip_prefix('_'))) == Some(*form)
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Form {
    /// `to_json(x)`: NULL stays NULL.
    Value,
    /// An element of `json_agg`: NULL is `null`.
    Item,
    /// A member of `json_object_agg`.
    Pair,
    /// `json_build_object(key, value, …)`.
    Object,
    /// `json_build_array(value, …)`.
    Array,
    /// The array of a list of items.
    Items,
    /// The object of a list of members.
    Pairs,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Building {
    name: &'static str,
    form: Form,
    /// Whether the result is jsonb.
    is_canonical: bool,
    signature: Signature,
}

impl ScalarUDFImpl for Building {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> Result<FieldRef> {
        let fields = arguments.arg_fields;
        let expected = match self.form {
            Form::Value | Form::Item | Form::Items | Form::Pairs => fields.len() == 1,
            Form::Pair => fields.len() == 2,
            Form::Object => fields.len().is_multiple_of(2),
            Form::Array => true,
        };
        if !expected {
            return plan_err!("argument list must have an even number of elements, or one");
        }
        if !matches!(self.form, Form::Items | Form::Pairs) {
            let has_key = |at: usize| matches!(self.form, Form::Pair | Form::Object) && at.is_multiple_of(2);
            for (at, field) in fields.iter().enumerate() {
                let is_list = matches!(field.data_type(), DataType::List(_));
                // Its elements stand on lines of their own there.
                if !is_shown(field) || is_list && (has_key(at) || self.form == Form::Item && !self.is_canonical) {
                    return not_impl_err!("JSON made of a value of type {}", field.data_type());
                }
            }
        }
        let known = if self.is_canonical { LogicalType::Jsonb } else { LogicalType::Json };
        let field = Field::new(self.name, DataType::Utf8, true);
        Ok(Arc::new(field.with_metadata([(LOGICAL_TYPE.to_owned(), known.to_string())].into())))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let ScalarFunctionArgs { args, arg_fields, number_rows, .. } = arguments;
        let arrays = args.iter().map(|argument| argument.to_array(number_rows)).collect::<Result<Vec<_>>>()?;
        let columns = match self.form {
            Form::Items | Form::Pairs => Vec::new(),
            _ => {
                arrays.iter().zip(&arg_fields).map(|(array, field)| shown(array, field)).collect::<Result<Vec<_>>>()?
            }
        };
        let mut texts = Vec::with_capacity(number_rows);
        for row in 0..number_rows {
            let text = match self.form {
                Form::Value if arrays[0].is_null(row) => None,
                Form::Value | Form::Item => Some(columns[0].json(row).to_owned()),
                Form::Pair => Some(self.members(&columns, row, " : ")?),
                Form::Object => Some(format!("{{{}}}", self.members(&columns, row, " : ")?)),
                Form::Array => {
                    let items: Vec<&str> = columns.iter().map(|column| column.json(row)).collect();
                    Some(format!("[{}]", items.join(", ")))
                }
                Form::Items | Form::Pairs => self.gathered(&arrays[0], row)?,
            };
            // A part of jsonb is made canonical with the whole.
            let is_whole = !matches!(self.form, Form::Item | Form::Pair);
            texts.push(match text {
                Some(text) if self.is_canonical && is_whole => match canonical(&text) {
                    Some(text) => Some(text),
                    None => return exec_err!("a value is too deep for jsonb"),
                },
                other => other,
            });
        }
        Ok(ColumnarValue::Array(Arc::new(StringArray::from(texts))))
    }
}

impl Building {
    fn members(&self, columns: &[Shown], row: usize, between: &str) -> Result<String> {
        let mut members = String::new();
        for pair in columns.chunks_exact(2) {
            let Some(key) = pair[0].key(row) else { return exec_err!("the name of a JSON member is NULL") };
            if !members.is_empty() {
                members.push_str(", ");
            }
            quote(&key, &mut members);
            members.push_str(between);
            members.push_str(pair[1].json(row));
        }
        Ok(members)
    }

    /// The parts of a row's list, in its order.
    fn gathered(&self, lists: &ArrayRef, row: usize) -> Result<Option<String>> {
        let Some(lists) = lists.as_list_opt::<i32>() else { return exec_err!("{} of no list", self.name) };
        if lists.is_null(row) {
            return Ok(None);
        }
        let parts = cast(&lists.value(row), &DataType::Utf8)?;
        let parts: Vec<&str> = parts.as_string::<i32>().iter().flatten().collect();
        let (open, close) = if self.form == Form::Items { ("[", "]") } else { ("{ ", " }") };
        Ok(Some(format!("{open}{}{close}", parts.join(", "))))
    }
}

/// Whether values of the field have one form as JSON: an instant has one for each zone of a session.
fn is_shown(field: &Field) -> bool {
    match field.data_type() {
        DataType::Null | DataType::Boolean | DataType::Float64 | DataType::Date32 => true,
        DataType::Timestamp(_, None) => true,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            // A text that stands for a value of another type may have another form there.
            matches!(
                logical_type(field),
                None | Some(LogicalType::Json | LogicalType::Jsonb | LogicalType::Varchar(_) | LogicalType::Uuid)
            )
        }
        DataType::List(item) => is_shown(item),
        other => other.is_integer() || other.is_decimal(),
    }
}

/// A column's values as JSON, and as the names of members.
struct Shown {
    json: Vec<String>,
    keys: ArrayRef,
}

impl Shown {
    fn json(&self, row: usize) -> &str {
        &self.json[row]
    }

    fn key(&self, row: usize) -> Option<String> {
        let keys = self.keys.as_string::<i32>();
        keys.is_valid(row).then(|| keys.value(row).to_owned())
    }
}

fn shown(array: &ArrayRef, field: &FieldRef) -> Result<Shown> {
    let is_json = matches!(logical_type(field), Some(LogicalType::Json | LogicalType::Jsonb));
    let keys = match array.data_type() {
        DataType::List(_) => cast(&StringArray::new_null(array.len()), &DataType::Utf8)?,
        DataType::Float64 => {
            let numbers = array.as_primitive::<Float64Type>().iter();
            Arc::new(numbers.map(|number| number.map(double_text)).collect::<StringArray>())
        }
        _ => cast(array, &DataType::Utf8)?,
    };
    Ok(Shown { json: json_texts(array, is_json)?, keys })
}

fn json_texts(array: &ArrayRef, is_json: bool) -> Result<Vec<String>> {
    let quoted = |text: &str| {
        let mut out = String::with_capacity(text.len() + 2);
        quote(text, &mut out);
        out
    };
    let or_null = |row: usize, text: &dyn Fn() -> String| if array.is_null(row) { "null".to_owned() } else { text() };
    let rows = 0..array.len();
    Ok(match array.data_type() {
        DataType::Null => rows.map(|_| "null".to_owned()).collect(),
        DataType::Float64 => {
            let numbers = array.as_primitive::<Float64Type>();
            let text = |row| match numbers.value(row) {
                number if number.is_finite() => double_text(number),
                other => quoted(&double_text(other)),
            };
            rows.map(|row| or_null(row, &|| text(row))).collect()
        }
        DataType::Date32 => {
            let dates = array.as_primitive::<Date32Type>();
            let text = |row| quoted(&timestamp_text(i64::from(dates.value(row)) * DAY).replacen(" 00:00:00", "", 1));
            rows.map(|row| or_null(row, &|| text(row))).collect()
        }
        DataType::Timestamp(..) => {
            let moments = cast(array, &DataType::Timestamp(TimeUnit::Microsecond, None))?;
            let moments = moments.as_primitive::<TimestampMicrosecondType>();
            let text = |row| quoted(&timestamp_text(moments.value(row)).replacen(' ', "T", 1));
            rows.map(|row| or_null(row, &|| text(row))).collect()
        }
        DataType::List(item) => {
            let is_json = matches!(logical_type(item), Some(LogicalType::Json | LogicalType::Jsonb));
            let lists = array.as_list::<i32>();
            let mut texts = Vec::with_capacity(lists.len());
            for list in lists.iter() {
                texts.push(match list {
                    None => "null".to_owned(),
                    Some(list) => format!("[{}]", json_texts(&list, is_json)?.join(",")),
                });
            }
            texts
        }
        data_type => {
            let is_text = matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
            let texts = cast(array, &DataType::Utf8)?;
            let texts = texts.as_string::<i32>();
            let text = |row| if is_text && !is_json { quoted(texts.value(row)) } else { texts.value(row).to_owned() };
            rows.map(|row| or_null(row, &|| text(row))).collect()
        }
    })
}
