//! `--warn-error` and `--warn-error-options`: which warnings are errors, and which are not said at all.

use dvt_diagnostics::{Diagnostic, EventKind, did_you_mean, kinds};
use serde_json::{Map, Value};

/// dbt's name for all deprecations together.
const DEPRECATIONS: &str = "Deprecations";

/// The names of dbt v2 that no event of dbt 1.12 has: a project that is run by both may hold them.
const V2_NAMES: &str = include_str!("warn_error/v2_names.txt");

/// Warnings that no option made an error before dbt's flag `require_all_warnings_handled_by_warn_error`.
const ONCE_ONLY_SAID: [&str; 7] = [
    "FreshnessConfigProblem",
    "GetMetaKeyWarning",
    "MFConverterIssue",
    "MicrobatchModelNoEventTimeInputs",
    "SelectExcludeIgnoredWithSelectorWarning",
    "SemanticValidationFailure",
    "WarnStateTargetEqual",
];

/// What the user wants done with a warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Say,
    Error,
    Silence,
}

/// The options as dbt 1.12 has them: names of events (or `Deprecations`) under `error`, `warn` and `silence`.
///
/// A name wins over the group `Deprecations`, and that over `error: all`; among equals silence wins over warn, and that
/// over error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WarnErrorOptions {
    error_all: bool,
    error: Vec<String>,
    warn: Vec<String>,
    silence: Vec<String>,
    /// Whether the old names were used: `include`, `exclude`.
    pub(crate) old_names: (bool, bool),
    /// Names of dbt v2, which mean nothing here, in order and each once.
    pub(crate) v2_names: Vec<String>,
    /// `require_all_warnings_handled_by_warn_error: false`.
    pub(crate) handles_some: bool,
}

impl WarnErrorOptions {
    /// `--warn-error`.
    pub(crate) fn all() -> Self {
        Self { error_all: true, ..Self::default() }
    }

    /// Reads the options from the mapping that a flag, a variable or `flags:` holds.
    ///
    /// # Errors
    /// A key given in its old and its new name, a value that is no list of names, a name that is no event, or `warn`
    /// where nothing is an error that it could except.
    pub(crate) fn parse(options: &Map<String, Value>) -> Result<Self, Diagnostic> {
        let wrong = |message: String| Diagnostic::error("invalid-warn-error-options", message);
        let either = |name: &str, old: &str| match (options.get(name), options.get(old)) {
            (Some(new), Some(before)) if is_given(new) && is_given(before) => {
                Err(wrong(format!("Only `{old}` or `{name}` can be specified in `warn_error_options`, not both")))
            }
            (_, Some(before)) => Ok(Some(before)),
            (new, None) => Ok(new),
        };
        let mut parsed =
            Self { old_names: (options.contains_key("include"), options.contains_key("exclude")), ..Self::default() };
        match either("error", "include")? {
            Some(Value::String(word)) if word == "all" || word == "*" => parsed.error_all = true,
            Some(Value::String(word)) => {
                return Err(wrong(format!("error must be one of ('all', '*') or a list of strings, and not `{word}`")));
            }
            other => parsed.error = names(other, &mut parsed.v2_names).map_err(&wrong)?,
        }
        parsed.warn = names(either("warn", "exclude")?, &mut parsed.v2_names).map_err(&wrong)?;
        parsed.silence = names(options.get("silence"), &mut parsed.v2_names).map_err(&wrong)?;
        parsed.v2_names.sort();
        parsed.v2_names.dedup();
        let group = DEPRECATIONS.to_owned();
        if !parsed.warn.is_empty()
            && !parsed.error_all
            && !parsed.error.contains(&group)
            && !parsed.silence.contains(&group)
        {
            return Err(wrong(
                "`warn` can only be specified if `error` is one of ('all', '*') or Deprecations is in `error` or silence."
                    .to_owned(),
            ));
        }
        Ok(parsed)
    }

    /// What becomes of a warning of this kind.
    pub(crate) fn verdict(&self, kind: EventKind) -> Verdict {
        if self.handles_some && ONCE_ONLY_SAID.contains(&kind.name) {
            return Verdict::Say;
        }
        let named = |list: &[String]| list.iter().any(|name| name == kind.name);
        let grouped = |list: &[String]| kind.code.starts_with('D') && list.iter().any(|name| name == DEPRECATIONS);
        let is_kept = named(&self.warn) || named(&self.silence);
        let is_group_kept = grouped(&self.warn) || grouped(&self.silence);
        let is_error = (named(&self.error) && !is_kept)
            || ((grouped(&self.error) || self.error_all) && !is_kept && !is_group_kept);
        if is_error {
            return Verdict::Error;
        }
        let is_silent = named(&self.silence) || (grouped(&self.silence) && !named(&self.error) && !named(&self.warn));
        if is_silent { Verdict::Silence } else { Verdict::Say }
    }

