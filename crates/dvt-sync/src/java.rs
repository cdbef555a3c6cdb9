//! The Java of this machine, and which ones a Spark version runs on.
//!
//! Source: Spark's documentation, "Downloading": 3.x runs on Java 8, 11 and 17, 4.x on Java 17 and 21.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A Java that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JavaFound {
    pub program: PathBuf,
    /// `17`; the old `1.8` counts as 8.
    pub major: u32,
}

/// The Java that Spark's scripts would start: `JAVA_HOME`'s, else the first on `PATH`. Starts it once. Blocks.
///
/// # Errors
/// What is wrong with it, for people.
pub fn find_java(environment: &BTreeMap<String, String>) -> Result<JavaFound, String> {
    let home = environment.get("JAVA_HOME").filter(|home| !home.is_empty());
    let program = match home {
        Some(home) => {
            let program = Path::new(home).join("bin/java");
            if !program.is_file() {
                return Err(format!("JAVA_HOME is `{home}`, and `{}` is not there", program.display()));
            }
            program
        }
        None => crate::client::on_path("java", environment).ok_or("there is no `java` on PATH, and no JAVA_HOME")?,
    };
    let output = Command::new(&program)
        .arg("-version")
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("`{}` cannot be started: {error}", program.display()))?;
    let words = format!("{}{}", String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    match major_version(&words) {
        Some(major) if output.status.success() => Ok(JavaFound { program, major }),
        _ => Err(format!(
            "`{} -version` does not tell a version: {}",
            program.display(),
            words.lines().next().unwrap_or("no output")
        )),
    }
}

/// `openjdk version "17.0.12"`, `java version "1.8.0_402"`, `openjdk version "21"`.
fn major_version(words: &str) -> Option<u32> {
    let quoted = words.lines().find(|line| line.contains("version"))?.split('"').nth(1)?;
    let mut parts = quoted.split(['.', '-', '+', '_']);
    let first: u32 = parts.next()?.parse().ok()?;
    if first == 1 { parts.next()?.parse().ok() } else { Some(first) }
}

/// The Java versions that a Spark version runs on; `None` for a version that is none.
#[must_use]
pub fn java_versions_for_spark(version: &str) -> Option<&'static [u32]> {
    match version.split('.').next()?.parse::<u32>().ok()? {
        3 => Some(&[8, 11, 17]),
        4 => Some(&[17, 21]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{java_versions_for_spark, major_version};

    #[test]
    fn versions_are_read_as_each_vendor_writes_them() {
        let check = |words: &str, expected: Option<u32>| assert_eq!(major_version(words), expected, "{words}");
        check("openjdk version \"17.0.12\" 2024-07-16\nOpenJDK Runtime Environment", Some(17));
        check("java version \"1.8.0_402\"\n", Some(8));
        check("Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version \"21\" 2023-09-19", Some(21));
        check("openjdk version \"22-ea\" 2024-03-19", Some(22));
        check("no such thing", None);
    }

    #[test]
    fn each_spark_has_its_javas() {
        assert_eq!(java_versions_for_spark("3.5.9"), Some([8, 11, 17].as_slice()));
        assert_eq!(java_versions_for_spark("4.0.0"), Some([17, 21].as_slice()));
        assert_eq!(java_versions_for_spark("latest"), None);
    }
}
