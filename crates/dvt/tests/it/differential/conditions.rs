//! Conditions and subqueries of random queries.

use super::query::{Generator, Scope, TYPES};
use super::schema::Type;

impl Generator<'_> {
    pub(super) fn boolean(&mut self, scope: &Scope, depth: usize) -> String {
        if depth > 0 {
            let (one, two) = (depth - 1, depth - 1);
            match self.random.below(9) {
                0 | 1 => return format!("({} and {})", self.boolean(scope, one), self.boolean(scope, two)),
                2 | 3 => return format!("({} or {})", self.boolean(scope, one), self.boolean(scope, two)),
                4 => return format!("(not {})", self.boolean(scope, one)),
                5 => {
                    if let Some(text) = self.subquery_condition(scope) {
                        return text;
                    }
                }
                _ => {}
            }
        }
        let kind = self.random.pick(&TYPES);
        let one = self.expr(kind, scope, depth.min(1));
        match self.random.below(14) {
            0 => format!("{one} is null"),
            1 => format!("{one} is not null"),
            2 => {
                let not = self.random.pick(&["", "not "]);
                let null = if self.random.percent(15) { ", null" } else { "" };
                format!("{one} {not}in ({}, {}{null})", self.literal(kind), self.literal(kind))
            }
            3 => {
                let not = self.random.pick(&["", "not "]);
                format!("{one} {not}between {} and {}", self.literal(kind), self.leaf(kind, scope))
            }
            4 | 5 => {
                let text = self.expr(Type::Text, scope, depth.min(1));
                let like = self.random.pick(&["like", "not like", "ilike"]);
                format!(
                    "{text} {like} {}",
                    self.random.pick(&["'a%'", "'%a%'", "'_'", "'%'", "'A_'", "'%\\%%'", "'a\\_b'", "'% '"])
                )
            }
            6 => format!("{one} is {}distinct from {}", self.random.pick(&["", "not "]), self.leaf(kind, scope)),
            7 => {
                let (left, right) = self.random.pick(&[
                    (Type::Int, Type::Num),
                    (Type::Num, Type::Float),
                    (Type::Float, Type::Int),
                    (Type::Date, Type::Time),
                ]);
                let operator = self.random.pick(&["=", "<", ">=", "<>"]);
                format!("{} {operator} {}", self.leaf(left, scope), self.leaf(right, scope))
            }
            13 => {
                let operator = self.random.pick(&["~", "~*", "!~", "!~*"]);
                let pattern = self.random.pick(&["a", "^[a-z]+$", "b|1", "[0-9]{2}", "^.?$", "\\s", "(a|Z).*"]);
                format!("{} {operator} '{pattern}'", self.leaf(Type::Text, scope))
            }
            8 if kind == Type::Bool => {
                format!("({one}) is {}", self.random.pick(&["true", "not true", "false", "not false", "unknown"]))
            }
            _ => {
                let operator = self.random.pick(&["=", "<>", "<", "<=", ">", ">=", "="]);
                let two = if self.random.percent(50) { self.literal(kind) } else { self.leaf(kind, scope) };
                let two = if kind == Type::Bool { format!("({two})") } else { two };
                let one = if kind == Type::Bool { format!("({one})") } else { one };
                format!("{one} {operator} {two}")
            }
        }
    }

    /// A correlated or plain subquery over one table, while there may be more.
    pub(super) fn subquery(&mut self, outer: &Scope) -> Option<(String, Scope, String)> {
        self.subqueries = self.subqueries.checked_sub(1)?;
        let index = self.random.below(self.tables.len());
        let (table, scope) = self.table(index);
        let mut condition = self.boolean(&scope, 1);
        if self.random.percent(50) {
            let only_equal = self.random.percent(60);
            let on = self.join_condition(outer, &scope, only_equal);
            condition = format!("({on}) and {condition}");
            // What is kept of the subquery's columns for a second comparison may be called like the outer ones.
            if self.random.percent(30) {
                let (one, two) = (self.leaf(Type::Int, &scope), self.leaf(Type::Int, outer));
                condition = format!("{one} {} {two} and {condition}", self.random.pick(&["<>", "<", ">="]));
            }
        }
        Some((table, scope, condition))
    }

    /// One value of any type, by an order that leaves no choice, or by a test.
    pub(super) fn value_subquery(&mut self, kind: Type, scope: &Scope) -> Option<String> {
        if kind == Type::Bool {
            return self.subquery_condition(scope).map(|text| format!("({text})"));
        }
        let (table, inner, condition) = self.subquery(scope)?;
        let value = self.leaf(kind, &inner);
        let order = self.random.pick(&["", " desc", " nulls first"]);
        Some(format!("(select {value} from {table} where {condition} order by {value}{order}, {} limit 1)", inner[0].0))
    }

    pub(super) fn subquery_condition(&mut self, scope: &Scope) -> Option<String> {
        let (table, inner, condition) = self.subquery(scope)?;
        let not = self.random.pick(&["", "not "]);
        Some(match self.random.below(4) {
            3 => {
                let kind = self.random.pick(&[Type::Int, Type::Text, Type::Num]);
                let number = self.leaf(kind, scope);
                let operator = self.random.pick(&["=", "<", ">", "<>", ">="]);
                let quantifier = self.random.pick(&["any", "all"]);
                format!(
                    "{number} {operator} {quantifier} (select {} from {table} where {condition})",
                    self.leaf(kind, &inner)
                )
            }
            0 => format!("{not}exists (select 1 from {table} where {condition})"),
            1 => {
                let operator = self.random.pick(&["=", "<", ">"]);
                let number = self.leaf(Type::Int, scope);
                format!(
                    "{number} {operator} (select max({}) from {table} where {condition})",
                    self.leaf(Type::Int, &inner)
                )
            }
            _ => {
                let kind = self.random.pick(&[Type::Int, Type::Int, Type::Text, Type::Num]);
                let number = self.leaf(kind, scope);
                format!("{number} {not}in (select {} from {table} where {condition})", self.leaf(kind, &inner))
            }
        })
    }

    pub(super) fn scalar_subquery(&mut self, scope: &Scope) -> Option<String> {
        let (table, inner, condition) = self.subquery(scope)?;
        let call = match self.random.below(3) {
            0 => "count(*)".to_owned(),
            1 => format!("max({})", self.leaf(Type::Int, &inner)),
            _ => format!("cast(sum({}) as bigint)", self.leaf(Type::Int, &inner)),
        };
        Some(format!("(select {call} from {table} where {condition})"))
    }
}
