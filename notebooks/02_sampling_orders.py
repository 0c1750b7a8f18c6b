# %% [markdown]
# # Which next, and how many?
#
# **The claim.** Written one at a time, positions may come in any order: the law stays the same.
# Written several at a time, something is lost at every step, and we can compute what. Looking at
# the model's answers first is a bad way to choose *which* positions to write together. It is a
# very good way to choose *how many*.
#
# [01_masked_diffusion](01_masked_diffusion.ipynb) showed that a perfect model fails when it has to
# hurry. Here we find out where exactly, in two worlds in which every number is exact, and then
# in a network. 20 minutes, no GPU, no training.

# %%
import os
from dataclasses import asdict
from itertools import permutations

import plotly.graph_objects as go
import torch

import pgm_lite as pgm
from pgm_lite import lab, laws
from pgm_lite.metrics import judge
from pgm_lite.orders import SightedOrder
from pgm_lite.teaching import check
from pgm_lite.viz.lab import divided_error, error_against_calls

FAST = os.environ.get("PGM_LITE_FAST") == "1"  # automatic tests sample less

# %% [markdown]
# ## 1. One at a time: take any order
#
# Our first world is six days of weather: sun, clouds or rain. Sun likes to stay, rain nearly as
# much. Tomorrow depends on today and on nothing else.

# %%
# NBVAL_CHECK_OUTPUT
first_day = torch.tensor([0.5, 0.3, 0.2])
next_day = torch.tensor([[0.80, 0.15, 0.05], [0.30, 0.40, 0.30], [0.10, 0.30, 0.60]])
weather = laws.chain(6, first_day, next_day)
print(f"{len(weather.sequences)} courses of six days, entropy {weather.entropy():.4f} nats")

# %% [markdown]
# `weather` is a perfect model: asked about any day, it answers with the exact law given the days
# that are known. The lab takes a *policy*, a rule that says which days come next, and walks through
# everything that can happen: every choice, every draw, with its probability. Nothing is
# sampled. What comes out is the law of what the policy generates, and how far it is from the truth.
#
# The number after the colon says how many days each step writes.


# %%
# NBVAL_CHECK_OUTPUT
def exactly(*policies: str) -> None:
    """What the lab finds out about policies in the world of weather."""
    print("policy             calls   asked   lost (nats)   total variation")
    for found in lab.compare(weather, policies):
        lost, apart = abs(found.kl), abs(found.total_variation)
        print(
            f"{found.policy:18} {found.calls:5.2f}   {found.asked:5.2f}   {lost:11.4f}   {apart:15.4f}"
        )


exactly("left-to-right:1", "random:1", "confidence:1", "entropy:1")

# %% [markdown]
# All exact, as the chain rule says. *Lost* is $\mathrm{KL}(\text{truth}, \text{policy})$: how many
# nats a true course of days is less probable under the policy, on average. Only the column
# *asked* differs. `confidence` and
# `entropy` first ask about all unknown days, then write the surest one: 6 + 5 + 4 + 3 + 2 + 1
# questions for six answers.
#
# ## 2. Two at a time: what is lost
#
# Two days of one step are drawn without seeing each other. What they had to say to each other is
# lost: their *mutual information*, for more than two the **total correlation**,
#
# $$\mathrm{TC}(x_S \mid x_K) = \sum_{i \in S} H(x_i \mid x_K) - H(x_S \mid x_K),$$
#
# where $K$ is known and $S$ is written. Here it is for each pair of days while nothing is known.
# **Predict:** which pairs are the cheapest?

# %% picture="02_pairs"
blank = pgm.Canvas.blank(batch=1, seq_len=6)
pairs = torch.full((6, 6), torch.nan, dtype=torch.float64)
for a, b in permutations(range(6), 2):
    together = torch.zeros(1, 6, dtype=torch.bool)
    together[0, [a, b]] = True
    pairs[a, b] = lab.total_correlation(weather, blank, together)[0]
