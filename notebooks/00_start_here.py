# %% [markdown]
# # Start here
#
# Language models usually write from left to right. The models in this library start from a
# canvas on which **nothing is known** and write wherever they like, several tokens at a time.
#
# **What you will see in ten minutes:** two models paint the same pixel portrait in the same
# order. One of them sends every position through its network at every step, also the empty
# ones. The other sends only what is known and what is asked. You will predict the bill, read
# it, and check it by hand.
#
# Nothing here needs a GPU. Run a cell with Shift+Enter.

# %% picture="00_trace"
from pathlib import Path

import pgm_lite as pgm

TRACES = Path(pgm.__file__).parent.parent / "assets" / "traces"
recorded = {
    "MDLM": (TRACES / "face-mdlm.json").read_text(encoding="utf-8"),
    "PGM": (TRACES / "face-pgm.json").read_text(encoding="utf-8"),
}
pgm.show(recorded["PGM"])

# %% [markdown]
# ![Animation: a 16 by 16 portrait appears a few pixels at a time, all over the canvas; a dark
# panel beside it lights up the positions that go through the network at each
# step.](images/00_trace.gif)
#
# *A recording of the player above, for places where nothing runs.*
#
# ## What the player shows
#
# * **Left, the canvas.** A dotted cell is unknown. A thick border means: written in this step.
# * **Right, the dark panel: what goes through the network now.** A light is a position that is
#   processed. A dark cell does not exist for the network in this step.
# * **Below, the bill** so far: calls, positions, arithmetic (FLOPs), seconds.
#
# Press *play*, or click the player and use the keyboard: Space plays, the arrow keys step,
# Home and End jump. Point at a cell to read when it was written and how much doubt there was.
# Click on it, and the model is asked again: what else could have stood there?
#
# What you see is a *trace*: the record of one generation, step by step. It is data, so we can
# read it.

# %%
# NBVAL_CHECK_OUTPUT
trace = pgm.Trace.from_json(recorded["PGM"])
writes = [int(step.written.sum()) for step in trace.steps]
print(f"{trace.header.model.family} paints {trace.init.seq_len} positions")
print(f"positions given at the start: {int(trace.init.known.sum())}")
print(f"positions written in all steps together: {sum(writes)}")

# %% [markdown]
# ## Predict, then race
#
# Both models have 256 positions to write and the same number of steps. At each step:
#
# * **MDLM** (a masked diffusion model) reads all 256 positions. Unknown ones enter as a
#   placeholder, `[MASK]`.
# * **PGM** (a partition generative model) has no placeholder. It reads the known positions and
#   is asked about those that are written now.
#
# How many times more positions does MDLM send through its network, from the blank canvas to
# the finished portrait? Change the guess before you run the next cells.

# %%
my_guess = 1.0

# %% picture="00_race"
pgm.race(recorded, clock="flops")

# %% [markdown]
# ![Animation of a race at equal FLOPs: the panel of MDLM is fully lit at every step; the panel
# of PGM is almost dark at first and fills up slowly. PGM finishes while MDLM is still
# painting.](images/00_race.gif)
#
# *A recording of the race above.* The clock of this race is arithmetic: both models have spent
# equally many FLOPs at any moment. Choose another clock in the player. On the clock *steps*
# they arrive together: PGM does not need fewer steps, each of its steps is cheaper.

# %%
bills = {name: pgm.Trace.from_json(text).cost.row(0) for name, text in recorded.items()}
for name, bill in bills.items():
    print(
        f"{name:5} {int(bill.calls):3} calls  {int(bill.encoder_positions):5,} positions read  "
        f"{int(bill.decoder_positions):4,} asked  {float(bill.flops) / 1e9:5.2f} GFLOPs"
    )
ratio = int(bills["MDLM"].positions) / int(bills["PGM"].positions)
print(f"MDLM sends {ratio:.1f} times as many positions; your guess was {my_guess:.1f}")
ratio = float(bills["MDLM"].flops) / float(bills["PGM"].flops)
print(f"MDLM needs {ratio:.1f} times as many FLOPs")

# %% [markdown]
# The two networks have equally many layers. Why is the ratio of FLOPs larger than that of
# positions? In MDLM a position passes all layers. In PGM a known position passes the encoder,
# an asked one the decoder, and each of them holds half of the layers.
#
# ## The same bill by hand
#
# A claim about cost should survive a calculation on paper. With $k$ known positions and $q$
# positions asked about, one step processes
#
# $$\text{MDLM: } n \qquad\qquad \text{PGM: } \underbrace{k + 1}_{\text{encoder}} +
# \underbrace{q}_{\text{decoder}}$$
#
# where $n = 256$. The $+1$ is a register, one position that is always there, so that the
# encoder has something to read on a blank canvas. The trace says how many tokens each step
# wrote. That is enough.

