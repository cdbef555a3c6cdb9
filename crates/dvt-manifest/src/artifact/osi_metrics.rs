//! Metrics as expressions: aggregates of columns, with the filters inside of them.

use super::osi_document::{OsiError, OsiIssue, OsiIssueKind, data_type, expression, list, put, text};
use super::osi_filter::filters_sql;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// How the rows of a measure, or of a metric without one, come to one value.
#[derive(Clone, Debug)]
pub(super) struct Aggregation {
    pub(super) model: String,
    /// What is aggregated: MetricFlow counts by sums of zeros and ones.
    pub(super) expression: String,
    function: String,
    /// Of a percentile: which one, and whether it must be a value that is there.
    percentile: Option<(String, bool)>,
}

impl Aggregation {
    /// `wanted` says what it is about, `fallback` is the column where no expression is given.
    fn new(
        model: &str,
        function: &str,
        given: Option<&str>,
        params: Option<&Value>,
        (fallback, wanted): (&str, &str),
    ) -> Result<Self, OsiError> {
        let column = given.unwrap_or(fallback).to_owned();
        let plain = |function: &str, expression: String| Self {
            model: model.to_lowercase(),
            expression,
            function: function.to_owned(),
            percentile: None,
        };
        Ok(match function {
            "sum_boolean" => plain("SUM", format!("CASE WHEN {column} THEN 1 ELSE 0 END")),
            "count" => match given {
                None => return Err(OsiError::CountWithoutExpr { element: wanted.to_owned() }),
                Some("1") => plain("SUM", column),
                Some(_) => plain("SUM", format!("CASE WHEN {column} IS NOT NULL THEN 1 ELSE 0 END")),
            },
            "average" => plain("AVG", column),
            "median" | "percentile" => {
                let share = params.and_then(|params| params.get("percentile")).and_then(Value::as_f64);
                let share = if function == "median" { 0.5 } else { share.unwrap_or(0.5) };
                let discrete = params.and_then(|params| params.get("use_discrete_percentile"));
                let is_discrete = function == "percentile" && discrete == Some(&Value::Bool(true));
                Self { percentile: Some((format!("{share:?}"), is_discrete)), ..plain("PERCENTILE", column) }
            }
            other => plain(&other.to_uppercase(), column),
        })
    }

    /// SQL over the rows that the filter keeps: aggregates pass over the NULLs of the others.
    fn sql(&self, filter: Option<&str>) -> String {
        let column = self.qualified();
        let rows = match filter {
            Some(filter) => format!("CASE WHEN {filter} THEN {column} END"),
            None => column,
        };
        match (&self.percentile, self.function.as_str()) {
            (Some((share, is_discrete)), _) => {
                let function = if *is_discrete { "PERCENTILE_DISC" } else { "PERCENTILE_CONT" };
                format!("{function}({share}) WITHIN GROUP (ORDER BY {rows})")
            }
            (None, "COUNT_DISTINCT") => format!("COUNT(DISTINCT {rows})"),
            (None, function) => format!("{function}({rows})"),
        }
    }

    /// A bare column, or the one that is counted, has its dataset's name before it.
    fn qualified(&self) -> String {
        let (model, text) = (&self.model, self.expression.as_str());
        if is_identifier(text) {
            return format!("{model}.{text}");
        }
        let counted =
            text.strip_prefix("CASE WHEN ").and_then(|rest| rest.strip_suffix(" IS NOT NULL THEN 1 ELSE 0 END"));
        match counted.filter(|counted| is_identifier(counted)) {
            Some(counted) => format!("CASE WHEN {model}.{counted} IS NOT NULL THEN 1 ELSE 0 END"),
            None => text.to_owned(),
        }
    }
}

