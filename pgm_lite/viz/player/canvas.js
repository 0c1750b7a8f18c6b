// The canvas of one trace: a grid of pixels, a board of symbols, or flowing text; redrawn by difference.
import { ACCEPTED, DRAFT, GIVEN, KNOWN, MARKS, NEW, REDRAWN, REJECTED, REOPENED, UNKNOWN, conflictsOf, drafts, inserts, longestOf, stateAt, symbolOf } from "./state.js";
import { Growth } from "./growth.js";
import { inkOn, mixOf, possibleOf } from "./digits.js";
import { h } from "./dom.js";

const LONGEST_WORD = 16; // a line that holds fewer breaks the word
const MOST_LETTERS = 6; // more than fit into a cell are counted
const MOST_MARKS = 9;

/** "pixels", "board" or "text": how the layout of the trace is drawn. */
export function styleOf(trace) {
  if (trace.layout.kind !== "grid") return "text";
  return trace.layout.palette ? "pixels" : "board";
}

// A symbol where a blank would be overlooked.
const printed = (trace, token) => (trace.vocab[token] === " " ? "␣" : symbolOf(trace, token));

export class Canvas {
  constructor(trace, onPoint) {
    this.trace = trace;
    this.style = styleOf(trace);
    this.columns = trace.layout.columns;
    this.cells = Array.from({ length: trace.seq_len }, (_, i) =>
      h("span", { role: "gridcell", tabindex: i ? -1 : 0, "data-i": i }));
    this.drawn = new Array(trace.seq_len).fill("");
    const room = trace.groups || trace.digits ? " roomy" : trace.steps.some(drafts) ? " airy" : "", most = longestOf(trace);
    this.element = h("div", { class: `canvas ${this.style}${room}${most > 1 ? " long" : ""}`, role: "grid", "aria-label": "the sequence" });
    this.element.style.setProperty("--columns", this.columns);
    if (most > 1) this.element.style.setProperty("--long", most);
    if (inserts(trace)) this.layGrowing(); else if (this.style === "text") this.layText(); else this.layGrid();
    this.listen(onPoint);
  }

  layGrid() {
    const side = Math.sqrt(this.columns);
    const boxed = this.style === "board" && this.trace.layout.rows === this.columns && Number.isInteger(side);
    for (let start = 0; start < this.cells.length; start += this.columns) {
      this.element.append(h("div", { role: "row" }, ...this.cells.slice(start, start + this.columns)));
    }
    if (!boxed) return;
    this.cells.forEach((cell, i) => {
      if ((i % this.columns) % side === 0 && i % this.columns) cell.dataset.left = "";
      if (Math.floor(i / this.columns) % side === 0 && i >= this.columns) cell.dataset.top = "";
    });
  }

  layGrowing() {
    this.element.append(h("div", { role: "row" }, ...this.cells));
    this.growth = new Growth(this.trace, this.cells, this.element);
  }

  // Lines break where the finished text has a space, so that nothing moves while it is being written.
  layText() {
    const final = stateAt(this.trace, this.trace.steps.length), row = h("div", { role: "row" });
    const long = longestOf(this.trace) > 1, most = long ? 1 : LONGEST_WORD; // a line may end after any token that is a word by itself
    let word = h("span", { class: "word", role: "presentation" });
    this.cells.forEach((cell, i) => {
      word.append(cell);
      if (long && final.known[i]) cell.style.setProperty("--long", [...symbolOf(this.trace, final.tokens[i])].length);
      const space = final.known[i] && symbolOf(this.trace, final.tokens[i]) === " ";
      if (space || word.children.length === most) {
        row.append(word, h("wbr"));
        word = h("span", { class: "word", role: "presentation" });
      }
    });
    row.append(word);
    this.element.append(row);
  }

