//! The routes that cross connections: describe, plan, extract, compute, load into the landing relation.

mod answer;
mod figures;
mod land;
mod rows;

pub(crate) use answer::{Answer, plan_answer};
pub(crate) use figures::{Delivery, InputCounter, InputFigures};
pub(crate) use land::{Landed, land, load_columns};
pub(crate) use rows::{Collected, collect_rows, executors_read, open_inputs};
