//! Driver libraries: which ones dvt knows, where they lie, and loading them.
//!
//! A library is loaded once in a process and never unloaded: a driver may have threads of its own. What is loaded is
//! exactly the pinned version, from `<drivers folder>/<name>/<version>/<library>`, where `dvt sync` puts it.

use adbc_core::options::AdbcVersion;
use adbc_driver_manager::ManagedDriver;
use dvt_adapter::{AdapterError, ErrorClass};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Whose client installs a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ecosystem {
    /// The user's `npm`.
    Npm,
    /// The user's `uv` or `pip`.
    Python,
}

/// A package that holds the library for one kind of machine.
#[derive(Clone, Copy, Debug)]
pub struct DriverPackage {
    /// `std::env::consts::OS` and `ARCH`.
    pub platform: (&'static str, &'static str),
    pub ecosystem: Ecosystem,
    pub package: &'static str,
    /// What the package's archive hashes to: `sha512-` and base64, or `sha256-` and hexadecimal digits.
    pub integrity: &'static str,
    /// The library's path inside the package.
    pub library: &'static str,
}

/// A driver that dvt knows, pinned.
#[derive(Debug)]
pub struct DriverPin {
    pub name: &'static str,
    /// Types of `profiles.yml` that need it.
    pub adapter_types: &'static [&'static str],
    pub version: &'static str,
    pub entry_point: &'static str,
    pub packages: &'static [DriverPackage],
}

impl DriverPin {
    /// The package for this machine, `None` where the owner builds none.
    #[must_use]
    pub fn package(&self) -> Option<&'static DriverPackage> {
        self.packages.iter().find(|package| package.platform == (std::env::consts::OS, std::env::consts::ARCH))
    }

    /// Where the library of this version belongs.
    #[must_use]
    pub fn path_in(&self, drivers: &Path, package: &DriverPackage) -> PathBuf {
        let file = Path::new(package.library).file_name().unwrap_or_default();
        drivers.join(self.name).join(self.version).join(file)
    }
}

/// The one package of a driver that comes from a Python wheel: Linux on x86-64.
macro_rules! wheel {
    ($package:literal, $hash:literal, $library:literal) => {
        &[DriverPackage {
            platform: ("linux", "x86_64"),
            ecosystem: Ecosystem::Python,
            package: $package,
            integrity: concat!("sha256-", $hash),
            library: $library,
        }]
    };
}

/// Every driver that dvt can install.
pub static DRIVERS: &[DriverPin] = &[
    DriverPin {
        name: "duckdb",
        adapter_types: &["duckdb"],
        version: "1.5.6-r.1",
        entry_point: "duckdb_adbc_init",
        packages: &[DriverPackage {
            platform: ("linux", "x86_64"),
            ecosystem: Ecosystem::Npm,
            package: "@duckdb/node-bindings-linux-x64",
            integrity: "sha512-IXcrZJE6kEqM0Z4wwdVnGBHX/frOS33VPNAwDXQ/Q+Fs84b058Qe94chrCCIcNJlG8Y3UHIUU4eBeCQxW5mN1Q==",
            library: "libduckdb.so",
        }],
    },
    DriverPin {
        name: "snowflake",
        adapter_types: &["snowflake"],
        version: "1.11.0",
        entry_point: "AdbcDriverSnowflakeInit",
        packages: wheel!(
            "adbc-driver-snowflake",
            "7c7d7ecef7246303648a08cee3d78c383133bea8f2e1568cf6e8750ab94b5a57",
            "adbc_driver_snowflake/libadbc_driver_snowflake.so"
        ),
    },
    DriverPin {
        name: "bigquery",
        adapter_types: &[],
        version: "1.11.0",
        entry_point: "AdbcDriverBigqueryInit",
        packages: wheel!(
            "adbc-driver-bigquery",
            "3067b90ccbb6801936567bddcc56e79540efb7e09023f0300e9f6090cb7245e1",
            "adbc_driver_bigquery/libadbc_driver_bigquery.so"
        ),
    },
    DriverPin {
        name: "flightsql",
        adapter_types: &[],
        version: "1.13.0",
        entry_point: "AdbcDriverFlightsqlInit",
        packages: wheel!(
            "adbc-driver-flightsql",
            "1199552b5cfe3349554a972c372fcaa2ecfdfac27b942c8ddf8c3bf798690c31",
            "adbc_driver_flightsql/libadbc_driver_flightsql.so"
        ),
    },
    DriverPin {
        name: "postgresql",
        adapter_types: &[],
        version: "1.13.0",
        entry_point: "AdbcDriverPostgresqlInit",
        packages: wheel!(
            "adbc-driver-postgresql",
            "a86819ba7c79b1d067c4a5344358b4d346bab58e888d7879ed2b25d97cc59ba1",
            "adbc_driver_postgresql/libadbc_driver_postgresql.so"
        ),
    },
];

