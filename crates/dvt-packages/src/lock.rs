//! `package-lock.yml`: what was resolved, and the hash of the list that it was resolved from.

use crate::cache::hex;
use crate::spec::CheckedEntry;
use crate::yaml_text::to_yaml;
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde_json::{Value, json};
use std::fmt::Write;

/// The text of the lock file.
pub(crate) fn lock_text(packages: &[Value], hash: &str) -> String {
    to_yaml(&json!({"packages": packages, "sha1_hash": hash}))
}

/// dbt's hash of a list of packages: SHA-1 over each item as Python prints it in JSON, sorted.
pub(crate) fn list_hash(entries: &[CheckedEntry]) -> String {
    let mut lines: Vec<String> = entries
        .iter()
        .map(|entry| {
            let mut line = String::new();
            write_python_json(&mut line, &entry.hashed);
            line
        })
        .collect();
    lines.sort();
    hex(digest(&SHA1_FOR_LEGACY_USE_ONLY, lines.join("\n").as_bytes()).as_ref())
}

/// JSON as Python's `json.dumps(…, sort_keys=True)` writes it: a space after commas and colons, ASCII only.
fn write_python_json(out: &mut String, value: &Value) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write_python_json(out, item);
            }
            out.push(']');
        }
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            out.push('{');
            for (index, key) in keys.into_iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write_python_text(out, key);
                out.push_str(": ");
                write_python_json(out, &map[key.as_str()]);
            }
            out.push('}');
        }
        Value::String(text) => write_python_text(out, text),
        other => out.push_str(&other.to_string()),
    }
}

fn write_python_text(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(character),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    // Writing to a String cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::check;

    fn hash(entries: &[Value]) -> String {
        let entries: Vec<_> = entries.iter().map(|entry| check(entry, entry).unwrap()).collect();
        list_hash(&entries)
    }

    /// The hashes are dbt-core 1.12's for the same lists.
    #[test]
    fn the_hash_is_the_one_that_dbt_computes() {
        assert_eq!(hash(&[json!({"local": "../a"})]), "95d915a2157c25384b59e63cd428e17675959efb");
        assert_eq!(
            hash(&[json!({"package": "fivetran/fivetran_utils", "version": "0.4.7"})]),
            "71304bca2138cf8004070b3573a1e17183c0c1a8"
        );
        assert_eq!(hash(&[json!({"package": "a/b", "version": 1.2})]), "4a4bd591b4e9db602fa30e85dfb55082bc9fdb86");
        assert_eq!(
            hash(&[json!({"package": "a/c", "version": [">=1.0.0", "<2", 1.0, 3]})]),
            "04606e889f89ad31c9739de230355e666410d64d"
        );
        assert_eq!(
            hash(&[
                json!({"git": "https://x", "revision": 1.0}),
                json!({"git": "g", "warn-unpinned": false, "subdirectory": "é"}),
                json!({"git": "z", "revision": "abc", "warn-unpinned": true}),
                json!({"tarball": "http://x", "name": "t"}),
                json!({"private": "o/r", "provider": "github", "revision": 3}),
            ]),
            "6baba65cdfc59494b341e6d35c0d0a37cd08ffc5"
        );
        assert_eq!(
            hash(&[
                json!({"git": "https://github.com/dbt-labs/dbt-multipe-packages.git",
                       "subdirectory": "dbt-utils-main", "revision": "v0.1.0"}),
                json!({"git": "https://github.com/dbt-labs/dbt-multipe-packages.git",
                       "subdirectory": "dbt-date-main", "revision": "v0.1.0"}),
            ]),
            "b9c8042f29446c55a33f9f211737f445a640c7a1"
        );
    }
}
