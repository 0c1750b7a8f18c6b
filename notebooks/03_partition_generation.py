# %% [markdown]
# # Partition generation: read only what you know
#
# **The claim.** A partition generative model (PGM, [arXiv
# 2505.18883](https://arxiv.org/abs/2505.18883)) reads only what it knows, leaks nothing, and
# that is where its saving comes from.
#
# MDLM fills every unknown position with a placeholder, `[MASK]`, and sends it through the whole
# network, at every step. PGM has no placeholder. In training it sees a *complete* sequence, cut
# into two groups, and predicts each group from the other. So it never needs to pretend that
# something is there.
#
# We audit that on shidoku, the world of 288 grids of
# [01_masked_diffusion](01_masked_diffusion.ipynb), with the networks that ship with the
# library. 15 minutes, no GPU, no training.

# %%
import copy
import math
import os

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots

import pgm_lite as pgm
from pgm_lite.bounds import held_out_bound
from pgm_lite.core import listed
from pgm_lite.metrics import judge
from pgm_lite.teaching import check

FAST = os.environ.get("PGM_LITE_FAST") == "1"  # automatic tests sample less

shidoku = pgm.datasets.shidoku()
grids, _ = shidoku.splits["train"].batch(torch.arange(shidoku.splits["train"].rows))
network = pgm.load("shidoku/pgm")

# %% [markdown]
# ## 1. A wall between two groups
#
# A coin for each position decides its group. In training one pass answers for all 16 positions:
# group 0 from the tokens of group 1, and group 1 from those of group 0. **No position may see
# its own group**, least of all itself: its own token is the answer.
#
# Here is one grid, each cell with its digit, and the group it fell into.

# %%
# NBVAL_CHECK_OUTPUT
grid = grids[:1]
groups = torch.tensor([[1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 1, 0, 1]])
for row in range(4):
    cells = range(4 * row, 4 * row + 4)
    digits = " ".join(shidoku.symbols[int(grid[0, cell])] for cell in cells)
    sides = " ".join("ab"[int(groups[0, cell])] for cell in cells)
    print(f"{digits}      {sides}")

# %% [markdown]
# Eight cells are in group *a*, eight in group *b*. How would you find out whether an answer
# looked across the wall? We ask calculus. If the answer at cell $i$ does not depend on the token
# at cell $j$, the derivative of the one by the other is zero. Not small: **zero**.
#
# **Predict:** of the 16 times 16 pairs $(i, j)$, how many have a derivative of exactly zero?

# %%
my_guess = 16


# %%
def reactions(tokens: torch.Tensor, groups: torch.Tensor) -> torch.Tensor:
    """How strongly the answer at each position (row) reacts to the token at each (column)."""
    read = []

    def keep(module: object, inputs: object, vectors: torch.Tensor) -> torch.Tensor:
        read.append(vectors.detach().requires_grad_())
        return read[0]

    hook = network.embedding.token.register_forward_hook(keep)
    answers = network(tokens, groups)[0]
    hook.remove()
    slopes = [
        torch.autograd.grad(answer.square().sum(), read[0], retain_graph=True)[0]
        for answer in answers
    ]
    # The first two vectors are registers, one a group; they hold no token.
    return torch.stack([slope[0, 2:].norm(dim=-1) for slope in slopes])


reacts = reactions(grid, groups)

# %%
# NBVAL_CHECK_OUTPUT
inside = groups[0][:, None] == groups[0]
print(
    f"pairs inside a group: {int(inside.sum())}, all exactly zero: {bool((reacts[inside] == 0).all())}"
)
print(
    f"pairs across the wall: {int((~inside).sum())}, all above zero: {bool((reacts[~inside] > 0).all())}"
)

# %%
print(f"exactly zero: {int((reacts == 0).sum())}; your guess was {my_guess}")
print(f"the rest: {float(reacts[~inside].min()):.1f} to {float(reacts[~inside].max()):.1f}")

# %% [markdown]
# The same numbers as a picture. Cells are sorted by group. A row is a question, a column a token
# it might have looked at; white is exactly zero.

