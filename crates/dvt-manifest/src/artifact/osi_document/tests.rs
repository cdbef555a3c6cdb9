use super::{OsiError, OsiIssueKind, of_semantic_manifest};
use serde_json::{Value, json};

/// The document beside is what dbt's own converter makes of the semantic manifest beside.
#[test]
fn every_kind_of_metric_has_the_expression_that_dbt_gives_it() {
    let semantic: Value = serde_json::from_str(include_str!("semantic.json")).unwrap();
    let wanted: Value = serde_json::from_str(include_str!("document.json")).unwrap();
    let document = of_semantic_manifest(&semantic).unwrap();
    let found: Value = serde_json::from_str(&document.text).unwrap();
    assert_eq!(found, wanted, "{found:#}");
    let issues: Vec<_> = document.issues.iter().map(|issue| (issue.kind, issue.element.as_str())).collect();
    let wanted = [
        (OsiIssueKind::NaturalEntity, "era"),
        (OsiIssueKind::CumulativeSemantics, "so_far"),
        (OsiIssueKind::PrivateMetric, "hidden"),
        (OsiIssueKind::ConversionMetric, "conv"),
    ];
    assert_eq!(issues, wanted);
}

#[test]
fn metrics_that_mean_nothing_are_errors() {
    let check = |metrics: Value, wanted: &str| {
        let error = of_semantic_manifest(&json!({"semantic_models": [], "metrics": metrics})).unwrap_err();
        assert_eq!(error.to_string(), wanted);
    };
    check(
        json!([{"name": "a", "type": "ratio", "type_params": {"numerator": {"name": "b"}, "denominator": {"name": "b"}}}]),
        "metric 'a' refers to the metric 'b', which does not exist",
    );
    check(
        json!([{"name": "a", "type": "derived", "type_params": {"expr": "a", "metrics": [{"name": "a"}]}}]),
        "metric 'a' depends on itself",
    );
    check(
        json!([{
            "name": "a", "type": "simple",
            "type_params": {"expr": "x", "metric_aggregation_params": {"semantic_model": "m", "agg": "sum"}},
            "filter": {"where_filters": [{"where_sql_template": "{{ ''.__class__ }} = 1"}]},
        }]),
        "the filter `{{ ''.__class__ }} = 1` is none that can be read",
    );
    check(json!([{"name": "a", "type": "simple", "type_params": {"measure": {"name": "b"}}}]), &{
        OsiError::NoAggregation { metric: "a".to_owned() }.to_string()
    });
}

#[test]
fn a_project_without_a_semantic_layer_has_an_empty_document() {
    let document = of_semantic_manifest(&json!({"semantic_models": [], "metrics": []})).unwrap();
    assert_eq!(
        document.text,
        r#"{"version": "0.1.1", "dialects": ["ANSI_SQL"], "semantic_model": [{"name": "semantic_model", "datasets": []}]}"#
    );
}
