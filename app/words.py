"""What the app says: names in plain words, and help that depends on the data set."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DatasetWords:
    """How a data set is called, and how its prompt is written."""

    title: str
    prompt_label: str
    prompt_help: str
    prompt_example: str


DATASETS = {
    "faces": DatasetWords(
        "Pixel faces",
        "Start from half a portrait",
        "The number of a held-out portrait (0 to 599) and the half to keep: top, bottom, left "
        "or right.",
        "portrait 12 top",
    ),
    "austen": DatasetWords(
        "Jane Austen",
        "Start from a text",
        'Small letters, spaces and - " , ; . only. An underscore leaves its position open.',
        "it is a truth ____ acknowledged",
    ),
    "sentences": DatasetWords(
        "Jane Austen, short sentences",
        "Start from some words",
        'Small letters, spaces and - " , ; . only. More letters come in anywhere around them.',
        "mr. darcy was.",
    ),
    "shidoku": DatasetWords(
        "Sudoku, 4 x 4",
        "Start from a puzzle",
        "Sixteen cells row by row, digits 1 to 4; an underscore leaves its cell open.",
        "1___ __2_ _3__ ___4",
    ),
}

FAMILIES = {
    "ar": "AR: one after another",
    "ar_small": "AR, small: drafts for the larger one",
    "mdlm": "MDLM: masks in, tokens out",
    "mdlm_sdtt": "MDLM, distilled: trained for few steps",
    "pgm": "PGM: reads only what is known",
    "pgm_sdtt": "PGM, distilled: trained for few steps",
    "prime": "Prime: tokens come out of a fog, digit by digit",
    "self_spec": "SSMD: drafts, then checks itself",
    "insertion": "ILM: grows, letter between letters",
}

KNOBS = {
    "fill": "When tokens are drawn",
    "inner": "Order inside a block",
    "top_p": "Top-p",
    "reveal": "How digits are drawn",
    "window": "Window of drafts",
    "delta": "Delta (cosine window)",
    "share": "Share (linear window)",
    "size": "Positions a window",
    "loops": "Checks a window",
    "draft_order": "Order of drafts",
    "stop": "When it is done",
    "threshold": "Sure enough",
    "longest": "Longest",
    "scouted": "Share scouted",
    "asks": "Asks about",
    "gamma": "Gamma (nats)",
    "proxy": "Surest first by",
    "tau": "Tau (confidence)",
    "epsilon": "Epsilon (nats)",
    "history": "Steps looked back",
    "variant": "What is reopened",
    "loop_on": "Loop begins",
    "loop_off": "Loop ends",
    "loop_alpha": "Share known in the loop",
    "scored": "Written tokens are judged",
    "group_order": "Order of groups",
    "full_first": "Full steps first",
    "local": "Local steps a full one",
    "drafts": "Drafts a check",
    "mixture": "Mixture (0: AR, 1: drafts)",
    "look_ahead": "Look-ahead",
}

SAMPLERS = {
    "unmask": "Unmask on schedule",
    "ancestral": "Ancestral (coin flips)",
    "first_hitting": "First hitting",
    "entropy_bounded": "Entropy-bounded",
    "threshold": "Threshold",
    "stable": "Stable answers",
    "remask": "Remask (ReMDM)",
    "path_planning": "Path planning (P2)",
    "recap": "Cached groups (ReCAP)",
    "autoregress": "Left to right",
    "unmask_digits": "Digit by digit",
    "speculate": "Draft and verify",
    "insert": "Insert",
    "speculative_decode": "Small model drafts",
    "adaptive_parallel": "Adaptive parallel (APD)",
}

CLOCKS = {
    "flops": "FLOPs",
    "positions": "positions",
    "calls": "calls",
    "steps": "steps",
    "seconds": "seconds",
}


def dataset_words(name: str) -> DatasetWords:
    """The words of a data set; one without words of its own is called by its name."""
    label, info = "Start from a prompt", "An underscore leaves its position open."
    return DATASETS.get(name) or DatasetWords(name, label, info, "")


def spoken(name: str) -> str:
    """A knob or attribute as a label: ``block_size`` becomes "Block size"."""
    return KNOBS.get(name) or name.replace("_", " ").capitalize()
