// The lineage graph on a canvas: pan, zoom, hover, choose. Only what is in sight is drawn, and text only where it can be read.

import { h } from "./dom.js";
import { TYPES } from "./project.js";
import { placed } from "./layout.js";

const NODE_HEIGHT = 34;
const ROW = 16;
const MAX_COLUMNS = 14;
const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";

const TYPE_COLORS = {
  model: "#2f7de1", source: "#2b9e6b", seed: "#7a8a2a", snapshot: "#8a5cd1", exposure: "#e07b2f", metric: "#cf4a7d",
  semantic_model: "#b0568f", saved_query: "#b5485a", function: "#5b7f95", analysis: "#7c7f88",
};
const PALETTE = ["#2f7de1", "#2b9e6b", "#e07b2f", "#8a5cd1", "#cf4a7d", "#1f9ea8", "#b08a1e", "#d0504a", "#5f6fd6", "#6c9a2f", "#a35f2c", "#7c7f88"];
const ROUTE_COLORS = { pushdown: "#2b9e6b", transfer: "#e0a02f", federate: "#d0504a" };

// How nodes can be coloured: a name for each, and what it reads from a node.
export const COLORINGS = {
  type: ["Type", (one) => TYPES[one.type].one],
  connection: ["Connection", (one) => one.connection],
  route: ["Route", (one) => one.route],
  package: ["Package", (one) => one.package],
  materialized: ["Materialization", (one) => one.materialized],
  group: ["Group", (one) => one.group],
  tag: ["First tag", (one) => one.tags[0]],
};

export class Graph {
  // options: {onopen(one), onchoose(one or null)}
  constructor(options = {}) {
    this.options = options;
    this.canvas = h("canvas", { tabindex: "0", role: "img", "aria-label": "Lineage graph" });
    this.element = h("div", { class: "graph" }, this.canvas);
    this.context = this.canvas.getContext("2d");
    this.nodes = [];
    this.edges = [];
    this.view = { x: 0, y: 0, scale: 1 };
    this.coloring = "type";
    this.showsColumns = false;
    this.hovered = null;
    this.chosen = null;
    this.lit = null;
    this.listen();
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(this.element);
  }

  // Shows these resources; `focus` is drawn with a ring and kept in the middle.
  show(project, resources, focus = null) {
    this.project = project;
    this.focus = focus;
    this.resources = resources;
    this.chosen = focus;
    this.hovered = null;
    this.isMoved = false;
    const positions = new Map(resources.map((one, index) => [one.id, index]));
    const measure = this.context;
    measure.font = `600 13px ${FONT}`;
    this.nodes = resources.map((one) => {
      const columns = this.showsColumns ? project.columns(one) : [];
      const shown = columns.slice(0, MAX_COLUMNS);
      const rows = shown.length + (columns.length > shown.length ? 1 : 0);
      const under = underline(one);
      let width = Math.max(measure.measureText(one.label).width, under ? under.length * 5.6 : 0) + 46;
      for (const column of shown) width = Math.max(width, (column.name.length + column.type.length) * 6.3 + 40);
      return {
        one, under, columns: shown, more: columns.length - shown.length,
        width: Math.min(380, Math.max(110, width)), height: NODE_HEIGHT + (under ? 12 : 0) + (rows ? rows * ROW + 8 : 0), x: 0, y: 0,
      };
    });
    const pairs = [];
    const seen = new Set();
    resources.forEach((one, to) => {
      for (const parent of one.parents) {
        const from = positions.get(parent.id);
        if (from === undefined || from === to || seen.has(`${from} ${to}`)) continue;
        seen.add(`${from} ${to}`);
        pairs.push([from, to]);
      }
    });
    this.edges = placed(this.nodes, pairs).map(({ from, to, points }) => ({
      from: this.nodes[from],
      to: this.nodes[to],
      points,
      // Rows leave one database for another here.
      crosses: Boolean(this.nodes[from].one.connection && this.nodes[to].one.connection && this.nodes[from].one.connection !== this.nodes[to].one.connection),
    }));
    this.colors = null;
    this.grid();
    this.light(null);
    this.fit();
    return this;
  }

