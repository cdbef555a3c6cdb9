//! dbt's Relation object over [`Relation`].

use crate::bridge::EventTimeFilter;
use crate::engine::Interpreter;
use crate::error::{Flow, raise};
use crate::{Args, Dict, Object, Value};
use dvt_manifest::{Include, Quoting, Relation, RelationKind};
use serde_json::Value as Json;

/// The parts of a relation's path.
const PARTS: [&str; 3] = ["database", "schema", "identifier"];

/// PostgreSQL cuts longer names off.
const POSTGRES_NAME_LENGTH: usize = 63;
const REDSHIFT_NAME_LENGTH: usize = 127;

/// The characters that dbt lets a relation's name have on this type of adapter; `None` where it does not count them.
fn name_length(adapter_type: &str) -> Option<usize> {
    match adapter_type {
        "postgres" => Some(POSTGRES_NAME_LENGTH),
        "redshift" => Some(REDSHIFT_NAME_LENGTH),
        _ => None,
    }
}

/// What a relation can be asked, beside what its class can.
const METHODS: &[&str] = &[
    "include",
    "replace",
    "render_event_time_filtered",
    "quote",
    "incorporate",
    "replace_path",
    "render",
    "render_limited",
    "without_identifier",
    "information_schema",
    "information_schema_only",
    "matches",
    "quoted",
    "get",
    "to_dict",
    "relation_max_name_length",
    "get_function_config",
    "get_function_macro_name",
    "create",
    "create_from",
    "get_default_quote_policy",
    "get_default_include_policy",
    "add_ephemeral_prefix",
    "scd_args",
];

/// How many of [`METHODS`] the class has as well: they are the last ones.
const CLASS_METHODS: usize = 6;

/// A relation in a template.
#[derive(Clone, Debug)]
pub(crate) struct RelationValue {
    pub(crate) relation: Relation,
    /// `--empty`: written as a subquery that gives no rows.
    pub(crate) limit: Option<u64>,
    /// `--sample` and microbatch: written as a subquery that gives the rows of this time.
    pub(crate) event_time_filter: Option<EventTimeFilter>,
    /// dbt's InformationSchema: the view of it, where one was named.
    pub(crate) information_schema: Option<Option<String>>,
}

impl RelationValue {
    pub(crate) fn new(relation: Relation) -> Self {
        Self { relation, limit: None, event_time_filter: None, information_schema: None }
    }

    fn with(&self, change: impl FnOnce(&mut Relation)) -> Self {
        let mut changed = self.clone();
        change(&mut changed.relation);
        changed
    }

    /// The relation as a value, unless its name is longer than the engine keeps. dbt checks relations with a type alone:
    /// one without stands for a name that nobody makes.
    fn checked(self, interpreter: &Interpreter<'_>) -> Result<Value, Flow> {
        if let Some(length) = name_length(interpreter.bridge.adapter_type())
            && let (Some(identifier), true) = (&self.relation.identifier, self.relation.kind.is_some())
            && identifier.chars().count() > length
        {
            return Err(raise(format!("Relation name '{identifier}' is longer than {length} characters")));
        }
        Ok(Value::object(self))
    }

    fn render(&self) -> String {
        match &self.information_schema {
            Some(Some(view)) => format!("{}.{view}", self.relation),
            _ => self.relation.render(),
        }
    }

    fn subquery_alias(&self, kind: &str) -> String {
        format!(" _dbt_{kind}_subq_{}", self.relation.identifier.as_deref().unwrap_or_default())
    }

    fn render_limited(&self) -> String {
        let rendered = self.render();
        let alias = self.subquery_alias("limit");
        match self.limit {
            None => rendered,
            Some(0) => format!("(select * from {rendered} where false limit 0){alias}"),
            Some(limit) => format!("(select * from {rendered} limit {limit}){alias}"),
        }
    }

    /// The rows of the filter's time of what is rendered.
    fn render_filtered(&self, rendered: String) -> String {
        let condition = self.event_time_filter.as_ref().map(EventTimeFilter::condition).unwrap_or_default();
        if condition.is_empty() {
            return rendered;
        }
        format!("(select * from {rendered} where {condition}){}", self.subquery_alias("et_filter"))
    }

