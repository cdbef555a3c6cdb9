//! Values of each type in random queries.

use super::query::{Generator, Scope};
use super::schema::Type;

impl Generator<'_> {
    /// A column of the type, or a value.
    pub(super) fn leaf(&mut self, kind: Type, scope: &Scope) -> String {
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
            Type::Zoned => &["timestamptz '2024-02-29 00:00:00+00'", "timestamptz '1969-12-31 23:59:59.5+01'"],
            Type::Bool => &["true", "false"],
            Type::Json => {
                &["'{\"a\": [1, \"x\", null], \"b\": {\"c\": 1.50}, \"A\": \"q\"}'::jsonb", "'[1, {\"a\": 2}]'::jsonb"]
            }
        };
        self.random.pick(literals).to_owned()
    }

    pub(super) fn expr(&mut self, kind: Type, scope: &Scope, depth: usize) -> String {
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
            Type::Zoned => self.instant(scope, depth - 1),
            Type::Bool => self.boolean(scope, depth),
            Type::Json => self.leaf(Type::Json, scope),
        }
    }

    pub(super) fn integer(&mut self, scope: &Scope, depth: usize) -> String {
        let one = self.expr(Type::Int, scope, depth);
        match self.random.below(21) {
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
            13 => self.elapsed(scope),
            14 => format!("position({} in {})", self.leaf(Type::Text, scope), self.expr(Type::Text, scope, depth)),
            15 => format!("mod({one}, {})", self.random.pick(&["3", "-4"])),
            16 => format!(
                "cast(date_part('{}', {}) as integer)",
                self.random.pick(&["year", "day", "hour", "isoyear"]),
                self.leaf(Type::Time, scope)
            ),
            17 => format!("cast({} as integer)", self.boolean(scope, 0)),
            18 => {
                let (kind, bounds) = self.random.pick(&[
                    (Type::Num, "0, 100, 7"),
                    (Type::Int, "100, -10, 3"),
                    (Type::Num, "-1.5, 2.25, 4"),
                    (Type::Float, "0, 3, 5"),
                ]);
                format!("width_bucket({}, {bounds})", self.leaf(kind, scope))
            }
            19 => format!("jsonb_array_length(jsonb_build_array({one}, {}, null))", self.leaf(Type::Text, scope)),
            _ => {
                self.scalar_subquery(scope).unwrap_or_else(|| format!("strpos({}, 'a')", self.leaf(Type::Text, scope)))
            }
        }
    }

    pub(super) fn decimal(&mut self, scope: &Scope, depth: usize) -> String {
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

    pub(super) fn float(&mut self, scope: &Scope, depth: usize) -> String {
        let one = self.expr(Type::Float, scope, depth);
        match self.random.below(11) {
            0 => format!("({one} {} {})", self.random.pick(&["+", "-", "*"]), self.expr(Type::Float, scope, depth)),
            1 => format!("({one} / 4)"),
            2 => format!("{}({one})", self.random.pick(&["abs", "ceil", "floor", "round", "trunc"])),
            3 => format!("cast({} as double precision)", self.expr(Type::Int, scope, depth)),
            4 => format!("cast({} as double precision)", self.leaf(Type::Num, scope)),
            5 => format!("({one} + {})", self.expr(Type::Int, scope, depth)),
            6 => format!(
                "date_part('{}', {})",
                self.random.pick(&["epoch", "second", "dow", "quarter"]),
                self.leaf(Type::Time, scope)
            ),
            7 => {
                format!("date_part('{}', {})", self.random.pick(&["day", "hour", "epoch", "minute"]), self.span(scope))
            }
            8 => format!("power({one}, 2)"),
            9 => format!("sqrt(abs(round({one})))"),
            _ => format!("(- {one})"),
        }
    }

    pub(super) fn text(&mut self, scope: &Scope, depth: usize) -> String {
        let one = self.expr(Type::Text, scope, depth);
        let few = self.random.pick(&["0", "1", "2", "3", "-1"]);
        match self.random.below(35) {
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
            18 => {
                let side = self.random.pick(&["leading", "trailing", "both"]);
                let what = self.random.pick(&["", "'a' ", "' ' ", "'ab' "]);
                format!("trim({side} {what}from {one})")
            }
            19 => {
                let pattern =
                    self.random.pick(&["'a'", "'[a-z]+'", "'^.'", "'[^a-zA-Z0-9]'", "'(a|b)'", "'\\s+'", "'\\d'"]);
                let flags = self.random.pick(&["", ", 'g'", ", 'gi'"]);
                format!("regexp_replace({one}, {pattern}, {}{flags})", self.random.pick(&["''", "'_'", "'<\\1>'"]))
            }
            20 => format!(
                "to_char({}, '{}')",
                self.leaf(Type::Time, scope),
                self.random.pick(&["YYYY-MM-DD", "YYYYMM", "HH24:MI:SS", "Mon DD, YYYY", "IYYY-IW", "Day", "Q"])
            ),
            21 => format!(
                "md5(cast(coalesce(cast({} as text), '_null_') || '-' || coalesce(cast({one} as text), '_null_') as text))",
                self.leaf(Type::Int, scope)
            ),
            22 => format!("cast({} as text)", self.boolean(scope, 0)),
            23 => format!("cast({} as varchar)", self.span(scope)),
            24 => format!("cast({} as varchar)", self.expr(Type::Time, scope, depth)),
            25 => format!("translate({one}, 'ab', 'x')"),
            26 => format!("repeat({one}, {few})"),
            27 => format!("overlay({one} placing 'XY' from 2 for 1)"),
            28 => format!("({one} || {})", self.leaf(Type::Int, scope)),
            29 => self.json_text(scope),
            31 => self.number_text(scope),
            32 => format!(
                "array_to_string(regexp_match({one}, '{}'), '|')",
                self.random.pick(&["a(.)", "([a-z])([0-9A-Z])", "^.", "[^a]+"])
            ),
            33 => format!("(to_jsonb({}))::text", self.leaf(Type::Text, scope)),
            30 => format!("substring({one} from '{}')", self.random.pick(&["a.", "[0-9]+", "(.)b"])),
            _ => format!("substring({one} from {} for 3)", self.random.pick(&["1", "2"])),
        }
    }

    /// A number by a template.
    fn number_text(&mut self, scope: &Scope) -> String {
        let kind = self.random.pick(&[Type::Int, Type::Num, Type::Float]);
        let number = self.leaf(kind, scope);
        let template = self.random.pick(&[
            "999,999,990.00",
            "FM999999999990.99",
            "FM999,999,999,990",
            "0000000009",
            "9999999999999999.99S",
            "S99999999990.0",
            "FM99999999990.00MI",
            "9999999999990.9PR",
            "999G999G990D00",
            "99.9",
        ]);
        format!("to_char({number}, '{template}')")
    }

    pub(super) fn date(&mut self, scope: &Scope, depth: usize) -> String {
        let one = self.expr(Type::Date, scope, depth);
        match self.random.below(8) {
            0 => format!("({one} + {})", self.random.pick(&["1", "30", "-1"])),
            1 => format!("({one} - cast({} as integer))", self.random.pick(&["1", "365", "k"]).replace('k', "7")),
            2 => format!("cast({} as date)", self.expr(Type::Time, scope, depth)),
            // The last day, as dbt's macro has it.
            3 => format!(
                "cast(date_trunc('month', {one}) + ((interval '1 month') * (1)) + ((interval '1 day') * (-1)) as date)"
            ),
            4 => format!("to_date(to_char({}, 'YYYY-MM-DD'), 'YYYY-MM-DD')", self.leaf(Type::Time, scope)),
            5 => format!("make_date(cast(2000 + abs({}) % 100 as integer), 2, 28)", self.leaf(Type::Int, scope)),
            6 => format!("({one} + cast({} % 50 as integer))", self.leaf(Type::Int, scope)),
            _ => format!(
                "cast(date_trunc('{}', {one}) as date)",
                self.random.pick(&["month", "year", "week", "quarter"])
            ),
        }
    }

    pub(super) fn time(&mut self, scope: &Scope, depth: usize) -> String {
        let one = self.expr(Type::Time, scope, depth);
        let part = self.random.pick(&["day", "month", "hour", "minute", "second"]);
        match self.random.below(11) {
            5 => {
                let span =
                    self.random.pick(&["1 day 02:03:04", "1.5 days", "-1 mon", "90 minutes", "1 year 2 mons -3 days"]);
                format!("({one} + interval '{span}')")
            }
            6 => {
                let zone = self.random.pick(&["UTC", "Europe/Berlin", "America/New_York"]);
                format!("({one} at time zone '{zone}' at time zone 'UTC')")
            }
            7 => format!("({one} + ((interval '1 {part}') * ({} % 40)))", self.leaf(Type::Int, scope)),
            8 => format!("({one} {} {})", self.random.pick(&["+", "-"]), self.span(scope)),
            9 => format!(
                "({} at time zone '{}')",
                self.leaf(Type::Zoned, scope),
                self.random.pick(&["UTC", "Asia/Tokyo", "America/New_York"])
            ),
            10 => format!("cast(concat({}, ' 01:02:03') as timestamp)", self.leaf(Type::Date, scope)),
            0 => format!("cast({} as timestamp)", self.expr(Type::Date, scope, depth)),
            1 => format!("date_trunc('{part}', {one})"),
            2 => format!("({one} {} interval '1 {part}')", self.random.pick(&["+", "-"])),
            3 => format!("({} + interval '1 {part}')", self.expr(Type::Date, scope, depth)),
            _ => format!("date_trunc('{part}', {})", self.expr(Type::Time, scope, depth)),
        }
    }

    fn instant(&mut self, scope: &Scope, depth: usize) -> String {
        let one = self.expr(Type::Zoned, scope, depth);
        match self.random.below(4) {
            0 => format!(
                "({} at time zone '{}')",
                self.leaf(Type::Time, scope),
                self.random.pick(&["UTC", "Europe/Berlin"])
            ),
            1 => format!("date_trunc('{}', {one})", self.random.pick(&["hour", "day", "month"])),
            2 => format!(
                "({one} {} interval '{}')",
                self.random.pick(&["+", "-"]),
                self.random.pick(&["1 day", "90 minutes", "1 month"])
            ),
            _ => format!("cast({} as timestamptz)", self.expr(Type::Time, scope, depth)),
        }
    }

    /// An interval.
    pub(super) fn span(&mut self, scope: &Scope) -> String {
        match self.random.below(6) {
            0 => format!("age({}, {})", self.leaf(Type::Time, scope), self.leaf(Type::Time, scope)),
            1 => format!("justify_interval({} - {})", self.leaf(Type::Time, scope), self.leaf(Type::Time, scope)),
            2 => format!("({} * interval '1 day 03:00:00')", self.random.pick(&["2", "0.5", "-1"])),
            3 => format!("make_interval(days => cast({} % 100 as integer))", self.leaf(Type::Int, scope)),
            _ => format!("({} - {})", self.leaf(Type::Time, scope), self.leaf(Type::Time, scope)),
        }
    }

    /// The expansions of dbt's `datediff`, by unit.
    fn elapsed(&mut self, scope: &Scope) -> String {
        let kind = self.random.pick(&[Type::Date, Type::Time]);
        let (from, to) = (self.leaf(kind, scope), self.leaf(kind, scope));
        let days = format!("(({to})::date - ({from})::date)");
        let years = format!("(date_part('year', ({to})::date) - date_part('year', ({from})::date))");
        let hours =
            format!("({days} * 24 + date_part('hour', ({to})::timestamp) - date_part('hour', ({from})::timestamp))");
        let whole = match self.random.below(5) {
            0 => days,
            1 => years,
            2 => format!("({years} * 12 + date_part('month', ({to})::date) - date_part('month', ({from})::date))"),
            3 => hours,
            _ => format!(
                "({days} / 7 + case when date_part('dow', ({from})::timestamp) <= date_part('dow', ({to})::timestamp) then case \
                 when {from} <= {to} then 0 else -1 end else case when {from} <= {to} then 1 else 0 end end)"
            ),
        };
        format!("cast({whole} as bigint)")
    }

    /// A part of a JSON value as text.
    pub(super) fn json_text(&mut self, scope: &Scope) -> String {
        let json = self.leaf(Type::Json, scope);
        let key = self.random.pick(&["'a'", "'A'", "'b'", "'ä'", "0", "1", "-1"]);
        match self.random.below(5) {
            0 | 1 => format!("({json} ->> {key})"),
            2 => format!("({json} -> {key} ->> {})", self.random.pick(&["'c'", "1", "'a'"])),
            3 => format!("({json} #>> '{{b,c}}')"),
            _ => format!("jsonb_typeof({json} -> {key})"),
        }
    }

    pub(super) fn literal(&mut self, kind: Type) -> String {
        self.leaf(kind, &Vec::new())
    }
}
