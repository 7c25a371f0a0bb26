// live.js - what the uploader tells while the page is open: programs, their values over time, and the periods at hand.
// SPDX-License-Identifier: MIT

const EVERY_MS = 1000;
const POINTS_MOST = 240;
const SELDOM_MS = 10000; // when nobody is looking, or nobody answers

class Live {
  constructor() {
    Object.assign(this, {program: 0, points: [], waits: EVERY_MS, spoken: 0});
    document.body.classList.add('live');
    for (const id of ['programs', 'about', 'charts', 'values', 'pulse', 'pprof']) $(id).hidden = false;
    this.charts = new Charts($('charts'), $('values-table'));
    $('follow').addEventListener('click', () => {
      choose({moment: ''});
      $('moment').focus();
    });
    document.addEventListener('visibilitychange', () => document.hidden || this.soon(0));
    setInterval(() => this.pulse(), 1000);
    this.poll();
  }

  soon(ms) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.poll(), ms);
  }

  async poll() {
    clearTimeout(this.timer);
    try {
      const reply = await fetch(`api/state?program=${this.program}&since=${this.since()}`, {signal: AbortSignal.timeout(8000), cache: 'no-store'});
      if (!reply.ok) throw new Error(`it answers ${reply.status}`);
      this.hear(await reply.json());
      this.waits = document.hidden ? SELDOM_MS : EVERY_MS;
    } catch (error) {
      this.away(error);
      this.waits = Math.min(this.waits * 2, SELDOM_MS);
    }
    this.soon(this.waits);
  }

  // The number of the first period whose values are not here.
  since() {
    return this.points.length ? this.points[this.points.length - 1].n + 1 : 0;
  }

  // Nobody answers: what is here stays.
  away(error) {
    if (!this.gone) {
      this.gone = Date.now();
      $('status').textContent = `The uploader has not answered since ${clock(this.gone)} (${error.name === 'TimeoutError' ? 'it takes too long' : error.message}). What it told until then stays here.`;
    }
    this.pulse();
  }

  hear(told) {
    if (this.gone) $('status').textContent = 'The uploader answers again.';
    const another = this.told && this.told.uploader.started !== told.uploader.started;
    Object.assign(this, {gone: 0, skew: Date.now() - told.now});
    this.measure(told.uploader);
    this.told = told;
    if (another) {
      told.points = []; // of those before the first we asked for it said nothing
      $('status').textContent = 'This is another uploader: it begins anew.';
    }
    const now = told.programs.find(({id}) => id === told.chosen);
    if (told.chosen !== this.program || another) this.begin(told.chosen);
    this.points = [...this.points, ...told.points.filter(({n}) => n >= this.since())].slice(-POINTS_MOST);
    listPrograms($('program-list'), told.programs, told.chosen, (id) => this.turn(id));
    listProcesses($('processes'), told);
    listLost($('lost'), told.lost);
    listCost($('cost'), told.uploader, this.points[this.points.length - 1], this.busy);
    listDestinations($('destinations'), told.status);
    this.arrive(told, now);
    this.charts.show(this.points, this.known);
    this.pulse();
  }

  // What part of a CPU it used lately, in ten seconds or more.
  measure(uploader) {
    const at = performance.now() / 1000, from = this.measured;
    if (!from || from.cpu > uploader.cpu) this.busy = null;
    if (!from || from.cpu > uploader.cpu || at - from.at >= 10) {
      if (from && from.cpu <= uploader.cpu) this.busy = (uploader.cpu - from.cpu) / (at - from.at);
      this.measured = {at, cpu: uploader.cpu};
    }
  }

  turn(id) {
    this.program = id;
    this.soon(0);
  }

  begin(id) {
    Object.assign(this, {program: id, points: []});
    Object.assign(state, {moments: [], moment: '', span: 1, base: '-1', frame: -1});
  }

  // Periods that are new to us; those that the uploader has dropped go, unless they are looked at.
  arrive({periods, uploader, chosen}, now) {
    const before = latest(), known = new Map(state.moments.map((moment) => [moment.key, moment]));
    const using = new Set([0, 1].flatMap((side) => chosenMoments(side)).map(({key}) => key));
    const moments = periods.map((period) => known.get(`${uploader.started}-${chosen}-${period.n}`) || this.moment(period, `${uploader.started}-${chosen}-${period.n}`, chosen));
    const here = new Set(moments.map(({key}) => key));
    const kept = state.moment ? state.moments.filter(({key}) => using.has(key) && !here.has(key)) : [];
    state.moments = [...kept, ...moments];
    const name = now ? now.name : '', same = name === state.program;
    state.program = name;
    this.known = new Map(allPeriods().map((moment) => [moment.n, moment.key]));
    const ended = state.moments.find((moment) => moment.apart && !known.has(moment.key));
    if (before && ended) $('status').textContent = `${ended.note}. Its last moments are there to be looked at.`;
    if (same && before === latest() && state.moments.length === known.size) return;
    offer();
    if (!state.moment || state.base === 'before' || !before) draw();
    if (!ended) this.speak(before);
  }

  moment({n, start, end, stem, profiles, note, apart}, key, program) {
    const url = (kind) => `api/profile?program=${program}&period=${n}&name=${kind}`;
    return {key, n, apart, note, label: `${clock(start)}–${clock(end)}${apart ? ` ${note}` : ''}`, profiles: profiles.map((kind) => ({kind, name: `${stem}.${kind}.pprof`, url: url(kind)}))};
  }

  // Politely, and not all the time.
  speak(before) {
    if (!before || before === latest() || Date.now() - this.spoken < 15000) return;
    this.spoken = Date.now();
    $('status').textContent = `A new period: ${state.moments[indexOf('')].label}.`;
  }

  drawn() {
    if (this.known) this.charts.mark();
    $('follow').hidden = !state.moment;
  }

  pulse() {
    const told = this.told, now = told && told.programs.find(({id}) => id === this.program);
    const left = now && now.next ? Math.max(0, Math.ceil((now.next - (Date.now() - this.skew)) / 1000)) : 0;
    const first = !state.moments.length, which = first ? 'first profile' : 'next profile';
    let text = 'connecting…';
    if (this.gone) text = `no answer since ${clock(this.gone)}`;
    else if (told && !now) text = 'nothing is being profiled';
    else if (now) text = now.living || now.making ? `${which} ${left && !now.making ? `in ${left} s` : 'is being made'}` : 'the program is over';
    $('pulse').textContent = text;
    $('pulse').className = this.gone ? 'gone' : state.moment ? 'pinned' : '';
    document.body.classList.toggle('nothing', first);
    $('empty').hidden = !first;
    $('empty').textContent = first ? this.emptiness(now, left) : '';
  }

  emptiness(now, left) {
    if (!this.told) return 'Asking the uploader…';
    if (!now) return 'Nothing is being profiled. As soon as a program starts with the library in front of it, it appears here.';
    if (!now.living) return `${now.name} was over before its first period was.`;
    return left && !now.making ? `First profile of ${now.name} in ${left} s.` : `The first profile of ${now.name} is being made; the symbols of a large program take a while.`;
  }
}
