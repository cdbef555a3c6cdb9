//! `upper`, `lower` and `initcap` letter by letter: databases keep `ß`, which Rust's and the engine's upper case make `SS`.

use arrow::array::{AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use std::sync::Arc;

/// The three functions, by the names that packs call them.
pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    [Letters::Upper, Letters::Lower, Letters::Initial]
        .map(|letters| {
            Arc::new(ScalarUDF::new_from_impl(LetterCase {
                letters,
                signature: Signature::any(1, Volatility::Immutable),
            }))
        })
        .into()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Letters {
    Upper,
    Lower,
    Initial,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct LetterCase {
    letters: Letters,
    signature: Signature,
}

impl ScalarUDFImpl for LetterCase {
    fn name(&self) -> &str {
        match self.letters {
            Letters::Upper => "upper_letters",
            Letters::Lower => "lower_letters",
            Letters::Initial => "initcap_letters",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match &arguments[0] {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => Ok(DataType::Utf8),
            other => plan_err!("upper, lower and initcap take text, not {other}"),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let values = cast(&arguments.args[0].to_array(arguments.number_rows)?, &DataType::Utf8)?;
        let changed: StringArray =
            values.as_string::<i32>().iter().map(|text| text.map(|text| change(text, self.letters))).collect();
        Ok(ColumnarValue::Array(Arc::new(changed)))
    }
}

fn change(text: &str, letters: Letters) -> String {
    let mut in_word = false;
    text.chars()
        .map(|letter| {
            let changed = match letters {
                Letters::Upper => upper(letter),
                Letters::Lower => lower(letter),
                Letters::Initial if in_word => lower(letter),
                Letters::Initial => upper(letter),
            };
            in_word = letter.is_alphanumeric();
            changed
        })
        .collect()
}

/// The letter's one upper case letter; itself when that would be several.
fn upper(letter: char) -> char {
    let mut all = letter.to_uppercase();
    match (all.next(), all.next()) {
        (Some(one), None) => one,
        _ => letter,
    }
}

fn lower(letter: char) -> char {
    let mut all = letter.to_lowercase();
    match (all.next(), all.next()) {
        (Some(one), None) => one,
        _ => letter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_letter_becomes_one_letter() {
        assert_eq!(change("Straße ñ", Letters::Upper), "STRAßE Ñ");
        assert_eq!(change("ΟΔΟΣ İ", Letters::Lower), "οδοσ İ");
        assert_eq!(change("ab cD-ßx 1a", Letters::Initial), "Ab Cd-ßx 1a");
    }
}
