//! What the catalog says about relations and queries.

use crate::errors::from_driver;
use crate::pool::{Lease, Pool};
use crate::postgres::statistics;
use crate::postgres::types::{ADAPTER_TYPE, Kind, TypeName, kind_of, logical_of};
use crate::session::single_statement;
use arrow::datatypes::Field;
use dvt_adapter::{
    AdapterError, ColumnDescription, ErrorClass, RelationDescription, RelationKind, RelationName, TextComparison,
    with_types,
};
use dvt_sql::POSTGRES;
use std::sync::Arc;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// One row per column of each relation asked for (one with NULLs for a relation without columns), domains followed to
/// their base type. `$1` and `$2` are the names; a NULL schema means the search path.
const RELATIONS: &str = r#"
with recursive here as (
    -- The provider came with version 15, 'b' (always by code point) with 17.
    select case coalesce(pg_catalog.to_jsonb(d) ->> 'datlocprovider', 'c')
             when 'c' then d.datcollate::text when 'b' then 'C' else 'icu' end as locale
    from pg_catalog.pg_database d where d.datname = pg_catalog.current_database()
), asked as (
    select a.place, c.oid, n.nspname, c.relname, c.relkind, c.reltuples, c.relpages,
           case when c.relkind in ('r', 'm') then pg_catalog.pg_relation_size(c.oid) end as bytes
    from rows from (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) with ordinality as a(schema, name, place)
    join pg_catalog.pg_class c
      on c.relname = a.name
     and case when a.schema is null
              then c.oid = pg_catalog.to_regclass(pg_catalog.quote_ident(a.name))
              else c.relnamespace = (select s.oid from pg_catalog.pg_namespace s where s.nspname = a.schema) end
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f')
), followed as (
    select a.attrelid, a.attnum, a.atttypid as typid, a.atttypmod as typmod
    from pg_catalog.pg_attribute a
    where a.attrelid in (select oid from asked) and a.attnum > 0 and not a.attisdropped
    union all
    select f.attrelid, f.attnum, t.typbasetype, case when f.typmod = -1 then t.typtypmod else f.typmod end
    from followed f join pg_catalog.pg_type t on t.oid = f.typid
    where t.typtype = 'd'
)
select r.place, r.nspname, r.relname, r.relkind, r.reltuples, r.relpages, r.bytes,
       s.n_distinct, s.null_frac, s.avg_width,
       pg_catalog.current_setting('block_size')::int8 as block_size,
       a.attname, a.attnotnull, t.oid as type_oid, t.typname, f.typmod, t.typtype = 'e' as is_enum,
       pg_catalog.format_type(t.oid, f.typmod) as native,
       e.oid as element_oid, e.typname as element_name, e.typtype = 'e' as element_is_enum,
       l.collname, l.collisdeterministic,
       case when l.collname = 'default' then d.locale else coalesce(l.collcollate, l.collname)::text end as locale
from asked r
cross join here d
left join pg_catalog.pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
left join (followed f join pg_catalog.pg_type t on t.oid = f.typid and t.typtype <> 'd')
       on f.attrelid = a.attrelid and f.attnum = a.attnum
left join pg_catalog.pg_type e on e.oid = t.typelem and t.typcategory = 'A'
left join pg_catalog.pg_collation l on l.oid = a.attcollation
left join pg_catalog.pg_stats s on s.schemaname = r.nspname and s.tablename = r.relname and s.attname = a.attname
                               and s.inherited = (r.relkind = 'p')
order by r.place, a.attnum
"#;

/// The collations of table columns that a query passes through, and the native texts of its column types.
const QUERY_COLUMNS: &str = r#"
select pg_catalog.format_type(q.type_oid, q.typmod) as native,
       l.collname, l.collisdeterministic,
       case when l.collname = 'default' then 'unknown' else coalesce(l.collcollate, l.collname)::text end as locale
from rows from (pg_catalog.unnest($1::oid[]), pg_catalog.unnest($2::int4[]),
                pg_catalog.unnest($3::oid[]), pg_catalog.unnest($4::int2[])) with ordinality as q(type_oid, typmod, relation, attnum, place)
left join pg_catalog.pg_attribute a on a.attrelid = q.relation and a.attnum = q.attnum
left join pg_catalog.pg_collation l on l.oid = a.attcollation
order by q.place
"#;

