// Where nodes stand in the lineage graph: layers from left to right.
//
// Small graphs are laid out by dagre, which finds the fewest crossings; large ones by layers and medians here, in time that
// grows with the number of edges. Nodes without edges stand in rows below.

const GAP_X = 70;
const GAP_Y = 12;

// nodes: [{id, width, height}], edges: [[from, to]] of positions in nodes. Gives each node x and y (its centre) and returns
// {edges: [{from, to, points}], width, height}.
export function placed(nodes, edges) {
  const linked = new Set(edges.flat());
  const inGraph = [...linked].sort((left, right) => left - right);
  const alone = nodes.map((_, index) => index).filter((index) => !linked.has(index));
  let routes = edges.map(([from, to]) => ({ from, to, points: null }));
  if (inGraph.length) {
    if (inGraph.length <= 250 && edges.length <= 700) routes = byDagre(nodes, inGraph, edges);
    else byLayers(nodes, inGraph, edges);
  }
  let bottom = 0;
  let right = 0;
  for (const index of inGraph) {
    bottom = Math.max(bottom, nodes[index].y + nodes[index].height / 2);
    right = Math.max(right, nodes[index].x + nodes[index].width / 2);
  }
  inRows(nodes, alone, bottom ? bottom + 60 : 0, Math.max(right, 900, Math.sqrt(alone.length) * 320));
  return routes;
}

function byDagre(nodes, chosen, edges) {
  const graph = new dagre.graphlib.Graph({ multigraph: false });
  graph.setGraph({ rankdir: "LR", nodesep: GAP_Y, ranksep: GAP_X, edgesep: 8 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const index of chosen) graph.setNode(String(index), { width: nodes[index].width, height: nodes[index].height });
  for (const [from, to] of edges) graph.setEdge(String(from), String(to));
  dagre.layout(graph);
  for (const index of chosen) {
    const place = graph.node(String(index));
    nodes[index].x = place.x;
    nodes[index].y = place.y;
  }
  return edges.map(([from, to]) => ({ from, to, points: (graph.edge(String(from), String(to)) || {}).points || null }));
}

function byLayers(nodes, chosen, edges) {
  const parents = nodes.map(() => []);
  const children = nodes.map(() => []);
  for (const [from, to] of edges) {
    parents[to].push(from);
    children[from].push(to);
  }
  const layer = ranked(nodes, chosen, parents, children);
  const layers = [];
  for (const index of chosen) (layers[layer[index]] ||= []).push(index);
  const order = new Float64Array(nodes.length);
  const settle = (list) => list.forEach((index, place) => (order[index] = place / list.length));
  layers.forEach(settle);
  for (let sweep = 0; sweep < 10; sweep += 1) {
    const forward = sweep % 2 === 0;
    const neighbours = forward ? parents : children;
    for (let step = 0; step < layers.length; step += 1) {
      const list = layers[forward ? step : layers.length - 1 - step];
      const wanted = new Map(list.map((index) => [index, mean(neighbours[index].map((other) => order[other]), order[index])]));
      list.sort((left, right) => wanted.get(left) - wanted.get(right) || left - right);
      settle(list);
    }
  }
  // Where many edges pass between two layers they need room to be told apart.
  const gap = Math.min(700, GAP_X * 1.6 + (edges.length / layers.length) * 1.2);
  let x = 0;
  for (const list of layers) {
    const width = Math.max(...list.map((index) => nodes[index].width));
    for (const index of list) nodes[index].x = x + width / 2;
    x += width + gap;
    stack(nodes, list);
  }
  for (let sweep = 0; sweep < 8; sweep += 1) {
    const forward = sweep % 2 === 0;
    const neighbours = forward ? parents : children;
    for (let step = 0; step < layers.length; step += 1) {
      const list = layers[forward ? step : layers.length - 1 - step];
      const wanted = list.map((index) => mean(neighbours[index].map((other) => nodes[other].y), nodes[index].y));
      pull(nodes, list, wanted);
    }
  }
  const top = Math.min(...chosen.map((index) => nodes[index].y - nodes[index].height / 2));
  for (const index of chosen) nodes[index].y -= top;
}

// The longest way from a start; a node whose way is short then moves right, next to who reads it.
function ranked(nodes, chosen, parents, children) {
  const layer = new Int32Array(nodes.length);
  const left = new Int32Array(nodes.length);
  for (const index of chosen) left[index] = parents[index].length;
  const queue = chosen.filter((index) => left[index] === 0);
  const done = [];
  while (queue.length) {
    const index = queue.pop();
    done.push(index);
    for (const child of children[index]) {
      layer[child] = Math.max(layer[child], layer[index] + 1);
      left[child] -= 1;
      if (left[child] === 0) queue.push(child);
    }
  }
  for (const index of done.reverse()) {
    if (children[index].length && !parents[index].length) layer[index] = Math.min(...children[index].map((child) => layer[child])) - 1;
  }
  const lowest = Math.min(0, ...chosen.map((index) => layer[index]));
  for (const index of chosen) layer[index] -= lowest;
  return layer;
}

function mean(values, otherwise) {
  if (!values.length) return otherwise;
  values.sort((one, two) => one - two);
  const middle = values.length >> 1;
  return values.length % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

function stack(nodes, list) {
  let y = 0;
  for (const index of list) {
    nodes[index].y = y + nodes[index].height / 2;
    y += nodes[index].height + GAP_Y;
  }
}

// Each node as near to where it is wanted as those above and below leave room: blocks that touch move together.
function pull(nodes, list, wanted) {
  const blocks = [];
  list.forEach((index, place) => {
    const height = nodes[index].height + GAP_Y;
    let block = { members: [index], offset: [0], height, sum: wanted[place] - height / 2, count: 1 };
    block.top = block.sum;
    while (blocks.length && blocks[blocks.length - 1].top + blocks[blocks.length - 1].height > block.top) {
      const above = blocks.pop();
      for (let at = 0; at < block.members.length; at += 1) {
        above.members.push(block.members[at]);
        above.offset.push(block.offset[at] + above.height);
      }
      above.sum += block.sum - block.count * above.height;
      above.count += block.count;
      above.height += block.height;
      above.top = above.sum / above.count;
      block = above;
    }
    blocks.push(block);
  });
  for (const block of blocks) {
    block.members.forEach((index, at) => (nodes[index].y = block.top + block.offset[at] + (nodes[index].height + GAP_Y) / 2));
  }
}

function inRows(nodes, list, top, width) {
  let x = 0;
  let y = top;
  let tallest = 0;
  for (const index of list) {
    const node = nodes[index];
    if (x > 0 && x + node.width > width) {
      x = 0;
      y += tallest + GAP_Y;
      tallest = 0;
    }
    node.x = x + node.width / 2;
    node.y = y + node.height / 2;
    x += node.width + 20;
    tallest = Math.max(tallest, node.height);
  }
}
