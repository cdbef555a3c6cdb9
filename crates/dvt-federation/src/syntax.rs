//! What the planner would forget, mistake or refuse of a syntax tree is written in words that it keeps.
//!
//! Lengths of text types, `numeric` without digits, `mod()`, intervals with a clock, series and JSON operators: each becomes
//! another expression with the dialect's meaning, on the tree; no text is replaced.

use crate::error::{Location, PlanError};
use crate::functions::NAMED;
use crate::interval::parse_interval;
use datafusion::sql::sqlparser::ast::{
    self, BinaryOperator, CaseWhen, CastKind, DataType, DateTimeField, ExactNumberInfo, Expr, Function, FunctionArg,
    FunctionArgExpr, FunctionArgumentClause, FunctionArgumentList, FunctionArguments, Ident, Interval, ObjectName,
    SelectItem, SetExpr, Statement, TableAlias, TableAliasColumnDef, TableFactor, TimezoneInfo, UnaryOperator, Value,
    VisitMut, VisitorMut, helpers::attached_token::AttachedToken,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use dvt_sql::Dialect;
use std::ops::ControlFlow;

/// The digits that carry a PostgreSQL `numeric` which names none.
pub(crate) const CARRIER: (u8, i8) = (76, 28);

/// Writes the statement so that the planner gives it the dialect's meaning.
pub(crate) fn give_meaning(statement: &mut Statement, dialect: &Dialect) {
    // A lake's own SQL keeps the engine's meaning.
    if dialect.name == "filesystem" {
        return;
    }
    let _: ControlFlow<()> = statement.visit(&mut Writer { dialect: dialect.name });
}

/// Writes functions that stand for a table as lists whose elements are rows.
///
/// # Errors
/// [`PlanError::Unsupported`] for other functions in a FROM.
pub(crate) fn write_series(statement: &mut Statement, dialect: &Dialect) -> Result<(), PlanError> {
    if dialect.name == "filesystem" {
        return Ok(());
    }
    match statement.visit(&mut Series { dialect: dialect.name }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(refused) => Err(refused),
    }
}

/// Gives every cast a name of its own, by the type it casts to.
pub(crate) fn name_casts(statement: &mut Statement) {
    struct Casts;
    impl VisitorMut for Casts {
        type Break = ();

        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if let Expr::Cast { data_type, .. } = expr {
                let name = Expr::value(Value::SingleQuotedString(data_type.to_string()));
                let cast = std::mem::replace(expr, Expr::value(Value::Null));
                *expr = call(NAMED, vec![cast, name]);
            }
            ControlFlow::Continue(())
        }
    }
    let _: ControlFlow<()> = statement.visit(&mut Casts);
}

struct Series<'a> {
    dialect: &'a str,
}

impl VisitorMut for Series<'_> {
    type Break = PlanError;

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<PlanError> {
        if self.dialect == "postgres"
            && let Some(series) = series(factor)
        {
            *factor = series;
        }
        let (TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. }) = factor else {
            return ControlFlow::Continue(());
        };
        ControlFlow::Break(PlanError::Unsupported {
            construct: format!("the function `{name}` in a FROM"),
            hint: Some("call it in a model on one connection, and read that model here".to_owned()),
            location: place_of(name),
        })
    }
}

/// Where a name stands in the compiled SQL.
pub(crate) fn place_of(name: &ObjectName) -> Option<Location> {
    let place = name.0.first()?.as_ident()?.span.start;
    let known = place.line > 0;
    known.then(|| Some(Location { line: place.line.try_into().ok()?, column: place.column.try_into().ok()? }))?
}

struct Writer<'a> {
    dialect: &'a str,
}

