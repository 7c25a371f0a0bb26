// page.js - what the reader chose, and what is shown for it.
// SPDX-License-Identifier: MIT

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
  const compared = state.base !== '-1';
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

// Profiles that have to be fetched first come in their own time; meanwhile what is shown stays.
async function draw() {
  const wanted = (state.asked = {}), waiting = missing();
  if (waiting.length) {
    const slow = setTimeout(() => ($('status').textContent = `Loading ${plural(waiting.length, 'profile')}…`), 400);
    const gone = (await Promise.allSettled(waiting.map(readInto))).find(({reason}) => reason);
    clearTimeout(slow);
    if (wanted !== state.asked) return;
    $('status').textContent = gone ? `Not all could be had: ${gone.reason.message}.` : '';
    forgetSome();
    offer();
  }
  show();
}

// Draws what is seen; the other views are drawn when they are turned to.
function show() {
  const sides = [sideOf(0), sideOf(1)], view = viewNow(), [now, before] = sides, {unit} = now || before || {unit: ''};
  const root = treeOf(sides, view), whole = root.total, title = dimensions[state.dimension] || state.dimension;
  const words = wording(whole, unit, title);
  $('sum').textContent = now || before ? said(now, before, whole, unit, title) : state.live ? '' : 'There is nothing of this dimension.';
  flame.view = words;
  const same = state.drawn === state.program;
  state.drawn = state.program;
  if (state.view === 'flame') flame.show(root, words, same);
  if (state.view === 'table') table.show(functionsOf(sides, view), {amount: (value) => amount(value, unit), whole, compared: Boolean(before)});
  if (state.view === 'sandwich') drawAround(sides, view, words);
  covers(now);
  search();
  if (state.live) state.live.drawn();
}

function said(now, before, whole, unit, title) {
  let text = `${title}: ${amount(whole[0], unit)}`;
  if (now && now.duration) text += ` in ${amount(now.duration, 'nanoseconds')}`;
  if (now && now.scale !== 1) text += ` on average of ${now.parts.length} moments`;
  if (before) text += `, before ${amount(whole[1], unit)}; red took a greater share than before, blue a lesser`;
  return text;
}

function drawAround(sides, view, words) {
  const list = functionsOf(sides, view).sort((a, b) => b.total[0] - a.total[0]).slice(0, 500);
  $('functions').replaceChildren(...list.map((row) => option(frames[row.frame].name, '')));
  if (state.frame < 0 && list.length) state.frame = list.reduce((a, b) => (b.self[0] > a.self[0] ? b : a)).frame;
  if (state.frame < 0) return;
  if (document.activeElement !== $('function')) $('function').value = frames[state.frame].name;
  const both = sandwichOf(sides, view, state.frame), title = frames[state.frame].name, same = state.middle === state.frame;
  state.middle = state.frame;
  callees.show(both.callees, {...words, title}, same);
  callers.show(both.callers, {...words, title}, same);
}

function covers(now) {
  const profile = now && now.parts[now.parts.length - 1].profile, comments = profile ? profile.comments : [];
  $('comments').replaceChildren(...comments.map((comment) => make('li', {textContent: comment})));
  $('download').textContent = now && now.parts.length > 1 ? `Download the last of these ${now.parts.length} profiles` : 'Download this profile';
  if (state.linked === profile) return;
  if (state.link) URL.revokeObjectURL(state.link);
  state.linked = profile;
  state.link = profile ? URL.createObjectURL(new Blob([profile.bytes], {type: 'application/octet-stream'})) : '';
  $('download').hidden = !profile;
  $('download').href = state.link;
  $('download').download = profile ? profile.name : '';
  $('download').title = profile ? profile.name : '';
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

// A choice that was made anywhere: the selects say it, too.
function choose(choice) {
  Object.assign(state, choice);
  offer();
  draw();
}

const slowly = (then, timer) => () => {
  clearTimeout(timer);
  timer = setTimeout(then, 150);
};

function listen() {
  for (const key of ['dimension', 'moment', 'span', 'base'])
    $(key).addEventListener('change', () => choose({[key]: key === 'span' ? Number($(key).value) : $(key).value}));
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

// What the page brings with it: {base, moments: [{label, profiles: [{name, data: base64}]}]}, or that it is live.
async function brought() {
  const {live, base, moments} = JSON.parse($('data').content.textContent);
  if (live) {
    state.live = new Live();
    return;
  }
  for (const [number, moment] of moments.entries()) {
    moment.key = String(number);
    for (const profile of moment.profiles) {
      profile.bytes = Uint8Array.from(atob(profile.data), (letter) => letter.charCodeAt(0));
      delete profile.data;
      await readInto(profile);
    }
  }
  Object.assign(state, {moments, base: String(base), moment: String(moments.length - 1)});
}

brought().then(() => {
  offer();
  listen();
  turnTo('flame');
}).catch((error) => {
  $('status').textContent = `This cannot be shown: ${error.message}`;
});
