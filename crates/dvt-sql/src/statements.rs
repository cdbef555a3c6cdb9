//! Cuts SQL text into statements at its top-level semicolons.
//!
//! In: text with any number of statements, as a macro rendered it. Out: each statement's text and where it starts.
//! Quotes, comments, dollar quotes, parentheses and the bodies of functions, procedures and triggers hide semicolons.
//! The text need not parse: what is unterminated runs to the end, and the engine tells what is wrong with it.

use crate::{Dialect, IdentifierCase};

/// One statement of a longer text, without its semicolon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatementText<'a> {
    pub text: &'a str,
    /// Byte offset of `text` in the whole.
    pub start: usize,
}

/// The statements of `sql`, in order. Pieces that hold nothing but blanks and comments are left out.
///
/// Source: PostgreSQL manual, "Lexical Structure"; MySQL manual, "Comments" and "String Literals"; sqlite.org, "SQLite
/// Keywords" for `[names]`.
#[must_use]
pub fn split_statements<'a>(sql: &'a str, dialect: &Dialect) -> Vec<StatementText<'a>> {
    let mut lexer = Lexer { sql, bytes: sql.as_bytes(), at: 0, rules: Rules::of(dialect) };
    let mut statements = Vec::new();
    let mut start = 0;
    let mut nesting = Nesting::default();
    loop {
        match lexer.next_token() {
            Some(Token::Semicolon) if nesting.is_top_level() => {
                push(&mut statements, sql, start, lexer.at - 1, &nesting);
                start = lexer.at;
                nesting = Nesting::default();
            }
            Some(token) => nesting.see(&token),
            None => {
                push(&mut statements, sql, start, sql.len(), &nesting);
                return statements;
            }
        }
    }
}

fn push<'a>(statements: &mut Vec<StatementText<'a>>, sql: &'a str, start: usize, end: usize, nesting: &Nesting) {
    if nesting.has_content {
        let piece = &sql[start..end];
        let text = piece.trim();
        statements.push(StatementText { text, start: start + (piece.len() - piece.trim_start().len()) });
    }
}

enum Token<'a> {
    Semicolon,
    Open,
    Close,
    Word(&'a str),
    /// A literal, a quoted name, an operator.
    Other,
}

/// What differs between engines in how semicolons can be hidden.
struct Rules {
    backslash_escapes: bool,
    dollar_quotes: bool,
    nested_comments: bool,
    hash_comments: bool,
    /// `--` begins a comment only before a blank.
    dashes_want_blank: bool,
    brackets: bool,
    /// `r'…'` takes no backslashes.
    raw_strings: bool,
}

impl Rules {
    fn of(dialect: &Dialect) -> Self {
        let is_spark = matches!(dialect.name, "databricks" | "spark");
        let is_mysql = dialect.quote == '`' && !is_spark;
        let is_postgres = dialect.name == "postgres";
        let is_duckdb = dialect.name == "duckdb";
        Self {
            backslash_escapes: dialect.backslash_escapes,
            dollar_quotes: is_postgres || is_duckdb || matches!(dialect.name, "snowflake" | "redshift"),
            nested_comments: is_postgres || is_duckdb || is_spark || dialect.name == "filesystem",
            hash_comments: is_mysql,
            dashes_want_blank: is_mysql,
            brackets: !is_mysql && !is_duckdb && !is_spark && dialect.unquoted == IdentifierCase::Insensitive,
            raw_strings: is_spark,
        }
    }
}

/// Parentheses and `BEGIN … END` bodies.
#[derive(Default)]
struct Nesting {
    has_content: bool,
    parentheses: u32,
    blocks: u32,
    words: u32,
    is_create: bool,
    has_body: bool,
    after_end: bool,
}

impl Nesting {
    fn is_top_level(&self) -> bool {
        self.parentheses == 0 && self.blocks == 0
    }

    fn see(&mut self, token: &Token<'_>) {
        self.has_content |= !matches!(token, Token::Semicolon);
        match token {
            Token::Open => self.parentheses += 1,
            Token::Close => self.parentheses = self.parentheses.saturating_sub(1),
            Token::Word(word) => self.see_word(word),
            Token::Semicolon | Token::Other => {}
        }
        self.after_end = matches!(token, Token::Word(word) if word.eq_ignore_ascii_case("end"));
    }

    fn see_word(&mut self, word: &str) {
        let is = |expected: &str| word.eq_ignore_ascii_case(expected);
        self.words += 1;
        if self.words == 1 {
            self.is_create = is("create");
        } else if self.is_create && !self.has_body && self.words <= 8 {
            // `create or replace definer = … temp trigger`: the kind is among the first few words.
            self.has_body = is("function") || is("procedure") || is("trigger") || is("event");
        }
        if !self.has_body || self.parentheses > 0 {
            return;
        }
        let closes_inner = self.after_end && (is("if") || is("loop") || is("while") || is("repeat"));
        if closes_inner {
            // `END IF` closed what no BEGIN had opened.
            self.blocks += 1;
        } else if is("begin") || (is("case") && !self.after_end && self.blocks > 0) {
            self.blocks += 1;
        } else if is("end") {
            self.blocks = self.blocks.saturating_sub(1);
        }
    }
}

