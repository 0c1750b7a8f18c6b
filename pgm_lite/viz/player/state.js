// What a trace says about every moment: the state after step k, what went through the network, the bill.
//
// A trace is `pgm_lite.trace/1`. Nothing here touches the page; every function is pure.

export const UNKNOWN = 0, GIVEN = 1, KNOWN = 2, NEW = 3, REOPENED = 4, DRAFT = 5, ACCEPTED = 6, REJECTED = 7, REDRAWN = 8;
export const MARKS = ["unknown", "given", "known", "new", "reopened", "draft", "accepted", "rejected", "redrawn"];
export const ABSENT = 0, READ = 1, ASKED = 2, MASKED = 3, CACHED = 4, PARTLY = 5;
export const ROLES = ["absent", "read", "asked", "masked", "cached", "partly"];
export const CLOCKS = ["steps", "calls", "positions", "flops", "seconds"];
export const unitOf = clock => (clock === "flops" ? "FLOPs" : clock);

const KEY_EVERY = 16;
const keyFrames = new WeakMap();
const clocks = new WeakMap();
const growing = new WeakMap();
const longest = new WeakMap();

function blank(trace) {
  const n = trace.seq_len, known = Uint8Array.from(trace.init.known);
  return {
    tokens: Int32Array.from(trace.init.tokens),
    known,
    mark: known.map(is => (is ? GIVEN : UNKNOWN)),
    born: new Int32Array(n).map((_, i) => (known[i] ? 0 : -1)), // the step that wrote it, 0 for given
    prob: new Float64Array(n).fill(NaN),
    group: Int8Array.from(trace.groups || new Array(n).fill(-1)),
    digits: new Map(), // position -> one entry a digit, null while unknown
    verdicts: new Map(), // position -> the last draft judged there: { kept, token, p, q }
    order: inserts(trace) ? [...known.keys()].filter(i => known[i]) : null, // positions as they are read, where that changes
  };
}

const copy = s => ({
  tokens: s.tokens.slice(), known: s.known.slice(), mark: s.mark.slice(), born: s.born.slice(),
  prob: s.prob.slice(), group: s.group.slice(), digits: new Map([...s.digits].map(([i, d]) => [i, d.slice()])),
  verdicts: new Map(s.verdicts), order: s.order && s.order.slice(),
});

function settle(s, i, token, prob, step, mark) {
  if (token !== undefined && token !== null) s.tokens[i] = token;
  s.known[i] = 1; s.mark[i] = mark; s.born[i] = step; s.prob[i] = prob ?? NaN; s.digits.delete(i);
}

function forget(s, i, mark) {
  s.known[i] = 0; s.mark[i] = mark; s.born[i] = -1; s.prob[i] = NaN; s.digits.delete(i); s.verdicts.delete(i);
}

/** Whether tokens of this trace come in between others: positions are names then, and have no place. */
export function inserts(trace) {
  if (!growing.has(trace)) growing.set(trace, trace.steps.some(step => step.events.some(([, kind]) => kind === "insert")));
  return growing.get(trace);
}

/** How many tokens there are in the end: all positions, or as many as were inserted. */
export const sizeOf = trace => (inserts(trace) ? knownCount(stateAt(trace, trace.steps.length)) : trace.seq_len);

/** Whether a step proposes drafts, whether it judges some, whether nothing happens in it at all. */
export const drafts = step => step.events.some(([, kind]) => kind === "draft");
export const judges = step => step.events.some(([, kind]) => kind === "accept" || kind === "reject");
export const isIdle = step => step.events.length === 0 && !(step.cost?.calls > 0) && !(step.entropy || []).length;

/** Whether tokens became unknown in it and nothing was asked. */
const onlyReopens = step => step.events.every(([, kind]) => kind === "reopen") && !(step.cost?.calls > 0) && !(step.entropy || []).length;