days = [f"day {day}" for day in range(1, 7)]
figure = go.Figure(
    go.Heatmap(
        z=pairs.tolist(),
        x=days,
        y=days,
        texttemplate="%{z:.3f}",
        colorbar={"title": "nats"},
        hoverongaps=False,
    )
)
figure.update_layout(
    title="What two days lose when they are written together",
    template="pgm_lite",
    height=440,
    yaxis={"autorange": "reversed"},
)

# %% [markdown]
# ![Heat map of six by six days. Next to the diagonal, pairs of neighbours lose about 0.23 nats
# each. The loss falls quickly with the distance: day 1 and day 6 lose
# 0.006.](images/02_pairs.png)
#
# Neighbours lose forty times as much as the first and the last day. (The diagonal is empty: no day
# is written twice.)
#
# An order in three steps of two loses the sum of three such terms, each given what is known by
# then. We need nothing but entropies of some of the days:

# %%
# NBVAL_CHECK_OUTPUT
chances = weather.weights / weather.weights.sum()


def entropy(days: frozenset[int]) -> float:
    """The joint entropy of some days, in nats."""
    if not days:
        return 0.0
    _, which = weather.sequences[:, sorted(days)].unique(dim=0, return_inverse=True)
    mass = torch.zeros(int(which.max()) + 1, dtype=torch.float64).index_add(0, which, chances)
    return float(-(mass * mass.log()).sum())


def lost(*steps: frozenset[int]) -> float:
    """The sum of the total correlations of what each step writes, given all steps before it."""
    total, known = 0.0, frozenset()
    for step in steps:
        alone = sum(entropy(known | {day}) - entropy(known) for day in step)
        together = entropy(known | step) - entropy(known)
        total, known = total + alone - together, known | step
    return total


three_pairs = {
    tuple(frozenset(order[at : at + 2]) for at in (0, 2, 4)) for order in permutations(range(6))
}
every = {steps: lost(*steps) for steps in three_pairs}
shown = {
    "best": min(every, key=every.get),
    "worst": max(every, key=every.get),
    "as they stand": (frozenset({0, 1}), frozenset({2, 3}), frozenset({4, 5})),
}
for name, steps in shown.items():
    days_of = ", then ".join(" and ".join(str(day + 1) for day in sorted(step)) for step in steps)
    print(f"{name:14} days {days_of}: {every[steps]:.4f} nats lost")

# %% [markdown]
# Of all 90 orders in three pairs the best one loses nearly forty times less than the worst. It
# spreads out: days of one step stand far apart, or have a known day between them, which tells both
# of them all they could have told each other.
#
# Compare the last line with what the lab finds for `left-to-right:2` below. The lab never computed
# a total correlation, and the two numbers are the same. **That is all that is lost.** A perfect
# model in a fixed order has no other error.
#
# ## 3. Look first?
#
# Many samplers ask about all unknown positions and write those first of which the model is surest.
# That is a good habit of people who fill in crosswords. **Predict** the table: two days a step,
# which of the four policies loses least?

# %%
my_guess = "entropy:2"

# %%
# NBVAL_CHECK_OUTPUT
exactly("left-to-right:2", "random:2", "confidence:2", "entropy:2")

# %%
print(f"your guess was {my_guess}")

# %% [markdown]
# The one that does not look. `entropy` is as bad as going from left to right, and it asked twice as
# many questions. Why? Which day can the model be surest of? One that stands *beside* a known day.
# And the second surest? Often the one beside that. **Sureness and independence are two things,**
# and here they pull in opposite directions.
#
# (To be fair to the others: `random` draws a new order every time, and errors of different orders
# partly cancel in the mixture. Single orders lose 0.21 nats on average, and four in five lose more
# than its 0.07. Not all: you have seen the best one.)
#
# In the world of the 288 sudoku grids there is no left and right, but the same thing happens. Two
# digits a step, perfect model, 8 calls:

# %% picture="02_race"
shidoku = pgm.datasets.shidoku()
grids = laws.law("shidoku")