/// See [`dvt_adapter::Adapter::describe`].
pub(crate) async fn describe(
    pool: &Arc<Pool>,
    relations: &[RelationName],
) -> Result<Vec<Option<RelationDescription>>, AdapterError> {
    let settings = &pool.connector.settings;
    for relation in relations {
        if let Some(database) =
            relation.database.as_deref().filter(|name| !name.eq_ignore_ascii_case(&settings.database))
        {
            let message = format!(
                "`{relation}` is in database `{database}`, and this connection leads to `{}`",
                settings.database
            );
            return Err(AdapterError::new(ErrorClass::MissingDatabase, &settings.connection, message)
                .with_relation(relation.clone())
                .with_hint("give that database a connection of its own in profiles.yml"));
        }
    }
    if relations.is_empty() {
        return Ok(Vec::new());
    }
    let schemas: Vec<Option<&str>> = relations.iter().map(|relation| relation.schema.as_deref()).collect();
    let names: Vec<&str> = relations.iter().map(|relation| relation.identifier.as_str()).collect();
    let lease = pool.take().await?;
    let parameters: [&(dyn ToSql + Sync); 2] = [&schemas, &names];
    let (rows, keys) = futures::join!(
        query(&lease, RELATIONS, &parameters, &settings.connection),
        query(&lease, statistics::KEYS, &parameters, &settings.connection),
    );
    lease.give_back();
    let mut described: Vec<Option<RelationDescription>> = relations.iter().map(|_| None).collect();
    for row in &rows? {
        read_row(row, relations, &mut described).map_err(|error| from_driver(&settings.connection, error, None))?;
    }
    for row in &keys? {
        statistics::read_key(row, &mut described).map_err(|error| from_driver(&settings.connection, error, None))?;
    }
    for relation in described.iter_mut().flatten() {
        statistics::complete(relation);
    }
    Ok(described)
}

async fn query(
    lease: &Lease,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
    connection: &str,
) -> Result<Vec<Row>, AdapterError> {
    lease.client.query(sql, parameters).await.map_err(|error| from_driver(connection, error, None))
}

fn read_row(
    row: &Row,
    relations: &[RelationName],
    described: &mut [Option<RelationDescription>],
) -> Result<(), tokio_postgres::Error> {
    let place: i64 = row.try_get("place")?;
    let Some(index) = usize::try_from(place - 1).ok().filter(|index| *index < relations.len()) else { return Ok(()) };
    let kind: i8 = row.try_get("relkind")?;
    let relation = match &mut described[index] {
        Some(relation) => relation,
        empty => {
            let schema: String = row.try_get("nspname")?;
            let identifier: String = row.try_get("relname")?;
            empty.insert(RelationDescription {
                name: RelationName::new(relations[index].database.as_deref(), Some(&schema), &identifier),
                kind: match kind.cast_unsigned() {
                    b'v' => RelationKind::View,
                    b'm' => RelationKind::MaterializedView,
                    b'f' => RelationKind::External,
                    _ => RelationKind::Table,
                },
                columns: Vec::new(),
                statistics: statistics::of_relation(row)?,
            })
        }
    };
    let Some(name) = row.try_get::<_, Option<String>>("attname")? else { return Ok(()) };
    let type_name = TypeName {
        oid: row.try_get("type_oid")?,
        name: row.try_get("typname")?,
        is_enum: row.try_get("is_enum")?,
        element: match row.try_get::<_, Option<u32>>("element_oid")? {
            None => None,
            Some(oid) => Some(Box::new(TypeName {
                oid,
                name: row.try_get("element_name")?,
                is_enum: row.try_get("element_is_enum")?,
                element: None,
            })),
        },
    };
    let is_nullable = !row.try_get::<_, bool>("attnotnull")?;
    let modifier: i32 = row.try_get("typmod")?;
    let native: String = row.try_get("native")?;
    let comparison = comparison(&type_name, &Collation::read(row)?, true);
    if let Some(known) = statistics::of_column(row)? {
        relation.statistics.columns.insert(name.clone(), known);
    }
    relation.columns.push(column(name, native, &type_name, modifier, is_nullable, comparison));
    Ok(())
}

fn column(
    name: String,
    native: String,
    type_name: &TypeName,
    modifier: i32,
    is_nullable: bool,
    comparison: TextComparison,
) -> ColumnDescription {
    let field = kind_of(type_name, modifier).map(|kind| {
        let field = Field::new(&name, kind.arrow(), is_nullable);
        with_types(field, ADAPTER_TYPE, &native, logical_of(type_name, &kind))
    });
    ColumnDescription { name, native_type: native, field, comparison }
}

