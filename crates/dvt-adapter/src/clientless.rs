//! Databases that dvt has no client for.
//!
//! Their projects are read, listed and compiled as long as no template asks the database: that needs nothing but how names are
//! written and what the profile says. Everything else is refused by name.

use crate::{
    Adapter, AdapterError, BatchStream, Capabilities, ColumnDescription, ConnectionIdentity, ErrorClass,
    ExtractRequest, LoadReport, LoadRequest, RelationDescription, RelationName, Session, UnsupportedType,
};
use arrow::datatypes::Field;
use async_trait::async_trait;
use dvt_sql::{ATHENA, Dialect, TRINO};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

/// What is known of a type of `profiles.yml` without a client.
#[derive(Debug)]
pub struct Clientless {
    pub adapter_type: &'static str,
    /// What `adapter.dispatch` tries before `default__`.
    pub dispatch_prefixes: &'static [&'static str],
    pub dialect: &'static Dialect,
    /// Other names of the profile's keys: the name that is written, then dbt's own. Templates see both.
    aliases: &'static [(&'static str, &'static str)],
    /// Values of keys that may be left out.
    defaults: &'static [(&'static str, &'static str)],
    /// Keys that templates see as `target`; none of them can hold a secret.
    shown: &'static [&'static str],
}

/// Every such type. Source: the keys in dbt's documentation of each adapter, "Connect … to dbt Core".
pub static CLIENTLESS: &[Clientless] = &[
    Clientless {
        adapter_type: "trino",
        dispatch_prefixes: &["trino"],
        dialect: &TRINO,
        aliases: &[("catalog", "database")],
        defaults: &[],
        shown: &["method", "host", "port", "user", "prepared_statements_enabled"],
    },
    Clientless {
        adapter_type: "athena",
        dispatch_prefixes: &["athena"],
        dialect: &ATHENA,
        aliases: &[("catalog", "database")],
        defaults: &[("database", "awsdatacatalog")],
        shown: &["s3_staging_dir", "s3_data_dir", "s3_data_naming", "region_name", "work_group"],
    },
];

static CAPABILITIES: Capabilities = Capabilities {
    transactional_ddl: false,
    describes_queries: false,
    concurrent_writers: false,
    binary_text_by_default: false,
};

/// One output of such a type.
pub struct ClientlessAdapter {
    connection: String,
    kind: &'static Clientless,
    target_values: Map<String, Value>,
}

impl ClientlessAdapter {
    /// Reads the rendered output. Keys that need a client are nobody's business here.
    ///
    /// # Errors
    /// Class `Configuration`: the output names no schema.
    pub fn from_profile(
        connection: &str,
        kind: &'static Clientless,
        output: &Map<String, Value>,
    ) -> Result<Self, AdapterError> {
        let mut values = Map::new();
        for key in ["database", "schema"].iter().chain(kind.shown) {
            let given = output.get(*key).or_else(|| {
                let alias = kind.aliases.iter().find(|(alias, name)| name == key && output.contains_key(*alias));
                alias.and_then(|(alias, _)| output.get(*alias))
            });
            if let Some(given) = given.filter(|given| !given.is_null()) {
                values.insert((*key).to_owned(), given.clone());
            }
        }
        for (key, value) in kind.defaults {
            values.entry(*key).or_insert_with(|| Value::from(*value));
        }
        if !values.get("schema").is_some_and(Value::is_string) {
            let key = kind.aliases.iter().find(|(_, name)| *name == "schema").map_or("schema", |(alias, _)| *alias);
            let message = format!("profile key `{key}` is missing");
            return Err(AdapterError::new(ErrorClass::Configuration, connection, message));
        }
        if !kind.dialect.has_database {
            // Its schemas lie in nothing: dbt shows the schema for both.
            values.insert("database".to_owned(), Value::Null);
        }
        for (alias, name) in kind.aliases {
            if let Some(value) = values.get(*name).cloned() {
                values.insert((*alias).to_owned(), value);
            }
        }
        values.insert("type".to_owned(), Value::from(kind.adapter_type));
        Ok(Self { connection: connection.to_owned(), kind, target_values: values })
    }

