"""Hand-made traces of half-known tokens and of drafts, by the plainest simulation."""

import random

from player_traces import demo

BASES = {"face": (12, 4, 2), "text": (33, 6, 2), "sudoku": (4, 2, 2)}


def spelled(kind: str = "face", steps: int = 12, seed: int = 0, codes: list | None = None) -> dict:
    """Digits of ``demo(kind)`` revealed in random order; two steps in the middle are idle."""
    trace, rng = demo(kind, "MDLM", steps=1, seed=seed), random.Random(seed)
    vocab_size = len(trace["vocab"])
    count = max(BASES[kind][2], 2)
    base = next(b for b in range(2, 99) if b**count >= vocab_size)
    if kind == "face":
        count, base = 4, 2
    final = [0] * trace["seq_len"]
    for at, kind_, token, _ in trace["steps"][0]["events"]:
        assert kind_ == "write"
        final[at] = token
    hidden = [
        (at, digit)
        for at, known in enumerate(trace["init"]["known"])
        if not known
        for digit in range(count)
    ]
    rng.shuffle(hidden)
    left = {at: count for at, _ in hidden}
    busy, records, calls = steps - 2, [], 0
    for k in range(steps):
        idle = k in (steps // 2, steps // 2 + 1)
        share = k - (k > steps // 2) - (k > steps // 2 + 1)
        cuts = [round(len(hidden) * i / busy) for i in (share, share + 1)]
        events, asked = [], set()
        for at, digit in [] if idle else sorted(hidden[cuts[0] : cuts[1]]):
            number = codes[final[at]] if codes else final[at]
            value = number // base ** (count - 1 - digit) % base
            events.append([at, "digit", digit, value, 0.5])
            asked.add(at)
            left[at] -= 1
        events += [[at, "write", final[at], 0.5] for at in sorted(asked) if left[at] == 0]
        calls += not idle
        cost = trace["steps"][0]["cost"]
        if idle:
            cost = dict.fromkeys(cost, 0)
        records.append(
            trace["steps"][0]
            | {
                "nfe": calls,
                "cost": cost,
                "note": "a note of the whole batch",
                "events": events,
                "entropy": [[at, 1.0] for at in sorted(asked)],
            }
        )
    trace["digits"] = {"count": count, "base": base, "codes": codes}
    trace["model"] |= {"family": "Prime", "name": "prime"}
    trace["sampler"] = {"name": "unmask_digits", "knobs": {"steps": steps, "digits": count}}
    trace["id"] = f"{kind}-Prime-{seed}"
    return trace | {"steps": records}


def drafted(kind: str = "text", window: int = 24, loops: int = 2, seed: int = 0) -> dict:
    """``demo(kind)`` by drafts: most are kept, some refused, the rest of a window thrown away."""
    trace, rng = demo(kind, "MDLM", steps=1, seed=seed), random.Random(seed)
    n, vocab_size = trace["seq_len"], len(trace["vocab"])
    final = {at: token for at, _, token, _ in trace["steps"][0]["events"]}
    order, records, nfe = list(final), [], 0.0

    def add(events: list, asked: list[int], *, trunk: bool) -> None:
        nonlocal nfe
        nfe += (calls := 0.75 if trunk else 0.25)
        cost = {
            "calls": calls,
            "encoder_positions": n if trunk else 0,
            "decoder_positions": 0 if trunk else n - len(order) + len(asked),
            "flops": 3e6 * n * calls,
        }
        entropy = [[at, 1.0] for at in asked]
        made = {"nfe": nfe, "cost": cost, "events": events, "entropy": entropy}
        records.append(trace["steps"][0] | {"note": "a note of the whole batch"} | made)

    while order:
        asked = order[:window]
        wrong = {at for at in asked if rng.random() < 0.12}
        drafts = {at: (final[at] + (at in wrong)) % vocab_size for at in asked}
        add([[at, "draft", drafts[at], 0.62] for at in asked], asked, trunk=True)
        for _ in range(loops):
            events, waiting = [], list(asked)
            for at in waiting:
                asked.remove(at)
                if at not in wrong:
                    events.append([at, "accept", drafts[at], 0.62, 0.7])
                    continue
                events += [[at, "reject", drafts[at], 0.62, 0.11], [at, "write", final[at], 0.4]]
                break
            add(events, waiting, trunk=False)
            order = order[len(waiting) - len(asked) :]
            if not asked:
                break
    trace["model"] |= {"family": "SSMD", "name": "ssmd"}
    trace["sampler"] = {"name": "speculate", "knobs": {"loops": loops}}
    trace["id"] = f"{kind}-SSMD-{seed}"
    return trace | {"steps": records}