  // Nodes by place, so that finding the one under the pointer and those in sight looks at few.
  grid() {
    this.cell = 400;
    this.cells = new Map();
    for (const node of this.nodes) {
      const [left, right] = [node.x - node.width / 2, node.x + node.width / 2].map((x) => Math.floor(x / this.cell));
      const [top, bottom] = [node.y - node.height / 2, node.y + node.height / 2].map((y) => Math.floor(y / this.cell));
      for (let x = left; x <= right; x += 1) {
        for (let y = top; y <= bottom; y += 1) {
          const key = `${x} ${y}`;
          if (!this.cells.has(key)) this.cells.set(key, []);
          this.cells.get(key).push(node);
        }
      }
    }
  }

  color(one) {
    if (!this.colors) {
      this.colors = new Map();
      const [, read] = COLORINGS[this.coloring];
      const counts = new Map();
      for (const { one } of this.nodes) {
        const value = read(one) || "none";
        counts.set(value, (counts.get(value) || 0) + 1);
      }
      const known = [...counts.keys()].sort((left, right) => String(left).localeCompare(String(right)));
      let next = 0;
      for (const value of known) {
        let color = value === "none" ? "#9aa0a8" : null;
        if (this.coloring === "type") color = TYPE_COLORS[Object.keys(TYPES).find((type) => TYPES[type].one === value)] || color;
        if (this.coloring === "route") color = ROUTE_COLORS[value] || color;
        this.colors.set(value, { color: color || PALETTE[next++ % PALETTE.length], count: counts.get(value) });
      }
    }
    const own = this.coloring === "type" && ((one.node.config || {}).docs || one.node.docs || {}).node_color;
    if (own && CSS.supports("color", own)) return own;
    const [, read] = COLORINGS[this.coloring];
    return (this.colors.get(read(one) || "none") || { color: "#9aa0a8" }).color;
  }

  legend() {
    if (this.nodes.length) this.color(this.nodes[0].one);
    return [...(this.colors || new Map()).entries()].map(([value, { color, count }]) => ({ value, color, count }));
  }

  recolor(coloring) {
    this.coloring = coloring;
    this.colors = null;
    this.draw();
  }

  // Everything up and down from a node stays bright, the rest fades.
  light(node) {
    this.lit = null;
    if (node) {
      this.lit = new Set([node]);
      const out = new Map();
      const back = new Map();
      for (const edge of this.edges) {
        if (!out.has(edge.from)) out.set(edge.from, []);
        out.get(edge.from).push(edge.to);
        if (!back.has(edge.to)) back.set(edge.to, []);
        back.get(edge.to).push(edge.from);
      }
      for (const links of [out, back]) {
        const seen = new Set([node]);
        const pending = [node];
        while (pending.length) {
          for (const other of links.get(pending.pop()) || []) {
            if (seen.has(other)) continue;
            seen.add(other);
            this.lit.add(other);
            pending.push(other);
          }
        }
      }
    }
    this.draw();
  }

  choose(one, moves = false) {
    this.chosen = one;
    this.isMoved = true;
    const node = one && this.nodes.find((node) => node.one === one);
    if (node && moves) {
      this.view.scale = Math.max(this.view.scale, 0.8);
      this.view.x = this.width / 2 - node.x * this.view.scale;
      this.view.y = this.height / 2 - node.y * this.view.scale;
    }
    this.light(node || null);
    if (this.options.onchoose) this.options.onchoose(one);
  }

  bounds() {
    let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
    for (const node of this.nodes) {
      left = Math.min(left, node.x - node.width / 2);
      right = Math.max(right, node.x + node.width / 2);
      top = Math.min(top, node.y - node.height / 2);
      bottom = Math.max(bottom, node.y + node.height / 2);
    }
    return { left, top, right, bottom };
  }

  fit() {
    if (!this.nodes.length || !this.width) return this.draw();
    const { left, top, right, bottom } = this.bounds();
    const scale = Math.min((this.width - 48) / (right - left || 1), (this.height - 48) / (bottom - top || 1), 1.15);
    this.view.scale = Math.max(scale, 0.02);
    this.view.x = this.width / 2 - ((left + right) / 2) * this.view.scale;
    this.view.y = this.height / 2 - ((top + bottom) / 2) * this.view.scale;
    // A long lineage is better read around its focus than seen whole and tiny.
    const focus = this.focus && this.nodes.find((node) => node.one === this.focus);
    if (focus && scale < 0.45) {
      this.view.scale = 0.7;
      this.view.x = this.width / 2 - focus.x * 0.7;
      this.view.y = this.height / 2 - focus.y * 0.7;
    }
    this.draw();
  }