fn is_identifier(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// The measures of all semantic models, by name.
pub(super) struct Measures(HashMap<String, Aggregation>);

impl Measures {
    pub(super) fn of(models: &[Value]) -> Result<Self, OsiError> {
        let mut found = HashMap::new();
        for model in models {
            for measure in list(model, "measures") {
                let name = text(measure, "name").unwrap_or_default().to_lowercase();
                let aggregation = Aggregation::new(
                    text(model, "name").unwrap_or_default(),
                    text(measure, "agg").unwrap_or_default(),
                    text(measure, "expr"),
                    measure.get("agg_params"),
                    (&name, &format!("Measure '{name}'")),
                )?;
                found.insert(name, aggregation);
            }
        }
        Ok(Self(found))
    }

    pub(super) fn get(&self, name: &str) -> Option<&Aggregation> {
        self.0.get(&name.to_lowercase())
    }
}

/// The metrics that the format can say.
pub(super) fn metric_expressions(
    metrics: &[Value],
    measures: &Measures,
    issues: &mut Vec<OsiIssue>,
) -> Result<Vec<Value>, OsiError> {
    let by_name = metrics.iter().filter_map(|metric| Some((text(metric, "name")?, metric))).collect();
    let layer = Layer { by_name, measures };
    let mut found = Vec::new();
    for metric in metrics {
        let name = text(metric, "name").unwrap_or_default();
        let kind = text(metric, "type").unwrap_or_default();
        if kind == "conversion" {
            issues.push(OsiIssue::new(OsiIssueKind::ConversionMetric, name));
            continue;
        }
        if params(metric).get("is_private") == Some(&Value::Bool(true)) {
            issues.push(OsiIssue::new(OsiIssueKind::PrivateMetric, name));
            continue;
        }
        if kind == "cumulative" {
            issues.push(OsiIssue::new(OsiIssueKind::CumulativeSemantics, name));
        }
        let sql = layer.resolve(metric, None, &mut Vec::new())?;
        let mut item = Map::new();
        item.insert("name".to_owned(), name.into());
        item.insert("expression".to_owned(), expression(&sql));
        put(&mut item, "datatype", data_type(metric));
        put(&mut item, "description", text(metric, "description"));
        found.push(item.into());
    }
    Ok(found)
}

fn params(metric: &Value) -> &Value {
    metric.get("type_params").unwrap_or(&Value::Null)
}

/// Filters that all hold.
fn both(first: Option<String>, second: Option<String>) -> Option<String> {
    match (first, second) {
        (Some(first), Some(second)) => Some(format!("({first}) AND ({second})")),
        (first, second) => first.or(second),
    }
}

struct Layer<'a> {
    by_name: HashMap<&'a str, &'a Value>,
    measures: &'a Measures,
}

impl<'a> Layer<'a> {
    /// The metric's SQL with its own filter and that of whoever asks; `path` are the metrics that ask.
    fn resolve(&self, metric: &'a Value, asked: Option<String>, path: &mut Vec<&'a str>) -> Result<String, OsiError> {
        let name = text(metric, "name").unwrap_or_default();
        if path.contains(&name) {
            return Err(OsiError::Cycle { metric: name.to_owned() });
        }
        path.push(name);
        let params = params(metric);
        let own = match given(params, "measure") {
            // A metric over a measure has taken over the measure's filter.
            Some(measure) if Self::is_over_measure(metric) => {
                filters_sql(&[measure.get("filter"), metric.get("filter")])?
            }
            _ => filters_sql(&[metric.get("filter")])?,
        };
        let filter = both(asked, own);
        let sql = match text(metric, "type").unwrap_or_default() {
            "ratio" => {
                let (Some(above), Some(below)) = (given(params, "numerator"), given(params, "denominator")) else {
                    return Err(OsiError::NoRatio { metric: name.to_owned() });
                };
                let above = self.input(name, above, filter.clone(), path)?.0;
                let below = self.input(name, below, filter, path)?.0;
                format!("({above}) / ({below})")
            }
            "derived" => self.derived(name, params, filter.as_ref(), path)?,
            "cumulative" => self.cumulative(name, params, filter, path)?,
            _ => self.simple(name, params, filter)?,
        };
        path.pop();
        Ok(sql)
    }

    fn is_over_measure(metric: &Value) -> bool {
        let is_simple = !matches!(text(metric, "type"), Some("ratio" | "derived" | "cumulative" | "conversion"));
        is_simple && given(params(metric), "metric_aggregation_params").is_none()
    }

