//! A part of the plan as one query of a connection.
//!
//! In: subplans whose scans are all on one connection. Out: [`Block`]s, which are SELECTs not yet written as text, so that
//! predicates and keys can still be added at the right place. What has no faithful form is refused with a reason, and the
//! operator stays here.

mod aggregates;
mod carve;
mod estimate;
mod regroup;
mod translate;

pub(crate) use carve::{carve, expected_rows, expected_width};
pub(crate) use regroup::regroup_joins;
pub(crate) use translate::Translator;

use crate::pushdown::{Columns, Fragment, RemoteColumn, Rules, Writer};
use datafusion::common::{Column, TableReference};
use dvt_adapter::{KeyDescription, RelationName};
use dvt_sql::Dialect;

/// Whose SQL it is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) connection: String,
    pub(crate) dialect: &'static Dialect,
    pub(crate) rules: &'static Rules,
}

/// A relation that a block reads.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BlockRelation {
    pub(crate) name: RelationName,
    pub(crate) display_name: String,
    /// Columns used of all columns.
    pub(crate) columns: (usize, usize),
    /// Rows of the whole relation.
    pub(crate) rows: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JoinWord {
    Inner,
    Left,
}

/// What stands in FROM, with the word and the conditions that join it to what stands before.
#[derive(Clone, Debug)]
pub(crate) struct FromItem {
    pub(crate) sql: Fragment,
    pub(crate) joined: Option<(JoinWord, Vec<Fragment>)>,
}

/// An output column of a block, by the name that the plan knows.
#[derive(Clone, Debug)]
pub(crate) struct BlockColumn {
    pub(crate) qualifier: Option<TableReference>,
    pub(crate) name: String,
    pub(crate) column: RemoteColumn,
}

/// A predicate that a block sends: as the plan shows it, and as it is written.
#[derive(Clone, Debug)]
pub(crate) struct SentPredicate {
    pub(crate) text: String,
    pub(crate) sql: Fragment,
    pub(crate) exactness: crate::Exactness,
}

/// One SELECT of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) place: Place,
    pub(crate) from: Vec<FromItem>,
    pub(crate) predicates: Vec<Fragment>,
    /// `None`: rows as they are; empty: one group of all rows.
    pub(crate) group_by: Option<Vec<Fragment>>,
    pub(crate) having: Vec<Fragment>,
    pub(crate) order_by: Vec<Fragment>,
    pub(crate) limit: Option<usize>,
    pub(crate) columns: Vec<BlockColumn>,
    pub(crate) relations: Vec<BlockRelation>,
    /// All predicates of the subplan, for people.
    pub(crate) sent: Vec<SentPredicate>,
    /// Operators besides the scan and its predicates, innermost first, for people.
    pub(crate) operators: Vec<&'static str>,
    /// Indexes of the one relation, while it is the only one and its rows are as they lie.
    pub(crate) keys: Vec<KeyDescription>,
    pub(crate) estimate: Estimate,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Estimate {
    pub(crate) rows: f64,
    /// Whether the catalog knew the rows of every relation.
    pub(crate) is_known: bool,
    /// Nanoseconds of work for the connection besides reading its tables.
    pub(crate) work: f64,
}

impl Columns for Block {
    fn find(&self, column: &Column) -> Option<&RemoteColumn> {
        let mut named = self.columns.iter().filter(|candidate| candidate.name == column.name);
        match &column.relation {
            Some(relation) => named
                .find(|candidate| candidate.qualifier.as_ref().is_some_and(|qualifier| qualifier == relation))
                .map(|candidate| &candidate.column),
            None => match (named.next(), named.next()) {
                (Some(only), None) => Some(&only.column),
                _ => None,
            },
        }
    }
}

impl Block {
    pub(crate) fn writer(&self) -> Writer<'_> {
        Writer {
            columns: self,
            dialect: self.place.dialect,
            rules: self.place.rules,
            connection: &self.place.connection,
        }
    }

    /// Whether it is FROM and WHERE alone, so that others can be joined to it and conditions added.
    pub(crate) fn is_simple(&self) -> bool {
        self.group_by.is_none() && self.limit.is_none() && self.order_by.is_empty()
    }

    /// The whole SELECT; `is_named` gives its columns the names `c0`, `c1`, ….
    pub(crate) fn select(&self, is_named: bool) -> Fragment {
        let columns: Vec<Fragment> = self
            .columns
            .iter()
            .enumerate()
            .map(|(index, column)| match is_named {
                true => Fragment::concat([column.column.sql.clone(), format!(" AS c{index}").into()]),
                false => column.column.sql.clone(),
            })
            .collect();
        // Only the number of rows matters; a constant stands for the row.
        let columns = if columns.is_empty() { "1".into() } else { Fragment::join(columns, ", ") };
        self.select_of(columns)
    }

    /// `SELECT columns FROM …` of this block.
    pub(crate) fn select_of(&self, columns: Fragment) -> Fragment {
        let mut parts = vec!["SELECT ".into(), columns, " FROM ".into()];
        for item in &self.from {
            match &item.joined {
                None => {}
                Some((JoinWord::Inner, on)) if on.is_empty() => parts.push(" CROSS JOIN ".into()),
                Some((JoinWord::Inner, _)) => parts.push(" JOIN ".into()),
                Some((JoinWord::Left, _)) => parts.push(" LEFT JOIN ".into()),
            }
            parts.push(item.sql.clone());
            if let Some((_, on)) = &item.joined
                && !on.is_empty()
            {
                parts.push(" ON ".into());
                parts.push(Fragment::join(on.iter().cloned(), " AND "));
            }
        }
        let mut clause = |word: &str, parts_of: &[Fragment], separator: &str| {
            if !parts_of.is_empty() {
                parts.push(word.into());
                parts.push(Fragment::join(parts_of.iter().cloned(), separator));
            }
        };
        clause(" WHERE ", &self.predicates, " AND ");
        clause(" GROUP BY ", self.group_by.as_deref().unwrap_or_default(), ", ");
        clause(" HAVING ", &self.having, " AND ");
        clause(" ORDER BY ", &self.order_by, ", ");
        if let Some(limit) = self.limit {
            parts.push(format!(" LIMIT {limit}").into());
        }
        Fragment::join(parts, "")
    }

    pub(crate) fn to_sql(&self) -> String {
        self.select(false).to_sql()
    }

    /// Adds a condition that the rows which come out must fulfil.
    ///
    /// `None` when it has no place there.
    pub(crate) fn restrict(&mut self, condition: Fragment, is_over_groups: bool) -> Option<()> {
        if self.limit.is_some() {
            return None;
        }
        match (&self.group_by, is_over_groups) {
            (None, _) => self.predicates.push(condition),
            (Some(_), true) => self.having.push(condition),
            (Some(_), false) => return None,
        }
        Some(())
    }

    /// Bytes of an average row as it comes over the wire.
    pub(crate) fn row_width(&self) -> f64 {
        self.columns.iter().map(|column| estimate::width(&column.column)).sum::<f64>().max(1.0)
    }

    /// Nanoseconds for the connection and for moving the rows here.
    pub(crate) fn cost(&self) -> f64 {
        let costs = &self.place.rules.costs;
        self.estimate.work + self.estimate.rows * (costs.row + costs.byte * self.row_width())
    }
}
