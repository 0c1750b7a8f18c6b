"""The insertion network, its bill, its losses, and its way through make, catalogue and command line."""

import math
from pathlib import Path

import pytest
import torch
from growing import filled, oracle_of, ragged
from networks import stirred
from shelf import put
from typer.testing import CliRunner

from pgm_lite import catalog, cli, datasets, evaluation
from pgm_lite import objectives as obj
from pgm_lite.checkpoints import read_checkpoint
from pgm_lite.core import NOBODY, Canvas
from pgm_lite.draw import rng
from pgm_lite.make import make
from pgm_lite.metrics import FIGURES, judge
from pgm_lite.models import Insertion
from pgm_lite.net import Shape
from pgm_lite.objectives.insertion import drop
from pgm_lite.recipes import Recipe
from pgm_lite.samplers import insert
from pgm_lite.trace import Trace

SHAPE = Shape(vocab_size=5, rows=1, columns=12, width=16, heads=2, depth=3)
ROWS = torch.tensor([[1, 2, 3, NOBODY], [4, 0, 0, 1], [2, NOBODY, NOBODY, NOBODY], [NOBODY] * 4])


def test_a_padded_row_is_answered_as_if_it_stood_alone() -> None:
    network, lengths = stirred(Insertion, SHAPE), (ROWS >= 0).sum(1)
    laws, done = network.insertion_log_probs(ROWS, lengths)
    torch.testing.assert_close(laws.flatten(1).exp().sum(1), torch.ones(4))
    for row, length in enumerate(lengths.tolist()):
        alone, end = network.insertion_log_probs(
            ROWS[row : row + 1, :length], lengths[row : row + 1]
        )
        torch.testing.assert_close(laws[row, : length + 1], alone[0], rtol=0, atol=2e-6)
        torch.testing.assert_close(done[row], end[0], rtol=0, atol=2e-6)
        assert (laws[row, length + 1 :] == -torch.inf).all()
    other, same = network.insertion_log_probs(ROWS.masked_fill(ROWS < 0, 3), lengths)
    assert torch.equal(other, laws)
    assert torch.equal(same, done)


def test_the_bill_is_a_count_by_hand_and_ended_rows_pay_nothing() -> None:
    network = stirred(Insertion, SHAPE)
    steps = list(insert(network, Canvas.blank(64, 12), rng=rng(0)))
    lengths = steps[-1].canvas.known.sum(1)
    total = sum((step.cost for step in steps[1:]), steps[0].cost)
    ended = torch.stack([step.queried.any(1) & ~step.written.any(1) for step in steps]).any(0)
    for row, (m, by_itself) in enumerate(zip(lengths.tolist(), ended.tolist(), strict=True)):
        sizes = range(1, m + (2 if by_itself else 1))  # the register and 0, 1, 2, ... kept tokens
        assert float(total.calls[row]) == len(sizes)
        assert int(total.encoder_positions[row]) == sum(sizes)
        flops = sum(3 * (24 * k * 16**2 + 4 * k**2 * 16) + 2 * k * 16 * 5 + 2 * 16 for k in sizes)
        assert float(total.flops[row]) == flops
    assert len(set(lengths.tolist())) > 1
    assert total.decoder_positions.tolist() == [0] * 64


def test_every_weight_of_the_network_gets_a_gradient() -> None:
    network = stirred(Insertion, SHAPE)
    t = torch.tensor([0.3, 0.5, 0.7, 0.9])
    obj.insertion(2.0).loss(network, ROWS, None, t=t, rng=rng(0)).sum().backward()
    assert all(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in network.parameters())


def test_a_grid_has_no_gaps_and_rows_have_an_end() -> None:
    with pytest.raises(ValueError, match="4 x 4 positions are a grid, which has no gaps"):
        Insertion(Shape(vocab_size=4, rows=4, columns=4, width=16, heads=2, depth=2))
    with pytest.raises(ValueError, match="13 tokens are more than the 12 positions"):
        stirred(Insertion, SHAPE)(torch.zeros(1, 13, dtype=torch.long), torch.tensor([13]))