  zoom(factor, x = this.width / 2, y = this.height / 2) {
    const scale = Math.min(4, Math.max(0.02, this.view.scale * factor));
    const change = scale / this.view.scale;
    this.view.x = x - (x - this.view.x) * change;
    this.view.y = y - (y - this.view.y) * change;
    this.view.scale = scale;
    this.isMoved = true;
    this.draw(true);
  }

  resize() {
    const { width, height } = this.element.getBoundingClientRect();
    if (!width || !height) return;
    const isFirst = !this.width;
    const dense = window.devicePixelRatio || 1;
    this.width = width;
    this.height = height;
    this.canvas.width = Math.round(width * dense);
    this.canvas.height = Math.round(height * dense);
    this.dense = dense;
    // Until somebody moves it, the graph fills its place, which may still be growing.
    if (isFirst || !this.isMoved) this.fit();
    else this.draw();
  }

  // `moves`: only the view changed. A costly picture is then moved as it is, and painted anew when the hand rests.
  draw(moves = false) {
    if (!this.width) return;
    this.movesOnly = this.frame ? this.movesOnly && moves : moves;
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = null;
      this.paintFrame(this.movesOnly);
    });
  }

  paintFrame(moves) {
    clearTimeout(this.rest);
    if (moves && this.picture && this.cost > 16) {
      const { context, view, dense, picture } = this;
      const scale = view.scale / picture.view.scale;
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, this.canvas.width, this.canvas.height);
      context.drawImage(picture.canvas, (view.x - picture.view.x * scale) * dense, (view.y - picture.view.y * scale) * dense, picture.canvas.width * scale, picture.canvas.height * scale);
      this.rest = setTimeout(() => this.draw(), 150);
      return;
    }
    const start = performance.now();
    this.paint();
    this.cost = performance.now() - start;
    this.picture = null;
    // Many nodes: their cost shows only when the picture is used, so it is kept whatever was measured.
    if (this.cost > 16 || this.nodes.length > 1500) {
      this.cost = Math.max(this.cost, 17);
      const canvas = document.createElement("canvas");
      canvas.width = this.canvas.width;
      canvas.height = this.canvas.height;
      canvas.getContext("2d").drawImage(this.canvas, 0, 0);
      this.picture = { canvas, view: { ...this.view } };
    }
  }

  paint() {
    const { context, view, dense } = this;
    const theme = getComputedStyle(document.documentElement);
    const style = (name) => theme.getPropertyValue(name).trim();
    const colors = { card: style("--card"), text: style("--text"), faint: style("--faint"), line: style("--graph-line"), accent: style("--accent"), cross: style("--cross") };
    context.setTransform(dense, 0, 0, dense, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    context.setTransform(dense * view.scale, 0, 0, dense * view.scale, dense * view.x, dense * view.y);
    const sight = { left: -view.x / view.scale, top: -view.y / view.scale, right: (this.width - view.x) / view.scale, bottom: (this.height - view.y) / view.scale };
    this.paintEdges(context, sight, colors);
    const plain = view.scale < 0.28;
    let drawn = 0;
    for (const node of this.nodes) {
      if (node.x + node.width / 2 < sight.left || node.x - node.width / 2 > sight.right || node.y + node.height / 2 < sight.top || node.y - node.height / 2 > sight.bottom) continue;
      drawn += 1;
      context.globalAlpha = !this.lit || this.lit.has(node) ? 1 : 0.22;
      if (plain) this.paintBlock(context, node);
      else this.paintNode(context, node, colors);
    }
    context.globalAlpha = 1;
    this.drawn = drawn;
  }

  paintEdges(context, sight, colors) {
    const faint = this.edges.length > 2500 && this.view.scale < 0.28 ? 0.3 : 1;
    const isLit = (edge) => this.isLit(edge);
    const groups = [
      [(edge) => this.lit && !isLit(edge), colors.line, 1, 0.25, false],
      [(edge) => !this.lit && !edge.crosses, colors.line, 1.4, faint, false],
      [(edge) => !this.lit && edge.crosses, colors.cross, 1.6, faint, true],
      [(edge) => this.lit && isLit(edge) && !edge.crosses, colors.accent, 2, 1, false],
      [(edge) => this.lit && isLit(edge) && edge.crosses, colors.accent, 2, 1, true],
    ];
    const tips = this.view.scale > 0.35;
    // From afar a straight line looks the same and is drawn ten times as fast.
    const straight = this.view.scale < 0.2;
    for (const [wanted, color, width, alpha, dashed] of groups) {
      context.beginPath();
      const arrows = [];
      for (const edge of this.edges) {
        if (!wanted(edge)) continue;
        const [x1, y1] = [edge.from.x + edge.from.width / 2, edge.from.y];
        const [x2, y2] = [edge.to.x - edge.to.width / 2, edge.to.y];
        if (Math.max(x1, x2) < sight.left || Math.min(x1, x2) > sight.right || (Math.max(y1, y2) < sight.top - 400 && !edge.points) || (Math.min(y1, y2) > sight.bottom + 400 && !edge.points)) continue;
        if (straight) {
          context.moveTo(x1, y1);
          context.lineTo(x2, y2);
        } else curve(context, edge, x1, y1, x2, y2);
        if (tips) arrows.push([x2, y2]);
      }
      context.globalAlpha = alpha;
      context.strokeStyle = color;
      context.lineWidth = Math.max(width, 0.6 / this.view.scale);
      context.setLineDash(dashed && !straight ? [6, 4] : []);
      context.stroke();
      context.setLineDash([]);
      if (arrows.length) {
        context.beginPath();
        for (const [x, y] of arrows) {
          context.moveTo(x, y);
          context.lineTo(x - 7, y - 4);
          context.lineTo(x - 7, y + 4);
          context.closePath();
        }
        context.fillStyle = color;
        context.fill();
      }
    }
    context.globalAlpha = 1;
  }

  isLit(edge) {
    return this.lit && this.lit.has(edge.from) && this.lit.has(edge.to);
  }

  paintBlock(context, node) {
    context.fillStyle = this.color(node.one);
    context.fillRect(node.x - node.width / 2, node.y - node.height / 2, node.width, node.height);
  }

  paintNode(context, node, colors) {
    const { one, width, height } = node;
    const [left, top] = [node.x - width / 2, node.y - height / 2];
    const color = this.color(one);
    context.beginPath();
    context.roundRect(left, top, width, height, 8);
    context.fillStyle = colors.card;
    context.fill();
    const isMarked = one === this.chosen || node === this.hovered;
    context.strokeStyle = one === this.focus || isMarked ? colors.accent : color;
    context.lineWidth = one === this.focus ? 2.6 : isMarked ? 2.2 : 1.2;
    context.stroke();
    context.save();
    context.beginPath();
    context.roundRect(left, top, width, height, 8);
    context.clip();
    context.fillStyle = color;
    context.fillRect(left, top, 26, NODE_HEIGHT + (node.under ? 12 : 0));
    context.fillStyle = "#fff";
    context.font = `700 12px ${FONT}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(TYPES[one.type].letter, left + 13, top + (NODE_HEIGHT + (node.under ? 12 : 0)) / 2);
    context.textAlign = "left";
    context.fillStyle = colors.text;
    context.font = `600 13px ${FONT}`;
    context.fillText(shortened(context, one.label, width - 42), left + 34, top + (node.under ? 16 : NODE_HEIGHT / 2));
    if (node.under) {
      context.fillStyle = colors.faint;
      context.font = `11px ${FONT}`;
      context.fillText(shortened(context, node.under, width - 42), left + 34, top + 32);
    }
    if (node.columns.length) {
      let y = top + NODE_HEIGHT + (node.under ? 12 : 0) + 8 + ROW / 2 - 4;
      context.font = `11px ${FONT}`;
      for (const column of node.columns) {
        context.fillStyle = colors.text;
        context.textAlign = "left";
        context.fillText(shortened(context, column.name, width - 26), left + 10, y);
        context.fillStyle = colors.faint;
        context.textAlign = "right";
        context.fillText(column.type.toLowerCase(), left + width - 10, y);
        y += ROW;
      }
      if (node.more) {
        context.textAlign = "left";
        context.fillStyle = colors.faint;
        context.fillText(`and ${node.more} more`, left + 10, y);
      }
    }
    context.restore();
  }

  at(clientX, clientY) {
    const box = this.canvas.getBoundingClientRect();
    const x = (clientX - box.left - this.view.x) / this.view.scale;
    const y = (clientY - box.top - this.view.y) / this.view.scale;
    const cell = this.cells && this.cells.get(`${Math.floor(x / this.cell)} ${Math.floor(y / this.cell)}`);
    return (cell || []).find((node) => Math.abs(node.x - x) <= node.width / 2 && Math.abs(node.y - y) <= node.height / 2) || null;
  }

  listen() {
    const { canvas } = this;
    const pointers = new Map();
    let moved = 0;
    let spread = 0;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, [event.clientX, event.clientY]);
      moved = 0;
      spread = 0;
    });
    canvas.addEventListener("pointermove", (event) => {
      const last = pointers.get(event.pointerId);
      if (!last) {
        const node = this.at(event.clientX, event.clientY);
        if (node !== this.hovered) {
          this.hovered = node;
          canvas.style.cursor = node ? "pointer" : "grab";
          canvas.title = node ? `${TYPES[node.one.type].one} ${node.one.label}` : "";
          this.draw();
        }
        return;
      }
      pointers.set(event.pointerId, [event.clientX, event.clientY]);
      if (pointers.size === 2) {
        const [[ax, ay], [bx, by]] = [...pointers.values()];
        const distance = Math.hypot(ax - bx, ay - by);
        const box = canvas.getBoundingClientRect();
        if (spread) this.zoom(distance / spread, (ax + bx) / 2 - box.left, (ay + by) / 2 - box.top);
        spread = distance;
        moved = 99;
        return;
      }
      const [dx, dy] = [event.clientX - last[0], event.clientY - last[1]];
      moved += Math.abs(dx) + Math.abs(dy);
      this.view.x += dx;
      this.view.y += dy;
      this.isMoved = true;
      this.draw(true);
    });
    const end = (event) => {
      if (!pointers.delete(event.pointerId) || moved > 5 || event.type !== "pointerup") return;
      const node = this.at(event.clientX, event.clientY);
      this.choose(node ? node.one : null);
    };
    canvas.addEventListener("pointerup", end);
    canvas.addEventListener("pointercancel", end);
    canvas.addEventListener("pointerleave", () => {
      this.hovered = null;
      this.draw();
    });
    canvas.addEventListener("dblclick", (event) => {
      const node = this.at(event.clientX, event.clientY);
      if (node && this.options.onopen) this.options.onopen(node.one);
    });
    canvas.addEventListener(
      "wheel",
      (event) => {
        // Inside of a page the wheel scrolls the page.
        if (this.element.classList.contains("small") && !event.ctrlKey && !event.metaKey) return;
        event.preventDefault();
        const box = canvas.getBoundingClientRect();
        this.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0016)), event.clientX - box.left, event.clientY - box.top);
      },
      { passive: false },
    );
    canvas.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
      if (steps[event.key]) {
        this.view.x += steps[event.key][0];
        this.view.y += steps[event.key][1];
        this.isMoved = true;
        this.draw(true);
      } else if (event.key === "+" || event.key === "=") this.zoom(1.2);
      else if (event.key === "-") this.zoom(1 / 1.2);
      else if (event.key === "0") this.fit();
      else if (event.key === "Enter" && this.chosen && this.options.onopen) this.options.onopen(this.chosen);
      else return;
      event.preventDefault();
    });
  }
}

function underline(one) {
  return [one.connection, one.route && one.route !== "pushdown" ? one.route : null].filter(Boolean).join(" · ");
}

function curve(context, edge, x1, y1, x2, y2) {
  context.moveTo(x1, y1);
  const points = edge.points;
  if (!points || points.length < 4) {
    const bend = Math.max(30, Math.abs(x2 - x1) * 0.45);
    context.bezierCurveTo(x1 + bend, y1, x2 - bend, y2, x2, y2);
    return;
  }
  // dagre's points lead around what stands between.
  const inner = points.slice(1, -1);
  let last = { x: x1, y: y1 };
  for (const point of [...inner, { x: x2, y: y2 }]) {
    const middle = (last.x + point.x) / 2;
    context.bezierCurveTo(middle, last.y, middle, point.y, point.x, point.y);
    last = point;
  }
}

const SHORT = new Map();

function shortened(context, text, width) {
  const key = `${context.font} ${Math.round(width)} ${text}`;
  let short = SHORT.get(key);
  if (short === undefined) {
    short = text;
    if (context.measureText(text).width > width) {
      let length = text.length;
      while (length > 1 && context.measureText(`${text.slice(0, length)}…`).width > width) length -= 1;
      short = `${text.slice(0, length)}…`;
    }
    if (SHORT.size > 20000) SHORT.clear();
    SHORT.set(key, short);
  }
  return short;
}
