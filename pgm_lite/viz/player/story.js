// The story of one position: what is known of it, since when, how likely it was, or what it can still be.
import { ASKED, DRAFT, GIVEN, MASKED, REJECTED, REOPENED, costOf, rolesAt } from "./state.js";
import { possibleOf } from "./digits.js";
import { named, verdictIn } from "./tally.js";
import { chance, count } from "./dom.js";

/** The story of position i as a lane shows it now: sentences, and swatches where tokens are colours. */
export function storyOf({ trace, state, k, over }, i) {
  const { columns, kind } = trace.layout;
  if (state.order) return grown(trace, state, i);
  const place = kind === "grid" ? `Row ${Math.floor(i / columns) + 1}, column ${(i % columns) + 1}: ` : `Position ${i + 1}: `;
  const token = state.tokens[i], say = each => named(trace, each);
  if (state.mark[i] === GIVEN) return [place, ...say(token), ", given from the start."];
  if (state.mark[i] === DRAFT) return [place, ...say(token), ` is a draft, not checked yet. The draft law gave it ${chance(state.prob[i])}.`];
  if (state.mark[i] === REJECTED) return [place, "the draft ", ...say(token), ` was refused: ${verdictIn(trace, state.verdicts.get(i))}.`];
  if (state.known[i]) return [place, ...say(token), ...written(trace, state, i, say)];
  const parts = state.digits.get(i);
  if (parts && trace.digits) return [place, ...halfKnown(trace, parts, say)];
  return [place, unknown(trace, state, over ? 0 : k, i)];
}

function written(trace, state, i, say) {
  const born = state.born[i], verdict = state.verdicts.get(i), drawn = Number.isFinite(state.prob[i]) ? state.prob[i] : null;
  if (verdict?.kept) return [`, written at step ${born}: a draft that was kept. Its ${verdictIn(trace, verdict)}.`];
  if (verdict) {
    return [`, written at step ${born}. The draft `, ...say(verdict.token), ` was refused: ${verdictIn(trace, verdict)}. `,
      ...say(state.tokens[i]), ` was drawn instead${drawn === null ? "" : `; the target law gave it ${chance(drawn)}`}.`];
  }
  if (trace.digits) return [`, whole since step ${born}${drawn === null ? "" : `; the digits revealed then had probability ${chance(drawn)}`}.`];
  const entropy = entropyOf(trace, born, i), { encoder_positions: enc, decoder_positions: dec } = costOf(trace, born);
  const doubt = entropy === null ? "" : `, entropy ${entropy.toFixed(2)} nats`;
  const bill = enc + dec === 0 && trace.model?.reads === "unknown" ? "" : ` ${count(enc + dec)} positions went through the network for it.`;
  return [`, written at step ${born}${drawn === null ? "" : ` with probability ${chance(drawn)}`}${doubt}.${bill}`];
}

// Where an inserted token stands now and stood then, and how likely it was.
function grown(trace, state, i) {
  const rank = state.order.indexOf(i), say = each => named(trace, each), born = state.born[i];
  if (rank < 0) return [`Token ${i + 1}: not there yet. A token comes in when the model puts it somewhere.`];
  const place = [`Place ${rank + 1} of ${count(state.order.length)}: `, ...say(state.tokens[i])];
  if (state.mark[i] === GIVEN) return [...place, ", given from the start."];
  const [, , , drawn, after] = trace.steps[born - 1].events.find(([at]) => at === i), entropy = entropyOf(trace, born, i);
  const where = after < 0 ? ["at the very beginning"] : ["right after ", ...say(state.tokens[after])], doubt = entropy === null ? "" : `, entropy ${entropy.toFixed(2)} nats`;
  const likely = drawn === null ? "" : ` That gap and that token had probability ${chance(drawn)} together${doubt}.`;
  return [...place, `, inserted at step ${born} `, ...where, `.${likely}`];
}

function halfKnown(trace, parts, say) {
  const tokens = possibleOf(trace, parts), found = parts.filter(part => part !== null).length;
  const digits = parts.map(part => part ?? "_").join(" ");
  const list = tokens.flatMap((token, at) => [at ? ", " : "", ...say(token)]);
  return [`${found} of ${parts.length} digits known (${digits}), so ${count(tokens.length)} of ${count(trace.vocab.length)} are still possible: `, ...list, "."];
}

function unknown(trace, state, k, i) {
  const seen = rolesAt(trace, k)[i], role = trace.model?.reads === "unknown" && seen !== ASKED ? null : seen, entropy = entropyOf(trace, k, i);
  if (state.mark[i] === REOPENED) return "reopened at this step; unknown again.";
  if (role === ASKED) return `asked for at this step${entropy === null ? "" : `, entropy ${entropy.toFixed(2)} nats`}, but not written.`;
  if (role === MASKED) return "unknown, yet it goes through the network, as [MASK].";
  return trace.model?.reads === "known" && !trace.digits ? "unknown; for the network it does not exist." : "unknown.";
}

function entropyOf(trace, k, i) {
  const found = (trace.steps[k - 1]?.entropy || []).find(([position]) => position === i);
  return found ? found[1] : null;
}
