//! From the configuration files to the list of what they need.

use crate::environment::Environment;
use crate::registry;
use dvt_adapter_adbc::driver::{self, DriverPin};
use dvt_diagnostics::{Diagnostic, did_you_mean};
use dvt_project::{ComputeKind, ConfigFiles, Output, RequiredAdapter, SparkSettings};
use dvt_sync::{
    Action, AdapterPackage, Ecosystem, Item, Members, Package, SPARK_PACKAGE, VersionSpecifier, adapter_package,
    find_java, java_versions_for_spark, spark_hash,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Everything that outputs and computes ask for, each thing once.
pub(super) fn items(config: &ConfigFiles, home: &Path, environment: &Environment) -> Result<Vec<Item>, Diagnostic> {
    let required = config.project.required_adapters()?;
    let mut items = Vec::new();
    let mut by_type: BTreeMap<&str, Vec<&Output>> = BTreeMap::new();
    for output in config.profile.outputs.values() {
        by_type.entry(output.adapter_type.as_str()).or_default().push(output);
    }
    for entry in &required {
        VersionSpecifier::parse(&entry.versions).map_err(|error| {
            Diagnostic::error("wrong-version", error.to_string()).label(entry.span.clone(), "in `require-adapters`")
        })?;
    }
    for (adapter_type, outputs) in &by_type {
        let names: Vec<String> = outputs.iter().map(|output| format!("`{}`", output.name)).collect();
        let needed_by = format!("{} {}", if names.len() == 1 { "output" } else { "outputs" }, names.join(", "));
        let required = required.iter().find(|entry| entry.adapter_type == *adapter_type);
        if *adapter_type == "adbc" {
            for output in outputs {
                items.push(generic_driver(output, home, environment));
            }
            continue;
        }
        if let Some(pin) = driver::driver_of(adapter_type) {
            items.push(driver_item(pin, &needed_by, home, environment));
        }
        match adapter_package(adapter_type) {
            Some(package) => items.push(adapter_item(package, required, &needed_by, home)),
            None => items.push(own_client(adapter_type, &needed_by)),
        }
    }
    for compute in config.computes.computes.values() {
        if let ComputeKind::Spark(settings) = &compute.kind {
            let needed_by = format!("compute `{}`", compute.name);
            items.extend(spark_items(settings, &needed_by, home, environment));
        }
    }
    // Two computes of one version share it.
    let mut seen: Vec<(&'static str, String, String)> = Vec::new();
    items.retain(|item: &Item| {
        let key = (item.kind, item.name.clone(), item.version.clone());
        let is_new = !seen.contains(&key);
        seen.push(key);
        is_new
    });
    Ok(items)
}

fn item(kind: &'static str, name: &str, version: &str, needed_by: &str, action: Action) -> Item {
    Item {
        kind,
        name: name.to_owned(),
        version: version.to_owned(),
        needed_by: needed_by.to_owned(),
        is_required: true,
        action,
    }
}

/// A type whose client is compiled in, or that dvt does not know.
fn own_client(adapter_type: &str, needed_by: &str) -> Item {
    let known = registry::types();
    let action = if known.contains(&adapter_type) {
        Action::Present { detail: "part of dvt".to_owned() }
    } else if registry::clientless(adapter_type).is_some() {
        Action::Unavailable {
            reason: format!("dvt has no client for {adapter_type}"),
            next_step: "parse, list and compile its projects; run them with a type that dvt has a client for"
                .to_owned(),
        }
    } else {
        let near = did_you_mean(adapter_type, known.iter().copied());
        Action::Unavailable {
            reason: format!("`{adapter_type}` is no type of connection that dvt has"),
            next_step: match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the types are {}", known.join(", ")),
            },
        }
    };
    item("adapter", adapter_type, env!("CARGO_PKG_VERSION"), needed_by, action)
}

fn driver_item(pin: &'static DriverPin, needed_by: &str, home: &Path, environment: &Environment) -> Item {
    let own = home.join("drivers");
    let Some(package) = pin.package() else {
        let action = Action::Unavailable {
            reason: format!(
                "its owner publishes no {} driver for {} on {}",
                pin.name,
                std::env::consts::OS,
                std::env::consts::ARCH
            ),
            next_step: "run dvt on Linux on x86-64".to_owned(),
        };
        return item("driver", pin.name, pin.version, needed_by, action);
    };
    // A folder of the user's own comes first when it is loaded, so it is what counts here too.
    let elsewhere = environment
        .driver_folders()
        .into_iter()
        .find(|folder| *folder != own && pin.path_in(folder, package).is_file());
    let action = match elsewhere {
        Some(folder) => Action::Present { detail: format!("in {}", pin.path_in(&folder, package).display()) },
        None => Action::Install(Package {
            ecosystem: match package.ecosystem {
                driver::Ecosystem::Npm => Ecosystem::Npm,
                driver::Ecosystem::Python => Ecosystem::Wheel,
            },
            name: package.package.to_owned(),
            version: pin.version.to_owned(),
            integrity: Some(package.integrity.to_owned()),
            members: Members::File(package.library.to_owned()),
            folder: own.join(pin.name).join(pin.version),
        }),
    };
    item("driver", pin.name, pin.version, needed_by, action)
}

/// `driver` of an output of type `adbc`: a pinned driver's name, or a library of the user's own.
fn generic_driver(output: &Output, home: &Path, environment: &Environment) -> Item {
    let needed_by = format!("output `{}`", output.name);
    let named = output.settings.as_ref().ok().and_then(|settings| settings.get("driver")).and_then(|d| d.as_str());
    let Some(named) = named else {
        let action = Action::Unavailable {
            reason: format!("output `{}` of type adbc names no `driver`", output.name),
            next_step: "add `driver:` with a known driver's name or the path of a library".to_owned(),
        };
        return item("driver", "adbc", "", &needed_by, action);
    };
    if let Some(pin) = driver::driver_named(named) {
        return driver_item(pin, &needed_by, home, environment);
    }
    let action = if named.contains('/') && Path::new(named).is_file() {
        Action::Present { detail: format!("a library of your own: {named}") }
    } else if named.contains('/') {
        Action::Unavailable {
            reason: format!("`{named}` is not there"),
            next_step: format!("put the library there, or mend `driver` of output `{}`", output.name),
        }
    } else {
        let known: Vec<&str> = driver::DRIVERS.iter().map(|pin| pin.name).collect();
        Action::Unavailable {
            reason: format!("dvt knows no driver called `{named}`"),
            next_step: match did_you_mean(named, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("its drivers are {}; for another, give the library's path", known.join(", ")),
            },
        }
    };
    item("driver", named, "", &needed_by, action)
}

/// The macro folder of a dbt adapter's package. Where dvt has macros of its own, the package is no need but a pin of the
/// project is still compared.
fn adapter_item(
    package: &'static AdapterPackage,
    required: Option<&RequiredAdapter>,
    needed_by: &str,
    home: &Path,
) -> Item {
    let specifier = required.and_then(|entry| VersionSpecifier::parse(&entry.versions).ok());
    let takes_pin = specifier.as_ref().is_none_or(|specifier| specifier.matches(package.version));
    if package.is_built_in {
        let action = match &specifier {
            Some(specifier) if !takes_pin => Action::Unavailable {
                reason: format!(
                    "dvt's own macros for {} follow {} {}, and require-adapters asks for {specifier}",
                    package.adapter_type, package.package, package.version
                ),
                next_step: format!("widen `require-adapters: {}` in dbt_project.yml", package.adapter_type),
            },
            _ => Action::Present { detail: format!("part of dvt, as {} {}", package.package, package.version) },
        };
        return item("adapter", package.package, package.version, needed_by, action);
    }
    let (version, integrity) = match &specifier {
        Some(specifier) if !takes_pin => (specifier.to_string(), None),
        _ => (package.version.to_owned(), Some(format!("sha256-{}", package.sha256))),
    };
    let action = Action::Install(Package {
        ecosystem: Ecosystem::Wheel,
        name: package.package.to_owned(),
        version: version.clone(),
        integrity,
        members: Members::Macros(package.folder.to_owned()),
        folder: home.join("adapters").join(package.package),
    });
    item("adapter", package.package, &version, needed_by, action)
}

fn spark_items(settings: &SparkSettings, needed_by: &str, home: &Path, environment: &Environment) -> Vec<Item> {
    if let Some(remote) = &settings.remote {
        let action = Action::Present { detail: format!("a server of its own: {remote}") };
        return vec![item("spark", "server", "", needed_by, action)];
    }
    let Some(version) = settings.version.as_deref() else {
        let action = Action::Unavailable {
            reason: format!("{needed_by} has neither `remote` nor `version`"),
            next_step: "add `version: \"4.0.1\"` to it in computes.yml".to_owned(),
        };
        return vec![item("spark", "spark", "", needed_by, action)];
    };
    let is_version = version.split('.').count() == 3 && version.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let wants = java_versions_for_spark(version).filter(|_| is_version);
    let Some(wants) = wants else {
        let action = Action::Unavailable {
            reason: format!("`{version}` is no version of Spark that dvt starts"),
            next_step: "name a whole version of Spark 3 or 4, such as `4.0.1`".to_owned(),
        };
        return vec![item("spark", "spark", version, needed_by, action)];
    };
    let mut items = vec![
        item(
            "spark",
            "spark",
            version,
            needed_by,
            Action::Install(Package {
                ecosystem: Ecosystem::SourceArchive,
                name: SPARK_PACKAGE.to_owned(),
                version: version.to_owned(),
                integrity: spark_hash(version).map(|hash| format!("sha256-{hash}")),
                members: Members::Below("*/deps".to_owned()),
                folder: home.join("spark").join(version),
            }),
        ),
        java_item(version, wants, needed_by, environment),
    ];
    items.extend(jar_items(settings, needed_by));
    items
}

fn java_item(spark: &str, wants: &[u32], needed_by: &str, environment: &Environment) -> Item {
    let wanted = wants.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    let next_step =
        format!("install Java {} and let JAVA_HOME or PATH lead to it", wants.last().copied().unwrap_or(17));
    let (version, action) = match find_java(environment.variables()) {
        Ok(java) if wants.contains(&java.major) => {
            (java.major.to_string(), Action::Present { detail: java.program.display().to_string() })
        }
        Ok(java) => (
            java.major.to_string(),
            Action::Unavailable {
                reason: format!("Spark {spark} runs on Java {wanted}; `{}` is {}", java.program.display(), java.major),
                next_step,
            },
        ),
        Err(reason) => (String::new(), Action::Unavailable { reason, next_step }),
    };
    item("java", &format!("java for Spark {spark}"), &version, needed_by, action)
}

/// Jars that the compute's own configuration names: those of a folder must be there; those of a repository are resolved by
/// Spark itself, into its own cache, when it starts.
fn jar_items(settings: &SparkSettings, needed_by: &str) -> Vec<Item> {
    let mut items = Vec::new();
    let named = settings.config.get("spark.jars").map(String::as_str).unwrap_or_default();
    for jar in named.split(',').map(str::trim).filter(|jar| !jar.is_empty()) {
        let path = PathBuf::from(jar.strip_prefix("file://").unwrap_or(jar));
        let name = path.file_name().map_or_else(|| jar.to_owned(), |name| name.to_string_lossy().into_owned());
        let action = if jar.contains("://") && !jar.starts_with("file://") {
            Action::Present { detail: format!("fetched by Spark itself from {jar}") }
        } else if path.is_file() {
            Action::Present { detail: path.display().to_string() }
        } else {
            Action::Unavailable {
                reason: format!("`{}` is not there", path.display()),
                next_step: "put the jar there, or mend `spark.jars` in computes.yml".to_owned(),
            }
        };
        items.push(item("jar", &name, "", needed_by, action));
    }
    let packages = settings.config.get("spark.jars.packages").map(String::as_str).unwrap_or_default();
    for package in packages.split(',').map(str::trim).filter(|package| !package.is_empty()) {
        let action = if package.split(':').count() == 3 {
            Action::Present { detail: "resolved by Spark's own resolver when it starts".to_owned() }
        } else {
            Action::Unavailable {
                reason: format!("`{package}` is no `group:artifact:version`"),
                next_step: "mend `spark.jars.packages` in computes.yml".to_owned(),
            }
        };
        items.push(item("jar", package, "", needed_by, action));
    }
    items
}
