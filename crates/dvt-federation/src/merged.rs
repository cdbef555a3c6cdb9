//! The columns of JOIN … USING, named on the syntax tree as the standard has them.
//!
//! USING merges a column of both sides: of a RIGHT JOIN it has the right side's values, of a FULL JOIN whichever is there, and
//! `*` begins with it. The planner takes the left side's each time, where it stands. Here unqualified names and `*` are
//! written out, so that nothing is left to merge; what cannot be told without the columns is refused by name.

use crate::error::PlanError;
use crate::syntax::call;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, ExceptSelectItem, Expr, GroupByExpr, Ident, Join, JoinConstraint, JoinOperator, ObjectName, Query,
    Select, SelectItem, SelectItemQualifiedWildcardKind, Statement, TableFactor, TableWithJoins, VisitMut, VisitorMut,
    WildcardAdditionalOptions,
};
use dvt_sql::Dialect;
use std::ops::ControlFlow;

/// Writes merged columns out in every SELECT of the statement.
///
/// # Errors
/// [`PlanError::Unsupported`] where the sides of a RIGHT or FULL JOIN with USING or NATURAL cannot be named.
pub(crate) fn name_merged_columns(statement: &mut Statement, dialect: &Dialect) -> Result<(), PlanError> {
    if !matches!(dialect.name, "postgres" | "redshift" | "mysql" | "mariadb" | "duckdb" | "sqlite") {
        return Ok(());
    }
    match statement.visit(&mut Merger { star_begins_with_merged: !matches!(dialect.name, "sqlite" | "duckdb") }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(refused) => Err(refused),
    }
}

struct Merger {
    /// `*` gives the merged columns first, not where the left side has them.
    star_begins_with_merged: bool,
}

/// The parts of the name that qualifies a table's columns.
type Table = Vec<Ident>;

/// A column that joins have merged so far.
#[derive(Clone)]
struct Merged {
    name: Ident,
    /// What it is in terms of the sides.
    value: Expr,
    /// Whether that is another than the left side's column.
    is_changed: bool,
}

/// What the joins of one entry of a FROM merge.
#[derive(Default)]
struct Joined {
    merged: Vec<Merged>,
    /// Each table, with those of its columns that are merged; `None` where that cannot be told.
    tables: Option<Vec<(Table, Vec<Ident>)>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    Left,
    Right,
    Either,
}

impl VisitorMut for Merger {
    type Break = PlanError;

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<PlanError> {
        match self.write_out(select) {
            Ok(()) => ControlFlow::Continue(()),
            Err(refused) => ControlFlow::Break(refused),
        }
    }
}

fn refused(construct: &str) -> PlanError {
    PlanError::Unsupported {
        construct: construct.to_owned(),
        hint: Some("join with ON, and write coalesce(a.column, b.column) for what USING merges".to_owned()),
        location: None,
    }
}

impl Merger {
    fn write_out(&self, select: &mut Select) -> Result<(), PlanError> {
        let entries = select.from.iter_mut().map(joined).collect::<Result<Vec<Joined>, PlanError>>()?;
        let is_changed = entries.iter().flat_map(|entry| &entry.merged).any(|merged| merged.is_changed);
        let has_star = select.projection.iter().any(|item| matches!(item, SelectItem::Wildcard(_)));
        let has_merged = entries.iter().any(|entry| !entry.merged.is_empty());
        if has_star && has_merged && (is_changed || self.star_begins_with_merged) {
            match entries.as_slice() {
                [entry] if self.star_begins_with_merged && entry.tables.is_some() => write_star(select, entry)?,
                _ if is_changed => return Err(refused("`*` over this RIGHT or FULL JOIN with USING")),
                _ => {}
            }
        }
        // The planner finds some by itself, but none in a condition, behind a sign or below NOT.
        let merged: Vec<Merged> = entries.into_iter().flat_map(|entry| entry.merged).collect();
        if merged.is_empty() {
            return Ok(());
        }
        let mut namer = Namer { merged: &merged, depth: 0 };
        for item in &mut select.projection {
            if let SelectItem::UnnamedExpr(Expr::Identifier(name)) = item
                && merged.iter().any(|merged| merged.is_changed && is_same(&merged.name, name))
            {
                *item = SelectItem::ExprWithAlias { expr: Expr::Identifier(name.clone()), alias: name.clone() };
            }
            let _ = item.visit(&mut namer);
        }
        for part in [&mut select.having, &mut select.qualify] {
            let _ = part.visit(&mut namer);
        }
        if let GroupByExpr::Expressions(keys, _) = &mut select.group_by {
            let _ = keys.visit(&mut namer);
        }
        let _ = select.named_window.visit(&mut namer);
        let _ = select.distinct.visit(&mut namer);
        let _ = select.selection.visit(&mut namer);
        Ok(())
    }
}

/// Replaces names that stand for merged columns, outside of subqueries, which have names of their own.
struct Namer<'a> {
    merged: &'a [Merged],
    depth: usize,
}

impl VisitorMut for Namer<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if self.depth == 0
            && let Expr::Identifier(name) = expr
            && let Some(merged) = self.merged.iter().find(|merged| is_same(&merged.name, name))
        {
            *expr = merged.value.clone();
        }
        ControlFlow::Continue(())
    }
}

fn is_same(left: &Ident, right: &Ident) -> bool {
    left.value.eq_ignore_ascii_case(&right.value)
}

/// The name by which a table's columns are qualified.
fn name_of(factor: &TableFactor) -> Option<Table> {
    match factor {
        TableFactor::Table { alias: Some(alias), .. }
        | TableFactor::Derived { alias: Some(alias), .. }
        | TableFactor::UNNEST { alias: Some(alias), .. } => Some(vec![alias.name.clone()]),
        TableFactor::Table { name, alias: None, .. } => {
            name.0.iter().map(|part| part.as_ident().cloned()).collect::<Option<Vec<_>>>()
        }
        _ => None,
    }
}