# %% picture="03_wall"
by_group = groups[0].argsort(stable=True)
sorted_reacts = reacts[by_group][:, by_group]
names = [
    f"{'ab'[int(groups[0, cell])]}, row {cell // 4 + 1}, column {cell % 4 + 1}"
    for cell in by_group.tolist()
]
figure = go.Figure(
    go.Heatmap(
        z=[[None if value == 0 else value for value in line] for line in sorted_reacts.tolist()],
        customdata=[[f"asked: {asked}<br>token: {token}" for token in names] for asked in names],
        hovertemplate="%{customdata}<br>%{z:.2f}<extra></extra>",
        colorscale="Cividis",
        xgap=1,
        ygap=1,
        colorbar={"title": {"text": "slope"}, "thickness": 12},
    )
)
ticks = {"tickvals": [3.5, 11.5], "ticktext": ["group a", "group b"], "constrain": "domain"}
figure.update_layout(
    title="Who looks at whom: nobody at their own group",
    template="pgm_lite",
    height=420,
    xaxis={"title": "token looked at", **ticks},
    yaxis={"title": "position asked about", "autorange": "reversed", "scaleanchor": "x", **ticks},
)

# %% [markdown]
# ![Heat map of 16 by 16 pairs of cells, sorted by group. The two squares of pairs inside a group
# are empty; the two squares of pairs across are filled.](images/03_wall.png)
#
# *How to read it:* two empty squares inside the groups, two full ones across. The zeros are
# exact because a forbidden look has an attention weight of exactly 0, in every layer. The
# encoder attends within a group, the decoder across, and there is no third way.
#
# ## 2. Take the other side away
#
# The answers for group *b* come from the tokens of group *a* alone. So nobody misses the tokens
# of *b* when they are not there. That is generation: the known tokens are one group, the unknown
# ones the other, and the unknown ones **are simply not in the network**. This packed pass and a
# training pass must give the same answers.

# %%
# NBVAL_CHECK_OUTPUT
exact = copy.deepcopy(network).double()  # so that rounding does not blur the comparison


def furthest(known: torch.Tensor) -> float:
    """The largest difference between the packed answers and those of a training pass."""
    where = listed(~known)
    packed = exact.log_probs(pgm.Canvas(grid, known), where)
    trained = exact(grid, (~known).long()).log_softmax(-1)[:, where[0]]
    return float((packed - trained).abs().max())


for count in (0, 1, 4, 8, 15):
    known = torch.rand(1, 16, generator=pgm.rng(count)).argsort(1) < count
    bill = exact.cost(pgm.Canvas(grid, known), listed(~known))
    print(
        f"{count:2} known: {int(bill.encoder_positions):2} positions read, "
        f"{int(bill.decoder_positions):2} asked; same answers: {furthest(known) < 1e-9}"
    )

# %% [markdown]
# The $+1$ among the positions read is a register, so that the encoder has something to read on a
# blank canvas. And nothing forces us to ask about all unknown positions: no answer looks at
# another question, so asking about fewer changes nothing.
#
# > **Common bug.** An off-by-one in the packed pass, such as forgetting the register in a mask,
# > drops one known token at every step. Samples stay plausible, only a little worse. The test
# > above is what catches it.
#
# ## 3. Where the saving comes from
#
# Now a larger canvas: a portrait of 256 pixels in 16 steps, the same order and schedule for both
# models. We sort the positions that go through each network into three kinds:
#
# * **known**: a token that carries information,
# * **asked**: a position that is written in this step,
# * **neither**: a placeholder that holds nothing and is not asked about now.

# %%
faces = pgm.datasets.faces()


def paint(name: str, *, order: object, steps: int = 16, seed: int = 3) -> pgm.Trace:
    """A portrait on a blank canvas."""
    canvas = pgm.Canvas.blank(batch=1, seq_len=faces.seq_len)
    schedule = pgm.cosine(faces.seq_len, steps=steps)
    run = pgm.unmask(pgm.load(name), canvas, schedule=schedule, order=order, rng=pgm.rng(seed))
    return pgm.record(run, dataset=faces, seed=seed)


painted = {
    "MDLM": paint("faces/mdlm", order=pgm.halton(16, 16)),
    "PGM": paint("faces/pgm", order=pgm.halton(16, 16)),
}


def kinds(trace: pgm.Trace) -> dict[str, list[int]]:
    """The positions of each step that were known, asked about, or neither."""
    known = [int(trace.state(k).known.sum()) for k in range(len(trace.steps))]
    asked = [int(step.queried.sum()) for step in trace.steps]
    through = [int(step.cost.positions) for step in trace.steps]
    neither = [t - k - a for t, k, a in zip(through, known, asked, strict=True)]
    return {"known": known, "asked": asked, "neither": neither}


# %%
# NBVAL_CHECK_OUTPUT
for name, trace in painted.items():
    sums = {kind: sum(counts) for kind, counts in kinds(trace).items()}
    print(f"{name:5}", *(f"{kind} {count:5,}" for kind, count in sums.items()), sep="   ")

