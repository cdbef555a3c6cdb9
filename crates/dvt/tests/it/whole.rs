//! One federated project from nothing: an empty home, `init --sample`, `sync`, `debug`, `build`, with DuckDB, PostgreSQL,
//! Snowflake (its driver, an emulator) and S3 (an emulator) in it.
//!
//! Drivers come from the folder that the other tests use; `DVT_WHOLE_SYNC=fetch` lets `sync` fetch them by this machine's
//! own clients instead.
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

use crate::cloud::{keys, request, send};
use crate::project::{Project, output};

#[test]
fn a_project_over_four_kinds_of_servers_runs_from_an_empty_home() {
    let (Some(postgres), Some(drivers)) = (dvt_test_support::postgres(), dvt_test_support::drivers_with("snowflake"))
    else {
        return;
    };
    let (Some(snow), Some(bucket)) = (dvt_test_support::fakesnow(), dvt_test_support::moto()) else { return };
    assert_eq!(request(bucket.port, "PUT", "/stage").0, 200);
    send(bucket.port, "/stage/raw/visits/day=2024-01-01/a.csv", "customer_id,pages\n1,3\n2,1\n");
    send(bucket.port, "/stage/raw/visits/day=2024-01-02/b.csv", "customer_id,pages\n1,4\n4,2\n");
    postgres.sql(
        "create schema crm; create table crm.accounts (id integer primary key, tier text not null, since timestamptz)",
    );
    postgres.sql(
        "insert into crm.accounts values (1, 'gold', '2020-01-01 12:00+00'), (2, 'tin', null), (4, 'gold', '2021-01-01 12:00+00')",
    );
    let fetches = std::env::var("DVT_WHOLE_SYNC").as_deref() == Ok("fetch");
    let project = match fetches {
        true => Project::new().variable("PATH", &std::env::var("PATH").unwrap()),
        false => Project::new().variable("DVT_DRIVERS_DIR", &drivers.display().to_string()),
    };
    let root = project.root().to_owned();
    let home = root.join("home");
    project.dvt_in(&root, &["init", "--sample", "market"]).exits(0).says("ready");

    let here = root.join("market");
    let write = |path: &str, text: &str| {
        let path = here.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let profiles = home.join(".dvt/profiles.yml");
    let mut text = std::fs::read_to_string(&profiles).unwrap();
    text += &format!(
        "    duck: {{type: duckdb, path: market.duckdb, threads: 2}}
    crm: {}
    snow: {{type: snowflake, account: fakesnow, user: fake, password: hunter2-snow, database: db1, schema: marts, warehouse: w, \
         role: r, protocol: http, host: 127.0.0.1, port: {}, load: insert, connect_timeout: 3, threads: 1}}
    bucket: {{{}}}
",
        output(&postgres, "crm").trim(),
        snow.port,
        keys(bucket.port, ", prefix: raw")
    );
    std::fs::write(&profiles, text).unwrap();
    let buckets = format!(
        "market:\n  target: cloud\n  buckets:\n    cloud: {{{}, staging: always}}\n",
        keys(bucket.port, ", prefix: staging")
    );
    std::fs::write(home.join(".dvt/buckets.yml"), buckets).unwrap();
    write(
        "models/more.yml",
        "sources:
  - {name: crm, connection: crm, schema: crm, tables: [{name: accounts}]}
  - {name: raw, connection: bucket, schema: main, tables: [{name: visits}]}
models:
  - name: profile
    columns: [{name: customer_id, data_tests: [unique, not_null, {relationships: {arguments: {to: ref('customers'), field: id}}}]}]
",
    );
    write(
        "macros/setup.sql",
        "{% macro setup() %}{% do run_query('create database if not exists db1') %}{% endmacro %}",
    );
    // In DuckDB, of the seed in SQLite and files in the bucket; then in Snowflake, in PostgreSQL and in the bucket.
    write(
        "models/visits.sql",
        "{{ config(target='duck') }} select c.id as customer_id, c.country, sum(cast(v.pages as integer)) as pages,
           max(cast(v.day as date)) as last_day from {{ ref('customers') }} as c
         join {{ source('raw', 'visits') }} as v on cast(v.customer_id as integer) = c.id group by c.id, c.country",
    );
    write(
        "models/profile.sql",
        "{{ config(target='snow') }} select v.customer_id, v.country, v.pages, v.last_day, a.tier, a.since
         from {{ ref('visits') }} as v join {{ source('crm', 'accounts') }} as a on a.id = v.customer_id",
    );
    write(
        "models/report.sql",
        "{{ config(target='crm', materialized='incremental', unique_key='customer_id') }}
         select p.\"CUSTOMER_ID\" as customer_id, p.\"TIER\" as tier, p.\"PAGES\" as pages, o.amount
         from {{ ref('profile') }} as p join {{ ref('orders_by_country') }} as o on o.country = p.\"COUNTRY\"",
    );
    write("models/archive.sql", "{{ config(target='bucket', format='parquet') }} select * from {{ ref('profile') }}");
    write(
        "models/back.sql",
        "{{ config(target='duck') }} select r.customer_id, a.\"LAST_DAY\" as last_day, r.amount
         from {{ ref('archive') }} as a join {{ ref('report') }} as r on r.customer_id = a.\"CUSTOMER_ID\"",
    );

    let run = |words: &str| {
        let words: Vec<&str> = words.split_whitespace().collect();
        project.dvt_in(&here, &words).never_says("hunter2").never_says("s3cr3t")
    };
    run("sync").exits(0).says("Everything that the project needs is there");
    run("run-operation setup --target snow").exits(0);
    run("debug").exits(0);
    for _ in 0..2 {
        run("build").exits(0).says("Completed successfully");
    }
    let results: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(here.join("target/run_results.json")).unwrap()).unwrap();
    let route = |model: &str| {
        let id = format!("model.market.{model}");
        let result = results["results"].as_array().unwrap().iter().find(|result| result["unique_id"] == id).unwrap();
        result["adapter_response"]["route"].as_str().unwrap_or("pushdown").to_owned()
    };
    let routes = ["visits", "profile", "report", "archive", "back", "orders_by_country"].map(route);
    assert_eq!(routes, ["federate", "federate", "federate", "transfer", "federate", "federate"]);
    let shown = run("show --select back --output json --limit 10").exits(0);
    let shown: serde_json::Value = serde_json::from_str(shown.stdout.trim()).unwrap();
    let mut rows: Vec<&serde_json::Value> = shown["show"].as_array().unwrap().iter().collect();
    rows.sort_by_key(|row| row["customer_id"].to_string());
    assert_eq!(rows.len(), 3, "{rows:?}");
    for (row, words) in rows.iter().zip([["2024-01-02", "380.4"], ["2024-01-01", "75"], ["2024-01-02", "12.25"]]) {
        assert!(words.iter().all(|word| row.to_string().contains(word)), "{row} {words:?}");
    }
    let listed = request(bucket.port, "GET", "/stage?list-type=2").1;
    assert!(listed.contains("raw/archive/part-") && !listed.contains("dvt_landing"), "{listed}");
    assert_eq!(
        crate::project::postgres_rows(
            &postgres,
            "select customer_id::int as customer_id, tier, pages::int as pages from crm.report"
        ),
        [
            r#"{"tier": "gold", "pages": 2, "customer_id": 4}"#,
            r#"{"tier": "gold", "pages": 7, "customer_id": 1}"#,
            r#"{"tier": "tin", "pages": 1, "customer_id": 2}"#
        ]
    );
}
