//! Where `.ci/install` puts the driver libraries that tests load.

use std::env;
use std::path::PathBuf;

/// The folder of driver libraries, for `DVT_DRIVERS_DIR`, if it holds DuckDB's; `None` and a line on stderr when it does
/// not. `DVT_TEST_DRIVERS` names another folder.
///
/// # Panics
/// When the driver is required (`DVT_REQUIRE_DATABASES=1`) and absent.
#[must_use]
pub fn drivers() -> Option<PathBuf> {
    let folder = folder()?;
    let versions = std::fs::read_dir(folder.join("duckdb")).into_iter().flatten().flatten();
    if versions.map(|version| version.path()).any(|version| version.join("libduckdb.so").is_file()) {
        return Some(folder);
    }
    skip(&format!("DuckDB's driver is not in `{}`: run .ci/install", folder.display()));
    None
}

/// The Spark that `.ci/install` fetches.
pub const SPARK_VERSION: &str = "4.0.1";

/// The folder that holds Spark by version, if it holds [`SPARK_VERSION`] and there is a Java; `None` and a line on stderr
/// when not.
///
/// # Panics
/// When it is required (`DVT_REQUIRE_DATABASES=1`) and absent.
#[must_use]
pub fn spark() -> Option<PathBuf> {
    let folder = folder()?.join("spark");
    let has_java = std::process::Command::new("java").arg("-version").output().is_ok();
    if has_java && folder.join(SPARK_VERSION).join("bin/spark-submit").is_file() {
        return Some(folder);
    }
    let what =
        if has_java { format!("Spark {SPARK_VERSION} is not in `{}`", folder.display()) } else { "no Java".to_owned() };
    skip(&format!("{what}: run .ci/install"));
    None
}

/// Whether Debian's JDBC drivers of PostgreSQL and MariaDB are there; a line on stderr when not.
///
/// # Panics
/// When they are required (`DVT_REQUIRE_DATABASES=1`) and absent.
#[must_use]
pub fn has_jdbc_drivers() -> bool {
    let has = ["postgresql.jar", "mariadb-java-client.jar"]
        .iter()
        .all(|jar| PathBuf::from("/usr/share/java").join(jar).is_file());
    if !has {
        skip("the JDBC drivers are not in `/usr/share/java`: run .ci/install");
    }
    has
}

fn folder() -> Option<PathBuf> {
    match env::var_os("DVT_TEST_DRIVERS") {
        Some(folder) => Some(PathBuf::from(folder)),
        None => Some(PathBuf::from(env::var_os("HOME")?).join(".cache/dvt/drivers")),
    }
}

/// Says that a test is skipped; fails where it must not be.
fn skip(missing: &str) {
    assert!(env::var("DVT_REQUIRE_DATABASES").as_deref() != Ok("1"), "{missing}");
    #[expect(clippy::print_stderr, reason = "a skipped test says so")]
    {
        eprintln!("skipped: {missing}");
    }
}
