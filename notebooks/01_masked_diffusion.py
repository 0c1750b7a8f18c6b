# %% [markdown]
# # Masked diffusion in a world of 288 grids
#
# **The claim.** A masked diffusion model learns one law for each unknown position. Written one
# at a time, these laws multiply to the exact joint law. Written several at a time, they do
# not, and no amount of training repairs that.
#
# We test it where nothing can hide: *shidoku*, sudoku on a 4 by 4 grid. Every row, column and
# 2 by 2 box holds the digits 1 to 4. There are few grids, so we can list them all, ask a
# perfect model, and judge samples without any other network. Then we train a real one and look
# at how close it comes.
#
# 15 minutes, no GPU. The training cell takes less than a minute on two cores.

# %%
import math
import os
import time

import plotly.graph_objects as go
import torch

import pgm_lite as pgm
from pgm_lite import objectives
from pgm_lite.bounds import held_out_bound
from pgm_lite.checkpoints import build
from pgm_lite.make import shape_for
from pgm_lite.metrics import judge
from pgm_lite.orders import BlindOrder
from pgm_lite.recipes import Recipe
from pgm_lite.teaching import check
from pgm_lite.training import train

FAST = os.environ.get("PGM_LITE_FAST") == "1"  # automatic tests train and sample less

# %% [markdown]
# ## 1. A model that is never wrong
#
# `Support` lists every sequence there is. Asked about a position, it counts among the grids
# that agree with everything known so far:
#
# $$p(x_i = v \mid \text{known}) =
# \frac{\#\{\text{grids that agree and have } v \text{ at } i\}}
# {\#\{\text{grids that agree}\}}$$

# %%
# NBVAL_CHECK_OUTPUT
shidoku = pgm.datasets.shidoku()
grids, _ = shidoku.splits["train"].batch(torch.arange(shidoku.splits["train"].rows))
oracle = pgm.Support(grids, shidoku.vocab_size)
print(f"{len(grids)} grids of {shidoku.seq_len} positions, {shidoku.vocab_size} tokens")
print(f"entropy {oracle.entropy():.5f} nats, ln 288 = {math.log(288):.5f}")

# %% [markdown]
# The canvas starts blank. At each step we choose one unknown position at random, ask the
# oracle, and draw a digit from its answer. Step through it, and point at a cell to read how
# much doubt there was when it was asked about. (The oracle has no network. Here the lights of
# the panel show what it is told and what it is asked.)

# %% picture="01_oracle"
blank = pgm.Canvas.blank(batch=1, seq_len=16)
steps = pgm.unmask(
    oracle, blank, schedule=pgm.one_by_one(16), order=pgm.random_order(), rng=pgm.rng(3)
)
perfect = pgm.record(steps, dataset=shidoku, seed=3)
pgm.show(perfect, step=6)

# %% [markdown]
# ![Animation: sixteen digits appear one by one on a 4 by 4 grid, which is a valid sudoku at
# the end.](images/01_oracle.gif)
#
# **Predict:** we reveal the cells of one grid in reading order. How many of the 16 cells have
# to be known until only one grid is left?

# %%
# NBVAL_CHECK_OUTPUT
for known in range(17):
    left = int((grids[:, :known] == grids[0, :known]).all(1).sum())
    print(f"cells known: {known:2}   grids left: {left:3}")

# %% [markdown]
# Ten. After that, the other cells follow. A digit that follows costs no doubt: its probability
# is 1.
#
# Multiply the probabilities of all sixteen digits, in whatever order they were drawn, and you
# get the probability of the grid. That is the chain rule, and it holds for *any* order:
#
# $$p(x) = \prod_{k=1}^{16}
# p\big(x_{\sigma(k)} \mid x_{\sigma(1)}, \dots, x_{\sigma(k-1)}\big)$$

# %%
# NBVAL_CHECK_OUTPUT
for seed, order in enumerate([pgm.random_order(), pgm.left_to_right(), pgm.entropy()]):
    steps = pgm.unmask(oracle, blank, schedule=pgm.one_by_one(16), order=order, rng=pgm.rng(seed))
    nats = -sum(float(step.log_prob.sum()) for step in steps)
    print(f"{order.name:13} -log p of its grid: {nats:.5f} nats")

# %% [markdown]
# ## 2. Predict: a perfect model in a hurry
#
# Sixteen calls for sixteen digits is what an autoregressive model needs, too. The point of
# masked diffusion is to write several digits at each call. The model below is still the
# oracle. It is never wrong about any single position.
#
# With 4 calls, 4 digits a call at random places: what share of the grids will be valid? Write
# down your guess before you go on.

