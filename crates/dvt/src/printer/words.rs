//! How a message looks: dbt's tags before warnings and errors, its colours, and its line wrapping.

use dvt_diagnostics::{Event, EventKind, EventLevel, kinds};

/// dbt's colours. Where nobody wants them they are taken out again by [`plain`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Color {
    Red,
    Green,
    Yellow,
}

pub(crate) const RESET: &str = "\u{1b}[0m";

pub(crate) fn colored(text: &str, color: Color) -> String {
    let code = match color {
        Color::Red => "31",
        Color::Green => "32",
        Color::Yellow => "33",
    };
    format!("\u{1b}[{code}m{text}{RESET}")
}

/// The text without escape sequences.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            for skipped in characters.by_ref() {
                if skipped.is_ascii_alphabetic() {
                    break;
                }
            }
        } else {
            out.push(character);
        }
    }
    out
}

/// Deprecations whose tag says "Deprecated functionality" and, only where the project wants it, their name.
const OLDER: [EventKind; 13] = [
    kinds::PACKAGE_REDIRECT_DEPRECATION,
    kinds::PACKAGE_INSTALL_PATH_DEPRECATION,
    kinds::CONFIG_SOURCE_PATH_DEPRECATION,
    kinds::CONFIG_DATA_PATH_DEPRECATION,
    kinds::METRIC_ATTRIBUTES_RENAMED,
    kinds::EXPOSURE_NAME_DEPRECATION,
    kinds::ENVIRONMENT_VARIABLE_RENAMED,
    kinds::CONFIG_LOG_PATH_DEPRECATION,
    kinds::CONFIG_TARGET_PATH_DEPRECATION,
    kinds::TESTS_CONFIG_DEPRECATION,
    kinds::PROJECT_FLAGS_MOVED_DEPRECATION,
    kinds::ADAPTER_DEPRECATION_WARNING,
    kinds::COLLECT_FRESHNESS_RETURN_SIGNATURE,
];

/// Deprecations that look like other warnings unless the project wants names in them.
const MILDER: [EventKind; 7] = [
    kinds::DEPRECATED_MODEL,
    kinds::RESOURCE_NAMES_WITH_SPACES_DEPRECATION,
    kinds::PACKAGE_MATERIALIZATION_OVERRIDE_DEPRECATION,
    kinds::SOURCE_FRESHNESS_PROJECT_HOOKS_NOT_RUN,
    kinds::MF_TIMESPINE_WITHOUT_YAML_CONFIGURATION_DEPRECATION,
    kinds::MF_CUMULATIVE_TYPE_PARAMS_DEPRECATION,
    kinds::MICROBATCH_MACRO_OUTSIDE_OF_BATCHES_DEPRECATION,
];

/// Warnings and errors whose lines carry no tag: lines about nodes, and text that is complete as it is.
const UNTAGGED: [EventKind; 12] = [
    kinds::SELECT_EXCLUDE_IGNORED_WITH_SELECTOR_WARNING,
    kinds::ADAPTER_EVENT_WARNING,
    kinds::ADAPTER_EVENT_ERROR,
    kinds::CATALOG_GENERATION_ERROR,
    kinds::RUN_RESULT_ERROR,
    kinds::RUN_RESULT_ERROR_NO_MESSAGE,
    kinds::LOG_CANCEL_LINE,
    kinds::LOG_SKIP_BECAUSE_ERROR,
    kinds::MAIN_STACK_TRACE,
    kinds::WRITE_CATALOG_FAILURE,
    kinds::SPACES_IN_RESOURCE_NAME_DEPRECATION,
    kinds::BEHAVIOR_CHANGE_EVENT,
];

