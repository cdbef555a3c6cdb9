//! What dbt would print for an error, for those who read its screen.

use dvt_diagnostics::{Diagnostic, Event, kinds};

/// Gives an error dbt's kind and its own message as dbt prints both.
pub(crate) trait DbtKind {
    /// `Parsing Error`: what a file says is wrong.
    fn parsing_error(self) -> Self;

    /// `Compilation Error`: a name that means nothing.
    fn compilation_error(self) -> Self;
}

impl DbtKind for Diagnostic {
    fn parsing_error(self) -> Self {
        of_kind(self, "Parsing Error")
    }

    fn compilation_error(self) -> Self {
        of_kind(self, "Compilation Error")
    }
}

fn of_kind(diagnostic: Diagnostic, kind: &str) -> Diagnostic {
    let message = format!("{kind}\n  {}", diagnostic.message.replace('\n', "\n  "));
    diagnostic.event(Event::new(kinds::MAIN_ENCOUNTERED_ERROR, message))
}
