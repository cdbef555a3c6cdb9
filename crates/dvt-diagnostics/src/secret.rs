//! Passwords: a type that does not print itself, and a filter for text that came from elsewhere.

use std::fmt;

/// A value that must appear in no output. `Debug` prints `***`; read it with [`Secret::expose`].
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Replaces known secret values in text on its way out (server messages can repeat a connection string).
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    secrets: Vec<Secret>,
}

impl Redactor {
    /// Registers a value. Values shorter than three bytes are left alone: replacing them would garble every line.
    pub fn add(&mut self, secret: Secret) {
        if secret.0.len() >= 3 && !self.secrets.contains(&secret) {
            self.secrets.push(secret);
            self.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.0.len()));
        }
    }

    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| {
            if text.contains(&secret.0) { text.replace(&secret.0, "*****") } else { text }
        })
    }
}