fn column(table: &Table, name: &Ident) -> Expr {
    Expr::CompoundIdentifier(table.iter().chain([name]).cloned().collect())
}

/// The constraint of a join that keeps the rows of one side or both.
fn constraint(join: &mut Join) -> Option<(Kept, &mut JoinConstraint)> {
    match &mut join.join_operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint) => Some((Kept::Left, constraint)),
        JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => Some((Kept::Right, constraint)),
        JoinOperator::FullOuter(constraint) => Some((Kept::Either, constraint)),
        _ => None,
    }
}

fn joined(entry: &mut TableWithJoins) -> Result<Joined, PlanError> {
    const UNNAMED: &str = "a RIGHT or FULL JOIN with USING whose column may be of several tables";
    // The table on the left, as long as there is but one.
    let mut only = name_of(&entry.relation);
    let mut tables = only.clone().map(|name| vec![(name, Vec::new())]);
    let mut merged: Vec<Merged> = Vec::new();
    for join in &mut entry.joins {
        let right = name_of(&join.relation);
        let left = only.take();
        let names: Vec<Ident> = match constraint(join) {
            Some((Kept::Right | Kept::Either, JoinConstraint::Natural)) => {
                return Err(refused("a NATURAL RIGHT or FULL JOIN"));
            }
            Some((_, JoinConstraint::Using(names))) => {
                names.iter().filter_map(|name| name.0.last()?.as_ident().cloned()).collect()
            }
            _ => {
                tables = None;
                continue;
            }
        };
        let Some((kept, constraint)) = constraint(join) else { continue };
        let mut pairs = Vec::new();
        let mut is_rewritten = false;
        for name in &names {
            let known = merged.iter().position(|merged| is_same(&merged.name, name));
            let before = match known {
                Some(at) => Some(merged[at].clone()),
                None => left.as_ref().map(|table| Merged {
                    name: name.clone(),
                    value: column(table, name),
                    is_changed: false,
                }),
            };
            let there = right.as_ref().map(|table| column(table, name));
            is_rewritten |= before.as_ref().is_some_and(|before| before.is_changed);
            let after = match (kept, &before, &there) {
                (Kept::Left, Some(before), _) => Some(before.clone()),
                (Kept::Left, None, _) => None,
                (Kept::Right, _, Some(there)) => {
                    Some(Merged { name: name.clone(), value: there.clone(), is_changed: true })
                }
                (Kept::Either, Some(before), Some(there)) => Some(Merged {
                    name: name.clone(),
                    value: call("coalesce", vec![before.value.clone(), there.clone()]),
                    is_changed: true,
                }),
                _ => return Err(refused(UNNAMED)),
            };
            match (&mut tables, &before, &right, &left) {
                // A column of the only table on the left is found there.
                (Some(tables), Some(_), Some(right), left) => {
                    if let (None, Some(left)) = (known, left) {
                        note(tables, left, name);
                    }
                    note(tables, right, name);
                }
                (tables, ..) => *tables = None,
            }
            pairs.push((before.map(|before| before.value), there));
            match (known, after) {
                (Some(at), Some(after)) => merged[at] = after,
                (None, Some(after)) => merged.push(after),
                (_, None) => {}
            }
        }
        if is_rewritten {
            let equal = pairs.into_iter().map(|(before, there)| {
                let equality = BinaryOperator::Eq;
                Some(Expr::BinaryOp { left: Box::new(before?), op: equality, right: Box::new(there?) })
            });
            let equal = equal.collect::<Option<Vec<Expr>>>().ok_or_else(|| refused(UNNAMED))?;
            let all = equal.into_iter().reduce(|left, right| Expr::BinaryOp {
                left: Box::new(left),
                op: BinaryOperator::And,
                right: Box::new(right),
            });
            if let Some(all) = all {
                *constraint = JoinConstraint::On(all);
            }
        }
    }
    Ok(Joined { merged, tables })
}

/// Remembers that the table has a merged column of this name.
fn note(tables: &mut Vec<(Table, Vec<Ident>)>, table: &Table, name: &Ident) {
    match tables.iter_mut().find(|(known, _)| known == table) {
        Some((_, names)) if names.iter().any(|known| is_same(known, name)) => {}
        Some((_, names)) => names.push(name.clone()),
        None => tables.push((table.clone(), vec![name.clone()])),
    }
}

/// `*` as the merged columns, then what else each table has.
fn write_star(select: &mut Select, entry: &Joined) -> Result<(), PlanError> {
    let mut items = Vec::with_capacity(select.projection.len());
    for item in std::mem::take(&mut select.projection) {
        let SelectItem::Wildcard(options) = &item else {
            items.push(item);
            continue;
        };
        if *options
            != (WildcardAdditionalOptions { wildcard_token: options.wildcard_token.clone(), ..Default::default() })
        {
            return Err(refused("`*` with EXCEPT, REPLACE or RENAME over a JOIN with USING"));
        }
        for merged in &entry.merged {
            items.push(SelectItem::ExprWithAlias { expr: merged.value.clone(), alias: merged.name.clone() });
        }
        for (table, names) in entry.tables.iter().flatten() {
            let mut options = WildcardAdditionalOptions::default();
            if let [first, others @ ..] = names.as_slice() {
                options.opt_except =
                    Some(ExceptSelectItem { first_element: first.clone(), additional_elements: others.to_vec() });
            }
            let name = ObjectName::from(table.clone());
            items.push(SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options));
        }
    }
    select.projection = items;
    Ok(())
}
