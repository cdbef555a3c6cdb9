use super::Settings;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn read(output: Value) -> Result<Settings, String> {
    let Value::Object(output) = output else { panic!("not a map") };
    Settings::from_profile("duck", &output, Path::new("/project"))
        .map_err(|error| format!("{error}{}", error.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default()))
}

#[test]
fn a_path_is_enough_and_none_is_memory() {
    let settings = read(json!({"type": "duckdb", "path": "data/shop.v2.duckdb"})).unwrap();
    assert_eq!(settings.file, Some(PathBuf::from("/project/data/shop.v2.duckdb")));
    assert_eq!((settings.database.as_str(), settings.schema.as_str()), ("shop", "main"));
    assert_eq!(settings.target_values["database"], json!("shop"));
    assert_eq!(settings.target_values["external_root"], json!("."));
    let settings = read(json!({"type": "duckdb"})).unwrap();
    assert_eq!((settings.file, settings.database.as_str()), (None, "memory"));
}

#[test]
fn settings_extensions_and_attached_databases_become_statements() {
    let settings = read(json!({
        "type": "duckdb", "path": "a.duckdb", "schema": "dev", "threads": "4",
        "extensions": ["httpfs", {"name": "h3", "repo": "community"}],
        "settings": {"memory_limit": "1GB", "threads": 2, "temp_directory": "/tmp/it's"},
        "config_options": {"access_mode": "read_only"},
        "attach": [{"path": "b.db", "alias": "other", "type": "sqlite", "read_only": true}, {"path": "c.duckdb"}],
    }))
    .unwrap();
    let preparation: Vec<&str> = settings.preparation.iter().map(dvt_diagnostics::Secret::expose).collect();
    assert_eq!(
        preparation,
        [
            "INSTALL \"httpfs\"",
            "LOAD \"httpfs\"",
            "INSTALL \"h3\" FROM community",
            "LOAD \"h3\"",
            "ATTACH IF NOT EXISTS '/project/b.db' AS \"other\" (TYPE \"sqlite\", READ_ONLY)",
            "ATTACH IF NOT EXISTS '/project/c.duckdb' AS \"c\"",
        ]
    );
    assert_eq!(
        settings.session_statements[..3],
        ["SET memory_limit = '1GB'", "SET threads = 2", "SET temp_directory = '/tmp/it''s'"]
    );
    assert_eq!(settings.options["access_mode"], "read_only");
    assert_eq!(settings.target_values["threads"], json!(4));
}

#[test]
fn a_secret_is_neither_shown_nor_given_to_templates() {
    let settings = read(json!({
        "type": "duckdb", "secrets": [{"type": "s3", "secret": "hunter2"}],
        "attach": [{"path": "postgres:password=hunter2", "type": "postgres", "alias": "pg"}],
    }))
    .unwrap();
    assert!(!format!("{settings:?}").contains("hunter2"));
}

#[test]
fn mistakes_and_what_is_not_supported_are_named() {
    let check = |output: Value, expected: &str| {
        let error = read(output).map(|_| ()).unwrap_err();
        assert!(error.contains(expected), "{error}");
    };
    check(json!({"path": "a.db", "shema": "x"}), "did you mean `schema`?");
    check(json!({"plugins": [{"module": "gsheet"}]}), "profile key `plugins` of type duckdb is not supported");
    check(json!({"path": "md:shop"}), "MotherDuck");
    check(json!({"path": "a.db", "database": "b"}), "is called `a`");
    check(json!({"settings": {"a; drop": 1}}), "is no name of a setting");
    check(json!({"attach": [{"path": "x", "aliass": "y"}]}), "`attach.aliass`");
    assert!(read(json!({"plugins": [], "retries": null, "is_ducklake": false})).is_ok());
}