# %%
my_guess = 0.9  # between 0 and 1


# %%
def draw(model: object, steps: int, *, order: object, count: int, seed: int = 0, **how: str):
    """``count`` grids written in ``steps`` calls."""
    canvas = pgm.Canvas.blank(count, 16)
    schedule = pgm.uniform(16, steps)
    run = pgm.unmask(model, canvas, schedule=schedule, order=order, rng=pgm.rng(seed), **how)
    return pgm.record(run, dataset=shidoku).final.tokens


COUNT = 500 if FAST else 4000
CALLS = [1, 2, 4, 8, 16]


def validity(model: object) -> list[float]:
    """The share of valid grids at each number of calls, in random order."""
    grids_of = {n: draw(model, n, order=pgm.random_order(), count=COUNT) for n in CALLS}
    return [judge(shidoku, grids_of[n])["validity"] for n in CALLS]


of_oracle = validity(oracle)
for calls, share in zip(CALLS, of_oracle, strict=True):
    print(f"{calls:2} calls, {16 // calls:2} digits a call: {share:6.1%} valid")
print(f"your guess for 4 calls: {my_guess:.0%}")

# %% [markdown]
# Only one digit a call gives valid grids every time. What happened? Take two cells $a$ and $b$
# of one row of the blank canvas. Each law is right: all four digits are equally likely. But
# the two digits are drawn **independently**, and one time in four they are the same.
#
# $$p(x_a, x_b \mid \text{known}) \;\ne\;
# p(x_a \mid \text{known}) \cdot p(x_b \mid \text{known})$$
#
# The error is not in the model's answers. It is in what we ask: one law for each position,
# when we need one law for both. In a single call every digit is a throw of its own, and the
# chance of a valid grid can be counted:

# %%
# NBVAL_CHECK_OUTPUT
print(f"valid in one call: 288 of 4**16 = {4**16:,}, or one in {4**16 // 288:,}")

# %% [markdown]
# ## 3. Train one
#
# A network cannot count grids. It learns the same laws from examples: hide a random share $t$
# of a grid, show the rest, and predict what was hidden.
#
# $$-\log p_\theta(x) \;\le\; \mathbb{E}_{t}\; \frac{1}{t} \sum_{i \text{ hidden}}
# -\log p_\theta\big(x_i \mid x_\text{known}\big)$$
#
# The weight $1/t$ makes the right side a **bound** on the likelihood (MDLM, [arXiv
# 2406.07524](https://arxiv.org/abs/2406.07524), equation 10). Hidden cells enter as `[MASK]`.
# Divided by 16 positions, the best possible value is $\ln 288 / 16 = 0.354$ nats.

# %%
# NBVAL_CHECK_OUTPUT
recipe = Recipe(
    width=64,
    heads=2,
    depth=4,
    steps=30 if FAST else 450,
    batch=128,
    matrix_rate=0.03,
    vector_rate=5e-3,
    warmup=20,
    ema=0.99,
)
network = build("mdlm", shape_for(shidoku, recipe), seed=0)
untrained = held_out_bound(network, grids, rng=pgm.rng(0))
print(f"{sum(p.numel() for p in network.parameters()):,} parameters")
print(f"before training: {16 * untrained.nats:.2f} nats a grid; 16 ln 4 = {16 * math.log(4):.2f}")

# %% [markdown]
# An untrained network answers every question with the uniform law. Now the loop. `train` is a
# generator: it trains while we iterate and tells us where it stands.

# %%
started = time.process_time()
progress = train(
    network,
    objectives.MASKED,
    shidoku.splits["train"],
    recipe,
    seed=0,
    report_every=recipe.steps // 10,
)
for at in progress:
    print(f"update {at.step:3} of {at.steps}: {at.nats:.3f} nats a position")
print(f"{at.seconds:.0f} s, {time.process_time() - started:.0f} s of processor time")

# %% [markdown]
# ## 4. Does it know the law?
#
# Two tests. The first is the bound, against the entropy. We give the oracle and the network
# the same hidden cells, so that the luck of the draw is the same for both. (Nothing is held
# out here. There are only 288 grids, and all of them were seen in training. The question is
# whether the network knows *the law*, not whether it generalises.)

# %%
rows = grids.repeat(4 if FAST else 64, 1)
bounds = {
    name: held_out_bound(model, rows, rng=pgm.rng(1), batch=512)
    for name, model in {"oracle": oracle, "network": network}.items()
}
for name, bound in bounds.items():
    print(f"{name:8} {16 * bound.nats:.3f} ± {16 * bound.standard_error:.3f} nats a grid")
