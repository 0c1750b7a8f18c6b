"""Hand-made traces for the player: a portrait, a text, a sudoku, every kind of event."""

import random

PALETTE = [
    "#f5f5f5",
    "#2b1d0e",
    "#5c3a1e",
    "#8d5524",
    "#e8b98d",
    "#d29a6b",
    "#b5d3e7",
    "#2f6690",
    "#16425b",
    "#d64550",
    "#ffffff",
    "#111111",
]
PORTRAIT = """................
....hhhhhhhh....
...hhhhhhhhhh...
...hhhhhhhhhh...
..hhhsssssshhh..
..hhsssssssshh..
..hhswkssswkhh..
..hhsssssssshh..
..hhssssdssshh..
..hhsssssssshh..
...hsssrrssshh..
....ssssssss....
.....dssssd.....
...bbbddddbbb...
..bbbbbssbbbbb..
.bbbbbBBBBbbbbb.
"""
PROSE = (
    "it is a truth universally acknowledged, that a single man in possession of a good "
    "fortune, must be in want of a wife. however little known the feelings or views of such "
    "a man may be on his first entering a neighbourhood, this truth is so well fixed in the "
    "minds of "
)[:256]
SUDOKU = "1234341221434321"
READS = {"MDLM": "everything", "PGM": "known", "AR": "cache"}
READS |= {"Prime": "everything", "SSMD": "everything"}


def demo(kind: str = "face", family: str = "PGM", steps: int = 16, seed: int = 0) -> dict:
    """A trace as the file has it: one order a seed, each family with a bill of its own."""
    final, vocab, layout, dataset = _content(kind)
    n, rng = len(final), random.Random(seed)
    given = {"text": range(12), "sudoku": (0, 6, 11)}.get(kind, ())
    known = [int(i in given) for i in range(n)]
    order = [i for i in range(n) if not known[i]]
    if family == "AR":
        steps = len(order)
    else:
        rng.shuffle(order)
    cuts = [round(len(order) * (k / steps) ** 1.4) for k in range(steps + 1)]
    calls, records = sum(known), []
    for k in range(steps):
        chosen, before = order[cuts[k] : cuts[k + 1]], sum(known) + cuts[k]
        cost = _cost(family, n, before, len(chosen))
        calls = k + 1
        records.append(
            {
                "nfe": calls,
                "cost": cost,
                "seconds": cost["flops"] / 4e9 + 0.002,
                "note": f"step {k + 1}: {len(chosen)} tokens written, {before} known, 1 call",
                "events": [
                    [i, "write", final[i], round(0.3 + 0.7 * rng.random(), 3)] for i in chosen
                ],
                "entropy": [[i, round(2.4 * rng.random(), 3)] for i in chosen],
            }
        )
    return {
        "schema": "pgm_lite.trace/1",
        "library": "0.1.0",
        "id": f"{kind}-{family}-{seed}",
        "model": {
            "family": family,
            "name": f"{dataset}/{family.lower()}",
            "checkpoint": None,
            "reads": READS[family],
        },
        "dataset": dataset,
        "sampler": {
            "name": "unmask",
            "knobs": {
                "order": "random",
                "schedule": "cosine",
                "steps": steps,
                "fill": "choose-then-sample",
                "temperature": 1.0,
            },
        },
        "seed": seed,
        "label": "glasses" if kind == "face" else None,
        "seq_len": n,
        "vocab": vocab,
        "layout": layout,
        "init": {
            "tokens": [t if is_known else 0 for t, is_known in zip(final, known, strict=True)],
            "known": known,
        },
        "groups": None,
        "digits": None,
        "steps": records,
    }