def fill(
    order: object, *, steps: int, count: int, model: object = grids, seed: int = 0
) -> pgm.Trace:
    """Grids in equal steps."""
    canvas, schedule = pgm.Canvas.blank(count, 16), pgm.uniform(16, steps)
    run = pgm.unmask(model, canvas, schedule=schedule, order=order, rng=pgm.rng(seed))
    return pgm.record(run, dataset=shidoku, seed=seed)


COUNT = 200 if FAST else 2000
orders = {"random": pgm.random_order(), "entropy": pgm.entropy()}
shares = {
    name: judge(shidoku, fill(order, steps=8, count=COUNT).final.tokens)["validity"]
    for name, order in orders.items()
}
print("valid grids: " + ", ".join(f"{name} {share:.0%}" for name, share in shares.items()))
pgm.race(
    {name: fill(order, steps=8, count=1, seed=2) for name, order in orders.items()},
    clock="calls",
)

# %% [markdown]
# ![Animation: two grids filled two digits at a time, on the left at random places, on the right
# the surest places first, which are often neighbours.](images/02_race.gif)
#
# *How to read it:* step through it and look where the two new digits of a step stand. On the
# right they often share a row, a column or a box, and then each of them may need the digit that the
# other one has just taken.
#
# ## 4. Let the answers say how many
#
# The answers do hold something precious. A position whose entropy is zero has nothing left to say,
# so writing it loses nothing, whatever it is written with. More generally, for any set $S$
#
# $$\mathrm{TC}(x_S \mid x_K) \;\le\; \sum_{i \in S} H(x_i \mid x_K) - \max_{i \in S} H(x_i \mid x_K),$$
#
# and the right side is known *before anything is drawn*. The EB-Sampler ([arXiv
# 2505.24857](https://arxiv.org/abs/2505.24857)) sorts positions by entropy and writes as many as
# keep it within a budget $\gamma$. One when answers are vague, ten when they are certain.

# %% picture="02_budget"
steps = pgm.unmask_adaptive(
    grids, pgm.Canvas.blank(1, 16), policy=pgm.entropy_bounded(0.1), rng=pgm.rng(1)
)
careful = pgm.record(steps, dataset=shidoku, seed=1)
pgm.show(careful)

# %% [markdown]
# ![Animation: a grid filled digit by digit at first and many digits at once at the end, when they
# all follow from what is known.](images/02_budget.gif)
#
# *How to read it:* in a middle step the caption counts more digits than in an early one. They are
# all certain by then.
#
# Now 2,000 grids of each policy, with the mean number of calls. `threshold:0.9` is another rule of
# the kind: it writes every digit whose probability is at least 0.9. The last row has a budget of a
# whole nat.

# %%
budgets = ("random:1", "random:2", "entropy:2", "eb:0.1", "threshold:0.9", "eb:1.0")
for found in lab.compare(grids, budgets, columns=4, samples=COUNT):
    print(f"{found.policy:14} {found.calls:5.2f} calls   {found.valid:6.1%} valid")

# %% [markdown]
# Half of the calls, and not one grid is wrong. With a whole nat to spend, digits that can each be one
# of two things go together and may contradict each other. After that nothing follows from anything,
# so even calls are no longer saved: three in four grids are wrong, for more calls than the careful
# budget needs.
#
# In the weather nothing ever becomes certain, so the same rule saves nothing until the budget is
# large enough to do harm. The lab draws the whole picture, exactly:

# %% picture="02_lab"
ways = (
    *("random:1", "random:2", "random:3", "left-to-right:1", "left-to-right:2", "left-to-right:3"),
    *("entropy:1", "entropy:2", "entropy:3", "eb:0.5", "eb:0.8", "eb:1.2", "eb:1.5", "one-shot"),
)
error_against_calls(
    [asdict(found) for found in lab.compare(weather, ways)],
    measure="kl",
    title="Six days of weather: what is lost for the calls saved",
)

