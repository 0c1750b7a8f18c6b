// What goes through the network, as lights on a dark panel: one light a position, and a wall of bars, one a step.
import { ABSENT, ASKED, CACHED, MASKED, PARTLY, READ, ROLES, costOf, drafts, inserts, isIdle, judges, rolesAt, stateAt } from "./state.js";
import { amount, count, h, plural, svg } from "./dom.js";

// Nobody said what the model reads, as in a history from elsewhere: then no light is on, unless it was asked about.
const untold = trace => trace.model?.reads === "unknown";
const isFree = ({ calls, encoder_positions, decoder_positions }) => calls + encoder_positions + decoder_positions === 0;
const seenAt = (trace, k) => (untold(trace) ? rolesAt(trace, k).map(role => (role === ASKED ? ASKED : ABSENT)) : rolesAt(trace, k));

const LEGEND = {
  [READ]: ["read", "known"], [ASKED]: ["asked", "asked for"], [MASKED]: ["masked", "unknown, as [MASK]"],
  [CACHED]: ["cached", "in the cache"], [ABSENT]: ["absent", "not there at all"],
  [PARTLY]: ["partly", "half-known"],
};

export class Network {
  constructor(trace, peak) {
    this.trace = trace;
    this.lights = Array.from({ length: trace.seq_len }, (_, i) => h("i", { "data-i": i }));
    this.drawn = new Int8Array(trace.seq_len).fill(-1);
    const columns = trace.layout.kind === "grid" ? trace.layout.columns : Math.min(32, trace.seq_len);
    this.led = h("div", { class: "led", role: "img" }, ...this.lights);
    this.led.style.setProperty("--columns", columns);
    this.number = h("b");
    this.unit = h("span");
    this.split = h("p", { class: "split" });
    this.head = h("p", { class: "net-title" });
    const reads = trace.model?.reads, shown = { known: [READ, ASKED, ABSENT], cache: [ASKED, CACHED, ABSENT], unknown: [ASKED] }[reads]
      ?? [READ, ASKED, MASKED];
    if (trace.digits && !untold(trace)) shown.splice(1, 0, PARTLY);
    if (trace.steps.some(judges) && !untold(trace) && !shown.includes(ABSENT)) shown.push(ABSENT);
    this.bars = [];
    this.silent = untold(trace) && trace.steps.every((_, i) => isFree(costOf(trace, i + 1)));
    if (this.silent) {
      this.element = h("div", { class: "network" }, this.head, this.split);
      return;
    }
    this.element = h("div", { class: "network" }, this.head, h("p", { class: "count" }, this.number, this.unit), this.split, this.led,
      h("ul", { class: "key" }, ...shown.map(role => h("li", {}, h("i", { class: LEGEND[role][0] }), LEGEND[role][1]))),
      this.wall(Math.max(peak, trace.seq_len)));
  }

