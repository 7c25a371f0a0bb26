// charts.js - the six dimensions over time, a bar for each period: to be read, and to choose a period or several.
// SPDX-License-Identifier: MIT

// What a point has, per second where that is what people ask for.
const series = [
  {dimension: 'cpu', of: 'cpu', unit: 'seconds', rate: true},
  {dimension: 'alloc_objects', of: 'allocs', unit: 'count', rate: true},
  {dimension: 'alloc_space', of: 'alloc_bytes', unit: 'bytes', rate: true},
  {dimension: 'inuse_objects', of: 'objects', unit: 'count'},
  {dimension: 'inuse_space', of: 'bytes', unit: 'bytes'},
  {dimension: 'goroutine', of: 'threads', unit: 'count'},
];
const SVG = 'http://www.w3.org/2000/svg';
const WIDE = 1000, HIGH = 100;

function drawn(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function valueText(one, value) {
  if (value === null || value === undefined) return '–';
  if (one.dimension === 'cpu') return `${value.toFixed(value < 9.995 ? 2 : 1)} s/s`;
  return amount(value, one.unit) + (one.rate ? '/s' : '');
}

class Chart {
  constructor(one, chosen) {
    Object.assign(this, {one, chosen, points: [], bars: []});
    this.value = make('b', {});
    this.range = make('small', {});
    this.button = make('button', {type: 'button'}, make('span', {textContent: dimensions[one.dimension]}), this.value, this.range);
    this.svg = drawn('svg', {viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: 'none', 'aria-hidden': 'true', focusable: 'false'});
    this.card = make('div', {className: 'card'}, this.button, this.svg);
    this.button.addEventListener('click', () => choose({dimension: one.dimension}));
    this.svg.addEventListener('pointerdown', (event) => this.press(event));
    this.svg.addEventListener('pointermove', (event) => this.move(event));
    this.svg.addEventListener('pointerup', (event) => this.release(event));
    this.svg.addEventListener('pointerleave', () => this.say());
    this.svg.addEventListener('pointercancel', () => (this.from = undefined));
  }

  // known: the keys of the moments that can be looked at, by the number of their period.
  show(points, known) {
    Object.assign(this, {points, known});
    this.first = points.length ? points[0].start : 0;
    this.long = points.length ? Math.max(points[points.length - 1].end - this.first, 1) : 1;
    this.most = Math.max(0, ...points.map((point) => point[this.one.of] || 0));
    this.bars = points.map((point) => this.bar(point));
    this.svg.replaceChildren(...this.bars);
    this.mark();
    this.say();
  }

  bar(point) {
    const value = point[this.one.of] || 0, high = this.most ? (value / this.most) * (HIGH - 4) : 0, left = ((point.start - this.first) / this.long) * WIDE;
    const width = Math.max(((point.end - point.start) / this.long) * WIDE, 1), shown = value ? Math.max(high, 2) : 0;
    const bar = drawn('g', {}), gap = Math.min(width / 5, 3);
    bar.append(drawn('rect', {class: 'back', x: left, y: 0, width, height: HIGH}));
    bar.append(drawn('rect', {class: 'front', x: left + gap / 2, y: HIGH - shown, width: width - gap, height: shown}));
    return bar;
  }

  // Which bars are looked at, compared with, and can be chosen at all.
  mark() {
    const now = new Set(chosenMoments(0).map(({key}) => key)), before = new Set(chosenMoments(1).map(({key}) => key));
    this.bars.forEach((bar, at) => {
      const key = this.known.get(this.points[at].n);
      bar.setAttribute('class', key === undefined ? 'gone' : now.has(key) ? 'now' : before.has(key) ? 'before' : 'kept');
    });
    this.button.setAttribute('aria-pressed', String(state.dimension === this.one.dimension || (this.one.dimension === 'cpu' && state.dimension === 'samples')));
  }

  // Of the point that the pointer is at, or of the latest.
  say(at) {
    const {points, one} = this, point = points[at === undefined ? points.length - 1 : at];
    this.value.textContent = point ? valueText(one, point[one.of]) : '–';
    this.range.textContent = at === undefined ? (points.length > 1 ? `at most ${valueText(one, this.most)}` : '') : `${clock(point.start)}–${clock(point.end)}`;
  }

  at(event) {
    const box = this.svg.getBoundingClientRect(), time = this.first + ((event.clientX - box.left) / box.width) * this.long;
    const found = this.points.findIndex((point) => point.end >= time);
    return found < 0 ? this.points.length - 1 : found;
  }

  press(event) {
    if (event.button || !this.points.length) return;
    this.from = this.at(event);
    this.svg.setPointerCapture(event.pointerId);
  }

  move(event) {
    if (!this.points.length) return;
    const at = this.at(event);
    this.say(at);
    if (this.from !== undefined) this.bars.forEach((bar, i) => bar.classList.toggle('drag', i >= Math.min(at, this.from) && i <= Math.max(at, this.from)));
  }

  release(event) {
    if (this.from === undefined) return;
    const to = this.at(event), [a, b] = [Math.min(this.from, to), Math.max(this.from, to)];
    this.from = undefined;
    this.chosen(this.one.dimension, this.points.slice(a, b + 1));
    this.mark();
  }
}

// All six, and the same values as a table.
class Charts {
  constructor(host, values) {
    Object.assign(this, {host, values, points: []});
    this.charts = series.map((one) => new Chart(one, (dimension, points) => this.pick(dimension, points)));
    host.append(...this.charts.map((chart) => chart.card));
    host.addEventListener('keydown', (event) => this.key(event));
    values.parentElement.addEventListener('toggle', () => this.list());
  }

  show(points, known) {
    const news = JSON.stringify([points.map((point) => point.n), [...known]]);
    if (news === this.news) return;
    Object.assign(this, {news, points, known});
    for (const chart of this.charts) chart.show(points, known);
    this.list();
  }

  mark() {
    for (const chart of this.charts) chart.mark();
  }

  pick(dimension, points) {
    const kept = points.filter((point) => this.known.has(point.n));
    if (!kept.length) {
      $('status').textContent = 'Profiles of that time are no longer kept here.';
      choose({dimension});
      return;
    }
    choose({dimension, moment: this.known.get(kept[kept.length - 1].n), span: kept.length});
  }

  key(event) {
    const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
    if (event.key === 'End') choose({moment: '', span: 1});
    else if (step && state.moments.length) {
      const next = Math.min(state.moments.length - 1, Math.max(0, indexOf(state.moment) + step));
      choose({moment: state.moments[next].key});
      $('status').textContent = state.moments[next].label;
    } else return;
    event.preventDefault();
  }

  list() {
    if (!this.values.parentElement.open) return;
    const head = ['From', 'To', ...series.map((one) => dimensions[one.dimension]), 'Processes', 'Lost'];
    const rows = [...this.points].reverse().map((point) => [clock(point.start), clock(point.end),
      ...series.map((one) => valueText(one, point[one.of])), String(point.processes), String(point.lost)]);
    this.values.replaceChildren(make('table', {}, make('thead', {}, make('tr', {}, ...head.map((text) => make('th', {scope: 'col', textContent: text})))),
      make('tbody', {}, ...rows.map((row) => make('tr', {}, ...row.map((text) => make('td', {className: 'number', textContent: text})))))));
  }
}
