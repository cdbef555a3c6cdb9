//! The methods that look at earlier artifacts: `result:` and `source_status:`. (`state:` is in the state room.)

use super::parse::SelectionError;
use super::select::Selector;
use super::set::NodeSet;
use std::collections::HashSet;

/// Nodes that ended with this status in the run of `--state`.
pub(super) fn by_result(selector: &Selector<'_>, status: &str) -> Result<NodeSet, SelectionError> {
    let results = selector
        .request
        .previous
        .as_ref()
        .and_then(|previous| previous.results.as_ref())
        .ok_or(SelectionError::NoComparisonResults)?;
    let wanted: HashSet<&str> = results
        .results
        .iter()
        .filter(|result| result.status == status)
        .map(|result| result.unique_id.as_str())
        .collect();
    Ok(positions(selector, &wanted))
}

/// `fresher`: sources whose newest row is newer than when the artifacts of `--state` were made, or that they do not know.
pub(super) fn by_source_status(selector: &Selector<'_>, status: &str) -> Result<NodeSet, SelectionError> {
    let previous = selector.request.previous.as_ref();
    let earlier = previous.and_then(|previous| previous.sources.as_ref()).ok_or(SelectionError::NoPreviousFreshness)?;
    let current =
        previous.and_then(|previous| previous.sources_current.as_ref()).ok_or(SelectionError::NoCurrentFreshness)?;
    let mut wanted: HashSet<&str> = HashSet::new();
    if status == "fresher" {
        for (unique_id, loaded_at) in &current.max_loaded_at {
            let is_fresher = match earlier.max_loaded_at.get(unique_id) {
                None => true,
                Some(earlier) => loaded_at > earlier,
            };
            if is_fresher && !current.failed.contains(unique_id) {
                wanted.insert(unique_id);
            }
        }
    }
    Ok(positions(selector, &wanted))
}

fn positions(selector: &Selector<'_>, wanted: &HashSet<&str>) -> NodeSet {
    let mut found = NodeSet::empty(selector.members.len());
    for position in wanted.iter().filter_map(|id| selector.graph.position(id)) {
        found.insert(position);
    }
    found
}
