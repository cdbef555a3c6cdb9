//! What PostgreSQL itself says where the protocol's half of the crate asks.

use crate::database::{Database, Query};
use crate::pool::{Lease, Pool};
use crate::postgres::{append, commit, describe, rows};
use crate::settings::Settings;
use async_trait::async_trait;
use dvt_adapter::{
    AdapterError, AdapterResponse, AppendTarget, BatchStream, ColumnDescription, LoadReport, QueryResult,
};
use dvt_sql::{Dialect, POSTGRES};
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct Postgres;

/// `SET ROLE` as dbt sends it.
pub(crate) fn set_role(settings: &Settings) -> Option<String> {
    settings.role.as_ref().map(|role| format!("set role {role}"))
}

#[async_trait]
impl Database for Postgres {
    fn dialect(&self) -> &'static Dialect {
        &POSTGRES
    }

    fn opening(&self, settings: &Settings) -> Option<String> {
        set_role(settings)
    }

    /// Everything that `DISCARD ALL` does except the driver's prepared statements.
    fn reset(&self) -> Option<&'static str> {
        Some(
            "close all; set session authorization default; reset all; unlisten *; \
             select pg_catalog.pg_advisory_unlock_all(); discard temp; discard sequences",
        )
    }

    fn response(&self, tag: &str) -> AdapterResponse {
        rows::response(tag)
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
        describe::describe_with(lease, sql, connection).await
    }

    async fn append(
        &self,
        lease: &Lease,
        connection: &str,
        target: &AppendTarget,
        rows: BatchStream,
    ) -> Result<LoadReport, AdapterError> {
        append::append(lease, connection, target, rows).await
    }

    async fn transaction_id(&self, lease: &Lease) -> Option<i64> {
        commit::transaction_id(lease).await
    }

    async fn outcome_of(&self, pool: &Arc<Pool>, id: i64, lost: AdapterError) -> Result<Lease, AdapterError> {
        commit::outcome_of(pool, id, lost).await
    }
}
