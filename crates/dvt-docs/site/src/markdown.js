// Markdown of descriptions, built as elements: HTML in it stays text, and links lead only where links may lead.

import { h, append } from "./dom.js";

export function markdown(text) {
  const body = h("div", { class: "markdown" });
  append(body, blocks(String(text || "").replace(/\r\n?/g, "\n").split("\n")));
  return body;
}

// The first line of a description, for lists.
export function plainText(text) {
  return String(text || "").replace(/```[\s\S]*?```/g, " ").replace(/^\s*(>|#{1,6}\s|[-*+]\s|\|?\s*:?-{2,}).*?(?=\S|$)/gm, "").replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1").replace(/[*`|]/g, "").replace(/\s+/g, " ").trim();
}

function blocks(lines) {
  const out = [];
  let index = 0;
  const isBlank = (line) => line.trim() === "";
  while (index < lines.length) {
    const line = lines[index];
    let match;
    if (isBlank(line)) {
      index += 1;
    } else if ((match = /^\s*(`{3,}|~{3,})\s*([\w+-]*)/.exec(line))) {
      const fence = match[1];
      const code = [];
      index += 1;
      while (index < lines.length && !lines[index].trim().startsWith(fence)) code.push(lines[index++]);
      index += 1;
      out.push(h("pre", {}, h("code", {}, code.join("\n"))));
    } else if ((match = /^ {0,3}(#{1,6})\s+(.*?)\s*#*$/.exec(line))) {
      // The page has its own first heading.
      out.push(h(`h${Math.min(6, match[1].length + 1)}`, {}, inline(match[2])));
      index += 1;
    } else if (/^ {0,3}([-*_])(\s*\1){2,}\s*$/.test(line)) {
      out.push(h("hr"));
      index += 1;
    } else if (/^\s*>/.test(line)) {
      const quoted = [];
      while (index < lines.length && /^\s*>/.test(lines[index])) quoted.push(lines[index++].replace(/^\s*> ?/, ""));
      out.push(h("blockquote", {}, blocks(quoted)));
    } else if (isTable(lines, index)) {
      const rows = [];
      while (index < lines.length && lines[index].includes("|")) rows.push(lines[index++]);
      out.push(table(rows));
    } else if (listMark(line)) {
      const end = listEnd(lines, index);
      out.push(list(lines.slice(index, end)));
      index = end;
    } else {
      const paragraph = [];
      while (index < lines.length && !isBlank(lines[index]) && !startsBlock(lines, index, paragraph.length > 0)) {
        paragraph.push(lines[index++]);
      }
      out.push(h("p", {}, inline(paragraph.map((text) => text.trimStart()).join("\n"))));
    }
  }
  return out;
}

function startsBlock(lines, index, isInside) {
  const line = lines[index];
  return isInside && (/^\s*(`{3,}|~{3,})/.test(line) || /^ {0,3}#{1,6}\s/.test(line) || /^\s*>/.test(line) || Boolean(listMark(line)) || isTable(lines, index));
}

function listMark(line) {
  return /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/.exec(line);
}

function listEnd(lines, start) {
  let end = start + 1;
  while (end < lines.length) {
    const line = lines[end];
    if (line.trim() === "") {
      const next = lines[end + 1];
      if (next === undefined || !(listMark(next) || /^\s{2,}\S/.test(next))) break;
    } else if (!listMark(line) && !/^\s/.test(line) && (/^#{1,6}\s/.test(line) || /^(`{3,}|~{3,})/.test(line))) {
      break;
    }
    end += 1;
  }
  return end;
}

function list(lines) {
  const first = listMark(lines[0]);
  const indent = first[1].length;
  const items = [];
  for (const line of lines) {
    const mark = listMark(line);
    if (mark && mark[1].length <= indent + 1) items.push([mark[3]]);
    else items[items.length - 1].push(line.replace(new RegExp(`^\\s{0,${indent + 4}}`), (space) => " ".repeat(Math.max(0, space.length - indent - 2))));
  }
  const ordered = /\d/.test(first[2]);
  return h(
    ordered ? "ol" : "ul",
    ordered && parseInt(first[2], 10) !== 1 ? { start: parseInt(first[2], 10) } : {},
    items.map((item) => {
      const task = /^\[([ xX])\]\s+(.*)$/.exec(item[0]);
      if (task) item[0] = task[2];
      const content = item.length === 1 ? inline(item[0]) : blocks(item);
      return h("li", {}, task ? h("input", { type: "checkbox", disabled: true, checked: task[1] !== " " }) : null, content);
    }),
  );
}

function isTable(lines, index) {
  return lines[index].includes("|") && /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/.test(lines[index + 1] || "") && (lines[index + 1] || "").includes("-");
}

function table(rows) {
  const cells = (row) => row.trim().replace(/^\|/, "").replace(/\|$/, "").split(/(?<!\\)\|/).map((cell) => cell.trim().replace(/\\\|/g, "|"));
  const aligned = cells(rows[1]).map((cell) => (/^:-+:$/.test(cell) ? "center" : /-:$/.test(cell) ? "right" : null));
  const row = (tag, text) => h("tr", {}, cells(text).map((cell, at) => h(tag, { style: aligned[at] ? `text-align:${aligned[at]}` : null }, inline(cell))));
  return h("div", { class: "scroll" }, h("table", {}, h("thead", {}, row("th", rows[0])), h("tbody", {}, rows.slice(2).map((text) => row("td", text)))));
}

const INLINE = [
  [/^\\([\\`*_{}[\]()#+.!|<>~-])/, (match) => match[1]],
  [/^(`+)([\s\S]*?[^`])\1(?!`)/, (match) => h("code", {}, match[2].replace(/\n/g, " ").trim())],
  [/^!\[([^\]]*)\]\(\s*<?([^\s)>]+)>?[^)]*\)/, (match) => image(match[1], match[2])],
  [/^\[((?:[^[\]]|\[[^\]]*\])*)\]\(\s*<?([^\s)>]*)>?(?:\s+["'][^"']*["'])?\s*\)/, (match) => link(match[2], inline(match[1]))],
  [/^<(https?:\/\/[^\s<>]+)>/, (match) => link(match[1], match[1])],
  [/^\*\*(?=\S)([\s\S]*?\S)\*\*/, (match) => h("strong", {}, inline(match[1]))],
  [/^__(?=\S)([\s\S]*?\S)__(?!\w)/, (match) => h("strong", {}, inline(match[1]))],
  [/^~~(?=\S)([\s\S]*?\S)~~/, (match) => h("del", {}, inline(match[1]))],
  [/^\*(?=[^\s*])([\s\S]*?[^\s*])\*(?!\*)/, (match) => h("em", {}, inline(match[1]))],
  [/^_(?=[^\s_])([\s\S]*?[^\s_])_(?!\w)/, (match) => h("em", {}, inline(match[1]))],
  [/^https?:\/\/[^\s<>()"']*[^\s<>()"'.,;:!?]/, (match) => link(match[0], match[0])],
  [/^ {2,}\n|^<br\s*\/?>/i, () => h("br")],
];

function inline(text) {
  const out = [];
  let plain = "";
  let rest = text;
  let before = "";
  while (rest) {
    // `_` inside of a word is part of it, and so is an address inside of one.
    const isInWord = /\w$/.test(before);
    const found = /^[\\`!\[<*_~h ]/.test(rest) ? INLINE.find(([pattern]) => pattern.test(rest) && !(isInWord && /^[_h]/.test(rest))) : null;
    if (found) {
      const match = found[0].exec(rest);
      if (plain) out.push(plain);
      plain = "";
      out.push(found[1](match));
      before = match[0];
      rest = rest.slice(match[0].length);
    } else {
      plain += rest[0];
      before = rest[0];
      rest = rest.slice(1);
    }
  }
  if (plain) out.push(plain);
  return out;
}

// Schemes that run nothing. An address without one stays on this site.
export function safeAddress(address) {
  const text = String(address).replace(/[\u0000-\u0020]/g, "");
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text);
  if (!scheme) return text.startsWith("//") ? null : text;
  return ["http", "https", "mailto"].includes(scheme[1].toLowerCase()) ? text : null;
}

function link(address, content) {
  const safe = safeAddress(address);
  if (!safe) return h("span", {}, content);
  const isOutside = /^https?:/i.test(safe);
  return h("a", { href: safe, target: isOutside ? "_blank" : null, rel: isOutside ? "noopener noreferrer" : null }, content);
}

function image(text, address) {
  const safe = safeAddress(address);
  if (!safe || safe.startsWith("mailto:")) return text;
  return h("img", { src: safe, alt: text, loading: "lazy" });
}
