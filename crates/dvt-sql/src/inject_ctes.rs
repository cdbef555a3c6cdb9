//! Common table expressions put before a query: how an ephemeral model reaches the query that reads it.
//!
//! Source: dbt docs, "Ephemeral"; the SQL standard's WITH clause (RECURSIVE stands once, for the whole list).

use crate::Dialect;
use std::ops::Range;

/// A query with CTEs in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Injected {
    pub sql: String,
    /// Where each CTE's own query stands in `sql`, in the given order.
    pub ctes: Vec<Range<usize>>,
    /// The bytes that were added, as one range of `sql`. Bytes before it are the query's first, bytes after it follow.
    pub added: Range<usize>,
}

impl Injected {
    /// The offset in the query as it was, of an offset in `sql`; `None` inside what was added.
    #[must_use]
    pub fn query_offset(&self, offset: usize) -> Option<usize> {
        if offset < self.added.start {
            Some(offset)
        } else if offset >= self.added.end {
            Some(offset - self.added.len())
        } else {
            None
        }
    }
}

/// The query with these (name, query) pairs as its first CTEs. A WITH clause that the query opens with is continued,
/// after its RECURSIVE if it has one. The names are written as they are.
#[must_use]
pub fn inject_ctes(sql: &str, ctes: &[(String, String)], dialect: &Dialect) -> Injected {
    if ctes.is_empty() {
        return Injected { sql: sql.to_owned(), ctes: Vec::new(), added: 0..0 };
    }
    // Blank space stays where it is, to the letter as dbt leaves it.
    let behind_blank = |start: usize| sql.len() - sql[start..].trim_start().len();
    let continues = with_clause(sql, dialect).map(behind_blank);
    let at = continues.unwrap_or_else(|| behind_blank(0));
    let mut text = sql[..at].to_owned();
    text.push_str(if continues.is_some() { " " } else { "with " });
    let mut places = Vec::with_capacity(ctes.len());
    for (index, (name, query)) in ctes.iter().enumerate() {
        if index > 0 {
            text.push_str(",  ");
        }
        text.push_str(name);
        text.push_str(" as (\n");
        let start = text.len();
        text.push_str(query);
        places.push(start..text.len());
        // A line of its own: the query may end in a comment.
        text.push_str("\n)");
    }
    text.push_str(if continues.is_some() { ", " } else { " " });
    let added = at..text.len();
    text.push_str(&sql[at..]);
    Injected { sql: text, ctes: places, added }
}

/// Where the list of an opening WITH clause begins: behind `with` or `with recursive`.
fn with_clause(sql: &str, dialect: &Dialect) -> Option<usize> {
    let start = skip_blank(sql, 0, dialect);
    let with_end = word(sql, start, "with")?;
    let next = skip_blank(sql, with_end, dialect);
    Some(word(sql, next, "recursive").unwrap_or(with_end))
}

/// The end of this keyword if it stands at `start`.
fn word(sql: &str, start: usize, keyword: &str) -> Option<usize> {
    let end = start + keyword.len();
    let found = sql.get(start..end)?;
    let goes_on = sql[end..].chars().next().is_some_and(|next| next.is_alphanumeric() || next == '_' || next == '$');
    (found.eq_ignore_ascii_case(keyword) && !goes_on).then_some(end)
}

/// The first byte at or after `start` that is neither blank nor part of a comment.
fn skip_blank(sql: &str, start: usize, dialect: &Dialect) -> usize {
    let mut at = start;
    loop {
        let rest = &sql[at..];
        let blank = rest.len() - rest.trim_start().len();
        at += blank;
        let rest = &sql[at..];
        let is_mysql = dialect.quote == '`';
        let dashes = rest.starts_with("--")
            && (!is_mysql || rest[2..].chars().next().is_none_or(|next| next.is_whitespace() || next.is_control()));
        if dashes || (is_mysql && rest.starts_with('#')) {
            at = rest.find('\n').map_or(sql.len(), |newline| at + newline + 1);
        } else if rest.starts_with("/*") {
            at += comment_length(rest, !is_mysql && dialect.name != "sqlite");
        } else {
            return at;
        }
    }
}

/// The length of the comment that the text opens with; to the end of the text if it is never closed.
fn comment_length(text: &str, nests: bool) -> usize {
    let (mut depth, mut at) = (1, 2);
    while depth > 0 {
        let Some(next) = text[at..].find(['*', '/']).map(|next| at + next) else {
            return text.len();
        };
        if text[next..].starts_with("*/") {
            depth -= 1;
            at = next + 2;
        } else if nests && text[next..].starts_with("/*") {
            depth += 1;
            at = next + 2;
        } else {
            at = next + 1;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MYSQL, POSTGRES};

    fn check(sql: &str, dialect: &Dialect, expected: &str) {
        let ctes = [("e1".to_owned(), "select 1 -- one".to_owned()), ("e2".to_owned(), "select 2".to_owned())];
        let injected = inject_ctes(sql, &ctes, dialect);
        assert_eq!(injected.sql, expected);
        for (place, (_, query)) in injected.ctes.iter().zip(&ctes) {
            assert_eq!(&injected.sql[place.clone()], query);
        }
        let kept: String = injected
            .sql
            .char_indices()
            .filter(|(offset, _)| injected.query_offset(*offset).is_some())
            .map(|(_, character)| character)
            .collect();
        assert_eq!(kept, sql);
    }

    #[test]
    fn a_query_without_a_with_clause_gets_one() {
        check(
            "select * from e2",
            &POSTGRES,
            "with e1 as (\nselect 1 -- one\n),  e2 as (\nselect 2\n) select * from e2",
        );
        check(
            "(with a as (select 1) select * from a)",
            &POSTGRES,
            "with e1 as (\nselect 1 -- one\n),  e2 as (\nselect 2\n) (with a as (select 1) select * from a)",
        );
        check("withdraw", &POSTGRES, "with e1 as (\nselect 1 -- one\n),  e2 as (\nselect 2\n) withdraw");
    }

    #[test]
    fn a_with_clause_is_continued_behind_recursive_and_comments() {
        check(
            "-- with\n/* with /* nested */ */ WITH a as (select 1) select * from a",
            &POSTGRES,
            "-- with\n/* with /* nested */ */ WITH  e1 as (\nselect 1 -- one\n),  e2 as (\nselect 2\n), a as (select 1) \
             select * from a",
        );
        check(
            "with /* x */ Recursive a as (select 1) select * from a",
            &POSTGRES,
            "with /* x */ Recursive  e1 as (\nselect 1 -- one\n),  e2 as (\nselect 2\n), a as (select 1) select * from a",
        );
        check(
            "# comment\nwith a as (select 1) select 1",
            &MYSQL,
            "# comment\nwith  e1 as (\nselect 1 -- one\n),  e2 as (\nselect 2\n), a as (select 1) select 1",
        );
    }

    #[test]
    fn a_comment_that_never_ends_is_not_searched() {
        check("/* with", &POSTGRES, "with e1 as (\nselect 1 -- one\n),  e2 as (\nselect 2\n) /* with");
    }
}
