//! Jinja in YAML: every text of a tree rendered, with places kept.

use crate::ProjectSettings;
use crate::yaml::{Entry, Yaml, YamlValue};
use dvt_diagnostics::{Diagnostic, Event, SourceFile, Span, kinds};
use dvt_jinja::{Bridge, Invocation, MacroLibrary, ParseBridge, Phase, RenderContext, ValueMode, Vars, render_value};
use serde_json::{Map, Value};
use std::sync::Arc;

/// What templates have that YAML files have not: no thing of the project is known yet while they are read.
const NOT_IN_YAML: &[&str] = &[
    "ref",
    "source",
    "metric",
    "function",
    "adapter",
    "this",
    "graph",
    "model",
    "statement",
    "run_query",
    "load_result",
    "store_result",
    "store_raw_result",
];

/// Renders the values of one YAML file in one context (`env_var`, `var`, maybe `target`).
pub(crate) struct ValueRenderer {
    library: MacroLibrary,
    context: RenderContext,
    bridge: Arc<dyn Bridge>,
    /// The stand-ins of [`ValueRenderer::with_secrets`], each with its secret.
    secrets: Vec<(String, String)>,
}

impl ValueRenderer {
    /// A context with `env_var` and the variables of the command line; `target` when it is known.
    pub(crate) fn new(
        invocation: &Arc<Invocation>,
        vars: Vec<Map<String, Value>>,
        target: Option<&Map<String, Value>>,
    ) -> Self {
        let mut context = RenderContext::new(Phase::Run, invocation, "dbt", &[]);
        context.vars = Arc::new(Vars { layers: vars });
        // Nothing runs while a YAML file is read: what a template says under `{% if execute %}` is not meant.
        context.variables.insert("execute".to_owned(), dvt_jinja::Value::Bool(false));
        for name in NOT_IN_YAML {
            context.variables.insert((*name).to_owned(), dvt_jinja::Value::Undefined(None));
        }
        if let Some(target) = target {
            context.target = target.clone();
        }
        Self {
            library: MacroLibrary::empty("dbt"),
            context,
            bridge: Arc::new(ParseBridge::new("", &dvt_sql::POSTGRES)),
            secrets: Vec::new(),
        }
    }

    /// The same, and `DBT_ENV_SECRET_…` may be read: for `profiles.yml` and lists of packages. Templates are given
    /// stand-ins, as in dbt: what a filter makes of one holds nothing of the secret.
    pub(crate) fn with_secrets(mut self) -> Self {
        let mut invocation = Invocation::clone(&self.context.invocation);
        let is_secret = |name: &str| name.starts_with("DBT_ENV_SECRET") || name.starts_with("DVT_ENV_SECRET");
        for (name, value) in invocation.env.iter_mut().filter(|(name, _)| is_secret(name)) {
            let stand_in = format!("$$$DBT_SECRET_START$$${name}$$$DBT_SECRET_END$$$");
            self.secrets.push((stand_in.clone(), std::mem::replace(value, stand_in)));
        }
        self.context.invocation = Arc::new(invocation);
        self.context.allow_secrets = true;
        self
    }

    /// The value with each stand-in replaced by its secret.
    fn reveal(&self, value: Value) -> Value {
        match value {
            Value::String(text) => {
                let reveal = |text: String, (stand_in, secret): &(String, String)| match text.contains(stand_in) {
                    true => text.replace(stand_in, secret),
                    false => text,
                };
                Value::String(self.secrets.iter().fold(text, reveal))
            }
            Value::Array(items) => items.into_iter().map(|item| self.reveal(item)).collect(),
            Value::Object(map) => Value::Object(map.into_iter().map(|(key, item)| (key, self.reveal(item))).collect()),
            other => other,
        }
    }

    /// The same, where a variable that nobody gives is `None`, as for dbt's `deps`.
    pub(crate) fn with_missing_vars(mut self) -> Self {
        self.context.phase = Phase::Parse;
        self.context.node = Some(Arc::new(Value::Object(Map::new())));
        self
    }

    /// The same, where `doc()` finds docs blocks.
    pub(crate) fn with_docs(&self, docs: dvt_jinja::DocLookup) -> Self {
        Self {
            library: MacroLibrary::empty("dbt"),
            context: self.context.clone(),
            bridge: Arc::new(ParseBridge::new("", &dvt_sql::POSTGRES).with_docs(docs)),
            secrets: self.secrets.clone(),
        }
    }

    /// As [`ValueRenderer::text`], where undefined names are empty.
    pub(crate) fn forgiving_text(&self, text: &str, place: &Span, mode: ValueMode) -> Result<Value, Diagnostic> {
        let mut context = self.context.clone();
        context.phase = Phase::Parse;
        render_value(&self.library, &context, Arc::clone(&self.bridge), text, Some(place), mode)
            .map(|(value, _)| self.reveal(value))
            .map_err(|error| error.diagnostic())
    }

    /// The text rendered: a text, or another type when the Jinja says so (`as_bool`, `as_number`, `| int`).
    pub(crate) fn text(&self, text: &str, place: &Span, mode: ValueMode) -> Result<Value, Diagnostic> {
        if !text.contains("{{") && !text.contains("{%") && !text.contains("{#") {
            return Ok(Value::String(text.to_owned()));
        }
        render_value(&self.library, &self.context, Arc::clone(&self.bridge), text, Some(place), mode)
            .map(|(value, _)| self.reveal(value))
            .map_err(|error| with_dbts_words(text, error.diagnostic()))
    }

