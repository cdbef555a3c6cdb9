//! What the planner would forget, mistake or refuse of a syntax tree is written in words that it keeps.
//!
//! Lengths of text types, `numeric` without digits, `mod()`, intervals with a clock, series and JSON operators: each becomes
//! another expression with the dialect's meaning, on the tree; no text is replaced.

use crate::error::{Location, PlanError};
use crate::interval::parse_interval;
use datafusion::sql::sqlparser::ast::{
    self, BinaryOperator, CaseWhen, CastKind, DataType, DateTimeField, ExactNumberInfo, Expr, Function, FunctionArg,
    FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, Interval, ObjectName, Statement, TableAlias,
    TableAliasColumnDef, TableFactor, Value, VisitMut, VisitorMut, helpers::attached_token::AttachedToken,
};
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
                if matches!(self.dialect, "mysql" | "mariadb" | "sqlite") =>
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

fn number(number: u64) -> Box<Expr> {
    Box::new(Expr::value(Value::Number(number.to_string(), false)))
}

impl Writer<'_> {
    /// Functions that are another way to write a CASE or an operator.
    fn choice(&self, function: &Function) -> Option<Expr> {
        let is_mysql = matches!(self.dialect, "mysql" | "mariadb");
        let is = |name: &str| is_named(&function.name, name);
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
            [date, span @ Expr::Interval(_)] if is_mysql => {
                let op = match () {
                    () if is("date_add") || is("adddate") => BinaryOperator::Plus,
                    () if is("date_sub") || is("subdate") => BinaryOperator::Minus,
                    () => return None,
                };
                let (left, right) = (Box::new(Expr::Nested(Box::new(date.clone()))), Box::new(span.clone()));
                Some(Expr::Nested(Box::new(Expr::BinaryOp { left, op, right })))
            }
            _ => None,
        }
    }

    /// `CAST(x AS varchar(3))` cuts its value in every database, while the planner forgets the length: it becomes the first
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
                ("mysql" | "mariadb", ExactNumberInfo::None) => *digits = ExactNumberInfo::PrecisionAndScale(10, 0),
                ("postgres" | "mysql" | "mariadb", ExactNumberInfo::Precision(precision)) => {
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

/// `generate_series(…)` as a table becomes the elements of a list.
fn series(factor: &TableFactor) -> Option<TableFactor> {
    let (arguments, alias) = match factor {
        TableFactor::Table { name, alias, args: Some(arguments), with_ordinality: false, .. }
            if is_named(name, "generate_series") =>
        {
            (&arguments.args, alias)
        }
        TableFactor::Function { name, args, alias, with_ordinality: false, .. }
            if is_named(name, "generate_series") =>
        {
            (args, alias)
        }
        _ => return None,
    };
    let arguments = arguments
        .iter()
        .map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
            _ => None,
        })
        .collect::<Option<Vec<_>>>()?;
    // The column has the name of the table, where it has none of its own.
    let mut alias = alias.clone().unwrap_or_else(|| TableAlias {
        explicit: true,
        name: Ident::new("generate_series"),
        columns: Vec::new(),
        at: None,
    });
    if alias.columns.is_empty() {
        alias.columns.push(TableAliasColumnDef { name: alias.name.clone(), data_type: None });
    }
    Some(TableFactor::UNNEST {
        alias: Some(alias),
        array_exprs: vec![call("dvt_series", arguments)],
        with_offset: false,
        with_offset_alias: None,
        with_ordinality: false,
    })
}