# %% [markdown]
# ![Line chart of nats lost against calls. All curves meet at zero at six calls. At three calls the
# random order has lost least by far; left to right, hidden under entropy, and the entropy budget
# lie close together above it.](images/02_lab.png)
#
# *How to read it:* left is cheap, low is faithful. Nothing here beats an order that takes no
# notice of anything. In a world where answers become certain, everything turns round.
# `python -m pgm_lite lab` prints such tables for more policies, and for a table of your own.
#
# ## 5. A network has errors of its own
#
# Everything so far was lost by a perfect model. A network adds what it does not know. On a world
# with a known law the two can be told apart, step by step and to the last nat:
#
# $$\mathrm{KL}\Big(p(x_S \mid x_K), \prod_{i \in S} q(x_i \mid x_K)\Big) =
# \underbrace{\mathrm{TC}(x_S \mid x_K)}_{\text{parallel error}} +
# \sum_{i \in S} \underbrace{\mathrm{KL}\big(p(x_i \mid x_K), q(x_i \mid x_K)\big)}_{\text{model error}}$$

# %% picture="02_split"
splits = lab.split_network("shidoku/pgm", samples=16 if FAST else 128)
along_truth = [asdict(split) for split in splits if split.along == "truth"]
divided_error(along_truth, title="shidoku/pgm: whose error is it?")

# %% [markdown]
# ![Stacked bars of error in nats a grid for 2, 4, 8 and 16 steps. In 2 steps about six nats of
# parallel error; in 16 steps none, and what is left is a few hundredths of model
# error.](images/02_split.png)
#
# *How to read it:* the two errors ask for different cures. More training shortens one part of a
# bar, another order or more steps the other. At 8 steps this network could be perfect and hardly
# anybody would notice.
#
# ## 6. What looking costs
#
# A partition model reads what is known and answers what it is asked. An order that looks has to ask
# about everything, and most answers are thrown away. `pgm.analyse` counts them in any trace. A
# *scouted* order lies between: it looks at a random quarter of the unknown positions.

# %%
# NBVAL_CHECK_OUTPUT
network = pgm.load("shidoku/pgm")
print("16 calls           asked   thrown away   MFLOP")
for name, order in {
    "random": pgm.random_order(),
    "scouted quarter": pgm.scouted(pgm.entropy(), 0.25),
    "entropy": pgm.entropy(),
}.items():
    trace = fill(order, steps=16, count=1, model=network)
    report = pgm.analyse(trace)
    asked, thrown = int(report.asked.sum()), int(report.thrown_away.sum())
    print(f"{name:16} {asked:7}   {thrown:11}   {float(trace.cost.flops) / 1e6:5.1f}")

# %% [markdown]
# An MDLM pays for all 16 positions at every call whatever you ask. For a PGM curiosity has a price,
# and it can eat up what the partition saves.
#
# ## 7. Exercise: the detective
#
# *Difficulty: medium. Five minutes.* A colleague shows you a sampler: "It writes the surest
# position first." It makes nice texts and you have a suspicion. At the start many positions are
# *exactly* equally sure. Who decides then? In many published samplers it is `topk`, which takes the
# first of equals. So the sampler silently goes from left to right.
#
# Complete `goes_left`: True if a trace's order is nothing like what it claims to be, but from left
# to right. You get the trace and nothing else. `pgm.analyse(trace)` knows a lot about orders.


# %%
def goes_left(trace: pgm.Trace) -> bool:
    """Is this order in truth left to right?"""
    return False


# %% jupyter={"source_hidden": true}
# NBVAL_CHECK_OUTPUT
def rounded(laws: torch.Tensor) -> torch.Tensor:
    """Surest first, in too few decimals, and equals as they stand."""
    sure = (laws.exp().amax(-1) * 2).round()
    return sure - 1e-6 * torch.arange(sure.shape[1])


def honest(laws: torch.Tensor) -> torch.Tensor:
    """Surest first; the library breaks ties by chance."""
    return laws.amax(-1)


def by(rule: object, seed: int) -> pgm.Trace:
    """One grid, one digit a step."""
    return fill(SightedOrder("surest first", rule), steps=16, count=1, seed=seed)