struct Collation {
    name: Option<String>,
    is_deterministic: bool,
    locale: Option<String>,
}

impl Collation {
    fn read(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            name: row.try_get("collname")?,
            is_deterministic: row.try_get::<_, Option<bool>>("collisdeterministic")?.unwrap_or(true),
            locale: row.try_get("locale")?,
        })
    }
}

/// How the engine compares values that travel as text. `is_column` is false for an expression, whose collation is unknown.
fn comparison(type_name: &TypeName, collation: &Collation, is_column: bool) -> TextComparison {
    let loose = |collation: &str| TextComparison::Loose { collation: collation.to_owned() };
    match (type_name.name.as_str(), type_name.oid) {
        ("citext", _) => return loose("citext"),
        // Trailing blanks do not count.
        (_, 1042) => return loose("blank-padded"),
        // Equal documents, addresses and times can be written in several ways, or have no `=` at all.
        (name @ ("json" | "jsonb" | "xml" | "inet" | "cidr" | "timetz"), _) => return loose(name),
        ("bit" | "varbit", _) => return TextComparison::BinaryEquality,
        _ => {}
    }
    // The server compares its own values, not their texts.
    if kind_of(type_name, -1) == Ok(Kind::AsText) {
        return loose(&type_name.name);
    }
    // Labels of an enumeration stand in its own order.
    if type_name.is_enum || type_name.element.is_some() {
        return TextComparison::BinaryEquality;
    }
    let is_text = matches!(type_name.oid, 18 | 19 | 25 | 1043);
    if !is_text {
        return TextComparison::Binary;
    }
    if !is_column {
        return TextComparison::BinaryEquality;
    }
    let name = collation.name.as_deref().unwrap_or_default();
    if !collation.is_deterministic {
        return loose(name);
    }
    match collation.locale.as_deref() {
        Some("C" | "POSIX" | "C.UTF-8" | "C.utf8" | "ucs_basic" | "pg_c_utf8") => TextComparison::Binary,
        // name and "char" have no collation: bytes.
        None if matches!(type_name.oid, 18 | 19) => TextComparison::Binary,
        _ => TextComparison::BinaryEquality,
    }
}

/// See [`dvt_adapter::Adapter::describe_query`]. The driver's answer to PREPARE has types and modifiers; the native texts
/// and the collations of plain table columns come from the catalog. Every column may be NULL: an outer join is enough.
pub(crate) async fn describe_query(pool: &Arc<Pool>, sql: &str) -> Result<Vec<ColumnDescription>, AdapterError> {
    let connection = &pool.connector.settings.connection;
    let lease = pool.take().await?;
    let result = describe_with(&lease, sql, connection).await;
    lease.give_back();
    result
}

pub(crate) async fn describe_with(
    lease: &Lease,
    sql: &str,
    connection: &str,
) -> Result<Vec<ColumnDescription>, AdapterError> {
    let (sql, offset) = single_statement(sql, &POSTGRES, connection)?;
    let statement = lease.client.prepare(sql).await.map_err(|error| {
        let mut error = from_driver(connection, error, Some(sql));
        error.position = error.position.map(|position| position + offset);
        error
    })?;
    let columns = statement.columns();
    let types: Vec<u32> = columns.iter().map(|column| column.type_().oid()).collect();
    let modifiers: Vec<i32> = columns.iter().map(tokio_postgres::Column::type_modifier).collect();
    let tables: Vec<u32> = columns.iter().map(|column| column.table_oid().unwrap_or(0)).collect();
    let attributes: Vec<i16> = columns.iter().map(|column| column.column_id().unwrap_or(0)).collect();
    let rows = query(lease, QUERY_COLUMNS, &[&types, &modifiers, &tables, &attributes], connection).await?;
    let mut described = Vec::with_capacity(columns.len());
    for (found, row) in columns.iter().zip(&rows) {
        let failed = |error| from_driver(connection, error, None);
        let native: String = row.try_get("native").map_err(failed)?;
        let collation = Collation::read(row).map_err(failed)?;
        let type_name = TypeName::of(found.type_());
        let comparison = comparison(&type_name, &collation, collation.name.is_some());
        described.push(column(found.name().to_owned(), native, &type_name, found.type_modifier(), true, comparison));
    }
    Ok(described)
}
