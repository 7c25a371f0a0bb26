// panel.js - beside the graph: programs, the processes of one, what was lost, what it costs, where profiles go.
// SPDX-License-Identifier: MIT

// Made anew only when what it says has changed, so that whoever reads there is not disturbed; the focus stays.
function renew(host, told, build) {
  const text = JSON.stringify(told);
  if (host.told === text) return;
  host.told = text;
  const at = host.contains(document.activeElement) ? document.activeElement.dataset.id : undefined;
  host.replaceChildren(...build(told));
  const again = at === undefined ? null : [...host.querySelectorAll('[data-id]')].find((one) => one.dataset.id === at);
  if (again) again.focus({preventScroll: true});
}

const heading = (text) => make('h2', {textContent: text});
const line = (text) => make('p', {textContent: text});

function pairs(entries) {
  return make('dl', {}, ...entries.flatMap(([name, value]) => [make('dt', {textContent: name}), make('dd', {textContent: value})]));
}

function listPrograms(host, programs, chosen, turn) {
  renew(host, [programs.map(({id, name, exe, living, wait}) => [id, name, exe, living, wait]), chosen], ([rows]) => rows.map(([id, name, exe, living, wait]) => {
    const button = make('button', {type: 'button', title: exe}, make('span', {className: 'name', textContent: name}),
      make('small', {textContent: (living ? plural(living, 'process', 'processes') : 'over') + (wait ? ', no profile yet' : '')}));
    button.dataset.id = String(id);
    if (id === chosen) button.setAttribute('aria-current', 'true');
    button.addEventListener('click', () => turn(id));
    return make('li', {}, button);
  }));
}

function listProcesses(host, {processes, more, ended}) {
  renew(host, [processes, more, ended], () => {
    const rows = processes.map(({pid, name, threads, state: doing}) => make('tr', {}, ...[[pid, 'number'], [name, 'place'], [threads, 'number'], [doing, '']]
      .map(([text, className]) => make('td', {className, textContent: String(text)}))));
    const head = make('thead', {}, make('tr', {}, ...['pid', 'name', 'threads', 'state'].map((text) => make('th', {scope: 'col', textContent: text}))));
    const table = make('div', {className: 'scroll', tabIndex: 0, role: 'region', ariaLabel: 'Processes'}, make('table', {}, head, make('tbody', {}, ...rows)));
    return [heading('Processes'), ...(processes.length ? [table] : [line('None is living.')]), ...(more ? [line(`and ${more} more`)] : []),
      ...(ended.length ? [make('h3', {textContent: 'ended lately'}), pairs(ended.map(({pid, how, at}) => [`${pid}, ${clock(at)}`, how]))] : [])];
  });
}

const KINDS = {cpu: 'CPU', heap: 'heap', thread: 'threads'};

function listLost(host, lost) {
  renew(host, lost, () => [heading('Lost'), lost.length ?
    pairs(lost.map(({kind, cause, count}) => [`${KINDS[kind] || kind}: ${cause.replaceAll('_', ' ')}`, count.toLocaleString('en')])) : line('Nothing.')]);
}

function listCost(host, uploader, last, busy) {
  const rows = [['uploader, memory', amount(uploader.rss, 'bytes')], ['uploader, CPU', busy === null ? amount(uploader.cpu, 'seconds') : `${(busy * 100).toFixed(2)} % of one`]];
  if (last && last.ticks) rows.push(['ticks, last period', amount(last.ticks, 'seconds') + (last.cpu ? `, ${share(last.ticks, last.ticks + (last.cpu * (last.end - last.start)) / 1000)} of CPU` : '')]);
  renew(host, rows, () => [heading('What it costs'), pairs(rows)]);
}

// Lines of `conprof status` about deliveries, whatever fields they have; what is none is left out.
function listDestinations(host, lines) {
  const titles = {uploads: 'uploads so far', upload: 'the last one', last: 'last line of the log'}, hidden = ['ticket', 'program', 'files', 'at_ns'];
  renew(host, lines, () => [heading('Where profiles go'), ...lines.flatMap(({kind, ...fields}) => {
    const shown = Object.entries(fields).filter(([key, value]) => value !== '' && value !== '0' && !hidden.includes(key));
    return [make('h3', {textContent: titles[kind] || kind}), shown.length ? pairs(shown.map(([key, value]) => [key.replaceAll('_', ' '), value])) : line('none')];
  })]);
}