def guess(tokens: torch.Tensor, length: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Gap and token uniform, done with probability 1/4."""
    gaps = torch.arange(tokens.shape[1] + 1) > length[:, None]
    logits = torch.zeros(*gaps.shape, 5, dtype=torch.float64)
    return logits.masked_fill(gaps[..., None], -torch.inf), torch.full(
        length.shape, math.log(1 / 3)
    )


def test_a_uniform_predictor_costs_log_v_a_token_and_its_ends() -> None:
    """Law 15, exactly: all sizes of the kept part, each as often as the other."""
    for m in (0, 1, 4):
        tokens = torch.full((m + 1, 4), NOBODY)
        tokens[:, :m] = 1
        t = obj.EPS + (1 - 2 * obj.EPS) * (torch.arange(m + 1) + 0.5) / (m + 1)
        nats = obj.insertion(1.0).loss(guess, tokens, None, t=t.double(), rng=rng(0)).mean()
        ends = -m * math.log(3 / 4) - math.log(1 / 4)
        assert float(nats) == pytest.approx(m * math.log(5) + ends, abs=1e-5)


def test_the_bound_of_the_exact_model_is_the_entropy_and_of_another_one_is_more() -> None:
    """Law 8; the published loss is no bound, and says so."""
    law = ragged(3, 2, seed=1)
    rows, weights = filled(list(law)), torch.tensor(list(law.values()), dtype=torch.float64)
    entropy = -float((weights * weights.log()).sum())
    source, found = rng(0), {}
    for dropping in ("one by one", "as published"):
        oracle = oracle_of(law, 2, dropping=dropping)

        def model(tokens: torch.Tensor, length: torch.Tensor, oracle=oracle) -> tuple:
            laws, done = oracle.insertion_log_probs(tokens, length)
            return laws, done - torch.log(-torch.expm1(done))

        drawn = rows[torch.multinomial(weights, 6000, replacement=True, generator=source)]
        t = obj.stratified(6000, rng=source)
        nats = obj.insertion(1.0).loss(model, drawn, None, t=t, rng=source).double()
        found[dropping] = float(nats.mean()), float(nats.std()) / math.sqrt(len(nats))
    # Four standard errors: exceeded by chance once in 16,000 runs.
    nats, error = found["one by one"]
    assert nats == pytest.approx(entropy, abs=4 * error)
    nats, error = found["as published"]
    assert nats > entropy + 2 * error
    assert obj.insertion(1.0).kind == "bound"
    with pytest.raises(ValueError, match="surrogate: its value bounds no likelihood"):
        obj.INSERTION_PUBLISHED.perplexity(1.0)


def test_every_number_and_every_choice_of_dropped_tokens_is_equally_likely() -> None:
    tokens = torch.tensor([[1, 2, 3, NOBODY]]).expand(12_000, -1)
    dropped = drop(tokens, torch.full((12_000,), 2), rng(0))
    assert not dropped[:, 3].any()
    assert (dropped.sum(1) == 2).all()
    # Each of three tokens stays with chance 1/3: five standard deviations of the count are 258.
    assert ((~dropped[:, :3]).sum(0) - 4000).abs().max() < 258


def test_making_judging_and_watching_sentences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = datasets.sentences()
    short = Recipe(width=8, heads=1, depth=2, steps=2, batch=4, warmup=1)
    with pytest.raises(ValueError, match="differ in length, and a MDLM has no way to say where"):
        list(make(data, "mdlm", short, out=tmp_path, state=tmp_path / "a"))
    list(make(data, "insertion", short, out=tmp_path, state=tmp_path / "b", held_out=32))
    _, card = read_checkpoint(tmp_path, "sentences/insertion")
    assert (card.family, card.objective) == ("insertion", "insertion")
    assert set(card.figures) == {"validation bound", "test bound"}
    monkeypatch.setattr(catalog, "CHECKPOINTS", tmp_path)
    catalog.load_with_card.cache_clear()
    put(tmp_path, "sentences/insertion")
    for settings in ({}, {"stop": "threshold", "threshold": 0.6}, {"longest": 9, "top_p": 0.5}):
        trace = catalog.watch(
            "sentences/insertion", settings=settings, prompt="_mr. darcy", batch=2
        )
        texts = [data.decode(row) for row in trace.read()]
        for text in texts:
            letters = iter(text)
            assert all(letter in letters for letter in "mr. darcy")  # in this order
        assert torch.equal(Trace.from_json(trace.to_json(1)).read()[0], trace.read()[1])
        assert set(trace.header.knobs) == set(
            catalog.relevant(catalog.SAMPLERS["insert"].knobs, settings)
        )
    rows = list(evaluation.samples("sentences", count=3))
    assert [row["sampling"] for row in rows] == ["ends by chance", "ends at 0.9"]
    (bound,) = evaluation.likelihoods("sentences", rows=8)
    assert bound["unit"] == "bits a character"
    done = CliRunner().invoke(cli.app, ["sample", "sentences/insertion", "--count", "2"])
    assert done.exit_code == 0
    assert "calls" in done.output
    catalog.load_with_card.cache_clear()


def test_real_sentences_are_judged_as_real() -> None:
    data = datasets.sentences()
    test = data.splits["test"]
    report = judge(data, test.batch(torch.arange(test.rows))[0])
    assert set(report) <= set(FIGURES)
    for name in ("length", "length_spread", "ends", "entropy", "ngram_bits", "copied_rows"):
        assert report[name] == report[f"{name}_real"]
    assert report["ends"] == 1
    assert report["spelling"] > 0.9
    assert report["copied_rows"] < 0.1
    none = torch.full((2, 64), NOBODY)
    assert judge(data, none)["length"] == 0


def test_sentences_are_whole_short_and_of_the_right_split() -> None:
    data, austen = datasets.sentences(), datasets.austen()
    assert {name: split.rows for name, split in data.splits.items()} == ROWS_BY_SPLIT
    for name, split in data.splits.items():
        rows, labels = split.batch(torch.arange(split.rows))
        lengths = (rows >= 0).sum(1)
        assert labels.shape == (split.rows, 0)
        assert int(lengths.min()) in (8, 9)
        assert int(lengths.max()) == 64
        assert ((rows >= 0).long().diff(dim=1) <= 0).all()  # nothing after the end
        texts = [data.decode(row) for row in rows[:: 1 + split.rows // 200]]
        assert all(text.endswith((".", '."')) and not text.startswith(" ") for text in texts)
        assert not any(text.endswith((" mr.", " mrs.", " dr.")) for text in texts)
        source = austen.decode(austen.splits[name].stored.long())
        assert all(text in source for text in texts[::4])
    assert torch.equal(
        data.encode("mr. darcy."), data.encode(data.decode(data.encode("mr. darcy.")))
    )
    assert data.row_length == pytest.approx(38.0, abs=0.01)
    assert not austen.varies
    assert austen.row_length == 256


ROWS_BY_SPLIT = {"train": 10_702, "validation": 478, "test": 562}