def every_kind() -> dict:
    """Sixteen characters that go through every kind of event the file knows."""
    trace = demo("sudoku", "PGM", steps=4)
    trace["vocab"] = list("abcd")
    trace["layout"] = {"kind": "line", "rows": 1, "columns": 16, "palette": None}
    trace["init"] = {"tokens": [0] * 16, "known": [1] + [0] * 15}
    trace["groups"] = [i % 2 for i in range(16)]
    trace["digits"] = {"count": 2, "base": 2}
    events = [
        [
            [1, "write", 1, 0.5],
            [2, "draft", 2, 0.4],
            [3, "draft", 3, 0.2],
            [4, "digit", 0, 1, 0.9],
            [7, "draft", 1, 0.2],
            [8, "draft", 1, 0.2],
        ],
        [
            [2, "accept", 2, 0.4, 0.8],
            [3, "reject", 3, 0.2, 0.1],
            [3, "write", 0, 0.9],
            [7, "reject", 1, 0.2, 0.0],
        ],
        [[1, "reopen"], [5, "group", 0], [4, "digit", 1, 0, 0.9], [4, "write", 2, 0.9]],
        [[1, "write", 2, 0.7], [6, "draft", 2, 0.2]],
    ]
    for step, happened in zip(trace["steps"], events, strict=True):
        step["events"] = happened
        step["entropy"] = [[happened[0][0], 1.0]]
    return trace


def large(positions: int = 1024, steps: int = 64) -> dict:
    """A grid of 32 columns and many steps, to be timed."""
    trace, rng = demo("face", "MDLM", steps=1), random.Random(1)
    order = list(range(positions))
    rng.shuffle(order)
    size = positions // steps
    record = trace["steps"][0]
    trace["steps"] = [
        record
        | {
            "events": [[i, "write", i % 12, 0.5] for i in order[k * size : (k + 1) * size]],
            "entropy": [[i, 1.0] for i in order[k * size : (k + 1) * size]],
        }
        for k in range(steps)
    ]
    trace["seq_len"] = positions
    trace["layout"] = trace["layout"] | {"rows": positions // 32, "columns": 32}
    trace["init"] = {"tokens": [0] * positions, "known": [0] * positions}
    return trace


def replay(trace: dict, k: int) -> tuple[list[int], list[int]]:
    """Tokens (0 where unknown) and known flags after k steps, by the plainest possible loop."""
    tokens, known = list(trace["init"]["tokens"]), list(trace["init"]["known"])
    for step in trace["steps"][:k]:
        for position, kind, *rest in step["events"]:
            if kind in ("write", "accept"):
                tokens[position], known[position] = rest[0], 1
            elif kind in ("reopen", "reject", "draft"):
                known[position] = 0
    return [t if is_known else 0 for t, is_known in zip(tokens, known, strict=True)], known


def _content(kind: str) -> tuple[list[int], list[str], dict, str]:
    if kind == "face":
        index = {".": 0, "h": 1, "s": 4, "d": 5, "w": 10, "k": 11, "r": 9, "b": 7, "B": 8}
        grid = {"kind": "grid", "rows": 16, "columns": 16, "palette": PALETTE}
        return [index[c] for c in PORTRAIT if c != "\n"], PALETTE, grid, "faces"
    if kind == "text":
        vocab = list(' abcdefghijklmnopqrstuvwxyz,.-;"')
        line = {"kind": "line", "rows": 1, "columns": 256, "palette": None}
        return [vocab.index(c) for c in PROSE], vocab, line, "austen"
    board = {"kind": "grid", "rows": 4, "columns": 4, "palette": None}
    return [int(c) - 1 for c in SUDOKU], list("1234"), board, "shidoku"


def _cost(family: str, n: int, known: int, asked: int) -> dict:
    bills = {"MDLM": (n, 0), "PGM": (known + 1, asked), "AR": (1, 0), "Prime": (n, 0)}
    encoder, decoder = bills[family]
    return {
        "calls": 1,
        "encoder_positions": encoder,
        "decoder_positions": decoder,
        "flops": 4e6 * encoder + 3e6 * decoder,
    }
