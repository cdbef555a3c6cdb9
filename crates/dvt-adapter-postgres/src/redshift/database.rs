//! What Redshift says where the protocol's half of the crate asks.

use crate::database::{Database, Query};
use crate::pool::{Lease, Pool};
use crate::redshift::profile::RedshiftSettings;
use crate::redshift::{commit, describe, load, rows};
use crate::session::without_leading_comments;
use crate::settings::Settings;
use async_trait::async_trait;
use dvt_adapter::{
    AdapterError, AdapterResponse, AppendTarget, BatchStream, ColumnDescription, LoadReport, QueryResult, Witness,
};
use dvt_sql::{Dialect, REDSHIFT};
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct Redshift(pub(crate) RedshiftSettings);

#[async_trait]
impl Database for Redshift {
    fn dialect(&self) -> &'static Dialect {
        &REDSHIFT
    }

    fn opening(&self, settings: &Settings) -> Option<String> {
        // Dates are read in the one form that every server writes.
        let mut sql = "set datestyle to 'ISO'".to_owned();
        if let Some(role) = &settings.role {
            sql.push_str(&format!("; set role {role}"));
        }
        if let Some(group) = &self.0.query_group {
            sql.push_str(&format!("; set query_group to {}", REDSHIFT.string_literal(group)));
        }
        Some(sql)
    }

    /// There is no `DISCARD`: temporary tables go with their session.
    fn reset(&self) -> Option<&'static str> {
        None
    }

    fn response(&self, tag: &str) -> AdapterResponse {
        rows::response(tag)
    }

    /// Two drops with `cascade` at once can fail with "table was dropped by a concurrent transaction", whatever they drop.
    fn runs_alone(&self, sql: &str) -> bool {
        let statement = without_leading_comments(sql);
        !self.0.drops_concurrently && statement.get(..5).is_some_and(|word| word.eq_ignore_ascii_case("drop "))
    }

    async fn fetch(&self, query: Query<'_>) -> Result<QueryResult, AdapterError> {
        rows::fetch(query).await
    }

    async fn describe(
        &self,
        lease: &Lease,
        sql: &str,
        connection: &str,
    ) -> Result<Vec<ColumnDescription>, AdapterError> {
        describe::describe_query(lease, sql, connection).await
    }

    async fn append(
        &self,
        lease: &Lease,
        connection: &str,
        target: &AppendTarget,
        rows: BatchStream,
    ) -> Result<LoadReport, AdapterError> {
        load::append(lease, connection, target, rows).await
    }

    async fn let_testify(&self, lease: &Lease, witness: &Witness) -> Result<Option<i64>, AdapterError> {
        commit::let_testify(lease, witness).await
    }

    async fn outcome_by_witness(
        &self,
        pool: &Arc<Pool>,
        process: i64,
        witness: &Witness,
        lost: AdapterError,
    ) -> Result<Lease, AdapterError> {
        commit::outcome_of(pool, process, witness, lost).await
    }
}
