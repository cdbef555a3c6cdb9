// The pages: one resource, the whole project, the lineage.

import { h, replace } from "./dom.js";
import { markdown, plainText, safeAddress } from "./markdown.js";
import { highlighted } from "./highlight.js";
import { TYPES, GRAPH_TYPES, testLabel, address } from "./project.js";
import { COLORINGS, Graph } from "./graph.js";

export function badge(one) {
  return h("span", { class: `badge type-${one.type}`, title: TYPES[one.type].one }, TYPES[one.type].letter);
}

function resourceLink(one, text) {
  return h("a", { class: "resource", href: address(one) }, badge(one), h("span", {}, text || one.label));
}

function section(title, count, ...content) {
  return h("section", { class: "block" }, h("h2", {}, title, count === null || count === undefined ? null : h("span", { class: "count" }, count)), content);
}

function chip(name, value, kind = "") {
  return value ? h("span", { class: `chip ${kind}` }, h("span", { class: "chip-name" }, name), value) : null;
}

// One resource.
export function resourcePage(project, one) {
  const page = h("article", { class: "page" });
  const { node } = one;
  const names = h("div", { class: "crumbs" }, [one.package, ...one.path.split("/")].filter(Boolean).map((part, index, all) => [index ? h("span", { class: "slash" }, "/") : null, h("span", { class: index === all.length - 1 ? "last" : null }, part)]));
  page.append(h("header", { class: "title" }, names, h("h1", {}, badge(one), one.label, h("span", { class: "kind" }, TYPES[one.type].one))));
  page.append(
    h(
      "div",
      { class: "chips" },
      chip("connection", one.connection, "connection"),
      chip("route", one.route, `route-${one.route}`),
      chip("materialized", ["model", "snapshot", "seed"].includes(one.type) ? one.materialized : null),
      chip("access", one.type === "model" ? one.access : null),
      chip("group", one.group),
      chip("version", node.version ? `${node.version}${String(node.latest_version) === String(node.version) ? " (latest)" : ""}` : null),
      chip("contract", node.config && node.config.contract && node.config.contract.enforced ? "enforced" : null),
      chip("language", node.language && node.language !== "sql" ? node.language : null),
      one.tags.map((tag) => chip("tag", tag)),
    ),
  );
  const facts = factsOf(one);
  if (facts.length) page.append(h("dl", { class: "facts" }, facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))));
  page.append(section("Description", null, one.description.trim() ? markdown(one.description) : h("p", { class: "empty" }, `This ${TYPES[one.type].one} has no description.`)));
  if (one.type === "macro") macroParts(page, one);
  if (one.type === "metric") page.append(section("Definition", null, definition(node.type_params, { type: node.type, filter: node.filter })));
  if (one.type === "semantic_model") semanticParts(page, node);
  if (one.type === "saved_query") page.append(section("Query", null, definition(node.query_params, {})));
  if (one.type === "test" || one.type === "unit_test") page.append(testParts(one));
  const columns = project.columns(one);
  if (columns.length) page.append(section("Columns", columns.length, columnTable(columns)));
  const relationTests = one.tests.filter((test) => !columns.some((column) => column.tests.includes(test)));
  if (relationTests.length) page.append(section("Tests", relationTests.length, h("ul", { class: "links" }, relationTests.map((test) => h("li", {}, resourceLink(test, testLabel(test)), test.type === "unit_test" ? h("span", { class: "note" }, "unit test") : null)))));
  if (GRAPH_TYPES.includes(one.type) && (one.parents.length || one.children.length)) page.append(section("Lineage", null, lineagePanel(project, one)));
  if (one.parents.length) page.append(section("Depends on", one.parents.length, related(one.parents)));
  if (one.children.length) page.append(section("Referenced by", one.children.length, related(one.children)));
  const code = codeOf(one);
  if (code.length) page.append(section("Code", null, codeTabs(code, node.language)));
  return page;
}

