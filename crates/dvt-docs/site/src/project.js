// The manifest and the catalog as one project: what the pages, trees and the graph read.

export const TYPES = {
  model: { label: "Models", one: "model", letter: "M" },
  source: { label: "Sources", one: "source", letter: "S" },
  seed: { label: "Seeds", one: "seed", letter: "D" },
  snapshot: { label: "Snapshots", one: "snapshot", letter: "N" },
  exposure: { label: "Exposures", one: "exposure", letter: "E" },
  metric: { label: "Metrics", one: "metric", letter: "#" },
  semantic_model: { label: "Semantic models", one: "semantic model", letter: "~" },
  saved_query: { label: "Saved queries", one: "saved query", letter: "Q" },
  function: { label: "Functions", one: "function", letter: "ƒ" },
  analysis: { label: "Analyses", one: "analysis", letter: "A" },
  test: { label: "Data tests", one: "data test", letter: "T" },
  unit_test: { label: "Unit tests", one: "unit test", letter: "U" },
  macro: { label: "Macros", one: "macro", letter: "{}" },
  operation: { label: "Operations", one: "operation", letter: "O" },
};

// What has a place in the lineage graph; tests are shown with what they test.
export const GRAPH_TYPES = ["source", "seed", "model", "snapshot", "function", "semantic_model", "metric", "saved_query", "exposure", "analysis"];

const FOLDERS = ["nodes", "sources", "exposures", "metrics", "semantic_models", "saved_queries", "unit_tests", "functions"];

export class Project {
  constructor(manifest, catalog) {
    this.manifest = manifest;
    this.catalog = catalog || { nodes: {}, sources: {} };
    this.name = (manifest.metadata && manifest.metadata.project_name) || "";
    this.resources = new Map();
    for (const folder of FOLDERS) {
      for (const [id, node] of Object.entries(manifest[folder] || {})) this.add(id, node);
    }
    for (const [id, node] of Object.entries(manifest.macros || {})) this.add(id, { ...node, resource_type: "macro" });
    const withNodes = new Set([...this.resources.values()].filter((one) => one.type !== "macro").map((one) => one.package));
    // Macros that came with dvt, not with a package of the user's: an adapter's have its name as their prefix.
    const macros = [...this.resources.values()].filter((one) => one.type === "macro" && !withNodes.has(one.package));
    this.internalPackages = new Set(["dbt", ...macros.filter((one) => one.package.startsWith("dbt_") && one.name.startsWith(`${one.package.slice(4)}__`)).map((one) => one.package)]);
    this.link();
    this.connections = [...new Set([...this.resources.values()].map((one) => one.connection).filter(Boolean))].sort();
  }

  add(id, node) {
    const config = node.config || {};
    const entry = (this.catalog.nodes || {})[id] || (this.catalog.sources || {})[id];
    const type = node.resource_type || id.split(".")[0];
    const described = {
      id,
      node,
      type,
      name: node.name || id,
      label: type === "source" ? `${node.source_name}.${node.name}` : node.version ? `${node.name}.v${node.version}` : node.label && type === "exposure" ? node.label : node.name || id,
      package: node.package_name || "",
      path: node.original_file_path || "",
      description: node.description || "",
      tags: [...new Set([...(node.tags || []), ...(config.tags ? [config.tags].flat() : [])])],
      group: node.group || config.group || null,
      access: node.access || config.access || null,
      materialized: config.materialized || null,
      connection: node.connection || config.connection || null,
      database: node.database || null,
      schema: node.schema || null,
      relation: node.relation_name || null,
      catalog: entry || null,
      enabled: config.enabled !== false,
      parents: [],
      children: [],
      tests: [],
      columnTests: new Map(),
    };
    described.search = `${described.label} ${described.name}`.toLowerCase();
    this.resources.set(id, described);
  }