    /// The relation as SQL reads it: limited first, then filtered. A function is called, not read.
    fn written(&self) -> String {
        if self.relation.kind == Some(RelationKind::Function) {
            return self.render();
        }
        self.render_filtered(self.render_limited())
    }
}

fn policy(database: bool, schema: bool, identifier: bool) -> Value {
    let mut dict = Dict::new();
    dict.set("database", database);
    dict.set("schema", schema);
    dict.set("identifier", identifier);
    Value::dict(dict)
}

fn kind_of(value: &Value, args: &Args) -> Result<Option<RelationKind>, Flow> {
    match value {
        Value::None | Value::Undefined(_) => Ok(None),
        other => {
            let word = other.to_string();
            match RelationKind::parse(&word) {
                Some(kind) => Ok(Some(kind)),
                None => {
                    Err(args.wrong_type("type", "a relation type (table, view, materialized_view, external)", other))
                }
            }
        }
    }
}

fn optional_text(value: Value) -> Option<String> {
    match value {
        Value::None | Value::Undefined(_) => None,
        other => Some(other.to_string()),
    }
}

impl Object for RelationValue {
    fn type_name(&self) -> &str {
        "Relation"
    }

    fn display(&self) -> String {
        self.written()
    }

    fn repr(&self) -> String {
        format!("<Relation {}>", self.render())
    }

    /// dbt's relations pass as mappings; dbt_utils tells them from text by this.
    fn is_mapping(&self) -> bool {
        true
    }

    fn is_true(&self) -> bool {
        true
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        let relation = &self.relation;
        let is = |kind| Value::Bool(relation.kind == Some(kind));
        Some(match name {
            "database" => Value::from(relation.database.clone()),
            "schema" => Value::from(relation.schema.clone()),
            "identifier" | "name" | "table" => Value::from(relation.identifier.clone()),
            "type" => relation.kind.map_or(Value::None, |kind| Value::from(kind.as_str())),
            "connection" => Value::from(relation.connection.as_str()),
            "is_table" => is(RelationKind::Table),
            "is_view" => is(RelationKind::View),
            "is_cte" => is(RelationKind::Cte),
            "is_materialized_view" => is(RelationKind::MaterializedView),
            "is_external" => is(RelationKind::External),
            "is_function" => is(RelationKind::Function),
            "is_pointer" | "is_dynamic_table" => Value::Bool(false),
            "renameable_relations" | "replaceable_relations" => {
                Value::list(vec![Value::from("table"), Value::from("view")])
            }
            "can_be_renamed" => Value::Bool(matches!(relation.kind, Some(RelationKind::Table | RelationKind::View))),
            "can_be_replaced" => Value::Bool(relation.kind == Some(RelationKind::View)),
            "path" => {
                let mut dict = Dict::new();
                dict.set("database", relation.database.clone());
                dict.set("schema", relation.schema.clone());
                dict.set("identifier", relation.identifier.clone());
                Value::dict(dict)
            }
            "quote_policy" => policy(relation.quoting.database, relation.quoting.schema, relation.quoting.identifier),
            "include_policy" => policy(relation.include.database, relation.include.schema, relation.include.identifier),
            "quote_character" => Value::from(relation.quote.to_string()),
            "limit" => self.limit.map_or(Value::None, |limit| Value::Int(i128::from(limit))),
            "event_time_filter" => self.event_time_filter.as_ref().map_or(Value::None, EventTimeFilter::to_value),
            "require_alias" => Value::Bool(true),
            "dbt_created" => Value::Bool(false),
            "catalog" => Value::None,
            "information_schema_view" if self.information_schema.is_some() => {
                Value::from(self.information_schema.clone().flatten())
            }
            other => return kind_named(other),
        })
    }

