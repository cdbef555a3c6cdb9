//! Random queries in PostgreSQL's dialect, well typed, with one right answer each.

use super::schema::{Table, Type};
use crate::random::Random;

/// What a query can name: an expression per column, and its type.
pub(super) type Scope = Vec<(String, Type)>;

pub(super) const TYPES: [Type; 9] =
    [Type::Int, Type::Int, Type::Num, Type::Float, Type::Text, Type::Date, Type::Time, Type::Zoned, Type::Bool];

pub(super) struct Generator<'a> {
    pub(super) random: &'a mut Random,
    pub(super) tables: &'a [Table],
    aliases: usize,
    /// How many subqueries the query may still hold.
    pub(super) subqueries: usize,
}

/// One query; `{t0}` stands for a table.
pub(super) fn random_query(random: &mut Random, tables: &[Table]) -> String {
    let mut generator = Generator { random, tables, aliases: 0, subqueries: 2 };
    generator.query()
}

impl Generator<'_> {
    pub(super) fn query(&mut self) -> String {
        let types: Vec<Type> = (0..1 + self.random.below(4)).map(|_| self.random.pick(&TYPES)).collect();
        match self.random.below(29) {
            0 => self.set_operation(&types),
            1 | 2 => self.windows(),
            3 => self.cte(),
            4 | 5 => self.top(&types),
            6 | 7 => self.aggregate(),
            8 => self.grouping_sets(),
            9 | 10 => self.lateral(&types),
            11 => self.first_of_each(&types),
            12 => self.recursive(),
            13 | 18 => self.arrays_and_json(),
            19 => self.chained_ctes(&types),
            20 => self.several_sets(&types),
            21 => self.merged_columns(&types),
            22 => self.written_rows(&types),
            23 => self.made_rows(&types),
            24 => self.first_window(),
            25 => self.group_of_groups(),
            26 => self.cast_keys(),
            27 => self.row_tests(&types),
            28 => self.json_rows(),
            _ => self.select(&types),
        }
    }

    pub(super) fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("x{}", self.aliases)
    }

    /// A table under a fresh alias.
    pub(super) fn table(&mut self, index: usize) -> (String, Scope) {
        let alias = self.alias();
        let table = &self.tables[index];
        let scope = table.columns.iter().map(|column| (format!("{alias}.{}", column.name), column.kind)).collect();
        (format!("{{{}}} as {alias}", table.name), scope)
    }

    /// Tables of at least two places, joined.
    pub(super) fn from(&mut self) -> (String, Scope) {
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

    pub(super) fn derived(&mut self, index: usize) -> (String, Scope) {
        let (table, columns) = self.table(index);
        let alias = self.alias();
        let names: Vec<String> = columns.iter().enumerate().map(|(at, (name, _))| format!("{name} as v{at}")).collect();
        let condition = self.boolean(&columns, 1);
        let scope = columns.iter().enumerate().map(|(at, (_, kind))| (format!("{alias}.v{at}"), *kind)).collect();
        (format!("(select {} from {table} where {condition}) as {alias}", names.join(", ")), scope)
    }

    /// PostgreSQL refuses a full join whose condition is not an equality of both sides.
    pub(super) fn join_condition(&mut self, left: &Scope, right: &Scope, only_equal: bool) -> String {
        let pairs: Vec<(&String, &String)> = left
            .iter()
            .flat_map(|(one, kind)| {
                right
                    .iter()
                    .filter(move |(_, other)| other == kind && *kind != Type::Json)
                    .map(move |(two, _)| (one, two))
            })
            .collect();
        if pairs.is_empty() {
            return self.boolean(right, 0);
        }
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

    pub(super) fn where_clause(&mut self, scope: &Scope) -> String {
        if self.random.percent(70) { format!(" where {}", self.boolean(scope, 2)) } else { String::new() }
    }

    pub(super) fn select(&mut self, types: &[Type]) -> String {
        let (from, scope) = self.from();
        let distinct = if self.random.percent(20) { "distinct " } else { "" };
        let columns: Vec<String> =
            types.iter().enumerate().map(|(at, kind)| format!("{} as c{at}", self.expr(*kind, &scope, 2))).collect();
        let condition = self.where_clause(&scope);
        format!("select {distinct}{} from {from}{condition}", columns.join(", "))
    }

    pub(super) fn top(&mut self, types: &[Type]) -> String {
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

    pub(super) fn set_operation(&mut self, types: &[Type]) -> String {
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

    pub(super) fn cte(&mut self) -> String {
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

    /// A column of the type, or of any where there is none.
    pub(super) fn leaf_column(&mut self, kind: Type, scope: &Scope) -> String {
        let columns: Vec<&String> = scope.iter().filter(|(_, has)| *has == kind).map(|(name, _)| name).collect();
        match columns.as_slice() {
            [] => {
                let plain: Vec<&String> =
                    scope.iter().filter(|(_, kind)| *kind != Type::Json).map(|(name, _)| name).collect();
                self.random.pick(&plain).clone()
            }
            columns => self.random.pick(columns).clone(),
        }
    }

    /// A table computed for each row of the tables before it.
    pub(super) fn lateral(&mut self, types: &[Type]) -> String {
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
    pub(super) fn first_of_each(&mut self, types: &[Type]) -> String {
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
    pub(super) fn recursive(&mut self) -> String {
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

    pub(super) fn arrays_and_json(&mut self) -> String {
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

    /// CTEs that read each other, one of them twice.
    pub(super) fn chained_ctes(&mut self, types: &[Type]) -> String {
        let first = self.select(types);
        let (alias, other) = (self.alias(), self.alias());
        let scope: Scope = types.iter().enumerate().map(|(at, kind)| (format!("{alias}.c{at}"), *kind)).collect();
        let condition = self.boolean(&scope, 1);
        let call = self.aggregate_call(&scope);
        let kept = self.random.pick(&["", "materialized ", "not materialized "]);
        let key = self.random.below(types.len());
        let kind = self.random.pick(&["join", "left join", "full join"]);
        format!(
            "with one as {kept}({first}), two as (select {alias}.c{key} as k, {call} as v from one as {alias} where {condition} group by 1), \
             three as (select count(*) as n from two) \
             select {other}.c0, two.v, three.n from one as {other} {kind} two on {other}.c{key} = two.k cross join three"
        )
    }

    /// Set operations within each other, in an order and cut.
    pub(super) fn several_sets(&mut self, types: &[Type]) -> String {
        let parts: Vec<String> = (0..3)
            .map(|_| {
                let index = self.random.below(self.tables.len());
                let (table, scope) = self.table(index);
                let condition = self.where_clause(&scope);
                let columns: Vec<String> = types
                    .iter()
                    .enumerate()
                    .map(|(at, kind)| format!("{} as c{at}", self.leaf(*kind, &scope)))
                    .collect();
                format!("select {} from {table}{condition}", columns.join(", "))
            })
            .collect();
        let mut operator =
            || self.random.pick(&["union all", "union", "except", "intersect", "except all", "intersect all"]);
        let text = match (operator(), operator()) {
            (one, two) if one.len() % 2 == 0 => format!("({}) {one} (({}) {two} ({}))", parts[0], parts[1], parts[2]),
            (one, two) => format!("{} {one} {} {two} {}", parts[0], parts[1], parts[2]),
        };
        if self.random.percent(40) {
            let order: Vec<String> = (1..=types.len()).map(|at| at.to_string()).collect();
            return format!(
                "select * from ({text}) as q order by {} limit {}",
                order.join(" desc, "),
                self.random.below(6)
            );
        }
        text
    }

    /// Joins by USING, whose column is there once.
    pub(super) fn merged_columns(&mut self, types: &[Type]) -> String {
        let (first, second) = (self.random.below(self.tables.len()), self.random.below(self.tables.len()));
        let ((one, left), (two, right)) = (self.table(first), self.table(second));
        let kind = self.random.pick(&["join", "left join", "right join", "full join"]);
        let column = self.random.pick(&["k", "id"]);
        let mut scope: Scope = left.into_iter().chain(right).collect();
        scope.push((column.to_owned(), Type::Int));
        let columns: Vec<String> =
            types.iter().enumerate().map(|(at, kind)| format!("{} as c{at}", self.expr(*kind, &scope, 1))).collect();
        let condition = self.where_clause(&scope);
        format!("select {column} as m, {} from {one} {kind} {two} using ({column}){condition}", columns.join(", "))
    }

    /// Rows that the query itself holds.
    pub(super) fn written_rows(&mut self, types: &[Type]) -> String {
        let (alias, index) = (self.alias(), self.random.below(self.tables.len()));
        let (table, mut scope) = self.table(index);
        let on = format!("{} = {alias}.v", scope[1].0);
        scope.extend([(format!("{alias}.v"), Type::Int), (format!("{alias}.name"), Type::Text)]);
        let columns: Vec<String> =
            types.iter().enumerate().map(|(at, kind)| format!("{} as c{at}", self.expr(*kind, &scope, 1))).collect();
        let kind = self.random.pick(&["join", "left join", "right join", "full join"]);
        let condition = self.where_clause(&scope);
        format!(
            "select {alias}.name, {} from {table} {kind} (values (1, 'one'), (2, null), (3, 'Drei')) as {alias} (v, name) on {on}{condition}",
            columns.join(", ")
        )
    }

    /// Series and lists as tables, on their own and for each row.
    pub(super) fn made_rows(&mut self, types: &[Type]) -> String {
        let (from, mut scope) = self.from();
        let alias = self.alias();
        let number = self.leaf(Type::Int, &scope);
        if self.random.percent(25) {
            return self.series_in_the_list(&from, &scope);
        }
        if self.random.percent(25) {
            return self.numbered_rows(&from, &scope);
        }
        let (kind, rows) = match self.random.below(5) {
            0 => (Type::Int, format!("generate_series(1, {})", self.random.pick(&["0", "1", "3"]))),
            1 => (Type::Int, format!("generate_series(abs({number}) % 3, 2)")),
            2 => (Type::Int, format!("unnest(array[{number}, 2, null])")),
            3 => (Type::Text, format!("unnest(string_to_array({}, 'a'))", self.leaf(Type::Text, &scope))),
            _ => (
                Type::Time,
                "generate_series(timestamp '2024-02-28', timestamp '2024-03-01', interval '1 day')".to_owned(),
            ),
        };
        scope.push((format!("{alias}.v"), kind));
        let columns: Vec<String> =
            types.iter().enumerate().map(|(at, kind)| format!("{} as c{at}", self.expr(*kind, &scope, 1))).collect();
        let condition = self.where_clause(&scope);
        format!(
            "select {alias}.v, {} from {from} cross join lateral {rows} as {alias} (v){condition}",
            columns.join(", ")
        )
    }

    /// Rows made by the select list itself.
    fn series_in_the_list(&mut self, from: &str, scope: &Scope) -> String {
        let number = self.leaf(Type::Int, scope);
        let made = self.random.pick(&[
            "generate_series(1, 3) as g",
            "generate_series(3, 1, -1) as g, unnest(array['a', null]) as h",
            "unnest(array[1, 2]) as g",
        ]);
        let condition = self.where_clause(scope);
        format!("select {}, {number} as n, {made} from {from}{condition}", scope[0].0)
    }

    /// Elements with their places.
    fn numbered_rows(&mut self, from: &str, scope: &Scope) -> String {
        let alias = self.alias();
        let (number, text) = (self.leaf(Type::Int, scope), self.leaf(Type::Text, scope));
        let rows = match self.random.below(4) {
            0 => format!("unnest(array[{number}, 2, null])"),
            1 => format!("unnest(string_to_array({text}, 'a'))"),
            2 if self.random.percent(50) => format!("string_to_table({text}, 'a')"),
            2 => "generate_series(5, 9, 2)".to_owned(),
            _ => r#"jsonb_array_elements_text('["x", null, 3]'::jsonb)"#.to_owned(),
        };
        let condition = self.where_clause(scope);
        format!(
            "select {}, {alias}.v, {alias}.n from {from} cross join lateral {rows} with ordinality as {alias} (v, n){condition}",
            scope[0].0
        )
    }

    /// The first row of each key by a window, as is done where there is no QUALIFY.
    pub(super) fn first_window(&mut self) -> String {
        let (from, scope) = self.from();
        let ids: Vec<String> = scope
            .iter()
            .filter(|(name, _)| name.ends_with(".id") || name.ends_with(".v0"))
            .map(|(name, _)| name.clone())
            .collect();
        let (kind, other) = (self.random.pick(&TYPES), self.random.pick(&TYPES));
        let (key, value) = (self.leaf(kind, &scope), self.expr(other, &scope, 1));
        let condition = self.where_clause(&scope);
        let order = self.random.pick(&["", " desc", " desc nulls last"]);
        format!(
            "select k, v, n from (select {key} as k, {value} as v, row_number() over w as n, count(*) over (w rows unbounded preceding) as m \
             from {from}{condition} window w as (partition by {key} order by {value}{order}, {})) as q where n <= {} and m > 0",
            ids.join(", "),
            1 + self.random.below(2)
        )
    }

    /// An aggregate of an aggregate, with a window over it.
    pub(super) fn group_of_groups(&mut self) -> String {
        let (from, scope) = self.from();
        let (kind, other) = (self.random.pick(&TYPES), self.random.pick(&TYPES));
        let (one, two) = (self.expr(kind, &scope, 1), self.leaf_column(other, &scope));
        let condition = self.where_clause(&scope);
        if self.random.percent(50) {
            let call = self.aggregate_call(&scope);
            return format!(
                "select c0, count(*) as n, sum(m) as s, count(v) as v from (select {one} as c0, {two} as c1, count(*) as m, \
                 {call} as v from {from}{condition} group by 1, {two}) as q group by c0"
            );
        }
        format!(
            "select {one} as c0, count(*) as n, rank() over (order by count(*) desc) as r, sum(count(*)) over () as t \
             from {from}{condition} group by {one} order by 1"
        )
    }

    /// Columns beside casts of themselves, as keys and in aggregates.
    pub(super) fn cast_keys(&mut self) -> String {
        let (from, scope) = self.from();
        let (kind, to) = self.random.pick(&[
            (Type::Time, "date"),
            (Type::Int, "bigint"),
            (Type::Int, "text"),
            (Type::Date, "timestamp"),
            (Type::Num, "integer"),
            (Type::Text, "varchar(1)"),
        ]);
        let key = self.leaf_column(kind, &scope);
        let number = self.leaf_column(Type::Int, &scope);
        let to = if key == number { "text" } else { to };
        let condition = self.where_clause(&scope);
        format!(
            "select cast({key} as {to}) as c0, {key} as c1, count({number}) as n, sum({number}) as s, sum({number}::bigint) as b, \
             sum(cast({number} as numeric)) as d, avg({number}) as a from {from}{condition} group by 1, {}",
            self.random.pick(&["2", key.as_str()])
        )
    }

    /// Rows compared with the rows of a subquery, and with each other.
    pub(super) fn row_tests(&mut self, types: &[Type]) -> String {
        let (from, scope) = self.from();
        let index = self.random.below(self.tables.len());
        let (table, inner) = self.table(index);
        let (one, two) = (self.leaf_column(Type::Int, &scope), self.expr(Type::Int, &scope, 1));
        let condition = self.where_clause(&inner);
        let further = self.boolean(&scope, 1);
        let columns: Vec<String> =
            types.iter().enumerate().map(|(at, kind)| format!("{} as c{at}", self.expr(*kind, &scope, 1))).collect();
        let (three, four) = (self.leaf_column(Type::Int, &inner), self.leaf_column(Type::Int, &inner));
        format!(
            "select {} from {from} where ({one}, {two}) in (select {three}, {four} from {table}{condition}) and {further}",
            columns.join(", ")
        )
    }

    /// The elements of JSON arrays as rows.
    pub(super) fn json_rows(&mut self) -> String {
        let (from, scope) = self.from();
        let alias = self.alias();
        let number = self.leaf(Type::Int, &scope);
        let json = self.random.pick(&[
            r#"'[1, "x", null, {"a": 2}]'::jsonb"#,
            r#"'{"a": [1, {"b": "y"}], "b": []}'::jsonb -> 'a'"#,
            r#"'[]'::jsonb"#,
        ]);
        let text = self.random.pick(&["", "_text"]);
        if self.random.percent(30) {
            let value = self.leaf(Type::Text, &scope);
            return format!(
                "select {}, {alias}.k, {alias}.v::text as v from {from} cross join lateral \
                 jsonb_each{text}(jsonb_build_object('a', {value}, 'b', {number}, 'c', null)) as {alias} (k, v)",
                scope[0].0
            );
        }
        let kind = self.random.pick(&["cross join", "left join"]);
        let on = if kind == "left join" { format!(" on {number} > 1") } else { String::new() };
        format!(
            "select {}, {number} as n, {alias}.v::text as v from {from} {kind} lateral jsonb_array_elements{text}({json}) as {alias} (v){on}",
            scope[0].0
        )
    }
}
