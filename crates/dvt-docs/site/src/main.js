// Reads the artifacts, then shows what the address asks for. Addresses are those of dbt's own documentation site.

import { h, replace, remember, remembered } from "./dom.js";
import { plainText } from "./markdown.js";
import { Project, TYPES, address } from "./project.js";
import { Search } from "./search.js";
import { TREES, Tree } from "./tree.js";
import { badge, graphPage, overviewPage, resourcePage } from "./pages.js";

const app = document.getElementById("app");

function embedded(id) {
  const value = JSON.parse(document.getElementById(id).textContent);
  return typeof value === "string" ? null : value;
}

async function fetched(name) {
  const response = await fetch(name, { cache: "no-cache" });
  if (!response.ok) throw new Error(`${name}: ${response.status} ${response.statusText}`);
  return response.json();
}

async function start() {
  setTheme(remembered("theme") || "auto");
  let manifest = embedded("manifest");
  let catalog = embedded("catalog");
  if (!manifest) {
    if (location.protocol === "file:") return askForFiles();
    try {
      manifest = await fetched("manifest.json");
    } catch (error) {
      return fail("There is no manifest.json beside this page.", error);
    }
    // Without a catalog there are no column types and sizes; all else works.
    catalog = await fetched("catalog.json").catch(() => null);
  }
  show(manifest, catalog);
}

function fail(message, error) {
  replace(app, h("div", { class: "notice" }, h("h1", {}, message), h("p", {}, "Run ", h("code", {}, "dvt docs generate"), ", then ", h("code", {}, "dvt docs serve"), "."), h("p", { class: "note" }, String(error.message || error))));
}

// A page that was opened as a file may not read the files beside it, but it may be given them.
function askForFiles() {
  const input = h("input", { type: "file", multiple: true, accept: ".json,application/json", onchange: async () => {
    const found = {};
    for (const file of input.files) {
      try {
        const value = JSON.parse(await file.text());
        const schema = String((value.metadata || {}).dbt_schema_version || file.name);
        if (schema.includes("manifest")) found.manifest = value;
        else if (schema.includes("catalog")) found.catalog = value;
      } catch (error) {
        return fail(`${file.name} is no JSON.`, error);
      }
    }
    if (found.manifest) show(found.manifest, found.catalog || null);
  } });
  replace(app, h("div", { class: "notice" }, h("h1", {}, "Choose manifest.json and catalog.json"), h("p", {}, "A page that is opened as a file may not read the files beside it. Choose both here, run ", h("code", {}, "dvt docs serve"), ", or open ", h("code", {}, "static_index.html"), ", which ", h("code", {}, "dvt docs generate --static"), " writes."), input));
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  remember("theme", theme);
}

function show(manifest, catalog) {
  const project = new Project(manifest, catalog);
  const search = new Search(project);
  const tree = new Tree(project);
  const main = h("main", { tabindex: "-1" });
  const results = h("div", { class: "results", hidden: true });
  document.title = project.name ? `${project.name} · documentation` : "Documentation";

  const tabs = Object.entries(TREES).map(([key, [name]]) => h("button", { class: "tab", onclick: () => chooseTree(key) }, name));
  const chooseTree = (kind) => {
    remember("tree", kind);
    Object.keys(TREES).forEach((key, index) => tabs[index].classList.toggle("on", key === kind));
    tree.show(kind);
    tree.reveal(tree.current);
  };

  let chosen = 0;
  const input = h("input", { type: "search", id: "search", placeholder: "Search  ( / )", "aria-label": "Search", autocomplete: "off", spellcheck: "false" });
  const find = () => {
    const found = search.find(input.value);
    chosen = 0;
    results.hidden = !input.value.trim();
    tree.element.hidden = !results.hidden;
    replace(
      results,
      found.length ? null : h("p", { class: "empty" }, "Nothing found."),
      found.map(({ one, where }, index) =>
        h("a", { href: address(one), class: index === 0 ? "chosen" : null }, badge(one), h("span", { class: "leaf-name" }, one.label), where && where !== "name" ? h("span", { class: "note" }, where) : null, one.description ? h("small", {}, plainText(one.description).slice(0, 110)) : null),
      ),
    );
  };
  input.addEventListener("input", find);
  input.addEventListener("keydown", (event) => {
    const links = [...results.querySelectorAll("a")];
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      chosen = Math.max(0, Math.min(links.length - 1, chosen + (event.key === "ArrowDown" ? 1 : -1)));
      links.forEach((link, index) => link.classList.toggle("chosen", index === chosen));
      if (links[chosen]) links[chosen].scrollIntoView({ block: "nearest" });
      event.preventDefault();
    } else if (event.key === "Enter" && links[chosen]) {
      location.hash = links[chosen].getAttribute("href");
    } else if (event.key === "Escape") {
      input.value = "";
      find();
      input.blur();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) {
      event.preventDefault();
      input.focus();
    }
  });

  const theme = h("button", { class: "icon", title: "Light or dark", onclick: () => {
    const dark = getComputedStyle(document.documentElement).colorScheme === "dark";
    setTheme(dark ? "light" : "dark");
    if (main.firstChild && main.firstChild.graph) main.firstChild.graph.draw();
  } }, "◐");
  const aside = h("aside", { class: "side" }, h("div", { class: "brand" }, h("a", { href: "#!/overview" }, project.name || "Documentation"), h("span", { class: "spacer" }), h("a", { class: "button", href: "#!/graph" }, "Lineage"), theme), input, h("div", { class: "tabs trees" }, tabs), results, tree.element);
  const menu = h("button", { class: "menu", title: "Menu", onclick: () => document.body.classList.toggle("open") }, "☰");
  replace(app, menu, aside, main);

  const route = () => {
    const [, kind = "overview", rest = ""] = /^#!\/([a-z_]+)\/?([^?]*)/.exec(location.hash) || [];
    let id = rest;
    try {
      id = decodeURIComponent(rest);
    } catch {
      // Not an address of ours; the text is then looked for as it is.
    }
    const one = project.get(id) || null;
    const wantsGraph = kind === "graph" || /[?&]g_v=1/.test(location.hash);
    document.body.classList.remove("open");
    if (wantsGraph) replace(main, graphPage(project, one));
    else if (one && TYPES[one.type]) replace(main, resourcePage(project, one));
    else if (kind === "overview" || !id) replace(main, overviewPage(project));
    else replace(main, h("article", { class: "page" }, h("h1", {}, "Not in this project"), h("p", {}, h("code", {}, id))));
    main.classList.toggle("wide", wantsGraph);
    main.scrollTop = 0;
    tree.reveal(one);
    document.title = [one ? one.label : wantsGraph ? "Lineage" : null, project.name || "Documentation"].filter(Boolean).join(" · ");
  };
  window.addEventListener("hashchange", route);
  chooseTree(TREES[remembered("tree")] ? remembered("tree") : "project");
  route();
  document.documentElement.dataset.ready = "true";
}

start().catch((error) => fail("This project cannot be shown.", error));
