// What became of drafts and which steps were idle, as numbers and as the caption of a step.
import { conflictsOf, drafts, isIdle, judges, knownCount, sidesOf, stateAt, symbolOf } from "./state.js";
import { chance, count, h, plural, times } from "./dom.js";

const tallies = new WeakMap();

/** Idle steps and the fates of drafts after 0, 1, ... steps; what is not open was kept, refused or dropped. */
export function tallyAt(trace, k) {
  if (!tallies.has(trace)) {
    let now = { idle: 0, drafts: 0, accepted: 0, refused: 0, dropped: 0, pass: 0, check: 0 }, open = new Set();
    const all = [now];
    for (const step of trace.steps) {
      now = { ...now, idle: now.idle + isIdle(step) };
      if (judges(step)) now.check += 1;
      else if (drafts(step)) Object.assign(now, { pass: now.pass + 1, check: 0 });
      for (const [i, kind] of step.events) {
        if (kind === "accept") now.accepted += 1;
        if (kind === "reject") now.refused += 1;
        if (kind !== "draft") open.delete(i);
      }
      if (drafts(step)) {
        now.dropped += open.size;
        open = new Set(step.events.flatMap(([i, kind]) => (kind === "draft" ? [i] : [])));
        now.drafts += open.size;
      }
      all.push({ ...now, open: open.size });
    }
    all[all.length - 1].dropped += open.size;
    all[0].open = all[all.length - 1].open = 0;
    tallies.set(trace, all);
  }
  return tallies.get(trace)[k];
}

/** "2.2× fewer", with the digits it takes to say more than "1.0×"; the cheaper one may be free. */
export function fewer(ratio) {
  if (!Number.isFinite(ratio)) return "infinitely many times fewer";
  return `${ratio < 1.05 ? `${ratio.toFixed(2)}×` : times(ratio)} fewer`;
}

/** Whether a sudoku keeps its rule: "valid" or how many cells are in conflict; nothing while neither is certain. */
export function ruleOf(trace, state) {
  const wrong = conflictsOf(trace, state).size;
  if (wrong) return `${plural(wrong, "cell")} in conflict`;
  return sidesOf(trace) && knownCount(state) === trace.seq_len ? "valid" : "";
}

/** What one position of this trace is called. */
export function nounOf(trace) {
  if (trace.layout.palette) return "pixel";
  if (trace.layout.kind === "grid") return "cell";
  return trace.vocab.every(symbol => [...symbol].length === 1 && !/[0-9]/.test(symbol)) ? "letter" : "token";
}

/** A token in words: a quoted symbol, or a colour by its number. */
export function tokenOf(trace, token) {
  if (trace.layout.palette) return `colour ${token}`;
  const symbol = symbolOf(trace, token);
  return symbol === " " ? "a space" : `“${symbol}”`;
}

/** The same with a swatch where tokens are colours, as pieces of a sentence. */
export function named(trace, token) {
  const colour = trace.layout.palette?.[token];
  if (!colour) return [tokenOf(trace, token)];
  const swatch = h("span", { class: "swatch", "aria-hidden": "true" });
  swatch.style.backgroundColor = colour;
  return [swatch, tokenOf(trace, token)];
}

/** "draft law 0.62, target 0.11, so kept with chance 0.18"; or, where both laws share their noise, what that means. */
export function verdictIn(trace, { p, q }) {
  const laws = `draft law ${chance(p)}, target ${chance(q)}`;
  if (trace.sampler.name === "adaptive_parallel") return `${laws}; both drawn with the same noise, kept if they draw the same`;
  return `${laws}, so kept with chance ${chance(p > 0 ? Math.min(1, q / p) : 1)}`;
}

/** What step k did, in a sentence or two. */
export function captionOf(trace, k) {
  const step = trace.steps[k - 1], note = step.note || `step ${k}`, tally = tallyAt(trace, k);
  if (tallyAt(trace, trace.steps.length).drafts) return judges(step) || drafts(step) ? speculated(trace, k, step, tally) : note;
  if (!trace.digits) return note;
  if (isIdle(step)) return `Step ${k}: idle. No digit came up, so nothing is asked and nothing is paid.`;
  const digits = step.events.filter(([, kind]) => kind === "digit").length, half = stateAt(trace, k).digits.size;
  const whole = step.events.filter(([, kind]) => kind === "write").length;
  return `Step ${k}: ${plural(digits, "digit")} revealed. ${plural(whole, nounOf(trace))} became whole, ${count(half)} ${half === 1 ? "is" : "are"} half-known.`;
}

function speculated(trace, k, step, { pass, check }) {
  const noun = nounOf(trace), of = kind => step.events.filter(event => event[1] === kind);
  if (!judges(step)) {
    const known = stateAt(trace, k).known.reduce((sum, is) => sum + is, 0);
    return `Pass ${pass} drafts ${plural(of("draft").length, noun)} at once, from ${count(known)} known.`;
  }
  const before = tallyAt(trace, k - 1).open, kept = of("accept").length, refused = of("reject");
  const next = trace.steps[k], again = !next || (drafts(next) && !judges(next)) || drafts(step);
  const left = before - kept - refused.length, rest = again ? "not reached and thrown away" : "still to check";
  const told = [`${count(kept)} of ${plural(before, "draft")} kept`];
  if (refused.length) told.push(`${count(refused.length)} refused${of("write").length ? " and redrawn" : ""}`);
  if (left) told.push(`${count(left)} ${rest}`);
  return `Pass ${pass}, check ${check}: ${told.join(", ")}.`;
}

/** Why a draft was refused at step k, for the first one that was. */
export function whyOf(trace, k) {
  const events = trace.steps[k - 1]?.events ?? [], refused = events.find(([, kind]) => kind === "reject");
  if (!refused) return [];
  const [i, , token, p, q] = refused, drawn = events.find(event => event[0] === i && event[1] === "write");
  const instead = drawn ? [" Drawn instead: ", ...named(trace, drawn[2]), "."] : [];
  return ["Refused: ", ...named(trace, token), `. Its ${verdictIn(trace, { p, q })}.`, ...instead];
}
