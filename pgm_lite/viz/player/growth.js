// Texts that grow: tokens keep their elements and slide along their lines when others come in between.
import { knownCount, stateAt, symbolOf } from "./state.js";

const COLUMNS = 32;

/** Where each symbol of a text stands, as [line, column]; lines break after spaces, long words anywhere. */
export function wrap(symbols, columns) {
  const places = [];
  let line = 0, column = 0, at = 0;
  while (at < symbols.length) {
    let end = at;
    while (end < symbols.length && symbols[end] !== " ") end += 1;
    if (column && column + end - at > columns) { line += 1; column = 0; }
    for (; at <= end && at < symbols.length; at++) { // the word and the space after it, which may hang over
      if (column >= columns && symbols[at] !== " ") { line += 1; column = 0; }
      places.push([line, column]);
      column += 1;
    }
  }
  return places;
}

/** The layout of one growing text: as many lines as it ever needs, and a place for each token on them. */
export class Growth {
  constructor(trace, cells, element) {
    Object.assign(this, { trace, cells, there: new Set(), order: [] });
    this.columns = Math.min(COLUMNS, Math.max(1, knownCount(stateAt(trace, trace.steps.length))));
    const lines = trace.steps.concat([0]).map((_, k) => this.places(stateAt(trace, k)).reduce((most, [line]) => Math.max(most, line + 1), 1));
    element.classList.add("growing");
    element.style.setProperty("--columns", this.columns + 1); // a space may hang over
    element.style.setProperty("--lines", Math.max(...lines));
  }

  places(state) { return wrap(state.order.map(i => symbolOf(this.trace, state.tokens[i])), this.columns); }

  /** Slide what is there to its place; what has just come in appears at its own and slides from nowhere. */
  draw(state) {
    const places = this.places(state), fresh = state.order.filter(i => !this.there.has(i));
    const put = (i, [line, column]) => { this.cells[i].style.transform = `translate(${column * 100}%, ${line * 100}%)`; };
    for (const i of fresh) this.cells[i].style.transition = "none";
    state.order.forEach((i, rank) => put(i, places[rank]));
    if (fresh.length) this.cells[fresh[0]].getBoundingClientRect(); // take up the places before motion is allowed again
    for (const i of fresh) this.cells[i].style.transition = "";
    this.there = new Set(state.order);
    this.order = state.order;
    const stop = this.cells.find(cell => cell.tabIndex === 0);
    if (this.order.length && (!stop || !this.there.has(Number(stop.dataset.i)))) {
      if (stop) stop.tabIndex = -1;
      this.cells[this.order[0]].tabIndex = 0;
    }
  }

  /** The token read so many places after another one; the last or first where there is none. */
  beside(i, places) {
    const rank = this.order.indexOf(i);
    return this.order[Math.max(0, Math.min(this.order.length - 1, rank + places))] ?? i;
  }
}