    fn methods(&self) -> &'static [&'static str] {
        METHODS
    }

    fn call_method(
        &self,
        interpreter: &mut Interpreter<'_>,
        name: &str,
        args: &mut Args,
    ) -> Option<Result<Value, Flow>> {
        if METHODS[..METHODS.len() - CLASS_METHODS].contains(&name) {
            Some(self.run(interpreter, name, args))
        } else {
            class_method(interpreter, name, args)
        }
    }

    fn equals(&self, other: &dyn Object) -> bool {
        let other: &dyn std::any::Any = other;
        other.downcast_ref::<Self>().is_some_and(|other| {
            let (left, right) = (&self.relation, &other.relation);
            (&left.connection, &left.database, &left.schema, &left.identifier, left.kind)
                == (&right.connection, &right.database, &right.schema, &right.identifier, right.kind)
                && (left.quoting, left.include) == (right.quoting, right.include)
                && (self.limit, &self.event_time_filter, &self.information_schema)
                    == (other.limit, &other.event_time_filter, &other.information_schema)
        })
    }

    fn to_json(&self) -> Option<Json> {
        Some(Json::from(self.relation.render()))
    }
}

impl RelationValue {
    fn run(&self, interpreter: &Interpreter<'_>, name: &str, args: &mut Args) -> Result<Value, Flow> {
        let value = match name {
            "render" => Value::from(self.render()),
            "render_limited" => Value::from(self.render_limited()),
            "render_event_time_filtered" => {
                let rendered = args.optional_str("rendered")?.map_or_else(|| self.render(), |text| text.to_string());
                Value::from(self.render_filtered(rendered))
            }
            "include" | "quote" => {
                let mut part = |name: &str| -> Result<Option<bool>, Flow> {
                    Ok(args.optional(name)?.filter(|value| !value.is_none()).map(|value| value.is_true()))
                };
                let (database, schema, identifier) = (part("database")?, part("schema")?, part("identifier")?);
                self.with(|relation| {
                    if name == "include" {
                        let old = relation.include;
                        relation.include = Include {
                            database: database.unwrap_or(old.database),
                            schema: schema.unwrap_or(old.schema),
                            identifier: identifier.unwrap_or(old.identifier),
                        };
                    } else {
                        let old = relation.quoting;
                        relation.quoting = Quoting {
                            database: database.unwrap_or(old.database),
                            schema: schema.unwrap_or(old.schema),
                            identifier: identifier.unwrap_or(old.identifier),
                        };
                    }
                })
                .checked(interpreter)?
            }
            "replace_path" => {
                let mut changed = self.clone();
                for (key, value) in std::mem::take(&mut args.keyword) {
                    changed.set_part(&key, value)?;
                }
                changed.checked(interpreter)?
            }
            "incorporate" | "replace" => {
                let mut changed = self.clone();
                if let Some(kind) = args.optional("type")? {
                    changed.relation.kind = kind_of(&kind, args)?;
                }
                if let Some(limit) = args.keyword.shift_remove("limit") {
                    changed.limit = limit.as_int().and_then(|limit| u64::try_from(limit).ok());
                }
                if args.keyword.shift_remove("event_time_filter").is_some_and(|filter| filter.is_none()) {
                    changed.event_time_filter = None;
                }
                for ignored in ["dbt_created", "require_alias", "quote_character", "catalog"] {
                    args.keyword.shift_remove(ignored);
                }
                for policy_name in ["path", "quote_policy", "include_policy"] {
                    let Some(value) = args.keyword.shift_remove(policy_name) else {
                        continue;
                    };
                    let Some(dict) = value.as_dict() else {
                        return Err(args.wrong_type(policy_name, "a dict", &value));
                    };
                    for (key, value) in dict.iter() {
                        let key = key.to_string();
                        match policy_name {
                            // As dbt: a part that no relation has is passed over.
                            "path" if PARTS.contains(&key.as_str()) => changed.set_part(&key, value.clone())?,
                            "path" => {}
                            "quote_policy" => set_policy(&mut changed.relation.quoting, &key, value.is_true()),
                            _ => set_include(&mut changed.relation.include, &key, value.is_true()),
                        }
                    }
                }
                changed.checked(interpreter)?
            }
            "without_identifier" => Value::object(self.with(|relation| {
                relation.identifier = None;
                relation.include.identifier = false;
            })),
            "information_schema" | "information_schema_only" => {
                // What templates pass may be undefined: then no view is meant.
                let view = args.optional("view_name")?;
                let view = view.and_then(|view| view.as_str().map(str::to_owned));
                let mut changed = self.clone();
                let relation = &mut changed.relation;
                relation.schema = None;
                relation.identifier = Some("INFORMATION_SCHEMA".to_owned());
                relation.kind = Some(RelationKind::View);
                relation.quoting.identifier = false;
                relation.include = Include {
                    database: relation.include.database && relation.database.is_some(),
                    schema: false,
                    identifier: true,
                };
                changed.information_schema = Some(view);
                Value::object(changed)
            }
            "matches" => self.matches(args)?,
            "quoted" => {
                let text = args.required("identifier")?.to_string();
                let quote = self.relation.quote;
                Value::from(format!("{quote}{}{quote}", text.replace(quote, &format!("{quote}{quote}"))))
            }
            "get" => {
                let key = args.required_str("key")?;
                let default = args.optional("default")?.unwrap_or(Value::None);
                if &*key == "metadata" {
                    let mut dict = Dict::new();
                    dict.set("type", "Relation");
                    return Ok(Value::dict(dict));
                }
                self.attribute(&key).unwrap_or(default)
            }
            "to_dict" => {
                let omits_none = args.flag("omit_none", false)?;
                let mut dict = Dict::new();
                for key in [
                    "path",
                    "type",
                    "quote_character",
                    "include_policy",
                    "quote_policy",
                    "dbt_created",
                    "limit",
                    "event_time_filter",
                    "require_alias",
                    "catalog",
                ] {
                    let value = self.attribute(key).unwrap_or(Value::None);
                    if !(omits_none && value.is_none()) {
                        dict.set(key, value);
                    }
                }
                Value::dict(dict)
            }
            "relation_max_name_length" => {
                Value::from(name_length(interpreter.bridge.adapter_type()).unwrap_or(POSTGRES_NAME_LENGTH))
            }
            "get_function_config" => function_config(&args.required("model")?),
            "get_function_macro_name" => {
                let config = args.required("config")?.as_dict().unwrap_or_default();
                let part = |key: &str| config.get_str(key).map(ToString::to_string).unwrap_or_default();
                Value::from(format!("{}_function_{}", part("type"), part("language")))
            }
            other => return Err(raise(format!("'Relation' has no method '{other}'"))),
        };
        args.finish()?;
        Ok(value)
    }