impl VisitorMut for Writer<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let is_postgres = self.dialect == "postgres";
        match expr {
            Expr::Cast { .. } => self.cast(expr),
            Expr::TypedString(typed) if matches!(typed.data_type, DataType::Timestamp(..)) => {
                complete_time(&mut typed.value.value);
            }
            Expr::Interval(interval) if self.dialect != "mysql" && self.dialect != "mariadb" => {
                if let Some(plain) = plain_interval(interval) {
                    *interval = plain;
                }
            }
            Expr::Function(function) if is_named(&function.name, "mod") => {
                if let FunctionArguments::List(list) = &function.args
                    && let [
                        FunctionArg::Unnamed(FunctionArgExpr::Expr(left)),
                        FunctionArg::Unnamed(FunctionArgExpr::Expr(right)),
                    ] = list.args.as_slice()
                {
                    *expr = Expr::Nested(Box::new(Expr::BinaryOp {
                        left: Box::new(Expr::Nested(Box::new(left.clone()))),
                        op: BinaryOperator::Modulo,
                        right: Box::new(Expr::Nested(Box::new(right.clone()))),
                    }));
                }
            }
            Expr::Substring { expr: inner, substring_from, substring_for, .. }
                if matches!(self.dialect, "mysql" | "mariadb" | "sqlite" | "duckdb") =>
            {
                let mut given = vec![inner.as_ref().clone()];
                given.push(substring_from.as_ref().map_or_else(|| *number(1), |from| from.as_ref().clone()));
                given.extend(substring_for.as_ref().map(|length| length.as_ref().clone()));
                *expr = call("dvt_substr", given);
            }
            Expr::Function(function) if self.dialect != "postgres" => {
                if let Some(plain) = self.choice(function) {
                    *expr = plain;
                }
            }
            Expr::BinaryOp { left, op: BinaryOperator::MyIntegerDivide, right } => {
                let nested = |expr: &Expr| Box::new(Expr::Nested(Box::new(expr.clone())));
                let made = |left, op, right| Expr::BinaryOp { left, op, right };
                // Exact, where the quotient itself would be rounded.
                let rest = made(nested(left), BinaryOperator::Modulo, nested(right));
                let whole = made(nested(left), BinaryOperator::Minus, nested(&rest));
                let quotient = made(nested(&whole), BinaryOperator::Divide, nested(right));
                *expr = cast_to(quotient, DataType::BigInt(None));
            }
            // The planner of an array forgets the query that it stands in.
            Expr::Array(array) if is_postgres && !array.elem.is_empty() => {
                *expr = call("make_array", std::mem::take(&mut array.elem));
            }
            // With a pattern in the place of a number.
            Expr::Substring { expr: inner, substring_from: Some(pattern), substring_for: None, .. }
                if is_postgres && is_text(pattern) =>
            {
                let found = call("dvt_first_match", vec![inner.as_ref().clone(), pattern.as_ref().clone()]);
                *expr = call("array_element", vec![found, *number(1)]);
            }
            Expr::Function(function) if is_postgres => {
                if let Some(plain) = postgres_call(function) {
                    *expr = plain;
                }
            }
            Expr::BinaryOp { left, op, right } if is_postgres => {
                let function = match op {
                    BinaryOperator::Arrow => "dvt_json_get",
                    BinaryOperator::LongArrow => "dvt_json_get_text",
                    BinaryOperator::HashArrow => "dvt_json_path",
                    BinaryOperator::HashLongArrow => "dvt_json_path_text",
                    BinaryOperator::Question => "dvt_json_has",
                    _ => return ControlFlow::Continue(()),
                };
                *expr = call(function, vec![left.as_ref().clone(), right.as_ref().clone()]);
            }
            Expr::AtTimeZone { timestamp, time_zone } if is_postgres => {
                *expr = call("dvt_at_zone", vec![time_zone.as_ref().clone(), timestamp.as_ref().clone()]);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// `sum` and `avg` of truth values, which are numbers there, and `group_concat`, which is `string_agg` of texts.
fn mysql_aggregate(function: &Function, joins: bool) -> Option<Expr> {
    let mut function = function.clone();
    let FunctionArguments::List(list) = &mut function.args else { return None };
    let [FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))] = list.args.as_mut_slice() else { return None };
    if !joins {
        if !is_condition(argument) {
            return None;
        }
        *argument = cast_to(argument.clone(), DataType::BigInt(None));
        return Some(Expr::Function(function));
    }
    *argument = cast_to(argument.clone(), DataType::Varchar(None));
    let mut separator = Value::SingleQuotedString(",".to_owned());
    list.clauses.retain(|clause| match clause {
        FunctionArgumentClause::Separator(given) => {
            separator = given.value.clone();
            false
        }
        _ => true,
    });
    list.args.push(FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::value(separator))));
    function.name = ObjectName::from(vec![Ident::new("dvt_group_concat")]);
    Some(Expr::Function(function))
}