  listen(onPoint) {
    const at = event => {
      const cell = event.target.closest("[data-i]");
      return cell ? Number(cell.dataset.i) : null;
    };
    this.element.addEventListener("pointerover", event => at(event) !== null && onPoint(at(event), "hover"));
    this.element.addEventListener("pointerleave", () => onPoint(null, "hover"));
    this.element.addEventListener("click", event => at(event) !== null && onPoint(at(event), "pin"));
    this.element.addEventListener("focusin", event => {
      const i = at(event);
      if (i === null) return;
      this.cells.forEach(cell => cell.tabIndex === 0 && (cell.tabIndex = -1));
      this.cells[i].tabIndex = 0;
      onPoint(i, "hover");
    });
    this.element.addEventListener("focusout", () => onPoint(null, "hover"));
    this.element.addEventListener("keydown", event => {
      const i = at(event);
      if (i === null || event.ctrlKey || event.metaKey || event.altKey) return;
      const to = { ArrowLeft: this.beside(i, -1), ArrowRight: this.beside(i, 1), ArrowUp: this.above(i, -1), ArrowDown: this.above(i, 1) }[event.key];
      if (to !== undefined) this.cells[Math.max(0, Math.min(this.cells.length - 1, to))].focus();
      else if (event.key === "Enter") onPoint(i, "pin");
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
  }

  beside(i, places) { return this.growth ? this.growth.beside(i, places) : i + places; }

  // The neighbour one line up or down; where text wraps is known to the browser alone.
  above(i, direction) {
    if (this.style !== "text") return i + direction * this.columns;
    const here = this.cells[i].getBoundingClientRect();
    for (let j = this.beside(i, direction), before = i; j >= 0 && j < this.cells.length && j !== before; before = j, j = this.beside(j, direction)) {
      const there = this.cells[j].getBoundingClientRect();
      if (direction * (there.top - here.top) > 2 && direction * (there.left - here.left) >= -2) return j;
    }
    return i;
  }

  /** Redraw the cells whose picture differs from the one on the page; when all is over nothing is new. */
  draw(state, over = false) {
    const { trace, cells, drawn } = this, palette = trace.layout.palette, conflicts = conflictsOf(trace, state);
    for (let i = 0; i < cells.length; i++) {
      const mark = over && state.known[i] && state.mark[i] !== GIVEN ? KNOWN : state.mark[i], token = state.tokens[i], group = state.group[i], parts = state.digits.get(i);
      const clash = conflicts.has(i), key = `${mark},${token},${group},${clash}${parts ? `,${parts}` : ""}`;
      if (drawn[i] === key) continue;
      drawn[i] = key;
      const cell = cells[i], shown = mark !== UNKNOWN && mark !== REOPENED, half = mark === UNKNOWN && parts;
      const given = mark === GIVEN && trace.steps.length ? " given" : "";
      cell.className = `cell ${half ? "half" : MARKS[mark]}${given}${group >= 0 ? ` group g${group % 2}` : ""}${clash ? " clash" : ""}`;
      const possible = half ? possibleOf(trace, parts) : [];
      const colour = palette && shown ? palette[token] ?? "" : palette && possible.length ? mixOf(possible.map(each => palette[each])) : "";
      cell.replaceChildren();
      if (this.style === "pixels") {
        cell.style.backgroundColor = mark === DRAFT ? "" : colour;
        cell.style.color = half && colour ? inkOn(colour) : "";
        cell.style.setProperty("--drafted", mark === DRAFT ? colour : "transparent");
      } else if (possible.length) cell.append(this.possibilities(possible));
      else cell.textContent = !shown ? "░" : mark === DRAFT || mark === REDRAWN ? printed(trace, token) : symbolOf(trace, token);
      if (mark === REDRAWN) cell.append(this.struck(state.verdicts.get(i)));
      if (half) cell.append(this.bars(parts));
      cell.setAttribute("aria-label", this.nameOf(i, state, mark) + (clash ? ", in conflict" : ""));
    }
    this.growth?.draw(state);
  }

  // What a half-known token can still be: pencil marks on a board, a few letters or their number in a text.
  possibilities(tokens) {
    const { trace } = this, { vocab } = trace;
    if (this.style === "board" && vocab.length <= MOST_MARKS) {
      const side = Math.ceil(Math.sqrt(vocab.length)), marks = vocab.map((_, token) => h("i", {}, tokens.includes(token) ? printed(trace, token) : ""));
      return h("span", { class: "pencil", style: `--side:${side}`, "aria-hidden": "true" }, ...marks);
    }
    const few = tokens.length <= MOST_LETTERS, letters = few ? tokens.map(token => h("i", {}, printed(trace, token))) : [];
    const side = Math.ceil(Math.sqrt(tokens.length));
    return h("span", { class: few ? "maybe" : "maybe many", style: `--side:${side}`, "data-count": tokens.length, "aria-hidden": "true" }, ...letters);
  }

  // The draft that was refused, beside the token drawn instead.
  struck(verdict) {
    const colour = this.trace.layout.palette?.[verdict?.token];
    const chip = h("span", { class: "struck", "aria-hidden": "true" }, this.style === "pixels" ? "" : printed(this.trace, verdict?.token));
    if (colour && this.style === "pixels") chip.style.backgroundColor = colour;
    return chip;
  }

  bars(parts) {
    return h("span", { class: "bars", "aria-hidden": "true" },
      ...parts.map(part => h("i", { class: part === null ? "" : "on" })));
  }

  nameOf(i, state, mark) {
    const symbol = symbolOf(this.trace, state.tokens[i]), token = symbol === " " ? "space" : symbol;
    const told = {
      [GIVEN]: `${token}, given`, [KNOWN]: `${token}, written at step ${state.born[i]}`,
      [NEW]: `${token}, written at this step`, [REOPENED]: "reopened, unknown again", [DRAFT]: `${token}, a draft`,
      [ACCEPTED]: `${token}, draft accepted`, [REJECTED]: `${token}, draft rejected`,
      [REDRAWN]: `${token}, drawn in place of a rejected draft`,
    }[mark] ?? "unknown";
    const group = state.group[i] >= 0 ? `, group ${"AB"[state.group[i]] ?? state.group[i]}` : "";
    const parts = state.digits.get(i);
    const digits = parts ? `, ${parts.filter(part => part !== null).length} of ${parts.length} digits known, ${possibleOf(this.trace, parts).length} tokens still possible` : "";
    if (this.growth) return state.known[i] ? `token ${i + 1}: ${told.replace("written", "inserted")}` : `token ${i + 1}: not there yet`;
    return `position ${i + 1}: ${told}${group}${digits}`;
  }

  select(i) {
    this.chosen?.removeAttribute("data-chosen");
    this.chosen = i === null ? null : this.cells[i];
    this.chosen?.setAttribute("data-chosen", "");
  }
}