    /// Whether the parts are these; one that differs in case alone is dbt's error.
    fn matches(&self, args: &mut Args) -> Result<Value, Flow> {
        let (mut is_exact, mut is_near, mut wanted_parts) = (true, true, Vec::new());
        for (part, actual) in [
            ("database", &self.relation.database),
            ("schema", &self.relation.schema),
            ("identifier", &self.relation.identifier),
        ] {
            let Some(wanted) = args.optional(part)?.and_then(optional_text) else {
                continue;
            };
            is_exact &= actual.as_deref() == Some(wanted.as_str());
            let bare = |text: &str| text.trim_matches(self.relation.quote).to_lowercase();
            is_near &= actual.as_deref().is_some_and(|actual| bare(actual) == bare(&wanted));
            wanted_parts.push(wanted);
        }
        if wanted_parts.is_empty() {
            return Err(raise("Tried to match relation, but no search path was passed!"));
        }
        if is_near && !is_exact {
            let found = self.render();
            return Err(raise(format!(
                "When searching for a relation, dbt found an approximate match. Instead of guessing \nwhich relation to use, \
                 dbt will move on. Please delete {found}, or rename it to be less ambiguous.\nSearched for: {}\nFound: {found}",
                wanted_parts.join(".")
            )));
        }
        Ok(Value::Bool(is_exact))
    }

    fn set_part(&mut self, key: &str, value: Value) -> Result<(), Flow> {
        let slot = match key {
            "database" => &mut self.relation.database,
            "schema" => &mut self.relation.schema,
            "identifier" => &mut self.relation.identifier,
            other => return Err(raise(format!("a relation has no part '{other}'"))),
        };
        *slot = optional_text(value);
        Ok(())
    }
}

/// dbt's constants for relation types, on the class and on each relation.
fn kind_named(name: &str) -> Option<Value> {
    Some(Value::from(match name {
        "Table" => "table",
        "View" => "view",
        "CTE" => "cte",
        "MaterializedView" => "materialized_view",
        "External" => "external",
        "Function" => "function",
        "PointerTable" => "pointer_table",
        _ => return None,
    }))
}