/// A text that is a date or a time, as one: where time is added to it, it is no text there.
fn as_time(expr: Expr) -> Expr {
    let Expr::Value(value) = &expr else { return expr };
    let Value::SingleQuotedString(text) = &value.value else { return expr };
    let is_date = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    cast_to(expr, if is_date { DataType::Date } else { DataType::Timestamp(None, TimezoneInfo::None) })
}

fn cast_to(expr: Expr, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(expr), data_type, array: false, format: None }
}

/// Whether the expression is a truth value whatever its parts are.
fn is_condition(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_condition(inner),
        Expr::BinaryOp { op, .. } => matches!(
            op,
            BinaryOperator::Eq
                | BinaryOperator::NotEq
                | BinaryOperator::Lt
                | BinaryOperator::LtEq
                | BinaryOperator::Gt
                | BinaryOperator::GtEq
                | BinaryOperator::Spaceship
                | BinaryOperator::And
                | BinaryOperator::Or
        ),
        Expr::UnaryOp { op: UnaryOperator::Not, .. }
        | Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsTrue(_)
        | Expr::IsFalse(_)
        | Expr::IsNotTrue(_)
        | Expr::IsNotFalse(_)
        | Expr::InList { .. }
        | Expr::InSubquery { .. }
        | Expr::Between { .. }
        | Expr::Like { .. }
        | Expr::Exists { .. } => true,
        _ => false,
    }
}

fn is_named(name: &ObjectName, wanted: &str) -> bool {
    matches!(name.0.as_slice(), [part] if part.as_ident().is_some_and(|ident| ident.value.eq_ignore_ascii_case(wanted)))
}

fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    let args = arguments.into_iter().map(|argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))).collect();
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// The arguments of a call, where they are plain.
fn arguments(function: &Function) -> Option<Vec<Expr>> {
    let FunctionArguments::List(list) = &function.args else { return None };
    list.args
        .iter()
        .map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
            _ => None,
        })
        .collect()
}

/// `CASE WHEN condition THEN result ELSE otherwise END`.
fn choose(condition: Expr, result: Expr, otherwise: Expr) -> Expr {
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen { condition, result }],
        else_result: Some(Box::new(otherwise)),
    }
}

fn is_text(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if matches!(value.value, Value::SingleQuotedString(_)))
}

/// Calls of PostgreSQL that are another way to write a cast, or name their arguments.
fn postgres_call(function: &Function) -> Option<Expr> {
    const PARTS: [&str; 7] = ["years", "months", "weeks", "days", "hours", "mins", "secs"];
    if is_named(&function.name, "date") {
        let [value] = arguments(function)?.try_into().ok()?;
        return Some(Expr::Cast {
            kind: CastKind::Cast,
            expr: Box::new(value),
            data_type: DataType::Date,
            array: false,
            format: None,
        });
    }
    if let Some((name, at)) = DOUBLES.into_iter().find(|(name, _)| is_named(&function.name, name)) {
        let given = arguments(function)?.into_iter().enumerate();
        return Some(call(
            name,
            given.map(|(index, value)| if index < at { value } else { as_double(value) }).collect(),
        ));
    }
    if !is_named(&function.name, "make_interval") {
        return None;
    }
    let FunctionArguments::List(list) = &function.args else { return None };
    let mut parts: Vec<Expr> = PARTS.iter().map(|_| *number(0)).collect();
    for (at, argument) in list.args.iter().enumerate() {
        let (at, value) = match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => (at, value),
            FunctionArg::Named { name, arg: FunctionArgExpr::Expr(value), .. }
            | FunctionArg::ExprNamed { name: Expr::Identifier(name), arg: FunctionArgExpr::Expr(value), .. } => {
                (PARTS.iter().position(|part| name.value.eq_ignore_ascii_case(part))?, value)
            }
            _ => return None,
        };
        *parts.get_mut(at)? = value.clone();
    }
    let seconds = parts.pop()?;
    parts.push(as_double(seconds));
    Some(call("dvt_make_interval", parts))
}

