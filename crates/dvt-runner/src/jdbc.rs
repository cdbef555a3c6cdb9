//! What Spark's executors read and load by themselves over JDBC, and what goes through dvt instead, and why. `run` acts on
//! what is decided here, and `plan` prints it.

use crate::engines::{ChosenEngine, ComputeChoice};
use crate::failure::{FailedAt, NodeError, from_adapter, from_compute};
use crate::federated::{Answer, Landed, open_inputs};
use crate::inputs::stored_name;
use crate::progress::Progress;
use crate::run::Run;
use arrow::array::{Array, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use dvt_adapter::{
    Adapter, AdapterError, CancellationToken, ErrorClass, Fetch, JdbcColumn, JdbcDriver, JdbcForm, JdbcPurpose,
    LoadColumn, LoadReport, LoadRequest,
};
use dvt_compute::{
    JdbcExtract, JdbcTarget, LOADED_ROW, ROW_BITS, SparkEngine, SparkSettings as SparkEngineSettings, estimate,
    jdbc_reads,
};
use dvt_diagnostics::Diagnostic;
use dvt_federation::{Extract, FederatedPlan};
use dvt_manifest::{Node, Relation};
use dvt_project::{ComputeKind, JdbcExtraction, JdbcLoad, SparkSettings};
use futures::StreamExt;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Fewer rows than this in a part are not worth a session of their own.
const LEAST_ROWS: u64 = 1000;

/// How executors read an extract.
#[derive(Clone, Debug)]
pub(crate) struct ByExecutors {
    driver: JdbcDriver,
    /// The columns as the connection calls them, and the form of each.
    columns: Vec<(String, JdbcColumn)>,
    /// What splits the rows; empty where one session reads all of them.
    conditions: Vec<String>,
    fetch_size: usize,
    /// Whether all sessions see one state.
    is_shared: bool,
}

impl ByExecutors {
    /// How it comes, for people.
    pub(crate) fn reason(&self, compute: &str) -> String {
        match (self.conditions.len(), self.is_shared) {
            (0 | 1, _) => format!("an executor of `{compute}` reads it over JDBC"),
            (parts, true) => {
                format!("executors of `{compute}` read it over JDBC in {parts} parts, all of one snapshot")
            }
            (parts, false) => format!(
                "executors of `{compute}` read it over JDBC in {parts} parts; `unchanging` says that nobody changes it meanwhile"
            ),
        }
    }

    pub(crate) fn parts(&self) -> usize {
        self.conditions.len().max(1)
    }

    /// Begins what its sessions share.
    pub(crate) async fn open(&self, adapter: &dyn Adapter, extract: &Extract) -> Result<JdbcExtract, AdapterError> {
        let access = adapter.jdbc_access(JdbcPurpose::Read).await?;
        let forms: Vec<String> = self
            .columns
            .iter()
            .enumerate()
            .map(|(index, (name, column))| {
                let name = format!("q.{}", adapter.dialect().quote_identifier(name));
                format!("{} AS w{index}", column.over(&name))
            })
            .collect();
        let over = |sql: &str| format!("SELECT {} FROM ({sql}\n) AS q", forms.join(", "));
        let mut queries = Vec::with_capacity(self.parts());
        if self.conditions.is_empty() {
            queries.push(over(&extract.sql));
        }
        for condition in &self.conditions {
            let part = extract.part_sql(condition).ok_or_else(|| {
                let message = "an extract without parts was asked for one";
                AdapterError::new(ErrorClass::Other, extract.connection.clone(), message)
            })?;
            queries.push(over(&part));
        }
        Ok(JdbcExtract {
            driver: self.driver,
            access,
            queries,
            columns: self.columns.iter().map(|(_, column)| column.form).collect(),
            schema: Arc::clone(&extract.schema),
            fetch_size: self.fetch_size,
        })
    }
}

impl Run {
    /// How the executors of this compute read the extract, or why they do not; `None` where nobody has asked them to.
    pub(crate) async fn jdbc_reading(
        &self,
        choice: &ComputeChoice,
        extract: &Extract,
        at: FailedAt<'_>,
    ) -> Result<Option<Result<ByExecutors, String>>, NodeError> {
        let (ChosenEngine::Spark(engine, _), Some(settings)) = (&choice.engine, self.spark_compute(&choice.name))
        else {
            return Ok(None);
        };
        let Some(wanted) = &settings.jdbc_extraction else { return Ok(None) };
        let adapter = self.adapter(&extract.connection)?;
        let reading = reading_of(adapter.as_ref(), extract, engine, wanted).await;
        reading.map(Some).map_err(|error| from_adapter(&error, Some(&extract.sql), at))
    }

    fn spark_compute(&self, name: &str) -> Option<&SparkSettings> {
        match &self.project().config.computes.computes.get(name)?.kind {
            ComputeKind::Spark(settings) => Some(settings),
            ComputeKind::Datafusion(_) => None,
        }
    }
}

async fn reading_of(
    adapter: &dyn Adapter,
    extract: &Extract,
    engine: &SparkEngine,
    wanted: &JdbcExtraction,
) -> Result<Result<ByExecutors, String>, AdapterError> {
    let driver = match way_to(adapter, engine) {
        Ok(driver) => driver,
        Err(reason) => return Ok(Err(reason)),
    };
    if extract.schema.fields().is_empty() {
        return Ok(Err("it has no columns".to_owned()));
    }
    let described = adapter.describe_query(&extract.sql).await?;
    if described.len() != extract.schema.fields().len() {
        return Ok(Err("its columns are not told".to_owned()));
    }
    let mut names = BTreeSet::new();
    let mut columns = Vec::with_capacity(described.len());
    for (column, field) in described.iter().zip(extract.schema.fields()) {
        if !names.insert(column.name.to_lowercase()) {
            return Ok(Err(format!("it has two columns named `{}`", column.name)));
        }
        let form =
            adapter.jdbc_column(column).and_then(|form| jdbc_reads(form.form, field.data_type(), "c").map(|_| form));
        match form {
            Ok(form) => columns.push((column.name.clone(), form)),
            Err(reason) => return Ok(Err(format!("column `{}`: {reason}", field.name()))),
        }
    }
    let is_shared = adapter.jdbc_shares_snapshots();
    let is_unchanging = wanted.unchanging.contains(&extract.connection);
    if !is_shared && !is_unchanging {
        let place = &extract.connection;
        // What one session read cannot be read again as it was.
        if extract.readers > 1 {
            return Ok(Err(format!(
                "the query reads it {} times, and `{place}` cannot show executors one state twice",
                extract.readers
            )));
        }
        if !loses_all_at_once(engine) {
            return Ok(Err(format!(
                "an executor that is lost would leave others with rows of an earlier state, since `{place}` cannot show \
                 executors one state twice; name it under `unchanging` if nobody changes it during a run"
            )));
        }
    }
    let (rows, _) = estimate(extract);
    let worth = rows.map_or(usize::MAX, |rows| usize::try_from(rows / LEAST_ROWS + 1).unwrap_or(usize::MAX));
    let into = wanted.num_partitions.min(worth);
    let conditions = if into > 1 && (is_shared || is_unchanging) && extract.part_sql("1 = 1").is_some() {
        adapter.split(&extract.relation, into).await?
    } else {
        Vec::new()
    };
    Ok(Ok(ByExecutors { driver, columns, conditions, fetch_size: wanted.fetch_size, is_shared }))
}

/// The driver by which the executors of this Spark reach the connection, or why none does.
fn way_to(adapter: &dyn Adapter, engine: &SparkEngine) -> Result<JdbcDriver, String> {
    let names = adapter.jdbc_drivers();
    let known = names.iter().filter_map(|name| dvt_adapter::JDBC_DRIVERS.iter().find(|driver| driver.name == *name));
    let known: Vec<&JdbcDriver> = known.collect();
    if let Some(obstacle) = adapter.jdbc_obstacle(is_here(engine.settings())) {
        return Err(obstacle);
    }
    let settings = engine.settings();
    // What lies beside a server of somebody else's is not known here: it says itself what it lacks.
    let found = known.iter().find(|driver| settings.remote.is_some() || settings.has_driver(driver));
    found.map(|driver| **driver).ok_or_else(|| {
        let jars: Vec<String> = known.iter().map(|driver| format!("{}….jar", driver.jar)).collect();
        let folders: Vec<String> = settings.jar_folders.iter().map(|folder| folder.display().to_string()).collect();
        format!("there is no {} in {}", jars.join(" or "), folders.join(", "))
    })
}

/// Whether the executors are on this machine.
fn is_here(settings: &SparkEngineSettings) -> bool {
    let is_own = |place: &str| {
        let host = place.split(['/', ';']).find(|part| !part.is_empty()).unwrap_or_default();
        ["127.0.0.1", "localhost", "[::1]"]
            .iter()
            .any(|own| host.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with(':')))
    };
    match &settings.remote {
        Some(remote) => remote.strip_prefix("sc://").is_some_and(is_own),
        None => {
            settings.master.starts_with("local")
                || settings.master.strip_prefix("spark://").is_some_and(|hosts| hosts.split(',').all(is_own))
        }
    }
}

