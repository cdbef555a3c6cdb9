//! Turns a folder into a manifest: reads YAML, SQL, seeds and packages, parses each file once.
//!
//! In: [`ProjectSettings`] (the command line, a copy of the environment, the home directory) and what the adapters tell
//! ([`AdapterSupport`]). Out: [`ConfigFiles`] (the four configuration files), then a [`Project`] with its manifest; or all
//! that is wrong, as diagnostics that point into the user's files. No database is asked and no variable of the process's
//! environment is read.

mod buckets;
mod cache;
mod check;
mod computes;
mod dbt_words;
mod files;
mod load;
mod parse;
mod profile;
mod project;
mod project_file;
mod render;
mod settings;
mod wording;
mod written_config;
mod yaml;

pub use buckets::{Bucket, BucketKind, Buckets, CloudBucket, Staging};
pub use computes::{AUTO, Compute, ComputeKind, Computes, DatafusionSettings, JdbcExtraction, JdbcLoad, SparkSettings};
pub use load::{
    PackageEntry, PackageList, PackageLock, load_buckets, load_computes, load_config, load_package_list,
    load_package_lock, load_package_name, load_profile, load_project_file, malformed_packages, parse_mapping,
    parse_vars,
};
pub use parse::load_project;
pub use profile::{ConnectionSettings, Output, Profile};
pub use project::{AdapterSupport, ConfigFiles, ConnectionFacts, Package, Project, ReadingFigures};
pub use project_file::{DispatchEntry, ProjectFile, QueryComment, RequiredAdapter};
pub use settings::{ParseCache, ProjectSettings};
pub use written_config::written_config;
