// What else it could have been: the question a pinned position raises, and the host's answer as bars.
import { GIVEN, inserts } from "./state.js";
import { named } from "./tally.js";
import { h } from "./dom.js";

/** What to ask about position i: the state its token was drawn from or, while unknown, the state shown; or null. */
export function questionOf(trace, state, k, i) {
  if (i === null || state.mark[i] === GIVEN || inserts(trace)) return null;
  return { id: trace.id, after: state.known[i] ? state.born[i] - 1 : k, position: i };
}

const percent = p => (p < 0.001 ? "< 0.1 %" : `${(100 * p).toFixed(p < 0.0995 ? 1 : 0)} %`);

export class Candidates {
  constructor(trace) {
    this.trace = trace;
    this.answer = null;
    this.element = h("div", { class: "candidates", "aria-live": "polite" });
  }

  /** Show the answer if it is one to this question; `written` is the token that stands there now. */
  show(question, written) {
    const { answer } = this, fits = question && answer && ["id", "after", "position"].every(part => question[part] === answer[part]);
    this.element.replaceChildren(...(fits ? [answer.problem ? h("p", {}, answer.problem) : this.table(written)] : []));
  }

  table(written) {
    const { tokens, probabilities, others, after, said } = this.answer;
    const row = (words, p, kind) => {
      const bar = h("i");
      bar.style.width = `${100 * p}%`;
      return h("tr", { class: kind }, h("th", { scope: "row" }, ...words), h("td", {}, percent(p)), h("td", { class: "rail", "aria-hidden": "true" }, bar));
    };
    const rows = tokens.map((token, at) => row(named(this.trace, token), probabilities[at], token === written ? "taken" : ""));
    if (others > 0.0005) rows.push(row(["all others"], others, "others"));
    const when = after ? `after step ${after}` : "before the first step";
    return h("table", { class: "bill" }, h("caption", {}, `${said} ${when}`), h("tbody", {}, ...rows));
  }
}
