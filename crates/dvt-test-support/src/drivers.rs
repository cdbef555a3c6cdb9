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
    let folder = match env::var_os("DVT_TEST_DRIVERS") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(env::var_os("HOME")?).join(".cache/dvt/drivers"),
    };
    let versions = std::fs::read_dir(folder.join("duckdb")).into_iter().flatten().flatten();
    if versions.map(|version| version.path()).any(|version| version.join("libduckdb.so").is_file()) {
        return Some(folder);
    }
    let missing = format!("DuckDB's driver is not in `{}`: run .ci/install", folder.display());
    assert!(env::var("DVT_REQUIRE_DATABASES").as_deref() != Ok("1"), "{missing}");
    #[expect(clippy::print_stderr, reason = "a skipped test says so")]
    {
        eprintln!("skipped: {missing}");
    }
    None
}
