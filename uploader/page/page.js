// page.js - what the reader chose, and what is shown for it.
// SPDX-License-Identifier: MIT

const $ = (id) => document.getElementById(id);
// moments: [{label, profiles: [{name, bytes, ...of readProfile}]}], the latest last.
const state = {moments: [], moment: 0, base: -1, dimension: '', view: 'flame', frame: -1};

function option(value, text) {
  const made = document.createElement('option');
  made.value = value;
  made.textContent = text;
  return made;
}

// The text as a regular expression; null when empty; a bad one is marked and counts as empty.
function expressionOf(input) {
  let made = null, bad = '';
  try {
    made = input.value ? new RegExp(input.value) : null;
  } catch (error) {
    bad = error.message;
  }
  input.setAttribute('aria-invalid', String(Boolean(bad)));
  input.title = bad;
  return made;
}

// Where a dimension is found in a moment: {profile, index}, or null.
function sideOf(number) {
  const moment = state.moments[number];
  for (const profile of moment ? moment.profiles : []) {
    const index = profile.types.findIndex((type) => type.type === state.dimension);
    if (index >= 0) return {profile, index, unit: profile.types[index].unit};
  }
  return null;
}

function viewNow() {
  const filters = {};
  for (const which of ['focus', 'ignore', 'show', 'hide']) filters[which] = expressionOf($(which));
  $('filtering').textContent = Object.values(filters).some(Boolean) ? '(in use)' : '';
  return {filters, all: $('all').checked};
}

const flame = new Flame(document.querySelector('#flame .graph'), tell, (node) => chosen(node));
const callees = new Flame($('callees'), tell, (node) => chosen(node));
const callers = new Flame($('callers'), tell, (node) => chosen(node));
const table = new Table($('table'), (frame) => around(frame));

// What the graphs need to know of the sums: how a node reads, and how it changed (-1 to 1), if compared.
function wording(whole, unit, title) {
  const compared = state.base >= 0;
  const describe = (node) => {
    const frame = frames[node.frame], name = frame ? frame.name : title;
    const parts = [`${name}: ${amount(node.total[0], unit)}, ${share(node.total[0], whole[0])}`];
    if (node.self[0]) parts.push(`self ${amount(node.self[0], unit)}, ${share(node.self[0], whole[0])}`);
    if (compared) parts.push(points(change(node.total[0], node.total[1], whole[0], whole[1])));
    return parts.join('; ');
  };
  const difference = (node) => {
    const now = node.total[0] / (whole[0] || 1), before = node.total[1] / (whole[1] || 1);
    return now + before ? (now - before) / (now + before) : 0;
  };
  return {describe, difference: compared ? difference : null, whole, title};
}

function tell(node) {
  const frame = frames[node.frame], place = frame ? `${frame.module}${frame.file ? ` ${frame.file}` : ''}${frame.line ? `:${frame.line}` : ''}` : '';
  $('told').textContent = flame.view.describe(node) + (place ? ` — ${place}` : '');
  state.pointed = frame ? node.frame : -1;
  $('around').hidden = !frame;
}

function chosen(node) {
  tell(node);
  $('status').textContent = `Zoomed to ${frames[node.frame] ? frames[node.frame].name : 'everything'}.`;
}

function around(frame) {
  state.frame = frame;
  $('function').value = frames[frame].name;
  turnTo('sandwich');
}

// Draws what is seen; the other views are drawn when they are turned to.
function draw() {
  const now = sideOf(state.moment), before = sideOf(state.base), view = viewNow();
  const sides = [now, before], unit = (now || before || {unit: ''}).unit;
  const root = treeOf(sides, view), whole = root.total, title = dimensions[state.dimension] || state.dimension;
  const words = wording(whole, unit, title);
  let text = `${title}: ${amount(whole[0], unit)}`;
  if (now && now.profile.duration) text += ` in ${amount(now.profile.duration, 'nanoseconds')}`;
  if (before) text += `, before ${amount(whole[1], unit)}; red took a greater share than before, blue a lesser`;
  $('sum').textContent = now || before ? text : 'There is nothing of this dimension.';
  flame.view = words;
  if (state.view === 'flame') flame.show(root, words);
  if (state.view === 'table') table.show(functionsOf(sides, view), {amount: (value) => amount(value, unit), whole, compared: Boolean(before)});
  if (state.view === 'sandwich') drawAround(sides, view, words, now);
  covers(now);
  search();
}

function drawAround(sides, view, words, now) {
  const list = functionsOf(sides, view).sort((a, b) => b.total[0] - a.total[0]).slice(0, 500);
  $('functions').replaceChildren(...list.map((row) => option(frames[row.frame].name, '')));
  if (state.frame < 0 && list.length) state.frame = list.reduce((a, b) => (b.self[0] > a.self[0] ? b : a)).frame;
  if (state.frame < 0) return;
  $('function').value = frames[state.frame].name;
  const both = sandwichOf(sides, view, state.frame), name = (now || {unit: ''}) && frames[state.frame].name;
  callees.show(both.callees, {...words, title: name});
  callers.show(both.callers, {...words, title: name});
}

