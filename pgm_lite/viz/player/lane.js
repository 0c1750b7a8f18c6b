// One trace on the page: who it is, its canvas, what goes through its network, its bill, one cell explained.
import { ASKED, DRAFT, GIVEN, MASKED, REJECTED, REOPENED, UNKNOWN, billAt, clockOf, costOf, knownCount, rolesAt, stateAt, stepAt, symbolOf, textOf } from "./state.js";
import { Canvas, styleOf } from "./canvas.js";
import { Network } from "./network.js";
import { count, familyOf, h, knobsOf, plural, readsOf, seconds, short, times } from "./dom.js";

const BILL = [
  ["calls", "calls", count], ["encoder", "encoder positions", count], ["decoder", "decoder positions", count],
  ["flops", "FLOPs", short], ["seconds", "seconds", seconds],
];
const HINT = "Point at a position to see its story; click to pin it.";

/** The largest bill and the busiest step of all traces: what bars are measured against. */
export function scaleOf(traces) {
  const top = {}, bills = traces.map(trace => billAt(trace, trace.steps.length));
  for (const name of Object.keys(bills[0])) top[name] = Math.max(...bills.map(bill => bill[name]));
  const busy = traces.flatMap(trace => trace.steps.map((_, i) => {
    const cost = costOf(trace, i + 1);
    return cost.encoder_positions + cost.decoder_positions;
  }));
  return { top, peak: busy.reduce((a, b) => Math.max(a, b), 1) };
}

export class Lane {
  constructor(trace, name, scale, race, onPoint) {
    Object.assign(this, { trace, name, scale, chosen: null, k: -1 });
    this.canvas = new Canvas(trace, onPoint);
    this.network = new Network(trace, scale.peak);
    this.network.led.addEventListener("pointerover", event => event.target.dataset.i && onPoint(Number(event.target.dataset.i), "hover"));
    this.network.led.addEventListener("pointerleave", () => onPoint(null, "hover"));
    this.caption = h("p", { class: "caption" });
    this.story = h("p", { class: "story" });
    this.plain = h("pre", { class: "plain", tabindex: 0, role: "region", "aria-label": `${name} as text`, hidden: true });
    this.done = h("p", { class: "done later" });
    const family = familyOf(trace);
    this.element = h("section", { class: `lane ${styleOf(trace)}`, "aria-label": name },
      h("header", {},
        h("div", { class: "title" }, h("p", { class: "name" }, h("b", {}, name), " ", h("span", {}, family)), ...(race ? [this.done] : [])),
        h("p", { class: "reads" }, readsOf(trace))),
      h("div", { class: "stage" }, h("div", { class: "sheet" }, this.canvas.element, this.plain), this.network.element,
        h("div", { class: "words" }, this.caption), h("div", { class: "cost" }, this.ledger(), this.story)),
      h("p", { class: "knobs" }, knobsOf(trace)));
  }

  ledger() {
    this.rows = BILL.map(([key, label, format]) => {
      const value = h("td"), bar = h("i"), total = billAt(this.trace, this.trace.steps.length)[key];
      const full = this.scale.top[key] || 1, rail = h("td", { class: "rail", "aria-hidden": "true" }, h("u"), bar);
      rail.firstChild.style.width = `${(100 * total) / full}%`;
      return { key, format, value, bar, full, row: h("tr", {}, h("th", { scope: "row" }, label), value, rail) };
    });
    return h("table", { class: "bill" }, h("caption", {}, "the bill so far"), h("tbody", {}, ...this.rows.map(({ row }) => row)));
  }

  /** Show the state the trace has when the clock reads `time`. */
  draw(clock, time, race) {
    const k = stepAt(this.trace, clock, time), last = this.trace.steps.length, total = clockOf(this.trace, clock)[last];
    const over = k === last && time > total * (1 + 1e-9), finished = race && k === last;
    if (k === this.k && over === this.over && finished === this.finished) return;
    Object.assign(this, { k, over, finished, state: stateAt(this.trace, k) });
    this.known = knownCount(this.state);
    this.canvas.draw(this.state, over);
    this.network.draw(k, over);
    this.caption.textContent = k ? this.trace.steps[k - 1].note || `step ${k}` : `${plural(this.known, "position")} given, ${count(this.trace.seq_len - this.known)} unknown.`;
    const bill = billAt(this.trace, k);
    for (const { key, format, value, bar, full } of this.rows) {
      value.textContent = format(bill[key]);
      bar.style.width = `${(100 * bill[key]) / full}%`;
    }
    if (!this.plain.hidden) this.write();
    this.done.classList.toggle("later", !finished);
    this.done.textContent = this.verdict(clock, total);
    this.tell();
  }

  verdict(clock, total) {
    const ratio = this.scale.top[clock] / total;
    return ratio > 1.05 ? `Done: ${times(ratio)} fewer ${{ flops: "FLOPs" }[clock] ?? clock}` : "Done";
  }

  text() { return textOf(this.trace, this.state); }

  write() { this.plain.textContent = this.text(); }

  showText(wanted) {
    this.plain.hidden = !wanted;
    this.canvas.element.hidden = wanted;
    if (wanted) this.write();
  }

  select(i) {
    this.chosen = i !== null && i < this.trace.seq_len ? i : null;
    this.canvas.select(this.chosen);
    this.network.select(this.chosen);
    this.tell();
  }

  tell() {
    this.story.textContent = this.chosen === null ? HINT : this.storyOf(this.chosen);
    this.story.classList.toggle("hint", this.chosen === null);
  }

  storyOf(i) {
    const { trace, state, k } = this, { columns, kind, palette } = trace.layout;
    const place = kind === "grid" ? `row ${Math.floor(i / columns) + 1}, column ${(i % columns) + 1}` : `position ${i + 1}`;
    const symbol = symbolOf(trace, state.tokens[i]);
    const token = palette ? `token ${state.tokens[i]} (${palette[state.tokens[i]] ?? "?"})` : symbol === " " ? "a space" : `“${symbol}”`;
    const told = fact => `${place[0].toUpperCase()}${place.slice(1)}: ${fact}`;
    const chance = Number.isFinite(state.prob[i]) ? ` with probability ${state.prob[i].toPrecision(2)}` : "";
    if (state.mark[i] === GIVEN) return told(`${token}, given from the start.`);
    if (state.mark[i] === DRAFT) return told(`${token} is a draft${chance}, not yet verified.`);
    if (state.mark[i] === REJECTED) return told(`the draft ${token} was rejected.`);
    if (state.known[i]) {
      const entropy = entropyOf(trace, state.born[i], i), { encoder_positions: enc, decoder_positions: dec } = costOf(trace, state.born[i]);
      const doubt = entropy === null ? "" : `, entropy ${entropy.toFixed(2)} nats`;
      return told(`${token}, written at step ${state.born[i]}${chance}${doubt}. ${count(enc + dec)} positions went through the network for it.`);
    }
    const role = rolesAt(trace, this.over ? 0 : k)[i], entropy = entropyOf(trace, k, i);
    const why = state.mark[i] === REOPENED ? "reopened at this step; unknown again." : role === ASKED
      ? `asked for at this step${entropy === null ? "" : `, entropy ${entropy.toFixed(2)} nats`}, but not written.`
      : role === MASKED ? "unknown, yet it goes through the network, as [MASK]."
        : state.mark[i] === UNKNOWN && trace.model?.reads === "known" ? "unknown; for the network it does not exist." : "unknown.";
    return told(why);
  }
}

function entropyOf(trace, k, i) {
  const found = (trace.steps[k - 1]?.entropy || []).find(([position]) => position === i);
  return found ? found[1] : null;
}