print(f"entropy  {oracle.entropy():.3f}, the least possible")

# %% [markdown]
# The second test judges samples, written one digit a call. *Total variation* is the distance
# to the uniform law over the 288 grids. Even perfect samples are not at zero, because a few
# thousand draws never spread evenly: that is the *noise floor*, and only what lies above it
# counts against the network.

# %%
samples = draw(network, 16, order=pgm.random_order(), count=COUNT)
print(judge(shidoku, samples))

# %% [markdown]
# ## 5. The figure
#
# Validity against the number of calls, for the oracle and for our network.

# %% picture="01_validity"
of_network = validity(network)
figure = go.Figure(
    [
        go.Scatter(x=CALLS, y=of_oracle, name="perfect model", mode="lines+markers"),
        go.Scatter(x=CALLS, y=of_network, name="our network", mode="lines+markers"),
        go.Scatter(
            x=[4],
            y=[my_guess],
            name="your guess",
            mode="markers",
            marker={"symbol": "x", "size": 12},
        ),
    ]
)
figure.update_layout(
    title="Fewer calls, fewer valid grids, with a perfect model, too",
    template="pgm_lite",
    height=420,
    xaxis={"title": "calls for 16 digits", "type": "log", "tickvals": CALLS},
    yaxis={"title": "valid grids", "tickformat": ".0%", "range": [-0.03, 1.05]},
)

# %% [markdown]
# ![Line chart: the share of valid grids rises from zero at one call to all at sixteen calls
# for the perfect model. The trained network stays close below it: about nine in ten at sixteen
# calls.](images/01_validity.png)
#
# Read the figure from right to left. At 16 calls the gap between the curves is the network's
# own error; more training narrows it. From there to the left both curves fall together. That
# part of the error belongs to *the sampler*: it is the price of writing several positions in
# one call, and training cannot lower it.
#
# > **Common bug.** Judging a model by its samples at few steps. A weak score may come from the
# > sampler alone. Sample one position a call first, then save calls.
#
# ## 6. All valid, and still wrong
#
# Many samplers do not choose positions first. They draw a digit at *every* unknown position
# and keep the draws that came out most probable. The library calls this **sample-then-rank**;
# the opposite is **choose-then-sample**. It sounds harmless. We use the perfect model and one
# digit a call, so nothing is written in parallel.
#
# To judge, we sort the grids into two kinds by counting their *swaps*: 2 by 2 minors with two
# digits crosswise (`1 2 / 2 1`). A grid has either 4 of them or 12.

# %%
# NBVAL_CHECK_OUTPUT
PAIRS = torch.combinations(torch.arange(4))


def swaps(batch: torch.Tensor) -> torch.Tensor:
    """How many pairs of rows and columns hold two digits crosswise, for each grid."""
    cells = batch.reshape(-1, 4, 4)
    top, bottom = cells[:, PAIRS[:, 0]], cells[:, PAIRS[:, 1]]  # [b, pair of rows, column]
    left, right = PAIRS[:, 0], PAIRS[:, 1]
    crossed = (top[..., left] == bottom[..., right]) & (top[..., right] == bottom[..., left])
    return crossed.flatten(1).sum(1)


kinds, how_many = swaps(grids).unique(return_counts=True)
for kind, number in zip(kinds.tolist(), how_many.tolist(), strict=True):
    print(f"{kind:2} swaps: {number:3} of {len(grids)} grids, one in {len(grids) / number:.1f}")

# %%
for fill in ("choose-then-sample", "sample-then-rank"):
    drawn = draw(oracle, 16, order=pgm.confidence(), count=COUNT, fill=fill)
    report = judge(shidoku, drawn)
    rare = (swaps(drawn) == 12).double().mean()
    print(
        f"{fill:18}  {report['validity']:.0%} valid, {rare:.0%} of the rarer kind, total "
        f"variation {report['total_variation']:.2f} (noise floor {report['noise_floor']:.2f})"
    )

# %% [markdown]
# Every grid is valid under both rules. One in three should be of the rarer kind. But
# sample-then-rank produces the rarer kind half of the time instead of a third. An improbable
# digit is drawn as often as it should be, and then it loses the ranking and is thrown away.
# What remains is tilted towards the probable. A score that only asks "is this a good sample?"
# cannot see that. It can even improve, while the law gets worse.
#
# ## 7. Exercise: which cells go together?
#
# *Difficulty: medium. Five minutes.* Four calls, four digits a call, perfect model. Random
# places gave about one valid grid in five. Find an order that does better than two in five.
#
# `my_order` returns the 16 positions in the order in which they are written, four a call.
# Position 0 is the top left cell, 3 the top right one, 15 the bottom right one. The stub goes
# row by row.


