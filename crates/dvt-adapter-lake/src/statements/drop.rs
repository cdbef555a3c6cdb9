//! DROP TABLE, DROP VIEW, DROP SCHEMA.

use super::{Answer, done};
use crate::lake::Lake;
use crate::names::{self, Name};
use crate::profile::ROOT_SCHEMA;
use datafusion::sql::sqlparser::ast::{ObjectName, ObjectType};
use dvt_adapter::{AdapterError, ErrorClass};

pub(super) async fn relations(
    lake: &Lake,
    object_type: ObjectType,
    if_exists: bool,
    object_names: &[ObjectName],
    cascade: bool,
) -> Result<Answer, AdapterError> {
    for object_name in object_names {
        match object_type {
            ObjectType::Table | ObjectType::View => {
                relation(lake, object_type == ObjectType::View, if_exists, &lake.name(object_name)?).await?;
            }
            ObjectType::Schema => schema(lake, if_exists, object_name, cascade).await?,
            other => return Err(lake.errors.unsupported(format_args!("DROP {other}"))),
        }
    }
    Ok(done(format!("DROP {object_type}")))
}

async fn relation(lake: &Lake, is_view: bool, if_exists: bool, name: &Name) -> Result<(), AdapterError> {
    let Some(stored) = lake.find(name).await? else {
        lake.layout.remove_remains(name).await.map_err(|error| lake.errors.io("dropping", name, error))?;
        return if if_exists { Ok(()) } else { lake.find_or_missing(name).await.map(|_| ()) };
    };
    if stored.is_view() != is_view {
        let (is, isnt) = if is_view { ("table", "view") } else { ("view", "table") };
        let message = format!("`{name}` is a {is}, not a {isnt}");
        return Err(lake.errors.of(ErrorClass::Other, message).with_relation(name.relation()));
    }
    lake.refuse_foreign_files(name, &stored)?;
    lake.layout.remove(&stored).await.map_err(|error| lake.errors.io("dropping", name, error))
}

async fn schema(lake: &Lake, if_exists: bool, object_name: &ObjectName, cascade: bool) -> Result<(), AdapterError> {
    let parts = names::parts(object_name).map_err(|problem| lake.errors.of(ErrorClass::Other, problem))?;
    let [schema] = parts.as_slice() else {
        return Err(lake.errors.unsupported(format_args!("a schema named `{object_name}`: a lake has no databases")));
    };
    let refused = |message: String| lake.errors.of(ErrorClass::Other, message);
    if schema == ROOT_SCHEMA {
        return Err(refused(format!("schema `{schema}` is the lake's own folder and cannot be dropped")));
    }
    let marker = Name { schema: schema.clone(), identifier: "*".into() };
    let failed = |error| lake.errors.io("dropping the schema of", &marker, error);
    if !lake.layout.schema_exists(schema).await.map_err(failed)? {
        return if if_exists { Ok(()) } else { Err(refused(format!("schema `{schema}` does not exist"))) };
    }
    let relations = lake.layout.relations(schema).await.map_err(failed)?;
    if !relations.is_empty() && !cascade {
        let names: Vec<String> = relations.keys().take(3).map(|name| format!("`{name}`")).collect();
        return Err(refused(format!("schema `{schema}` is not empty: it holds {}", names.join(", ")))
            .with_hint("drop schema … cascade drops its relations too"));
    }
    for (identifier, stored) in &relations {
        lake.refuse_foreign_files(&Name { schema: schema.clone(), identifier: identifier.clone() }, stored)?;
    }
    for stored in relations.values() {
        lake.layout.remove(stored).await.map_err(failed)?;
    }
    // Only what dvt knows is removed; with other files in it the folder stays, and that is said.
    lake.layout
        .remove_schema(schema)
        .await
        .map_err(|error| refused(format!("schema `{schema}`: {error}")).with_cause(error))
}
