// Small tools: building elements, icons, figures in words. Text only ever enters by textContent.

/** An element with attributes and children; strings become text nodes, never markup. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const PATHS = {
  first: "M5 5h2.5v14H5zM19 5v14L9 12z",
  previous: "M16 5v14L6 12z",
  play: "M7 4.5v15L19.5 12z",
  pause: "M6.5 5h4v14h-4zM13.5 5h4v14h-4z",
  next: "M8 5v14l10-7z",
  last: "M16.5 5H19v14h-2.5zM5 5v14l10-7z",
};

/** The icon's path can be exchanged through `icon.path`. */
export function icon(name) {
  const path = svg("path", { d: PATHS[name] });
  const element = svg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, path);
  return Object.assign(element, { show: other => path.setAttribute("d", PATHS[other]) });
}

export const count = number => Math.round(number).toLocaleString("en-US");
export const plural = (number, word) => `${count(number)} ${word}${number === 1 ? "" : "s"}`;

/** Calls can be fractions: 12.5, 0.17, but 32 and never 32.0. */
export const amount = number => number.toLocaleString("en-US", { maximumFractionDigits: 2 });

/** A probability in two digits. */
export const chance = number => (number === 0 || number === 1 ? String(number) : number > 0.995 ? "over 0.99" : Number(number.toPrecision(2)).toString());

/** 1234567 -> "1.23 M". */
export function short(number) {
  for (const [size, letter] of [[1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e4, "k"]]) {
    if (number >= size) return `${(number / (letter === "k" ? 1e3 : size)).toPrecision(3)} ${letter}`;
  }
  return count(number);
}

export function seconds(number) {
  if (!number) return "0 s";
  return number < 1 ? `${(number * 1000).toPrecision(number < 0.1 ? 2 : 3)} ms` : `${number.toPrecision(3)} s`;
}

/** "1.05 of 16.4 GFLOPs": how far a clock has run, both readings in one unit. */
export function progress(clock, value, end) {
  if (clock !== "flops" && clock !== "seconds") return `${amount(value)} of ${amount(end)} ${clock.slice(0, end === 1 ? -1 : undefined)}`;
  const units = clock === "flops" ? [[1e15, "PFLOPs"], [1e12, "TFLOPs"], [1e9, "GFLOPs"], [1e6, "MFLOPs"], [1, "FLOPs"]] : [[1, "s"], [1e-3, "ms"]];
  const [size, unit] = units.find(([least]) => end >= least) ?? units.at(-1), digits = end / size < 10 ? 2 : end / size < 100 ? 1 : 0;
  return `${(value / size).toFixed(digits)} of ${(end / size).toFixed(digits)} ${unit}`;
}

/** 3.417 -> "3.4×". */
export const times = ratio => `${ratio < 10 ? ratio.toFixed(1) : Math.round(ratio)}×`;

const FAMILIES = {
  MDLM: "masked diffusion model",
  PGM: "partition generative model",
  AR: "autoregressive model",
  Prime: "partial masking",
  SSMD: "self-speculative model",
  ILM: "insertion language model",
  oracle: "exact oracle",
};
export const familyOf = trace => FAMILIES[trace.model?.family] ?? "";

const READS = {
  everything: "Every position goes in, unknown ones as [MASK].",
  known: "Only known and asked positions go in.",
  cache: "One position a call; earlier ones are cached.",
};
export function readsOf(trace) {
  if (trace.steps.some(step => step.events.some(([, kind]) => kind === "insert"))) return "Only the tokens so far go in; every gap answers.";
  if (trace.digits) return "Known digit by digit; half-known tokens go in as such.";
  if (trace.steps.some(step => step.events.some(([, kind]) => kind === "draft"))) return "Drafts many at once, then checks each: keep or redraw.";
  return READS[trace.model?.reads] ?? "";
}

/** The sampler and its knobs, in a line. */
export function knobsOf(trace) {
  const { name, knobs = {} } = trace.sampler || {}, words = [trace.dataset, name];
  for (const [knob, value] of Object.entries(knobs)) {
    if (value === null || value === false || (knob === "temperature" && value === 1)) continue;
    if (knob === "steps") words.push(plural(value, "step"));
    else if (knob === "order" || knob === "fill") words.push(String(value));
    else if (knob === "schedule") words.push(`${value} schedule`);
    else words.push(value === true ? knob : `${knob} ${value}`);
  }
  if (trace.label) words.push(`label ${trace.label}`);
  if (trace.seed !== null && trace.seed !== undefined) words.push(`seed ${trace.seed}`);
  return words.filter(Boolean).join(" · ");
}
