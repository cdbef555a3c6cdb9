//! dbt's events by the names that the commands use.

pub(crate) use dvt_diagnostics::kinds::*;

use dvt_diagnostics::EventKind;

/// A line that a command was asked for: it has no time before it, and `--quiet` does not hide it.
pub(crate) const LIST_OUTPUT: EventKind = PRINT_EVENT;
pub(crate) const DEBUG_OUTPUT: EventKind = DEBUG_CMD_OUT;
pub(crate) const CLEANED: EventKind = CONFIRM_CLEAN_PATH;
pub(crate) const INTERRUPTED: EventKind = MAIN_KEYBOARD_INTERRUPT;

/// The kinds whose text is printed alone.
pub(crate) fn is_print(kind: EventKind) -> bool {
    [PRINT_EVENT, SHOW_NODE, COMPILED_NODE].contains(&kind)
}

/// The kinds whose data is their text.
pub(super) fn holds_its_text(kind: EventKind) -> bool {
    [
        PRINT_EVENT,
        NOTE,
        FORMATTING,
        JINJA_LOG_INFO,
        JINJA_LOG_DEBUG,
        JINJA_LOG_WARNING,
        RUN_RESULT_ERROR,
        RUN_RESULT_WARNING_MESSAGE,
        DEBUG_CMD_OUT,
        DEBUG_CMD_RESULT,
        LIST_CMD_OUT,
        VALIDATION_WARNING,
    ]
    .contains(&kind)
}

/// What `--log-cache-events` is about.
pub(super) fn is_cache(kind: EventKind) -> bool {
    [CACHE_ACTION, CACHE_DUMP_GRAPH].contains(&kind)
}

/// `clean` may remove the folder of the log file while it runs.
pub(super) fn stays_out_of_the_file(kind: EventKind) -> bool {
    [CHECK_CLEAN_PATH, CONFIRM_CLEAN_PATH, PROTECTED_CLEAN_PATH, FINISHED_CLEAN_PATHS].contains(&kind)
}