/// Whether no executor can be lost without the server: then a query that was read in part is read anew, whole.
fn loses_all_at_once(engine: &SparkEngine) -> bool {
    let settings = engine.settings();
    settings.remote.is_none() && settings.master.starts_with("local") && !settings.master.starts_with("local-cluster")
}

/// How executors load a result.
pub(crate) struct Loading {
    driver: JdbcDriver,
    forms: Vec<JdbcForm>,
    settings: JdbcLoad,
}

impl Run {
    /// How the executors of this compute load the node's result, or why they do not; `None` where nobody has asked them to.
    pub(crate) fn jdbc_loading(
        &self,
        choice: &ComputeChoice,
        target: &dyn Adapter,
        plan: &FederatedPlan,
        columns: &[LoadColumn],
    ) -> Option<Result<Loading, String>> {
        let (ChosenEngine::Spark(engine, query), Some(settings)) = (&choice.engine, self.spark_compute(&choice.name))
        else {
            return None;
        };
        let wanted = settings.jdbc_load.as_ref()?;
        Some(loading_of(target, plan, columns, engine, wanted, query.is_whole()))
    }
}

fn loading_of(
    target: &dyn Adapter,
    plan: &FederatedPlan,
    columns: &[LoadColumn],
    engine: &SparkEngine,
    wanted: &JdbcLoad,
    is_whole: bool,
) -> Result<Loading, String> {
    if !is_whole {
        return Err("a part of the query is computed here".to_owned());
    }
    let driver = way_to(target, engine)?;
    let mut names = BTreeSet::new();
    let mut forms = Vec::with_capacity(columns.len());
    for (column, field) in columns.iter().zip(plan.output_schema.fields()) {
        let is_ours = column.name.eq_ignore_ascii_case(LOADED_ROW);
        if is_ours || !names.insert(column.name.to_lowercase()) || column.name.contains(['"', '`']) {
            return Err(format!("column `{}` has a name that drivers may take for another", column.name));
        }
        let form = target.jdbc_parameter(&column.column_type, field);
        forms.push(form.map_err(|reason| format!("column `{}`: {reason}", column.name))?);
    }
    if forms.is_empty() {
        return Err("it has no columns".to_owned());
    }
    Ok(Loading { driver, forms, settings: wanted.clone() })
}

