//! Estimates: what `pg_class`, `pg_stats` and `pg_index` have, and what the planner expects of a query.

use crate::errors::from_driver;
use crate::pool::Pool;
use arrow::datatypes::DataType;
use dvt_adapter::{AdapterError, ColumnStatistics, KeyDescription, RelationDescription, Statistics};
use std::sync::Arc;
use tokio_postgres::Row;

/// One row per column of each whole, valid index over plain columns; the parameters are those of the relations' query.
pub(crate) const KEYS: &str = r#"
select a.place, i.indisunique as is_unique, k.position, t.attname
from rows from (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) with ordinality as a(schema, name, place)
join pg_catalog.pg_class c
  on c.relname = a.name
 and case when a.schema is null
          then c.oid = pg_catalog.to_regclass(pg_catalog.quote_ident(a.name))
          else c.relnamespace = (select s.oid from pg_catalog.pg_namespace s where s.nspname = a.schema) end
join pg_catalog.pg_index i on i.indrelid = c.oid and i.indisvalid and i.indpred is null and i.indexprs is null
cross join lateral pg_catalog.unnest(i.indkey::int2[]) with ordinality as k(attnum, position)
join pg_catalog.pg_attribute t on t.attrelid = c.oid and t.attnum = k.attnum
where k.position <= i.indnkeyatts
order by a.place, i.indisprimary desc, i.indexrelid, k.position
"#;

/// Rows by the planner's own reckoning: the density of the last ANALYZE times today's pages.
pub(crate) fn of_relation(row: &Row) -> Result<Statistics, tokio_postgres::Error> {
    let rows: f32 = row.try_get("reltuples")?;
    let pages: i32 = row.try_get("relpages")?;
    let block_size: i64 = row.try_get("block_size")?;
    let size: Option<i64> = row.try_get("bytes")?;
    let recorded = i64::from(pages) * block_size;
    let bytes = u64::try_from(size.unwrap_or(recorded)).ok();
    // Below zero: never vacuumed or analysed. Views have zero of both.
    if rows < 0.0 || (rows == 0.0 && pages == 0) {
        return Ok(Statistics { bytes: size.and(bytes), ..Statistics::default() });
    }
    let growth = match size {
        Some(size) if recorded > 0 => size as f64 / recorded as f64,
        _ => 1.0,
    };
    Ok(Statistics { rows: Some((f64::from(rows) * growth) as u64), bytes, ..Statistics::default() })
}

/// `n_distinct` as it stands in the catalog: below zero it is a share of the rows, see [`complete`].
pub(crate) fn of_column(row: &Row) -> Result<Option<ColumnStatistics>, tokio_postgres::Error> {
    let distinct: Option<f32> = row.try_get("n_distinct")?;
    let nulls: Option<f32> = row.try_get("null_frac")?;
    let width: Option<i32> = row.try_get("avg_width")?;
    if distinct.is_none() && width.is_none() {
        return Ok(None);
    }
    Ok(Some(ColumnStatistics {
        distinct: distinct.filter(|distinct| *distinct != 0.0).map(f64::from),
        nulls: nulls.map(f64::from),
        width: width.map(f64::from),
    }))
}

/// Adds a column of an index.
pub(crate) fn read_key(row: &Row, described: &mut [Option<RelationDescription>]) -> Result<(), tokio_postgres::Error> {
    let place: i64 = row.try_get("place")?;
    let Some(Some(relation)) = usize::try_from(place - 1).ok().and_then(|index| described.get_mut(index)) else {
        return Ok(());
    };
    let column: String = row.try_get("attname")?;
    let position: i64 = row.try_get("position")?;
    let keys = &mut relation.statistics.keys;
    if position == 1 {
        keys.push(KeyDescription { columns: Vec::new(), is_unique: row.try_get("is_unique")? });
    }
    if let Some(key) = keys.last_mut() {
        key.columns.push(column);
    }
    Ok(())
}

/// What follows from the rest once all of a relation is read: rows of a table that was never analysed, from its size, and
/// numbers of different values.
pub(crate) fn complete(relation: &mut RelationDescription) {
    let statistics = &mut relation.statistics;
    if statistics.rows.is_none()
        && let Some(bytes) = statistics.bytes
    {
        let width: usize = relation
            .columns
            .iter()
            .map(|column| match &column.field {
                Ok(field) => field.data_type().primitive_width().filter(|_| *field.data_type() != DataType::Utf8),
                Err(_) => None,
            })
            .map(|width| width.unwrap_or(24).min(24))
            .sum();
        // A tuple's header and its pointer take 28 bytes.
        statistics.rows = Some(bytes / (width as u64 + 28));
    }
    let rows = statistics.rows.unwrap_or(0) as f64;
    for known in statistics.columns.values_mut() {
        known.distinct = known.distinct.map(|distinct| if distinct < 0.0 { -distinct * rows } else { distinct });
    }
}

/// The rows that the planner expects.
pub(crate) async fn estimate_rows(pool: &Arc<Pool>, sql: &str) -> Result<Option<u64>, AdapterError> {
    let connection = &pool.connector.settings.connection;
    let lease = pool.take().await?;
    let asked = lease.client.query_one(&format!("explain (format json) {sql}"), &[]).await;
    lease.give_back();
    let row = asked.map_err(|error| from_driver(connection, error, Some(sql)))?;
    let plan: serde_json::Value = row.try_get(0).map_err(|error| from_driver(connection, error, None))?;
    Ok(plan[0]["Plan"]["Plan Rows"].as_f64().map(|rows| rows as u64))
}
