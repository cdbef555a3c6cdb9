//! `profiles.yml`, `computes.yml`, `buckets.yml`, `dbt_project.yml`, alone.

use crate::project::{Case, check_goldens};
use dvt_project::{BucketKind, ComputeKind, ConfigFiles, DatafusionSettings, Staging, load_config};
use serde_json::json;

const PROJECT: &str = "=== dbt_project.yml\nname: shop\nprofile: shop\n";

fn load(text: &str) -> (Case, ConfigFiles) {
    let case = Case::new(text);
    let config = load_config(&case.settings).unwrap_or_else(|diagnostics| panic!("{}", case.render(&diagnostics)));
    (case, config)
}

fn profile(outputs: &str) -> String {
    format!("{PROJECT}=== profiles.yml\nshop:\n  target: dev\n  outputs:\n{outputs}")
}

#[test]
fn wrong_configuration_files_are_told_at_their_place() {
    check_goldens("err_config_");
}

#[test]
fn every_profile_value_is_rendered_and_converted() {
    let (_, config) = load(&format!(
        "env P=5433\nenv USER_NAME=ann\nenv SECRET=00123\n{}",
        profile(
            "    dev:\n      type: postgres\n      port: \"{{ env_var('P') | int }}\"\n      user: \"{{ env_var('USER_NAME') }}\"\n      pass: \"{{ env_var('SECRET') }}\"\n      keepalives_idle: 0\n      role: \"{{ env_var('ROLE', 'reader') }}\"\n      retries: \"{{ env_var('P') | as_number }}\"\n",
        )
    ));
    let (output, settings) = config.profile.output("dev").unwrap();
    assert_eq!(output.adapter_type, "postgres");
    assert_eq!(
        json!(settings.expose()),
        json!({
            "type": "postgres", "port": 5433, "user": "ann", "pass": "00123", "keepalives_idle": 0, "role": "reader",
            "retries": 5433,
        })
    );
}

#[test]
fn a_password_that_only_looks_like_jinja_is_itself() {
    let (_, config) = load(&format!(
        "env PASSWORD=no{{{{jinja\n{}",
        profile(
            "    dev: {type: postgres, password: 'no{{jinja{%re{#ndering'}\n    other: {type: postgres, password: \"{{ env_var('PASSWORD') }}\"}\n",
        )
    ));
    let password = |name: &str| config.profile.output(name).unwrap().1.expose()["password"].clone();
    assert_eq!(password("dev"), "no{{jinja{%re{#ndering");
    assert_eq!(password("other"), "no{{jinja");
}

#[test]
fn passwords_never_print() {
    let (_, config) = load(&profile(
        "    dev:\n      type: postgres\n      password: hunter2\n      private_key: |\n        line one\n        line two\n      token: 12345678\n      host: db\n",
    ));
    let printed = format!("{config:?}");
    for secret in ["hunter2", "line one", "line two", "12345678"] {
        assert!(!printed.contains(secret), "{secret} is in {printed}");
    }
    assert!(printed.contains("db"));
    let secrets = config.profile.secrets();
    assert!(secrets.iter().any(|secret| secret.expose() == "hunter2"));
    assert!(secrets.iter().any(|secret| secret.expose() == "12345678"));
}

#[test]
fn the_profiles_folder_that_is_named_first_wins() {
    let of = |settings: &str| {
        let text = format!(
            "{settings}{PROJECT}=== named/profiles.yml\nshop: {{target: a, outputs: {{a: {{type: postgres}}}}}}\n\
             === by_dbt/profiles.yml\nshop: {{target: b, outputs: {{b: {{type: postgres}}}}}}\n\
             === ~/.dvt/profiles.yml\nshop: {{target: c, outputs: {{c: {{type: postgres}}}}}}\n\
             === ~/.dbt/profiles.yml\nshop: {{target: d, outputs: {{d: {{type: postgres}}}}}}\n"
        );
        load(&text).1.profile.target
    };
    assert_eq!(of("profiles-dir project/named\nenv DBT_PROFILES_DIR=by_dbt\n"), "a");
    assert_eq!(of("env DBT_PROFILES_DIR=by_dbt\n"), "b");
    assert_eq!(of("env DBT_PROFILES_DIR=nowhere\nenv DVT_PROFILES_DIR=by_dbt\n"), "b");
    assert_eq!(of(""), "c");
}

