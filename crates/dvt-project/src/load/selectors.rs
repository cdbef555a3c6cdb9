//! Reads `selectors.yml` of the root project.

use crate::render::{ValueRenderer, invocation};
use crate::yaml::load_yaml;
use crate::{ConnectionFacts, ProjectSettings};
use dvt_diagnostics::{Diagnostic, Diagnostics, SourceFile};
use dvt_manifest::selection::{Selectors, SelectorsError};
use std::path::Path;

/// The project's selectors, rendered with the command line's variables and the default target; none without the file.
///
/// # Errors
/// The file is no YAML, its Jinja fails, or what it says is no selection.
pub(crate) fn read_selectors(
    settings: &ProjectSettings,
    root: &Path,
    target: Option<&ConnectionFacts>,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Selectors, Diagnostics> {
    let path = root.join("selectors.yml");
    if !path.is_file() {
        return Ok(Selectors::default());
    }
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Diagnostic::error("unreadable-file", format!("Could not read selector file: {error}"))
            .note(path.display().to_string())
    })?;
    let file = SourceFile::new("selectors.yml", &text);
    let yaml = load_yaml(&file, warnings)?;
    if yaml.is_null() {
        return Ok(Selectors::default());
    }
    let renderer =
        ValueRenderer::new(&invocation(settings), vec![settings.vars.clone()], target.map(|facts| &facts.target));
    let mut problems = Vec::new();
    let rendered = renderer.tree(&file, &yaml, &mut Vec::new(), &|_| true, &mut problems);
    if !problems.is_empty() {
        return Err(Diagnostics(problems));
    }
    Selectors::from_value(&rendered.to_json()).map_err(|error| {
        let name = match &error {
            SelectorsError::Shape { .. } => None,
            SelectorsError::Definition { name, .. } | SelectorsError::Selection { name, .. } => Some(name),
            SelectorsError::TwoDefaults { second, .. } => Some(second),
        };
        // The first line that names the selector is the smallest place known.
        let place = name.and_then(|name| text.find(name.as_str()).map(|at| (at, name.len())));
        let diagnostic = Diagnostic::error("invalid-selectors", error.to_string());
        let diagnostic = match place {
            Some((at, length)) => diagnostic.label(dvt_diagnostics::Span::new(&file, at..at + length), "this selector"),
            None => diagnostic.note("in selectors.yml"),
        };
        match error {
            SelectorsError::Selection { cause, .. } => match cause.hint() {
                Some(hint) => diagnostic.help(hint),
                None => diagnostic,
            },
            _ => diagnostic,
        }
        .into()
    })
}
