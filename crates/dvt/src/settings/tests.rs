//! Which place wins, and what each refuses.

use super::*;
use clap::Parser;

fn resolve(words: &[&str], variables: &[(&str, &str)], flags: Value) -> Result<Settings, Diagnostic> {
    let cli = Cli::try_parse_from(std::iter::once("dvt").chain(words.iter().copied())).unwrap();
    let files = FlagFiles { project: flags.as_object().unwrap().clone(), user: Map::new() };
    Settings::resolve(&cli, &Environment::from_pairs(variables), &files, Terminal::default())
}

#[test]
fn the_command_line_wins_over_the_environment_and_that_over_the_project() {
    let all = resolve(&["run", "--printer-width", "1"], &[("DVT_PRINTER_WIDTH", "2")], json!({"printer_width": 3}));
    assert_eq!(all.unwrap().printer.width, 1);
    let environment = resolve(&["run"], &[("DBT_PRINTER_WIDTH", "2")], json!({"printer_width": 3}));
    assert_eq!(environment.unwrap().printer.width, 2);
    assert_eq!(resolve(&["run"], &[], json!({"printer_width": 3})).unwrap().printer.width, 3);
    assert_eq!(resolve(&["run"], &[], json!({})).unwrap().printer.width, 80);
}

#[test]
fn the_users_settings_win_over_the_defaults_only() {
    let resolve = |variables: &[(&str, &str)], project: Value| {
        let cli = Cli::try_parse_from(["dvt", "run"]).unwrap();
        let files = FlagFiles {
            project: project.as_object().unwrap().clone(),
            user: json!({"version_check": false, "printer_width": 7}).as_object().unwrap().clone(),
        };
        Settings::resolve(&cli, &Environment::from_pairs(variables), &files, Terminal::default()).unwrap()
    };
    assert_eq!((resolve(&[], json!({})).version_check, resolve(&[], json!({})).printer.width), (false, 7));
    assert!(resolve(&[("DBT_VERSION_CHECK", "true")], json!({})).version_check);
    assert!(resolve(&[], json!({"version_check": true})).version_check);
}

#[test]
fn what_is_said_about_the_screen_holds_for_the_file_too() {
    let settings = resolve(&["run", "--log-format", "json", "--log-level", "warn"], &[], json!({})).unwrap();
    assert_eq!((settings.log_format_file, settings.log_level_file), (LogFormat::Json, LogLevel::Warn));
    let settings = resolve(&["run", "--log-format", "json", "--log-format-file", "text"], &[], json!({})).unwrap();
    assert_eq!((settings.log_format_file, settings.log_level_file), (LogFormat::Text, LogLevel::Debug));
    let settings = resolve(&["run", "--debug", "--log-level", "warn"], &[], json!({})).unwrap();
    assert_eq!((settings.printer.level, settings.log_level_file), (LogLevel::Debug, LogLevel::Debug));
}

#[test]
fn warn_error_and_its_options_exclude_each_other() {
    let options = "{error: all, warn: [NothingToDo]}";
    let settings = resolve(&["run", "--warn-error-options", options], &[], json!({})).unwrap();
    assert_eq!(settings.warn_error_options.to_json(), json!({"error": "all", "warn": ["NothingToDo"], "silence": []}));
    let from_project = json!({"warn_error_options": {"error": ["NothingToDo"]}});
    let settings = resolve(&["run"], &[], from_project.clone()).unwrap();
    assert_eq!(settings.warn_error_options.to_json()["error"], json!(["NothingToDo"]));
    let error = resolve(&["run", "--warn-error"], &[], from_project).unwrap_err();
    assert_eq!(
        (error.id, error.message.as_str()),
        (usage::ID, "warn_error_options: not allowed with argument warn_error")
    );
}

#[test]
fn a_switch_and_its_opposite_override_each_other_and_the_environment() {
    let variables = [("DBT_FAIL_FAST", "true")];
    assert!(resolve(&["run"], &variables, json!({})).unwrap().fail_fast);
    assert!(!resolve(&["run", "--no-fail-fast"], &variables, json!({})).unwrap().fail_fast);
    assert!(resolve(&["run", "--no-fail-fast", "-x"], &[], json!({})).unwrap().fail_fast);
    assert!(resolve(&["run"], &[], json!({"fail_fast": true})).unwrap().fail_fast);
}

#[test]
fn global_flags_stand_before_or_after_the_command() {
    for words in [["--target", "prod", "run"], ["run", "--target", "prod"], ["run", "-t", "prod"]] {
        assert_eq!(resolve(&words, &[], json!({})).unwrap().target.as_deref(), Some("prod"));
    }
}

#[test]
fn compute_and_bucket_come_from_the_flag_or_the_environment() {
    let settings = resolve(&["run", "-c", "big", "-b", "ssd"], &[("DVT_COMPUTE", "small")], json!({})).unwrap();
    assert_eq!((settings.compute.as_deref(), settings.bucket.as_deref()), (Some("big"), Some("ssd")));
    let settings = resolve(&["show", "--inline", "select 1"], &[("DVT_COMPUTE", "small")], json!({})).unwrap();
    assert_eq!(settings.compute.as_deref(), Some("small"));
}

#[test]
fn bad_values_name_their_place() {
    let message = |words: &[&str], variables: &[(&str, &str)], flags| {
        let error = resolve(words, variables, flags).unwrap_err();
        format!("{} ({})", error.message, error.notes.join(";"))
    };
    assert_eq!(
        message(&["run"], &[("DVT_LOG_LEVEL", "loud")], json!({})),
        "`loud` is not a value for DVT_LOG_LEVEL (it takes `debug`, `info`, `warn`, `error`, `none`)"
    );
    assert_eq!(
        message(&["run"], &[("DBT_FAIL_FAST", "maybe")], json!({})),
        "`maybe` is not a value for DBT_FAIL_FAST (it takes true or false)"
    );
    assert_eq!(
        message(&["run"], &[], json!({"quiet": "loud"})),
        "`\"loud\"` is not a value for `flags: quiet:` in dbt_project.yml (it takes true or false)"
    );
    assert_eq!(
        message(&["run", "--threads", "0"], &[], json!({})),
        "`0` is not a value for --threads (it takes a number from 1)"
    );
}

#[test]
fn select_takes_several_words_and_may_be_repeated() {
    let cli = Cli::try_parse_from(["dvt", "run", "-s", "a", "b+", "-m", "c", "--exclude", "d"]).unwrap();
    let Some(Command::Run(args)) = cli.command else { panic!("run was given") };
    assert_eq!(
        (args.selection.select, args.selection.exclude),
        (vec!["a".into(), "b+".into(), "c".into()], vec!["d".to_owned()])
    );
}
