//! Where an extract's rows come from: streamed, staged now, or staged before, and why. `run` acts on what is decided here, and
//! `plan` prints it.

use crate::engines::StagingPlace;
use crate::failure::{FailedAt, NodeError, from_adapter, from_staging};
use crate::inputs::relations_of;
use crate::run::{Run, lock};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use dvt_adapter::{Adapter, AdapterError, Fetch, RelationName};
use dvt_compute::estimate;
use dvt_diagnostics::Diagnostic;
use dvt_federation::{Extract, Route};
use dvt_manifest::{Node, Source, UniqueId};
use dvt_project::Staging as StagingMode;
use dvt_sql::IdentifierCase;
use dvt_staging::{Origin, Proof, StageRequest, StagingKey};
use futures::FutureExt;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock};

/// What is shared on suspicion, before it is known that another model asks for the very same, is at most this large.
const SHARED_BYTES: u64 = 256 << 20;

/// An extract of which more than this is expected is worth resuming after a kill.
const LARGE_BYTES: u64 = 8 << 30;

/// Rows in a part of an extract that is read in parts.
const PART_ROWS: u64 = 2_000_000;

/// Who reads what in this run, by the graph.
#[derive(Default)]
pub(crate) struct Sharing {
    /// By what is read: the selected nodes that cross connections for it.
    readers: OnceLock<BTreeMap<UniqueId, BTreeSet<UniqueId>>>,
    /// Nodes whose inputs are open: what they share is staged by now.
    open: Mutex<BTreeSet<UniqueId>>,
}

/// How the rows of one extract will come.
#[derive(Clone, Debug)]
pub(crate) struct Supply {
    pub(crate) is_staged: bool,
    /// Why it is staged, or streamed.
    pub(crate) reason: String,
    /// Of a staged one: the key, the schema, and the proof if there is one.
    pub(crate) request: Option<StageRequest>,
    /// Of a staged one: why its rows may be used again later, or may not.
    pub(crate) proof_reason: String,
    /// Whether they are there already.
    pub(crate) found: Option<Origin>,
}

impl Supply {
    /// Rows that dvt does not see.
    pub(crate) fn by_executors(reason: String) -> Self {
        Self { is_staged: false, reason, request: None, proof_reason: String::new(), found: None }
    }
}

impl Run {
    /// The node has opened all that it reads: nothing need be staged for its sake any more.
    pub(crate) fn has_opened(&self, node: &Node) {
        lock(&self.sharing.open).insert(node.unique_id.clone());
    }

    /// The other selected nodes that cross connections to read what this extract of the node reads.
    fn other_readers(&self, node: &Node, extract: &Extract) -> Vec<UniqueId> {
        let readers = self.sharing.readers.get_or_init(|| readers_of(self));
        let mut others: BTreeSet<UniqueId> = BTreeSet::new();
        for unique_id in self.ids_read(node, extract) {
            others.extend(readers.get(&unique_id).into_iter().flatten().cloned());
        }
        others.remove(&node.unique_id);
        others.into_iter().collect()
    }

    /// The source table that the extract reads, if that is all it reads.
    fn source_of(&self, node: &Node, extract: &Extract) -> Option<&Source> {
        if extract.relations().len() != 1 {
            return None;
        }
        self.ids_read(node, extract).iter().find_map(|id| self.project().manifest.sources.get(id))
    }

    /// The ids behind what the extract reads.
    fn ids_read(&self, node: &Node, extract: &Extract) -> Vec<UniqueId> {
        let ignores_case = self
            .connections()
            .get(&extract.connection)
            .is_some_and(|adapter| adapter.dialect().unquoted == IdentifierCase::Insensitive);
        let is_same = |left: &str, right: &str| left == right || ignores_case && left.eq_ignore_ascii_case(right);
        let read = extract.relations();
        let matches = |relation: &RelationName| {
            read.iter().any(|read| {
                let schemas = (read.schema.as_deref(), relation.schema.as_deref());
                is_same(&read.identifier, &relation.identifier)
                    && !matches!(schemas, (Some(left), Some(right)) if !is_same(left, right))
            })
        };
        relations_of(self, node)
            .into_iter()
            .filter(|(_, connection, relation)| *connection == extract.connection && matches(relation))
            .map(|(unique_id, ..)| unique_id)
            .collect()
    }
}

