//! The texts that `dvt init` writes.

use std::path::Path;

/// The project's files: relative path and text.
pub(super) fn project_files(name: &str) -> Vec<(&'static str, String)> {
    let project = format!(
        "name: {name}
version: \"1.0.0\"
config-version: 2
profile: {name}

model-paths: [models]
seed-paths: [seeds]
test-paths: [tests]
macro-paths: [macros]
snapshot-paths: [snapshots]
analysis-paths: [analyses]
clean-targets: [target, dbt_packages]

models:
  {name}:
    +materialized: table

seeds:
  {name}:
    customers:
      +target: shop_db         # an output of the profile; without it, the default target
      +column_types:
        id: integer
        name: varchar(100)
        country: varchar(2)
"
    );
    let sources = "version: 2

sources:
  - name: finance
    connection: files          # an output of the profile; without it, the default target
    schema: main
    tables:
      - name: orders           # the folder data/orders, with its CSV files
";
    let model = "-- Joins a seed in a SQLite database with CSV files; lands in the default target.
select
    customers.country,
    count(*) as orders,
    sum(cast(orders.amount as decimal(12, 2))) as amount
from {{ source('finance', 'orders') }} as orders
join {{ ref('customers') }} as customers on customers.id = cast(orders.customer_id as integer)
group by customers.country
";
    let view = "{{ config(materialized='view') }}
-- Reads a model on its own connection: plain dbt.
select country, amount
from {{ ref('orders_by_country') }}
where amount > 100
";
    vec![
        ("dbt_project.yml", project),
        ("models/sources.yml", sources.to_owned()),
        ("models/orders_by_country.sql", model.to_owned()),
        ("models/big_countries.sql", view.to_owned()),
        ("seeds/customers.csv", "id,name,country\n1,Ada,SE\n2,Alan,FR\n3,Grace,SE\n4,Edsger,NL\n".to_owned()),
        (
            "data/orders/orders.csv",
            "order_id,customer_id,amount\n1,1,120.50\n2,1,19.90\n3,2,75.00\n4,3,240.00\n5,4,12.25\n".to_owned(),
        ),
        ("macros/.gitkeep", String::new()),
        ("tests/.gitkeep", String::new()),
        ("snapshots/.gitkeep", String::new()),
        ("analyses/.gitkeep", String::new()),
        (".gitignore", "target/\ndbt_packages/\nlogs/\n.dvt/\n.env\n*.db\n".to_owned()),
    ]
}

/// A project on one connection: relative path and text.
pub(super) fn plain_project_files(name: &str, profile: &str) -> Vec<(&'static str, String)> {
    let project = format!(
        "name: {name}
version: \"1.0.0\"
config-version: 2
profile: {profile}

model-paths: [models]
seed-paths: [seeds]
test-paths: [tests]
macro-paths: [macros]
snapshot-paths: [snapshots]
analysis-paths: [analyses]
clean-targets: [target, dbt_packages]

models:
  {name}:
    +materialized: view
"
    );
    let model = "{{ config(materialized='table') }}
-- A model is a query; dvt makes a table or a view of it.
select 1 as id, 'first' as name
union all
select 2 as id, 'second' as name
";
    let view = "-- ref() names another model, and orders the two.
select * from {{ ref('first_model') }} where id = 1
";
    let properties = "version: 2

models:
  - name: first_model
    description: Two rows to start with
    columns:
      - name: id
        data_tests: [unique, not_null]
";
    vec![
        ("dbt_project.yml", project),
        ("models/example/first_model.sql", model.to_owned()),
        ("models/example/second_model.sql", view.to_owned()),
        ("models/example/models.yml", properties.to_owned()),
        ("seeds/.gitkeep", String::new()),
        ("macros/.gitkeep", String::new()),
        ("tests/.gitkeep", String::new()),
        ("snapshots/.gitkeep", String::new()),
        ("analyses/.gitkeep", String::new()),
        (".gitignore", "target/\ndbt_packages/\nlogs/\n.dvt/\n.env\n".to_owned()),
    ]
}

/// The configuration: file name and text.
pub(super) fn configuration_files(name: &str, root: &Path) -> Vec<(&'static str, String)> {
    // A path in single quotes, with those inside it doubled, is safe YAML whatever it holds.
    let path = |part: &str| format!("'{}'", root.join(part).display().to_string().replace('\'', "''"));
    let profiles = format!(
        "# Every output is a connection; `target` names the default one.
{name}:
  target: lake
  outputs:
    lake:                      # Delta tables in a folder
      type: filesystem
      path: {lake}
      threads: 4
    shop_db:
      type: sqlite
      path: {database}
    files:
      type: filesystem
      path: {data}
      format: csv
    # warehouse:
    #   type: postgres
    #   host: localhost
    #   port: 5432
    #   user: me
    #   password: \"{{{{ env_var('PG_PASSWORD') }}}}\"
    #   dbname: shop
    #   schema: public
    #   threads: 4
",
        lake = path(".dvt/lake"),
        database = path("shop.db"),
        data = path("data"),
    );
    let computes = format!(
        "# Where queries over several connections are joined.
{name}:
  target: local
  computes:
    local:
      type: datafusion
      memory_limit: 2GB
"
    );
    let buckets = format!(
        "# Where extracts are staged.
{name}:
  target: local
  buckets:
    local:
      type: filesystem
      path: {}
      staging: auto            # auto, always or never
",
        path(".dvt/staging")
    );
    vec![("profiles.yml", profiles), ("computes.yml", computes), ("buckets.yml", buckets)]
}
