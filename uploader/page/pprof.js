// pprof.js - a file in google/pprof's format, plain or gzip, as stacks of functions.
// SPDX-License-Identifier: MIT

// The wire format of protobuf. What does not fit throws: a damaged file is told, never guessed at.
class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  // A varint as a signed 64-bit number; exact up to 2^53, as all that is added up here is. `hex` keeps the rest.
  number() {
    let low = 0, high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.at >= this.bytes.length) throw new Error('the profile ends in the middle of a number');
      const byte = this.bytes[this.at++], part = byte & 127;
      if (shift < 28) low |= part << shift;
      else if (shift === 28) {
        low |= part << 28;
        high = part >> 4;
      } else high |= part << (shift - 32);
      if (byte < 128) {
        this.low = low >>> 0;
        this.high = high;
        return high * 4294967296 + this.low;
      }
    }
    throw new Error('the profile holds a number that is too long');
  }

  hex() {
    const high = this.high >>> 0, low = this.low.toString(16);
    return '0x' + (high ? high.toString(16) + low.padStart(8, '0') : low);
  }

  skip(count) {
    const from = this.at;
    this.at += count;
    if (!(count >= 0) || this.at > this.bytes.length) throw new Error('the profile ends in the middle of a field');
    return this.bytes.subarray(from, this.at);
  }

  // Calls visit(field, number or bytes) for each field.
  fields(visit) {
    while (this.at < this.bytes.length) {
      const key = this.number(), wire = key & 7, field = Math.floor(key / 8);
      if (wire === 0) visit(field, this.number());
      else if (wire === 2) visit(field, this.skip(this.number()));
      else if (wire === 1) this.skip(8);
      else if (wire === 5) this.skip(4);
      else throw new Error('this is not a profile');
    }
  }
}

// A repeated number may come packed or one by one.
function numbers(into, value) {
  if (typeof value === 'number') into.push(value);
  else for (const reader = new Reader(value); reader.at < value.length;) into.push(reader.number());
}

// {name of field: number or bytes}, by the fields' numbers; `repeated` ones as arrays.
function message(bytes, names, repeated = []) {
  const made = {}, reader = new Reader(bytes);
  for (const name of repeated) made[name] = [];
  reader.fields((field, value) => {
    const name = names[field];
    if (!name) return;
    if (!repeated.includes(name)) made[name] = value;
    else if (value instanceof Uint8Array && (name === 'lines' || name === 'labels')) made[name].push(value);
    else numbers(made[name], value);
    if (name === 'address') made.hex = reader.hex();
  });
  return made;
}

const baseName = (path) => path.slice(path.lastIndexOf('/') + 1);

// What the tables of one file say, by id.
function readTables(bytes) {
  const t = {types: [], samples: [], comments: [], texts: [], mappings: new Map(), locations: new Map(), functions: new Map()};
  const decoder = new TextDecoder();
  const byId = (map, entry) => map.set(entry.id, entry);
  new Reader(bytes).fields((field, value) => {
    if (field === 1) t.types.push(message(value, ['', 'type', 'unit']));
    else if (field === 2) t.samples.push(message(value, ['', 'places', 'values', 'labels'], ['places', 'values', 'labels']));
    else if (field === 3) byId(t.mappings, message(value, ['', 'id', '', '', '', 'file']));
    else if (field === 4) byId(t.locations, message(value, ['', 'id', 'mapping', 'address', 'lines'], ['lines']));
    else if (field === 5) byId(t.functions, message(value, ['', 'id', 'name', 'system', 'file', 'line']));
    else if (field === 6) t.texts.push(decoder.decode(value));
    else if (field === 7) t.drop = value;
    else if (field === 8) t.keep = value;
    else if (field === 9) t.time = value;
    else if (field === 10) t.duration = value;
    else if (field === 13) numbers(t.comments, value);
    else if (field === 14) t.first = value;
  });
  if (!t.types.length || t.texts[0] !== '') throw new Error('this is not a profile');
  return t;
}

// Functions are known across files by name and module: frames[number] = {name, system, file, line, module}.
const frames = [];
const frameNumbers = new Map();

function frameNumber(frame) {
  const key = frame.name + '\0' + frame.module;
  let number = frameNumbers.get(key);
  if (number === undefined) {
    number = frames.push(frame) - 1;
    frameNumbers.set(key, number);
  }
  return number;
}

// A location's frames, the caller first: inlined calls stand leaf first in the file.
function framesOf(t, text, id) {
  const place = t.locations.get(id);
  if (!place) throw new Error('a sample of the profile is at a location that it does not describe');
  const mapping = t.mappings.get(place.mapping), file = mapping ? text(mapping.file) : '', module = baseName(file);
  const made = place.lines.map((line) => {
    const f = t.functions.get(message(line, ['', 'function']).function) || {};
    const name = text(f.name) || text(f.system) || place.hex || '?';
    return frameNumber({name, system: text(f.system), file: text(f.file), line: f.line || 0, module});
  });
  if (!made.length) made.push(frameNumber({name: module ? `[${module}]` : '[unknown]', system: '', file, line: 0, module}));
  return made.reverse();
}

// The reader's law for drop_frames: a match and what it called goes, but never the root's end of a stack.
function pruned(stack, drop, keep) {
  let seen = false;
  for (let i = 0; i < stack.length; i++) {
    const name = frames[stack[i]].name.replace(/^((?:\(anonymous namespace\)|operator\(\)|[^(])+)\(.*/s, '$1');
    const matches = drop.test(name) && !(keep && keep.test(name));
    if (seen && matches) return stack.slice(0, i);
    seen = seen || !matches;
  }
  return stack;
}

function regularOrNull(text) {
  try {
    return text ? new RegExp(`^(?:${text})$`) : null;
  } catch {
    return null;
  }
}

// The whole of a file: types, and samples of {stack, short (without dropped frames), values}.
function readProfile(bytes) {
  const t = readTables(bytes), places = new Map();
  const text = (index) => t.texts[index || 0] || '';
  const drop = regularOrNull(text(t.drop)), keep = regularOrNull(text(t.keep));
  const samples = t.samples.map((sample) => {
    const stack = [];
    for (let i = sample.places.length - 1; i >= 0; i--) {
      const id = sample.places[i];
      if (!places.has(id)) places.set(id, framesOf(t, text, id));
      stack.push(...places.get(id));
    }
    return {stack, short: drop ? pruned(stack, drop, keep) : stack, values: sample.values};
  });
  const program = t.mappings.size ? text(t.mappings.values().next().value.file) : '';
  return {types: t.types.map((type) => ({type: text(type.type), unit: text(type.unit)})), samples, program: baseName(program),
    first: text(t.first), dropped: Boolean(drop), time: t.time || 0, duration: t.duration || 0, comments: t.comments.map(text)};
}

async function unpacked(bytes) {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