# %% picture="03_kinds"
figure = make_subplots(1, 2, subplot_titles=list(painted), shared_yaxes=True)
colours = {"known": "#0072B2", "asked": "#E69F00", "neither": "#D9D9D9"}
for column, trace in enumerate(painted.values(), start=1):
    for kind, counts in kinds(trace).items():
        bars = go.Bar(
            x=[*range(1, 17)],
            y=counts,
            name=kind,
            marker={"color": colours[kind], "line": {"color": "#5A6270", "width": 0.5}},
            showlegend=column == 1,
        )
        figure.add_trace(bars, 1, column)
figure.update_xaxes(title="step")
figure.update_yaxes(title="positions through the network", col=1)
figure.update_layout(
    title="What goes through the network, and why",
    template="pgm_lite",
    height=420,
    barmode="stack",
    legend={"orientation": "h", "y": -0.25},
    margin={"t": 80},
)

# %% [markdown]
# ![Two bar charts of positions by step. MDLM: every bar is 256 high, at first almost entirely
# grey placeholders. PGM: the same blue and orange parts, and no grey.](images/03_kinds.png)
#
# *How to read it:* blue and orange are equal on both sides. The whole difference is the grey: the
# placeholders. (PGM's "neither" is its register, one a step, too thin to see.) Early steps are
# where MDLM carries most of it.
#
# That was counted in positions. In arithmetic there is a second reason:

# %%
for name, trace in painted.items():
    bill = trace.cost.row(0)
    each = float(bill.flops) / int(bill.positions) / 1e6
    print(
        f"{name:5} {float(bill.calls):.0f} calls  {int(bill.positions):5,} positions  "
        f"{each:.2f} MFLOPs a position  {float(bill.flops) / 1e9:5.2f} GFLOPs"
    )

# %% [markdown]
# In MDLM a position passes all layers. In PGM a known one passes the encoder and an asked one the
# decoder, half of the layers each. The two factors multiply. Step by step:

# %% picture="03_flops"
figure = go.Figure(
    [
        go.Scatter(
            x=[*range(1, 17)],
            y=[float(step.cost.flops) / 1e9 for step in trace.steps],
            name=f"{name}: {float(trace.cost.flops) / 1e9:.1f} in all",
            mode="lines",
            line={"shape": "hvh"},
            fill="tozeroy",
        )
        for name, trace in painted.items()
    ]
)
figure.update_layout(
    title="The same portrait in arithmetic",
    template="pgm_lite",
    height=360,
    xaxis={"title": "step"},
    yaxis={"title": "GFLOPs", "rangemode": "tozero"},
)

# %% [markdown]
# ![Line chart of GFLOPs by step: MDLM is flat at about one; PGM starts near zero and ends at
# about half of MDLM.](images/03_flops.png)
#
# *How to read it:* the area under a curve is the bill. Even in the last step, with hardly a
# placeholder left, PGM does about half of the arithmetic. Seconds are a third matter: small steps
# keep a machine less busy than large ones, so expect less from the clock on the wall, above all
# in a batch of one.
#
# One line against over-selling: a *sighted* order looks at every unknown position before it
# writes. Then PGM has no grey either and still saves no positions.

# %%
# NBVAL_CHECK_OUTPUT
sighted = paint("faces/pgm", order=pgm.confidence())
print(f"PGM, confidence: {int(sighted.cost.positions):,} positions; MDLM: {16 * 256:,}")

# %% [markdown]
# ## 4. Is it as good? Ask the 288 grids
#
# A model that leaves things out should be distrusted. Shidoku lets us judge it exactly. First the
# bound on the likelihood, against the entropy $\ln 288$. Both networks and the perfect model get
# the same hidden cells, and we look at what the networks lose to the perfect model. (All grids were
# seen in training; the question is whether the networks know the law.)

# %%
oracle = pgm.Support(grids, shidoku.vocab_size)
models = {"MDLM": pgm.load("shidoku/mdlm"), "PGM": network}
ROUNDS = 2 if FAST else 6
lost = {name: torch.zeros(ROUNDS) for name in models}
for seed in range(ROUNDS):
    rows = grids.repeat(1 if FAST else 3, 1)
    least = held_out_bound(oracle, rows, rng=pgm.rng(seed), batch=288).nats
    for name, model in models.items():
        found = held_out_bound(model, rows, rng=pgm.rng(seed), batch=288).nats
        lost[name][seed] = 16 * (found - least)
