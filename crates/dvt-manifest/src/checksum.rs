//! The fingerprint of a node's file, by which `state:modified` knows that a body changed.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// dbt's `FileHash`: `sha256` of the contents, `path` for a seed too large to hash, `none` for what has no file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Checksum {
    pub name: String,
    pub checksum: String,
}

impl Checksum {
    /// SHA-256 of the text with each run of blanks and line ends as one blank, so that formatting changes nothing:
    /// what dbt 1.12 keeps of a file.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        let words: Vec<&str> = text.split_whitespace().collect();
        Self::of_bytes(words.join(" ").as_bytes())
    }

    /// SHA-256 of a seed's text: without the blanks around it, line ends as `\n`.
    #[must_use]
    pub fn of_seed(text: &str) -> Self {
        Self::of_bytes(text.replace("\r\n", "\n").trim().as_bytes())
    }

    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self { name: "sha256".to_owned(), checksum: hex(&Sha256::digest(bytes)) }
    }

    /// For a seed over 1 MiB dbt keeps the path in place of a hash.
    #[must_use]
    pub fn of_path(path: &str) -> Self {
        Self { name: "path".to_owned(), checksum: path.to_owned() }
    }

    #[must_use]
    pub fn none() -> Self {
        Self { name: "none".to_owned(), checksum: String::new() }
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from(b"0123456789abcdef"[usize::from(nibble)]));
        }
        text
    })
}