/// Functions of doubles alone, to which exact numbers are cast, and the first argument that is one.
const DOUBLES: [(&str, usize); 11] = [
    ("acos", 0),
    ("asin", 0),
    ("atan", 0),
    ("atan2", 0),
    ("cbrt", 0),
    ("cos", 0),
    ("degrees", 0),
    ("make_timestamp", 5),
    ("radians", 0),
    ("sin", 0),
    ("tan", 0),
];

fn as_double(value: Expr) -> Expr {
    Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(value),
        data_type: DataType::DoublePrecision,
        array: false,
        format: None,
    }
}

fn number(number: u64) -> Box<Expr> {
    Box::new(Expr::value(Value::Number(number.to_string(), false)))
}

impl Writer<'_> {
    /// Functions that are another way to write a CASE or an operator.
    fn choice(&self, function: &Function) -> Option<Expr> {
        let is_mysql = matches!(self.dialect, "mysql" | "mariadb");
        let is = |name: &str| is_named(&function.name, name);
        if is_mysql && (is("sum") || is("avg") || is("group_concat")) {
            return mysql_aggregate(function, is("group_concat"));
        }
        let given = arguments(function)?;
        match given.as_slice() {
            [condition, then, otherwise] if is_mysql && is("if") || self.dialect == "sqlite" && is("iif") => {
                Some(choose(condition.clone(), then.clone(), otherwise.clone()))
            }
            // NULL among the arguments makes the result NULL.
            [first, rest @ ..] if is_mysql && !rest.is_empty() && (is("greatest") || is("least")) => {
                let is_null = rest.iter().fold(Expr::IsNull(Box::new(first.clone())), |known, value| Expr::BinaryOp {
                    left: Box::new(known),
                    op: BinaryOperator::Or,
                    right: Box::new(Expr::IsNull(Box::new(value.clone()))),
                });
                let name = if is("greatest") { "dvt_greatest" } else { "dvt_least" };
                let chosen = call(name, given.clone());
                Some(choose(Expr::Nested(Box::new(is_null)), Expr::value(Value::Null), chosen))
            }
            [Expr::Identifier(unit), from, to] if is_mysql && is("timestampdiff") => {
                let unit = Expr::value(Value::SingleQuotedString(unit.value.clone()));
                Some(call("dvt_timestampdiff", vec![unit, from.clone(), to.clone()]))
            }
            [date, span @ Expr::Interval(_)] if is_mysql => {
                let op = match () {
                    () if is("date_add") || is("adddate") => BinaryOperator::Plus,
                    () if is("date_sub") || is("subdate") => BinaryOperator::Minus,
                    () => return None,
                };
                let (left, right) = (Box::new(Expr::Nested(Box::new(as_time(date.clone())))), Box::new(span.clone()));
                Some(Expr::Nested(Box::new(Expr::BinaryOp { left, op, right })))
            }
            _ => None,
        }
    }

    /// `CAST(x AS varchar(3))` cuts its value in databases but DuckDB, while the planner forgets the length: it becomes the first
    /// three characters of the cast. `numeric` without digits keeps those of its value.
    fn cast(&self, expr: &mut Expr) {
        let Expr::Cast { kind, expr: inner, data_type, .. } = expr else { return };
        let is_mysql = matches!(self.dialect, "mysql" | "mariadb");
        if self.dialect == "sqlite" {
            match data_type {
                DataType::Integer(_) | DataType::Int(_) => *data_type = DataType::BigInt(None),
                DataType::Real | DataType::Float(_) => *data_type = DataType::DoublePrecision,
                _ => {}
            }
        }
        // Without a length its CHAR keeps all of a text.
        if is_mysql && matches!(data_type, DataType::Char(None) | DataType::Character(None)) {
            *data_type = DataType::Text;
        }
        if let Some(length) = text_length(data_type) {
            *data_type = DataType::Text;
            // DuckDB reads a length and forgets it.
            if self.dialect == "duckdb" {
                return;
            }
            let cast = std::mem::replace(expr, Expr::value(Value::Null));
            *expr = Expr::Substring {
                expr: Box::new(cast),
                substring_from: Some(number(1)),
                substring_for: Some(number(length)),
                special: true,
                shorthand: false,
            };
            return;
        }
        if let DataType::Numeric(digits) | DataType::Decimal(digits) | DataType::Dec(digits) = data_type {
            match (self.dialect, &digits) {
                ("postgres", ExactNumberInfo::None) => {
                    let (precision, scale) = CARRIER;
                    *digits = ExactNumberInfo::PrecisionAndScale(u64::from(precision), i64::from(scale));
                }
                ("duckdb", ExactNumberInfo::None) => *digits = ExactNumberInfo::PrecisionAndScale(18, 3),
                ("mysql" | "mariadb", ExactNumberInfo::None) => *digits = ExactNumberInfo::PrecisionAndScale(10, 0),
                ("postgres" | "mysql" | "mariadb" | "duckdb", ExactNumberInfo::Precision(precision)) => {
                    *digits = ExactNumberInfo::PrecisionAndScale(*precision, 0);
                }
                _ => {}
            }
            return;
        }
        if matches!(self.dialect, "mysql" | "mariadb")
            && matches!(data_type, DataType::Signed | DataType::SignedInteger)
        {
            *data_type = DataType::BigInt(None);
            return;
        }
        if self.dialect != "postgres" || !matches!(kind, CastKind::Cast | CastKind::DoubleColon) {
            return;
        }
        match data_type {
            DataType::Timestamp(..) => {
                if let Expr::Value(value) = inner.as_mut() {
                    complete_time(&mut value.value);
                }
            }
            // A list as one text: '{1,2}'.
            DataType::Array(_) => {
                if let Some(elements) = array_elements(inner) {
                    **inner = Expr::Array(ast::Array { elem: elements, named: true });
                }
            }
            DataType::JSON => *expr = call("dvt_to_json", vec![inner.as_ref().clone()]),
            DataType::JSONB => *expr = call("dvt_to_jsonb", vec![inner.as_ref().clone()]),
            DataType::Interval { .. } => {
                let written = Interval {
                    value: inner.clone(),
                    leading_field: None,
                    leading_precision: None,
                    last_field: None,
                    fractional_seconds_precision: None,
                };
                if let Some(plain) = plain_interval(&written) {
                    *expr = Expr::Interval(plain);
                }
            }
            _ => {}
        }
    }
}

