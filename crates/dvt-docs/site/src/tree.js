// The trees at the side: by project, by database, by group, by tag. A branch is filled when it is opened first.

import { h, append } from "./dom.js";
import { TYPES, address } from "./project.js";

const LISTED = ["model", "source", "seed", "snapshot", "exposure", "metric", "semantic_model", "saved_query", "function", "analysis", "macro"];

export const TREES = {
  project: ["Project", projectTree],
  database: ["Database", databaseTree],
  group: ["Groups", groupTree],
  tag: ["Tags", tagTree],
};

export class Tree {
  constructor(project) {
    this.project = project;
    this.element = h("nav", { class: "tree", "aria-label": "Resources" });
    this.current = null;
  }

  show(kind) {
    const branches = TREES[kind][1](this.project);
    this.element.textContent = "";
    if (!branches.length) this.element.append(h("p", { class: "empty" }, kind === "group" ? "No groups in this project." : kind === "tag" ? "No tags in this project." : "Nothing here."));
    append(this.element, branches.map((branch) => this.branch(branch, 0)));
    this.mark(this.current);
  }

  branch(branch, depth) {
    if (branch.one) return this.leaf(branch);
    const list = h("div", { class: "branch-list" });
    const details = h("details", {}, h("summary", { style: `padding-left:${8 + depth * 12}px` }, h("span", { class: "branch-name" }, branch.name), branch.note ? h("span", { class: "note" }, branch.note) : null, h("span", { class: "count" }, count(branch))), list);
    const fill = () => {
      if (list.childNodes.length) return;
      append(list, branch.children.map((child) => this.branch(child, depth + 1)));
      for (const leaf of list.querySelectorAll(":scope > a")) leaf.style.paddingLeft = `${20 + depth * 12}px`;
      this.mark(this.current);
    };
    details.addEventListener("toggle", () => details.open && fill());
    details.reveal = (one) => {
      if (!holds(branch, one)) return false;
      fill();
      details.open = true;
      for (const child of list.children) if (child.reveal && child.reveal(one)) break;
      return true;
    };
    if (branch.open) {
      details.open = true;
      fill();
    }
    return details;
  }

  leaf({ one, name }) {
    return h("a", { href: address(one), "data-id": one.id, title: one.description ? one.label : null }, h("span", { class: `badge type-${one.type}`, title: TYPES[one.type].one }, TYPES[one.type].letter), h("span", { class: "leaf-name" }, name || one.label));
  }

  // Opens the branches that lead to a resource.
  reveal(one) {
    this.current = one;
    if (one) for (const child of this.element.children) if (child.reveal && child.reveal(one)) break;
    this.mark(one);
    const link = one && this.element.querySelector(`a[data-id="${CSS.escape(one.id)}"]`);
    if (link) link.scrollIntoView({ block: "nearest" });
  }

  mark(one) {
    for (const link of this.element.querySelectorAll("a.current")) link.classList.remove("current");
    const link = one && this.element.querySelector(`a[data-id="${CSS.escape(one.id)}"]`);
    if (link) link.classList.add("current");
  }
}

function count(branch) {
  if (branch.one) return 1;
  branch.count ??= branch.children.reduce((sum, child) => sum + count(child), 0);
  return branch.count;
}

function holds(branch, one) {
  return branch.one ? branch.one === one : branch.children.some((child) => holds(child, one));
}

function byName(left, right) {
  return (left.name || left.one.label).localeCompare(right.name || right.one.label);
}

function listed(project) {
  return project.ofType(...LISTED).filter((one) => one.node.docs ? one.node.docs.show !== false : true);
}

function projectTree(project) {
  const packages = new Map();
  for (const one of listed(project)) {
    if (one.type === "macro" && project.internalPackages.has(one.package)) continue;
    const name = one.package || "(no package)";
    if (!packages.has(name)) packages.set(name, []);
    packages.get(name).push(one);
  }
  const order = [...packages.keys()].sort((left, right) => (right === project.name) - (left === project.name) || left.localeCompare(right));
  return order.map((name) => ({ name, note: name === project.name ? "this project" : "package", open: name === project.name, children: folders(packages.get(name)) }));
}

function folders(resources) {
  const root = { children: [], folders: new Map() };
  for (const one of resources) {
    let place = root;
    const parts = one.path.split("/").slice(0, -1);
    if (one.type === "source") parts.push(one.node.source_name);
    for (const part of parts) {
      if (!place.folders.has(part)) {
        const folder = { name: part, children: [], folders: new Map() };
        place.folders.set(part, folder);
        place.children.push(folder);
      }
      place = place.folders.get(part);
    }
    place.children.push({ one, name: one.type === "source" ? one.name : one.label });
  }
  const sorted = (branch) => {
    branch.children.sort((left, right) => Boolean(left.one) - Boolean(right.one) || byName(left, right));
    for (const child of branch.children) if (!child.one) sorted(child);
    return branch.children;
  };
  return sorted(root);
}

function grouped(resources, keys) {
  if (!keys.length) return resources.map((one) => ({ one, name: relationName(one) })).sort(byName);
  const groups = new Map();
  for (const one of resources) {
    for (const name of [keys[0](one)].flat()) {
      if (!groups.has(name)) groups.set(name, []);
      groups.get(name).push(one);
    }
  }
  return [...groups.entries()].map(([name, members]) => ({ name, children: grouped(members, keys.slice(1)) })).sort(byName);
}

function relationName(one) {
  return one.node.identifier || one.node.alias || one.name;
}

// Connection, database, schema, relation; levels that are the same everywhere or unknown still say where things are.
function databaseTree(project) {
  const stored = listed(project).filter((one) => ["model", "source", "seed", "snapshot"].includes(one.type) && one.materialized !== "ephemeral");
  const keys = [(one) => one.database || "(default database)", (one) => one.schema || "(default schema)"];
  if (project.connections.length) keys.unshift((one) => one.connection || "(default connection)");
  const tree = grouped(stored, keys);
  if (tree.length === 1) tree[0].open = true;
  return tree;
}

function groupTree(project) {
  const owners = new Map(Object.values(project.manifest.groups || {}).map((group) => [group.name, (group.owner && (group.owner.name || group.owner.email)) || ""]));
  const tree = grouped(listed(project).filter((one) => one.group), [(one) => one.group]);
  for (const branch of tree) branch.note = owners.get(branch.name);
  return tree;
}

function tagTree(project) {
  return grouped(listed(project).filter((one) => one.tags.length), [(one) => one.tags]);
}