# %%
# NBVAL_CHECK_OUTPUT
known, by_hand = 0, {"MDLM": 0, "PGM": 0}
for written in writes:
    by_hand["MDLM"] += trace.init.seq_len
    by_hand["PGM"] += known + 1 + written
    known += written
for name in bills:
    print(f"{name}: hand count equals the bill: {by_hand[name] == int(bills[name].positions)}")

# %% [markdown]
# The figure draws the same sum. The area under a curve is the bill.

# %% picture="00_positions"
pgm.viz.positions_per_step(recorded)

# %% [markdown]
# ![Line chart of positions through the network at each step. MDLM is a flat line at 256. PGM
# starts near zero and rises to just above 256 in the last step.](images/00_positions.png)
#
# Why does the curve of PGM start so low? The schedule is a cosine: few tokens are written in
# the first steps, when little is known, and many in the last ones. So most steps see a small
# canvas.
#
# ## Paint one yourself
#
# Ten lines, no recording. The networks ship with the repository. Change the seed and run it
# again.

# %% picture="00_yours"
faces = pgm.datasets.faces()
canvas = pgm.Canvas.blank(batch=1, seq_len=faces.seq_len)


def paint(name: str, order: object, seed: int, steps: int = 16) -> pgm.Trace:
    """A portrait in ``steps`` calls."""
    model = pgm.load(name)
    schedule = pgm.cosine(faces.seq_len, steps=steps)
    run = pgm.unmask(model, canvas, schedule=schedule, order=order, rng=pgm.rng(seed))
    return pgm.record(run, dataset=faces, seed=seed)


spread_out = paint("faces/pgm", pgm.halton(16, 16), seed=4)
pgm.show(spread_out)

# %% [markdown]
# ![Animation: another portrait, painted by the PGM network in sixteen
# steps.](images/00_yours.gif)
#
# ## When the saving shrinks
#
# `halton` is a *blind* order: which positions come next is fixed before the network is asked,
# so PGM is asked only about those. A *sighted* order, such as `confidence`, writes where the
# network has the least doubt. To find out, it must ask about **every** unknown position.
#
# Before you run the cell: on the blank canvas, how many positions does PGM process now?

# %%
# NBVAL_CHECK_OUTPUT
surest_first = paint("faces/pgm", pgm.confidence(), seed=4)
for name, one in {"halton, blind": spread_out, "confidence, sighted": surest_first}.items():
    each = [int(step.cost.positions) for step in one.steps]
    print(f"{name:20} {each[0]:3} positions in the first step, {sum(each):5,} in all")

# %% [markdown]
# With a sighted order the known and the asked positions always add up to the whole canvas:
# 256, and one register. Counted in positions, nothing is left of the saving. Counted in FLOPs,
# some is:

# %%
billed = {
    "MDLM, any order": bills["MDLM"],
    "PGM, halton": bills["PGM"],
    "PGM, confidence": surest_first.cost,
}
for name, bill in billed.items():
    print(f"{name:15} {float(bill.flops) / 1e9:5.2f} GFLOPs")

# %% [markdown]
# ## Three families
#
# The table asks three networks of one size for their bill. (A bill depends on sizes only, so
# they need no training.) The canvas is a 4 by 4 sudoku of which the first 8 cells are known.
# MDLM and PGM are asked about 4 positions at once, AR can only be asked about the next one.

# %%
# NBVAL_CHECK_OUTPUT
import torch
from IPython.display import Markdown

from pgm_lite.checkpoints import build
from pgm_lite.make import shape_for
from pgm_lite.recipes import recipe

shidoku = pgm.datasets.shidoku()
shape = shape_for(shidoku, recipe("tiny", "shidoku"))
half = pgm.Canvas.prompt([0, 1, 2, 3, 2, 3, 0, 1], batch=1, seq_len=16)
FAMILIES = {
    "AR": ("the next token, given all earlier ones", "the next position", 1),
    "MDLM": ("any token, given the known ones and [MASK]", "any unknown positions", 4),
    "PGM": ("one group of tokens, given the other group", "any unknown positions", 4),
}
rows = [
    "| family | what is learnt | what is asked | tokens a call | read | asked |",
    "|" + "---|" * 6,
]
for family, (learnt, asked, count) in FAMILIES.items():
    where = torch.arange(8, 8 + count)[None]
    bill = build(family.lower(), shape).cost(half, where)
    read, decoded = int(bill.encoder_positions), int(bill.decoder_positions)
    rows.append(f"| **{family}** | {learnt} | {asked} | {count} | {read} | {decoded} |")