/// What says how a function is made; none for a node that is none.
fn function_config(model: &Value) -> Value {
    let Some(model) = model.as_dict() else { return Value::None };
    if model.get_str("resource_type").is_none_or(|kind| kind.as_str() != Some("function")) {
        return Value::None;
    }
    let config = model.get_str("config").and_then(Value::as_dict).unwrap_or_default();
    let mut dict = Dict::new();
    dict.set("language", model.get_str("language").cloned().unwrap_or(Value::None));
    for key in ["type", "runtime_version", "entry_point"] {
        dict.set(key, config.get_str(key).cloned().unwrap_or(Value::None));
    }
    Value::dict(dict)
}

fn set_policy(quoting: &mut Quoting, key: &str, value: bool) {
    match key {
        "database" => quoting.database = value,
        "schema" => quoting.schema = value,
        _ => quoting.identifier = value,
    }
}

fn set_include(include: &mut Include, key: &str, value: bool) {
    match key {
        "database" => include.database = value,
        "schema" => include.schema = value,
        _ => include.identifier = value,
    }
}

/// `api.Relation` and `adapter.Relation`: the class.
#[derive(Debug)]
pub(crate) struct RelationClass;

impl Object for RelationClass {
    fn type_name(&self) -> &str {
        "type"
    }

    fn display(&self) -> String {
        "<class 'Relation'>".to_owned()
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        kind_named(name)
    }

    fn methods(&self) -> &'static [&'static str] {
        &METHODS[METHODS.len() - CLASS_METHODS..]
    }

    fn call_method(
        &self,
        interpreter: &mut Interpreter<'_>,
        name: &str,
        args: &mut Args,
    ) -> Option<Result<Value, Flow>> {
        class_method(interpreter, name, args)
    }
}

/// The methods of dbt's class, which its relations have too.
fn class_method(interpreter: &mut Interpreter<'_>, name: &str, args: &mut Args) -> Option<Result<Value, Flow>> {
    match name {
        "create" => Some(create(interpreter, args)),
        "get_default_quote_policy" | "get_default_include_policy" => Some(Ok(policy(true, true, true))),
        "add_ephemeral_prefix" => {
            Some(args.required_str("name").map(|name| Value::from(format!("__dbt__cte__{name}"))))
        }
        "scd_args" => Some(scd_args(args)),
        "create_from" => {
            Some(Err(raise("api.Relation.create_from is not available in templates; use api.Relation.create")))
        }
        _ => None,
    }
}

/// `api.Relation.create(database=…, schema=…, identifier=…, type=…)`.
fn create(interpreter: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let database = args.optional("database")?.and_then(optional_text);
    let schema = args.optional("schema")?.and_then(optional_text);
    let identifier = args.optional("identifier")?.and_then(optional_text);
    let kind = args.optional("type")?.unwrap_or(Value::None);
    let kind = kind_of(&kind, args)?;
    let bridge = &interpreter.bridge;
    let dialect = bridge.dialect();
    let relation = Relation::new(bridge.connection(), database.as_deref(), schema.as_deref(), identifier.as_deref());
    let mut relation = relation.in_dialect(dialect.quote, dialect.has_database);
    relation.kind = kind;
    for name in ["quote_policy", "include_policy"] {
        let Some(dict) = args.keyword.shift_remove(name).and_then(|value| value.as_dict()) else {
            continue;
        };
        for (key, value) in dict.iter() {
            match name {
                "quote_policy" => set_policy(&mut relation.quoting, &key.to_string(), value.is_true()),
                _ => set_include(&mut relation.include, &key.to_string(), value.is_true()),
            }
        }
    }
    let limit = args.keyword.shift_remove("limit").and_then(|limit| u64::try_from(limit.as_int()?).ok());
    args.keyword.clear();
    RelationValue { limit, ..RelationValue::new(relation) }.checked(interpreter)
}

/// The arguments of a snapshot's hash: a list, whatever the unique key was.
fn scd_args(args: &mut Args) -> Result<Value, Flow> {
    let key = args.required("primary_key")?;
    let updated_at = args.required("updated_at")?;
    let mut parts = match &key {
        Value::List(_) | Value::Tuple(_) => key.iterate().unwrap_or_default(),
        other => vec![other.clone()],
    };
    parts.push(updated_at);
    Ok(Value::list(parts))
}
