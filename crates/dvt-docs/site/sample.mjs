// Projects for the page's test: a small shop over two databases, and one of any size.

const EVIL = [
  "Orders, one row each. See [the contract](https://example.com/orders) and [this](javascript:window.hacked=1).",
  "",
  "<script>window.hacked = 1</script><img src=x onerror=\"window.hacked = 2\"><svg onload=\"window.hacked = 3\">",
  "",
  "![x](data:text/html,<script>window.hacked=4</script>)",
  "",
  "| status | meaning |",
  "|--------|---------|",
  "| placed | not paid |",
  "",
  "- one **bold** word",
  "- and `code` with <b>no</b> markup",
].join("\n");

function node(type, name, more = {}) {
  const id = more.id || `${type}.shop.${name}`;
  return [
    id,
    {
      unique_id: id, resource_type: type, name, alias: name, package_name: "shop", original_file_path: `${type}s/${name}.sql`, description: "",
      database: "shop", schema: "main", relation_name: `"shop"."main"."${name}"`, columns: {}, tags: [], depends_on: { nodes: [], macros: [] },
      config: { materialized: type === "model" ? "table" : type, enabled: true, ...(more.config || {}) }, connection: "shop", ...more,
    },
  ];
}

function column(name, description = "", data_type = null) {
  return { [name]: { name, description, data_type, tags: [], meta: {} } };
}

function test(name, model, column_name, about, more = {}) {
  return node("test", name, {
    id: `test.shop.${name}.1`, attached_node: `model.shop.${model}`, column_name, depends_on: { nodes: [`model.shop.${model}`, ...(more.also || [])], macros: [] },
    test_metadata: about, config: { severity: "ERROR" }, relation_name: null,
  });
}