print(f"entropy: {math.log(288):.3f} nats a grid")
for name, each in lost.items():
    error = float(each.std()) / math.sqrt(ROUNDS)
    print(
        f"{name:5} {math.log(288) + float(each.mean()):.3f} nats a grid: "
        f"{float(each.mean()):.3f} ± {error:.3f} too many"
    )

# %% [markdown]
# Then the samples: 16 calls, one digit each, random order. *Coverage* counts how many of the 288
# grids were reached; *total variation* is the distance to the uniform law over them, to be compared
# with its noise floor.

# %%
COUNT = 200 if FAST else 800
CALLS = [1, 2, 4, 8, 16]


def draw(model: object, calls: int) -> pgm.Trace:
    """Grids written in equal steps at random places."""
    canvas = pgm.Canvas.blank(COUNT, 16)
    schedule = pgm.uniform(16, calls)
    run = pgm.unmask(model, canvas, schedule=schedule, order=pgm.random_order(), rng=pgm.rng(0))
    return pgm.record(run, dataset=shidoku)


drawn = {name: {n: draw(model, n) for n in CALLS} for name, model in models.items()}
reports = {
    name: {n: judge(shidoku, trace.final.tokens) for n, trace in by_calls.items()}
    for name, by_calls in drawn.items()
}
for name, by_calls in reports.items():
    full = by_calls[16]
    print(
        f"{name:5} {full['validity']:.1%} valid, {full['coverage']:.0f} of 288 grids, total "
        f"variation {full['total_variation']:.2f} (noise floor {full['noise_floor']:.2f})"
    )

# %% [markdown]
# Both know the law well. Where PGM is a little behind, half of the layers per position may be
# why: on long text the paper gives PGM more layers than MDLM to match it. What it buys is on the
# other axis. Before you run the cell: at **128 positions** a grid MDLM affords 8 calls. How many does PGM
# afford?

# %% picture="03_price"
figure = go.Figure(
    [
        go.Scatter(
            x=[int(drawn[name][n].cost.positions[0]) for n in CALLS],
            y=[reports[name][n]["validity"] for n in CALLS],
            text=[f"{n} calls" if n > 1 else "1 call" for n in CALLS],
            hovertemplate="%{text}: %{x} positions, %{y:.0%} valid",
            name=name,
            mode="lines+markers",
        )
        for name in models
    ]
)
figure.update_layout(
    title="The same grids for fewer positions",
    template="pgm_lite",
    height=420,
    xaxis={"title": "positions processed for one grid", "rangemode": "tozero"},
    yaxis={"title": "valid grids", "tickformat": ".0%", "range": [-0.03, 1.05]},
)

# %% [markdown]
# ![Line chart of the share of valid grids against positions processed. The curve of PGM rises
# earlier: it reaches more than nine in ten at 152 positions, MDLM at
# 256.](images/03_price.png)
#
# *How to read it:* points from left to right are 1, 2, 4, 8 and 16 calls. At equal calls the two
# curves are almost equally high. At equal positions PGM is far ahead, because it takes more,
# smaller steps. Only a single call costs it one position more: the register.
#
# ## 5. Exercise: be the auditor
#
# *Difficulty: medium. Five minutes.* Someone hands you a network and says that it leaks nothing. You
# may call it as often as you like: `forward(tokens, groups)` gives one answer (four numbers) a
# position. You cannot look inside, and you cannot take derivatives. Complete `leaks`: True if some
# answer depends on a token of its own group.


# %%
def leaks(forward, tokens: torch.Tensor, groups: torch.Tensor) -> bool:
    """Does any answer depend on a token of its own group?"""
    return False


# %%
# NBVAL_CHECK_OUTPUT
@torch.no_grad()
def honest(tokens, groups):
    """The network as it is."""
    return network(tokens, groups)


@torch.no_grad()
def mirror(tokens, groups):
    """Each position sees its own token, very faintly."""
    return network(tokens, groups) + 1e-3 * torch.nn.functional.one_hot(tokens, 4)


@torch.no_grad()
def one_way(tokens, groups):
    """Group 1 sees how often each digit occurs in group 1; group 0 is clean."""
    own = torch.nn.functional.one_hot(tokens, 4) * groups[..., None]
    return network(tokens, groups) + 1e-2 * groups[..., None] * own.sum(1, keepdim=True)


@torch.no_grad()
def keyhole(tokens, groups):
    """Only the last position sees the first, and only if they are in one group."""
    peek = (groups[:, 0] == groups[:, 15]) * tokens[:, 0].float()
    answers = network(tokens, groups).clone()
    answers[:, 15, 0] += 1e-2 * peek
    return answers