  // Positions at every step, side by side: the area is the bill.
  wall(peak) {
    const steps = this.trace.steps.length, height = 100;
    const bars = this.trace.steps.map((_, i) => {
      const cost = costOf(this.trace, i + 1), tall = positions => (positions ? Math.max(2, (height * positions) / peak) : 0);
      const inner = tall(cost.encoder_positions), outer = tall(cost.decoder_positions);
      const gap = steps > 80 ? 0 : 0.16;
      const bar = (kind, y, size) => svg("rect", { class: kind, x: i + gap / 2, y: height - y - size, width: 1 - gap, height: size });
      return svg("g", {}, bar("encoder", 0, inner), bar("decoder", inner, outer));
    });
    const line = height * (1 - this.trace.seq_len / peak);
    this.bars = bars;
    const chart = svg("svg", { viewBox: `0 0 ${Math.max(1, steps)} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" },
      ...bars, svg("line", { class: "all", x1: 0, x2: Math.max(1, steps), y1: line, y2: line }));
    return h("div", { class: "wall" }, h("p", {}, "positions at each step"), chart);
  }

  draw(k, idle) {
    const { trace } = this, roles = seenAt(trace, idle ? 0 : k), cost = costOf(trace, idle ? 0 : k);
    for (let i = 0; i < roles.length; i++) {
      if (roles[i] === this.drawn[i]) continue;
      this.lights[i].className = ROLES[roles[i]];
      this.drawn[i] = roles[i];
    }
    this.bars.forEach((bar, i) => {
      const place = i + 1 < k ? "past" : i + 1 === k ? (idle ? "past" : "now") : "";
      if (bar.getAttribute("class") !== place) bar.setAttribute("class", place);
    });
    const positions = cost.encoder_positions + cost.decoder_positions;
    this.head.textContent = "Through the network" + (k && !idle ? `, step ${k}` : "");
    const exact = positions === 0 && cost.calls > 0 && !untold(trace), asked = roles.filter(role => role === ASKED).length;
    this.number.textContent = count(exact ? asked : positions);
    this.unit.textContent = exact ? ` ${asked === 1 ? "position" : "positions"} asked; there is no network` : positions > trace.seq_len ? ` positions, the sequence has ${count(trace.seq_len)}` : ` of ${count(trace.seq_len)} positions`;
    const words = this.silent ? "Not recorded: nobody said what the model read." : idle ? "Finished: nothing goes through any more." : k ? describe(trace, k) : "Nothing has gone through yet.";
    this.split.textContent = words;
    this.led.setAttribute("aria-label", `Through the network: ${this.number.textContent}${this.unit.textContent}. ${words}`);
    this.element.classList.toggle("idle", idle);
  }

  select(i) {
    this.chosen?.removeAttribute("data-chosen");
    this.chosen = i === null ? null : this.lights[i];
    this.chosen?.setAttribute("data-chosen", "");
  }
}

/** The positions of a step in words that add up to the bill; registers are what is left over. */
export function describe(trace, k) {
  const tally = new Array(ROLES.length).fill(0), step = trace.steps[k - 1];
  for (const role of seenAt(trace, k)) tally[role] += 1;
  const { calls, encoder_positions: encoder, decoder_positions: decoder } = costOf(trace, k), reads = trace.model?.reads;
  if (isIdle(step)) return "Idle: nothing goes through.";
  if (calls + encoder + decoder === 0) return "What went through is not recorded.";
  const part = calls < 1 ? `, ${amount(calls)} of a call` : "", bare = `${plural(encoder, "encoder position")}, ${plural(decoder, "decoder position")}${part}`;
  if (untold(trace)) return bare;
  if (encoder + decoder === 0) return `An exact law answers, from ${count(tally[READ])} known.`;
  if (inserts(trace)) return `${count(tally[READ])} tokens + ${plural(encoder - tally[READ], "register")} in, ${plural(tally[READ] + 1, "gap")} answered`;
  if (judges(step) && encoder === 0) return `The judging blocks alone: ${plural(decoder, "position")}${part}`;
  if (calls > 1) return `${count(encoder)} encoder + ${count(decoder)} decoder positions in ${amount(calls)} calls`;
  if (reads === "known" && encoder >= tally[READ]) {
    const registers = encoder - tally[READ];
    return `${count(tally[READ])} known${registers ? ` + ${plural(registers, "register")}` : ""} in, ${count(decoder)} asked`;
  }
  if (reads === "everything" && encoder === trace.seq_len) {
    const whole = tally[READ], half = trace.digits ? stateAt(trace, k - 1).digits.size : 0;
    return `${drafts(step) ? "Drafting: " : ""}${count(whole)} known${half ? ` + ${count(half)} half-known` : ""} + ${count(encoder - whole - half)} unknown as [MASK]${part}`;
  }
  if (reads === "cache") return `${plural(encoder + decoder, "position")} in, ${count(tally[CACHED])} cached`;
  return bare;
}