def investigate(answer):
    """What holds about a reader's detective, and what does not yet."""
    caught = lambda: [answer(by(rounded, seed)) for seed in range(8)]  # noqa: E731
    spared = lambda: [answer(by(honest, seed)) for seed in range(8)]  # noqa: E731
    return check(
        {
            "it answers True or False": lambda: isinstance(answer(by(honest, 0)), bool),
            "it convicts left to right": lambda: answer(
                fill(pgm.left_to_right(), steps=16, count=1)
            ),
            "it acquits a random order": lambda: (
                not answer(fill(pgm.random_order(), steps=16, count=1))
            ),
            "it convicts the sampler of your colleague, eight times": lambda: all(caught()),
            "it acquits the honest one, eight times": lambda: not any(spared()),
        }
    )


investigate(goes_left)

# %% [markdown]
# <details><summary>Hint</summary>
#
# `pgm.analyse(trace).ar_ness` is Kendall's rank correlation of step and position: 1 is left to
# right, 0 is no relation, -1 right to left. Which value does an honest order never reach?
#
# </details>
#
# The next cell holds a solution. In JupyterLab it is folded; click on the three dots.


# %% jupyter={"source_hidden": true}
# NBVAL_CHECK_OUTPUT
def sharp_eyed(trace: pgm.Trace) -> bool:
    """An order that agrees with the positions much more often than not."""
    return float(pgm.analyse(trace).ar_ness) > 0.55


investigate(sharp_eyed)

# %% [markdown]
# A real trace gives itself away in another place, too: `pgm.analyse(trace).warnings` says when a
# step had to choose among positions with the same score.
#
# ## 8. Three questions
#
# Click on an answer.
#
# **1. A perfect model writes two positions of entropy zero and one vague one in a single step. What
# is lost?**
#
# <details><summary>something, since there are three</summary>No. Sum less maximum is zero, so
# nothing can be.</details>
# <details><summary>nothing</summary>Yes. Certain positions have nothing to say to
# anybody.</details>
# <details><summary>it depends on their distance</summary>No. Distance only stands in for
# dependence, and here there is none.</details>
#
# **2. Your samples get better when you train longer, at one call a position. At 4 calls they do
# not. Why?**
#
# <details><summary>the network overfits</summary>Then they would not get better at one call a
# position, either.</details>
# <details><summary>what is left is parallel error</summary>Yes. No training takes that
# away.</details>
# <details><summary>four calls are too few to measure</summary>No. Every sample can be judged,
# whatever made it.</details>
#
# **3. You have a PGM and want sudoku grids for few FLOPs. Random order one by one, or an entropy
# budget?**
#
# <details><summary>the budget: half of the calls</summary>Count again. It asks about everything,
# five times as many questions; calls are not what a PGM pays for.</details>
# <details><summary>random: nothing is thrown away</summary>Yes, for this bill. If you pay for
# waiting instead, that is for calls, take the budget. Say which clock you mean.</details>
#
# ## 9. One more to play with
#
# Portraits this time, where nobody knows the law. The same MDLM in 16 calls, once at places that
# are spread out and blind to everything (Halton), once the surest pixels first.

# %% picture="02_faces"
faces = pgm.datasets.faces()


def paint(order: object) -> pgm.Trace:
    """A portrait in 16 calls."""
    run = pgm.unmask(
        pgm.load("faces/mdlm"),
        pgm.Canvas.blank(1, 256),
        schedule=pgm.uniform(256, steps=16),
        order=order,
        rng=pgm.rng(5),
    )
    return pgm.record(run, dataset=faces, seed=5)


pgm.race(
    {"Halton": paint(pgm.halton(16, 16)), "surest first": paint(pgm.confidence())}, clock="calls"
)

# %% [markdown]
# ![Animation: two portraits in sixteen calls. On the left pixels appear evenly spread; on the right
# they grow out of the plain background.](images/02_faces.gif)
#
# The surest pixels are background beside background. They are written first and by the dozen, and
# what makes a face is left for the end, in a hurry.
# [03_partition_generation](03_partition_generation.ipynb) goes on with the model for which blind
# orders are cheap.