#[test]
fn the_target_comes_from_the_command_line_then_the_environment_then_the_file() {
    let outputs = "    dev: {type: postgres}\n    prod: {type: postgres}\n    ci: {type: postgres}\n";
    let of = |settings: &str| load(&format!("{settings}{}", profile(outputs))).1.profile.target;
    assert_eq!(of("target prod\nenv DVT_TARGET=ci\n"), "prod");
    assert_eq!(of("env DBT_TARGET=dev\nenv DVT_TARGET=ci\n"), "ci");
    assert_eq!(of("env DBT_TARGET=prod\n"), "prod");
    assert_eq!(of(""), "dev");
}

#[test]
fn an_output_that_nobody_uses_may_miss_its_variables() {
    let (_, config) = load(&profile(
        "    dev: {type: postgres, host: here}\n    prod:\n      type: postgres\n      password: \"{{ env_var('ONLY_IN_PRODUCTION') }}\"\n",
    ));
    assert!(config.profile.output("dev").is_ok());
    let error = config.profile.output("prod").unwrap_err();
    assert!(error.message.contains("ONLY_IN_PRODUCTION"), "{error}");
}

#[test]
fn computes_are_read_with_their_sizes() {
    let (case, config) = load(&format!(
        "env LIMIT=512MB\n{}=== computes.yml\nshop:\n  target: small\n  computes:\n    small:\n      type: datafusion\n      memory_limit: \"{{{{ env_var('LIMIT') }}}}\"\n      threads: \"{{{{ 1 + 1 }}}}\"\n      spill_dir: spill\n      batch_size: 4096\n    big:\n      type: spark\n      remote: sc://localhost\n      config: {{spark.sql.ansi.enabled: true}}\n",
        profile("    dev: {type: postgres}\n")
    ));
    let small = config.computes.default_compute().unwrap();
    assert_eq!(
        small.kind,
        ComputeKind::Datafusion(DatafusionSettings {
            memory_limit_bytes: Some(512_000_000),
            threads: Some(2),
            spill_dir: Some(case.settings.project_dir.join("spill")),
            batch_size: Some(4096),
        })
    );
    let ComputeKind::Spark(spark) = &config.computes.require("big").unwrap().kind else { panic!("no spark") };
    assert_eq!(spark.remote.as_deref(), Some("sc://localhost"));
    assert_eq!(spark.config["spark.sql.ansi.enabled"], "true");
}

#[test]
fn without_files_there_is_the_embedded_engine_and_a_bucket_in_the_project() {
    let (case, config) = load(&profile("    dev: {type: postgres}\n"));
    assert!(matches!(config.computes.default_compute().unwrap().kind, ComputeKind::Datafusion(_)));
    let bucket = config.buckets.default_bucket().unwrap();
    assert_eq!(bucket.kind, BucketKind::Filesystem { path: case.settings.project_dir.join(".dvt/staging") });
    assert_eq!(bucket.staging, Staging::Auto);
}

#[test]
fn the_command_line_chooses_compute_and_bucket() {
    let (_, config) = load(&format!(
        "compute other\nbucket far\n{}=== ~/.dvt/computes.yml\nshop: {{target: one, computes: {{one: {{type: datafusion}}, other: {{type: datafusion}}}}}}\n=== ~/.dvt/buckets.yml\nshop: {{target: near, buckets: {{near: {{type: filesystem}}, far: {{type: filesystem, path: /tmp/far, staging: never}}}}}}\n",
        profile("    dev: {type: postgres}\n")
    ));
    assert_eq!(config.computes.target, "other");
    assert_eq!(config.buckets.target, "far");
    assert_eq!(config.buckets.default_bucket().unwrap().staging, Staging::Never);
}

#[test]
fn the_project_is_found_from_a_folder_inside() {
    let mut case = Case::new(&format!("{}=== models/marts/a.sql\nselect 1\n", profile("    dev: {type: postgres}\n")));
    case.settings.project_dir = case.settings.project_dir.join("models/marts");
    assert_eq!(load_config(&case.settings).unwrap().project.name, "shop");
}
