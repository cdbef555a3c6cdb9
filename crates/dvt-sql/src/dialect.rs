//! What differs between engines in how SQL is written, as data.

/// One engine's way of writing SQL. Each dialect is one file of data in `dialects/`.
#[derive(Debug)]
pub struct Dialect {
    /// The adapter type that dbt's `target.type` and `adapter.dispatch` use.
    pub name: &'static str,
    /// The character on both sides of a quoted identifier; inside a name it is doubled.
    pub quote: char,
    /// What an unquoted identifier means.
    pub unquoted: IdentifierCase,
    /// Whether dbt quotes the names of relations unless the user says otherwise.
    pub quotes_names: bool,
    /// Whether `\` escapes the next character inside a string literal.
    pub backslash_escapes: bool,
    /// The longest identifier in bytes (`max_identifier_unit` characters for MySQL), `None` when unlimited.
    pub max_identifier_length: Option<usize>,
    /// Where NULLs stand in `ORDER BY x ASC` without `NULLS FIRST/LAST`.
    pub nulls_ascending: NullOrder,
    /// Whether `/` on two integers gives an integer.
    pub integer_division: bool,
    /// Whether a relation's name has a database (catalog) part that this engine can resolve.
    pub has_database: bool,
    /// Builds sqlparser's dialect.
    pub(crate) parser: fn() -> Box<dyn sqlparser::dialect::Dialect>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentifierCase {
    /// Folded to lower case; quoted names keep theirs (PostgreSQL).
    FoldsLower,
    /// Folded to upper case (Snowflake).
    FoldsUpper,
    /// Kept as written, compared without case (MySQL columns, SQLite).
    Insensitive,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NullOrder {
    First,
    Last,
}

impl Dialect {
    /// The identifier in this dialect's quotes, with quotes inside it doubled.
    #[must_use]
    pub fn quote_identifier(&self, name: &str) -> String {
        let mut quoted = String::with_capacity(name.len() + 2);
        quoted.push(self.quote);
        for character in name.chars() {
            if character == self.quote {
                quoted.push(self.quote);
            }
            quoted.push(character);
        }
        quoted.push(self.quote);
        quoted
    }

    /// Quoted parts joined by dots.
    #[must_use]
    pub fn quote_path<'a>(&self, parts: impl IntoIterator<Item = &'a str>) -> String {
        parts.into_iter().map(|part| self.quote_identifier(part)).collect::<Vec<_>>().join(".")
    }

    /// The text as a string literal of this dialect.
    #[must_use]
    pub fn string_literal(&self, text: &str) -> String {
        let mut literal = String::with_capacity(text.len() + 2);
        literal.push('\'');
        for character in text.chars() {
            match character {
                '\'' => literal.push_str("''"),
                '\\' if self.backslash_escapes => literal.push_str("\\\\"),
                other => literal.push(other),
            }
        }
        literal.push('\'');
        literal
    }

    /// sqlparser's dialect for this engine.
    #[must_use]
    pub fn parser(&self) -> Box<dyn sqlparser::dialect::Dialect> {
        (self.parser)()
    }
}

impl PartialEq for Dialect {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Dialect {}
