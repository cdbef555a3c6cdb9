//! What makes two extracts the same one.

use arrow::datatypes::Schema;
use dvt_adapter::ConnectionIdentity;
use sha2::{Digest, Sha256};
use std::fmt;

/// The identity of an extract: where it comes from, the exact SQL (so its columns, predicates and limit) and the types of
/// its columns. Two models share an extract only if their keys are equal, so that neither sees rows or columns that the
/// other asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StagingKey(String);

impl StagingKey {
    /// The key of the extract that `sql` gives on the connection, delivered as `schema`.
    #[must_use]
    pub fn new(identity: &ConnectionIdentity, sql: &str, schema: &Schema) -> Self {
        let mut hash = Sha256::new();
        let mut part = |text: &str| {
            // The length goes first, so that no two lists of parts run together to the same bytes.
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        };
        part("dvt extract 1");
        part(&identity.adapter_type);
        part(&identity.host);
        part(&identity.port.map(|port| port.to_string()).unwrap_or_default());
        part(&identity.database);
        part(&identity.user);
        part(sql);
        for field in schema.fields() {
            part(field.name());
            part(&field.data_type().to_string());
            part(if field.is_nullable() { "null" } else { "not null" });
            let mut metadata: Vec<_> = field.metadata().iter().collect();
            metadata.sort();
            part(&metadata.len().to_string());
            for (key, value) in metadata {
                part(key);
                part(value);
            }
        }
        let digest = hash.finalize();
        Self(digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect())
    }

    /// The key as the name of a folder: 24 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StagingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
