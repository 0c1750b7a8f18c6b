// What the player says about all its traces together: who is ahead, and what the cells mean.
import { MARKS, clockOf } from "./state.js";
import { count, h, plural, times } from "./dom.js";

/** Who is ahead at this reading of the clock, in one sentence. */
export function verdictOf(lanes, clock) {
  const clockName = { flops: "FLOPs" }[clock] ?? clock, share = lane => lane.known / lane.trace.seq_len;
  const total = lane => clockOf(lane.trace, "positions").at(-1), spent = lane => clockOf(lane.trace, "positions")[lane.k];
  const order = [...lanes].sort((a, b) => share(b) - share(a) || spent(a) - spent(b)), [lead, ...rest] = order, back = rest.at(-1);
  if (lanes.every(lane => lane.finished)) {
    const [cheap, dear] = [[...lanes].sort((a, b) => total(a) - total(b))].flatMap(list => [list[0], list.at(-1)]);
    const ratio = total(dear) / total(cheap);
    return ratio > 1.005 ? `All done. ${cheap.name} sent ${times(ratio)} fewer positions through its network than ${dear.name}.` : "All done, at the same price.";
  }
  if (share(lead) === share(back)) {
    const ratio = spent(back) / spent(lead);
    return ratio > 1.005 ? `Level at ${plural(lead.known, "token")}, but ${back.name} has sent ${times(ratio)} as many positions through its network.` : lanes.every(lane => lane.k === 0) ? `All start with ${plural(lead.known, "token")} known.` : `Level at ${plural(lead.known, "token")}.`;
  }
  const ahead = lead.finished ? `${lead.name} is done` : `${lead.name} leads with ${plural(lead.known, "token")}`;
  return `At equal ${clockName}, ${ahead}; ${back.name} has ${count(back.known)} of ${count(back.trace.seq_len)}.`;
}

/** The legend: only the states that occur in these traces. */
export function legend(traces) {
  const kinds = new Set(traces.flatMap(trace => trace.steps.flatMap(step => step.events.map(event => event[1]))));
  const said = { unknown: "unknown", new: "written this step", known: "written earlier", given: "given", reopened: "reopened", draft: "draft", accepted: "draft accepted", rejected: "draft rejected" };
  const has = {
    unknown: true, new: kinds.has("write"), known: true, given: traces.some(trace => trace.init.known.some(Boolean)), reopened: kinds.has("reopen"),
    draft: kinds.has("draft"), accepted: kinds.has("accept"), rejected: kinds.has("reject"),
  };
  const pixels = traces.every(trace => trace.layout.palette);
  const glyph = pixels ? {} : { unknown: "░", given: "a", reopened: "░", draft: "a", accepted: "a", rejected: "a", new: "a", known: "a" };
  const items = MARKS.filter(mark => has[mark]).map(mark => h("li", {}, h("span", { class: `cell ${mark}`, "aria-hidden": "true" }, glyph[mark] ?? ""), said[mark]));
  if (traces.some(trace => trace.groups) || kinds.has("group")) {
    items.push(h("li", {}, h("span", { class: "cell group g0", "aria-hidden": "true" }), "group A"), h("li", {}, h("span", { class: "cell group g1", "aria-hidden": "true" }), "group B"));
  }
  if (kinds.has("digit")) items.push(h("li", {}, h("span", { class: "cell unknown", "aria-hidden": "true" }, h("span", { class: "bars" }, h("i", { class: "on" }), h("i"))), "some digits known"));
  return h("ul", { class: `legend${pixels ? " pixels" : ""}`, "aria-label": "legend" }, ...items);
}
