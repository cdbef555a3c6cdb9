//! The adapter registry: profile output type to leaf. A new database is one entry here.

use dvt_adapter::{Adapter, AdapterError, CLIENTLESS, Clientless, ClientlessAdapter};
use dvt_adapter_adbc::AdbcAdapter;
use dvt_adapter_adbc::driver::DriverFolders;
use dvt_adapter_bigquery::BigQueryAdapter;
use dvt_adapter_databricks::DatabricksAdapter;
use dvt_adapter_lake::LakeAdapter;
use dvt_adapter_mysql::MySqlAdapter;
use dvt_adapter_postgres::{PostgresAdapter, RedshiftAdapter};
use dvt_adapter_spark::SparkAdapter;
use dvt_adapter_sqlite::SqliteAdapter;
use dvt_diagnostics::{Diagnostic, did_you_mean};
use dvt_project::{AdapterSupport, ConnectionFacts, ConnectionSettings, Output, Profile};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// What makes the adapter of a profile output: the output's name, its rendered keys, and the project's folder.
type Constructor = fn(&str, &Map<String, Value>, &Path) -> Result<Arc<dyn Adapter>, AdapterError>;

/// A package of macros: its name, and path and text of each file.
type MacroPackage = (&'static str, fn() -> Vec<(&'static str, &'static str)>);

/// One adapter type of `profiles.yml`.
struct Kind {
    adapter_type: &'static str,
    /// What `adapter.dispatch` tries before `default__`.
    dispatch_prefixes: &'static [&'static str],
    /// The packages of the leaf's macros, dbt's name and what makes the files.
    macro_packages: &'static [MacroPackage],
    construct: Constructor,
}

static KINDS: [Kind; 15] = [
    Kind {
        adapter_type: "postgres",
        dispatch_prefixes: &["postgres"],
        macro_packages: &[("dbt_postgres", dvt_adapter_postgres::macro_files)],
        construct: |name, keys, _folder| Ok(Arc::new(PostgresAdapter::from_profile(name, keys)?)),
    },
    Kind {
        adapter_type: "redshift",
        // dbt-redshift stands on dbt-postgres.
        dispatch_prefixes: &["redshift", "postgres"],
        macro_packages: &[
            ("dbt_redshift", dvt_adapter_postgres::redshift_macro_files),
            ("dbt_postgres", dvt_adapter_postgres::macro_files),
        ],
        construct: |name, keys, _folder| Ok(Arc::new(RedshiftAdapter::from_profile(name, keys)?)),
    },
    Kind {
        adapter_type: "bigquery",
        dispatch_prefixes: &["bigquery"],
        macro_packages: &[("dbt_bigquery", dvt_adapter_bigquery::macro_files)],
        construct: |name, keys, folder| Ok(Arc::new(BigQueryAdapter::from_profile(name, keys, folder, environment())?)),
    },
    Kind {
        adapter_type: "mysql",
        dispatch_prefixes: &["mysql"],
        macro_packages: &[("dbt_mysql", dvt_adapter_mysql::macro_files)],
        construct: |name, keys, folder| Ok(Arc::new(MySqlAdapter::from_profile(name, keys, folder)?)),
    },
    Kind {
        adapter_type: "mariadb",
        dispatch_prefixes: &["mariadb", "mysql"],
        macro_packages: &[("dbt_mysql", dvt_adapter_mysql::macro_files)],
        construct: |name, keys, folder| Ok(Arc::new(MySqlAdapter::from_profile(name, keys, folder)?)),
    },
    Kind {
        adapter_type: "sqlite",
        dispatch_prefixes: &["sqlite"],
        macro_packages: &[("dbt_sqlite", dvt_adapter_sqlite::macro_files)],
        construct: |name, keys, folder| Ok(Arc::new(SqliteAdapter::from_profile(name, keys, folder)?)),
    },
    Kind {
        adapter_type: "duckdb",
        dispatch_prefixes: &["duckdb"],
        macro_packages: &[("dbt_duckdb", dvt_adapter_adbc::duckdb_macro_files)],
        construct: |name, keys, folder| Ok(Arc::new(AdbcAdapter::duckdb(name, keys, folder, driver_folders())?)),
    },
    Kind {
        adapter_type: "snowflake",
        dispatch_prefixes: &["snowflake"],
        macro_packages: &[("dbt_snowflake", dvt_adapter_adbc::snowflake_macro_files)],
        construct: |name, keys, folder| Ok(Arc::new(AdbcAdapter::snowflake(name, keys, folder, driver_folders())?)),
    },
    Kind {
        adapter_type: "databricks",
        // Packages write for both under Spark's name.
        dispatch_prefixes: &["databricks", "spark"],
        macro_packages: &[("dbt_databricks", dvt_adapter_databricks::macro_files)],
        construct: |name, keys, _folder| Ok(Arc::new(DatabricksAdapter::from_profile(name, keys)?)),
    },
    Kind {
        adapter_type: "spark",
        dispatch_prefixes: &["spark"],
        macro_packages: &[("dbt_spark", dvt_adapter_spark::macro_files)],
        construct: |name, keys, folder| Ok(Arc::new(SparkAdapter::from_profile(name, keys, folder, spark_places())?)),
    },
    Kind {
        adapter_type: "adbc",
        dispatch_prefixes: &["adbc"],
        macro_packages: &[("dbt_adbc", Vec::new)],
        construct: |name, keys, folder| Ok(Arc::new(AdbcAdapter::generic(name, keys, folder, driver_folders())?)),
    },
    Kind {
        adapter_type: "filesystem",
        dispatch_prefixes: &["filesystem"],
        macro_packages: &[("dbt_filesystem", dvt_adapter_lake::macro_files)],
        construct: |name, keys, folder| Ok(Arc::new(LakeAdapter::from_profile(name, keys, folder)?)),
    },
    lake_in_bucket("s3", &["s3", "filesystem"]),
    lake_in_bucket("gcs", &["gcs", "filesystem"]),
    lake_in_bucket("azure", &["azure", "filesystem"]),
];