  link() {
    for (const one of this.resources.values()) {
      const depends = one.node.depends_on || {};
      const wanted = new Set([...(depends.nodes || []), ...(one.type === "macro" ? depends.macros || [] : [])]);
      one.macros = (depends.macros || []).map((id) => this.resources.get(id)).filter(Boolean);
      for (const id of wanted) {
        const parent = this.resources.get(id);
        if (!parent) continue;
        if (one.type === "test" || one.type === "unit_test") continue;
        one.parents.push(parent);
        parent.children.push(one);
      }
    }
    for (const one of this.resources.values()) {
      if (one.type !== "test" && one.type !== "unit_test") continue;
      one.about = ((one.node.depends_on || {}).nodes || []).map((id) => this.resources.get(id)).filter(Boolean);
      const attached = this.resources.get(one.node.attached_node) || one.about[0];
      for (const other of new Set([attached, ...one.about])) if (other) other.tests.push(one);
      const column = one.node.column_name || (((one.node.test_metadata || {}).kwargs || {}).column_name);
      if (attached && column) {
        const key = String(column).replace(/["`]/g, "").toLowerCase();
        if (!attached.columnTests.has(key)) attached.columnTests.set(key, []);
        attached.columnTests.get(key).push(one);
      }
    }
    for (const one of this.resources.values()) one.route = this.route(one);
  }

  // dvt's rule: where a node's inputs live, looked through ephemeral models, says how it runs.
  route(one) {
    if (!["model", "snapshot", "analysis"].includes(one.type) || !one.connection) return null;
    const places = new Set();
    const seen = new Set();
    const look = (node) => {
      for (const parent of node.parents) {
        if (seen.has(parent.id)) continue;
        seen.add(parent.id);
        if (parent.materialized === "ephemeral") look(parent);
        else if (parent.connection) places.add(parent.connection);
      }
    };
    look(one);
    if (places.size > 1) return "federate";
    if (places.size === 1 && !places.has(one.connection)) return "transfer";
    return "pushdown";
  }

  get(id) {
    return this.resources.get(id);
  }

  ofType(...types) {
    return [...this.resources.values()].filter((one) => types.includes(one.type) && one.enabled);
  }

  // Columns as documented and as the database has them, together.
  columns(one) {
    const columns = new Map();
    for (const column of Object.values(one.node.columns || {})) {
      columns.set(column.name.toLowerCase(), { name: column.name, type: column.data_type || "", description: column.description || "", column, index: Infinity });
    }
    for (const [name, found] of Object.entries((one.catalog && one.catalog.columns) || {})) {
      const key = name.toLowerCase();
      const known = columns.get(key) || { name: found.name || name, type: "", description: "", column: {} };
      known.type = found.type || known.type;
      known.description = known.description || found.comment || "";
      known.index = found.index;
      columns.set(key, known);
    }
    const listed = [...columns.values()].sort((left, right) => left.index - right.index || 0);
    for (const column of listed) column.tests = one.columnTests.get(column.name.replace(/["`]/g, "").toLowerCase()) || [];
    return listed;
  }

  // What is upstream and downstream, each as far as asked.
  around(one, up, down) {
    const found = new Map([[one.id, one]]);
    const walk = (next, depth) => {
      let level = [one];
      const seen = new Set([one.id]);
      for (let step = 0; step < depth && level.length; step += 1) {
        const following = [];
        for (const node of level) {
          for (const other of next(node)) {
            if (seen.has(other.id) || !GRAPH_TYPES.includes(other.type)) continue;
            seen.add(other.id);
            found.set(other.id, other);
            following.push(other);
          }
        }
        level = following;
      }
    };
    walk((node) => node.parents, up);
    walk((node) => node.children, down);
    return [...found.values()];
  }

  overview() {
    const docs = Object.values(this.manifest.docs || {}).filter((doc) => doc.name === "__overview__");
    const own = docs.find((doc) => doc.package_name === this.name) || docs.find((doc) => doc.package_name !== "dbt");
    return own ? own.block_contents : null;
  }
}

export function testLabel(one) {
  const about = one.node.test_metadata;
  if (!about) return one.name;
  const name = about.namespace ? `${about.namespace}.${about.name}` : about.name;
  const kwargs = about.kwargs || {};
  if (about.name === "relationships" && kwargs.to) return `${name} → ${String(kwargs.to).replace(/^ref\(['"]|['"]\)$/g, "").replace(/['"]/g, "")}.${kwargs.field || ""}`;
  if (about.name === "accepted_values" && Array.isArray(kwargs.values)) {
    const values = kwargs.values.map(String);
    return `${name}: ${values.slice(0, 6).join(", ")}${values.length > 6 ? ", …" : ""}`;
  }
  return name;
}

export function address(one) {
  return `#!/${one.type}/${encodeURIComponent(one.id)}`;
}