/// The pinned driver of that name: what `driver` of an output of type `adbc` may say.
#[must_use]
pub fn driver_named(name: &str) -> Option<&'static DriverPin> {
    DRIVERS.iter().find(|pin| pin.name == name)
}

/// The pinned driver for a type of `profiles.yml`.
#[must_use]
pub fn driver_of(adapter_type: &str) -> Option<&'static DriverPin> {
    DRIVERS.iter().find(|pin| pin.adapter_types.contains(&adapter_type))
}

/// Where driver libraries are looked for, most wanted first: the folder of `DVT_DRIVERS_DIR`, then `~/.dvt/drivers`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DriverFolders(pub Vec<PathBuf>);

/// The library of a pinned driver, loaded. Blocks.
///
/// # Errors
/// Class `Configuration` when it is not installed, or another file is there; the hint says what to do.
pub(crate) fn load(connection: &str, pin: &DriverPin, folders: &DriverFolders) -> Result<ManagedDriver, AdapterError> {
    let refuse = |message: String| AdapterError::new(ErrorClass::Configuration, connection, message);
    let Some(package) = pin.package() else {
        return Err(refuse(format!(
            "there is no {} driver for {} on {}",
            pin.name,
            std::env::consts::OS,
            std::env::consts::ARCH
        )));
    };
    let paths: Vec<PathBuf> = folders.0.iter().map(|folder| pin.path_in(folder, package)).collect();
    let Some(path) = paths.iter().find(|path| path.is_file()) else {
        let looked = paths.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(" and ");
        let message = if paths.is_empty() {
            format!("the {} driver {} is not installed: the home folder is unknown", pin.name, pin.version)
        } else {
            format!("the {} driver {} is not installed: {looked} is not there", pin.name, pin.version)
        };
        return Err(refuse(message).with_hint(format!(
            "run `dvt sync`, which fetches `{}` {} and puts it there",
            package.package, pin.version
        )));
    };
    static LOADED: OnceLock<Mutex<HashMap<PathBuf, ManagedDriver>>> = OnceLock::new();
    let mut loaded = LOADED.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(driver) = loaded.get(path) {
        return Ok(driver.clone());
    }
    let entry_point = Some(pin.entry_point.as_bytes());
    let driver = ManagedDriver::load_dynamic_from_filename(path, entry_point, AdbcVersion::V110).map_err(|error| {
        refuse(format!("the driver `{}` cannot be loaded: {}", path.display(), error.message))
            .with_hint(format!("remove that file and run `dvt sync`: it is not `{}` {}", package.package, pin.version))
    })?;
    loaded.insert(path.clone(), driver.clone());
    Ok(driver)
}

/// A library of the user's own, loaded. Blocks.
///
/// # Errors
/// Class `Configuration` when it is not there, or is no driver.
pub(crate) fn load_library(
    connection: &str,
    path: &Path,
    entry_point: Option<&str>,
) -> Result<ManagedDriver, AdapterError> {
    let refuse = |message: String| AdapterError::new(ErrorClass::Configuration, connection, message);
    if !path.is_file() {
        return Err(refuse(format!("the driver `{}` is not there", path.display()))
            .with_hint("put the library there, or mend `driver` of this output"));
    }
    let entry_point = entry_point.map(str::as_bytes);
    ManagedDriver::load_dynamic_from_filename(path, entry_point, AdbcVersion::V110).map_err(|error| {
        refuse(format!("the driver `{}` cannot be loaded: {}", path.display(), error.message))
            .with_hint("give the path of an ADBC driver, and its `entrypoint` where it has a name of its own")
    })
}
