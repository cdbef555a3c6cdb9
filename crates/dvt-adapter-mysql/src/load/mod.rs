//! Bulk loading: a new table, filled by one `LOAD DATA LOCAL INFILE` whose file is the stream itself.
//!
//! `LOAD DATA LOCAL` turns errors into warnings even in strict mode, so any warning fails the load, and so does a row
//! count that is not ours. Where the server refuses local files, the same values go as prepared multi-row inserts in one
//! transaction. Whatever fails after the table was made, the table is dropped.
//! Source: MySQL manual, "LOAD DATA Statement", "Security Considerations for LOAD DATA LOCAL".

mod encode;

use crate::client::{Answer, Client, ClientError, Done};
use crate::errors::{class_of, column_in};
use crate::pool::{Pool, Purpose, cancelled};
use dvt_adapter::{AdapterError, BatchStream, CancellationToken, ErrorClass, LoadReport, LoadRequest};
use dvt_sql::MYSQL;
use encode::{Encoder, Layout};
use futures::StreamExt;

/// Bytes of one packet of the file.
const CHUNK_BYTES: usize = 256 * 1024;
/// Bytes of one prepared insert, below the smallest `max_allowed_packet` in use.
const INSERT_BYTES: usize = 1024 * 1024;
const MOST_PARAMETERS: usize = 60_000;

