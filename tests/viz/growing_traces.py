"""A hand-made trace of a text that grows: letters come in one by one, in any order."""

import random

from player_traces import demo

TEXT = "elinor said no more, but she was sorry."
GIVEN = "no more"


def growing(text: str = TEXT, given: str = GIVEN, seed: int = 0) -> dict:
    """``given`` stands at the first positions; the other letters of the text come in at random."""
    trace, rng = demo("text", "PGM", steps=1), random.Random(seed)
    start, vocab, n = text.index(given), trace["vocab"], 64
    place = {position: start + position for position in range(len(given))}  # in the finished text
    waiting = [i for i in range(len(text)) if i not in place.values()]
    rng.shuffle(waiting)
    steps = []
    for k, target in enumerate([*waiting, None]):
        position, kept = len(given) + k, len(place)
        before = [p for p, at in place.items() if target is not None and at < target]
        after = max(before, key=place.__getitem__, default=-1)
        token = None if target is None else vocab.index(text[target])
        events = [] if target is None else [[position, "insert", token, 0.25, after]]
        cost = {"calls": 1, "encoder_positions": kept + 1, "decoder_positions": 0, "flops": 1e6}
        note = f"step {k + 1}: 1 token put among {kept}; the chance of being done was 0.02"
        if target is None:
            note = f"step {k + 1}: done with {kept} tokens; the chance of being done was 0.7"
        entropy = [[position, 2.5]]
        steps.append({"nfe": k + 1, "cost": cost, "seconds": 0.01, "note": note, "events": events})
        steps[-1]["entropy"] = entropy
        if target is not None:
            place[position] = target
    tokens = [vocab.index(letter) for letter in given] + [0] * (n - len(given))
    return trace | {
        "id": "growing",
        "model": trace["model"] | {"family": "ILM", "name": "sentences/insertion"},
        "dataset": "sentences",
        "sampler": {"name": "insert", "knobs": {"stop": "by chance", "longest": 64}},
        "seq_len": n,
        "layout": trace["layout"] | {"columns": n},
        "init": {"tokens": tokens, "known": [1] * len(given) + [0] * (n - len(given))},
        "steps": steps,
    }


def text_after(trace: dict, k: int) -> str:
    """What is read after k steps, by the plainest possible loop."""
    known = [i for i, is_known in enumerate(trace["init"]["known"]) if is_known]
    line = [(i, trace["init"]["tokens"][i]) for i in known]
    for step in trace["steps"][:k]:
        for position, _, token, _, after in step["events"]:
            at = next((j + 1 for j, (other, _) in enumerate(line) if other == after), 0)
            line.insert(at, (position, token))
    return "".join(trace["vocab"][token] for _, token in line)