/// dbt's cross-database macros where a type without a client has its own way: type, package, text.
static CLIENTLESS_MACROS: [(&str, &str, &str); 1] = [("trino", "dbt_trino", include_str!("../macros/trino.sql"))];

/// A lake in a cloud's bucket. It speaks and is written as one in a folder.
const fn lake_in_bucket(adapter_type: &'static str, dispatch_prefixes: &'static [&'static str]) -> Kind {
    Kind {
        adapter_type,
        dispatch_prefixes,
        macro_packages: &[("dbt_filesystem", dvt_adapter_lake::macro_files)],
        construct: |name, keys, _folder| Ok(Arc::new(LakeAdapter::in_bucket(name, keys, environment())?)),
    }
}

static ENVIRONMENT: OnceLock<BTreeMap<String, String>> = OnceLock::new();

/// Says, once, which variables the clients of clouds' buckets may look at.
pub(crate) fn look_at_variables(variables: BTreeMap<String, String>) {
    let _ = ENVIRONMENT.set(variables);
}

fn environment() -> &'static BTreeMap<String, String> {
    ENVIRONMENT.get_or_init(BTreeMap::new)
}

static DRIVER_FOLDERS: OnceLock<DriverFolders> = OnceLock::new();

/// Says, once, where driver libraries are looked for: a process has one set of loaded libraries.
pub(crate) fn look_for_drivers_in(folders: Vec<PathBuf>) {
    let _ = DRIVER_FOLDERS.set(DriverFolders(folders));
}

fn driver_folders() -> &'static DriverFolders {
    DRIVER_FOLDERS.get_or_init(DriverFolders::default)
}

static SPARK_PLACES: OnceLock<dvt_adapter_spark::Places> = OnceLock::new();

/// Says, once, where the Spark is that connections start.
pub(crate) fn look_for_spark_in(places: &dvt_runner::SparkPlaces) {
    let _ = SPARK_PLACES.set(dvt_adapter_spark::Places {
        distributions: places.distributions.clone(),
        home: places.home.clone(),
        java_home: places.java_home.clone(),
    });
}

fn spark_places() -> &'static dvt_adapter_spark::Places {
    SPARK_PLACES.get_or_init(dvt_adapter_spark::Places::default)
}