function covers(now) {
  $('comments').replaceChildren(...(now ? now.profile.comments : []).map((comment) => {
    const line = document.createElement('li');
    line.textContent = comment;
    return line;
  }));
  if (state.link) URL.revokeObjectURL(state.link);
  state.link = now ? URL.createObjectURL(new Blob([now.profile.bytes], {type: 'application/octet-stream'})) : '';
  $('download').hidden = !now;
  $('download').href = state.link;
  $('download').download = now ? now.profile.name : '';
}

function search() {
  const expression = expressionOf($('search')), found = flame.find(expression);
  table.find(state.view === 'table' ? expression : null);
  callees.find(expression);
  callers.find(expression);
  const whole = flame.root ? flame.root.total[0] : 0;
  $('found').textContent = expression && state.view === 'flame' ? `${share(found[0], whole)} matched` : '';
}

function turnTo(view) {
  state.view = view;
  for (const one of ['flame', 'table', 'sandwich']) {
    $(one).hidden = one !== view;
    $(`tab-${one}`).setAttribute('aria-selected', String(one === view));
    $(`tab-${one}`).tabIndex = one === view ? 0 : -1;
  }
  draw();
}

function turnBy(event) {
  const views = ['flame', 'table', 'sandwich'], step = {ArrowRight: 1, ArrowLeft: 2}[event.key];
  if (!step) return;
  turnTo(views[(views.indexOf(state.view) + step) % 3]);
  $(`tab-${state.view}`).focus();
}

// The choices that the moments at hand give.
function offer() {
  const types = new Map();
  for (const moment of state.moments) for (const profile of moment.profiles) for (const {type} of profile.types) types.set(type, dimensions[type] || type);
  const first = state.moments.length ? state.moments[state.moment].profiles[0] : null;
  if (!types.has(state.dimension)) state.dimension = first ? first.first || first.types[first.types.length - 1].type : '';
  $('dimension').replaceChildren(...[...types].map(([type, title]) => option(type, title)));
  $('dimension').value = state.dimension;
  const moments = () => state.moments.map((moment, number) => option(String(number), moment.label));
  $('moment').replaceChildren(...moments());
  $('moment').value = String(state.moment);
  $('base').replaceChildren(option('-1', 'nothing'), ...moments());
  $('base').value = String(state.base);
  for (const one of ['moment', 'base']) $(one).parentElement.hidden = state.moments.length < 2;
  $('program').textContent = (first && first.program) || 'conprof';
  document.title = `${$('program').textContent} - conprof`;
}

function listen() {
  const slowly = (then) => {
    let timer;
    return () => {
      clearTimeout(timer);
      timer = setTimeout(then, 150);
    };
  };
  for (const [id, key] of [['dimension', 'dimension'], ['moment', 'moment'], ['base', 'base']])
    $(id).addEventListener('change', () => {
      state[key] = key === 'dimension' ? $(id).value : Number($(id).value);
      draw();
    });
  $('search').addEventListener('input', slowly(search));
  for (const id of ['focus', 'ignore', 'show', 'hide']) $(id).addEventListener('input', slowly(draw));
  $('all').addEventListener('change', draw);
  for (const view of ['flame', 'table', 'sandwich']) $(`tab-${view}`).addEventListener('click', () => turnTo(view));
  document.querySelector('[role=tablist]').addEventListener('keydown', turnBy);
  $('around').addEventListener('click', () => around(state.pointed));
  $('function').addEventListener('change', () => {
    const frame = frames.findIndex((one) => one.name === $('function').value);
    if (frame >= 0) around(frame);
  });
  document.addEventListener('keydown', (event) => {
    if (event.key !== '/' || event.target.closest('input, select')) return;
    event.preventDefault();
    $('search').focus();
  });
}

// What the page brings with it: {base, moments: [{label, profiles: [{name, data: base64}]}]}
async function brought() {
  const {base, moments} = JSON.parse($('data').content.textContent);
  for (const moment of moments)
    for (const profile of moment.profiles) {
      profile.bytes = Uint8Array.from(atob(profile.data), (letter) => letter.charCodeAt(0));
      delete profile.data;
      Object.assign(profile, readProfile(await unpacked(profile.bytes)));
    }
  return {base, moments};
}

brought().then(({base, moments}) => {
  Object.assign(state, {base, moments, moment: Math.max(0, moments.length - 1)});
  offer();
  listen();
  turnTo('flame');
}).catch((error) => {
  $('status').textContent = `This cannot be shown: ${error.message}`;
});
