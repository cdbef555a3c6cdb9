//! The comment that dbt puts into every statement, so that a database's owner can tell where it came from.

use dvt_manifest::python_json;
use dvt_project::QueryComment;
use serde_json::{Map, Value};

/// The comment of one node's (or one connection's) statements, ready to be added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StatementComment {
    text: Option<String>,
    append: bool,
}

/// What dbt's own comment says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CommentFacts<'a> {
    pub(crate) dbt_version: &'a str,
    pub(crate) profile_name: &'a str,
    pub(crate) target_name: &'a str,
    pub(crate) node_id: Option<&'a str>,
    pub(crate) connection_name: &'a str,
}

impl StatementComment {
    /// dbt's comment, or the user's (already rendered) text.
    ///
    /// # Errors
    /// A text that would end the comment early.
    pub(crate) fn new(
        configured: &QueryComment,
        rendered: Option<&str>,
        facts: CommentFacts<'_>,
    ) -> Result<Self, CommentEndsEarly> {
        let (text, append) = match configured {
            QueryComment::None => return Ok(Self::default()),
            QueryComment::Standard => (standard(facts), false),
            QueryComment::Custom { comment, append, .. } => {
                let text = match (rendered, comment) {
                    (Some(rendered), _) => rendered.trim().to_owned(),
                    (None, Some(comment)) => comment.trim().to_owned(),
                    (None, None) => standard(facts),
                };
                (text, *append)
            }
        };
        if text.contains("*/") {
            return Err(CommentEndsEarly { text });
        }
        Ok(Self { text: (!text.is_empty()).then_some(text), append })
    }

    /// The statement with its comment.
    pub(crate) fn add_to(&self, sql: &str) -> String {
        let Some(text) = &self.text else {
            return sql.to_owned();
        };
        if !self.append {
            return format!("/* {text} */\n{sql}");
        }
        let sql = sql.trim_end();
        match sql.strip_suffix(';') {
            Some(sql) => format!("{sql}\n/* {text} */;"),
            None => format!("{sql}\n/* {text} */"),
        }
    }

    /// How many bytes stand before the statement's own text: positions that an engine reports are counted from there.
    pub(crate) fn bytes_before(&self) -> usize {
        match &self.text {
            Some(text) if !self.append => text.len() + "/*  */\n".len(),
            _ => 0,
        }
    }
}

/// A query comment that holds `*/`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the query comment `{text}` contains `*/`, which would end the comment early")]
pub(crate) struct CommentEndsEarly {
    pub(crate) text: String,
}

fn standard(facts: CommentFacts<'_>) -> String {
    let mut comment = Map::new();
    comment.insert("app".to_owned(), "dbt".into());
    comment.insert("dbt_version".to_owned(), facts.dbt_version.into());
    comment.insert("profile_name".to_owned(), facts.profile_name.into());
    comment.insert("target_name".to_owned(), facts.target_name.into());
    match facts.node_id {
        Some(node_id) => comment.insert("node_id".to_owned(), node_id.into()),
        None => comment.insert("connection_name".to_owned(), facts.connection_name.into()),
    };
    python_json(&Value::Object(comment))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: CommentFacts<'_> = CommentFacts {
        dbt_version: "1.12.6",
        profile_name: "shop",
        target_name: "dev",
        node_id: Some("model.shop.orders"),
        connection_name: "master",
    };

    fn check(configured: &QueryComment, sql: &str, expected: &str) {
        let comment = StatementComment::new(configured, None, FACTS).unwrap();
        let commented = comment.add_to(sql);
        assert_eq!(commented, expected);
        assert!(commented[comment.bytes_before()..].starts_with("select"));
    }

    #[test]
    fn the_standard_comment_stands_before_the_statement() {
        check(
            &QueryComment::Standard,
            "select 1",
            "/* {\"app\": \"dbt\", \"dbt_version\": \"1.12.6\", \"profile_name\": \"shop\", \"target_name\": \"dev\", \
             \"node_id\": \"model.shop.orders\"} */\nselect 1",
        );
    }

    #[test]
    fn an_appended_comment_keeps_the_semicolon_last() {
        let custom = QueryComment::Custom { comment: Some("from dvt".into()), append: true, job_label: false };
        check(&custom, "select 1;\n", "select 1\n/* from dvt */;");
        check(&custom, "select 1", "select 1\n/* from dvt */");
        check(&QueryComment::None, "select 1", "select 1");
    }

    #[test]
    fn a_comment_that_would_end_early_is_refused() {
        let custom = QueryComment::Custom { comment: Some("a */ drop".into()), append: false, job_label: false };
        assert!(StatementComment::new(&custom, None, FACTS).is_err());
    }
}
