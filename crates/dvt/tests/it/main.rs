//! End to end: a project in, a command, then exit code, screen, artifacts and rows.
//!
//! Each test writes a dbt project into a folder of its own and runs the real binary there, with an empty home and no
//! variables of the caller's.

mod artifacts;
mod bad_input;
mod beside;
mod bigquery;
mod cli;
mod cloud;
mod cloud_lake;
mod configuration;
mod cross_database;
mod databricks;
mod debugging;
mod differential;
mod duckdb;
mod duckdb_functions;
mod elsewhere;
mod faults;
mod freshness;
mod incremental;
mod loading;
mod microbatch;
mod oracles;
mod other_projects;
mod packages;
mod pair;
mod parse_cache;
mod pitfalls;
mod pitfalls_loading;
mod pitfalls_values;
mod plan;
mod project;
mod pushdown;
mod random;
mod redshift;
mod routes;
mod runs;
mod said;
mod screens;
mod seeds;
mod selecting;
mod servers;
mod snowflake;
mod spark;
mod spark_cluster;
mod spark_connection;
mod spark_jdbc;
mod spark_kills;
mod staging;
mod syncing;
mod tpch;
mod type_matrix;
mod types;
mod unit_testing;
mod whole;