function factsOf(one) {
  const { node } = one;
  const found = [];
  const metadata = (one.catalog && one.catalog.metadata) || {};
  const stored = ["model", "source", "seed", "snapshot", "function"].includes(one.type) && one.materialized !== "ephemeral";
  if (stored && (one.relation || one.schema)) found.push(["Relation", h("code", {}, one.relation || [one.database, one.schema, node.alias || node.identifier || one.name].filter(Boolean).join("."))]);
  if (metadata.type) found.push(["Kind", metadata.type.toLowerCase()]);
  const owner = node.owner && (node.owner.name || node.owner.email);
  if (owner || metadata.owner) found.push(["Owner", owner ? [owner, node.owner.email && node.owner.name ? ` <${node.owner.email}>` : ""].join("") : metadata.owner]);
  if (one.type === "source") {
    if (node.loader) found.push(["Loader", node.loader]);
    if (node.loaded_at_field) found.push(["Loaded at", h("code", {}, node.loaded_at_field)]);
    const freshness = node.freshness || {};
    const limit = (rule) => rule && rule.count && `${rule.count} ${rule.period}${rule.count === 1 ? "" : "s"}`;
    if (limit(freshness.warn_after)) found.push(["Warn after", limit(freshness.warn_after)]);
    if (limit(freshness.error_after)) found.push(["Error after", limit(freshness.error_after)]);
  }
  if (one.type === "exposure") {
    found.push(["Exposure type", node.type]);
    if (node.maturity) found.push(["Maturity", node.maturity]);
    const safe = node.url && safeAddress(node.url);
    if (safe) found.push(["URL", h("a", { href: safe, target: "_blank", rel: "noopener noreferrer" }, node.url)]);
  }
  if (one.type === "snapshot" && node.config) {
    found.push(["Strategy", node.config.strategy]);
    if (node.config.unique_key) found.push(["Unique key", h("code", {}, [node.config.unique_key].flat().join(", "))]);
  }
  for (const stat of Object.values((one.catalog && one.catalog.stats) || {})) {
    if (stat.include && stat.id !== "has_stats") found.push([stat.label, readable(stat)]);
  }
  if (node.deprecation_date) found.push(["Deprecated from", node.deprecation_date]);
  for (const [name, value] of Object.entries(node.meta || (node.config && node.config.meta) || {})) {
    found.push([name, typeof value === "object" ? h("code", {}, JSON.stringify(value)) : String(value)]);
  }
  return found.filter(([, value]) => value !== null && value !== undefined && value !== "");
}

function readable(stat) {
  const number = Number(stat.value);
  if (stat.value === null || stat.value === "" || Number.isNaN(number)) return String(stat.value ?? "");
  if (/bytes|size/i.test(stat.id + stat.label) && number >= 1024) {
    const power = Math.min(5, Math.floor(Math.log2(number) / 10));
    return `${(number / 1024 ** power).toFixed(1)} ${["B", "KiB", "MiB", "GiB", "TiB", "PiB"][power]}`;
  }
  return number.toLocaleString("en");
}

function columnTable(columns) {
  const body = h("tbody");
  const row = ({ name, type, description, tests, column }) =>
    h(
      "tr",
      {},
      h("td", { class: "column-name" }, h("code", {}, name), (column.constraints || []).map((constraint) => h("span", { class: "mini" }, constraint.type.replace("_", " "))), (column.tags || []).map((tag) => h("span", { class: "mini" }, tag))),
      h("td", { class: "column-type" }, type.toLowerCase()),
      h("td", {}, description.trim() ? markdown(description) : null),
      h("td", {}, tests.map((test) => h("a", { class: "mini test", href: address(test), title: test.label }, testLabel(test)))),
    );
  const fill = (word) => replace(body, columns.filter((column) => column.name.toLowerCase().includes(word) || column.description.toLowerCase().includes(word)).map(row));
  fill("");
  const filter = columns.length > 15 ? h("input", { class: "filter", type: "search", placeholder: "Filter columns", "aria-label": "Filter columns", oninput: (event) => fill(event.target.value.toLowerCase()) }) : null;
  return [filter, h("div", { class: "scroll" }, h("table", { class: "columns" }, h("thead", {}, h("tr", {}, ["Column", "Type", "Description", "Tests"].map((name) => h("th", {}, name)))), body))];
}

