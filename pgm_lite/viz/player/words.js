// What the player says about all its traces together: who is ahead, and what the cells mean.
import { MARKS, clockOf } from "./state.js";
import { count, h, plural, times } from "./dom.js";

/** Who is ahead at this reading of the clock, in one sentence. */
export function verdictOf(lanes, clock) {
  const share = lane => lane.known / lane.trace.seq_len, through = (lane, k) => clockOf(lane.trace, "positions")[k];
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
  return `At equal ${{ flops: "FLOPs" }[clock] ?? clock}, ${ahead}; ${last.name} has ${count(last.known)} of ${count(last.trace.seq_len)}.`;
}

/** The legend: only the states that occur in these traces. */
export function legend(traces) {
  const kinds = new Set(traces.flatMap(trace => trace.steps.flatMap(step => step.events.map(event => event[1]))));
  const said = {
    unknown: "unknown", new: "written this step", known: "written earlier", given: "given", reopened: "reopened",
    draft: "draft", accepted: "draft accepted", rejected: "draft rejected",
  };
  const has = {
    unknown: true, new: kinds.has("write"), known: true, given: traces.some(trace => trace.init.known.some(Boolean)),
    reopened: kinds.has("reopen"), draft: kinds.has("draft"), accepted: kinds.has("accept"), rejected: kinds.has("reject"),
  };
  const pixels = traces.every(trace => trace.layout.palette);
  const glyph = pixels ? {} : { unknown: "░", given: "a", reopened: "░", draft: "a", accepted: "a", rejected: "a", new: "a", known: "a" };
  const item = (kind, words, ...inside) => h("li", {}, h("span", { class: `cell ${kind}`, "aria-hidden": "true" }, ...inside), words);
  const items = MARKS.filter(mark => has[mark]).map(mark => item(mark, said[mark], glyph[mark] ?? ""));
  if (traces.some(trace => trace.groups) || kinds.has("group")) items.push(item("group g0", "group A"), item("group g1", "group B"));
  if (kinds.has("digit")) items.push(item("unknown", "some digits known", h("span", { class: "bars" }, h("i", { class: "on" }), h("i"))));
  return h("ul", { class: `legend${pixels ? " pixels" : ""}`, "aria-label": "legend" }, ...items);
}
