// The controls under the fingers: buttons, scrubber, speed, loop, text view and the clock of a race.
import { CLOCKS } from "./state.js";
import { h, icon } from "./dom.js";

const NAMES = { steps: "equal steps", calls: "equal calls", positions: "equal positions", flops: "equal FLOPs", seconds: "equal seconds" };

export class Transport {
  /** `act` holds what each control does; clocks that never move are not offered. */
  constructor(act, { race, clock, moving, loop }) {
    const button = (name, label, run) => h("button", { type: "button", "aria-label": label, title: label, onclick: run }, icon(name));
    this.playing = button("play", "Play", act.toggle);
    this.scrubber = h("input", {
      type: "range", min: 0, value: 0, "aria-label": race ? "clock" : "step",
      oninput: () => act.scrub(Number(this.scrubber.value), false), onchange: () => act.scrub(Number(this.scrubber.value), true),
    });
    this.speed = h("select", { "aria-label": "speed", title: "speed", onchange: () => act.speed(Number(this.speed.value)) },
      ...[0.25, 0.5, 1, 2, 4].map(x => h("option", { value: x, selected: x === 1 }, `${x}×`)));
    this.loop = toggle("Loop", loop, act.loop);
    this.text = toggle("As text", false, act.text);
    this.clock = h("select", { "aria-label": "compare at", onchange: () => act.clock(this.clock.value) },
      ...CLOCKS.filter(name => moving.includes(name)).map(name => h("option", { value: name, selected: name === clock }, NAMES[name])));
    this.where = h("output", { class: "where" });
    this.element = h("div", { class: "transport" },
      h("div", { class: "buttons" },
        button("first", "First", act.first), button("previous", "Previous step", act.previous), this.playing,
        button("next", "Next step", act.next), button("last", "Last", act.last)),
      h("div", { class: "track" }, this.scrubber), this.where,
      h("div", { class: "options" }, ...(race ? [this.clock] : []), this.speed, this.loop, this.text));
  }

  /** Where the playhead stands, out of how much, in words for the eye and for the screen reader. */
  show({ at, max, step, where, spoken, playing }) {
    this.scrubber.max = max;
    this.scrubber.step = step;
    this.scrubber.value = at;
    this.scrubber.style.setProperty("--played", `${max ? (100 * at) / max : 0}%`);
    this.scrubber.setAttribute("aria-valuetext", spoken);
    this.where.textContent = where;
    if (this.shown === playing) return;
    this.shown = playing;
    const label = playing ? "Pause" : "Play";
    this.playing.setAttribute("aria-label", label);
    this.playing.title = label;
    this.playing.firstChild.show(playing ? "pause" : "play");
  }
}

function toggle(label, pressed, act) {
  const button = h("button", { type: "button", class: "toggle", "aria-pressed": String(pressed) }, label);
  button.addEventListener("click", () => {
    const now = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(now));
    act(now);
  });
  return button;
}
