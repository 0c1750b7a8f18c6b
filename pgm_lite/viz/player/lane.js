// One trace on the page: who it is, its canvas, what goes through its network, its bill, one cell explained.
import { billAt, clockOf, costOf, inserts, knownCount, sidesOf, stateAt, stepAt, textOf, unitOf } from "./state.js";
import { Canvas, styleOf } from "./canvas.js";
import { Network } from "./network.js";
import { captionOf, fewer, ruleOf, tallyAt, whyOf } from "./tally.js";
import { storyOf } from "./story.js";
import { Candidates, questionOf } from "./candidates.js";
import { amount, count, familyOf, h, knobsOf, plural, readsOf, seconds, short } from "./dom.js";

const BILL = [
  ["calls", "calls", amount], ["encoder", "encoder positions", count], ["decoder", "decoder positions", count],
  ["flops", "FLOPs", short], ["seconds", "seconds", seconds],
];
const FATES = [["drafts", "drafts"], ["accepted", "kept"], ["refused", "refused"], ["dropped", "thrown away"]];
const HINT = "Point at a position to see its story; click to pin it", WONDER = " and to see what else it could have been";

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
  constructor(trace, name, scale, { race, curious, onPoint }) {
    Object.assign(this, { trace, name, scale, hint: `${HINT}${curious && !inserts(trace) ? WONDER : ""}.`, chosen: null, k: -1 });
    this.canvas = new Canvas(trace, onPoint);
    this.network = new Network(trace, scale.peak);
    this.network.led.addEventListener("pointerover", event => event.target.dataset.i && onPoint(Number(event.target.dataset.i), "hover"));
    this.network.led.addEventListener("pointerleave", () => onPoint(null, "hover"));
    this.caption = h("p", { class: "caption" });
    this.why = h("p", { class: "why", hidden: !tallyAt(trace, trace.steps.length).drafts });
    this.story = h("p", { class: "story" });
    this.rule = h("p", { class: "rule", hidden: !sidesOf(trace) });
    this.candidates = new Candidates(trace);
    this.plain = h("pre", { class: "plain", tabindex: 0, role: "region", "aria-label": `${name} as text`, hidden: true });
    this.done = h("p", { class: "done later" }, "Done", h("span"));
    const family = familyOf(trace);
    this.element = h("section", { class: `lane ${styleOf(trace)}`, "aria-label": name },
      h("header", {},
        h("div", { class: "title" }, h("p", { class: "name" }, h("b", {}, name), " ", h("span", {}, family)), ...(race ? [this.done] : [])),
        h("p", { class: "reads" }, readsOf(trace))),
      h("div", { class: "stage" }, h("div", { class: "sheet" }, this.canvas.element, this.plain, this.rule), this.network.element,
        h("div", { class: "words" }, this.caption, this.why), h("div", { class: "cost" }, this.ledger(), this.story, this.candidates.element)),
      h("p", { class: "knobs" }, knobsOf(trace)));
  }

  ledger() {
    const { trace } = this, last = trace.steps.length, bill = billAt(trace, last), tally = tallyAt(trace, last), found = [];
    for (const [key, label, format] of BILL) found.push([label, k => format(billAt(trace, k)[key]), k => billAt(trace, k)[key], this.scale.top[key], bill[key]]);
    if (tally.idle) found.push(["idle steps", k => count(tallyAt(trace, k).idle), k => tallyAt(trace, k).idle, last, tally.idle]);
    const judged = k => tallyAt(trace, k).accepted + tallyAt(trace, k).refused;
    if (tally.drafts) {
      for (const [key, label] of FATES) found.push([label, k => count(tallyAt(trace, k)[key]), k => tallyAt(trace, k)[key], tally.drafts, tally[key]]);
      const rate = k => (judged(k) ? tallyAt(trace, k).accepted / judged(k) : 0);
      found.push(["kept of checked", k => (judged(k) ? `${Math.round(100 * rate(k))} %` : "–"), rate, 1, rate(last)]);
    }
    this.rows = found.map(([label, say, at, top, total]) => {
      const value = h("td"), bar = h("i"), full = top || 1, rail = h("td", { class: "rail", "aria-hidden": "true" }, h("u"), bar);
      rail.firstChild.style.width = `${(100 * total) / full}%`;
      return { say, at, value, bar, full, row: h("tr", { class: label === "drafts" || label === "idle steps" ? "next" : "" }, h("th", { scope: "row" }, label), value, rail) };
    });
    return h("table", { class: "bill" }, h("caption", {}, "the bill so far"), h("tbody", {}, ...this.rows.map(({ row }) => row)));
  }

  /** Show the state the trace has when the clock reads `time`; at rest its last step is over, too. */
  draw(clock, time, race, resting) {
    const k = stepAt(this.trace, clock, time), last = this.trace.steps.length, total = clockOf(this.trace, clock)[last];
    const over = k === last && (resting || time > total * (1 + 1e-9)), finished = race && k === last;
    if (k === this.k && over === this.over && finished === this.finished) return;
    Object.assign(this, { k, over, finished, state: stateAt(this.trace, k) });
    this.known = knownCount(this.state);
    this.canvas.draw(this.state, over);
    this.network.draw(k, over);
    this.caption.textContent = k ? captionOf(this.trace, k) : inserts(this.trace) ? `${plural(this.known, "token")} given; others come in anywhere.` : `${plural(this.known, "position")} given, ${count(this.trace.seq_len - this.known)} unknown.`;
    this.why.replaceChildren(...whyOf(this.trace, k));
    this.rule.textContent = k === last ? ruleOf(this.trace, this.state) : "";
    for (const { say, at, value, bar, full } of this.rows) {
      value.textContent = say(k);
      bar.style.width = `${(100 * at(k)) / full}%`;
    }
    if (!this.plain.hidden) this.write();
    this.done.classList.toggle("later", !finished);
    this.done.lastChild.textContent = this.verdict(clock, total);
    this.tell();
  }

  verdict(clock, total) {
    const ratio = this.scale.top[clock] / total;
    return ratio > 1.005 ? `: ${fewer(ratio)} ${unitOf(clock)}` : "";
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
    this.story.replaceChildren(...(this.chosen === null ? [this.hint] : storyOf(this, this.chosen)));
    this.story.classList.toggle("hint", this.chosen === null);
    const written = this.chosen !== null && this.state.known[this.chosen] ? this.state.tokens[this.chosen] : null;
    this.candidates.show(this.question(), written);
  }

  question() { return questionOf(this.trace, this.state, this.k, this.chosen); }

  /** Keep what the host answered, and show it while it fits. */
  hear(answer) {
    this.candidates.answer = answer;
    this.tell();
  }
}
