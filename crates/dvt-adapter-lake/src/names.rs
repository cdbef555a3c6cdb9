//! Names in SQL and names on disk.

use datafusion::sql::sqlparser::ast::{Ident, ObjectName, ObjectNamePart};

/// A schema and a relation in it, as they are stored.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Name {
    pub(crate) schema: String,
    pub(crate) identifier: String,
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.schema, self.identifier)
    }
}

impl Name {
    pub(crate) fn relation(&self) -> dvt_adapter::RelationName {
        dvt_adapter::RelationName::new(None, Some(&self.schema), &self.identifier)
    }
}

/// The name an identifier means: unquoted ones fold to lower case.
pub(crate) fn normal(identifier: &Ident) -> String {
    match identifier.quote_style {
        Some(_) => identifier.value.clone(),
        None => identifier.value.to_lowercase(),
    }
}

/// The parts of a name.
///
/// # Errors
/// A sentence, when a part is not an identifier.
pub(crate) fn parts(name: &ObjectName) -> Result<Vec<String>, String> {
    name.0
        .iter()
        .map(|part| match part {
            ObjectNamePart::Identifier(identifier) => Ok(normal(identifier)),
            ObjectNamePart::Function(_) => Err(format!("`{name}` is not the name of a relation")),
        })
        .collect()
}

/// The relation a name means, in `default_schema` when it names none.
///
/// # Errors
/// A sentence, when there is a database part: a lake has no such level.
pub(crate) fn relation(name: &ObjectName, default_schema: &str) -> Result<Name, String> {
    match parts(name)?.as_slice() {
        [identifier] => Ok(Name { schema: default_schema.into(), identifier: identifier.clone() }),
        [schema, identifier] => Ok(Name { schema: schema.clone(), identifier: identifier.clone() }),
        _ => Err(format!("`{name}` has too many parts: a lake has schemas and relations, and no databases")),
    }
}
