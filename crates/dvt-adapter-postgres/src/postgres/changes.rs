//! What proves that tables have not changed, and how a table is read in parts.
//!
//! The proof is the server's own rule of visibility: what a query sees of a table follows from its snapshot alone, and a
//! snapshot is the set of transactions that have ended. Every change of a row or a table needs a transaction with an id, so as
//! long as the same server process gives the same snapshot, no such transaction has ended and every query sees the
//! same rows. One busy table anywhere in the cluster changes the snapshot: the proof fails too often, never too seldom.
//! (Counters of the statistics views are no proof: they are kept late and can be lost.)

use crate::errors::from_driver;
use crate::pool::Pool;
use dvt_adapter::{AdapterError, ErrorClass, RelationName};
use std::sync::Arc;

/// The snapshot, with the server's start: ids are only compared within its lifetime. NULL where the rule does not hold:
/// - a standby lists running transactions in another place than its snapshots show;
/// - a relation, or a partition of it, that is no ordinary, permanent heap table (views, foreign tables, unlogged tables, which
///   a crash empties without a transaction);
/// - row security, which may depend on settings;
/// - the system catalogs, some of whose columns are changed in place;
/// - extensions that keep the rows of ordinary tables elsewhere.
const TOKEN: &str = r"
with recursive asked as (
    select a.place, c.oid
    from rows from (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) with ordinality as a(schema, name, place)
    join pg_catalog.pg_class c
      on c.relname = a.name
     and case when a.schema is null
              then c.oid = pg_catalog.to_regclass(pg_catalog.quote_ident(a.name))
              else c.relnamespace = (select s.oid from pg_catalog.pg_namespace s where s.nspname = a.schema) end
    where c.relkind in ('r', 'p', 'v', 'm', 'f')
), parts as (
    select oid from asked
    union
    select i.inhrelid from parts p join pg_catalog.pg_inherits i on i.inhparent = p.oid
)
select case
    when pg_catalog.pg_is_in_recovery() then null
    when (select count(distinct place) from asked) <> pg_catalog.cardinality($2::text[]) then null
    when exists (select from parts p join pg_catalog.pg_class c on c.oid = p.oid
                 join pg_catalog.pg_namespace n on n.oid = c.relnamespace
                 where c.relkind not in ('r', 'p') or c.relpersistence <> 'p' or c.relrowsecurity
                    or c.relam not in (0, 2) or n.nspname in ('pg_catalog', 'information_schema', 'pg_toast')) then null
    when exists (select from pg_catalog.pg_extension where extname in ('citus', 'timescaledb')) then null
    else 'postgres:' || (extract(epoch from pg_catalog.pg_postmaster_start_time()) * 1000000)::int8
         || ':' || pg_catalog.txid_current_snapshot()
    end";

/// Blocks of the table and rows in a block, where ranges of row addresses are found without reading the others.
const SIZE: &str = r"
select pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::int8 as blocks,
       case when c.relpages > 0 and c.reltuples > 0 then (c.reltuples / c.relpages)::float8 else 50 end as density
from pg_catalog.pg_class c
where c.relname = $2::text and c.relkind = 'r'
  and case when $1::text is null then c.oid = pg_catalog.to_regclass(pg_catalog.quote_ident($2::text))
           else c.relnamespace = (select s.oid from pg_catalog.pg_namespace s where s.nspname = $1::text) end
  and not exists (select from pg_catalog.pg_inherits i where i.inhparent = c.oid)
  and pg_catalog.current_setting('server_version_num')::int4 >= 140000";

/// A part more than these is not worth its own query.
const MOST_PARTS: i64 = 256;