def audit(answer):
    """What holds about a reader's auditor, and what does not yet."""
    together, split = groups.clone(), groups.clone()
    together[:, 0] = groups[:, 15]
    split[:, 0] = 1 - groups[:, 15]
    return check(
        {
            "it catches a mirror": lambda: answer(mirror, grid, groups) is True,
            "it acquits the honest network": lambda: answer(honest, grid, groups) is False,
            "it catches a leak in one of the groups": lambda: answer(one_way, grid, groups) is True,
            "it catches a keyhole": lambda: answer(keyhole, grid, together) is True,
            "it acquits it where nobody can look": lambda: answer(keyhole, grid, split) is False,
        }
    )


audit(leaks)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Change all tokens of one group and none of the other. Which answers may change, and which may
# not? Compare with `torch.equal`, not with a tolerance: a wall is exact.
#
# </details>
#
# The next cell holds a solution. In JupyterLab it is folded; click on the three dots.


# %% jupyter={"source_hidden": true}
# NBVAL_CHECK_OUTPUT
def watchful(forward, tokens, groups):
    """Change one group at a time; the answers in that group must not move."""
    before = forward(tokens, groups)
    for group in (0, 1):
        own = groups == group
        after = forward(torch.where(own, (tokens + 1) % 4, tokens), groups)
        if not torch.equal(before[own], after[own]):
            return True
    return False


audit(watchful)

# %% [markdown]
# (A probe can be fooled. Swap two tokens of a group, and the count of digits that `one_way` leaks
# stays as it was. Several different changes are better than one.)
#
# ## 6. Three questions
#
# Click on an answer.
#
# **1. Why may a PGM see the complete sequence in training, answers included?**
#
# <details><summary>because the loss is weighted</summary>No. A weight cannot hide an
# answer.</details>
# <details><summary>because no position can see its own group</summary>Yes. The answer is in the
# network, but on the wrong side of the wall.</details>
# <details><summary>because it is small</summary>No. A leak would be learnt at any
# size.</details>
#
# **2. Could we save MDLM's placeholders, too, by not sending them?**
#
# <details><summary>yes, they hold nothing</summary>Not with this network: it was trained with
# them. In a grid with many `[MASK]` the answers depend on how many there are and where.</details>
# <details><summary>no, they are part of what it learnt</summary>Yes. A network that is to live
# without them has to be trained without them. That is PGM.</details>
#
# **3. A PGM writes its tokens in one single call. What does it save?**
#
# <details><summary>half of the positions</summary>No. All positions are asked about, so none
# can be left out.</details>
# <details><summary>no positions</summary>Yes, it even pays for a register. The saving needs steps
# in which only a part is asked.</details>
#
# ## 7. One more to play with
#
# 00_start_here raced both models with equally many steps. Here is a fairer race: **equal
# arithmetic**. MDLM gets 16 steps, and PGM as many as the same FLOPs can buy.

# %%
# NBVAL_CHECK_OUTPUT
budget = float(painted["MDLM"].cost.flops)


def price(steps: int) -> float:
    """FLOPs of a PGM portrait; a bill needs no run."""
    total, known, model = 0.0, 0, pgm.load("faces/pgm")
    for count in pgm.cosine(256, steps=steps):
        canvas = pgm.Canvas.prompt([0] * known, batch=1, seq_len=256)
        total += float(model.cost(canvas, torch.arange(known, known + count)[None]).flops)
        known += count
    return total


affordable = max(steps for steps in range(16, 129) if price(steps) <= budget)
print(f"for the price of 16 steps of MDLM: {affordable} steps of PGM")

# %% picture="03_race"
equal = {
    "MDLM, 16 steps": painted["MDLM"],
    f"PGM, {affordable} steps": paint("faces/pgm", order=pgm.halton(16, 16), steps=affordable),
}
pgm.race(equal, clock="flops")

# %% [markdown]
# ![Animation at equal FLOPs: MDLM paints a portrait in sixteen large steps with every light on;
# PGM paints in many small ones whose lights come on slowly. Both finish
# together.](images/03_race.gif)
#
# They arrive together, and PGM has asked itself far more often what fits to what is already there.
# Look for single pixels out of place: they are written together with others that they do not see.
#
# In the app (`make app`), [this link][race] opens a race of the two with the same seed.
#
# [race]: http://127.0.0.1:7860/?tab=race&m=faces%2Fmdlm&vs=faces%2Fpgm&clock=flops&seed=3&order=halton&steps=16