/// Lets executors fill the landing relation, and looks where each row stood: a task that was run again may have loaded its rows
/// twice, and then nothing of it is used. The error says whether memory was the reason, as [`crate::federated::land`] asks.
#[expect(clippy::too_many_arguments, reason = "one step of `land`, cut out")]
pub(crate) async fn load_by_executors(
    run: &Arc<Run>,
    node: &Arc<Node>,
    plan: &FederatedPlan,
    choice: &ComputeChoice,
    loading: &Loading,
    columns: &[LoadColumn],
    landing: &Relation,
    progress: &Arc<Progress>,
    cancel: &CancellationToken,
    at: FailedAt<'_>,
) -> Result<Option<Landed>, NodeError> {
    let ChosenEngine::Spark(engine, _) = &choice.engine else { return Ok(None) };
    let target = run.adapter(&node.connection)?;
    let (sources, inputs) = open_inputs(run, node, plan, Some(choice), progress, cancel, at).await?;
    let relation = stored_name(landing, target.dialect());
    let place = Field::new(LOADED_ROW, DataType::Int64, true);
    let failed = |message: String| NodeError::from(Diagnostic::error("internal", message));
    let column_type = target.column_type(&place).map_err(|error| failed(error.to_string()))?;
    let mut columns = columns.to_vec();
    columns.push(LoadColumn { name: LOADED_ROW.to_owned(), column_type, nullable: true });
    let fields: Vec<_> = plan.output_schema.fields().iter().cloned().chain([Arc::new(place)]).collect();
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let request = LoadRequest {
        relation: relation.clone(),
        columns,
        schema: Arc::clone(&schema),
        on_behalf_of: node.relation().render(),
        options: node.config.0.clone(),
    };
    let nothing = futures::stream::iter([Ok(RecordBatch::new_empty(schema))]).boxed();
    let made = target.load(request, nothing, cancel.clone()).await;
    made.map_err(|error| from_adapter(&error, None, at))?;
    let access = target.jdbc_access(JdbcPurpose::Load).await.map_err(|error| from_adapter(&error, None, at))?;
    let rendered = target.dialect().quote_path(relation.parts());
    let jdbc = JdbcTarget {
        driver: loading.driver,
        access,
        relation: relation.clone(),
        rendered: rendered.clone(),
        columns: loading.forms.clone(),
        sessions: loading.settings.num_partitions,
        batch_rows: loading.settings.batch_size,
    };
    progress.phase(crate::reporter::Phase::Load);
    let loaded = tokio::select! {
        loaded = engine.load(plan, sources, &jdbc) => loaded,
        () = cancel.cancelled() => return Err(Diagnostic::error("cancelled", "cancelled").into()),
    };
    loaded.map_err(|error| from_compute(&error, at))?;
    let checked = settle(target.as_ref(), &rendered).await.map_err(|error| from_adapter(&error, None, at))?;
    let (rows, places) = checked;
    if rows != places {
        let message = format!(
            "executors of `{}` loaded {rows} rows in {places} places of the result: a part came twice after its answer was lost",
            choice.name
        );
        return Err(NodeError { is_retryable: true, ..Diagnostic::error("load-doubled", message).into() });
    }
    let inputs = inputs.iter().map(crate::federated::InputCounter::figures).collect();
    Ok(Some(Landed { report: LoadReport { rows, bytes: 0 }, inputs }))
}

