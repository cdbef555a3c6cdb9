//! A piece of SQL whose columns know the relation they come from, until the whole query is written.

/// SQL of a connection with its columns still apart: which alias a relation gets, and whether it needs one, is decided when
/// the query around it is complete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fragment(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// A quoted column of the relation with this number.
    Column(usize, String),
    /// The place behind a relation in FROM where its alias goes.
    Alias(usize),
}

impl Fragment {
    pub(crate) fn alias(relation: usize) -> Self {
        Self(vec![Piece::Alias(relation)])
    }

    pub(crate) fn column(relation: usize, quoted: String) -> Self {
        Self(vec![Piece::Column(relation, quoted)])
    }

    /// One after the other.
    pub(crate) fn concat<const N: usize>(parts: [Self; N]) -> Self {
        Self(parts.into_iter().flat_map(|part| part.0).collect())
    }

    /// With a separator between them.
    pub(crate) fn join(parts: impl IntoIterator<Item = Self>, separator: &str) -> Self {
        let mut joined = Vec::new();
        for (index, part) in parts.into_iter().enumerate() {
            if index > 0 {
                joined.push(Piece::Text(separator.to_owned()));
            }
            joined.extend(part.0);
        }
        Self(joined)
    }

    /// `(left word right)`.
    pub(crate) fn infix(left: Self, word: &str, right: Self) -> Self {
        Self::concat(["(".into(), left, format!(" {word} ").into(), right, ")".into()])
    }

    /// `name(arguments)`.
    pub(crate) fn call(name: &str, arguments: impl IntoIterator<Item = Self>) -> Self {
        Self::concat([format!("{name}(").into(), Self::join(arguments, ", "), ")".into()])
    }

    /// The SQL of a whole query: relations are called `t0`, `t1`, … in the order in which they stand; a single one needs
    /// no name.
    pub(crate) fn to_sql(&self) -> String {
        let mut relations = Vec::new();
        for piece in &self.0 {
            if let Piece::Alias(relation) = piece {
                relations.push(*relation);
            }
        }
        let alias = |relation: &usize| {
            let place = relations.iter().position(|known| known == relation)?;
            (relations.len() > 1).then(|| format!("t{place}"))
        };
        let mut sql = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => sql.push_str(text),
                Piece::Column(relation, name) => {
                    if let Some(alias) = alias(relation) {
                        sql.push_str(&alias);
                        sql.push('.');
                    }
                    sql.push_str(name);
                }
                Piece::Alias(relation) => {
                    if let Some(alias) = alias(relation) {
                        sql.push_str(" AS ");
                        sql.push_str(&alias);
                    }
                }
            }
        }
        sql
    }

    /// Whether it is this column, quoted, and nothing else.
    pub(crate) fn is_column_named(&self, quoted: &str) -> bool {
        matches!(&self.0[..], [Piece::Column(_, name)] if name == quoted)
    }

    /// Whether it names the column of any relation.
    pub(crate) fn has_columns(&self) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Column(..)))
    }

    /// The same over the columns of the relation with this number.
    pub(crate) fn with_relation(self, number: usize) -> Self {
        let renumbered = |piece| match piece {
            Piece::Column(_, name) => Piece::Column(number, name),
            Piece::Alias(_) => Piece::Alias(number),
            text => text,
        };
        Self(self.0.into_iter().map(renumbered).collect())
    }
}

impl From<String> for Fragment {
    fn from(text: String) -> Self {
        Self(vec![Piece::Text(text)])
    }
}

impl From<&str> for Fragment {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}
