//! MySQL and MariaDB. Source: MySQL 8.4 and MariaDB 10.11 manuals, "Identifier Names", "String Literals".

use crate::{Dialect, IdentifierCase, NullOrder};
use sqlparser::ast::{BinaryOperator, Expr, Statement};
use sqlparser::dialect::MySqlDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use std::any::TypeId;

pub static MYSQL: Dialect = Dialect {
    name: "mysql",
    quote: '`',
    unquoted: IdentifierCase::Insensitive,
    quotes_names: true,
    backslash_escapes: true,
    escaped_quote: "''",
    max_identifier_length: Some(64),
    nulls_ascending: NullOrder::First,
    integer_division: false,
    has_database: false,
    parser: || Box::new(Reading(MySqlDialect {})),
};

pub static MARIADB: Dialect = Dialect {
    name: "mariadb",
    quote: '`',
    unquoted: IdentifierCase::Insensitive,
    quotes_names: true,
    backslash_escapes: true,
    escaped_quote: "''",
    max_identifier_length: Some(64),
    nulls_ascending: NullOrder::First,
    integer_division: false,
    has_database: false,
    parser: || Box::new(Reading(MySqlDialect {})),
};

/// sqlparser's dialect with what it lacks: `GROUP BY … WITH ROLLUP`, and DIV that binds like `*`.
#[derive(Debug)]
struct Reading(MySqlDialect);

macro_rules! as_sqlparser_has_it {
    ($($method:ident)*) => {
        $(fn $method(&self) -> bool {
            self.0.$method()
        })*
    };
}

impl sqlparser::dialect::Dialect for Reading {
    /// The parser asks for the dialect by its type here and there.
    fn dialect(&self) -> TypeId {
        self.0.dialect()
    }

    fn supports_group_by_with_modifier(&self) -> bool {
        true
    }

    fn parse_infix(&self, parser: &mut Parser, left: &Expr, precedence: u8) -> Option<Result<Expr, ParserError>> {
        parser.parse_keyword(Keyword::DIV).then(|| {
            let right = Box::new(parser.parse_subexpr(precedence)?);
            Ok(Expr::BinaryOp { left: Box::new(left.clone()), op: BinaryOperator::MyIntegerDivide, right })
        })
    }

    fn is_identifier_start(&self, letter: char) -> bool {
        self.0.is_identifier_start(letter)
    }

    fn is_identifier_part(&self, letter: char) -> bool {
        self.0.is_identifier_part(letter)
    }

    fn is_delimited_identifier_start(&self, letter: char) -> bool {
        self.0.is_delimited_identifier_start(letter)
    }

    fn identifier_quote_style(&self, identifier: &str) -> Option<char> {
        self.0.identifier_quote_style(identifier)
    }

    fn parse_statement(&self, parser: &mut Parser) -> Option<Result<Statement, ParserError>> {
        self.0.parse_statement(parser)
    }

    fn is_table_factor_alias(&self, is_explicit: bool, keyword: &Keyword, parser: &mut Parser) -> bool {
        self.0.is_table_factor_alias(is_explicit, keyword, parser)
    }

    as_sqlparser_has_it! {
        supports_string_literal_backslash_escape
        supports_string_literal_concatenation
        ignores_wildcard_escapes
        supports_numeric_prefix
        supports_bitwise_shift_operators
        supports_multiline_comment_hints
        require_interval_qualifier
        supports_limit_comma
        supports_create_table_select
        supports_insert_set
        supports_user_host_grantee
        supports_table_hints
        requires_single_line_comment_whitespace
        supports_match_against
        supports_select_modifiers
        supports_set_names
        supports_comma_separated_set_assignments
        supports_update_order_by
        supports_data_type_signed_suffix
        supports_cross_join_constraint
        supports_double_ampersand_operator
        supports_binary_kw_as_cast
        supports_comment_optimizer_hint
        supports_constraint_keyword_without_name
        supports_key_column_option
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rollup_and_div_are_read_as_the_server_reads_them() {
        let read = |sql: &str| Parser::parse_sql(MYSQL.parser().as_ref(), sql).unwrap()[0].to_string();
        assert_eq!(
            read("select a, sum(b) from t group by a with rollup"),
            "SELECT a, sum(b) FROM t GROUP BY a WITH ROLLUP"
        );
        let sql = "select 7 div 2 + 1";
        let [Statement::Query(query)] = &Parser::parse_sql(MYSQL.parser().as_ref(), sql).unwrap()[..] else { panic!() };
        let sqlparser::ast::SetExpr::Select(select) = query.body.as_ref() else { panic!() };
        let sqlparser::ast::SelectItem::UnnamedExpr(Expr::BinaryOp { op, .. }) = &select.projection[0] else {
            panic!()
        };
        assert_eq!(*op, BinaryOperator::Plus);
        assert!(Parser::parse_sql(MYSQL.parser().as_ref(), "select `a` from t where b = 'it\\'s' limit 3, 4").is_ok());
    }
}