fn readers_of(run: &Run) -> BTreeMap<UniqueId, BTreeSet<UniqueId>> {
    let mut readers: BTreeMap<UniqueId, BTreeSet<UniqueId>> = BTreeMap::new();
    for id in &run.request.selected {
        let Some(node) = run.project().manifest.nodes.get(id) else { continue };
        if node.is_ephemeral() || run.route(node) == Route::Pushdown {
            continue;
        }
        for (read, ..) in relations_of(run, node) {
            readers.entry(read).or_default().insert(id.clone());
        }
    }
    readers
}

/// Decides how the extract's rows come. Asks the connection for its state only where they may be staged.
pub(crate) async fn choose_supply(
    run: &Arc<Run>,
    node: &Node,
    extract: &Extract,
    place: &StagingPlace,
    at: FailedAt<'_>,
) -> Result<Supply, NodeError> {
    let streamed =
        |reason: String| Supply { is_staged: false, reason, request: None, proof_reason: String::new(), found: None };
    if place.mode == StagingMode::Never
        && let Some(compute) = &place.read_by
    {
        let message =
            format!("`staging: never` {}, and compute `{compute}` reads extracts from the bucket", place.said_by);
        let diagnostic = Diagnostic::error("staging-needed", message);
        return Err(diagnostic.help("set `staging: auto`, or choose a compute of type `datafusion`").into());
    }
    if place.mode == StagingMode::Never {
        let again = if extract.readers > 1 {
            format!("; read {} times, each for itself", extract.readers)
        } else {
            String::new()
        };
        return Ok(streamed(format!("`staging: never` {}{again}", place.said_by)));
    }
    let others = if place.mode == StagingMode::Auto { run.other_readers(node, extract) } else { Vec::new() };
    let (_, bytes) = estimate(extract);
    let reason = match place.mode {
        StagingMode::Always => format!("`staging: always` {}", place.said_by),
        _ if place.read_by.is_some() => {
            format!("compute `{}` reads it from the bucket", place.read_by.as_deref().unwrap_or_default())
        }
        // Read twice, the rows could differ; staged, both readers see the same.
        _ if extract.readers > 1 => format!("the query reads it {} times and must see the same rows", extract.readers),
        _ if bytes.is_some_and(|bytes| bytes >= LARGE_BYTES) => String::new(),
        _ if others.is_empty() => {
            return Ok(streamed("one model reads it once, and it is cheap to read again".to_owned()));
        }
        _ if bytes.is_some_and(|bytes| bytes > SHARED_BYTES) => {
            let message =
                "others read the same relation, but it is too large to be staged before one asks for the very same";
            return Ok(streamed(message.to_owned()));
        }
        _ => String::new(),
    };
    let adapter = run.adapter(&extract.connection)?;
    let (proof, proof_reason) = proof_of(run, node, extract, place, &adapter, at).await?;
    // With proof the state of the source is known; without, what this run did to the place keeps questions apart.
    let sql = match &proof {
        Some(_) => extract.sql.clone(),
        None => run.sql_of_now(adapter.as_ref(), &extract.sql),
    };
    let request = StageRequest {
        connection: extract.connection.clone(),
        relation: extract.relations().iter().map(ToString::to_string).collect::<Vec<_>>().join("+"),
        key: StagingKey::new(&adapter.identity(), &sql, &extract.schema),
        schema: Arc::clone(&extract.schema),
        proof,
    };
    let found = place.staging.look_up(&request).await.map_err(|error| from_staging(&error, at))?;
    let reason = if !reason.is_empty() {
        reason
    } else if bytes.is_some_and(|bytes| bytes >= LARGE_BYTES) {
        if request.proof.is_none() && found.is_none() {
            return Ok(streamed(format!("large, but reading it could not be resumed: {proof_reason}")));
        }
        "large: a run that is killed goes on where it was".to_owned()
    } else {
        let open = lock(&run.sharing.open).clone();
        let waiting: Vec<String> =
            others.iter().filter(|id| !open.contains(*id)).map(|id| format!("`{}`", name_of(id))).collect();
        match (&found, waiting.is_empty()) {
            (Some(_), _) => "it is staged already".to_owned(),
            (None, true) => return Ok(streamed("nobody reads it after this model".to_owned())),
            (None, false) => reads(&waiting),
        }
    };
    Ok(Supply { is_staged: true, reason, request: Some(request), proof_reason, found })
}