/// Adds the seconds that a text of a moment leaves out: `2024-01-01 10:00`.
fn complete_time(value: &mut Value) {
    let Value::SingleQuotedString(text) = value else { return };
    let Some((date, time)) = text.split_once([' ', 'T']) else { return };
    let is_minutes = time.len() >= 5 && time.is_char_boundary(5) && time.as_bytes()[2] == b':';
    if is_minutes && date.len() >= 8 && !time[5..].starts_with([':', '.']) {
        *text = format!("{date} {}:00{}", &time[..5], &time[5..]);
    }
}

/// The elements of an array's text form, where none is quoted or nested.
fn array_elements(text: &Expr) -> Option<Vec<Expr>> {
    let Expr::Value(value) = text else { return None };
    let Value::SingleQuotedString(text) = &value.value else { return None };
    let inside = text.trim().strip_prefix('{')?.strip_suffix('}')?;
    if inside.contains(['{', '}', '"', '\\']) {
        return None;
    }
    if inside.trim().is_empty() {
        return Some(Vec::new());
    }
    let element = |text: &str| match text.trim() {
        "" => None,
        null if null.eq_ignore_ascii_case("null") => Some(Expr::value(Value::Null)),
        text => Some(Expr::value(Value::SingleQuotedString(text.to_owned()))),
    };
    inside.split(',').map(element).collect()
}

fn text_length(data_type: &DataType) -> Option<u64> {
    use DataType::{Char, CharVarying, Character, CharacterVarying, Nvarchar, Varchar};
    let (Char(length)
    | CharVarying(length)
    | Character(length)
    | CharacterVarying(length)
    | Nvarchar(length)
    | Varchar(length)) = data_type
    else {
        return None;
    };
    match (length, data_type) {
        (Some(ast::CharacterLength::IntegerLength { length, .. }), _) => Some(*length),
        // CHAR without a length is one character.
        (None, Char(_) | Character(_)) => Some(1),
        _ => None,
    }
}

