// What the player says about all its traces together: who is ahead, and what the cells mean.
import { MARKS, clockOf, inserts, sizeOf } from "./state.js";
import { styleOf } from "./canvas.js";
import { count, h, plural, times } from "./dom.js";

/** Who is ahead at this reading of the clock, in one sentence. */
export function verdictOf(lanes, clock) {
  const share = lane => lane.known / Math.max(1, sizeOf(lane.trace)), through = (lane, k) => clockOf(lane.trace, "positions")[k];
  const spent = lane => through(lane, lane.k), dearer = (some, other) => spent(some) > 1.005 * spent(other);
  const ratio = (some, other) => times(spent(some) / Math.max(1, spent(other)));
  const order = [...lanes].sort((one, other) => share(other) - share(one) || spent(one) - spent(other));
  const lead = order[0], last = order.at(-1), level = share(lead) === share(last);
  if (lanes.every(lane => lane.finished)) {
    const [cheap, dear] = [[...lanes].sort((one, other) => spent(one) - spent(other))].flatMap(list => [list[0], list.at(-1)]);
    if (!dearer(dear, cheap)) return "All done, with equally many positions through the network.";
    return `All done. ${cheap.name} sent ${ratio(dear, cheap)} fewer positions through its network than ${dear.name}.`;
  }
  if (level && lanes.every(lane => lane.k === 0)) return `All start with ${plural(lead.known, "token")} known.`;
  if (level && !dearer(last, lead)) return `Level at ${plural(lead.known, "token")}.`;
  if (level) return `Level at ${plural(lead.known, "token")}, but ${last.name} has sent ${ratio(last, lead)} as many positions through its network.`;
  const ahead = lead.finished ? `${lead.name} is done` : `${lead.name} leads with ${plural(lead.known, "token")}`;
  return `At equal ${{ flops: "FLOPs" }[clock] ?? clock}, ${ahead}; ${last.name} has ${count(last.known)} of ${count(sizeOf(last.trace))}.`;
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