function related(resources) {
  const types = Object.keys(TYPES).filter((type) => resources.some((one) => one.type === type));
  return h("div", { class: "related" }, types.map((type) => {
    const members = resources.filter((one) => one.type === type).sort((left, right) => left.label.localeCompare(right.label));
    const list = (shown) => shown.map((one) => h("li", {}, resourceLink(one), one.connection ? h("span", { class: "note" }, one.connection) : null));
    const items = h("ul", { class: "links" }, list(members.slice(0, 40)));
    const rest = members.length > 40 ? h("button", { onclick: (event) => { items.append(...list(members.slice(40))); event.target.remove(); } }, `Show ${members.length - 40} more`) : null;
    return h("div", {}, h("h3", {}, TYPES[type].label, h("span", { class: "count" }, members.length)), items, rest);
  }));
}

function codeOf(one) {
  const { node } = one;
  return [
    ["Source", node.raw_code || node.macro_sql],
    ["Compiled", node.compiled_code && node.compiled_code !== node.raw_code ? node.compiled_code : null],
  ].filter(([, text]) => text && String(text).trim());
}

function codeTabs(code, language) {
  const body = h("div");
  let shown = code[0][1];
  const tabs = code.map(([name, text], index) =>
    h("button", { class: index === 0 ? "tab on" : "tab", onclick: (event) => {
      shown = text;
      for (const tab of tabs) tab.classList.toggle("on", tab === event.currentTarget);
      replace(body, highlighted(text.trim(), language));
    } }, name),
  );
  const copy = h("button", { class: "copy", onclick: async () => {
    try {
      await navigator.clipboard.writeText(shown);
      copy.textContent = "Copied";
    } catch {
      copy.textContent = "Select the text and copy it";
    }
    setTimeout(() => (copy.textContent = "Copy"), 1600);
  } }, "Copy");
  body.append(highlighted(shown.trim(), language));
  return h("div", { class: "code-box" }, h("div", { class: "tabs" }, tabs, copy), body);
}

function macroParts(page, one) {
  const known = one.node.arguments || [];
  if (known.length) {
    page.append(section("Arguments", known.length, h("table", { class: "columns" }, h("thead", {}, h("tr", {}, ["Name", "Type", "Description"].map((name) => h("th", {}, name)))), h("tbody", {}, known.map((argument) => h("tr", {}, h("td", {}, h("code", {}, argument.name)), h("td", { class: "column-type" }, argument.type || ""), h("td", {}, markdown(argument.description || ""))))))));
  }
}

function semanticParts(page, node) {
  for (const [title, items] of [["Entities", node.entities], ["Dimensions", node.dimensions], ["Measures", node.measures]]) {
    if (!(items || []).length) continue;
    page.append(section(title, items.length, h("table", { class: "columns" }, h("tbody", {}, items.map((item) => h("tr", {}, h("td", {}, h("code", {}, item.name)), h("td", { class: "column-type" }, item.type || item.agg || ""), h("td", {}, item.expr ? h("code", {}, item.expr) : null), h("td", {}, plainText(item.description))))))));
  }
}

function definition(values, more) {
  const entries = Object.entries({ ...more, ...(values || {}) }).filter(([, value]) => value !== null && value !== undefined && value !== "" && !(Array.isArray(value) && !value.length));
  return h("dl", { class: "facts" }, entries.map(([name, value]) => h("div", {}, h("dt", {}, name.replaceAll("_", " ")), h("dd", {}, typeof value === "object" ? h("code", {}, JSON.stringify(value)) : String(value)))));
}

function testParts(one) {
  const config = one.node.config || {};
  const about = [["Severity", config.severity], ["Where", config.where], ["Column", one.node.column_name], ["Overrides", one.node.overrides && JSON.stringify(one.node.overrides)]].filter(([, value]) => value);
  return section("Tests", null, h("ul", { class: "links" }, (one.about || []).map((other) => h("li", {}, resourceLink(other)))), about.length ? h("dl", { class: "facts" }, about.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, String(value))))) : null);
}

