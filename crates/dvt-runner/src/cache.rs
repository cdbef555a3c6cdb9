//! What each connection's schemas hold, so that macros need not ask the database again and again: dbt's relation cache.

use dvt_manifest::Relation;
use dvt_sql::{Dialect, IdentifierCase};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The cache of one connection. A schema is there only once it was read whole.
#[derive(Debug)]
pub(crate) struct RelationCache {
    ignores_case: bool,
    has_database: bool,
    /// The connection's own database: relations that name it and relations that name none are the same.
    database: Option<String>,
    schemas: Mutex<HashMap<SchemaKey, HashMap<String, Relation>>>,
    /// How often each schema has changed: what was read before a change is not kept after it.
    changes: Mutex<HashMap<SchemaKey, u64>>,
    links: Mutex<Links>,
}

type SchemaKey = (Option<String>, String);

/// Which views stand on which relations: what is dropped with `cascade` takes them along.
#[derive(Debug, Default)]
struct Links {
    is_known: bool,
    /// Schema and name of a relation, and of what reads it.
    dependents: HashMap<(String, String), Vec<(String, String)>>,
}

impl RelationCache {
    pub(crate) fn new(dialect: &Dialect, database: Option<&str>) -> Self {
        Self {
            // What folds to upper case is written in lower case by everybody; dbt compares it without case too.
            ignores_case: dialect.unquoted != IdentifierCase::FoldsLower,
            has_database: dialect.has_database,
            database: database.map(str::to_owned),
            schemas: Mutex::default(),
            changes: Mutex::default(),
            links: Mutex::default(),
        }
    }

    /// A number that changes with the schema: to be noted before the schema is read.
    pub(crate) fn state(&self, database: Option<&str>, schema: &str) -> u64 {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        changes.get(&self.key(database, schema)).copied().unwrap_or_default()
    }

    fn changed(&self, key: SchemaKey) {
        *self.changes.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default() += 1;
    }

    fn links(&self) -> MutexGuard<'_, Links> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody has told the links yet: who is about to read a schema must tell them first.
    pub(crate) fn asks_for_links(&self) -> bool {
        !self.links().is_known
    }

    /// Views and what they read, as (schema, name) pairs.
    pub(crate) fn set_links(&self, links: Vec<((String, String), (String, String))>) {
        let mut known = self.links();
        if std::mem::replace(&mut known.is_known, true) {
            return;
        }
        for (dependent, referenced) in links {
            let fold = |(schema, name): (String, String)| (self.fold(&schema), self.fold(&name));
            known.dependents.entry(fold(referenced)).or_default().push(fold(dependent));
        }
    }

