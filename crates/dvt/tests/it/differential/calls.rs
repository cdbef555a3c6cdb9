//! Aggregates and windows of random queries.

use super::query::{Generator, Scope, TYPES};
use super::schema::Type;

impl Generator<'_> {
    /// Rows for several sets of keys, and which of them a row is for.
    pub(super) fn grouping_sets(&mut self) -> String {
        let (from, scope) = self.from();
        let kinds = [self.random.pick(&TYPES), self.random.pick(&TYPES)];
        let mut keys: Vec<String> = kinds.iter().map(|kind| self.leaf_column(*kind, &scope)).collect();
        if keys[0] == keys[1] {
            keys[1].clone_from(&scope[scope.len() - 1].0);
        }
        let (one, two) = (&keys[0], &keys[1]);
        let sets = match self.random.below(4) {
            0 => format!("rollup ({one}, {two})"),
            1 => format!("cube ({one}, {two})"),
            2 => format!("grouping sets (({one}, {two}), ({two}), ())"),
            _ => format!("{one}, rollup ({two})"),
        };
        let call = self.aggregate_call(&scope);
        let condition = self.where_clause(&scope);
        let having = self.random.pick(&["", "", " having count(*) > 1", " having count(*) <> 2"]);
        format!(
            "select {one} as c0, {two} as c1, grouping({one}) as g0, grouping({two}, {one}) as g1, {call} as a0, count(*) as n \
             from {from}{condition} group by {sets}{having}"
        )
    }

    pub(super) fn aggregate(&mut self) -> String {
        let (from, scope) = self.from();
        let mut keys = Vec::new();
        for _ in 0..self.random.below(3) {
            let kind = self.random.pick(&TYPES);
            keys.push(self.expr(kind, &scope, 1));
        }
        let mut columns: Vec<String> = keys.iter().enumerate().map(|(at, key)| format!("{key} as c{at}")).collect();
        for at in 0..1 + self.random.below(3) {
            columns.push(format!("{} as a{at}", self.aggregate_call(&scope)));
        }
        let condition = self.where_clause(&scope);
        let mut text = format!("select {} from {from}{condition}", columns.join(", "));
        if !keys.is_empty() {
            let positions: Vec<String> = (1..=keys.len()).map(|at| at.to_string()).collect();
            text += &format!(" group by {}", positions.join(", "));
        }
        if self.random.percent(25) {
            let call = self.aggregate_call(&scope);
            text += &format!(" having {call} is not null and count(*) {} 2", self.random.pick(&[">", "<", "<>"]));
        }
        text
    }

    pub(super) fn aggregate_call(&mut self, scope: &Scope) -> String {
        let distinct = if self.random.percent(25) { "distinct " } else { "" };
        let kind = self.random.pick(&TYPES);
        let number = self.random.pick(&[Type::Int, Type::Num, Type::Float, Type::Int, Type::Num]);
        let call = match self.random.below(21) {
            19 => {
                let span = self.span(scope);
                match self.random.below(4) {
                    0 => format!("({}({span}) > interval '10 days')", self.random.pick(&["min", "max"])),
                    1 => format!("count(distinct {span})"),
                    2 => format!("avg({span})"),
                    _ => format!("sum({span})"),
                }
            }
            14 => {
                let (value, id) = (self.leaf_column(kind, scope), scope[0].0.clone());
                let name = self.random.pick(&["json_agg", "jsonb_agg"]);
                format!("{name}({value} order by {value}, {id})::text")
            }
            15 => {
                let (one, two) = (self.leaf_column(Type::Int, scope), self.leaf_column(Type::Text, scope));
                format!("jsonb_agg(jsonb_build_object('a', {one}, 'b', {two}) order by {one}, {two})")
            }
            // The others have last digits that follow the order of the rows.
            16 => format!(
                "{}({}, {})",
                self.random.pick(&["regr_count", "regr_avgx", "regr_avgy"]),
                self.leaf_column(Type::Float, scope),
                self.leaf_column(Type::Float, scope)
            ),
            17 => format!("array_to_string(array_agg(distinct {}), ',')", self.leaf_column(Type::Int, scope)),
            18 => {
                format!("jsonb_object_agg({}, {1} order by {0}, {1})", scope[0].0, self.leaf_column(Type::Text, scope))
            }
            11 => format!("array_length(array_agg({}), 1)", self.leaf_column(kind, scope)),
            12 => format!("mode() within group (order by {})", self.leaf_column(Type::Int, scope)),
            13 => {
                let text = self.leaf_column(Type::Text, scope);
                let id = scope[0].0.clone();
                format!("(array_agg({text} order by {text} desc, {id}))[1]")
            }
            10 => {
                let kind = self.random.pick(&[Type::Int, Type::Num]);
                let name = self.random.pick(&["stddev", "stddev_pop", "variance", "var_pop"]);
                // The last digit of a deviation of floats follows the order of the rows.
                let has_exact = scope.iter().any(|(_, has)| *has == kind);
                format!("{name}({})", if has_exact { self.leaf_column(kind, scope) } else { scope[0].0.clone() })
            }
            8 => format!(
                "percentile_{}(0.{}) within group (order by {})",
                self.random.pick(&["cont", "disc"]),
                self.random.pick(&["25", "5", "9"]),
                self.expr(Type::Float, scope, 1)
            ),
            9 => {
                let text = self.leaf_column(Type::Text, scope);
                format!("array_to_string(array_agg({text} order by {text}), ',', '-')")
            }
            0 => "count(*)".to_owned(),
            1 => format!("count({distinct}{})", self.expr(kind, scope, 1)),
            2 | 3 => format!("sum({distinct}{})", self.expr(number, scope, 1)),
            4 => format!("avg({distinct}{})", self.expr(number, scope, 1)),
            5 => {
                let text = self.expr(Type::Text, scope, 1);
                format!("string_agg({distinct}{text}, ',' order by {text})")
            }
            6 => format!("{}({})", self.random.pick(&["bool_and", "bool_or"]), self.boolean(scope, 1)),
            _ => {
                let kind = if kind == Type::Bool { Type::Int } else { kind };
                format!("{}({})", self.random.pick(&["min", "max"]), self.expr(kind, scope, 1))
            }
        };
        if !call.contains("array_") && !call.contains("::text") && self.random.percent(20) {
            format!("{call} filter (where {})", self.boolean(scope, 1))
        } else {
            call
        }
    }

    pub(super) fn windows(&mut self) -> String {
        let (from, scope) = self.from();
        let ids: Vec<String> = scope
            .iter()
            .filter(|(name, _)| name.ends_with(".id") || name.ends_with(".v0"))
            .map(|(name, _)| name.clone())
            .collect();
        let mut columns: Vec<String> = ids.iter().enumerate().map(|(at, id)| format!("{id} as c{at}")).collect();
        for at in 0..1 + self.random.below(3) {
            columns.push(format!("{} as w{at}", self.window(&scope, &ids)));
        }
        let condition = self.where_clause(&scope);
        format!("select {} from {from}{condition}", columns.join(", "))
    }

    pub(super) fn window(&mut self, scope: &Scope, ids: &[String]) -> String {
        let kind = self.random.pick(&TYPES);
        let partition =
            if self.random.percent(60) { format!("partition by {}", self.leaf(kind, scope)) } else { String::new() };
        let kind = self.random.pick(&TYPES);
        let direction = self.random.pick(&["", " desc", " nulls first", " desc nulls last"]);
        let partial = format!("order by {}{direction}", self.leaf(kind, scope));
        let total = format!("{partial}, {}", ids.join(", "));
        let number = self.random.pick(&[Type::Int, Type::Num, Type::Float]);
        let any = self.random.pick(&TYPES);
        match self.random.below(11) {
            0 => format!("row_number() over ({partition} {total})"),
            1 => format!(
                "{}() over ({partition} {partial})",
                self.random.pick(&["rank", "dense_rank", "cume_dist", "percent_rank"])
            ),
            2 => {
                let name = self.random.pick(&["lag", "lead"]);
                format!("{name}({}, {}) over ({partition} {total})", self.leaf(any, scope), self.random.below(3))
            }
            3 => {
                let name = self.random.pick(&["first_value", "last_value"]);
                format!("{name}({}) over ({partition} {total})", self.leaf(any, scope))
            }
            4 => {
                let name = self.random.pick(&["sum", "avg"]);
                let frame = self.random.pick(&[
                    "",
                    "rows between 1 preceding and 1 following",
                    "rows between unbounded preceding and 1 preceding",
                    "rows between current row and unbounded following",
                    "range between unbounded preceding and current row",
                    "groups between 1 preceding and 1 following",
                    "groups between current row and 2 following",
                    "rows between 3 preceding and 2 preceding",
                    "rows between unbounded preceding and unbounded following exclude current row",
                    "rows between 2 preceding and current row exclude ties",
                    "groups between 1 preceding and 1 following exclude group",
                ]);
                format!("{name}({}) over ({partition} {total} {frame})", self.expr(number, scope, 1))
            }
            5 => format!(
                "{}({}) over ({partition} {partial})",
                self.random.pick(&["sum", "count", "avg"]),
                self.leaf(number, scope)
            ),
            7 => format!(
                "nth_value({}, {}) over ({partition} {total} rows between unbounded preceding and unbounded following)",
                self.leaf(any, scope),
                1 + self.random.below(3)
            ),
            8 => format!(
                "{}({}, 1, {}) over ({partition} {total})",
                self.random.pick(&["lag", "lead"]),
                self.leaf(any, scope),
                self.literal(any)
            ),
            9 => format!(
                "{} filter (where {}) over ({partition} {partial})",
                self.random.pick(&["count(*)", "sum(1)"]),
                self.boolean(scope, 0)
            ),
            10 => {
                let (kind, span) = self.random.pick(&[
                    (Type::Int, "2"),
                    (Type::Time, "interval '1 day'"),
                    (Type::Num, "1.5"),
                    (Type::Date, "interval '1 month'"),
                ]);
                let key = self.leaf(kind, scope);
                let end = self.random.pick(&["current row", "1 following", "unbounded following"]);
                let end = if end == "1 following" { format!("{span} following") } else { end.to_owned() };
                format!(
                    "count({}) over ({partition} order by {key}{} range between {span} preceding and {end})",
                    self.leaf(number, scope),
                    self.random.pick(&["", " desc"])
                )
            }
            6 => format!("ntile({}) over ({partition} {total})", 1 + self.random.below(3)),
            11 => {
                let name = self.random.pick(&["rank", "dense_rank", "cume_dist"]);
                format!("{name}() over ({partition} order by {}{})", self.span(scope), self.random.pick(&["", " desc"]))
            }
            _ => {
                let kind = if any == Type::Bool { Type::Text } else { any };
                format!("{}({}) over ({partition})", self.random.pick(&["min", "max", "count"]), self.leaf(kind, scope))
            }
        }
    }
}
