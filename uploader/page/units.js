// units.js - numbers as people read them.
// SPDX-License-Identifier: MIT

const scales = {
  nanoseconds: [['ns', 1], ['µs', 1e3], ['ms', 1e6], ['s', 1e9], ['min', 6e10], ['h', 3.6e12]],
  seconds: [['µs', 1e-6], ['ms', 1e-3], ['s', 1], ['min', 60], ['h', 3600]],
  bytes: [['B', 1], ['KiB', 1024], ['MiB', 1048576], ['GiB', 1073741824], ['TiB', 1099511627776]],
};

function amount(value, unit) {
  const scale = scales[unit], size = Math.abs(value);
  if (!scale) return value.toLocaleString('en', {maximumFractionDigits: size >= 100 ? 0 : size >= 10 ? 1 : 2}) + (unit && unit !== 'count' ? ' ' + unit : '');
  let [name, one] = size ? scale[0] : scale.find(([, of]) => of === 1);
  for (const [larger, next] of scale) if (size >= next) [name, one] = [larger, next];
  const shown = value / one;
  return `${shown.toFixed(Math.abs(shown) >= 100 || one === 1 ? 0 : Math.abs(shown) >= 10 ? 1 : 2)} ${name}`;
}

function share(part, whole) {
  if (!whole) return '0 %';
  const percent = (100 * part) / whole;
  return `${percent >= 9.95 || percent === 0 ? percent.toFixed(percent >= 99.95 ? 0 : 1) : percent.toFixed(2)} %`;
}

// How much more of its whole a part became, in points of percent.
const change = (now, before, nowWhole, beforeWhole) => (100 * now) / (nowWhole || 1) - (100 * before) / (beforeWhole || 1);
const points = (value) => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)} points`;

// What the six dimensions are called, by sample type.
const dimensions = {
  cpu: 'CPU time', samples: 'CPU samples', alloc_objects: 'Allocations', alloc_space: 'Allocated memory',
  inuse_objects: 'Live heap objects', inuse_space: 'Live heap size', goroutine: 'Threads',
};
// Those that are there at a moment: over several they have an average, no sum.
const gauges = ['inuse_objects', 'inuse_space', 'goroutine'];

const clock = (ms) => new Date(ms).toLocaleTimeString('en-GB');
const plural = (count, one, many) => `${count.toLocaleString('en')} ${count === 1 ? one : many || one + 's'}`;
