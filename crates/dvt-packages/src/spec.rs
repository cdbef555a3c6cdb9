//! One item of `packages:`, checked: which kind of package, and what is asked of it.

use dvt_diagnostics::Diagnostic;
use dvt_project::{PackageEntry, malformed_packages};
use serde_json::{Map, Value, json};

/// A package as the user asks for it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PackageSpec {
    Local(LocalSpec),
    Tarball(TarballSpec),
    Git(GitSpec),
    /// `private:`: a git repository whose address the provider's settings say.
    Private(PrivateSpec),
    Hub(HubSpec),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LocalSpec {
    pub(crate) local: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TarballSpec {
    pub(crate) tarball: String,
    /// The address as it was written, for the lock file.
    pub(crate) tarball_unrendered: String,
    pub(crate) name: String,
    /// dvt's own: what the archive must hash to.
    pub(crate) sha256: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GitSpec {
    pub(crate) git: String,
    /// The address as it was written, for the lock file.
    pub(crate) git_unrendered: String,
    pub(crate) checkout: Checkout,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PrivateSpec {
    pub(crate) private: String,
    pub(crate) provider: Option<String>,
    pub(crate) checkout: Checkout,
}

/// What of a repository is wanted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Checkout {
    /// A tag, a branch or a commit.
    pub(crate) revision: Option<String>,
    pub(crate) subdirectory: Option<String>,
    pub(crate) warn_unpinned: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HubSpec {
    pub(crate) package: String,
    pub(crate) versions: Vec<String>,
    pub(crate) install_prerelease: bool,
}

/// A checked item and how dbt's own reader holds it, which its hash is made of.
#[derive(Clone, Debug)]
pub(crate) struct CheckedEntry {
    pub(crate) spec: PackageSpec,
    pub(crate) hashed: Value,
}

/// What a key's value may be.
#[derive(Clone, Copy)]
enum Takes {
    Text,
    OptionalText,
    OptionalBool,
    /// A text or a number; absent too.
    OptionalVersion,
    /// A text, a number or a list of these.
    Versions,
}

const KINDS: [(&str, &[(&str, Takes)]); 5] = [
    ("local", &[("local", Takes::Text), ("name", Takes::OptionalText)]),
    ("tarball", &[("tarball", Takes::Text), ("name", Takes::Text), ("sha256", Takes::OptionalText)]),
    (
        "git",
        &[
            ("git", Takes::Text),
            ("revision", Takes::OptionalVersion),
            ("warn-unpinned", Takes::OptionalBool),
            ("subdirectory", Takes::OptionalText),
            ("name", Takes::OptionalText),
        ],
    ),
    (
        "package",
        &[
            ("package", Takes::Text),
            ("version", Takes::Versions),
            ("install_prerelease", Takes::OptionalBool),
            ("name", Takes::OptionalText),
        ],
    ),
    (
        "private",
        &[
            ("private", Takes::Text),
            ("provider", Takes::OptionalText),
            ("revision", Takes::OptionalVersion),
            ("warn-unpinned", Takes::OptionalBool),
            ("subdirectory", Takes::OptionalText),
            ("name", Takes::OptionalText),
        ],
    ),
];

/// Checks the items of `packages:`.
///
/// # Errors
/// The first item that is none of dbt's kinds of package, with its place.
pub(crate) fn check_entries(entries: &[PackageEntry]) -> Result<Vec<CheckedEntry>, Diagnostic> {
    entries
        .iter()
        .map(|entry| {
            check(&entry.value, &entry.unrendered)
                .map_err(|reason| malformed_packages(&reason).label(entry.span.clone(), "this package"))
        })
        .collect()
}

/// One item, or what is wrong with it as a sentence.
pub(crate) fn check(value: &Value, unrendered: &Value) -> Result<CheckedEntry, String> {
    let Some(map) = value.as_object() else {
        return Err("a package is a dictionary with one of the keys package, git, local, tarball, private".to_owned());
    };
    for (key, what) in [("package", "hub"), ("local", "local"), ("git", "git")] {
        if map.get(key).and_then(Value::as_str) == Some("") {
            return Err(format!("A {what} package is missing the value. It is a required property."));
        }
    }
    if let Some(package) = map.get("package").and_then(Value::as_str) {
        let has_version = match map.get("version") {
            None | Some(Value::Null) => false,
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Array(items)) => !items.is_empty(),
            Some(_) => true,
        };
        if !has_version {
            return Err(format!(
                "{package} is missing the version. When installing from the Hub package index, version is a required \
                 property"
            ));
        }
        if !package.contains('/') {
            return Err(format!(
                "{package} was not found in the package index. Packages on the index require a namespace, e.g \
                 dbt-labs/dbt_utils"
            ));
        }
    }
    let kinds: Vec<_> = KINDS.iter().filter(|(kind, _)| map.contains_key(*kind)).collect();
    let [(kind, fields)] = kinds.as_slice() else {
        return Err(match kinds.as_slice() {
            [] => "a package needs one of the keys package, git, local, tarball, private".to_owned(),
            several => format!(
                "a package has one source, but this one has {}",
                several.iter().map(|(kind, _)| format!("`{kind}`")).collect::<Vec<_>>().join(" and ")
            ),
        });
    };
    for key in map.keys() {
        if !fields.iter().any(|(known, _)| known == key) && key != "unrendered" {
            let known: Vec<&str> = fields.iter().map(|(known, _)| *known).collect();
            return Err(format!("`{key}` is not a key of a `{kind}` package; it has {}", known.join(", ")));
        }
    }
    for (key, takes) in *fields {
        check_type(kind, key, *takes, map.get(*key))?;
    }
    Ok(CheckedEntry { spec: spec(kind, map, unrendered), hashed: hashed(fields, map, unrendered) })
}

fn check_type(kind: &str, key: &str, takes: Takes, value: Option<&Value>) -> Result<(), String> {
    let value = value.unwrap_or(&Value::Null);
    let is_version = |value: &Value| value.is_string() || value.is_number();
    let (is_right, expected) = match takes {
        Takes::Text => (value.is_string(), "a text"),
        Takes::OptionalText => (value.is_string() || value.is_null(), "a text"),
        Takes::OptionalBool => (value.is_boolean() || value.is_null(), "true or false"),
        Takes::OptionalVersion => (is_version(value) || value.is_null(), "a text"),
        Takes::Versions => (
            is_version(value) || value.as_array().is_some_and(|items| items.iter().all(is_version)),
            "a version or a list of versions",
        ),
    };
    if is_right {
        return Ok(());
    }
    Err(match value {
        Value::Null => format!("a `{kind}` package needs `{key}`"),
        value => format!("`{key}` must be {expected}, but it is {value}"),
    })
}

fn spec(kind: &str, map: &Map<String, Value>, unrendered: &Value) -> PackageSpec {
    let text = |key: &str| map.get(key).and_then(scalar_text);
    let written = |key: &str| {
        unrendered
            .get(key)
            .and_then(scalar_text)
            .filter(|text| !text.is_empty())
            .or_else(|| text(key))
            .unwrap_or_default()
    };
    let checkout = || Checkout {
        revision: text("revision"),
        subdirectory: text("subdirectory").filter(|path| !path.is_empty()),
        warn_unpinned: map.get("warn-unpinned") != Some(&Value::Bool(false)),
    };
    match kind {
        "local" => PackageSpec::Local(LocalSpec { local: text("local").unwrap_or_default() }),
        "tarball" => PackageSpec::Tarball(TarballSpec {
            tarball: text("tarball").unwrap_or_default(),
            tarball_unrendered: written("tarball"),
            name: text("name").unwrap_or_default(),
            sha256: text("sha256"),
        }),
        "git" => PackageSpec::Git(GitSpec {
            git: text("git").unwrap_or_default(),
            git_unrendered: written("git"),
            checkout: checkout(),
        }),
        "private" => PackageSpec::Private(PrivateSpec {
            private: text("private").unwrap_or_default(),
            provider: text("provider"),
            checkout: checkout(),
        }),
        _ => PackageSpec::Hub(HubSpec {
            package: text("package").unwrap_or_default(),
            versions: match map.get("version") {
                Some(Value::Array(items)) => items.iter().filter_map(scalar_text).collect(),
                other => other.and_then(scalar_text).into_iter().collect(),
            },
            install_prerelease: map.get("install_prerelease") == Some(&Value::Bool(true)),
        }),
    }
}

/// The dictionary that dbt hashes: all keys of the kind, absent ones null, beside the item as it was written. A whole
/// number is a text to dbt's reader of versions, a broken one stays a number.
fn hashed(fields: &[(&str, Takes)], map: &Map<String, Value>, unrendered: &Value) -> Value {
    let version = |value: &Value| match value {
        Value::Number(number) if !number.is_f64() => json!(number.to_string()),
        other => other.clone(),
    };
    let mut hashed = Map::new();
    for (key, takes) in fields {
        let value = match (map.get(*key).unwrap_or(&Value::Null), takes) {
            (Value::Null, _) if matches!(*key, "name" | "sha256") => continue,
            (Value::Null, _) if *key == "install_prerelease" && !map.contains_key(*key) => json!(false),
            (Value::Array(items), Takes::Versions) => Value::Array(items.iter().map(version).collect()),
            (value, Takes::Versions | Takes::OptionalVersion) => version(value),
            (value, _) => value.clone(),
        };
        hashed.insert((*key).to_owned(), value);
    }
    hashed.insert("unrendered".to_owned(), unrendered.clone());
    Value::Object(hashed)
}

fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(value: Value) -> String {
        check(&value, &value).err().unwrap_or_default()
    }

    #[test]
    fn every_kind_is_told_by_its_key_and_refuses_what_is_not_its_own() {
        assert!(wrong(json!({"package": "", "version": "1.0.0"})).contains("A hub package is missing the value"));
        assert!(wrong(json!({"git": "", "revision": "1"})).contains("A git package is missing the value"));
        assert!(wrong(json!({"local": ""})).contains("A local package is missing the value"));
        assert!(wrong(json!({"package": "a/b"})).contains("is missing the version"));
        assert!(wrong(json!({"package": "b", "version": 1})).contains("require a namespace"));
        assert!(wrong(json!({"tarball": "https://x", "version": "v"})).contains("`version` is not a key"));
        assert!(wrong(json!({"tarball": "https://x"})).contains("needs `name`"));
        assert!(wrong(json!({"git": "g", "local": "l"})).contains("one source"));
        assert!(wrong(json!({"git": "g", "revision": true})).contains("`revision`"));
        assert!(wrong(json!("x")).contains("dictionary"));
    }
}