    /// The options as `flags.WARN_ERROR_OPTIONS` and `run_results.json` show them.
    pub(crate) fn to_json(&self) -> Value {
        let error = if self.error_all { Value::from("all") } else { Value::from(self.error.clone()) };
        serde_json::json!({"error": error, "warn": self.warn, "silence": self.silence})
    }
}

fn is_given(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(list) => !list.is_empty(),
        Value::String(text) => !text.is_empty(),
        _ => true,
    }
}

/// A list of names, each of an event that there is; those of dbt v2 go to `v2_names`.
fn names(value: Option<&Value>, v2_names: &mut Vec<String>) -> Result<Vec<String>, String> {
    let list = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(other) => return Err(format!("`{other}` is no list of event names")),
    };
    let mut known = Vec::new();
    for name in list {
        match name.as_str() {
            Some(name) if name == DEPRECATIONS || kinds::by_name(name).is_some() => known.push(name.to_owned()),
            Some(name) if V2_NAMES.lines().any(|line| line == name) => v2_names.push(name.to_owned()),
            Some(name) => {
                let near = did_you_mean(name, kinds::ALL.iter().map(|kind| kind.name));
                let near = near.map_or_else(String::new, |near| format!(" Did you mean {near}?"));
                return Err(format!("{name} is not a valid dbt error name.{near}"));
            }
            None => return Err(format!("`{name}` is no event name")),
        }
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{Error, Say, Silence};
    use serde_json::json;

    fn check(options: &Value, expected: &[(EventKind, Verdict)]) {
        let parsed = WarnErrorOptions::parse(options.as_object().unwrap()).unwrap();
        for (kind, verdict) in expected {
            assert_eq!(parsed.verdict(*kind), *verdict, "{} under {options}", kind.name);
        }
    }

    #[test]
    fn names_win_over_the_group_and_that_over_all() {
        let (plain, deprecation) = (kinds::NOTHING_TO_DO, kinds::CUSTOM_KEY_IN_CONFIG_DEPRECATION);
        check(&json!({}), &[(plain, Say), (deprecation, Say)]);
        check(&json!({"error": "all"}), &[(plain, Error), (deprecation, Error)]);
        check(&json!({"error": "*", "warn": ["Deprecations"]}), &[(plain, Error), (deprecation, Say)]);
        check(&json!({"include": "all", "exclude": ["NothingToDo"]}), &[(plain, Say), (deprecation, Error)]);
        check(&json!({"error": ["Deprecations"]}), &[(plain, Say), (deprecation, Error)]);
        check(&json!({"error": ["NothingToDo"]}), &[(plain, Error), (deprecation, Say)]);
        check(&json!({"silence": ["Deprecations"]}), &[(plain, Say), (deprecation, Silence)]);
        check(
            &json!({"silence": ["Deprecations"], "warn": ["CustomKeyInConfigDeprecation"]}),
            &[(deprecation, Say), (kinds::WEO_INCLUDE_EXCLUDE_DEPRECATION, Silence)],
        );
        check(&json!({"error": "all", "silence": ["NothingToDo"]}), &[(plain, Silence), (deprecation, Error)]);
    }

    #[test]
    fn names_of_dbt_v2_are_told_and_mean_nothing() {
        let options = json!({"error": ["StaticAnalysis", "NothingToDo"], "silence": ["StaticAnalysis", "Generic"]});
        let parsed = WarnErrorOptions::parse(options.as_object().unwrap()).unwrap();
        assert_eq!(parsed.v2_names, ["Generic", "StaticAnalysis"]);
        assert_eq!(parsed.to_json(), json!({"error": ["NothingToDo"], "warn": [], "silence": []}));
    }

    #[test]
    fn a_project_may_keep_the_warnings_that_were_only_said() {
        let (spared, other) = (kinds::MICROBATCH_MODEL_NO_EVENT_TIME_INPUTS, kinds::NOTHING_TO_DO);
        let all = WarnErrorOptions::all();
        assert_eq!((all.verdict(spared), all.verdict(other)), (Error, Error));
        let some = WarnErrorOptions { handles_some: true, ..all };
        assert_eq!((some.verdict(spared), some.verdict(other)), (Say, Error));
    }

    #[test]
    fn mistakes_are_named() {
        for (options, expected) in [
            (json!({"error": ["NothingTodo"]}), "NothingTodo is not a valid dbt error name. Did you mean NothingToDo?"),
            (json!({"error": "some"}), "error must be one of"),
            (json!({"error": "all", "include": "all"}), "Only `include` or `error` can be specified"),
            (json!({"warn": ["NothingToDo"]}), "`warn` can only be specified if"),
            (json!({"silence": "NothingToDo"}), "no list of event names"),
        ] {
            let error = WarnErrorOptions::parse(options.as_object().unwrap()).unwrap_err();
            assert!(error.message.contains(expected), "{}", error.message);
        }
    }
}
