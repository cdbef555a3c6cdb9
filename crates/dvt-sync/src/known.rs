//! Packages that dvt knows, pinned by version and hash.
//!
//! Source: the packages' own published archives; hashes as the index tells them, compared with downloads.

/// A dbt adapter: the package whose macro folder dvt reads.
#[derive(Debug)]
pub struct AdapterPackage {
    /// `type` in `profiles.yml`.
    pub adapter_type: &'static str,
    pub package: &'static str,
    /// dbt's name of the macro package in it.
    pub macro_package: &'static str,
    pub version: &'static str,
    pub sha256: &'static str,
    /// The folder of the archive with `dbt_project.yml` and `macros`.
    pub folder: &'static str,
    /// Whether dvt has macros of its own that do without the package.
    pub is_built_in: bool,
}

/// Every adapter package that dvt pins.
pub static ADAPTER_PACKAGES: &[AdapterPackage] = &[
    AdapterPackage {
        adapter_type: "postgres",
        package: "dbt-postgres",
        macro_package: "dbt_postgres",
        version: "1.11.0",
        sha256: "b88f994dc2f00150579d62f8ff91af715428a3cfe064e067945359ca4509872c",
        folder: "dbt/include/postgres",
        is_built_in: true,
    },
    AdapterPackage {
        adapter_type: "duckdb",
        package: "dbt-duckdb",
        macro_package: "dbt_duckdb",
        version: "1.11.1",
        sha256: "81340c41a1bd0f8189109d3a61c394c08a636e482af0124a06765e9a41f44bcd",
        folder: "dbt/include/duckdb",
        is_built_in: true,
    },
    AdapterPackage {
        adapter_type: "snowflake",
        package: "dbt-snowflake",
        macro_package: "dbt_snowflake",
        version: "1.12.4",
        sha256: "2413e6c3959efab6a4871c3edb0d7ad1788e0610bec9d5f426b811e15686342b",
        folder: "dbt/include/snowflake",
        is_built_in: false,
    },
    AdapterPackage {
        adapter_type: "bigquery",
        package: "dbt-bigquery",
        macro_package: "dbt_bigquery",
        version: "1.12.1",
        sha256: "8f7e0eff7f4a5f8a9fea4db4fca65eef885df2f8c75b41699e061ad9b0efd745",
        folder: "dbt/include/bigquery",
        is_built_in: true,
    },
    AdapterPackage {
        adapter_type: "redshift",
        package: "dbt-redshift",
        macro_package: "dbt_redshift",
        version: "1.11.1",
        sha256: "a1066a5818e6004500995790037c23aa740296fc852fb3b6278df1f358581d3b",
        folder: "dbt/include/redshift",
        is_built_in: true,
    },
    AdapterPackage {
        adapter_type: "databricks",
        package: "dbt-databricks",
        macro_package: "dbt_databricks",
        version: "1.12.8",
        sha256: "f78866844ff2f4f419a5e67be3b6c138331d743390ae08fe574aa5836883e61c",
        folder: "dbt/include/databricks",
        is_built_in: true,
    },
    AdapterPackage {
        adapter_type: "spark",
        package: "dbt-spark",
        macro_package: "dbt_spark",
        version: "1.11.0",
        sha256: "00d9c9cd3e13473df05b90740fddd8c3082083c45971aaba2fae7b01ab82f4f5",
        folder: "dbt/include/spark",
        is_built_in: true,
    },
];

/// The adapter package for a type of `profiles.yml`.
#[must_use]
pub fn adapter_package(adapter_type: &str) -> Option<&'static AdapterPackage> {
    ADAPTER_PACKAGES.iter().find(|package| package.adapter_type == adapter_type)
}

/// The package whose source archive holds a Spark distribution, in its folder `deps`.
pub const SPARK_PACKAGE: &str = "pyspark";

/// Spark versions whose source archive dvt has compared.
static SPARK_HASHES: &[(&str, &str)] = &[
    ("4.3.0", "e8c517948eff7088a7aa07449aa8eafa4a15a8d50319de2525a6fd26622476c6"),
    ("4.2.1", "d79b7c8ee41e66a9202fe6f600ca90b931ca571ae9dbdf31c58d2672e5102da0"),
    ("4.2.0", "5ad689d53570ee1674193fd4f9bda065f0db3be9363a27d2a3406cc457b70b61"),
    ("4.1.4", "bcbd5e18690cf79d438e97210ad06fb8d451a251bb77becc2b0418868d2acd73"),
    ("4.1.1", "77f78984aa84fbe865c717dd37b49913b4e5c97d76ef6824f932f1aefa6621ec"),
    ("4.0.5", "a0d44b0e7faf0458ad83b7aa664e7ed8b96beed8a55d66ce3b0dfac2309dfca6"),
    ("4.0.2", "938b4a1883383374d331ebfcb5d92debfa1891cf3d7a6d730520a1a2d23f1a90"),
    ("4.0.1", "9d1f22d994f60369228397e3479003ffe2dd736ba79165003246ff7bd48e2c73"),
    ("4.0.0", "38db1b4f6095a080d7605e578d775528990e66dc326311d93e94a71cfc24e5a5"),
    ("3.5.9", "ea27adc39ddac9413b8951e45aa748cbed6c785971b81386efc41938f6243d93"),
    ("3.5.5", "6effc9ce98edf231f4d683fd14f7270629bf8458c628d6a2620ded4bb34f3cb9"),
];

/// What the source archive of a Spark version hashes to, for the versions that dvt pins.
#[must_use]
pub fn spark_hash(version: &str) -> Option<&'static str> {
    SPARK_HASHES.iter().find(|(known, _)| *known == version).map(|(_, hash)| *hash)
}