struct Lexer<'a> {
    sql: &'a str,
    bytes: &'a [u8],
    at: usize,
    rules: Rules,
}

impl<'a> Lexer<'a> {
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    /// The next token; blanks and comments are passed over.
    fn next_token(&mut self) -> Option<Token<'a>> {
        loop {
            let byte = *self.bytes.get(self.at)?;
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' | 0x0c => self.at += 1,
                b'-' if self.peek(1) == b'-' && self.begins_dash_comment() => self.skip_line(),
                b'#' if self.rules.hash_comments => self.skip_line(),
                b'/' if self.peek(1) == b'*' => {
                    // MySQL runs what stands in `/*! … */`.
                    let is_executed = self.peek(2) == b'!' && self.rules.hash_comments;
                    self.skip_block_comment();
                    if is_executed {
                        return Some(Token::Other);
                    }
                }
                _ => return Some(self.token(byte)),
            }
        }
    }

    fn token(&mut self, byte: u8) -> Token<'a> {
        match byte {
            b';' => self.single(Token::Semicolon),
            b'(' => self.single(Token::Open),
            b')' => self.single(Token::Close),
            b'\'' => self.quoted(b'\'', self.rules.backslash_escapes),
            b'"' => self.quoted(b'"', self.rules.backslash_escapes),
            b'`' => self.quoted(b'`', false),
            b'[' if self.rules.brackets => self.quoted(b']', false),
            b'$' if self.rules.dollar_quotes => self.dollar(),
            _ if is_word_start(byte) => self.word(),
            _ => self.single(Token::Other),
        }
    }

    fn single(&mut self, token: Token<'a>) -> Token<'a> {
        self.at += 1;
        token
    }

    fn word(&mut self) -> Token<'a> {
        let start = self.at;
        while is_word_part(self.peek(0)) {
            self.at += 1;
        }
        let word = &self.sql[start..self.at];
        // PostgreSQL's E'…' takes backslashes.
        if self.rules.dollar_quotes && word.eq_ignore_ascii_case("e") && self.peek(0) == b'\'' {
            return self.quoted(b'\'', true);
        }
        if self.rules.raw_strings && word.eq_ignore_ascii_case("r") && matches!(self.peek(0), b'\'' | b'"') {
            return self.quoted(self.peek(0), false);
        }
        Token::Word(word)
    }

    /// A run up to `close`, which stands for itself when doubled.
    fn quoted(&mut self, close: u8, backslash_escapes: bool) -> Token<'a> {
        self.at += 1;
        while self.at < self.bytes.len() {
            let byte = self.bytes[self.at];
            self.at += 1;
            if byte == b'\\' && backslash_escapes {
                self.at = (self.at + 1).min(self.bytes.len());
            } else if byte == close {
                if self.peek(0) == close {
                    self.at += 1;
                } else {
                    break;
                }
            }
        }
        Token::Other
    }

    /// `$tag$ … $tag$`, or a parameter such as `$1`.
    fn dollar(&mut self) -> Token<'a> {
        let start = self.at;
        let mut end = start + 1;
        while self.bytes.get(end).is_some_and(|byte| is_word_part(*byte) && *byte != b'$') {
            end += 1;
        }
        let is_tag = self.bytes.get(end) == Some(&b'$') && !self.bytes[start + 1].is_ascii_digit();
        if !is_tag {
            return self.single(Token::Other);
        }
        let tag = &self.sql[start..=end];
        self.at = match self.sql[end + 1..].find(tag) {
            Some(offset) => end + 1 + offset + tag.len(),
            None => self.bytes.len(),
        };
        Token::Other
    }

    fn begins_dash_comment(&self) -> bool {
        !self.rules.dashes_want_blank || self.peek(2).is_ascii_whitespace() || self.at + 2 >= self.bytes.len()
    }

    fn skip_line(&mut self) {
        while self.at < self.bytes.len() && self.bytes[self.at] != b'\n' {
            self.at += 1;
        }
    }

    fn skip_block_comment(&mut self) {
        self.at += 2;
        let mut depth = 1;
        while self.at < self.bytes.len() {
            if self.peek(0) == b'*' && self.peek(1) == b'/' {
                self.at += 2;
                depth -= 1;
                if depth == 0 {
                    return;
                }
            } else if self.rules.nested_comments && self.peek(0) == b'/' && self.peek(1) == b'*' {
                self.at += 2;
                depth += 1;
            } else {
                self.at += 1;
            }
        }
    }
}

fn is_word_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn is_word_part(byte: u8) -> bool {
    is_word_start(byte) || byte.is_ascii_digit() || byte == b'$'
}

#[cfg(test)]
mod tests;
