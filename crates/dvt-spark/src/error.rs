//! What can go wrong at Spark, with Spark's own error class and a way out.

use std::path::PathBuf;

/// Why Spark gave no (more) rows.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SparkFailure {
    /// Something of the query has no counterpart in Spark with the same meaning.
    #[error("{construct} cannot run on Spark with the same meaning")]
    Refused { construct: String },

    /// There is nothing to start a server from.
    #[error("{message}")]
    Distribution { message: String, hint: String },

    /// The server that dvt started did not come up, or went away.
    #[error("{message}{}", shown_lines(last_lines))]
    Server { message: String, log: PathBuf, last_lines: Vec<String> },

    /// No answer from a server that somebody else runs. `is_silent`: nobody has answered in all the time that there was.
    #[error("Spark at {place} cannot be reached: {message}")]
    Unreachable { place: String, message: String, is_silent: bool },

    /// The server refused who asks.
    #[error("Spark at {place} refuses the login: {message}")]
    Authentication { place: String, message: String },

    /// Spark's answer to a statement.
    #[error("Spark says{}: {message}", class.as_ref().map(|class| format!(" {class}")).unwrap_or_default())]
    Query { class: Option<String>, message: String },

    /// The rows that came are not the rows that were announced.
    #[error("Spark's answer is not what was asked for: {message}")]
    Answer { message: String },

    /// The compute's settings contradict each other.
    #[error("{message}")]
    Settings { message: String, hint: String },
}

fn shown_lines(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n  | {line}")).collect()
}

impl SparkFailure {
    /// Something has no counterpart in Spark.
    pub fn refused(construct: impl Into<String>) -> Self {
        Self::Refused { construct: construct.into() }
    }

    /// Whether the same may succeed when it is tried again.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Server { .. } => true,
            // Who waited for nothing once would wait for nothing again.
            Self::Unreachable { is_silent, .. } => !is_silent,
            Self::Query { class, .. } => class.as_deref().is_some_and(|class| class.starts_with("INVALID_HANDLE")),
            _ => false,
        }
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Refused { .. } => {
                "choose a compute of type `datafusion` for this model, `compute: auto`, or move it into a model of its own"
                    .to_owned()
            }
            Self::Distribution { hint, .. } | Self::Settings { hint, .. } => hint.clone(),
            Self::Server { log, .. } => format!("the whole log is in {}", log.display()),
            Self::Unreachable { .. } => {
                "check `remote` in computes.yml, and that a Spark Connect server listens there; `connect_timeout` says how long it is waited for"
                    .to_owned()
            }
            Self::Authentication { .. } => {
                "put the token into `remote` as `sc://host:port/;token={{ env_var('…') }};use_ssl=true`".to_owned()
            }
            Self::Query { class: Some(class), .. } => match class.as_str() {
                "PATH_NOT_FOUND" | "FAILED_READ_FILE.FILE_NOT_EXIST" | "FAILED_READ_FILE" => {
                    "Spark must reach the bucket that dvt stages in: choose one that both reach with `--bucket`".to_owned()
                }
                class if class.contains("OUT_OF_MEMORY") || class.contains("OutOfMemory") => {
                    "raise `spark.driver.memory` or `spark.executor.memory` in `config` of the compute".to_owned()
                }
                _ => return None,
            },
            Self::Query { .. } | Self::Answer { .. } => return None,
        })
    }
}

/// `[CLASS.SUBCLASS] text SQLSTATE: 22012`: Spark's class, and the text without both and without stack traces.
pub(crate) fn class_and_text(message: &str) -> (Option<String>, String) {
    let mut text = message.trim();
    let mut class = None;
    let is_class = |word: &str| {
        word.len() > 2
            && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || matches!(c, '_' | '.'))
            && word.chars().any(|c| c == '_' || c.is_ascii_uppercase())
    };
    if let Some(open) = text.find('[')
        && let Some(close) = text[open..].find(']')
        && is_class(&text[open + 1..open + close])
    {
        class = Some(text[open + 1..open + close].to_owned());
        text = text[open + close + 1..].trim_start();
    }
    let mut lines: Vec<&str> = text.lines().take_while(|line| !line.trim_start().starts_with("at ")).collect();
    // The statement and the plan that Spark prints below its message say nothing new to the author of the model.
    let is_below = |line: &&str| {
        line.starts_with("'") || line.trim_start().starts_with("+- ") || line.trim_start().starts_with("== SQL")
    };
    if let Some(end) = lines.iter().position(is_below) {
        lines.truncate(end.max(1));
    }
    let mut text = lines.join("\n").trim().trim_end_matches(';').trim().to_owned();
    if let Some(state) = text.find("SQLSTATE:") {
        // Behind it may stand the place in the statement.
        let word = text[state..].trim_start_matches("SQLSTATE:").trim_start();
        let rest = word.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric());
        let kept = format!("{} {}", text[..state].trim_end(), rest.trim_start());
        text = kept.trim().to_owned();
    }
    (class, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_and_the_text_are_taken_apart() {
        let (class, text) = class_and_text("[DIVIDE_BY_ZERO] Division by zero. Use `try_divide`. SQLSTATE: 22012");
        assert_eq!((class.as_deref(), text.as_str()), (Some("DIVIDE_BY_ZERO"), "Division by zero. Use `try_divide`."));
        let (_, text) = class_and_text(
            "[PARSE_SYNTAX_ERROR] Syntax error at 'y'. SQLSTATE: 42601 (line 1, pos 7)\n\n== SQL ==\nselect y\n^^^",
        );
        assert_eq!(text, "Syntax error at 'y'. (line 1, pos 7)");
        let (class, text) = class_and_text("java.lang.IllegalStateException: no\n\tat org.apache.Foo(Foo.java:1)");
        assert_eq!((class, text.as_str()), (None, "java.lang.IllegalStateException: no"));
        let (class, _) = class_and_text("x [INVALID_HANDLE.OPERATION_NOT_FOUND] The handle is invalid");
        assert_eq!(class.as_deref(), Some("INVALID_HANDLE.OPERATION_NOT_FOUND"));
    }
}
