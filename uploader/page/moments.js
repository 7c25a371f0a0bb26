// moments.js - the moments that can be looked at, which of them are chosen, and their profiles.
// SPDX-License-Identifier: MIT

const $ = (id) => document.getElementById(id);
// moments: [{key, label, profiles: [{name, kind, bytes, url, ...of readProfile}]}], the latest last. A page that is
// live may hold of a profile no more than where to get it. moment, base: a key; '' is the latest, '-1' none, 'before'
// what lies before the moment.
const state = {moments: [], moment: '', span: 1, base: '-1', dimension: '', view: 'flame', frame: -1};
const PARSED_MOST = 24;

function make(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

const option = (value, text) => make('option', {value, textContent: text});
// Of one process that ended, its last part of a period, is no period: it is a part of the one that ends next.
const allPeriods = () => state.moments.filter((moment) => !moment.apart);
const latest = () => (allPeriods().length ? allPeriods().pop().key : '');
const indexOf = (key) => state.moments.findIndex((moment) => moment.key === (key || latest()));

// The moments that are added up on one side: 0, what is looked at; 1, what it is compared with.
function chosenMoments(side) {
  if (side && state.base === '-1') return [];
  const key = side && state.base !== 'before' ? state.base : state.moment, one = state.moments[indexOf(key)];
  if (one && one.apart) return side && state.base === 'before' ? [] : [one];
  const whole = allPeriods(), last = whole.indexOf(one) - (side && state.base === 'before' ? state.span : 0);
  if (last < 0) return [];
  // what is in use is no longer so in a process that has ended
  if (gauges.includes(state.dimension)) return whole.slice(Math.max(0, last - state.span + 1), last + 1);
  const before = whole[last - state.span];
  return state.moments.slice(before ? state.moments.indexOf(before) + 1 : 0, state.moments.indexOf(whole[last]) + 1);
}

const kindOf = (dimension) => ({cpu: 'cpu', samples: 'cpu', goroutine: 'threads'}[dimension] || 'heap');

// A moment's profile of the dimension: {profile, index}; index < 0: not read yet. null: there is none.
function partOf(moment) {
  for (const profile of moment.profiles) {
    const index = profile.types ? profile.types.findIndex((type) => type.type === state.dimension) : -1;
    if (index >= 0 || (!profile.types && profile.kind === kindOf(state.dimension))) return {profile, index};
  }
  return null;
}

// What is looked at, or compared with, as eachStack takes it; null: nothing.
function sideOf(side) {
  const parts = chosenMoments(side).map(partOf).filter((part) => part && part.index >= 0);
  if (!parts.length) return null;
  const duration = parts.reduce((sum, {profile}) => sum + profile.duration, 0);
  return {parts, duration, scale: gauges.includes(state.dimension) ? 1 / parts.length : 1, unit: parts[0].profile.types[parts[0].index].unit};
}

// The profiles that the choice needs and that have not been read.
const missing = () => [0, 1].flatMap((side) => chosenMoments(side)).map(partOf).filter((part) => part && part.index < 0).map((part) => part.profile);

let reads = 0;

async function readInto(profile) {
  if (!profile.bytes) {
    const reply = await fetch(profile.url, {signal: AbortSignal.timeout(30000)});
    if (!reply.ok) throw new Error(reply.status === 404 ? 'this period is no longer kept' : `the uploader answers ${reply.status}`);
    profile.bytes = new Uint8Array(await reply.arrayBuffer());
  }
  Object.assign(profile, readProfile(await unpacked(profile.bytes)), {read: ++reads});
}

// What was read takes much more room than its bytes: the ones that were not looked at for longest are forgotten.
function forgetSome() {
  const needed = new Set([0, 1].flatMap((side) => chosenMoments(side)));
  const others = state.moments.filter((moment) => !needed.has(moment)).flatMap((moment) => moment.profiles).filter((profile) => profile.types && profile.url);
  others.sort((a, b) => a.read - b.read);
  for (const profile of others.slice(0, Math.max(0, others.length - PARSED_MOST))) profile.types = profile.samples = undefined;
}

// What a live page can choose from: each kind's own, whether read or not.
const typesOf = (profile) => profile.types ? profile.types.map(({type}) => type) :
  {cpu: ['samples', 'cpu'], heap: ['alloc_objects', 'alloc_space', 'inuse_objects', 'inuse_space'], threads: ['goroutine']}[profile.kind] || [];

function fill(select, options, value) {
  const text = options.map((one) => `${one.value} ${one.textContent}`).join('\n');
  if (select.offered !== text) select.replaceChildren(...options);
  select.offered = text;
  select.value = value;
}

// The choices that the moments at hand give.
function offer() {
  const types = new Map(), {moments} = state;
  for (const moment of moments) for (const profile of moment.profiles) for (const type of typesOf(profile)) types.set(type, dimensions[type] || type);
  const now = moments[indexOf(state.moment)], first = now && now.profiles[0];
  if (!types.has(state.dimension) && first) state.dimension = types.has('cpu') ? 'cpu' : first.first || typesOf(first).pop();
  fill($('dimension'), [...types].map(([type, title]) => option(type, title)), state.dimension);
  const choices = () => moments.map((moment) => option(moment.key, moment.label)).reverse();
  fill($('moment'), state.live ? [option('', 'the latest, live'), ...choices()] : choices(), state.moment);
  const spans = [1, 2, 3, 5, 10, 20, 50, state.span].filter((span, at, all) => span <= Math.max(moments.length, state.span) && all.indexOf(span) === at).sort((a, b) => a - b);
  fill($('span'), spans.map((span) => option(String(span), span === 1 ? 'it alone' : `it and the ${span - 1} before`)), String(state.span));
  fill($('base'), [option('-1', 'nothing'), ...(state.live ? [option('before', 'what was before')] : []), ...choices()], state.base);
  for (const one of ['moment', 'span', 'base']) $(one).parentElement.hidden = moments.length < 2;
  const title = state.program || (first && first.program) || 'conprof';
  $('program').textContent = title;
  document.title = `${title} - conprof`;
}