function advance(s, trace, index) {
  const step = trace.steps[index], fresh = drafts(step); // new drafts do away with older ones
  for (let i = 0; i < s.mark.length; i++) {
    if (s.mark[i] === NEW || s.mark[i] === ACCEPTED || s.mark[i] === REDRAWN) s.mark[i] = KNOWN;
    else if (s.mark[i] === REOPENED || s.mark[i] === REJECTED || (fresh && s.mark[i] === DRAFT)) s.mark[i] = UNKNOWN;
  }
  for (const [i, kind, value, ...rest] of step.events) {
    if (kind === "write") settle(s, i, value, rest[0], index + 1, s.mark[i] === REJECTED ? REDRAWN : NEW);
    else if (kind === "insert") { // [position, "insert", token, prob, the position it is read after or -1]
      settle(s, i, value, rest[0], index + 1, NEW);
      s.order.splice(rest[1] < 0 ? 0 : s.order.indexOf(rest[1]) + 1, 0, i);
    } else if (kind === "accept") {
      settle(s, i, value, rest[1], index + 1, ACCEPTED);
      s.verdicts.set(i, { kept: true, token: value, p: rest[0], q: rest[1] });
    } else if (kind === "reopen") forget(s, i, REOPENED);
    else if (kind === "group") s.group[i] = value;
    else if (kind === "draft" || kind === "reject") {
      forget(s, i, kind === "draft" ? DRAFT : REJECTED);
      if (value !== undefined && value !== null) s.tokens[i] = value;
      s.prob[i] = rest[0] ?? NaN;
      if (kind === "reject") s.verdicts.set(i, { kept: false, token: value, p: rest[0], q: rest[1] });
    } else if (kind === "digit") { // [position, "digit", which digit, its value, prob]
      if (!s.digits.has(i)) s.digits.set(i, new Array(trace.digits?.count ?? value + 1).fill(null));
      s.digits.get(i)[value] = rest[0];
    }
  }
}

/** The state after k steps; k = 0 is the start. Key frames every 16 steps make any k cheap. */
export function stateAt(trace, k) {
  const last = trace.steps.length, target = Math.max(0, Math.min(last, Math.floor(k)));
  if (!keyFrames.has(trace)) {
    const state = blank(trace), frames = [copy(state)];
    for (let i = 0; i < last; i++) {
      advance(state, trace, i);
      if ((i + 1) % KEY_EVERY === 0) frames.push(copy(state));
    }
    keyFrames.set(trace, frames);
  }
  const key = Math.floor(target / KEY_EVERY), state = copy(keyFrames.get(trace)[key]);
  for (let i = key * KEY_EVERY; i < target; i++) advance(state, trace, i);
  return state;
}

/** What each position was to the network during step k (one of ROLES); nothing before the first step. */
export function rolesAt(trace, k) {
  const roles = new Uint8Array(trace.seq_len);
  if (k < 1 || k > trace.steps.length) return roles;
  const step = trace.steps[k - 1], before = stateAt(trace, k - 1), reads = trace.model?.reads ?? "everything";
  if (isIdle(step) || onlyReopens(step)) return roles;
  const [known, unknown] = { everything: [READ, MASKED], known: [READ, ABSENT], cache: [CACHED, ABSENT] }[reads]
    ?? [READ, MASKED];
  for (let i = 0; i < roles.length; i++) {
    if (before.known[i]) roles[i] = known;
    else roles[i] = before.digits.has(i) ? PARTLY : judges(step) ? ABSENT : unknown; // a check sees no more than the drafts
  }
  const group = groupAt(trace, k); // a local pass reads its group and remembers the rest
  if (group) for (let i = 0; i < roles.length; i++) if (!group.has(i)) roles[i] = CACHED;
  for (const [i] of step.entropy || []) roles[i] = ASKED;
  return roles;
}

/** The positions that go through the network in a local pass of ReCAP: those its group writes; else null. */
function groupAt(trace, k) {
  const read = at => trace.steps[at]?.cost?.encoder_positions ?? Infinity, isLocal = at => read(at) < read(0);
  if (trace.sampler?.name !== "recap" || !isLocal(k - 1)) return null;
  let from = k - 1, to = k;
  while (isLocal(from)) from -= 1;
  while (to < trace.steps.length && isLocal(to)) to += 1;
  return new Set(trace.steps.slice(from, to).flatMap(step => step.events.map(([i]) => i)));
}

