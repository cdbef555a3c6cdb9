// SQL with Jinja, coloured.

import { h } from "./dom.js";

const KEYWORDS = new Set(
  (
    "all and any array as asc between by case cast create cross cube current delete desc distinct drop else end except exists extract " +
    "false fetch filter first following for from full grant group grouping having if ilike in inner insert intersect interval into is join " +
    "last lateral left like limit merge natural not null nulls offset on or order outer over partition preceding qualify range recursive " +
    "returning right rollup row rows select set sets table then to true unbounded union unnest update using values view when where window with within"
  ).split(" "),
);

const TOKENS = /(\{#[\s\S]*?#\}|--[^\n]*|\/\*[\s\S]*?\*\/)|(\{\{[\s\S]*?\}\}|\{%[\s\S]*?%\})|('(?:[^'\\]|''|\\.)*')|("(?:[^"]|"")*"|`[^`]*`)|(\b\d+(?:\.\d+)?\b)|([A-Za-z_][A-Za-z0-9_]*)/g;

export function highlighted(code, language) {
  const text = String(code || "");
  const pre = h("pre", { class: "code" });
  // Colours are a help, not worth a slow page.
  if (language === "python" || text.length > 200000) {
    pre.append(text);
    return pre;
  }
  let position = 0;
  for (const match of text.matchAll(TOKENS)) {
    const [token, comment, jinja, string, name, number, word] = match;
    const kind = comment ? "comment" : jinja ? "jinja" : string ? "string" : name ? "name" : number ? "number" : word && KEYWORDS.has(word.toLowerCase()) ? "keyword" : null;
    if (!kind) continue;
    if (match.index > position) pre.append(text.slice(position, match.index));
    pre.append(h("span", { class: `tok-${kind}` }, token));
    position = match.index + token.length;
  }
  pre.append(text.slice(position));
  return pre;
}