// The neighbourhood of one resource, with how far to look.
function lineagePanel(project, one) {
  const graph = new Graph({ onopen: (other) => (location.hash = address(other)) });
  graph.element.classList.add("small");
  const reach = { up: 2, down: 2 };
  const note = h("span", { class: "note" });
  const show = () => {
    const found = project.around(one, reach.up, reach.down);
    graph.show(project, found, one);
    note.textContent = `${found.length} ${found.length === 1 ? "resource" : "resources"}`;
  };
  const step = (name, key) => {
    const value = h("output", {}, String(reach[key]));
    const change = (by) => {
      reach[key] = Math.max(0, Math.min(99, reach[key] + by));
      value.textContent = reach[key] === 99 ? "all" : String(reach[key]);
      show();
    };
    return h("span", { class: "stepper" }, name, h("button", { title: `Less ${name}`, onclick: () => change(reach[key] === 99 ? -97 : -1) }, "−"), value, h("button", { title: `More ${name}`, onclick: () => change(1) }, "+"), h("button", { onclick: () => change(99) }, "all"));
  };
  queueMicrotask(show);
  return h("div", { class: "lineage-panel" }, h("div", { class: "tabs" }, step("upstream", "up"), step("downstream", "down"), columnSwitch(graph), note, h("a", { class: "button", href: `#!/graph/${encodeURIComponent(one.id)}` }, "Whole lineage")), graph.element);
}

function columnSwitch(graph, after = () => {}) {
  return h("label", { class: "switch" }, h("input", { type: "checkbox", onchange: (event) => {
    graph.showsColumns = event.target.checked;
    graph.show(graph.project, graph.resources, graph.focus);
    after();
  } }), "Columns");
}

// The whole lineage, or all around one resource, with filters.
export function graphPage(project, focus) {
  const types = new Set(GRAPH_TYPES.filter((type) => type !== "analysis"));
  const filters = { text: "", connection: "", package: "", tag: "" };
  const legend = h("div", { class: "legend" });
  const card = h("aside", { class: "card", hidden: true });
  const note = h("span", { class: "note" });
  const graph = new Graph({ onopen: (one) => (location.hash = address(one)), onchoose: (one) => showCard(one) });
  const showCard = (one) => {
    card.hidden = !one;
    if (!one) return;
    const columns = project.columns(one);
    replace(
      card,
      h("button", { class: "close", title: "Close", onclick: () => graph.choose(null) }, "×"),
      h("h2", {}, badge(one), h("a", { href: address(one) }, one.label)),
      h("p", { class: "chips" }, chip("connection", one.connection, "connection"), chip("route", one.route, `route-${one.route}`), chip("materialized", one.materialized), chip("package", one.package)),
      one.relation ? h("p", {}, h("code", {}, one.relation)) : null,
      one.description ? h("p", {}, plainText(one.description).slice(0, 400)) : h("p", { class: "empty" }, "No description."),
      columns.length ? h("table", { class: "columns" }, h("tbody", {}, columns.slice(0, 60).map((column) => h("tr", {}, h("td", {}, h("code", {}, column.name)), h("td", { class: "column-type" }, column.type.toLowerCase()), h("td", {}, column.tests.length ? `${column.tests.length} ✓` : ""))))) : null,
      h("p", {}, h("a", { class: "button", href: address(one) }, "Open"), " ", h("a", { class: "button", href: `#!/graph/${encodeURIComponent(one.id)}` }, "Only its lineage")),
    );
  };
  const showLegend = () => {
    const entries = graph.legend();
    replace(legend, entries.slice(0, 14).map(({ value, color, count }) => h("span", {}, h("i", { style: `background:${color}` }), value, h("span", { class: "count" }, count))), entries.length > 14 ? h("span", {}, `and ${entries.length - 14} more`) : null, graph.edges.some((edge) => edge.crosses) ? h("span", {}, h("i", { class: "dash" }), "between connections") : null);
  };
  const all = focus ? project.around(focus, 999, 999) : project.ofType(...GRAPH_TYPES);
  const show = () => {
    const words = filters.text.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = all.filter(
      (one) =>
        types.has(one.type) &&
        (!filters.connection || one.connection === filters.connection) &&
        (!filters.package || one.package === filters.package) &&
        (!filters.tag || one.tags.includes(filters.tag)) &&
        words.every((word) => one.search.includes(word) || one.tags.some((tag) => tag.toLowerCase() === word)),
    );
    if (focus && !chosen.includes(focus)) chosen.push(focus);
    graph.show(project, chosen, focus);
    note.textContent = `${chosen.length} of ${all.length}`;
    showLegend();
  };
  let waiting = null;
  const later = () => {
    clearTimeout(waiting);
    waiting = setTimeout(show, 180);
  };
  const choice = (label, key, values) =>
    values.length > 1 ? h("select", { "aria-label": label, onchange: (event) => { filters[key] = event.target.value; show(); } }, h("option", { value: "" }, label), values.map((value) => h("option", { value }, value))) : null;
  const present = GRAPH_TYPES.filter((type) => all.some((one) => one.type === type));
  const coloring = h("select", { "aria-label": "Colour by", onchange: (event) => { graph.recolor(event.target.value); showLegend(); } }, Object.entries(COLORINGS).map(([key, [name]]) => h("option", { value: key }, `Colour: ${name.toLowerCase()}`)));
  queueMicrotask(show);
  const page = h(
    "article",
    { class: "page graph-page" },
    h(
      "div",
      { class: "tools" },
      h("strong", {}, focus ? ["Lineage of ", resourceLink(focus)] : "Lineage"),
      h("input", { type: "search", placeholder: "Filter by name or tag", "aria-label": "Filter by name or tag", oninput: (event) => { filters.text = event.target.value; later(); } }),
      choice("All connections", "connection", project.connections),
      choice("All packages", "package", [...new Set(all.map((one) => one.package))].sort()),
      choice("All tags", "tag", [...new Set(all.flatMap((one) => one.tags))].sort()),
      coloring,
      columnSwitch(graph, showLegend),
      h("span", { class: "types" }, present.map((type) => h("button", { class: types.has(type) ? "type on" : "type", title: TYPES[type].label, onclick: (event) => { if (!types.delete(type)) types.add(type); event.currentTarget.classList.toggle("on", types.has(type)); show(); } }, h("span", { class: `badge type-${type}` }, TYPES[type].letter), TYPES[type].label))),
      h("button", { title: "Zoom in (+)", onclick: () => graph.zoom(1.25) }, "+"),
      h("button", { title: "Zoom out (−)", onclick: () => graph.zoom(0.8) }, "−"),
      h("button", { title: "Show all (0)", onclick: () => { const kept = graph.focus; graph.focus = null; graph.fit(); graph.focus = kept; } }, "Fit"),
      note,
    ),
    h("div", { class: "graph-area" }, graph.element, card),
    legend,
  );
  page.graph = graph;
  return page;
}