pub(crate) async fn load(
    pool: &Pool,
    request: LoadRequest,
    rows: BatchStream,
    cancel: CancellationToken,
) -> Result<LoadReport, AdapterError> {
    let pool = pool.clone();
    // Dropping the caller's future must not leave a table: the work goes on in a task of its own, told to stop.
    let stop = cancel.child_token();
    let guard = stop.clone().drop_guard();
    let task = tokio::spawn(async move { run(&pool, &request, rows, stop).await });
    let result = task.await;
    guard.disarm();
    match result {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

async fn run(
    pool: &Pool,
    request: &LoadRequest,
    rows: BatchStream,
    cancel: CancellationToken,
) -> Result<LoadReport, AdapterError> {
    if cancel.is_cancelled() {
        return Err(cancelled(&pool.settings));
    }
    let plan = Plan::new(pool, request)?;
    let mut client = pool.take(Purpose::Load).await?;
    create_table(pool, &mut client, &plan).await?;
    let connection_id = client.connection_id();
    let filled = tokio::select! {
        biased;
        () = cancel.cancelled() => Err(cancelled(&pool.settings)),
        filled = fill(pool, &mut client, &plan, rows) => filled,
    };
    match filled {
        Ok(report) => {
            pool.give_back(client);
            Ok(report)
        }
        Err(error) => {
            if client.is_broken() {
                drop(client);
                pool.kill(connection_id, true).await;
            } else {
                pool.give_back(client);
            }
            drop_table(pool, &plan).await;
            Err(plan.complete(error))
        }
    }
}

/// The statements and encoders of one load.
struct Plan<'a> {
    request: &'a LoadRequest,
    table: String,
    encoder: Encoder,
}

impl<'a> Plan<'a> {
    fn new(pool: &Pool, request: &'a LoadRequest) -> Result<Self, AdapterError> {
        let schema = request.relation.schema.as_deref().unwrap_or(&pool.settings.schema);
        let table = MYSQL.quote_path([schema, request.relation.identifier.as_str()]);
        let encoder = Encoder::new(&request.columns, &request.schema).map_err(|misfit| misfit.error(pool, request))?;
        Ok(Self { request, table, encoder })
    }

    fn create_table(&self, charset: Option<&str>) -> String {
        let columns = self.request.columns.iter().map(|column| {
            // A `timestamp` without a word about NULL is NOT NULL with a default on older servers.
            let null = if column.nullable { " NULL" } else { " NOT NULL" };
            format!("{} {}{null}", MYSQL.quote_identifier(&column.name), column.column_type)
        });
        let columns = columns.collect::<Vec<_>>().join(", ");
        let charset = charset.map(|charset| format!(" DEFAULT CHARACTER SET {charset}")).unwrap_or_default();
        format!("CREATE TABLE {} ({columns}){charset}", self.table)
    }

    fn load_data(&self) -> String {
        let mut targets = Vec::new();
        let mut assignments = Vec::new();
        for (index, (column, layout)) in self.request.columns.iter().zip(self.encoder.layouts()).enumerate() {
            let name = MYSQL.quote_identifier(&column.name);
            match layout {
                Layout::Plain => targets.push(name),
                Layout::Hex => {
                    assignments.push(format!("{name} = UNHEX(@v{index})"));
                    targets.push(format!("@v{index}"));
                }
                Layout::Number => {
                    assignments.push(format!("{name} = CAST(@v{index} AS UNSIGNED)"));
                    targets.push(format!("@v{index}"));
                }
            }
        }
        let set = if assignments.is_empty() { String::new() } else { format!(" SET {}", assignments.join(", ")) };
        format!(
            "LOAD DATA LOCAL INFILE 'dvt' INTO TABLE {} CHARACTER SET utf8mb4 FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\' \
             LINES TERMINATED BY '\\n' ({}){set}",
            self.table,
            targets.join(", ")
        )
    }

    fn insert(&self, rows: usize) -> String {
        let names = self.request.columns.iter().map(|column| MYSQL.quote_identifier(&column.name));
        let values = self.encoder.layouts().map(|layout| match layout {
            Layout::Plain => "?",
            Layout::Hex => "UNHEX(?)",
            Layout::Number => "CAST(? AS UNSIGNED)",
        });
        let values = format!("({})", values.collect::<Vec<_>>().join(", "));
        let names = names.collect::<Vec<_>>().join(", ");
        format!("INSERT INTO {} ({names}) VALUES {}", self.table, vec![values; rows].join(", "))
    }

    /// The error with the relation that the user knows.
    fn complete(&self, mut error: AdapterError) -> AdapterError {
        if error.relation.is_none() && error.class != ErrorClass::Cancelled {
            error.relation = Some(Box::new(self.request.relation.clone()));
        }
        error
    }
}

async fn create_table(pool: &Pool, client: &mut Client, plan: &Plan<'_>) -> Result<(), AdapterError> {
    let failed = |error: ClientError| plan.complete(pool.error(error));
    let schema = plan.request.relation.schema.as_deref().unwrap_or(&pool.settings.schema);
    // The schema's own default, unless it cannot hold all characters.
    let charset = client
        .rows(&format!(
            "SELECT default_character_set_name FROM information_schema.schemata WHERE schema_name = {}",
            MYSQL.string_literal(schema)
        ))
        .await
        .map_err(failed)?;
    let default = charset.into_iter().flatten().flatten().next();
    let charset = default.is_some_and(|default| default != "utf8mb4").then_some("utf8mb4");
    let sql = plan.create_table(charset);
    tracing::debug!(connection = %pool.settings.connection, sql, "create landing table");
    client.run(&sql).await.map(|_| ()).map_err(failed)
}

/// Drops the table over a connection that is surely whole. A failure is logged: the error of the load says more.
async fn drop_table(pool: &Pool, plan: &Plan<'_>) {
    let dropped = async {
        let mut client = pool.take(Purpose::Load).await?;
        client.run(&format!("DROP TABLE IF EXISTS {}", plan.table)).await.map_err(|error| pool.error(error))?;
        pool.give_back(client);
        Ok::<_, AdapterError>(())
    };
    if let Err(error) = dropped.await {
        tracing::warn!(connection = %pool.settings.connection, table = plan.table, %error, "the table could not be dropped");
    }
}

async fn fill(
    pool: &Pool,
    client: &mut Client,
    plan: &Plan<'_>,
    rows: BatchStream,
) -> Result<LoadReport, AdapterError> {
    match client.query(&plan.load_data()).await {
        Ok(Answer::Infile) => fill_by_infile(pool, client, plan, rows).await,
        Ok(_) => Err(pool.error(ClientError::Protocol("no file was asked for".to_owned()))),
        // MySQL's "loading local data is disabled", MariaDB's and older MySQL's "not allowed".
        Err(error) if matches!(error.errno(), Some(1148 | 3948 | 4166)) => {
            tracing::debug!(
                connection = %pool.settings.connection, %error,
                "the server takes no local files; rows go as prepared inserts"
            );
            fill_by_inserts(pool, client, plan, rows).await
        }
        Err(error) => Err(pool.error(error)),
    }
}

async fn fill_by_infile(
    pool: &Pool,
    client: &mut Client,
    plan: &Plan<'_>,
    rows: BatchStream,
) -> Result<LoadReport, AdapterError> {
    let mut sent = 0u64;
    let file = rows.flat_map(|batch| {
        let chunks = match batch {
            Ok(batch) => {
                sent += batch.num_rows() as u64;
                match plan.encoder.file_chunks(&batch, CHUNK_BYTES) {
                    Ok(chunks) => chunks.into_iter().map(Ok).collect::<Vec<_>>(),
                    Err(misfit) => vec![Err(misfit.error(pool, plan.request))],
                }
            }
            Err(error) => vec![Err(error)],
        };
        futures::stream::iter(chunks)
    });
    let (answer, failure, bytes) = client.send_infile(Box::pin(file)).await.map_err(|error| pool.error(error))?;
    if let Some(failure) = failure {
        return Err(failure);
    }
    let done = match answer {
        Ok(Answer::Done(done)) => done,
        Ok(_) => return Err(pool.error(ClientError::Protocol("rows came for a load".to_owned()))),
        Err(error) => return Err(pool.error(error)),
    };
    check_warnings(pool, client, done).await?;
    check_count(pool, done.affected_rows, sent)?;
    Ok(LoadReport { rows: sent, bytes })
}

fn check_count(pool: &Pool, loaded: u64, sent: u64) -> Result<(), AdapterError> {
    if loaded == sent {
        return Ok(());
    }
    Err(AdapterError::new(
        ErrorClass::Other,
        pool.settings.connection.as_str(),
        format!("{sent} rows were sent and {loaded} arrived"),
    ))
}

/// The first warning as an error: each of them means that a value was changed.
async fn check_warnings(pool: &Pool, client: &mut Client, done: Done) -> Result<(), AdapterError> {
    if done.warnings == 0 {
        return Ok(());
    }
    let warnings = client.rows("SHOW WARNINGS").await.map_err(|error| pool.error(error))?;
    let Some([_, code, message]) = warnings.into_iter().find_map(|row| <[_; 3]>::try_from(row).ok()) else {
        return Err(AdapterError::new(
            ErrorClass::ValueDoesNotFit,
            pool.settings.connection.as_str(),
            format!("the server changed {} values while loading and does not say which", done.warnings),
        ));
    };
    let message = message.unwrap_or_default();
    let code = code.unwrap_or_default();
    let class = match code.parse().map(|errno: u16| class_of(errno, "")) {
        Ok(class @ (ErrorClass::Constraint | ErrorClass::ValueDoesNotFit)) => class,
        _ => ErrorClass::ValueDoesNotFit,
    };
    let column = column_in(&message);
    let mut error = AdapterError::new(class, pool.settings.connection.as_str(), message).with_code(code);
    error.column = column;
    Err(error)
}

async fn fill_by_inserts(
    pool: &Pool,
    client: &mut Client,
    plan: &Plan<'_>,
    mut rows: BatchStream,
) -> Result<LoadReport, AdapterError> {
    let failed = |error: ClientError| pool.error(error);
    let width = plan.request.columns.len().max(1);
    let most_rows = (MOST_PARAMETERS / width).clamp(1, 1000);
    client.run("START TRANSACTION").await.map_err(failed)?;
    let mut report = LoadReport::default();
    let mut prepared: Option<(usize, crate::client::Statement)> = None;
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        let mut start = 0;
        while start < batch.num_rows() {
            let parameters = plan
                .encoder
                .parameters(&batch, start, most_rows, INSERT_BYTES)
                .map_err(|misfit| misfit.error(pool, plan.request))?;
            if prepared.as_ref().is_none_or(|(rows, _)| *rows != parameters.rows) {
                if let Some((_, statement)) = prepared.take() {
                    client.close(statement).await.map_err(failed)?;
                }
                let statement = client.prepare(&plan.insert(parameters.rows)).await.map_err(failed)?;
                prepared = Some((parameters.rows, statement));
            }
            let Some((_, statement)) = &prepared else { continue };
            let done = match client.execute_with(statement, &parameters.body).await.map_err(failed)? {
                Answer::Done(done) => done,
                _ => return Err(failed(ClientError::Protocol("rows came for an insert".to_owned()))),
            };
            check_warnings(pool, client, done).await?;
            check_count(pool, done.affected_rows, parameters.rows as u64)?;
            report.rows += parameters.rows as u64;
            report.bytes += parameters.body.len() as u64;
            start += parameters.rows;
        }
    }
    if let Some((_, statement)) = prepared {
        client.close(statement).await.map_err(failed)?;
    }
    client.run("COMMIT").await.map_err(failed)?;
    Ok(report)
}
