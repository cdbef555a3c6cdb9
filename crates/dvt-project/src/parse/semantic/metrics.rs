//! Metrics: the older form with `type_params`, and the newer one where everything stands beside the name.

use super::words::{AGGREGATIONS, CALCULATIONS, GRANULARITIES, METRIC_TYPES, PERIOD_AGGREGATIONS};
use super::{OwnConfig, Reading, filter_json};
use crate::yaml::Yaml;
use dvt_diagnostics::Span;
use dvt_manifest::{ResourceType, SemanticNode};
use serde_json::{Map, Value, json};

/// What a metric of the newer form inherits from the model that it stands on.
pub(super) struct OnModel<'m> {
    pub(super) semantic_model: &'m str,
    pub(super) agg_time_dimension: Option<String>,
}

/// `type_params` with nothing in it.
pub(super) fn empty_type_params() -> Map<String, Value> {
    let empty = json!({
        "measure": null, "input_measures": [], "numerator": null, "denominator": null, "expr": null, "window": null,
        "grain_to_date": null, "metrics": [], "conversion_type_params": null, "cumulative_type_params": null,
        "metric_aggregation_params": null, "fill_nulls_with": null, "join_to_timespine": false, "is_private": null,
    });
    match empty {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

impl Reading<'_, '_> {
    /// An entry under `metrics:`.
    pub(super) fn metric_entry(&mut self) -> Vec<SemanticNode> {
        let entry = self.entry;
        let span = entry.name_span.clone();
        // What tells the two forms apart.
        let node = if entry.yaml.get("type_params").is_some() {
            self.metric_with_type_params(&entry.yaml, span)
        } else {
            self.metric(&entry.yaml, span, None)
        };
        node.into_iter().collect()
    }

    fn check_metric_name(&mut self, yaml: &Yaml, name: &str) {
        let mut errors = Vec::new();
        if name.contains(' ') {
            errors.push("cannot contain spaces");
        }
        if name.chars().count() > 250 {
            errors.push("cannot contain more than 250 characters");
        }
        if !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
            errors.push("must begin with a letter");
        }
        if name.is_empty() || !name.chars().all(|letter| letter.is_alphanumeric() || letter == '_') {
            errors.push("must contain only letters, numbers and underscores");
        }
        if !errors.is_empty() {
            self.invalid(yaml, &format!("The metric name '{name}' is invalid.  It {}", errors.join(", ")));
        }
    }

    fn metric_with_type_params(&mut self, yaml: &Yaml, span: Span) -> Option<SemanticNode> {
        let before = self.problems.len();
        let name = self.required(yaml, "name")?;
        self.check_metric_name(yaml, &name);
        let label = self.required(yaml, "label");
        let kind = self.word_under(yaml, "type", METRIC_TYPES, "metric type");
        let kind = if yaml.get_set("type").is_none() { Some("simple".to_owned()) } else { kind };
        let given = yaml.get("type_params").cloned().unwrap_or_else(Yaml::null);
        let mut params = empty_type_params();
        if given.as_map().is_none() {
            self.reader().wrong_type("type_params", "a dictionary", &given);
            return None;
        }
        let mut set = |key: &str, value: Value| {
            params.insert(key.to_owned(), value);
        };
        set("measure", self.input_measure(&given, "measure"));
        set("numerator", self.metric_input(&given, "numerator"));
        set("denominator", self.metric_input(&given, "denominator"));
        set("expr", self.text_or_null(&given, "expr"));
        set("window", self.window(&given, "window"));
        let grain = self.word_under(&given, "grain_to_date", GRANULARITIES, "granularity");
        set("grain_to_date", grain.map_or(Value::Null, Value::from));
        set("metrics", self.metric_inputs(&given, "metrics"));
        set("conversion_type_params", self.conversion_of_measures(&given));
        if kind.as_deref() == Some("cumulative") {
            let nested = given.get_set("cumulative_type_params").cloned().unwrap_or_else(Yaml::null);
            let window = if nested.get_set("window").is_some() { &nested } else { &given };
            let window = self.window(window, "window");
            let grain = nested.get_set("grain_to_date").or_else(|| given.get_set("grain_to_date"));
            let grain = grain.and_then(Yaml::scalar_text);
            let period = self.word_under(&nested, "period_agg", PERIOD_AGGREGATIONS, "period aggregation");
            set(
                "cumulative_type_params",
                json!({
                    "window": window,
                    "grain_to_date": grain,
                    "period_agg": period.unwrap_or_else(|| "first".to_owned()),
                    "metric": null,
                }),
            );
        }
        let mut node = self.node(ResourceType::Metric, &name, OwnConfig::Yaml(yaml.get_set("config")), span);
        let config_meta = node.config.get("meta").and_then(Value::as_object).cloned().unwrap_or_default();
        node.meta = if config_meta.is_empty() {
            self.reader().map(yaml, "meta").map(crate::yaml::map_to_json).unwrap_or_default()
        } else {
            config_meta
        };
        node.tags = self.reader().texts(yaml, "tags").unwrap_or_default();
        node.description = self.description(yaml);
        node.label = label;
        self.finish_metric(&mut node, yaml, kind?, params);
        (self.problems.len() == before).then_some(node)
    }

    fn finish_metric(&mut self, node: &mut SemanticNode, yaml: &Yaml, kind: String, params: Map<String, Value>) {
        let mut set = |key: &str, value: Value| {
            node.body.insert(key.to_owned(), value);
        };
        set("type", Value::String(kind));
        set("type_params", Value::Object(params));
        set("filter", filter_json(yaml, "filter"));
        set("time_granularity", self.text_or_null(yaml, "time_granularity"));
        set("metrics", json!([]));
    }

    /// A metric of the newer form: an entry of its own, or one of a model's.
    pub(super) fn metric(&mut self, yaml: &Yaml, span: Span, on: Option<&OnModel<'_>>) -> Option<SemanticNode> {
        let before = self.problems.len();
        let name = self.required(yaml, "name")?;
        self.check_metric_name(yaml, &name);
        let kind = self.word_under(yaml, "type", METRIC_TYPES, "metric type");
        let kind = if yaml.get_set("type").is_none() { Some("simple".to_owned()) } else { kind };
        let kind = kind?;
        let aggregation = self.word_under(yaml, "agg", AGGREGATIONS, "aggregation");
        if kind == "simple" && yaml.get_set("agg").is_none() {
            self.invalid(yaml, "Simple metrics must have an agg param.");
        }
        let mut params = empty_type_params();
        let on = on.filter(|_| kind == "simple");
        let mut set = |key: &str, value: Value| {
            params.insert(key.to_owned(), value);
        };
        if let Some(aggregation) = &aggregation {
            match on {
                Some(on) => {
                    set("metric_aggregation_params", self.aggregation(yaml, aggregation, on));
                }
                None => self.invalid(yaml, "simple metrics in v2 YAML must be attached to semantic_model"),
            }
        }
        set("numerator", self.metric_input(yaml, "numerator"));
        set("denominator", self.metric_input(yaml, "denominator"));
        set("expr", self.text_or_null(yaml, "expr"));
        set("metrics", self.metric_inputs(yaml, "input_metrics"));
        if kind == "conversion" {
            set("conversion_type_params", self.conversion_of_metrics(yaml));
        }
        if kind == "cumulative" {
            if yaml.get_set("input_metric").is_none() {
                self.invalid(yaml, "input_metric is required for cumulative metrics.");
            }
            let period = self.word_under(yaml, "period_agg", PERIOD_AGGREGATIONS, "period aggregation");
            let window = self.window(yaml, "window");
            let grain = self.text_or_null(yaml, "grain_to_date");
            let metric = self.metric_input(yaml, "input_metric");
            set(
                "cumulative_type_params",
                json!({
                    "window": window,
                    "grain_to_date": grain,
                    "period_agg": period.unwrap_or_else(|| "first".to_owned()),
                    "metric": metric,
                }),
            );
        }
        let joins = self.reader().boolean(yaml, "join_to_timespine").unwrap_or(false);
        set("join_to_timespine", Value::Bool(joins));
        let hidden = self.reader().boolean(yaml, "hidden").unwrap_or(false);
        set("is_private", Value::Bool(hidden));
        if let Some(fill) = yaml.get_set("fill_nulls_with") {
            set("fill_nulls_with", fill.to_json());
        }
        let mut node = self.node(ResourceType::Metric, &name, OwnConfig::Yaml(yaml.get_set("config")), span);
        node.description = self.description(yaml);
        node.label = self.reader().text(yaml, "label");
        self.finish_metric(&mut node, yaml, kind, params);
        (self.problems.len() == before).then_some(node)
    }

    fn aggregation(&mut self, yaml: &Yaml, aggregation: &str, on: &OnModel<'_>) -> Value {
        let percentile_type = self.reader().text(yaml, "percentile_type").unwrap_or_default().to_lowercase();
        let own = self.reader().text(yaml, "agg_time_dimension");
        let non_additive = match yaml.get_set("non_additive_dimension") {
            Some(dimension) => self.non_additive(dimension, "window_agg", "group_by"),
            None => Value::Null,
        };
        json!({
            "semantic_model": on.semantic_model,
            "agg": aggregation,
            "agg_params": {
                "percentile": yaml.get_set("percentile").map(Yaml::to_json),
                "use_discrete_percentile": percentile_type == "discrete",
                "use_approximate_percentile": percentile_type == "continuous",
            },
            "agg_time_dimension": own.or_else(|| on.agg_time_dimension.clone()),
            "non_additive_dimension": non_additive,
        })
    }

    /// `{name, window_choice, window_groupings}`, from the keys of either form.
    pub(super) fn non_additive(&mut self, yaml: &Yaml, window: &str, groupings: &str) -> Value {
        let name = self.required(yaml, "name");
        let choice = self.word_under(yaml, window, AGGREGATIONS, "aggregation");
        if yaml.get_set(window).is_none() {
            self.invalid(yaml, &format!("'{window}' is a required property"));
        }
        let groupings = self.reader().texts(yaml, groupings).unwrap_or_default();
        json!({"name": name, "window_choice": choice, "window_groupings": groupings})
    }

    /// A measure that a metric takes: its name, or a dictionary.
    fn input_measure(&mut self, yaml: &Yaml, key: &str) -> Value {
        let Some(measure) = yaml.get_set(key) else { return Value::Null };
        let (name, yaml) = match measure.as_map() {
            Some(_) => (self.required(measure, "name"), measure.clone()),
            None => (measure.scalar_text(), Yaml::null()),
        };
        let joins = self.reader().boolean(&yaml, "join_to_timespine").unwrap_or(false);
        json!({
            "name": name,
            "filter": filter_json(&yaml, "filter"),
            "alias": self.text_or_null(&yaml, "alias"),
            "join_to_timespine": joins,
            "fill_nulls_with": yaml.get_set("fill_nulls_with").map(Yaml::to_json),
        })
    }

    fn metric_input(&mut self, yaml: &Yaml, key: &str) -> Value {
        match yaml.get_set(key) {
            Some(metric) => self.metric_input_of(&metric.clone()),
            None => Value::Null,
        }
    }

    fn metric_inputs(&mut self, yaml: &Yaml, key: &str) -> Value {
        let items: Vec<Yaml> = self.reader().list(yaml, key).map(<[Yaml]>::to_vec).unwrap_or_default();
        items.iter().map(|item| self.metric_input_of(item)).collect()
    }

    fn metric_input_of(&mut self, metric: &Yaml) -> Value {
        let (name, yaml) = match metric.as_map() {
            Some(_) => (self.required(metric, "name"), metric.clone()),
            None => (metric.scalar_text(), Yaml::null()),
        };
        json!({
            "name": name,
            "filter": filter_json(&yaml, "filter"),
            "alias": self.text_or_null(&yaml, "alias"),
            "offset_window": self.window(&yaml, "offset_window"),
            "offset_to_grain": self.text_or_null(&yaml, "offset_to_grain"),
        })
    }

    /// `28 days` as `{count, granularity}`.
    fn window(&mut self, yaml: &Yaml, key: &str) -> Value {
        let Some(text) = self.reader().text(yaml, key) else { return Value::Null };
        let lower = text.to_lowercase();
        let parts: Vec<&str> = lower.split(' ').collect();
        let [count, granularity] = parts.as_slice() else {
            self.invalid(
                yaml,
                &format!(
                    "Invalid window ({text}) in cumulative/conversion metric. Should be of the form `<count> \
                     <granularity>`, e.g., `28 days`"
                ),
            );
            return Value::Null;
        };
        let Ok(count) = count.parse::<u64>() else {
            let cause = format!("Invalid count ({count}) in cumulative/conversion metric window string: ({text})");
            self.invalid(yaml, &cause);
            return Value::Null;
        };
        let singular = granularity.strip_suffix('s').filter(|singular| GRANULARITIES.contains(singular));
        json!({"count": count, "granularity": singular.unwrap_or(granularity)})
    }

    fn conversion_of_measures(&mut self, params: &Yaml) -> Value {
        let Some(conversion) = params.get_set("conversion_type_params").cloned() else { return Value::Null };
        for (key, needed) in [("base_measure", true), ("conversion_measure", true), ("entity", true)] {
            if needed && conversion.get_set(key).is_none() {
                self.invalid(&conversion, &format!("'{key}' is a required property"));
            }
        }
        let base = self.input_measure(&conversion, "base_measure");
        let target = self.input_measure(&conversion, "conversion_measure");
        self.conversion(&conversion, [base, target, Value::Null, Value::Null])
    }

    fn conversion_of_metrics(&mut self, yaml: &Yaml) -> Value {
        for key in ["base_metric", "conversion_metric", "entity"] {
            if yaml.get_set(key).is_none() {
                self.invalid(yaml, &format!("{key} is required for conversion metrics."));
            }
        }
        let base = self.metric_input(yaml, "base_metric");
        let target = self.metric_input(yaml, "conversion_metric");
        self.conversion(yaml, [Value::Null, Value::Null, base, target])
    }

    fn conversion(&mut self, yaml: &Yaml, inputs: [Value; 4]) -> Value {
        let [base_measure, conversion_measure, base_metric, conversion_metric] = inputs;
        let calculation = self.word_under(yaml, "calculation", CALCULATIONS, "conversion calculation");
        let properties = yaml.get_set("constant_properties").map(Yaml::to_json);
        json!({
            "entity": self.text_or_null(yaml, "entity"),
            "base_measure": base_measure,
            "conversion_measure": conversion_measure,
            "base_metric": base_metric,
            "conversion_metric": conversion_metric,
            "calculation": calculation.unwrap_or_else(|| "conversion_rate".to_owned()),
            "window": self.window(yaml, "window"),
            "constant_properties": properties,
        })
    }

    /// The metric that `create_metric: true` makes of a measure.
    pub(super) fn metric_of_measure(
        &mut self,
        yaml: &Yaml,
        measure: &Value,
        enabled: bool,
        meta: &Map<String, Value>,
    ) -> Option<SemanticNode> {
        let name = measure.get("name").and_then(Value::as_str)?.to_owned();
        let mut params = empty_type_params();
        let input = json!({
            "name": name, "filter": null, "alias": null, "join_to_timespine": false, "fill_nulls_with": null,
        });
        params.insert("measure".to_owned(), input);
        let expr = measure.get("expr").filter(|expr| !expr.is_null()).cloned();
        params.insert("expr".to_owned(), expr.unwrap_or_else(|| Value::from(name.as_str())));
        let mut config = Map::new();
        config.insert("enabled".to_owned(), Value::Bool(enabled));
        config.insert("meta".to_owned(), Value::Object(meta.clone()));
        let span = self.entry.span(yaml);
        let mut node = self.node(ResourceType::Metric, &name, OwnConfig::Values(config), span);
        node.meta = node.config.get("meta").and_then(Value::as_object).cloned().unwrap_or_default();
        let text = |key: &str| measure.get(key).and_then(Value::as_str).map(str::to_owned);
        node.label = Some(text("label").unwrap_or_else(|| name.clone()));
        node.description = Some(text("description").unwrap_or_else(|| format!("Metric created from measure {name}")));
        self.finish_metric(&mut node, &Yaml::null(), "simple".to_owned(), params);
        Some(node)
    }
}
