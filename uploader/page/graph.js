// graph.js - stacks added up: as a tree, by function, and around one function.
// SPDX-License-Identifier: MIT

// A node's sums have two sides: of what is looked at, and of what it is compared with (0 without one).
class Node {
  constructor(frame, parent) {
    this.frame = frame; // -1: the root
    this.parent = parent;
    this.depth = parent ? parent.depth + 1 : 0;
    this.total = [0, 0];
    this.self = [0, 0];
    this.children = null;
  }

  child(frame) {
    if (!this.children) this.children = new Map();
    let child = this.children.get(frame);
    if (!child) this.children.set(frame, (child = new Node(frame, this)));
    return child;
  }

  // In the order of names, so that a comparison and the next moment lie alike.
  ordered() {
    if (!this.children) return [];
    if (!this.sorted) this.sorted = [...this.children.values()].sort((a, b) => order(frames[a.frame].name, frames[b.frame].name));
    return this.sorted;
  }

  get weight() {
    return this.total[0] + this.total[1];
  }
}

const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

// Stacks as they pass the filters: root first; null when nothing is left of one.
// filters: {focus, ignore, show, hide}, each a RegExp or null; their meaning is pprof's.
function filtered(stack, filters, matches) {
  if (filters.focus && !stack.some((frame) => matches('focus', frame))) return null;
  if (filters.ignore && stack.some((frame) => matches('ignore', frame))) return null;
  if (!filters.show && !filters.hide) return stack;
  const left = stack.filter((frame) => (!filters.show || matches('show', frame)) && !(filters.hide && matches('hide', frame)));
  return left.length ? left : null;
}

// Each regular expression is asked once for each function.
function matcher(filters) {
  const known = {focus: [], ignore: [], show: [], hide: []};
  return (which, frame) => {
    const answers = known[which];
    if (answers[frame] === undefined) answers[frame] = filters[which].test(frames[frame].name);
    return answers[frame];
  };
}

// Calls visit(stack, value, side) for all samples of both sides that pass.
// sides: [{parts: [{profile, index}], scale}, the same or null]: several periods, or processes, add up.
function eachStack(sides, view, visit) {
  const matches = matcher(view.filters);
  sides.forEach((side, number) => {
    for (const {profile, index} of side ? side.parts : []) {
      for (const sample of profile.samples) {
        const value = (sample.values[index] || 0) * side.scale;
        const stack = value && filtered(view.all ? sample.stack : sample.short, view.filters, matches);
        if (stack) visit(stack, value, number);
      }
    }
  });
}

// Where a path of frames leads in another tree, or as far as it goes there.
function nodeAlong(root, node) {
  const path = [];
  for (let at = node; at && at.parent; at = at.parent) path.unshift(at.frame);
  let found = root;
  for (const frame of path) {
    const next = found.children && found.children.get(frame);
    if (!next) break;
    found = next;
  }
  return found;
}

function addPath(root, stack, value, side) {
  let node = root;
  node.total[side] += value;
  for (const frame of stack) {
    node = node.child(frame);
    node.total[side] += value;
  }
  node.self[side] += value;
}

function treeOf(sides, view) {
  const root = new Node(-1, null);
  eachStack(sides, view, (stack, value, side) => addPath(root, stack, value, side));
  return root;
}

// Rows of the table: each function's own and, with what it called, its total; recursion counts once.
function functionsOf(sides, view) {
  const rows = new Map(), seen = [];
  let sample = 0;
  const row = (frame) => {
    let found = rows.get(frame);
    if (!found) rows.set(frame, (found = {frame, self: [0, 0], total: [0, 0]}));
    return found;
  };
  eachStack(sides, view, (stack, value, side) => {
    sample++;
    row(stack[stack.length - 1]).self[side] += value;
    for (const frame of stack) {
      if (seen[frame] === sample) continue;
      seen[frame] = sample;
      row(frame).total[side] += value;
    }
  });
  return [...rows.values()];
}

// What calls a function, and what it calls: two trees that begin with it. A stack counts once, from where the
// function is entered first.
function sandwichOf(sides, view, frame) {
  const callers = new Node(-1, null), callees = new Node(-1, null);
  eachStack(sides, view, (stack, value, side) => {
    const at = stack.indexOf(frame);
    if (at < 0) return;
    addPath(callees, stack.slice(at), value, side);
    addPath(callers, stack.slice(0, at + 1).reverse(), value, side);
  });
  return {callers, callees};
}

// Rectangles of a tree below `top` that are at least `least` wide, where `top` itself is `width`: by row,
// {node, x, width}. Sums that are negative, as a difference made elsewhere may have, take no room.
function layout(top, width, least) {
  const rows = [], weight = Math.max(top.weight, 0);
  const put = (node, x, scale, row) => {
    (rows[row] = rows[row] || []).push({node, x, width: node.weight * scale});
    for (const child of node.ordered()) {
      const wide = Math.max(child.weight, 0) * scale;
      if (wide >= least) put(child, x, scale, row + 1);
      x += wide;
    }
  };
  const path = [];
  for (let node = top.parent; node; node = node.parent) path.unshift(node);
  for (const node of path) rows.push([{node, x: 0, width, above: true}]);
  if (weight) put(top, 0, width / weight, path.length);
  return rows;
}
