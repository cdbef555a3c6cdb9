// Builds ../page/index.html out of this folder: node build.mjs [--check]
//
// Nothing is downloaded and no package is needed: the modules of src/ import each other only, so they are joined into one
// script in the order below. With --check the page that is checked in is compared with what would be built.

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const read = (path) => readFileSync(join(here, path), "utf8");

// A module may import only from those before it.
const modules = ["dom", "markdown", "highlight", "project", "search", "layout", "graph", "tree", "pages", "main"];

function joined() {
  const seen = new Set();
  const names = new Map();
  let script = "";
  for (const module of modules) {
    let text = read(`src/${module}.js`);
    text = text.replace(/^import \{[^}]*\} from "\.\/([a-z]+)\.js";\n/gm, (_, from) => {
      if (!seen.has(from)) throw new Error(`src/${module}.js imports ${from}, which comes later`);
      return "";
    });
    if (/^import /m.test(text)) throw new Error(`src/${module}.js has an import that this step does not know`);
    text = text.replace(/^export /gm, "");
    for (const [, name] of text.matchAll(/^(?:async )?(?:function|const|let|class) ([A-Za-z0-9_]+)/gm)) {
      if (names.has(name)) throw new Error(`${name} is defined in ${names.get(name)} and in ${module}`);
      names.set(name, module);
    }
    seen.add(module);
    script += `// src/${module}.js\n${text}\n`;
  }
  return `"use strict";\n(() => {\n${script}})();\n`;
}

function page() {
  const scripts = { VENDOR: read("vendor/dagre.min.js"), SCRIPT: joined() };
  const hashes = [];
  let html = read("template.html");
  for (const [name, text] of Object.entries(scripts)) {
    if (text.includes("</script")) throw new Error(`${name} would end its own script element`);
    hashes.push(`'sha256-${createHash("sha256").update(text).digest("base64")}'`);
    html = html.replace(`/*${name}*/`, () => text);
  }
  html = html.replace("/*STYLE*/", () => read("styles.css"));
  return html.replace("SCRIPT-HASHES", hashes.join(" "));
}

const target = join(here, "..", "page", "index.html");
const built = page();
if (process.argv.includes("--check")) {
  if (readFileSync(target, "utf8") !== built) {
    console.error("page/index.html is not what site/ builds: run `node crates/dvt-docs/site/build.mjs`");
    process.exit(1);
  }
} else {
  writeFileSync(target, built);
}