/// See [`dvt_adapter::Adapter::change_token`].
pub(crate) async fn token(pool: &Arc<Pool>, relations: &[RelationName]) -> Result<Option<String>, AdapterError> {
    let connection = &pool.connector.settings.connection;
    let schemas: Vec<Option<&str>> = relations.iter().map(|relation| relation.schema.as_deref()).collect();
    let names: Vec<&str> = relations.iter().map(|relation| relation.identifier.as_str()).collect();
    let lease = pool.take().await?;
    let asked = lease.client.query_one(TOKEN, &[&schemas, &names]).await;
    lease.give_back();
    match asked.and_then(|row| row.try_get::<_, Option<String>>(0)) {
        Ok(token) => Ok(token),
        Err(error) => match from_driver(connection, error, None) {
            // A server that only speaks like PostgreSQL, or a user who may not ask: no proof, and no failure.
            error if error.code.is_some() && error.class != ErrorClass::ConnectionLost => {
                tracing::debug!(connection, %error, "no change token");
                Ok(None)
            }
            error => Err(error),
        },
    }
}

/// See [`dvt_adapter::Adapter::parts`]: ranges of row addresses.
pub(crate) async fn parts(pool: &Arc<Pool>, relation: &RelationName, rows: u64) -> Result<Vec<String>, AdapterError> {
    let size = size_of(pool, relation).await?;
    Ok(size.map(|(blocks, density)| block_ranges(blocks, density, rows)).unwrap_or_default())
}

/// A part of fewer blocks than this is not worth a session of its own.
const LEAST_BLOCKS: i64 = 16;

/// See [`dvt_adapter::Adapter::split`]: ranges of row addresses.
pub(crate) async fn split(pool: &Arc<Pool>, relation: &RelationName, into: usize) -> Result<Vec<String>, AdapterError> {
    let size = size_of(pool, relation).await?;
    let into = i64::try_from(into).unwrap_or(i64::MAX).clamp(1, MOST_PARTS);
    Ok(size.map(|(blocks, _)| ranges_of(blocks, (blocks / into + 1).max(LEAST_BLOCKS))).unwrap_or_default())
}

/// Blocks of the table, and rows in a block; `None` where its rows have no addresses that are ordered by block.
async fn size_of(pool: &Arc<Pool>, relation: &RelationName) -> Result<Option<(i64, f64)>, AdapterError> {
    let connection = &pool.connector.settings.connection;
    let lease = pool.take().await?;
    let asked = lease.client.query_opt(SIZE, &[&relation.schema, &relation.identifier]).await;
    lease.give_back();
    let read = |row: Option<tokio_postgres::Row>| match row {
        Some(row) => Ok(Some((row.try_get::<_, i64>("blocks")?, row.try_get::<_, f64>("density")?))),
        None => Ok(None),
    };
    asked.and_then(read).map_err(|error| from_driver(connection, error, None))
}

/// Conditions on the row's address, about so many rows each. The first and the last are open, so that together they hold every row.
fn block_ranges(blocks: i64, density: f64, rows: u64) -> Vec<String> {
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "how many blocks is a guess")]
    let wanted = (rows as f64 / density.max(1.0)) as i64;
    ranges_of(blocks, wanted.max(blocks / MOST_PARTS + 1).max(1))
}

fn ranges_of(blocks: i64, step: i64) -> Vec<String> {
    let starts: Vec<i64> =
        (1..).map_while(|part: i64| part.checked_mul(step)).take_while(|start| *start < blocks).collect();
    let Some(last) = starts.last() else { return Vec::new() };
    let address = |block: &i64| format!("'({block},0)'::pg_catalog.tid");
    let mut parts = vec![format!("ctid < {}", address(&starts[0]))];
    let between = |pair: &[i64]| format!("ctid >= {} AND ctid < {}", address(&pair[0]), address(&pair[1]));
    parts.extend(starts.windows(2).map(between));
    parts.push(format!("ctid >= {}", address(last)));
    parts
}

#[cfg(test)]
mod tests {
    use super::block_ranges;

    #[test]
    fn blocks_are_split_without_gaps() {
        assert!(block_ranges(0, 50.0, 100).is_empty());
        assert!(block_ranges(2, 50.0, 100).is_empty());
        assert_eq!(
            block_ranges(5, 50.0, 100),
            [
                "ctid < '(2,0)'::pg_catalog.tid",
                "ctid >= '(2,0)'::pg_catalog.tid AND ctid < '(4,0)'::pg_catalog.tid",
                "ctid >= '(4,0)'::pg_catalog.tid"
            ]
        );
        assert!(block_ranges(1_000_000, 50.0, 1).len() <= 257);
    }
}