/// The rows that are there and the places of the result that they have; where each row has one of its own, the column that says
/// so is taken away.
async fn settle(adapter: &dyn Adapter, relation: &str) -> Result<(u64, u64), AdapterError> {
    let place = adapter.dialect().quote_identifier(LOADED_ROW);
    let mut session = adapter.session().await?;
    let counts = format!(
        "select sum(n) as n, sum(places) as places from (select count(*) as n, max({place}) - min({place}) + 1 as places \
         from {relation} group by {place} >> {ROW_BITS}) as q"
    );
    let answer = session.execute(&counts, Fetch::All).await?;
    let wrong = || AdapterError::new(ErrorClass::Other, adapter.connection(), "the loaded rows could not be counted");
    let (_, batches) = answer.rows.ok_or_else(wrong)?;
    let batch = batches.iter().find(|batch| batch.num_rows() > 0).ok_or_else(wrong)?;
    let number = |column: usize| {
        let numbers = arrow::compute::cast(batch.column(column), &DataType::Int64).map_err(|_| wrong())?;
        let numbers = numbers.as_any().downcast_ref::<Int64Array>().ok_or_else(wrong)?;
        // The sum of no rows is NULL.
        let number = if numbers.is_null(0) { 0 } else { numbers.value(0) };
        u64::try_from(number).map_err(|_| wrong())
    };
    let (rows, places) = (number(0)?, number(1)?);
    if rows == places {
        session.execute(&format!("alter table {relation} drop column {place}"), Fetch::None).await?;
    }
    Ok((rows, places))
}

/// The plan of an answer whose rows executors may load.
pub(crate) fn plan_of(answer: &Answer) -> Option<&FederatedPlan> {
    match answer {
        Answer::Plan(plan, _) => Some(plan),
        Answer::Whole { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dvt_adapter_sqlite::SqliteAdapter;
    use serde_json::json;

    #[test]
    fn executors_are_here_only_where_every_address_says_so() {
        let here = |master: &str, remote: Option<&str>| {
            let mut settings = SparkEngineSettings::new("big");
            settings.master = master.to_owned();
            settings.remote = remote.map(str::to_owned);
            is_here(&settings)
        };
        assert!(here("local[*]", None));
        assert!(here("spark://127.0.0.1:7077", None));
        assert!(!here("spark://127.0.0.1:7077,10.0.0.1:7077", None));
        assert!(!here("spark://127.0.0.1.example.org:7077", None));
        assert!(!here("yarn", None));
        assert!(here("local[*]", Some("sc://localhost:15002/;token=x")));
        assert!(!here("local[*]", Some("sc://spark.example.org:15002")));
    }

    #[tokio::test]
    async fn rows_of_a_task_that_ran_twice_are_seen() {
        let folder = std::env::temp_dir().join(format!("dvt-settle-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let keys = json!({"type": "sqlite", "path": "t.db"}).as_object().cloned().unwrap();
        let adapter = SqliteAdapter::from_profile("lite", &keys, &folder).unwrap();
        let run = async |sql: &str| adapter.session().await.unwrap().execute(sql, Fetch::None).await.unwrap();
        let (second, third) = (1_i64 << ROW_BITS, 2_i64 << ROW_BITS);
        let fill = format!(
            "create table t (a integer, {LOADED_ROW} integer);\
             insert into t values (1, 0), (2, 1), (3, {second}), (4, {third}), (5, {third} + 1), (6, {third} + 2)"
        );
        run(&fill).await;
        // The third task again, which came further this time.
        let again = format!("insert into t values (4, {third}), (5, {third} + 1), (6, {third} + 2), (7, {third} + 3)");
        run(&again).await;
        assert_eq!(settle(&adapter, "t").await.unwrap(), (10, 7));
        run(&format!("delete from t; {}", fill.split_once(';').unwrap().1)).await;
        assert_eq!(settle(&adapter, "t").await.unwrap(), (6, 6));
        let asked = format!("select t.{LOADED_ROW} from t");
        let gone = adapter.session().await.unwrap().execute(&asked, Fetch::None).await;
        assert!(gone.is_err(), "the column is taken away");
        run(&format!("alter table t add column {LOADED_ROW} integer; delete from t")).await;
        assert_eq!(settle(&adapter, "t").await.unwrap(), (0, 0));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