/// The message with its tag, as dbt prints it. `named` is the behaviour flag `require_event_names_in_deprecations`.
pub(crate) fn shown(event: &Event, width: usize, named: bool) -> String {
    let message = &event.message;
    let kind = event.kind;
    if UNTAGGED.contains(&kind) || message.starts_with("[WARNING]") || message.starts_with("[ERROR]") {
        return message.clone();
    }
    let tag = |word: &str, color: Color, name: Option<&str>| {
        let name = name.map_or_else(String::new, |name| format!("[{name}]"));
        format!("[{}]{name}: ", colored(word, color))
    };
    let is_deprecation = kind.is_deprecation() || OLDER.contains(&kind) || MILDER.contains(&kind);
    if is_deprecation || kind == kinds::DEPRECATIONS_SUMMARY {
        let by_name = named || !(OLDER.contains(&kind) || MILDER.contains(&kind));
        let tag = tag("WARNING", Color::Yellow, by_name.then_some(kind.name));
        if kind == kinds::DEPRECATED_MODEL && !named {
            return format!("{tag}{message}");
        }
        if kind == kinds::PROJECT_FLAGS_MOVED_DEPRECATION {
            // dbt says this one before it knows the width.
            return format!("{tag}Deprecated functionality\n\n{message}");
        }
        let head = if by_name || OLDER.contains(&kind) { "Deprecated functionality\n\n" } else { "" };
        return wrapped(&format!("{tag}{head}{message}"), width);
    }
    match kind.level {
        EventLevel::Warn => format!("{}{message}", tag("WARNING", Color::Yellow, None)),
        EventLevel::Error => format!("{}{message}", tag("ERROR", Color::Red, None)),
        EventLevel::Debug | EventLevel::Info => message.clone(),
    }
}

/// dbt's wrapping: each part between empty lines becomes lines of at most `width` columns, one below the other.
pub(crate) fn wrapped(text: &str, width: usize) -> String {
    text.split("\n\n").map(|part| filled(part, width)).collect::<Vec<_>>().join("\n")
}

/// One paragraph, with white space between words made one space, and words longer than a line cut.
fn filled(text: &str, width: usize) -> String {
    let width = width.max(1);
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    let mut columns = 0;
    for word in text.split_whitespace() {
        let mut word = word;
        loop {
            let length = plain(word).chars().count();
            let needed = if columns == 0 { length } else { columns + 1 + length };
            if needed <= width {
                if columns > 0 {
                    line.push(' ');
                }
                line.push_str(word);
                columns = needed;
                break;
            }
            if length <= width {
                lines.push(std::mem::take(&mut line));
                columns = 0;
                continue;
            }
            // A word that fits no line fills this one and goes on in the next.
            let room = if columns == 0 { width } else { width.saturating_sub(columns + 1) };
            if room > 0 {
                if columns > 0 {
                    line.push(' ');
                }
                let cut = word.char_indices().nth(room).map_or(word.len(), |(at, _)| at);
                line.push_str(&word[..cut]);
                word = &word[cut..];
            }
            lines.push(std::mem::take(&mut line));
            columns = 0;
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_warning_has_dbts_tag() {
        let look = |kind, message: &str, named| plain(&shown(&Event::new(kind, message), 40, named));
        assert_eq!(look(kinds::NOTHING_TO_DO, "Nothing", false), "[WARNING]: Nothing");
        assert_eq!(look(kinds::MAIN_ENCOUNTERED_ERROR, "Oh", false), "[ERROR]: Oh");
        assert_eq!(look(kinds::RUN_RESULT_ERROR, "  no", false), "  no");
        assert_eq!(look(kinds::FOUND_STATS, "Found 1 model", false), "Found 1 model");
        let moved = kinds::PROJECT_FLAGS_MOVED_DEPRECATION;
        assert_eq!(look(moved, "Use it.", false), "[WARNING]: Deprecated functionality\n\nUse it.");
        assert_eq!(
            look(moved, "Use it.", true),
            "[WARNING][ProjectFlagsMovedDeprecation]: Deprecated functionality\n\nUse it."
        );
        let spaces = kinds::RESOURCE_NAMES_WITH_SPACES_DEPRECATION;
        assert_eq!(look(spaces, "Found one.", false), "[WARNING]: Found one.");
        let custom = kinds::CUSTOM_KEY_IN_CONFIG_DEPRECATION;
        assert!(look(custom, "Key.", false).starts_with("[WARNING][CustomKeyInConfigDeprecation]:\n"));
    }

    #[test]
    fn paragraphs_are_wrapped_and_long_words_cut() {
        assert_eq!(wrapped("aa bb cc\ndd\n\nee", 5), "aa bb\ncc dd\nee");
        assert_eq!(wrapped("a bcdefghij k", 4), "a bc\ndefg\nhij\nk");
    }
}