/// The interval in months, days and nanoseconds, where its text is a constant of a known form.
fn plain_interval(interval: &Interval) -> Option<Interval> {
    if interval.leading_precision.is_some() || interval.last_field.is_some() {
        return None;
    }
    let text = match interval.value.as_ref() {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => text.clone(),
            _ => return None,
        },
        _ => return None,
    };
    let unit = match &interval.leading_field {
        None => None,
        Some(DateTimeField::Second) => Some("second"),
        Some(DateTimeField::Minute) => Some("minute"),
        Some(DateTimeField::Hour) => Some("hour"),
        Some(DateTimeField::Day) => Some("day"),
        Some(DateTimeField::Week(None)) => Some("week"),
        Some(DateTimeField::Month) => Some("month"),
        Some(DateTimeField::Year) => Some("year"),
        Some(_) => return None,
    };
    let (months, days, micros) = parse_interval(&text, unit)?;
    let nanoseconds = micros.checked_mul(1000)?;
    let plain = format!("{months} months {days} days {nanoseconds} nanoseconds");
    Some(Interval {
        value: Box::new(Expr::value(Value::SingleQuotedString(plain))),
        leading_field: None,
        leading_precision: None,
        last_field: None,
        fractional_seconds_precision: None,
    })
}

/// Functions whose rows are the elements of a list: name, what makes the list of the arguments, and the column.
const LISTS: [(&str, Option<&str>, &str); 6] = [
    ("generate_series", Some("dvt_series"), "generate_series"),
    ("unnest", None, "unnest"),
    ("json_array_elements", Some("dvt_json_elements"), "value"),
    ("jsonb_array_elements", Some("dvt_json_elements"), "value"),
    ("json_array_elements_text", Some("dvt_json_elements_text"), "value"),
    ("jsonb_array_elements_text", Some("dvt_json_elements_text"), "value"),
];

/// `generate_series(…)` as a table becomes the elements of a list; `unnest` of a list is that already.
fn series(factor: &TableFactor) -> Option<TableFactor> {
    let (name, arguments, alias) = match factor {
        TableFactor::Table { name, alias, args: Some(arguments), with_ordinality: false, .. } => {
            (name, &arguments.args, alias)
        }
        TableFactor::Function { name, args, alias, with_ordinality: false, .. } => (name, args, alias),
        _ => return None,
    };
    // The function that gives the rows as a list, and the name of the column that it makes.
    let (name, function, column) = LISTS.into_iter().find(|(known, ..)| is_named(name, known))?;
    if name != "generate_series" && arguments.len() != 1 {
        return None;
    }
    let arguments = arguments
        .iter()
        .map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
            _ => None,
        })
        .collect::<Option<Vec<_>>>()?;
    let typed = match name {
        "json_array_elements" => Some("dvt_to_json"),
        "jsonb_array_elements" => Some("dvt_to_jsonb"),
        _ => None,
    };
    // The column has the name of the table, where it has none of its own.
    let mut alias = alias.clone().unwrap_or_else(|| TableAlias {
        explicit: true,
        name: Ident::new(column),
        columns: Vec::new(),
        at: None,
    });
    if alias.columns.is_empty() {
        let name = if column == "value" { Ident::new(column) } else { alias.name.clone() };
        alias.columns.push(TableAliasColumnDef { name, data_type: None });
    }
    let elements = |alias: TableAlias| TableFactor::UNNEST {
        alias: Some(alias),
        array_exprs: function.map_or_else(|| arguments.clone(), |function| vec![call(function, arguments.clone())]),
        with_offset: false,
        with_offset_alias: None,
        with_ordinality: false,
    };
    let Some(typed) = typed else { return Some(elements(alias)) };
    // An element keeps the type of its array, which a row of the list does not.
    let parser = PostgreSqlDialect {};
    let mut query = Parser::new(&parser).try_with_sql("SELECT dvt_value FROM a").ok()?.parse_query().ok()?;
    let SetExpr::Select(select) = query.body.as_mut() else { return None };
    let [SelectItem::UnnamedExpr(value)] = select.projection.as_mut_slice() else { return None };
    let column = TableAliasColumnDef { name: Ident::new("dvt_value"), data_type: None };
    let inner = TableAlias { explicit: true, name: Ident::new("dvt_elements"), columns: vec![column], at: None };
    *value = call(typed, vec![value.clone()]);
    select.from.first_mut()?.relation = elements(inner);
    Some(TableFactor::Derived { lateral: true, subquery: query, alias: Some(alias), sample: None })
}
