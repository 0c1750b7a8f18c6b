// The player: one or more traces on one clock; every picture is a function of the traces and the time.
import { CLOCKS, clockOf, sizeOf } from "./state.js";
import { count, h, progress } from "./dom.js";
import { Lane, scaleOf } from "./lane.js";
import { Transport } from "./transport.js";
import { legend, verdictOf } from "./words.js";

const SCHEMA = "pgm_lite.trace/1";
const FINE = 1000; // notches of the scrubber on a clock that is not a count of steps
const REST = 1500; // milliseconds a loop rests at the end

/** The traces, names and clock of what a host handed over; an Error in plain words for what is no trace. */
export function unpack(given) {
  const traces = given.traces ?? [given];
  traces.forEach(trace => {
    if (trace.schema !== SCHEMA) throw new Error(`This player reads ${SCHEMA}; it was given ${trace.schema ?? "something else"}.`);
  });
  const families = traces.map(trace => trace.model?.family ?? "trace");
  const names = given.names ?? families.map((family, i) => (families.indexOf(family) === i && families.lastIndexOf(family) === i ? family : `${family} ${i + 1}`));
  return { traces, names, clock: CLOCKS.includes(given.clock) ? given.clock : "steps" };
}

// From step k on, the first at which a draft is refused, where any is.
function telling(trace, k) {
  const found = trace.steps.findIndex((step, i) => i + 1 >= k && step.events.some(([, kind]) => kind === "reject"));
  return found < 0 ? k : found + 1;
}

export class Player {
  constructor(model, root) {
    Object.assign(this, { model, root, playing: false, resting: false, frame: 0, pinned: null, rate: 1, loop: Boolean(model.get("loop")) });
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.onStill = () => this.still.matches && this.pause();
    this.still.addEventListener("change", this.onStill);
    this.onKey = event => this.key(event);
    root.addEventListener("keydown", this.onKey);
    this.load();
  }

  load() {
    this.pause(false);
    this.resting = false;
    const given = this.model.get("trace");
    this.lanes = [];
    this.pinned = this.question = null;
    if (!given || (Array.isArray(given.traces) && !given.traces.length)) {
      this.root.replaceChildren(h("p", { class: "empty" }, "No trace yet."));
      return;
    }
    try {
      this.build(unpack(given));
    } catch (error) {
      this.lanes = [];
      this.root.replaceChildren(h("p", { class: "empty", role: "alert" }, error.message));
      return;
    }
    const step = this.model.get("step");
    this.time = Number.isInteger(step) && step >= 0 ? this.timeOf(step) : this.poster();
    this.fresh = !Number.isInteger(step) || step < 0;
    this.draw();
    this.hear(); // the answers a host already gave, should the same trace be shown anew
    if (this.model.get("autoplay") && !this.still.matches) this.play();
  }

  build({ traces, names, clock }) {
    const scale = scaleOf(traces), race = traces.length > 1;
    this.race = race;
    this.longest = Math.max(...traces.map(trace => trace.steps.length));
    scale.top.steps = this.longest;
    const moving = CLOCKS.filter(name => traces.some(trace => clockOf(trace, name).at(-1) > 0));
    this.clock = moving.includes(clock) ? clock : "steps";
    const how = { race, curious: this.model.get("curious"), onPoint: (cell, pinned) => this.point(cell, pinned) };
    this.lanes = traces.map((trace, i) => new Lane(trace, names[i], scale, how));
    const turn = { race, clock: this.clock, moving, loop: this.loop };
    this.transport = new Transport({
      toggle: () => this.toggle(), first: () => this.seek(0), last: () => this.finish(), previous: () => this.hop(-1), next: () => this.hop(1),
      scrub: (value, settled) => this.seek((value / this.notches()) * this.end(), settled),
      speed: rate => { this.rate = rate; }, loop: on => { this.loop = on; }, text: on => this.lanes.forEach(lane => lane.showText(on)),
      clock: name => this.setClock(name),
    }, turn);
    this.live = h("p", { class: "spoken", "aria-live": "polite" });
    this.verdict = h("p", { class: "verdict" });
    this.tracks = this.lanes.map(lane => ({ lane, bar: h("i"), tokens: h("span") }));
    const board = race ? [h("div", { class: "race" }, this.verdict, h("div", { class: "runners" },
      ...this.tracks.map(({ lane, bar, tokens }) => h("div", { class: "runner" }, h("b", {}, lane.name), h("div", { class: "lap", "aria-hidden": "true" }, bar), tokens))))] : [];
    this.root.setAttribute("aria-label", race ? `Race of ${names.join(" and ")}` : `Trace of ${names[0]}`);
    this.root.replaceChildren(...board, this.transport.element,
      h("div", { class: "lanes" }, ...this.lanes.map(lane => lane.element)), legend(traces), this.live);
    this.root.classList.toggle("racing", race);
  }

