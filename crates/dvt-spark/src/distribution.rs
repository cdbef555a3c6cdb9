//! What a server is started from: Spark's folder, and a Java that fits it. Asked before anything is started, so that what is
//! missing is said at once.

use crate::SparkSettings;
use crate::error::SparkFailure;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

/// Spark's folder and the Java that runs it.
#[derive(Clone, Debug)]
pub struct Distribution {
    pub home: PathBuf,
    /// Of the jars in the folder: `4.0.1`.
    pub version: String,
    pub java_home: Option<PathBuf>,
}

/// What `dvt sync` would do for this compute.
fn synced(version: Option<&str>) -> String {
    match version {
        Some(version) => {
            format!("`dvt sync` installs Spark {version}; or set `spark_home` of the compute, or SPARK_HOME")
        }
        None => "name a `version` and run `dvt sync`; or set `spark_home` of the compute, or SPARK_HOME".to_owned(),
    }
}

impl Distribution {
    /// The distribution that the settings mean.
    ///
    /// # Errors
    /// [`SparkFailure::Distribution`]: no Spark of that version, no Java, or a Java that this Spark does not run on.
    pub async fn find(settings: &SparkSettings) -> Result<Self, SparkFailure> {
        let compute = &settings.compute;
        let missing =
            |message: String| SparkFailure::Distribution { message, hint: synced(settings.version.as_deref()) };
        let home = match (&settings.spark_home, &settings.version) {
            (Some(home), _) => home.clone(),
            (None, Some(version)) => {
                let places: Vec<PathBuf> = settings.distributions.iter().map(|place| place.join(version)).collect();
                let is_default =
                    settings.default_home.as_ref().filter(|home| version_in(home).as_ref() == Some(version));
                let found = places.iter().find(|place| place.join("bin/spark-submit").is_file()).or(is_default);
                let Some(home) = found else {
                    let looked: Vec<String> = places.iter().map(|place| place.display().to_string()).collect();
                    return Err(missing(format!(
                        "compute `{compute}` wants Spark {version}, which is not in {}",
                        looked.join(" or in ")
                    )));
                };
                home.clone()
            }
            (None, None) if settings.default_home.is_some() => settings.default_home.clone().unwrap_or_default(),
            (None, None) => {
                return Err(missing(format!(
                    "compute `{compute}` has neither `remote` nor `version` nor `spark_home`"
                )));
            }
        };
        if !home.join("bin/spark-submit").is_file() {
            return Err(missing(format!(
                "compute `{compute}`: {} holds no Spark (no bin/spark-submit)",
                home.display()
            )));
        }
        let Some(version) = version_in(&home) else {
            return Err(missing(format!(
                "compute `{compute}`: {} holds no Spark (no jars/spark-core)",
                home.display()
            )));
        };
        if let Some(wanted) = &settings.version
            && *wanted != version
        {
            return Err(missing(format!(
                "compute `{compute}` wants Spark {wanted}, but {} holds {version}",
                home.display()
            )));
        }
        if !has_jar(&home, "spark-connect_") && !names_connect(&settings.config) {
            return Err(SparkFailure::Distribution {
                message: format!("Spark {version} in {} has no Spark Connect server", home.display()),
                hint: format!(
                    "put spark-connect_2.12-{version}.jar into its jars/, or name it in `config`: \
                     spark.jars.packages: org.apache.spark:spark-connect_2.12:{version}"
                ),
            });
        }
        let found = Self { home, version, java_home: settings.java_home.clone() };
        found.check_java(compute).await?;
        Ok(found)
    }

    async fn check_java(&self, compute: &str) -> Result<(), SparkFailure> {
        let fits = fitting_java(&self.version);
        let hint = format!("install Java {}, and name it with `java_home` of the compute or JAVA_HOME", or(fits));
        let java = match &self.java_home {
            Some(home) => home.join("bin/java"),
            None => PathBuf::from("java"),
        };
        let asked =
            tokio::process::Command::new(&java).arg("-version").stdin(Stdio::null()).kill_on_drop(true).output();
        let answer = match tokio::time::timeout(Duration::from_secs(20), asked).await {
            Ok(Ok(answer)) => String::from_utf8_lossy(&answer.stderr).into_owned(),
            Ok(Err(error)) => {
                let place = match &self.java_home {
                    Some(_) => format!("{} cannot be run: {error}", java.display()),
                    None => "no `java` is on the PATH".to_owned(),
                };
                let message = format!("compute `{compute}` needs Java for Spark {}: {place}", self.version);
                return Err(SparkFailure::Distribution { message, hint });
            }
            Err(_) => {
                let message = format!("compute `{compute}`: `{} -version` does not answer", java.display());
                return Err(SparkFailure::Distribution { message, hint });
            }
        };
        match java_version(&answer) {
            Some(version) if fits.contains(&version) => Ok(()),
            // A newer one than we know may do; Spark says so itself if it does not.
            Some(version) if fits.iter().all(|known| *known < version) => {
                tracing::warn!(version, spark = self.version, "Spark is not known to run on this Java");
                Ok(())
            }
            Some(version) => Err(SparkFailure::Distribution {
                message: format!(
                    "compute `{compute}`: Spark {} runs on Java {}, and {} is Java {version}",
                    self.version,
                    or(fits),
                    java.display()
                ),
                hint,
            }),
            None => Err(SparkFailure::Distribution {
                message: format!(
                    "compute `{compute}`: `{} -version` answers `{}`, which names no version",
                    java.display(),
                    answer.lines().next().unwrap_or_default()
                ),
                hint,
            }),
        }
    }
}

/// Source: Spark's documentation, "Downloading", of each version.
fn fitting_java(version: &str) -> &'static [u32] {
    if version.starts_with("3.") { &[8, 11, 17] } else { &[17, 21] }
}

fn or(versions: &[u32]) -> String {
    let versions: Vec<String> = versions.iter().map(ToString::to_string).collect();
    match versions.as_slice() {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        all => all.concat(),
    }
}

/// `openjdk version "17.0.15" 2025-04-15`, `java version "1.8.0_402"`.
fn java_version(answer: &str) -> Option<u32> {
    let quoted =
        answer.lines().find_map(|line| line.split_once("version \"")?.1.split_once('"').map(|(text, _)| text))?;
    let mut numbers = quoted.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    let first: u32 = numbers.next()?.parse().ok()?;
    if first == 1 { numbers.next()?.parse().ok() } else { Some(first) }
}

fn jars(home: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(home.join("jars")) else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

fn has_jar(home: &Path, prefix: &str) -> bool {
    jars(home).iter().any(|name| name.starts_with(prefix))
}

/// `spark-core_2.13-4.0.1.jar` is version 4.0.1.
pub(crate) fn version_in(home: &Path) -> Option<String> {
    jars(home).iter().find_map(|name| {
        let rest = name.strip_prefix("spark-core_")?.strip_suffix(".jar")?;
        Some(rest.split_once('-')?.1.to_owned())
    })
}

fn names_connect(config: &[(String, String)]) -> bool {
    let keys = ["spark.jars", "spark.jars.packages", "spark.driver.extraClassPath"];
    config.iter().any(|(key, value)| keys.contains(&key.as_str()) && value.contains("spark-connect"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn java_tells_its_version_in_two_ways() {
        assert_eq!(java_version("openjdk version \"17.0.15\" 2025-04-15\nOpenJDK"), Some(17));
        assert_eq!(java_version("Picked up X\njava version \"1.8.0_402\""), Some(8));
        assert_eq!(java_version("openjdk version \"21\" 2023"), Some(21));
        assert_eq!(java_version("command not found"), None);
    }
}
