//! Random queries in PostgreSQL's dialect, well typed, with one right answer each.

use super::schema::{Table, Type};
use crate::random::Random;

/// What a query can name: an expression per column, and its type.
type Scope = Vec<(String, Type)>;

const TYPES: [Type; 7] = [Type::Int, Type::Num, Type::Float, Type::Text, Type::Date, Type::Time, Type::Bool];

pub(super) struct Generator<'a> {
    random: &'a mut Random,
    tables: &'a [Table],
    aliases: usize,
    /// How many subqueries the query may still hold.
    subqueries: usize,
}

/// One query; `{t0}` stands for a table.
pub(super) fn random_query(random: &mut Random, tables: &[Table]) -> String {
    let mut generator = Generator { random, tables, aliases: 0, subqueries: 2 };
    generator.query()
}

impl Generator<'_> {
    fn query(&mut self) -> String {
        let types: Vec<Type> = (0..1 + self.random.below(4)).map(|_| self.random.pick(&TYPES)).collect();
        match self.random.below(18) {
            0 => self.set_operation(&types),
            1 | 2 => self.windows(),
            3 => self.cte(),
            4 | 5 => self.top(&types),
            6 | 7 => self.aggregate(),
            8 => self.grouping_sets(),
            9 | 10 => self.lateral(&types),
            11 => self.first_of_each(&types),
            12 => self.recursive(),
            13 => self.arrays_and_json(),
            _ => self.select(&types),
        }
    }

    fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("x{}", self.aliases)
    }

    /// A table under a fresh alias.
    fn table(&mut self, index: usize) -> (String, Scope) {
        let alias = self.alias();
        let table = &self.tables[index];
        let scope = table.columns.iter().map(|column| (format!("{alias}.{}", column.name), column.kind)).collect();
        (format!("{{{}}} as {alias}", table.name), scope)
    }

    /// Tables of at least two places, joined.
    fn from(&mut self) -> (String, Scope) {
        let first = self.random.below(self.tables.len());
        let mut second = self.random.below(self.tables.len());
        while self.tables[second].place == self.tables[first].place {
            second = self.random.below(self.tables.len());
        }
        let mut order = vec![first, second];
        if self.random.percent(30) {
            order.push(self.random.below(self.tables.len()));
        }
        let (mut text, mut scope) = self.table(order[0]);
        for index in &order[1..] {
            let (table, columns) = if self.random.percent(15) { self.derived(*index) } else { self.table(*index) };
            let kind =
                self.random.pick(&["join", "join", "left join", "left join", "right join", "full join", "cross join"]);
            text = format!("{text} {kind} {table}");
            let on = self.join_condition(&scope, &columns, kind == "full join");
            scope.extend(columns);
            if kind != "cross join" {
                text = format!("{text} on {on}");
            }
        }
        (text, scope)
    }

    fn derived(&mut self, index: usize) -> (String, Scope) {
        let (table, columns) = self.table(index);
        let alias = self.alias();
        let names: Vec<String> = columns.iter().enumerate().map(|(at, (name, _))| format!("{name} as v{at}")).collect();
        let condition = self.boolean(&columns, 1);
        let scope = columns.iter().enumerate().map(|(at, (_, kind))| (format!("{alias}.v{at}"), *kind)).collect();
        (format!("(select {} from {table} where {condition}) as {alias}", names.join(", ")), scope)
    }

    /// PostgreSQL refuses a full join whose condition is not an equality of both sides.
    fn join_condition(&mut self, left: &Scope, right: &Scope, only_equal: bool) -> String {
        let pairs: Vec<(&String, &String)> = left
            .iter()
            .flat_map(|(one, kind)| {
                right.iter().filter(move |(_, other)| other == kind).map(move |(two, _)| (one, two))
            })
            .collect();
        let (one, two) = self.random.pick(&pairs);
        let mut text = format!("{one} = {two}");
        if only_equal {
            return text;
        }
        let both: Scope = left.iter().chain(right).cloned().collect();
        match self.random.below(10) {
            0 | 1 => text = format!("{text} and {}", self.boolean(&both, 1)),
            2 => {
                let (one, two) = self.random.pick(&pairs);
                text = format!("{text} and {one} = {two}");
            }
            3 => text = format!("{one} < {two}"),
            4 => text = format!("{text} or {}", self.boolean(&both, 1)),
            5 => text = format!("{one} is not distinct from {two}"),
            _ => {}
        }
        text
    }

    fn where_clause(&mut self, scope: &Scope) -> String {
        if self.random.percent(70) { format!(" where {}", self.boolean(scope, 2)) } else { String::new() }
    }

    fn select(&mut self, types: &[Type]) -> String {
        let (from, scope) = self.from();
        let distinct = if self.random.percent(20) { "distinct " } else { "" };
        let columns: Vec<String> =
            types.iter().enumerate().map(|(at, kind)| format!("{} as c{at}", self.expr(*kind, &scope, 2))).collect();
        let condition = self.where_clause(&scope);
        format!("select {distinct}{} from {from}{condition}", columns.join(", "))
    }

    fn top(&mut self, types: &[Type]) -> String {
        let select = self.select(types);
        let order: Vec<String> = (1..=types.len())
            .map(|at| {
                format!(
                    "{at}{}",
                    self.random.pick(&["", " desc", " nulls first", " desc nulls last", " asc nulls last"])
                )
            })
            .collect();
        let offset = if self.random.percent(30) { " offset 2" } else { "" };
        format!("{select} order by {} limit {}{offset}", order.join(", "), self.random.below(8))
    }

    fn set_operation(&mut self, types: &[Type]) -> String {
        let operator = self.random.pick(&["union", "union all", "intersect", "except", "intersect all", "except all"]);
        let one = |generator: &mut Self| {
            if generator.random.percent(50) {
                // Plain columns of one table, so that the sides meet.
                let index = generator.random.below(generator.tables.len());
                let (table, scope) = generator.table(index);
                let columns: Vec<String> = types
                    .iter()
                    .enumerate()
                    .map(|(at, kind)| format!("{} as c{at}", generator.leaf(*kind, &scope)))
                    .collect();
                format!("select {} from {table}", columns.join(", "))
            } else {
                generator.select(types)
            }
        };
        let (left, right) = (one(self), one(self));
        format!("{left} {operator} {right}")
    }

    fn cte(&mut self) -> String {
        let types = [Type::Int, self.random.pick(&TYPES), self.random.pick(&TYPES)];
        let inner = if self.random.percent(40) { self.top(&types) } else { self.select(&types) };
        let alias = self.alias();
        let index = self.random.below(self.tables.len());
        let (table, columns) = self.table(index);
        let mut scope: Scope = types.iter().enumerate().map(|(at, kind)| (format!("{alias}.c{at}"), *kind)).collect();
        let on = self.join_condition(&scope, &columns, false);
        scope.extend(columns);
        let kind = self.random.pick(&["join", "left join"]);
        let (one, two) = (self.random.pick(&TYPES), self.random.pick(&TYPES));
        let (one, two) = (self.expr(one, &scope, 1), self.expr(two, &scope, 1));
        let condition = self.where_clause(&scope);
        format!(
            "with w as ({inner}) select {one} as c0, {two} as c1 from w as {alias} {kind} {table} on {on}{condition}"
        )
    }

    /// Rows for several sets of keys, and which of them a row is for.
    fn grouping_sets(&mut self) -> String {
        let (from, scope) = self.from();
        let kinds = [self.random.pick(&TYPES), self.random.pick(&TYPES)];
        let keys: Vec<String> = kinds.iter().map(|kind| self.leaf_column(*kind, &scope)).collect();
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

    /// A column of the type, or of any where there is none.
    fn leaf_column(&mut self, kind: Type, scope: &Scope) -> String {
        let columns: Vec<&String> = scope.iter().filter(|(_, has)| *has == kind).map(|(name, _)| name).collect();
        match columns.as_slice() {
            [] => self.random.pick(&scope.iter().map(|(name, _)| name).collect::<Vec<_>>()).clone(),
            columns => self.random.pick(columns).clone(),
        }
    }

    /// A table computed for each row of the tables before it.
    fn lateral(&mut self, types: &[Type]) -> String {
        let (from, mut scope) = self.from();
        let alias = self.alias();
        let index = self.random.below(self.tables.len());
        let (table, inner) = self.table(index);
        let both: Scope = scope.iter().chain(&inner).cloned().collect();
        let (kind, other) = (self.random.pick(&TYPES), self.random.pick(&TYPES));
        let on =
            if self.random.percent(60) { self.join_condition(&scope, &inner, false) } else { self.boolean(&both, 1) };
        let id = &inner[0].0;
        let text = match self.random.below(5) {
            0 => {
                let (call, kind) = self.random.pick(&[("count(*)", Type::Int), ("count(distinct 1)", Type::Int)]);
                scope.push((format!("{alias}.v0"), kind));
                format!("select {call} as v0, max({id}) as v1 from {table} where {on}")
            }
            1 => {
                let (one, two) = (self.leaf(kind, &inner), self.expr(other, &both, 1));
                scope.extend([(format!("{alias}.v0"), kind), (format!("{alias}.v1"), other)]);
                let order = self.random.pick(&["", " desc", " desc nulls last"]);
                let limit = 1 + self.random.below(3);
                format!(
                    "select {one} as v0, {two} as v1 from {table} where {on} order by {one}{order}, {id} limit {limit}"
                )
            }
            2 => {
                let (one, two) = (self.leaf(kind, &scope), self.leaf(kind, &scope));
                scope.push((format!("{alias}.v0"), kind));
                format!("select {one} as v0 union all select {two}")
            }
            3 => {
                let one = self.leaf(kind, &inner);
                scope.push((format!("{alias}.v0"), Type::Int));
                format!("select row_number() over (order by {one}, {id}) as v0, {id} as v1 from {table} where {on}")
            }
            _ => {
                let (one, two) = (self.expr(kind, &both, 1), self.expr(other, &both, 1));
                scope.extend([(format!("{alias}.v0"), kind), (format!("{alias}.v1"), other)]);
                let distinct = self.random.pick(&["", "distinct "]);
                format!("select {distinct}{one} as v0, {two} as v1 from {table} where {on}")
            }
        };
        let join = if self.random.percent(40) {
            format!("left join lateral ({text}) as {alias} on {}", self.boolean(&scope, 1))
        } else {
            format!("cross join lateral ({text}) as {alias}")
        };
        let columns: Vec<String> =
            types.iter().enumerate().map(|(at, kind)| format!("{} as c{at}", self.expr(*kind, &scope, 1))).collect();
        let condition = self.where_clause(&scope);
        format!("select {}, {alias}.v0 as v from {from} {join}{condition}", columns.join(", "))
    }

    /// DISTINCT ON, in an order that leaves no choice.
    fn first_of_each(&mut self, types: &[Type]) -> String {
        let (from, scope) = self.from();
        let kind = self.random.pick(&TYPES);
        let key = self.leaf_column(kind, &scope);
        let ids: Vec<String> = scope
            .iter()
            .filter(|(name, _)| name.ends_with(".id") || name.ends_with(".v0"))
            .map(|(name, _)| name.clone())
            .collect();
        let columns: Vec<String> =
            types.iter().enumerate().map(|(at, kind)| format!("{} as c{at}", self.expr(*kind, &scope, 1))).collect();
        let condition = self.where_clause(&scope);
        let order = self.random.pick(&["", " desc", " nulls first", " desc nulls last"]);
        format!(
            "select distinct on ({key}) {key} as k, {} from {from}{condition} order by {key}{order}, {}",
            columns.join(", "),
            ids.join(", ")
        )
    }

    /// A chain along two columns of a table, or numbers.
    fn recursive(&mut self) -> String {
        let index = self.random.below(self.tables.len());
        let (table, scope) = self.table(index);
        let alias = scope[0].0.split('.').next().unwrap_or("x").to_owned();
        let kind = self.random.pick(&TYPES);
        let value = self.leaf(kind, &scope);
        let union = self.random.pick(&["union all", "union all", "union"]);
        let limit = 2 + self.random.below(3);
        if self.random.percent(30) {
            let second = self.random.below(self.tables.len());
            let (other, columns) = self.table(second);
            return format!(
                "with recursive r (n) as (select 1 {union} select n + 1 from r where n < {limit}) \
                 select r.n as c0, {value} as c1, {} as c2 from r join {table} on {alias}.k = r.n left join {other} on {} = r.n",
                columns[0].0, columns[1].0
            );
        }
        format!(
            "with recursive r (id, depth) as (select {alias}.id, 1 from {table} where {alias}.k = 1 {union} \
             select q.id, r.depth + 1 from r join {{{}}} as q on q.k = r.id where r.depth < {limit}) \
             select r.id as c0, r.depth as c1, count(*) as c2 from r group by 1, 2",
            self.tables[index].name
        )
    }

    fn arrays_and_json(&mut self) -> String {
        let (from, scope) = self.from();
        let kind = self.random.pick(&[Type::Int, Type::Text]);
        let columns: Vec<String> = (0..2)
            .map(|at| {
                let (one, two) = (self.leaf(kind, &scope), self.leaf(kind, &scope));
                let text = self.leaf(Type::Text, &scope);
                let number = self.leaf(Type::Int, &scope);
                let json = "cast('{\"a\": [1, \"x\", null], \"b\": {\"c\": 1.50}, \"A\": \"q\"}' as jsonb)".to_owned();
                let call = match self.random.below(9) {
                    0 => format!("(array[{one}, {two}])[{}]", self.random.pick(&["1", "2", "3"])),
                    1 => format!("cardinality(array[{one}, {two}])"),
                    2 => format!("{one} = any(array[{two}, {one}])"),
                    3 => format!("{json} ->> {text}"),
                    4 => format!("{json} -> 'a' ->> ({number} % 5)"),
                    5 => format!("{json} #>> '{{b,c}}'"),
                    6 => format!("jsonb_typeof({json} -> {text})"),
                    7 => format!("array_to_string(array[{one}, {two}], '-')"),
                    _ => format!("array_position(array[{one}, {two}], {two})"),
                };
                format!("{call} as c{at}")
            })
            .collect();
        let condition = self.where_clause(&scope);
        format!("select {} from {from}{condition}", columns.join(", "))
    }

    fn aggregate(&mut self) -> String {
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

    fn aggregate_call(&mut self, scope: &Scope) -> String {
        let distinct = if self.random.percent(25) { "distinct " } else { "" };
        let kind = self.random.pick(&TYPES);
        let number = self.random.pick(&[Type::Int, Type::Num, Type::Float, Type::Int, Type::Num]);
        let call = match self.random.below(11) {
            10 => {
                let kind = self.random.pick(&[Type::Int, Type::Num]);
                let name = self.random.pick(&["stddev", "stddev_pop", "variance", "var_pop"]);
                format!("{name}({})", self.leaf_column(kind, scope))
            }
            8 => format!(
                "percentile_{}(0.{}) within group (order by {})",
                self.random.pick(&["cont", "disc"]),
                self.random.pick(&["25", "5", "9"]),
                self.expr(Type::Float, scope, 1)
            ),
            9 => {
                let text = self.leaf(Type::Text, scope);
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
        if self.random.percent(20) { format!("{call} filter (where {})", self.boolean(scope, 1)) } else { call }
    }

    fn windows(&mut self) -> String {
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

    fn window(&mut self, scope: &Scope, ids: &[String]) -> String {
        let kind = self.random.pick(&TYPES);
        let partition =
            if self.random.percent(60) { format!("partition by {}", self.leaf(kind, scope)) } else { String::new() };
        let kind = self.random.pick(&TYPES);
        let direction = self.random.pick(&["", " desc", " nulls first", " desc nulls last"]);
        let partial = format!("order by {}{direction}", self.leaf(kind, scope));
        let total = format!("{partial}, {}", ids.join(", "));
        let number = self.random.pick(&[Type::Int, Type::Num, Type::Float]);
        let any = self.random.pick(&TYPES);
        match self.random.below(8) {
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
                ]);
                format!("{name}({}) over ({partition} {total} {frame})", self.expr(number, scope, 1))
            }
            5 => format!(
                "{}({}) over ({partition} {partial})",
                self.random.pick(&["sum", "count", "avg"]),
                self.leaf(number, scope)
            ),
            6 => format!("ntile({}) over ({partition} {total})", 1 + self.random.below(3)),
            _ => {
                let kind = if any == Type::Bool { Type::Text } else { any };
                format!("{}({}) over ({partition})", self.random.pick(&["min", "max", "count"]), self.leaf(kind, scope))
            }
        }
    }

    /// A column of the type, or a value.
    fn leaf(&mut self, kind: Type, scope: &Scope) -> String {
        let columns: Vec<&String> = scope.iter().filter(|(_, has)| *has == kind).map(|(name, _)| name).collect();
        if !columns.is_empty() && self.random.percent(80) {
            return self.random.pick(&columns).clone();
        }
        let literals: &[&str] = match kind {
            Type::Int => &["0", "1", "2", "-1", "3", "7", "100"],
            Type::Num => &["0.0", "1.5", "-2.25", "0.01", "100.00", "1e2"],
            Type::Float => &["0.5::float8", "cast(2 as double precision)", "-1.5::float8"],
            Type::Text => &["''", "' '", "'a'", "'A'", "'ab'", "'Zoë'", "'a '", "'it''s'", "'100'", "'日本'"],
            Type::Date => &["date '2024-02-29'", "date '1970-01-01'", "'2023-12-31'::date"],
            Type::Time => &["timestamp '2024-02-29 00:00:00'", "timestamp '1969-12-31 23:59:59.5'"],
            Type::Bool => &["true", "false"],
        };
        self.random.pick(literals).to_owned()
    }

    fn expr(&mut self, kind: Type, scope: &Scope, depth: usize) -> String {
        if depth == 0 || self.random.percent(35) {
            return self.leaf(kind, scope);
        }
        match self.random.below(12) {
            0 => {
                let condition = self.boolean(scope, depth - 1);
                let (one, two) = (self.expr(kind, scope, depth - 1), self.expr(kind, scope, depth - 1));
                let otherwise = if self.random.percent(60) { format!(" else {two}") } else { String::new() };
                return format!("case when {condition} then {one}{otherwise} end");
            }
            1 => {
                let (one, two) = (self.expr(kind, scope, depth - 1), self.expr(kind, scope, depth - 1));
                return format!(
                    "{}({one}, {two})",
                    self.random.pick(&["coalesce", "nullif", "coalesce", "greatest", "least"])
                );
            }
            3 => {
                if let Some(text) = self.value_subquery(kind, scope) {
                    return text;
                }
            }
            2 => {
                let (one, two) = (self.leaf(kind, scope), self.leaf(kind, scope));
                let (three, four) = (self.expr(kind, scope, depth - 1), self.expr(kind, scope, depth - 1));
                return format!("case {one} when {two} then {three} else {four} end");
            }
            _ => {}
        }
        match kind {
            Type::Int => self.integer(scope, depth - 1),
            Type::Num => self.decimal(scope, depth - 1),
            Type::Float => self.float(scope, depth - 1),
            Type::Text => self.text(scope, depth - 1),
            Type::Date => self.date(scope, depth - 1),
            Type::Time => self.time(scope, depth - 1),
            Type::Bool => self.boolean(scope, depth),
        }
    }

    fn integer(&mut self, scope: &Scope, depth: usize) -> String {
        let one = self.expr(Type::Int, scope, depth);
        match self.random.below(14) {
            0 => format!("({one} + {})", self.expr(Type::Int, scope, depth)),
            1 => format!("({one} - {})", self.expr(Type::Int, scope, depth)),
            2 => format!("({one} * {})", self.random.pick(&["2", "-1", "3"])),
            3 => format!("({one} / {})", self.random.pick(&["2", "-3", "7"])),
            4 => format!("({one} / nullif({}, 0))", self.leaf(Type::Int, scope)),
            5 => format!("({one} % {})", self.random.pick(&["2", "-3", "7"])),
            6 => format!("abs({one})"),
            7 => format!("(- {one})"),
            8 => format!(
                "{}({})",
                self.random.pick(&["length", "char_length", "octet_length", "ascii"]),
                self.expr(Type::Text, scope, depth)
            ),
            9 => format!(
                "cast({} as {})",
                self.expr(Type::Num, scope, depth),
                self.random.pick(&["bigint", "bigint", "integer"])
            ),
            10 => format!("cast({} as integer)", self.expr(Type::Float, scope, depth)),
            11 => format!("({} - {})", self.expr(Type::Date, scope, depth), self.expr(Type::Date, scope, depth)),
            12 => {
                let part = self.random.pick(&["year", "month", "day", "quarter", "dow", "doy", "week", "isodow"]);
                let kind = self.random.pick(&[Type::Date, Type::Time]);
                format!("cast(extract({part} from {}) as integer)", self.expr(kind, scope, depth))
            }
            _ => {
                self.scalar_subquery(scope).unwrap_or_else(|| format!("strpos({}, 'a')", self.leaf(Type::Text, scope)))
            }
        }
    }

    fn decimal(&mut self, scope: &Scope, depth: usize) -> String {
        let one = self.expr(Type::Num, scope, depth);
        match self.random.below(16) {
            0 => format!("({one} + {})", self.expr(Type::Num, scope, depth)),
            1 => format!("({one} - {})", self.expr(Type::Num, scope, depth)),
            2 => format!("({one} * {})", self.expr(Type::Num, scope, depth)),
            3 => format!("({one} / {})", self.random.pick(&["2", "3", "-1.5", "0.07"])),
            4 => format!("({one} / nullif({}, 0))", self.leaf(Type::Num, scope)),
            5 => format!("({one} % {})", self.random.pick(&["2", "1.5", "-0.7"])),
            6 => format!("round({one}, {})", self.random.pick(&["0", "1", "2", "-1"])),
            7 => format!("{}({one})", self.random.pick(&["round", "ceil", "floor", "abs", "trunc", "sign"])),
            13 => format!("mod({one}, 7)"),
            14 => format!("({}::numeric / 3)", self.expr(Type::Int, scope, depth)),
            15 => format!("cast({} as numeric(20, 2))", self.expr(Type::Float, scope, depth)),
            8 => format!("cast({} as numeric(14, 3))", self.expr(Type::Int, scope, depth)),
            9 => format!("({one} * {})", self.expr(Type::Int, scope, depth)),
            10 => format!("({} / {}.0)", self.expr(Type::Int, scope, depth), self.random.pick(&["2", "3", "7"])),
            11 => format!("cast({one} as numeric(20, 1))"),
            _ => format!("trunc({one}, {})", self.random.pick(&["0", "1"])),
        }
    }

    fn float(&mut self, scope: &Scope, depth: usize) -> String {
        let one = self.expr(Type::Float, scope, depth);
        match self.random.below(7) {
            0 => format!("({one} {} {})", self.random.pick(&["+", "-", "*"]), self.expr(Type::Float, scope, depth)),
            1 => format!("({one} / 4)"),
            2 => format!("{}({one})", self.random.pick(&["abs", "ceil", "floor", "round", "trunc"])),
            3 => format!("cast({} as double precision)", self.expr(Type::Int, scope, depth)),
            4 => format!("cast({} as double precision)", self.leaf(Type::Num, scope)),
            5 => format!("({one} + {})", self.expr(Type::Int, scope, depth)),
            _ => format!("(- {one})"),
        }
    }

    fn text(&mut self, scope: &Scope, depth: usize) -> String {
        let one = self.expr(Type::Text, scope, depth);
        let few = self.random.pick(&["0", "1", "2", "3", "-1"]);
        match self.random.below(19) {
            0 | 1 => format!("({one} || {})", self.expr(Type::Text, scope, depth)),
            2 => format!("upper({one})"),
            3 => format!("lower({one})"),
            4 => format!("{}({one})", self.random.pick(&["trim", "ltrim", "rtrim", "btrim"])),
            5 => format!("substr({one}, {few}, 2)"),
            6 => format!("left({one}, {few})"),
            7 => format!("right({one}, {few})"),
            8 => format!("replace({one}, 'a', {})", self.leaf(Type::Text, scope)),
            9 => format!("cast({} as varchar)", self.expr(Type::Int, scope, depth)),
            10 => format!("cast({} as varchar)", self.expr(Type::Date, scope, depth)),
            11 => format!("cast({} as varchar)", self.expr(Type::Num, scope, depth)),
            12 => format!("cast({one} as varchar(2))"),
            13 => format!("{}({one}, 4, 'xy')", self.random.pick(&["lpad", "rpad"])),
            14 => format!("{}({one})", self.random.pick(&["reverse", "initcap"])),
            15 => format!("split_part({one}, 'a', {})", self.random.pick(&["1", "2", "-1"])),
            16 => format!("concat({one}, {}, {})", self.leaf(Type::Text, scope), self.leaf(Type::Int, scope)),
            17 => format!("concat_ws('-', {one}, {})", self.leaf(Type::Text, scope)),
            _ => format!("substring({one} from {} for 3)", self.random.pick(&["1", "2"])),
        }
    }

    fn date(&mut self, scope: &Scope, depth: usize) -> String {
        let one = self.expr(Type::Date, scope, depth);
        match self.random.below(4) {
            0 => format!("({one} + {})", self.random.pick(&["1", "30", "-1"])),
            1 => format!("({one} - cast({} as integer))", self.random.pick(&["1", "365", "k"]).replace('k', "7")),
            2 => format!("cast({} as date)", self.expr(Type::Time, scope, depth)),
            _ => format!(
                "cast(date_trunc('{}', {one}) as date)",
                self.random.pick(&["month", "year", "week", "quarter"])
            ),
        }
    }

    fn time(&mut self, scope: &Scope, depth: usize) -> String {
        let one = self.expr(Type::Time, scope, depth);
        let part = self.random.pick(&["day", "month", "hour", "minute", "second"]);
        match self.random.below(7) {
            5 => {
                let span =
                    self.random.pick(&["1 day 02:03:04", "1.5 days", "-1 mon", "90 minutes", "1 year 2 mons -3 days"]);
                format!("({one} + interval '{span}')")
            }
            6 => {
                let zone = self.random.pick(&["UTC", "Europe/Berlin", "America/New_York"]);
                format!("({one} at time zone '{zone}' at time zone 'UTC')")
            }
            0 => format!("cast({} as timestamp)", self.expr(Type::Date, scope, depth)),
            1 => format!("date_trunc('{part}', {one})"),
            2 => format!("({one} {} interval '1 {part}')", self.random.pick(&["+", "-"])),
            3 => format!("({} + interval '1 {part}')", self.expr(Type::Date, scope, depth)),
            _ => format!("date_trunc('{part}', {})", self.expr(Type::Time, scope, depth)),
        }
    }

    fn boolean(&mut self, scope: &Scope, depth: usize) -> String {
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
        match self.random.below(13) {
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

    fn literal(&mut self, kind: Type) -> String {
        self.leaf(kind, &Vec::new())
    }

    /// A correlated or plain subquery over one table, while there may be more.
    fn subquery(&mut self, outer: &Scope) -> Option<(String, Scope, String)> {
        self.subqueries = self.subqueries.checked_sub(1)?;
        let index = self.random.below(self.tables.len());
        let (table, scope) = self.table(index);
        let mut condition = self.boolean(&scope, 1);
        if self.random.percent(50) {
            let only_equal = self.random.percent(60);
            let on = self.join_condition(outer, &scope, only_equal);
            condition = format!("({on}) and {condition}");
        }
        Some((table, scope, condition))
    }

    /// One value of any type, by an order that leaves no choice, or by a test.
    fn value_subquery(&mut self, kind: Type, scope: &Scope) -> Option<String> {
        if kind == Type::Bool {
            return self.subquery_condition(scope).map(|text| format!("({text})"));
        }
        let (table, inner, condition) = self.subquery(scope)?;
        let value = self.leaf(kind, &inner);
        let order = self.random.pick(&["", " desc", " nulls first"]);
        Some(format!("(select {value} from {table} where {condition} order by {value}{order}, {} limit 1)", inner[0].0))
    }

    fn subquery_condition(&mut self, scope: &Scope) -> Option<String> {
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

    fn scalar_subquery(&mut self, scope: &Scope) -> Option<String> {
        let (table, inner, condition) = self.subquery(scope)?;
        let call = match self.random.below(3) {
            0 => "count(*)".to_owned(),
            1 => format!("max({})", self.leaf(Type::Int, &inner)),
            _ => format!("cast(sum({}) as bigint)", self.leaf(Type::Int, &inner)),
        };
        Some(format!("(select {call} from {table} where {condition})"))
    }
}
