//! Chooses the route, and splits a cross-database query into extracts plus one joining query. No I/O.
//!
//! In: the SQL of one model in its author's dialect, and the relations it reads as their catalogs describe them.
//! Out: a [`FederatedPlan`]: per input one [`Extract`] (the SQL to send and the schema that comes back) and the logical
//! plan that joins them. Names are bound against real schemas; SQL is never changed by replacing text.

mod bind;
mod catalog;
mod error;
mod extract;
mod functions;
mod interval;
mod merged;
mod moments;
mod operators;
mod optimizer;
mod output;
mod plan;
mod precedence;
mod provenance;
mod pushdown;
mod questions;
mod re2;
mod regex;
mod relations;
mod remote;
mod route;
mod rows_in;
mod semantics;
mod sets;
mod settled;
mod strange_dialect;
mod subqueries;
mod subscripts;
mod syntax;
mod unnest;
mod volatile;
mod words;

pub use catalog::CatalogRelation;
pub use error::{Location, PlanError};
pub use extract::{Extract, ExtractScan, KeptPredicate, KeyReduction, Keys, PushdownReport, SentPredicate};
pub use plan::{FederatedPlan, PlanRequest, Pushdown, QuestionAnswer, plan_answered, plan_query, plan_questions};
pub use pushdown::{Exactness, PushedPredicate};
pub use relations::{relations_read, rename_relations};
pub use route::{Route, choose_route};

#[cfg(test)]
mod tests;