/// ``model `b` reads the relation``, ``models `b` and `c` read the relation``.
fn reads(names: &[String]) -> String {
    match names {
        [one] => format!("{one} reads the same relation in this run"),
        [first @ .., last] => format!("{} and {last} read the same relation in this run", first.join(", ")),
        [] => String::new(),
    }
}

fn name_of(unique_id: &str) -> &str {
    unique_id.rsplit('.').next().unwrap_or(unique_id)
}

/// What proves the state of the extract's source, or why nothing does.
async fn proof_of(
    run: &Arc<Run>,
    node: &Node,
    extract: &Extract,
    place: &StagingPlace,
    adapter: &Arc<dyn Adapter>,
    at: FailedAt<'_>,
) -> Result<(Option<Proof>, String), NodeError> {
    let relations = extract.relations();
    let token = adapter.change_token(&relations).await.map_err(|error| from_adapter(&error, None, at))?;
    if let Some(token) = token {
        let adapter = Arc::clone(adapter);
        let ask = Arc::new(move || {
            let (adapter, relations) = (Arc::clone(&adapter), relations.clone());
            async move { adapter.change_token(&relations).await }.boxed()
        });
        return Ok((
            Some(Proof { token, ask }),
            "kept: the connection tells whether the source has changed".to_owned(),
        ));
    }
    let none = format!("not kept: nothing on `{}` proves that the source has not changed", extract.connection);
    let field = run.source_of(node, extract).and_then(|source| source.loaded_at_field.clone());
    let Some(field) = field else { return Ok((None, none)) };
    // The user's word counts where the user has asked for staging.
    if place.mode != StagingMode::Always {
        return Ok((None, format!("{none}; `loaded_at_field` counts with `staging: always`")));
    }
    let sql = format!(
        "select max({field}) as loaded_at, count(*) as row_count from {}",
        adapter.dialect().quote_path(extract.relation.parts())
    );
    let asked = loaded_at(Arc::clone(adapter), sql.clone()).await;
    let Some(token) = asked.map_err(|error| from_adapter(&error, Some(&sql), at))? else {
        return Ok((None, format!("not kept: `{field}` is empty")));
    };
    let adapter = Arc::clone(adapter);
    let ask = Arc::new(move || loaded_at(Arc::clone(&adapter), sql.clone()).boxed());
    Ok((Some(Proof { token, ask }), format!("kept until `{field}` or the number of rows changes")))
}

/// The last load and the number of rows, as text; `None` where no row says when it was loaded.
async fn loaded_at(adapter: Arc<dyn Adapter>, sql: String) -> Result<Option<String>, AdapterError> {
    let mut session = adapter.session().await?;
    let answer = session.execute(&sql, Fetch::All).await?;
    let Some((_, batches)) = answer.rows else { return Ok(None) };
    let Some(batch) = batches.iter().find(|batch| batch.num_rows() > 0) else { return Ok(None) };
    let mut token = String::from("loaded_at");
    for column in batch.columns() {
        if column.is_null(0) {
            return Ok(None);
        }
        let text = ArrayFormatter::try_new(column.as_ref(), &FormatOptions::default())
            .and_then(|formatter| formatter.value(0).try_to_string());
        match text {
            Ok(text) => token += &format!(":{text}"),
            Err(_) => return Ok(None),
        }
    }
    Ok(Some(token))
}

/// The conditions that split a proven extract into parts; empty where it is read in one go.
pub(crate) async fn parts_of(
    run: &Run,
    extract: &Extract,
    adapter: &Arc<dyn Adapter>,
    request: &StageRequest,
) -> Result<Vec<String>, AdapterError> {
    let (rows, _) = estimate(extract);
    let part_rows = run.settings().rows_in_part.unwrap_or(PART_ROWS).max(1);
    if request.proof.is_none() || extract.part_sql("1 = 1").is_none() || rows.is_some_and(|rows| rows <= part_rows) {
        return Ok(Vec::new());
    }
    adapter.parts(&extract.relation, part_rows).await
}
