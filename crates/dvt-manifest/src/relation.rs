//! dbt's relation: a name in a database, and how it is written in SQL.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a relation is; `Cte` stands for an ephemeral model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelationKind {
    Table,
    View,
    MaterializedView,
    External,
    Cte,
    Function,
}

impl RelationKind {
    /// dbt's word, as macros compare it: `relation.type == 'view'`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::View => "view",
            Self::MaterializedView => "materialized_view",
            Self::External => "external",
            Self::Cte => "cte",
            Self::Function => "function",
        }
    }

    /// The kind that dbt's word names.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Table, Self::View, Self::MaterializedView, Self::External, Self::Cte, Self::Function]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }
}

/// dbt's quote policy: which parts of the name stand in quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Quoting {
    pub database: bool,
    pub schema: bool,
    pub identifier: bool,
}

impl Default for Quoting {
    fn default() -> Self {
        Self { database: true, schema: true, identifier: true }
    }
}

/// dbt's include policy: which parts of the name are written at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Include {
    pub database: bool,
    pub schema: bool,
    pub identifier: bool,
}

impl Default for Include {
    fn default() -> Self {
        Self { database: true, schema: true, identifier: true }
    }
}

/// How one connection writes the relations of a node: the dialect's part and the project's `quoting`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelationStyle {
    pub quoting: Quoting,
    pub quote: char,
    pub has_database: bool,
}

impl Default for RelationStyle {
    fn default() -> Self {
        Self { quoting: Quoting::default(), quote: '"', has_database: true }
    }
}

impl RelationStyle {
    #[must_use]
    pub fn apply(self, relation: Relation) -> Relation {
        Relation { quoting: self.quoting, ..relation }.in_dialect(self.quote, self.has_database)
    }
}

/// A relation on one connection. [`fmt::Display`] writes it as SQL.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Relation {
    /// The profile output it lives on. Empty for a CTE.
    pub connection: String,
    pub database: Option<String>,
    pub schema: Option<String>,
    /// `None` for a relation that stands for a whole schema.
    pub identifier: Option<String>,
    /// `None` while nobody has looked.
    pub kind: Option<RelationKind>,
    pub quoting: Quoting,
    pub include: Include,
    /// The quote character of the dialect it is written in.
    pub quote: char,
    /// True where the SQL crosses connections: written as `connection.schema.identifier`, each part quoted.
    pub by_connection: bool,
    /// SQL that stands for the relation instead of its name: a file that the engine reads as a table.
    pub external: Option<String>,
}

impl Relation {
    /// A relation with every part written and quoted with `"`.
    #[must_use]
    pub fn new(connection: &str, database: Option<&str>, schema: Option<&str>, identifier: Option<&str>) -> Self {
        Self {
            connection: connection.to_owned(),
            database: database.map(str::to_owned),
            schema: schema.map(str::to_owned),
            identifier: identifier.map(str::to_owned),
            kind: None,
            quoting: Quoting::default(),
            include: Include::default(),
            quote: '"',
            by_connection: false,
            external: None,
        }
    }

    /// What `ref` of an ephemeral model gives: the bare name of its CTE.
    #[must_use]
    pub fn cte(model_name: &str) -> Self {
        let identifier = format!("__dbt__cte__{model_name}");
        Self {
            kind: Some(RelationKind::Cte),
            quoting: Quoting { database: true, schema: true, identifier: false },
            include: Include { database: false, schema: false, identifier: true },
            ..Self::new("", None, None, Some(&identifier))
        }
    }

    /// With the dialect's quote character, and with the database part only where the engine has one.
    #[must_use]
    pub fn in_dialect(mut self, quote: char, has_database: bool) -> Self {
        self.quote = quote;
        self.include.database &= has_database;
        self
    }

    #[must_use]
    pub fn with_kind(mut self, kind: RelationKind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// The same relation as SQL that crosses connections writes it, in the dialect of the target connection.
    #[must_use]
    pub fn qualified_by_connection(mut self, target_quote: char) -> Self {
        if self.kind != Some(RelationKind::Cte) {
            self.by_connection = true;
            self.quote = target_quote;
        }
        self
    }

    /// The parts that are written, outermost first, each with whether it is quoted.
    #[must_use]
    pub fn written_parts(&self) -> Vec<(&str, bool)> {
        if self.by_connection {
            return [Some(self.connection.as_str()), self.schema.as_deref(), self.identifier.as_deref()]
                .into_iter()
                .flatten()
                .map(|part| (part, true))
                .collect();
        }
        [
            (&self.database, self.include.database, self.quoting.database),
            (&self.schema, self.include.schema, self.quoting.schema),
            (&self.identifier, self.include.identifier, self.quoting.identifier),
        ]
        .into_iter()
        .filter(|(_, is_included, _)| *is_included)
        .filter_map(|(part, _, is_quoted)| part.as_deref().map(|part| (part, is_quoted)))
        .collect()
    }

    /// The relation as SQL.
    #[must_use]
    pub fn render(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        if let (Some(sql), false) = (&self.external, self.by_connection) {
            return f.write_str(sql);
        }
        for (index, (part, is_quoted)) in self.written_parts().into_iter().enumerate() {
            if index > 0 {
                f.write_char('.')?;
            }
            if !is_quoted {
                f.write_str(part)?;
                continue;
            }
            f.write_char(self.quote)?;
            for character in part.chars() {
                if character == self.quote {
                    f.write_char(self.quote)?;
                }
                f.write_char(character)?;
            }
            f.write_char(self.quote)?;
        }
        Ok(())
    }
}