export function shop() {
  const nodes = Object.fromEntries([
    node("model", "stg_orders", { original_file_path: "models/staging/stg_orders.sql", config: { materialized: "view" }, depends_on: { nodes: ["seed.shop.raw_orders"] } }),
    node("model", "stg_payments", { connection: "crm", database: "crm", depends_on: { nodes: ["source.shop.crm.payments"] }, columns: column("amount", "What was paid"), config: { materialized: "view" }, tags: ["daily"] }),
    node("model", "orders", {
      original_file_path: "models/marts/orders.sql", description: EVIL, group: "finance", access: "public", tags: ["daily", "pii"],
      columns: { ...column("id", "The order's **number**"), ...column("customer_id"), ...column("amount", "In euros") },
      depends_on: { nodes: ["model.shop.stg_orders", "model.shop.stg_payments"], macros: ["macro.shop.cents"] },
      raw_code: "-- one row per order\nselect id, sum(amount) as amount\nfrom {{ ref('stg_orders') }}\njoin {{ ref('stg_payments') }} using (id)\nwhere status <> 'void'\ngroup by 1",
      compiled_code: "select id, sum(amount) as amount from main.stg_orders join crm.stg_payments using (id) where status <> 'void' group by 1",
      meta: { owner_team: "Finance" },
    }),
    node("model", "customers", { connection: "crm", database: "crm", depends_on: { nodes: ["source.shop.crm.customers"] } }),
    node("seed", "raw_orders", { original_file_path: "seeds/raw_orders.csv" }),
    test("unique_orders_id", "orders", "id", { name: "unique", kwargs: {} }),
    test("not_null_orders_id", "orders", "id", { name: "not_null", kwargs: {} }),
    test("relationships_orders_customer_id", "orders", "customer_id", { name: "relationships", kwargs: { to: "ref('customers')", field: "id" } }, { also: ["model.shop.customers"] }),
  ]);
  const source = (name) => node("source", name, { id: `source.shop.crm.${name}`, source_name: "crm", identifier: name, connection: "crm", database: "crm", schema: "public", original_file_path: "models/sources.yml", columns: name === "payments" ? column("amount", "", "numeric") : {} });
  const manifest = {
    metadata: { project_name: "shop", generated_at: "2026-11-23T08:00:00Z", adapter_type: "sqlite", dbt_schema_version: "https://schemas.getdbt.com/dbt/manifest/v12.json" },
    nodes,
    sources: Object.fromEntries([source("customers"), source("payments")]),
    exposures: Object.fromEntries([node("exposure", "revenue_board", { label: "daily revenue", type: "dashboard", url: "javascript:alert(1)", owner: { name: "Ada", email: "ada@example.com" }, depends_on: { nodes: ["model.shop.orders"] }, connection: null, relation_name: null, schema: null })]),
    metrics: Object.fromEntries([node("metric", "revenue", { label: "Revenue", type: "simple", type_params: { measure: { name: "amount" } }, depends_on: { nodes: ["model.shop.orders"] }, connection: null, relation_name: null, schema: null })]),
    macros: {
      "macro.shop.cents": { name: "cents", package_name: "shop", original_file_path: "macros/cents.sql", macro_sql: "{% macro cents(x) %}{{ x }} / 100{% endmacro %}", description: "Cents as euros", arguments: [{ name: "x", type: "int", description: "cents" }] },
      "macro.utils.star": { name: "star", package_name: "utils", original_file_path: "macros/star.sql", macro_sql: "{% macro star() %}*{% endmacro %}", description: "" },
      "macro.dbt_sqlite.sqlite__now": { name: "sqlite__now", package_name: "dbt_sqlite", original_file_path: "macros/now.sql", macro_sql: "", description: "" },
      "macro.dbt.run": { name: "run", package_name: "dbt", original_file_path: "macros/run.sql", macro_sql: "", description: "" },
    },
    groups: { "group.shop.finance": { name: "finance", owner: { name: "Finance" } } },
    docs: { "doc.shop.__overview__": { name: "__overview__", package_name: "shop", block_contents: "# The shop\n\nOrders of a *small* shop: what was bought and paid.\n\n1. seeds\n2. models\n   - marts" } },
  };
  const catalog = {
    metadata: {}, sources: {},
    nodes: {
      "model.shop.orders": {
        metadata: { type: "BASE TABLE", owner: "shop_owner" },
        columns: { ID: { name: "ID", type: "BIGINT", index: 1 }, CUSTOMER_ID: { name: "CUSTOMER_ID", type: "BIGINT", index: 2 }, AMOUNT: { name: "AMOUNT", type: "NUMERIC(12,2)", index: 3 }, STATUS: { name: "STATUS", type: "TEXT", index: 4, comment: "from the database" }, NOTE: { name: "NOTE", type: "TEXT", index: 5 } },
        stats: { has_stats: { id: "has_stats", label: "Has Stats?", value: true, include: false }, rows: { id: "row_count", label: "Rows", value: 1234567, include: true }, bytes: { id: "bytes", label: "Size", value: 73400320, include: true } },
      },
    },
  };
  return { manifest, catalog };
}

// Layers of models over sources, each reading a few of the layers before.
export function bigProject(size) {
  let seed = 7;
  const random = (limit) => (seed = (seed * 1103515245 + 12345) % 2147483648) % limit;
  const nodes = {};
  const sources = {};
  const ids = [];
  for (let index = 0; index < size; index += 1) {
    if (index < size / 10) {
      const id = `source.shop.raw.table_${index}`;
      sources[id] = node("source", `table_${index}`, { id, source_name: "raw", connection: `db${index % 4}` })[1];
      ids.push(id);
    } else {
      const parents = new Set();
      for (let count = 1 + random(3); count > 0; count -= 1) parents.add(ids[Math.max(0, index - 1 - random(600))]);
      const [id, model] = node("model", `model_${index}`, { original_file_path: `models/area_${index % 23}/part_${index % 7}/model_${index}.sql`, depends_on: { nodes: [...parents] }, connection: `db${index % 4}`, tags: [`tag_${index % 9}`], description: `Model number ${index}`, columns: { ...column("id"), ...column(`value_${index}`) }, raw_code: `select * from x_${index}` });
      nodes[id] = model;
      ids.push(id);
    }
  }
  return { manifest: { metadata: { project_name: "big" }, nodes, sources, exposures: {}, metrics: {}, macros: {}, groups: {}, docs: {} }, catalog: { nodes: {}, sources: {} } };
}