    fn refused<T>(&self) -> Result<T, AdapterError> {
        let kind = self.kind.adapter_type;
        let message = format!("dvt has no client for {kind}: this project can be parsed, listed and compiled, not run");
        Err(AdapterError::new(ErrorClass::Configuration, &self.connection, message).with_hint(
            "compile with --no-introspect --no-populate-cache, or give the output a type that dvt has a client for",
        ))
    }

    fn text(&self, key: &str) -> String {
        self.target_values.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

#[async_trait]
impl Adapter for ClientlessAdapter {
    fn connection(&self) -> &str {
        &self.connection
    }

    fn adapter_type(&self) -> &'static str {
        self.kind.adapter_type
    }

    fn dialect(&self) -> &'static Dialect {
        self.kind.dialect
    }

    fn capabilities(&self) -> &Capabilities {
        &CAPABILITIES
    }

    fn identity(&self) -> ConnectionIdentity {
        ConnectionIdentity {
            adapter_type: self.kind.adapter_type.to_owned(),
            host: self.text("host"),
            port: None,
            database: self.text("database"),
            user: self.text("user"),
        }
    }

    fn target_values(&self) -> Map<String, Value> {
        self.target_values.clone()
    }

    async fn session(&self) -> Result<Box<dyn Session>, AdapterError> {
        self.refused()
    }

    async fn describe(&self, _relations: &[RelationName]) -> Result<Vec<Option<RelationDescription>>, AdapterError> {
        self.refused()
    }

    async fn describe_query(&self, _sql: &str) -> Result<Vec<ColumnDescription>, AdapterError> {
        self.refused()
    }

    async fn extract(&self, _request: ExtractRequest, _cancel: CancellationToken) -> Result<BatchStream, AdapterError> {
        self.refused()
    }

    fn column_type(&self, field: &Field) -> Result<String, UnsupportedType> {
        Err(UnsupportedType {
            column: field.name().clone(),
            data_type: field.data_type().to_string(),
            adapter_type: self.kind.adapter_type.to_owned(),
            reason: "dvt has no client for it".to_owned(),
        })
    }

    async fn load(
        &self,
        _request: LoadRequest,
        _rows: BatchStream,
        _cancel: CancellationToken,
    ) -> Result<LoadReport, AdapterError> {
        self.refused()
    }

    fn display_location(&self) -> String {
        format!("{}:{}", self.kind.adapter_type, self.text("database"))
    }
}

#[cfg(test)]
mod tests {
    use super::{CLIENTLESS, ClientlessAdapter};
    use crate::{Adapter, ErrorClass};
    use serde_json::{Value, json};

    fn adapter(output: &Value) -> Result<ClientlessAdapter, String> {
        let kind = CLIENTLESS.iter().find(|kind| output["type"] == kind.adapter_type).unwrap();
        ClientlessAdapter::from_profile("dev", kind, output.as_object().unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn templates_see_both_names_of_a_key_and_no_secret() {
        let output = json!({
            "type": "trino", "method": "ldap", "user": "u", "password": "hidden", "host": "h", "port": 8080,
            "catalog": "shop", "schema": "dev",
        });
        let values = Value::Object(adapter(&output).unwrap().target_values());
        let expected = json!({
            "type": "trino", "database": "shop", "catalog": "shop", "schema": "dev", "method": "ldap", "user": "u",
            "host": "h", "port": 8080,
        });
        assert_eq!(values, expected);
    }

    #[test]
    fn a_missing_schema_is_named() {
        let wrong = adapter(&json!({"type": "trino", "catalog": "shop"})).err().unwrap();
        assert!(wrong.contains("`schema` is missing"), "{wrong}");
    }

    #[tokio::test]
    async fn whatever_needs_the_database_is_refused_by_name() {
        let adapter = adapter(&json!({"type": "trino", "catalog": "c", "schema": "s"})).unwrap();
        let error = adapter.session().await.err().unwrap();
        assert_eq!(error.class, ErrorClass::Configuration);
        assert!(error.message.contains("no client for trino"), "{}", error.message);
    }
}