    fn link_name(&self, relation: &Relation) -> Option<(String, String)> {
        Some((self.fold(relation.schema.as_deref().unwrap_or_default()), self.identifier(relation)?))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SchemaKey, HashMap<String, Relation>>> {
        self.schemas.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fold(&self, name: &str) -> String {
        if self.ignores_case { name.to_lowercase() } else { name.to_owned() }
    }

    fn key(&self, database: Option<&str>, schema: &str) -> SchemaKey {
        let database = database
            .filter(|name| self.has_database && Some(*name) != self.database.as_deref())
            .map(|name| self.fold(name));
        (database, self.fold(schema))
    }

    fn key_of(&self, relation: &Relation) -> SchemaKey {
        self.key(relation.database.as_deref(), relation.schema.as_deref().unwrap_or_default())
    }

    fn identifier(&self, relation: &Relation) -> Option<String> {
        relation.identifier.as_deref().map(|name| self.fold(name))
    }

    pub(crate) fn relations(&self, database: Option<&str>, schema: &str) -> Option<Vec<Relation>> {
        let schemas = self.lock();
        let mut relations: Vec<Relation> = schemas.get(&self.key(database, schema))?.values().cloned().collect();
        relations.sort_by(|left, right| left.identifier.cmp(&right.identifier));
        Some(relations)
    }

    /// The relation of this name; `None` while its schema was not read.
    pub(crate) fn relation(&self, database: Option<&str>, schema: &str, identifier: &str) -> Option<Option<Relation>> {
        Some(self.lock().get(&self.key(database, schema))?.get(&self.fold(identifier)).cloned())
    }

    /// Whether the relation is there; `None` while its schema was not read.
    pub(crate) fn holds(&self, relation: &Relation) -> Option<bool> {
        let name = self.identifier(relation)?;
        self.lock().get(&self.key_of(relation)).map(|schema| schema.contains_key(&name))
    }

    /// Stores what a schema held at `state`. What has changed since then, or what somebody else has stored, stays as it
    /// is: a slow reader must not bring back the past.
    pub(crate) fn set(&self, database: Option<&str>, schema: &str, relations: Vec<Relation>, state: u64) {
        if self.state(database, schema) != state {
            return;
        }
        let by_name = relations
            .into_iter()
            .filter_map(|relation| self.identifier(&relation).map(|name| (name, relation)))
            .collect();
        self.lock().entry(self.key(database, schema)).or_insert(by_name);
    }

    pub(crate) fn added(&self, relation: &Relation) {
        let Some(name) = self.identifier(relation) else { return };
        self.changed(self.key_of(relation));
        let mut schemas = self.lock();
        // A schema that nobody has read stays unread: it may hold more than this one relation.
        if let Some(schema) = schemas.get_mut(&self.key_of(relation)) {
            schema.insert(name, relation.clone());
        }
    }

    /// The relation is gone, and the views that stood on it.
    pub(crate) fn dropped(&self, relation: &Relation) {
        self.removed(relation);
        let Some(name) = self.link_name(relation) else { return };
        let mut links = self.links();
        let mut gone = vec![name];
        while let Some(name) = gone.pop() {
            for (schema, identifier) in links.dependents.remove(&name).unwrap_or_default() {
                let key = self.key(relation.database.as_deref(), &schema);
                if let Some(relations) = self.lock().get_mut(&key) {
                    relations.remove(&identifier);
                }
                gone.push((schema, identifier));
            }
        }
    }

    fn removed(&self, relation: &Relation) {
        let Some(name) = self.identifier(relation) else { return };
        self.changed(self.key_of(relation));
        if let Some(schema) = self.lock().get_mut(&self.key_of(relation)) {
            schema.remove(&name);
        }
    }

    pub(crate) fn renamed(&self, from: &Relation, to: &Relation) {
        let kind = {
            let schemas = self.lock();
            let old = self.identifier(from).and_then(|name| schemas.get(&self.key_of(from))?.get(&name).cloned());
            old.and_then(|old| old.kind).or(from.kind)
        };
        self.removed(from);
        self.rename_links(from, to);
        let mut renamed = to.clone();
        renamed.kind = kind.or(renamed.kind);
        self.added(&renamed);
    }

    fn rename_links(&self, from: &Relation, to: &Relation) {
        let (Some(from), Some(to)) = (self.link_name(from), self.link_name(to)) else { return };
        let mut links = self.links();
        for name in links.dependents.values_mut().flatten().filter(|name| **name == from) {
            name.clone_from(&to);
        }
        if let Some(dependents) = links.dependents.remove(&from) {
            links.dependents.entry(to).or_default().extend(dependents);
        }
    }

    /// Forgets everything: what a rollback undid is unknown.
    pub(crate) fn forget_all(&self) {
        let keys: Vec<SchemaKey> = self.lock().drain().map(|(key, _)| key).collect();
        keys.into_iter().for_each(|key| self.changed(key));
        *self.links() = Links::default();
    }

    pub(crate) fn schema_dropped(&self, database: Option<&str>, schema: &str) {
        let key = self.key(database, schema);
        self.lock().remove(&key);
        self.changed(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dvt_manifest::RelationKind;
    use dvt_sql::{MYSQL, POSTGRES};

    fn table(name: &str) -> Relation {
        Relation::new("c", Some("db"), Some("s"), Some(name)).with_kind(RelationKind::Table)
    }

    fn names(cache: &RelationCache) -> Option<Vec<String>> {
        Some(cache.relations(Some("db"), "s")?.into_iter().filter_map(|relation| relation.identifier).collect())
    }

    #[test]
    fn a_schema_is_unknown_until_it_is_read() {
        let cache = RelationCache::new(&POSTGRES, Some("db"));
        cache.added(&table("early"));
        assert_eq!(names(&cache), None);
        let before = cache.state(None, "s");
        cache.set(None, "s", vec![table("a")], before);
        cache.added(&table("b"));
        cache.set(None, "s", vec![table("a"), table("past")], before);
        cache.renamed(&table("a"), &Relation::new("c", Some("db"), Some("s"), Some("z")));
        assert_eq!(names(&cache), Some(vec!["b".to_owned(), "z".to_owned()]));
        assert_eq!(cache.relations(None, "s").unwrap()[1].kind, Some(RelationKind::Table));
        cache.dropped(&table("b"));
        assert_eq!(names(&cache), Some(vec!["z".to_owned()]));
        let before = cache.state(None, "s");
        cache.forget_all();
        assert_eq!(names(&cache), None);
        cache.set(None, "s", vec![table("past")], before);
        assert_eq!(names(&cache), None, "what was read before the rollback is not trusted");
    }

    #[test]
    fn what_stood_on_a_dropped_relation_is_gone_too() {
        let cache = RelationCache::new(&POSTGRES, Some("db"));
        cache.set(Some("db"), "s", vec![table("a"), table("b"), table("c"), table("d")], 0);
        assert!(cache.asks_for_links());
        let name = |name: &str| ("s".to_owned(), name.to_owned());
        cache.set_links(vec![(name("b"), name("a")), (name("c"), name("b")), (name("d"), name("c"))]);
        assert!(!cache.asks_for_links());
        cache.renamed(&table("a"), &table("a__dbt_backup"));
        cache.renamed(&table("c"), &table("moved"));
        cache.added(&table("a"));
        cache.dropped(&table("a__dbt_backup"));
        assert_eq!(names(&cache), Some(vec!["a".to_owned()]));
    }

    #[test]
    fn case_counts_where_the_engine_says_so() {
        for (dialect, left) in [(&POSTGRES, 1), (&MYSQL, 0)] {
            let cache = RelationCache::new(dialect, None);
            cache.set(None, "s", vec![Relation::new("c", None, Some("s"), Some("Orders"))], 0);
            cache.dropped(&Relation::new("c", None, Some("s"), Some("orders")));
            assert_eq!(cache.relations(None, "s").unwrap().len(), left);
        }
    }
}
