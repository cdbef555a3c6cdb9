//! `source freshness`: how old the newest row of each source is.

use crate::node::thread_name;
use crate::outcome::{NodeResult, Status};
use crate::run::Run;
use crate::scheduler::Place;
use dvt_manifest::Source;
use std::sync::Arc;

pub(crate) async fn check_source(_run: Arc<Run>, source: Arc<Source>, place: Place, _total: usize) -> NodeResult {
    let mut result = NodeResult::new(&source.unique_id, "source", &source.name, Status::RuntimeError);
    result.thread_id = thread_name(place.slot);
    result
}
