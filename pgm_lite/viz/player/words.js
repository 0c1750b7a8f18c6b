// What the player says about all its traces together: who is ahead, and what the cells mean.
import { MARKS, clockOf, conflictsOf, inserts, sizeOf, stateAt, unitOf } from "./state.js";
import { styleOf } from "./canvas.js";
import { fewer } from "./tally.js";
import { count, h, plural, times } from "./dom.js";

const LEVEL = 1.005; // totals closer than half a percent are level
const listed = lanes => new Intl.ListFormat("en-GB").format(lanes.map(lane => lane.name));
const does = (lanes, one, many) => `${listed(lanes)} ${lanes.length === 1 ? one : many}`;

/** Who is ahead at this reading of the clock, in one sentence. */
export function verdictOf(lanes, clock) {
  if (lanes.every(lane => lane.finished)) return outcomeOf(lanes, clock);
  const share = lane => lane.known / Math.max(1, sizeOf(lane.trace)), spent = lane => clockOf(lane.trace, "positions")[lane.k];
  const order = [...lanes].sort((one, other) => share(other) - share(one) || spent(one) - spent(other));
  const lead = order[0], last = order.at(-1);
  if (share(lead) === share(last)) {
    if (lanes.every(lane => lane.k === 0)) return `All start with ${plural(lead.known, "token")} known.`;
    if (spent(last) <= LEVEL * spent(lead)) return `Level at ${plural(lead.known, "token")}.`;
    return `Level at ${plural(lead.known, "token")}, but ${last.name} has sent ${times(spent(last) / Math.max(1, spent(lead)))} as many positions through its network.`;
  }
  const leaders = order.filter(lane => share(lane) === share(lead)), done = leaders.filter(lane => lane.finished);
  const ahead = done.length ? does(done, "is done", "are done") : `${does(leaders, "leads", "lead")} with ${plural(lead.known, "token")}`;
  return `At equal ${unitOf(clock)}, ${ahead}; ${last.name} has ${count(last.known)} of ${count(sizeOf(last.trace))}.`;
}

// All are done: what the clock that is shown says of the totals; positions only where it tells nobody apart.
function outcomeOf(lanes, clock) {
  const found = gapOf(lanes, clock), unit = unitOf(clock);
  if (found) return `All done. ${listed(found.cheap)} took ${found.ratio} ${unit} than ${listed(found.dear)}.`;
  const through = gapOf(lanes, "positions");
  if (!through) return `All done, with equally many ${unit}.`;
  return `All done, with equally many ${unit}; ${listed(through.cheap)} sent ${through.ratio} positions through the network than ${listed(through.dear)}.`;
}

// The lanes level with the smallest total and with the largest, and how far apart these are; null if they are level.
function gapOf(lanes, clock) {
  const total = lane => clockOf(lane.trace, clock).at(-1), totals = lanes.map(total);
  const least = Math.min(...totals), most = Math.max(...totals);
  if (most <= LEVEL * least) return null;
  return { cheap: lanes.filter(lane => total(lane) <= LEVEL * least), dear: lanes.filter(lane => LEVEL * total(lane) >= most), ratio: fewer(most / least) };
}

/** The legend: only the states that occur in these traces. */
export function legend(traces) {
  const kinds = new Set(traces.flatMap(trace => trace.steps.flatMap(step => step.events.map(event => event[1]))));
  const speculates = kinds.has("draft");
  const said = {
    unknown: "unknown", new: "written this step", known: "written earlier", given: "given", reopened: "reopened",
    draft: "draft: proposed, not checked yet", accepted: "draft checked and kept", rejected: "draft refused",
    redrawn: "draft refused (struck), another token drawn",
  };
  const refused = kinds.has("reject"), redrawn = refused && traces.some(trace => trace.steps.some(step => writes(step, true)));
  const has = {
    unknown: !traces.every(inserts), new: traces.some(trace => trace.steps.some(step => writes(step, false))), known: true,
    given: traces.some(trace => trace.init.known.some(Boolean)), reopened: kinds.has("reopen"), draft: speculates,
    accepted: kinds.has("accept"), rejected: refused && !redrawn, redrawn,
  };
  const pixels = traces.every(trace => trace.layout.palette);
  const glyph = pixels ? {} : { unknown: "░", given: "a", reopened: "░", draft: "e", accepted: "e", rejected: "e", new: "a", known: "a", redrawn: "a" };
  const item = (kind, words, ...inside) => h("li", {}, h("span", { class: `cell ${kind}`, "aria-hidden": "true" }, ...inside), words);
  const items = MARKS.filter(mark => has[mark]).map(mark =>
    item(mark, said[mark], glyph[mark] ?? "", ...(mark === "redrawn" ? [h("span", { class: "struck" }, pixels ? "" : "e")] : [])));
  if (traces.some(trace => trace.groups) || kinds.has("group")) items.push(item("group g0", "group A"), item("group g1", "group B"));
  const spelled = traces.find(trace => trace.digits && trace.steps.some(step => step.events.some(event => event[1] === "digit")));
  if (spelled) items.push(item("half", halfIn(spelled), h("span", { class: "bars" }, h("i", { class: "on" }), h("i"))));
  const clash = trace => trace.steps.some((_, k) => conflictsOf(trace, stateAt(trace, k + 1)).size);
  if (traces.some(clash)) items.push(item("known clash", "in conflict: again in its row, column or box", "1"));
  return h("ul", { class: `legend${pixels ? " pixels" : ""}`, "aria-label": "legend" }, ...items);
}

// Whether a step writes in place of a draft it refused, or where it refused none.
function writes(step, inPlace) {
  const refused = new Set(step.events.flatMap(([i, kind]) => (kind === "reject" ? [i] : [])));
  return step.events.some(([i, kind]) => (kind === "write" || kind === "insert") && refused.has(i) === inPlace);
}

function halfIn(trace) {
  const style = styleOf(trace), bars = "solid ticks are known digits";
  if (style === "pixels") return `half-known: the mean of the colours still possible; ${bars}`;
  return `half-known: ${style === "board" ? "pencil marks of what is still possible" : "the letters still possible, or how many"}; ${bars}`;
}