Markdown("\n".join(rows))

# %% [markdown]
# * **AR** pays for one position a call, because the keys and values of earlier positions are
#   kept in a cache. It needs one call for every token.
# * **MDLM** needs few calls, but each one pays for the whole canvas.
# * **PGM** needs equally few calls and pays for what is known and asked. It has no cache: when
#   tokens are added, all known positions are encoded anew.
#
# Much of the research on these models can be sorted by the question *what is wasted?*
#
# * **A call for every token.** MDLM ([2406.07524](https://arxiv.org/abs/2406.07524)) writes
#   several tokens a call. Here: `pgm.MDLM`.
# * **Steps.** MaskGIT ([2202.04200](https://arxiv.org/abs/2202.04200)) writes the surest
#   positions first, few at the start and many at the end. Here: `pgm.confidence()` and
#   `pgm.cosine`.
# * **Errors of neighbours written together.** The Halton order
#   ([2503.17076](https://arxiv.org/abs/2503.17076)) spreads them out. Here: `pgm.halton(16,
#   16)`.
# * **Placeholders that hold no information.** PGM
#   ([2505.18883](https://arxiv.org/abs/2505.18883)) reads only what is known. Here: `pgm.PGM`.
#
# ## Three questions
#
# Click on an answer.
#
# **1. On a blank canvas, how many positions does PGM's encoder read?**
#
# <details><summary>256</summary>No. That is MDLM, which reads a placeholder at each unknown
# position.</details>
# <details><summary>1</summary>Yes: the register. Nothing else is known.</details>
# <details><summary>as many as are asked about</summary>No. Those go through the
# decoder.</details>
#
# **2. Both models paint 256 pixels in 256 steps, one at a time, in a blind order. How many
# times more positions does MDLM process than PGM?**
#
# <details><summary>about as many</summary>No. On average half of the canvas is unknown, and
# PGM does not read that half.</details>
# <details><summary>about 2 times</summary>Yes. On average half of the canvas is known: PGM
# processes about 128 + 2 positions a step, MDLM 256.</details>
# <details><summary>as many times as in the race above</summary>No. The race has a cosine
# schedule, which takes most of its steps while little is known. That helps PGM
# further.</details>
#
# **3. What changes in this bill if a larger network is used?**
#
# <details><summary>the positions</summary>No. Positions are counted, whatever happens to
# each.</details>
# <details><summary>the FLOPs and the seconds</summary>Yes. That is why the player offers
# several clocks.</details>
#
# ## Where to go next
#
# * [01_masked_diffusion](01_masked_diffusion.ipynb): train a masked diffusion model in under a
#   minute, in a world so small that every answer can be checked, and see where writing several
#   tokens at once goes wrong.
# * [02_sampling_orders](02_sampling_orders.ipynb): which positions next, and how many: what is
#   lost, computed before anything is drawn.
# * [03_partition_generation](03_partition_generation.ipynb): why the partition model is cheaper,
#   and that it never peeks.
# * [04_half_known_tokens](04_half_known_tokens.ipynb): tokens that come out of a fog, and a
#   published number that was no likelihood.
# * [05_self_speculation](05_self_speculation.ipynb): drafts that are checked, not believed.
# * `make app`: the same player with all models and knobs. While it runs, [this link][race]
#   opens a race with the seed of your portrait above.
# * `python -m pgm_lite --help`: train, sample, evaluate, bench.
#
# [race]: http://127.0.0.1:7860/?tab=race&m=faces%2Fmdlm&vs=faces%2Fpgm&clock=flops&seed=4&order=halton&steps=16
#
# One more to play with: the same network and the same seed in 4 steps and in 64. More steps
# cost more. What do they buy?

# %% picture="00_play"
few_and_many = {
    f"{steps} steps": paint("faces/pgm", pgm.halton(16, 16), seed=2, steps=steps)
    for steps in (4, 64)
}
pgm.race(few_and_many, clock="positions")

# %% [markdown]
# ![Animation: in four steps the network paints a face with misplaced pixels; in sixty-four
# steps, which process more positions, the face is clean.](images/00_play.gif)
#
# Pixels written in the same step do not see each other. [The next
# notebook](01_masked_diffusion.ipynb) measures what that costs.