  end() { return Math.max(...this.lanes.map(lane => clockOf(lane.trace, this.clock).at(-1))); }
  notches() { return this.clock === "steps" ? Math.max(1, this.end()) : FINE; }
  moments() { return [...new Set(this.lanes.flatMap(lane => [...clockOf(lane.trace, this.clock)]))].sort((a, b) => a - b); }
  timeOf(step) { const times = clockOf(this.lanes[0].trace, this.clock); return times[Math.min(step, times.length - 1)]; }
  // The picture before anybody pressed play: the quickest trace not quite half done, each at work.
  poster() {
    const times = this.lanes.map(({ trace }) => clockOf(trace, this.clock));
    const halfway = Math.min(...this.lanes.map(({ trace }, i) => times[i][telling(trace, Math.floor(0.45 * trace.steps.length))]));
    return Math.max(halfway, ...times.map(time => time[Math.min(1, time.length - 1)]));
  }
  atEnd() { return this.time >= this.end() * (1 - 1e-9); }

  setClock(name) {
    const share = this.end() ? this.time / this.end() : 0;
    this.clock = name;
    this.lanes.forEach(lane => { lane.k = -1; });
    this.seek(name === "steps" ? Math.round(share * this.end()) : share * this.end(), true, { playing: this.playing, resting: this.resting });
  }

  seek(time, settled = true, { playing = false, resting = false } = {}) {
    if (!playing) this.pause(false);
    Object.assign(this, { fresh: false, resting });
    this.time = Math.max(0, Math.min(this.end(), time));
    this.draw();
    if (settled && !playing) this.settle();
  }

  // The end is two places: the last step as it happens and, after it, the finished picture at rest.
  finish() { this.seek(this.end(), true, { resting: true }); }

  hop(direction) {
    if (this.resting && direction < 0) return this.seek(this.end());
    const moments = this.moments(), slack = 1e-9 * this.end();
    const to = direction > 0 ? moments.find(moment => moment > this.time + slack) : moments.findLast(moment => moment < this.time - slack);
    if (to !== undefined) return this.seek(to);
    return direction > 0 ? this.finish() : undefined;
  }

  toggle() {
    if (this.playing) return this.pause();
    if (!this.still.matches) return this.play();
    return this.fresh || this.resting ? this.seek(0) : this.hop(1); // motion is reduced: one step a press
  }

  play() {
    if (this.fresh || this.atEnd()) this.time = 0;
    Object.assign(this, { fresh: false, resting: false, playing: true });
    const given = Number(this.model.get("interval_ms")) || 0;
    const interval = given > 0 ? Math.max(20, given) : Math.max(60, Math.min(450, 7000 / Math.max(1, this.longest)));
    let before = performance.now(), rest = 0;
    const tick = now => {
      const passed = Math.max(0, now - before);
      before = now;
      if (this.atEnd()) { // the last step is seen as long as any other, then the picture comes to rest
        rest += passed;
        this.resting = rest * this.rate > interval;
        if (this.resting && !this.loop) return this.pause();
        if (rest > REST + interval / this.rate) { this.time = rest = 0; this.resting = false; }
      } else this.time = Math.min(this.end(), this.time + (passed * this.rate * this.end()) / (interval * Math.max(1, this.longest)));
      this.draw();
      this.frame = requestAnimationFrame(tick);
    };
    this.draw();
    this.frame = requestAnimationFrame(tick);
  }

