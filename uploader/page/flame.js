// flame.js - a tree drawn as rows of frames, the root on top: for eyes, a mouse, a keyboard and a screen reader.
// SPDX-License-Identifier: MIT

const ROW_HEIGHT = 19;
const LEAST_WIDTH = 1.5; // pixels; narrower frames are not drawn until their caller is zoomed
const TEXT_WIDTH = 24; // pixels; narrower ones have no text
const COLOURS = 8;

// Modules have colours in the order in which they were met, the program itself the first; functions a shade.
const colours = new Map();

function colourOf(frame) {
  if (frame.colour) return frame.colour;
  const home = frame.module || baseName(frame.file);
  if (!colours.has(home)) colours.set(home, colours.size % COLOURS);
  let sum = 7;
  for (const letter of frame.name) sum = (sum * 31 + letter.charCodeAt(0)) >>> 0;
  frame.colour = frame.name.startsWith('[conprof') ? 'ours' : `m${colours.get(home)} s${sum % 3}`;
  return frame.colour;
}

class Flame {
  // host: an element that scrolls. told(node) hears what is pointed at, chosen(node) what was zoomed.
  constructor(host, told, chosen) {
    Object.assign(this, {host, told, chosen, rows: [], drawn: new Map(), search: null, at: null});
    this.sheet = document.createElement('div');
    this.sheet.className = 'sheet';
    host.append(this.sheet);
    host.addEventListener('scroll', () => this.later());
    new ResizeObserver(() => this.lay()).observe(host);
    host.addEventListener('click', (event) => this.heard(event, (node) => this.zoom(node)));
    host.addEventListener('pointerover', (event) => this.heard(event, told));
    host.addEventListener('focusin', (event) => this.heard(event, (node) => this.point(node)));
    host.addEventListener('keydown', (event) => this.key(event));
  }

  heard(event, then) {
    const item = event.target.closest('[role=treeitem]');
    if (item && item.node) then(item.node);
  }

  // view: {whole: both sides' sums, describe(node), difference(node) or null}. keep: what was zoomed stays so.
  show(root, view, keep) {
    const stays = keep && this.root, top = stays ? nodeAlong(root, this.top) : root, at = stays ? nodeAlong(root, this.at) : root;
    Object.assign(this, {root, top, at, view});
    this.lay();
  }

  zoom(node) {
    this.top = this.at = node;
    this.lay();
    this.chosen(node);
  }

  lay() {
    if (!this.root) return;
    this.width = this.host.clientWidth;
    this.rows = layout(this.top, this.width, LEAST_WIDTH);
    this.sheet.style.height = `${this.rows.length * ROW_HEIGHT}px`;
    this.draw();
  }

  later() {
    if (!this.waiting) this.waiting = requestAnimationFrame(() => this.draw());
  }

  // Only the rows that can be seen are in the page.
  draw() {
    this.waiting = 0;
    const first = Math.max(0, Math.floor(this.host.scrollTop / ROW_HEIGHT) - 3);
    const last = Math.ceil((this.host.scrollTop + this.host.clientHeight) / ROW_HEIGHT) + 3;
    const focused = this.sheet.contains(document.activeElement);
    const items = document.createDocumentFragment();
    this.drawn = new Map();
    for (let row = first; row < Math.min(last, this.rows.length); row++) for (const place of this.rows[row] || []) items.append(this.item(place, row));
    this.sheet.replaceChildren(items);
    const at = this.drawn.get(this.at) || this.drawn.get(this.top) || this.sheet.firstElementChild;
    if (at) at.tabIndex = 0;
    if (focused && at) at.focus({preventScroll: true});
  }

  item({node, x, width, above}, row) {
    const item = document.createElement('div'), frame = frames[node.frame];
    item.node = node;
    item.tabIndex = -1;
    item.className = `frame ${frame ? colourOf(frame) : 'root'}${above ? ' above' : ''}`;
    item.style.left = `${x}px`;
    item.style.top = `${row * ROW_HEIGHT}px`;
    item.style.width = `${Math.max(width - 1, 1)}px`;
    item.setAttribute('role', 'treeitem');
    item.setAttribute('aria-level', String(node.depth + 1));
    item.setAttribute('aria-label', this.view.describe(node));
    if (width >= TEXT_WIDTH) item.textContent = frame ? frame.name : this.view.title;
    const difference = this.view.difference && this.view.difference(node);
    if (difference !== null && difference !== undefined) {
      item.classList.add(difference < 0 ? 'less' : 'more');
      item.style.setProperty('--much', `${Math.min(100, Math.abs(difference) * 100).toFixed(0)}%`);
    }
    if (this.search && frame) item.classList.add(this.search.test(frame.name) ? 'match' : 'dim');
    this.drawn.set(node, item);
    return item;
  }

  point(node) {
    const before = this.drawn.get(this.at), now = this.drawn.get(node);
    if (before) before.tabIndex = -1;
    if (now) now.tabIndex = 0;
    this.at = node;
    this.told(node);
  }

  // The nearest drawn neighbour of the node that has the focus, in a direction.
  neighbour(key) {
    const node = this.at, row = node.depth;
    if (key === 'ArrowUp') return node.parent;
    if (key === 'ArrowDown') {
      const below = (this.rows[row + 1] || []).filter((place) => place.node.parent === node);
      return below.length ? below.reduce((a, b) => (b.width > a.width ? b : a)).node : null;
    }
    const line = this.rows[row] || [], index = line.findIndex((place) => place.node === node);
    const other = line[index + (key === 'ArrowRight' ? 1 : -1)];
    return other ? other.node : null;
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key.startsWith('Arrow')) {
      const next = this.neighbour(event.key);
      if (next) this.goTo(next);
    } else if (event.key === 'Home') this.goTo(this.top);
    else if (event.key === 'Enter' || event.key === ' ') this.zoom(this.at);
    else if (event.key === 'Escape' || event.key === '0') this.zoom(this.root);
    else if (event.key === 'Backspace') this.zoom(this.top.parent || this.root);
    else return;
    event.preventDefault();
  }

  goTo(node) {
    const from = node.depth * ROW_HEIGHT, view = this.host;
    if (from < view.scrollTop) view.scrollTop = from;
    else if (from + ROW_HEIGHT > view.scrollTop + view.clientHeight) view.scrollTop = from + ROW_HEIGHT - view.clientHeight;
    this.at = node;
    this.draw();
    const item = this.drawn.get(node);
    if (item) item.focus({preventScroll: true});
  }

  // What part of the whole has a match in its stack, by side.
  find(expression) {
    this.search = expression;
    const found = [0, 0];
    const look = (node) => {
      if (node.frame >= 0 && expression.test(frames[node.frame].name)) found.forEach((_, side) => (found[side] += node.total[side]));
      else for (const child of node.ordered()) look(child);
    };
    if (expression && this.root) look(this.root);
    if (this.root) this.draw();
    return found;
  }
}