# %%
def my_order() -> list[int]:
    """The 16 positions, in the order in which they are written."""
    return list(range(16))


# %%
# NBVAL_CHECK_OUTPUT
def share_valid(positions: list[int]) -> float:
    """The share of valid grids among 2,000 written by the oracle in four calls."""
    rank = torch.tensor(positions).argsort().double()
    order = BlindOrder("mine", lambda canvas, rng: rank.expand(canvas.batch, -1))
    grids = draw(oracle, 4, order=order, count=2000)
    return judge(shidoku, grids)["validity"]


def check_order(answer):
    """What holds about a reader's order, and what does not yet."""
    return check(
        {
            "it is a list of 16 positions": lambda: len(answer()) == 16,
            "each position from 0 to 15 occurs once": lambda: sorted(answer()) == [*range(16)],
            "it beats row by row": lambda: share_valid(answer()) > 0.03,
            "it beats random places": lambda: share_valid(answer()) > 0.25,
            "it is right in more than two of five": lambda: share_valid(answer()) > 0.4,
        }
    )


check_order(my_order)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Digits drawn together do not see each other. Which cells have the least to say to each other?
# Two cells disturb each other if they share a row, a column or a box.
#
# </details>
#
# The next cell holds a solution. In JupyterLab it is folded; click on the three dots.


# %% jupyter={"source_hidden": true}
# NBVAL_CHECK_OUTPUT
def four_strangers() -> list[int]:
    """In each call, four cells of which no two share a row, a column or a box."""
    return [0, 6, 9, 15, 3, 5, 10, 12, 1, 7, 8, 14, 2, 4, 11, 13]


check_order(four_strangers)

# %% [markdown]
# The order helps because it writes together what depends on each other least. The same idea,
# on larger grids, is the Halton order: it spreads the positions of one call over the picture.
#
# ## 8. Three questions
#
# Click on an answer.
#
# **1. The oracle writes two positions in one call. When is that exact?**
#
# <details><summary>never</summary>No. If the two are independent given what is known, nothing
# is lost.</details>
# <details><summary>when the two are independent given what is known</summary>Yes. Then the
# product of the two laws is the joint law.</details>
# <details><summary>when it is certain of one of them</summary>Also yes: a position without
# doubt is independent of everything. Samplers that write the surest positions first rely on
# this.</details>
#
# **2. A network's bound is 5.70 nats, the entropy 5.66. What does that say about its samples
# in four calls?**
#
# <details><summary>Nearly all are valid</summary>No. The bound judges single positions. Four
# digits a call are another question, and the oracle itself fails it.</details>
# <details><summary>Little</summary>Yes. The bound tells how good the answers are, not what the
# sampler makes of them.</details>
#
# **3. All samples are valid and all 288 grids occur. Is the sampler right?**
#
# <details><summary>yes</summary>No. Section 6 has a sampler like this which prefers one kind
# of grid.</details>
# <details><summary>not necessarily</summary>Yes. How often each grid occurs counts, too.
# Compare the total variation with its noise floor.</details>
#
# ## 9. One more to play with
#
# Your own network, the same seed, in four calls and in sixteen. Look for the first digit that
# cannot be repaired any more.

# %% picture="01_play"
runs = {}
for calls in (4, 16):
    steps = pgm.unmask(
        network,
        blank,
        schedule=pgm.uniform(16, calls),
        order=pgm.random_order(),
        rng=pgm.rng(5),
    )
    runs[f"{calls} calls"] = pgm.record(steps, dataset=shidoku, seed=5)
pgm.race(runs, clock="positions")

# %% [markdown]
# ![Animation: the network writes one grid in four calls and one in sixteen; every call sends
# all sixteen positions through it.](images/01_play.gif)
#
# The panel shows the price of the network you trained: all 16 positions at every call, also
# those that are `[MASK]`. Partition models leave those out;
# [03_partition_generation](03_partition_generation.ipynb) shows how. What an order of your own
# would lose is computed in [02_sampling_orders](02_sampling_orders.ipynb). In the app (`make
# app`), [this link][app] opens the same seed with the network that ships with the library.
#
# [app]: http://127.0.0.1:7860/?tab=watch&m=shidoku%2Fmdlm&seed=5&order=random&schedule=uniform&steps=4
