// Half-known tokens: which tokens their digits still allow, and the colour these mix to.

const spellings = new WeakMap();

/** The digits of every token, the most significant first. */
export function spellingsOf(trace) {
  if (!spellings.has(trace)) {
    const { count, base, codes } = trace.digits;
    spellings.set(trace, trace.vocab.map((_, token) => {
      const number = codes ? codes[token] : token;
      return Array.from({ length: count }, (_, j) => Math.floor(number / base ** (count - 1 - j)) % base);
    }));
  }
  return spellings.get(trace);
}

/** The tokens that agree with every known digit; `parts` has null where a digit is unknown. */
export function possibleOf(trace, parts) {
  if (!trace.digits) return [];
  const agree = digits => parts.every((part, j) => part === null || part === digits[j]);
  return spellingsOf(trace).flatMap((digits, token) => (agree(digits) ? [token] : []));
}

const toLight = byte => (byte <= 10.31475 ? byte / 3294.6 : ((byte / 255 + 0.055) / 1.055) ** 2.4);
const toByte = light => Math.round(255 * (light <= 0.0031308 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055));

/** Black or white, whichever is easier to see on a colour. */
export function inkOn(colour) {
  const [r, g, b] = [1, 3, 5].map(at => toLight(parseInt(colour.slice(at, at + 2), 16)));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000" : "#FFF";
}

/** The mean of colours "#rrggbb" in linear light: how a fine pattern of them looks from afar. */
export function mixOf(colours) {
  const mean = at => colours.reduce((sum, colour) => sum + toLight(parseInt(colour.slice(at, at + 2), 16)), 0) / colours.length;
  return `#${[1, 3, 5].map(at => toByte(mean(at)).toString(16).padStart(2, "0")).join("")}`;
}