    /// A metric that another one names, with the filter that it names it with; whether it is compound.
    fn input(
        &self,
        metric: &str,
        input: &Value,
        asked: Option<String>,
        path: &mut Vec<&'a str>,
    ) -> Result<(String, bool), OsiError> {
        let wanted = text(input, "name").unwrap_or_default();
        let Some(found) = self.by_name.get(wanted) else {
            return Err(OsiError::UnknownMetric { metric: metric.to_owned(), wanted: wanted.to_owned() });
        };
        let filter = both(asked, filters_sql(&[input.get("filter")])?);
        let is_compound = matches!(text(found, "type"), Some("derived" | "ratio"));
        Ok((self.resolve(found, filter, path)?, is_compound))
    }

    /// A sum of metrics, say: each one's name in the expression gives way to its SQL.
    fn derived(
        &self,
        metric: &str,
        params: &Value,
        filter: Option<&String>,
        path: &mut Vec<&'a str>,
    ) -> Result<String, OsiError> {
        let mut sql = text(params, "expr").unwrap_or_default().to_owned();
        for input in list(params, "metrics") {
            let (found, is_compound) = self.input(metric, input, filter.cloned(), path)?;
            let found = if is_compound { format!("({found})") } else { found };
            let name = text(input, "alias").or_else(|| text(input, "name")).unwrap_or_default();
            sql = replace_words(&sql, name, &found);
        }
        Ok(sql)
    }

    fn cumulative(
        &self,
        metric: &str,
        params: &Value,
        filter: Option<String>,
        path: &mut Vec<&'a str>,
    ) -> Result<String, OsiError> {
        let inner = params.get("cumulative_type_params").and_then(|params| given(params, "metric"));
        if let Some(inner) = inner {
            return Ok(self.input(metric, inner, filter, path)?.0);
        }
        let measure = given(params, "measure");
        let aggregation = measure.and_then(|measure| self.measures.get(text(measure, "name")?));
        let aggregation = aggregation.ok_or_else(|| OsiError::NoAggregation { metric: metric.to_owned() })?;
        let own = filters_sql(&[measure.and_then(|measure| measure.get("filter"))])?;
        Ok(aggregation.sql(both(filter, own).as_deref()))
    }

    fn simple(&self, metric: &str, params: &Value, filter: Option<String>) -> Result<String, OsiError> {
        let measure = given(params, "measure");
        if let Some(own) = given(params, "metric_aggregation_params") {
            // A metric that stands for a measure has the measure's expression.
            let found = measure.and_then(|measure| self.measures.get(text(measure, "name")?));
            let aggregation = match found {
                Some(found) => found.clone(),
                None => Aggregation::new(
                    text(own, "semantic_model").unwrap_or_default(),
                    text(own, "agg").unwrap_or_default(),
                    text(params, "expr"),
                    own.get("agg_params"),
                    (metric, &format!("Metric '{metric}'")),
                )?,
            };
            return Ok(aggregation.sql(filter.as_deref()));
        }
        let aggregation = measure.and_then(|measure| self.measures.get(text(measure, "name")?));
        let aggregation = aggregation.ok_or_else(|| OsiError::NoAggregation { metric: metric.to_owned() })?;
        Ok(aggregation.sql(filter.as_deref()))
    }
}

fn given<'a>(params: &'a Value, key: &str) -> Option<&'a Value> {
    params.get(key).filter(|value| value.is_object())
}

/// Puts `by` where `word` stands as a whole word.
fn replace_words(sql: &str, word: &str, by: &str) -> String {
    let is_part = |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
    let (mut done, mut rest) = (String::new(), sql);
    if word.is_empty() {
        return sql.to_owned();
    }
    while let Some(place) = rest.find(word) {
        let (before, after) = (&rest[..place], &rest[place + word.len()..]);
        let last = before.chars().next_back().or_else(|| done.chars().next_back().filter(|_| before.is_empty()));
        done.push_str(before);
        done.push_str(if is_part(last) || is_part(after.chars().next()) { word } else { by });
        rest = after;
    }
    done + rest
}
