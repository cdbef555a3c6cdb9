//! The one place where templates wait for the outside: names, statements, the relation cache, seeds.
//!
//! `session` runs statements and holds transactions, `templates` answers what `dvt-jinja` asks, `seed` has the rows of a
//! seed, `contract_types` the words in which a contract names types.

mod contract_types;
mod seed;
mod session;
mod templates;

pub(crate) use seed::{SeedRows, SeedSource};

use crate::cache::RelationCache;
use crate::inputs::Input;
use crate::microbatch::Batch;
use crate::query_comment::StatementComment;
use crate::run::Run;
use crate::unit::UnitInputs;
use dvt_adapter::{Adapter, CancellationToken, Witness};
use dvt_manifest::{Node, Relation};
use session::SessionSlot;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// The outside of one node. Its session is opened when it is first needed and closed with the bridge; what was not
/// committed by then is rolled back.
pub(crate) struct NodeBridge {
    run: Arc<Run>,
    node: Arc<Node>,
    adapter: Arc<dyn Adapter>,
    cache: Arc<RelationCache>,
    comment: StatementComment,
    /// Ends what runs: the run's own token, but never that of work which cleans up after a cancel.
    cancel: CancellationToken,
    session: Arc<Mutex<SessionSlot>>,
    /// Whether names are written by connection just now.
    crossing: AtomicBool,
    /// Whether the cache was told of changes that are not committed yet.
    changed_cache: AtomicBool,
    noted: Mutex<Noted>,
    seed: Mutex<Option<SeedSource>>,
    /// What a unit test gives in the place of what its model reads.
    unit_inputs: OnceLock<Arc<UnitInputs>>,
    /// The batch that is built, of a microbatch model.
    batch: OnceLock<Batch>,
    /// What tells of a commit whose answer was lost, where the server does not.
    witness: Mutex<Option<Witness>>,
}

/// What a render asked for.
#[derive(Default)]
struct Noted {
    names: BTreeMap<Vec<String>, Input>,
    ephemerals: Vec<String>,
    /// Relations that a macro renamed or dropped, to know whether the landing relation is still there.
    gone: Vec<Relation>,
    /// Schemas that are being read for the cache, and the state that they had before.
    reading: BTreeMap<(Option<String>, String), u64>,
    /// The materialization's own statement has been begun.
    has_main: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl NodeBridge {
    pub(crate) fn new(
        run: &Arc<Run>,
        node: &Arc<Node>,
        adapter: &Arc<dyn Adapter>,
        comment: StatementComment,
    ) -> Arc<Self> {
        let bridge = Self::with_cancel(run, node, adapter, comment, run.stop().clone());
        lock(&bridge.session).commits_at_once = adapter.dialect().name != "postgres";
        bridge
    }

    /// An outside for work of the run itself: Ctrl-C stops it, `--fail-fast` does not.
    pub(crate) fn for_run(
        run: &Arc<Run>,
        node: &Arc<Node>,
        adapter: &Arc<dyn Adapter>,
        comment: StatementComment,
    ) -> Arc<Self> {
        Self::with_cancel(run, node, adapter, comment, run.cancel().clone())
    }

    /// An outside that a cancel of the run does not stop: for cleaning up.
    pub(crate) fn for_clean_up(run: &Arc<Run>, node: &Arc<Node>, adapter: &Arc<dyn Adapter>) -> Arc<Self> {
        Self::with_cancel(run, node, adapter, StatementComment::default(), CancellationToken::new())
    }

    fn with_cancel(
        run: &Arc<Run>,
        node: &Arc<Node>,
        adapter: &Arc<dyn Adapter>,
        comment: StatementComment,
        cancel: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            run: Arc::clone(run),
            node: Arc::clone(node),
            adapter: Arc::clone(adapter),
            cache: run.cache(adapter),
            comment,
            cancel,
            session: Arc::new(Mutex::new(SessionSlot { session: None, commits_at_once: true })),
            crossing: AtomicBool::new(false),
            changed_cache: AtomicBool::new(false),
            noted: Mutex::default(),
            seed: Mutex::default(),
            unit_inputs: OnceLock::new(),
            batch: OnceLock::new(),
            witness: Mutex::default(),
        })
    }

    /// The same outside for an ephemeral model that the node reads: its own names, the node's session and dialect.
    pub(crate) fn reading_as(&self, node: &Arc<Node>) -> Arc<Self> {
        self.serving(node, self.comment.clone())
    }

    /// The same session for another node.
    pub(crate) fn serving(&self, node: &Arc<Node>, comment: StatementComment) -> Arc<Self> {
        Arc::new(Self {
            run: Arc::clone(&self.run),
            node: Arc::clone(node),
            adapter: Arc::clone(&self.adapter),
            cache: Arc::clone(&self.cache),
            comment,
            cancel: self.cancel.clone(),
            session: Arc::clone(&self.session),
            crossing: AtomicBool::new(self.crosses()),
            changed_cache: AtomicBool::new(false),
            noted: Mutex::default(),
            seed: Mutex::default(),
            unit_inputs: OnceLock::new(),
            batch: OnceLock::new(),
            witness: Mutex::default(),
        })
    }

    pub(crate) fn set_crossing(&self, crossing: bool) {
        self.crossing.store(crossing, Ordering::Relaxed);
    }

    fn crosses(&self) -> bool {
        self.crossing.load(Ordering::Relaxed)
    }

    /// From now on a row of this relation goes with each commit.
    pub(crate) fn set_witness(&self, witness: Witness) {
        *lock(&self.witness) = Some(witness);
    }

    /// From now on `ref` and `source` give the rows of this unit test.
    pub(crate) fn set_unit_inputs(&self, inputs: Arc<UnitInputs>) {
        // A bridge serves one test, so this is set once.
        let _ = self.unit_inputs.set(inputs);
    }

    pub(crate) fn unit_inputs(&self) -> Option<Arc<UnitInputs>> {
        self.unit_inputs.get().cloned()
    }

    /// From now on the inputs are read for this batch.
    pub(crate) fn set_batch(&self, batch: Batch) {
        // A bridge serves one batch, so this is set once.
        let _ = self.batch.set(batch);
    }

    pub(crate) fn batch(&self) -> Option<&Batch> {
        self.batch.get()
    }
    /// The ephemeral models that the last render read, in order, each once.
    pub(crate) fn take_ephemerals(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.noted).ephemerals)
    }

    pub(crate) fn names(&self) -> BTreeMap<Vec<String>, Input> {
        lock(&self.noted).names.clone()
    }

    pub(crate) fn adopt_names(&self, other: &Self) {
        let names = other.names();
        lock(&self.noted).names.extend(names);
    }

    /// Whether a macro renamed or dropped this relation.
    pub(crate) fn knows_gone(&self, relation: &Relation) -> bool {
        lock(&self.noted)
            .gone
            .iter()
            .any(|gone| gone.identifier == relation.identifier && gone.schema == relation.schema)
    }

    /// The input's relation as the node's SQL writes it just now.
    pub(crate) fn written(&self, input: &Input) -> Relation {
        if !self.crosses() {
            return input.relation.clone();
        }
        let relation = input.relation.clone().qualified_by_connection(self.adapter.dialect().quote);
        let parts: Vec<String> = relation.written_parts().into_iter().map(|(part, _)| part.to_owned()).collect();
        lock(&self.noted).names.insert(parts, input.clone());
        relation
    }
}