    /// The tree with every text rendered that `wanted` asks for (it is given the path of keys; list items add nothing).
    /// All failures are pushed; a value that failed stays as it was written.
    pub(crate) fn tree(
        &self,
        file: &Arc<SourceFile>,
        yaml: &Yaml,
        path: &mut Vec<String>,
        wanted: &dyn Fn(&[String]) -> bool,
        problems: &mut Vec<Diagnostic>,
    ) -> Yaml {
        let value = match &yaml.value {
            YamlValue::Text(text) if wanted(path) => match self.text(text, &yaml.span(file), ValueMode::Native) {
                // Jinja takes one line end from the end of a template, also where there is no Jinja in it.
                Ok(Value::String(same)) if same == *text => {
                    YamlValue::Text(text.strip_suffix('\n').unwrap_or(text).to_owned())
                }
                Ok(value) => from_json(value, yaml),
                Err(diagnostic) => {
                    problems.push(diagnostic);
                    yaml.value.clone()
                }
            },
            YamlValue::List(items) => {
                let items = items.iter().enumerate().map(|(index, item)| {
                    path.push(index.to_string());
                    let item = self.tree(file, item, path, wanted, problems);
                    path.pop();
                    item
                });
                YamlValue::List(items.collect())
            }
            YamlValue::Map(map) => YamlValue::Map(
                map.iter()
                    .map(|(key, entry)| {
                        path.push(key.clone());
                        let value = self.tree(file, &entry.value, path, wanted, problems);
                        path.pop();
                        (key.clone(), Entry { key_range: entry.key_range.clone(), value })
                    })
                    .collect(),
            ),
            other => other.clone(),
        };
        Yaml { value, range: yaml.range.clone() }
    }
}

/// dbt calls a variable that nobody gives a compilation error, in configuration files too.
fn with_dbts_words(text: &str, diagnostic: Diagnostic) -> Diagnostic {
    if diagnostic.event.is_some() || !diagnostic.message.starts_with("Required var") {
        return diagnostic;
    }
    let said = std::iter::once(&diagnostic.message).chain(&diagnostic.notes).map(|text| text.replace('\n', "\n  "));
    let message = format!("Compilation Error\n  Could not render {text}: {}", said.collect::<Vec<_>>().join("\n  "));
    diagnostic.event(Event::new(kinds::MAIN_ENCOUNTERED_ERROR, message))
}

/// A rendered value in the place of the text it came from.
fn from_json(value: Value, place: &Yaml) -> YamlValue {
    let at = |value| Yaml { value: from_json(value, place), range: place.range.clone() };
    match value {
        Value::Null => YamlValue::Null,
        Value::Bool(value) => YamlValue::Bool(value),
        Value::Number(number) => YamlValue::Number(number),
        Value::String(text) => YamlValue::Text(text),
        Value::Array(items) => YamlValue::List(items.into_iter().map(at).collect()),
        Value::Object(map) => YamlValue::Map(
            map.into_iter()
                .map(|(key, value)| (key, Entry { key_range: place.range.clone(), value: at(value) }))
                .collect(),
        ),
    }
}

/// What every template of this invocation is told.
pub(crate) fn invocation(settings: &ProjectSettings) -> Arc<Invocation> {
    let mut invocation = Invocation::new(&settings.invocation_id, settings.started_at);
    invocation.flags = settings.flags.clone();
    invocation.env = settings.env.clone();
    invocation.metadata_envs = metadata_envs(settings);
    Arc::new(invocation)
}

/// `DBT_ENV_CUSTOM_ENV_x` is shown in artifacts as `x`.
pub(crate) fn metadata_envs(settings: &ProjectSettings) -> Map<String, Value> {
    let mut named: Vec<(&String, &String)> = settings.env.iter().collect();
    named.sort_by_key(|(name, _)| settings.env_names.iter().position(|known| known == *name));
    named
        .into_iter()
        .filter_map(|(name, value)| {
            let name =
                ["DVT_ENV_CUSTOM_ENV_", "DBT_ENV_CUSTOM_ENV_"].iter().find_map(|prefix| name.strip_prefix(prefix))?;
            Some((name.to_owned(), Value::String(value.clone())))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_stays_whole_whatever_a_filter_does() {
        let mut invocation = Invocation::new("id", chrono::DateTime::UNIX_EPOCH);
        invocation.env.insert("DBT_ENV_SECRET_TOKEN".to_owned(), "abc123".to_owned());
        invocation.env.insert("PLACE".to_owned(), "here".to_owned());
        let renderer = ValueRenderer::new(&Arc::new(invocation), Vec::new(), None).with_secrets();
        let file = SourceFile::new("packages.yml", "");
        let text = |template: &str| {
            renderer.text(template, &Span::new(&file, 0..0), ValueMode::Native).unwrap().as_str().unwrap().to_owned()
        };
        assert_eq!(
            text("https://me:{{ env_var('DBT_ENV_SECRET_TOKEN') }}@{{ env_var('PLACE') }}"),
            "https://me:abc123@here"
        );
        assert!(text("{{ env_var('DBT_ENV_SECRET_TOKEN') | join(' ') }}").contains("S E C R E T _ T O K E N"));
        assert!(!text("{{ env_var('DBT_ENV_SECRET_TOKEN') | upper }}").contains("ABC123"));
    }
}