/** The cost of step k alone. */
export function costOf(trace, k) {
  const none = { calls: 0, encoder_positions: 0, decoder_positions: 0, flops: 0, seconds: 0 };
  if (k < 1 || k > trace.steps.length) return none;
  const step = trace.steps[k - 1];
  return { ...none, ...step.cost, seconds: step.seconds || 0 };
}

/** Everything spent after k steps. */
export function billAt(trace, k) {
  const names = ["calls", "encoder", "decoder", "positions", "flops", "seconds"];
  return Object.fromEntries(names.map(name => [name, clockOf(trace, name)[k]]));
}

const gauges = {
  steps: () => 1,
  calls: cost => cost.calls,
  encoder: cost => cost.encoder_positions,
  decoder: cost => cost.decoder_positions,
  positions: cost => cost.encoder_positions + cost.decoder_positions,
  flops: cost => cost.flops,
  seconds: cost => cost.seconds,
};

/** What the named clock shows after 0, 1, ... steps. */
export function clockOf(trace, name) {
  if (!clocks.has(trace)) clocks.set(trace, {});
  const kept = clocks.get(trace);
  if (!kept[name]) {
    const times = new Float64Array(trace.steps.length + 1);
    for (let k = 1; k < times.length; k++) times[k] = times[k - 1] + gauges[name](costOf(trace, k));
    kept[name] = times;
  }
  return kept[name];
}

/** How many steps of the trace are finished when the clock shows `time`. */
export function stepAt(trace, clock, time) {
  const times = clockOf(trace, clock), slack = 1e-9 * Math.max(1, Math.abs(time));
  let low = 0, high = times.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (times[middle] <= time + slack) low = middle; else high = middle - 1;
  }
  return low;
}

export const symbolOf = (trace, token) => trace.vocab[token] ?? "?";
export const knownCount = state => state.known.reduce((sum, is) => sum + is, 0);

/** The side of the boxes of a sudoku, 2 where four symbols stand on 4 x 4 cells; 0 for every other layout. */
export function sidesOf(trace) {
  const { kind, rows, columns, palette } = trace.layout, side = Math.sqrt(columns);
  return kind === "grid" && !palette && rows === columns && trace.vocab.length === columns && side > 1 && Number.isInteger(side) ? side : 0;
}

/** The positions of a sudoku whose symbol is known again in their row, column or box. */
export function conflictsOf(trace, state) {
  const side = sidesOf(trace), found = new Set(), seen = new Map();
  for (let i = 0; side && i < trace.seq_len; i++) {
    if (!state.known[i]) continue;
    const row = Math.floor(i / trace.layout.columns), column = i % trace.layout.columns;
    const box = side * Math.floor(row / side) + Math.floor(column / side);
    for (const place of [`row ${row}`, `column ${column}`, `box ${box}`]) {
      const key = `${place}: ${state.tokens[i]}`;
      if (seen.has(key)) found.add(i).add(seen.get(key)); else seen.set(key, i);
    }
  }
  return found;
}

/** How many characters the longest symbol has; a palette is shown as colours, whatever its symbols are. */
export function longestOf(trace) {
  if (!longest.has(trace)) longest.set(trace, trace.layout.palette ? 1 : Math.max(...trace.vocab.map(symbol => [...symbol].length)));
  return longest.get(trace);
}

/** The state as plain text: lines of the grid or the text itself, "░" for what is unknown. */
export function textOf(trace, state) {
  const { kind, columns, palette } = trace.layout, say = token => (palette ? String(token) : symbolOf(trace, token));
  const width = Math.max(...trace.vocab.map((_, token) => [...say(token)].length));
  // Symbols that bring their own spaces follow one another; numbers and bare words would run together.
  const gap = width === 1 || trace.vocab.some(symbol => /[\s\u0120\u2581]/.test(symbol)) ? "" : " ";
  if (state.order) return state.order.map(i => say(state.tokens[i])).join(gap);
  const cells = Array.from(state.known, (known, i) => (known ? say(state.tokens[i]) : "░".repeat(kind === "grid" ? width : Math.min(width, 3))));
  if (kind !== "grid") return cells.join(gap);
  const lines = [];
  for (let i = 0; i < cells.length; i += columns) lines.push(cells.slice(i, i + columns).map(cell => cell.padStart(width)).join(" "));
  return lines.join("\n");
}
