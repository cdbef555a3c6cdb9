//! Function packs: which functions of a dialect have a counterpart with the same meaning, as data.

mod average;
mod bigquery;
mod calendar;
mod databricks;
mod deviation;
mod division;
mod duckdb;
mod either;
mod element;
mod integers;
mod json;
mod lake;
mod letters;
mod meanings;
mod mysql;
mod named;
mod number_text;
mod ordered;
mod places;
mod postgres;
mod redshift;
mod regression;
mod rounding;
mod rowwise;
mod single_value;
mod snowflake;
mod sqlite;
mod sums;
mod zones;

pub(crate) use average::AVERAGE;
pub(crate) use deviation::{Deviation, exact_deviation};
pub(crate) use division::{DivisionRule, exact_division};
pub(crate) use either::{EITHER, become_texts};
pub(crate) use element::element;
pub(crate) use integers::{IntegerWidth, checked_arithmetic};
pub(crate) use json::shows_values;
pub(crate) use named::NAMED;
pub(crate) use rounding::{Rounding, decimal_rounding, round_half_even};
pub(crate) use single_value::single_value;
pub(crate) use sums::checked_sum;

use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};
use dvt_sql::Dialect;
use std::collections::HashMap;
use std::sync::Arc;

/// The dialect's name for a function and DataFusion's name for the one with the same meaning.
type Names = &'static [(&'static str, &'static str)];

/// One of PostgreSQL's functions that are computed value by value, by its name in their table.
pub(crate) fn postgres_function(name: &str) -> Option<Arc<ScalarUDF>> {
    meanings::POSTGRES.iter().find(|definition| definition.name == name).map(rowwise::function)
}

/// One of the functions that are computed value by value, whichever dialect's.
pub(crate) fn row_function(name: &str) -> Option<Arc<ScalarUDF>> {
    meanings::ALL.into_iter().flatten().find(|definition| definition.name == name).map(rowwise::function)
}

/// The functions that a query in one dialect may call.
pub(crate) struct FunctionPack {
    scalar: HashMap<String, Arc<ScalarUDF>>,
    aggregate: HashMap<String, Arc<AggregateUDF>>,
    window: HashMap<String, Arc<WindowUDF>>,
}

impl FunctionPack {
    pub(crate) fn of(dialect: &Dialect) -> Self {
        let names = match dialect.name {
            "postgres" => Some(postgres::FUNCTIONS),
            "mysql" | "mariadb" => Some(mysql::FUNCTIONS),
            "sqlite" => Some(sqlite::FUNCTIONS),
            "duckdb" => Some(duckdb::FUNCTIONS),
            "snowflake" => Some(snowflake::FUNCTIONS),
            "redshift" => Some(redshift::FUNCTIONS),
            "bigquery" => Some(bigquery::FUNCTIONS),
            "databricks" | "spark" => Some(databricks::FUNCTIONS),
            "filesystem" => lake::FUNCTIONS,
            _ => Some([].as_slice()),
        };
        let mut known = SessionStateDefaults::default_scalar_functions();
        known.extend(letters::functions());
        known.extend(json::functions());
        known.extend(named::functions());
        known.extend(either::functions());
        for definitions in meanings::ALL {
            known.extend(rowwise::functions(definitions));
        }
        let scalar = by_name(known, |function| (function.name().to_owned(), function.aliases().to_vec()));
        let own = scalar.get(NAMED).cloned();
        let mut aggregates = SessionStateDefaults::default_aggregate_functions();
        aggregates.extend(ordered::functions());
        aggregates.extend(regression::functions());
        aggregates.push(average::function());
        let aggregate = by_name(aggregates, |function| (function.name().to_owned(), function.aliases().to_vec()));
        let window = by_name(SessionStateDefaults::default_window_functions(), |function| {
            (function.name().to_owned(), function.aliases().to_vec())
        });
        match names {
            None => Self { scalar, aggregate, window },
            Some(names) => {
                let mut scalar = pick(&scalar, names);
                scalar.extend(own.map(|named| (NAMED.to_owned(), named)));
                let mut window = pick(&window, names);
                for function in window.values_mut() {
                    *function = places::counted(function, dialect.name);
                }
                Self { scalar, aggregate: pick(&aggregate, names), window }
            }
        }
    }

    pub(crate) fn scalar(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.scalar.get(name).cloned()
    }

    pub(crate) fn aggregate(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.aggregate.get(name).cloned()
    }

    pub(crate) fn window(&self, name: &str) -> Option<Arc<WindowUDF>> {
        self.window.get(name).cloned()
    }

    /// The name that authors have for a function of ours.
    pub(crate) fn authors_name(&self, own: &str) -> Option<&str> {
        let names = self.scalar.iter().filter(|(_, function)| function.name() == own).map(|(name, _)| name.as_str());
        names.min_by_key(|name| (name.len(), *name))
    }

    /// All names, sorted, for suggestions.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.scalar.keys().chain(self.aggregate.keys()).chain(self.window.keys()).cloned().collect();
        names.retain(|name| !name.starts_with("dvt_"));
        names.sort();
        names.dedup();
        names
    }
}

fn by_name<T>(functions: Vec<Arc<T>>, names: impl Fn(&T) -> (String, Vec<String>)) -> HashMap<String, Arc<T>> {
    let mut map = HashMap::new();
    for function in functions {
        let (name, aliases) = names(&function);
        for alias in aliases {
            map.insert(alias, Arc::clone(&function));
        }
        map.insert(name, function);
    }
    map
}

fn pick<T>(functions: &HashMap<String, Arc<T>>, names: Names) -> HashMap<String, Arc<T>> {
    names
        .iter()
        .filter_map(|(name, engine_name)| Some(((*name).to_owned(), Arc::clone(functions.get(*engine_name)?))))
        .collect()
}