// The front page.
export function overviewPage(project) {
  const { metadata } = project.manifest;
  const counts = Object.keys(TYPES)
    .filter((type) => !["macro", "operation"].includes(type))
    .map((type) => [type, project.ofType(type).length])
    .filter(([, count]) => count);
  const text = project.overview();
  const documented = project.ofType("model", "source", "seed", "snapshot");
  const described = documented.filter((one) => one.description.trim()).length;
  const tested = documented.filter((one) => one.tests.length).length;
  const share = (part) => (documented.length ? `${Math.round((100 * part) / documented.length)} %` : "–");
  const entries = [...project.ofType("exposure"), ...project.ofType("metric"), ...project.ofType("saved_query")].sort((left, right) => left.label.localeCompare(right.label));
  const connections = project.connections.map((name) => [name, documented.filter((one) => one.connection === name).length]);
  return h(
    "article",
    { class: "page" },
    h("header", { class: "title" }, h("h1", {}, project.name || "Project", h("span", { class: "kind" }, "documentation"))),
    h("div", { class: "tiles" }, counts.map(([type, count]) => h("div", { class: "tile" }, h("span", { class: `badge type-${type}` }, TYPES[type].letter), h("strong", {}, count.toLocaleString("en")), h("span", {}, count === 1 ? TYPES[type].one : TYPES[type].label.toLowerCase()))), h("div", { class: "tile" }, h("strong", {}, share(described)), h("span", {}, "described")), h("div", { class: "tile" }, h("strong", {}, share(tested)), h("span", {}, "tested"))),
    text ? section("About", null, markdown(text)) : section("About", null, h("p", { class: "empty" }, "Write a docs block named __overview__ to say here what this project is about.")),
    connections.length > 1 ? section("Connections", connections.length, h("ul", { class: "links" }, connections.map(([name, count]) => h("li", {}, h("span", { class: "chip connection" }, name), h("span", { class: "note" }, `${count} relations`))))) : null,
    entries.length ? section("Exposures and metrics", entries.length, related(entries)) : null,
    h("p", { class: "foot" }, `Generated ${metadata && metadata.generated_at ? metadata.generated_at.replace("T", " ").slice(0, 16) : ""} UTC${metadata && metadata.dvt_version ? ` by dvt ${metadata.dvt_version}` : ""}`),
  );
}