  pause(settled = true) {
    cancelAnimationFrame(this.frame);
    if (!this.playing) return;
    this.playing = false;
    this.draw();
    if (settled) this.settle();
  }

  // At rest: tell the screen reader and the host where we are, once.
  settle() {
    this.live.textContent = this.lanes.map(lane => `${this.race ? `${lane.name}: ` : ""}${[lane.caption, lane.rule].map(each => each.textContent).filter(Boolean).join(" ")}`).join(" ") + (this.race ? ` ${this.verdict.textContent}` : "");
    this.model.set("step", this.lanes[0].k);
    this.model.save_changes();
    this.wonder();
  }

  // Ask the host what else the pinned position could have been, if the host can tell.
  wonder() {
    const asked = this.pinned === null || !this.model.get("curious") ? [] : this.lanes.map(lane => lane.question()).filter(Boolean);
    const question = JSON.stringify(asked);
    if (!asked.length || question === this.question) return;
    this.question = question;
    this.model.set("asked", asked);
    this.model.save_changes();
  }

  hear() {
    for (const answer of this.model.get("told") ?? []) this.lanes.filter(lane => lane.trace.id === answer.id).forEach(lane => lane.hear(answer));
  }

  follow() {
    const step = this.model.get("step");
    if (this.lanes.length && Number.isInteger(step) && step >= 0 && step !== this.lanes[0].k) this.seek(this.timeOf(step), false);
  }

  point(cell, how) {
    if (how === "pin") this.pinned = this.pinned === cell ? null : cell;
    const chosen = this.pinned ?? cell;
    this.lanes.forEach(lane => lane.select(chosen));
    if (how === "pin") this.wonder();
  }

  draw() {
    const end = this.end();
    this.lanes.forEach(lane => lane.draw(this.clock, this.time, this.race, this.resting));
    const spoken = this.lanes.map(lane => `${this.race ? `${lane.name} ` : ""}step ${lane.k} of ${lane.trace.steps.length}, ${lane.known} of ${sizeOf(lane.trace)} tokens revealed`).join("; ");
    const where = this.clock === "steps" ? `step ${Math.floor(this.time + 1e-9)} of ${end}` : progress(this.clock, this.time, end);
    const notches = this.notches();
    this.transport.show({ at: end ? (notches * this.time) / end : 0, max: notches, step: this.playing ? "any" : 1, where, spoken, playing: this.playing });
    if (this.race) this.judge();
  }

  judge() {
    for (const { lane, bar, tokens } of this.tracks) {
      bar.style.width = `${(100 * lane.known) / Math.max(1, sizeOf(lane.trace))}%`;
      bar.classList.toggle("finished", lane.finished);
      tokens.textContent = lane.finished ? "done" : `${count(lane.known)} of ${count(sizeOf(lane.trace))}`;
    }
    this.verdict.textContent = verdictOf(this.lanes, this.clock);
  }

  key(event) {
    if (!this.lanes.length || event.ctrlKey || event.metaKey || event.altKey) return;
    const on = event.target.closest("button, select, input, pre"), tag = on?.tagName;
    if (tag === "SELECT" || (tag === "BUTTON" && event.key === " ")) return event.stopPropagation();
    const act = {
      " ": () => this.toggle(), ArrowLeft: () => this.hop(-1), ArrowRight: () => this.hop(1), ",": () => this.hop(-1), ".": () => this.hop(1),
      Home: () => this.seek(0), End: () => this.finish(), Escape: () => { this.pinned = null; this.point(null, "hover"); },
    }[event.key];
    if (!act) return undefined;
    event.preventDefault();
    event.stopPropagation();
    return act();
  }

  destroy() {
    this.pause(false);
    this.still.removeEventListener("change", this.onStill);
    this.root.removeEventListener("keydown", this.onKey);
  }
}