/// The adapter of one output. Nothing is connected.
///
/// # Errors
/// An unknown `type` with the known ones, or what the leaf says about the output's keys; both point at the output.
pub(crate) fn connect(
    output: &Output,
    settings: &ConnectionSettings,
    project_dir: &Path,
) -> Result<Arc<dyn Adapter>, Diagnostic> {
    let made = match clientless(&output.adapter_type) {
        Some(kind) => ClientlessAdapter::from_profile(&output.name, kind, settings.expose())
            .map(|adapter| Arc::new(adapter) as Arc<dyn Adapter>),
        None => (find(output)?.construct)(&output.name, settings.expose(), project_dir),
    };
    made.map_err(|error| {
        let mut diagnostic = Diagnostic::error("invalid-connection", error.to_string())
            .label(output.span.clone(), format!("this output of type `{}`", output.adapter_type));
        if let Some(hint) = error.hint {
            diagnostic = diagnostic.help(hint);
        }
        diagnostic
    })
}

/// The adapters of all outputs that can be built, in the profile's order. One that cannot is left out: nobody uses it, or
/// reading the project has said what is wrong with it.
pub(crate) fn connect_all(profile: &Profile, project_dir: &Path) -> dvt_runner::Connections {
    profile
        .outputs
        .iter()
        .filter_map(|(name, output)| {
            let settings = output.settings.as_ref().ok()?;
            Some((name.clone(), connect(output, settings, project_dir).ok()?))
        })
        .collect()
}

/// What the adapters of the profile's outputs contribute to reading a project.
pub(crate) fn support<'a>(
    profile: &Profile,
    describe: &'a (dyn Fn(&Output, &ConnectionSettings) -> Result<ConnectionFacts, String> + Sync),
) -> AdapterSupport<'a> {
    let mut macro_packages: Vec<(String, Vec<(String, String)>)> = Vec::new();
    let is_used = |kind: &Kind| profile.outputs.values().any(|output| output.adapter_type == kind.adapter_type);
    for (name, files) in KINDS.iter().filter(|kind| is_used(kind)).flat_map(|kind| kind.macro_packages) {
        if macro_packages.iter().all(|(known, _)| known != name) {
            let files = files().into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
            macro_packages.push(((*name).to_owned(), files));
        }
    }
    let uses = |adapter_type: &str| profile.outputs.values().any(|output| output.adapter_type == adapter_type);
    for (adapter_type, package, text) in CLIENTLESS_MACROS.iter().filter(|(adapter_type, ..)| uses(adapter_type)) {
        macro_packages.push(((*package).to_owned(), vec![(format!("{adapter_type}.sql"), (*text).to_owned())]));
    }
    AdapterSupport { macro_packages, describe }
}

/// What reading a project must know about a connection, told without connecting.
pub(crate) fn describe(
    output: &Output,
    settings: &ConnectionSettings,
    project_dir: &Path,
) -> Result<ConnectionFacts, String> {
    let sentence = |diagnostic: Diagnostic| {
        let mut sentence = diagnostic.message;
        for more in diagnostic.notes.iter().chain(&diagnostic.help) {
            sentence = format!("{sentence}; {more}");
        }
        sentence
    };
    let prefixes = match clientless(&output.adapter_type) {
        Some(kind) => kind.dispatch_prefixes,
        None => find(output).map_err(sentence)?.dispatch_prefixes,
    };
    let adapter = connect(output, settings, project_dir).map_err(sentence)?;
    Ok(ConnectionFacts {
        adapter_types: prefixes.iter().map(|prefix| (*prefix).to_owned()).collect(),
        target: adapter.target_values(),
        dialect: adapter.dialect(),
    })
}

/// What is known of a type whose projects dvt reads without a client for it.
pub(crate) fn clientless(adapter_type: &str) -> Option<&'static Clientless> {
    CLIENTLESS.iter().find(|kind| kind.adapter_type == adapter_type)
}

/// Every type of connection that dvt has.
pub(crate) fn types() -> Vec<&'static str> {
    KINDS.iter().map(|kind| kind.adapter_type).collect()
}

fn find(output: &Output) -> Result<&'static Kind, Diagnostic> {
    let wanted = output.adapter_type.as_str();
    KINDS.iter().find(|kind| kind.adapter_type == wanted).ok_or_else(|| {
        let mut known = types();
        let read: Vec<&str> = CLIENTLESS.iter().map(|kind| kind.adapter_type).collect();
        let diagnostic =
            Diagnostic::error("unknown-connection-type", format!("`{wanted}` is no type of connection that dvt has"))
                .label(output.span.clone(), format!("`type: {wanted}`"))
                .note(format!("the types are {}; read but not run: {}", known.join(", "), read.join(", ")));
        known.extend(read);
        match did_you_mean(wanted, known) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic,
        }
    })
}
