"""What comes from elsewhere: a history of states is a trace, a network is a conditional."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest
import torch
from networks import LINE, stirred

import pgm_lite as pgm
from pgm_lite import samplers
from pgm_lite.core import Canvas, Conditional, Layout, Step
from pgm_lite.datasets import shidoku
from pgm_lite.draw import Tempered, rng
from pgm_lite.external import adapt, history
from pgm_lite.models import MDLM
from pgm_lite.orders import confidence, left_to_right, random_order
from pgm_lite.trace import Trace, record

MASK = 9
STATES = [
    [0, 9, 9, 9],
    [0, 2, 9, 9],
    [0, 2, 9, 9],  # nothing happened
    [0, 1, 3, 9],  # 2 became 1, 3 was written
    [0, 9, 3, 2],  # 1 was reopened, 2 written
    [0, 4, 3, 2],
]


def test_a_history_replays_to_its_states() -> None:
    trace = history(STATES, mask_id=MASK, name="LLaDA")
    for k, state in enumerate(STATES):
        canvas = trace.state(k)
        assert canvas.known[0].tolist() == [token != MASK for token in state]
        assert [t for t in state if t != MASK] == canvas.tokens[canvas.known].tolist()
    assert trace.final.tokens.tolist() == [STATES[-1]]
    assert trace.step_map().tolist() == [[0, 5, 3, 4]]
    assert [step.note for step in trace.steps] == [
        "step 1: 1 of 3 unknown tokens written",
        "step 2: 0 of 2 unknown tokens written",
        "step 3: 1 of 2 unknown tokens written, 1 replaced by others",
        "step 4: 1 of 1 unknown tokens written, 1 reopened",
        "step 5: 1 of 1 unknown tokens written",
    ]


def test_reopened_and_replaced_tokens_are_told_apart() -> None:
    events = [step["events"] for step in json.loads(history(STATES, mask_id=9).to_json())["steps"]]
    assert events == [
        [[1, "write", 2, None]],
        [],
        [[1, "reopen"], [1, "write", 1, None], [2, "write", 3, None]],
        [[1, "reopen"], [3, "write", 2, None]],
        [[1, "write", 4, None]],
    ]


def test_nothing_is_invented() -> None:
    trace = history(STATES, mask_id=MASK, name="LLaDA")
    for step in trace.steps:
        assert step.log_prob[step.written].isnan().all()
        assert not step.queried.any()
    assert [float(part.sum()) for part in (trace.cost.calls, trace.cost.flops)] == [0.0, 0.0]
    assert trace.seconds == (0.0,) * 5
    info = trace.header.model
    assert (info.family, info.name, info.reads) == ("LLaDA", "LLaDA", "unknown")
    assert trace.header.symbols == tuple("01234")
    assert trace.header.sampler not in samplers.__all__
    report = pgm.analyse(trace)
    assert report.step_map.tolist() == [[0, 5, 3, 4]]
    assert not report.warnings
    assert report.summary()["surprise"] == "undefined"
    assert int(report.asked.sum()) == 0


def test_tensors_arrays_batches_and_rows() -> None:
    batch = torch.tensor([[[9, 9], [9, 9]], [[1, 9], [9, 0]], [[1, 1], [0, 0]]])
    want = history([[9, 9], [9, 0], [0, 0]], mask_id=9).final.tokens
    for states in (batch, list(batch), list(batch.numpy()), iter(batch.int()), batch.tolist()):
        trace = history(states, mask_id=9, row=1)
        assert torch.equal(trace.final.tokens, want)
        assert trace.step_map().tolist() == [[2, 1]]
    assert history([[-1, -1], [0, 1]], mask_id=-1).final.known.all()


def test_the_mask_may_be_one_of_the_symbols() -> None:
    trace = history([[1, 1], [0, 2]], mask_id=1, symbols=["a", "[MASK]", "b"])
    assert trace.final.tokens.tolist() == [[0, 2]]
    assert json.loads(trace.to_json())["vocab"] == ["a", "[MASK]", "b"]


def test_a_history_survives_its_file_and_every_host(tmp_path) -> None:
    trace = history(STATES, mask_id=MASK, symbols=list("abcde"), layout=Layout("grid", 2, 2))
    text = trace.to_json()
    again = Trace.from_json(text)
    assert again.header == trace.header
    assert not again.header.probabilities
    assert again.to_json() == text
    assert torch.equal(again.final.tokens, trace.final.tokens)
    page = pgm.viz.save_html(tmp_path / "foreign.html", trace).read_text()
    assert '"reads":"unknown"' in page
    assert "NaN" not in text
    assert "T=5" in repr(pgm.show(trace))
    pgm.viz.step_map(trace)
    pgm.viz.entropy_left([trace])


def test_a_data_set_lends_its_looks() -> None:
    data = shidoku()
    trace = history([[4] * 16, [1] * 16], mask_id=4, dataset=data)
    assert trace.header.dataset == "shidoku"
    assert trace.header.symbols == data.symbols
    assert trace.header.layout == data.layout


HOSTILE: list[tuple[object, dict, str]] = [
    ([], {}, "0 states make no history"),
    ([[9, 9]], {}, "1 states make no history"),
    ([[9, 9], [9, 9, 1]], {}, r"states\[1\] has 3 positions, states\[0\] has 2"),
    ([[1, 2], [1, 0]], {}, "mask_id 9 is in none of the 2 states, whose tokens are 0 to 2"),
    ([[9, 9], [1, -5]], {}, r"states\[1\] holds -5 at position 1; expected tokens of 0 to 1"),
    ([[9, 9], [1, 7]], {"symbols": ["a", "b"]}, r"states\[1\] holds 7 at position 1; .* of 0 to 1"),
    ([[9, 9], [1, 0.5]], {}, r"states\[1\] is of torch.float32; expected token ids"),
    ([[9, 9], [True, False]], {}, r"states\[1\] is of torch.bool"),
    (["ab", "cd"], {}, r"states\[0\] holds no whole numbers"),
    ([None, None], {}, r"states\[0\] holds no whole numbers"),
    ([[[[9]]], [[[1]]]], {}, r"states\[0\] has the shape \[1, 1, 1\]"),
    (torch.tensor([9, 1]), {}, r"states\[0\] has the shape \[\]"),
    ([[], []], {}, r"states\[0\] has the shape \[0\]"),
    ([[[9], [9]], [[1], [1]]], {"row": 2}, r"states\[0\] has rows 0 to 1; got row 2"),
    ([[9], [1]], {"row": -1}, r"rows 0 to 0; got row -1"),
    ([[9, 9], [1, 0]], {"layout": Layout("grid", 2, 2)}, "2 positions, the layout 2 x 2"),
    ([[9, 9], [1, 0]], {"dataset": shidoku()}, "2 positions, the layout 4 x 4"),
    ([[9, 9], [1, 0]], {"dataset": shidoku(), "symbols": ["a"]}, "give it, or those, not both"),
    ([[9, 9], [1, 0]], {"symbols": []}, "there are no symbols"),
    ([[9, 9], [1, 0]], {"symbols": [3, 4]}, "symbols are strings, one a token; got 3"),
    (
        [[9, 9], [1, 0]],
        {"layout": Layout("line", 1, 2, ("#000000",))},
        "1 colours for 2 symbols",
    ),
]


@pytest.mark.parametrize(("states", "options", "says"), HOSTILE, ids=[case[2] for case in HOSTILE])
def test_what_is_no_history_is_refused_in_words(states, options, says) -> None:
    with pytest.raises(ValueError, match=says):
        history(states, mask_id=9, **options)


# ---- Networks from elsewhere.


@dataclass
class Foreign:
    """An MDLM as others write it: the mask is a token, with a logit, in a vocabulary with spares."""

    network: MDLM
    mask_id: int = 7
    vocab: int = 9
    asked: int = 0

    def __call__(self, tokens: torch.Tensor) -> torch.Tensor:
        self.asked += 1
        known = tokens != self.mask_id
        logits = self.network(tokens.where(known, 0), known)
        spare = torch.full((*tokens.shape, self.vocab - logits.shape[-1]), 50.0)
        return torch.cat([logits, spare], -1)


START = Canvas.prompt([1, 2, 0], batch=3, seq_len=12)


def test_an_adapted_network_answers_as_the_network_itself() -> None:
    network = stirred(MDLM, LINE)
    model = adapt(Foreign(network), mask_id=7, vocab_size=5, seq_len=12, name="mine")
    assert isinstance(model, Conditional)
    where = torch.tensor([[0, 4, 11], [5, 6, 2], [3, -1, -1]])
    asked = where >= 0
    found, want = model.log_probs(START, where), network.log_probs(START, where)
    torch.testing.assert_close(found[asked], want[asked], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found[asked].exp().sum(-1), torch.ones(7))
    assert found[0, 0].tolist() == [-torch.inf, 0.0, *[-torch.inf] * 3]
    cost = model.cost(START, torch.tensor([[3], [4], [-1]]))
    assert cost.calls.tolist() == [1.0, 1.0, 0.0]
    assert cost.encoder_positions.tolist() == [12, 12, 0]
    assert cost.decoder_positions.tolist() == cost.flops.tolist() == [0, 0, 0]
    for flops in (24.0, lambda n: 2.0 * n):
        dear = adapt(Foreign(network), mask_id=7, vocab_size=5, flops=flops)
        assert dear.cost(START, where).flops.tolist() == [24.0] * 3


def test_unmask_on_it_makes_the_same_trace() -> None:
    network = stirred(MDLM, LINE)
    model = adapt(Foreign(network), mask_id=7, vocab_size=5, name="mine")

    def run(asked: Conditional) -> Trace:
        return record(
            samplers.unmask(asked, START, schedule=(4, 5), order=confidence(), rng=rng(3))
        )

    ours, theirs = run(network), run(model)
    for one, other in zip(ours.steps, theirs.steps, strict=True):
        assert torch.equal(one.canvas.tokens, other.canvas.tokens)
        assert torch.equal(one.written, other.written)
        assert torch.equal(one.queried, other.queried)
        torch.testing.assert_close(one.log_prob, other.log_prob, rtol=0, atol=1e-5)
        torch.testing.assert_close(one.entropy, other.entropy, rtol=0, atol=1e-5)
        assert torch.equal(one.cost.encoder_positions, other.cost.encoder_positions)
    info = theirs.header.model
    assert (info.family, info.reads) == ("mine", "everything")
    assert Trace.from_json(theirs.to_json()).header.model == info


RUNS: dict[str, Callable[[Conditional], Iterator[Step]]] = {
    "unmask": lambda m: samplers.unmask(m, START, schedule=(9,), order=left_to_right(), rng=rng(0)),
    "ancestral": lambda m: samplers.ancestral(m, START, steps=5, rng=rng(0)),
    "first hitting": lambda m: samplers.first_hitting(m, START, rng=rng(0)),
    "adaptive": lambda m: samplers.unmask_adaptive(m, START, policy=pgm.threshold(0.5), rng=rng(0)),
    "tempered": lambda m: samplers.unmask(
        Tempered(m, 0.5), START, schedule=(3, 6), order=random_order(), rng=rng(0)
    ),
}


@pytest.mark.parametrize("run", RUNS)
def test_samplers_run_on_it_and_finish(run: str) -> None:
    model = adapt(Foreign(stirred(MDLM, LINE)), mask_id=7, vocab_size=5)
    assert record(RUNS[run](model)).final.known.all()


def test_a_mask_inside_the_vocabulary_is_never_written() -> None:
    model = adapt(Foreign(stirred(MDLM, LINE), mask_id=3), mask_id=3, vocab_size=5)
    start = Canvas.prompt([1, 2, 0], batch=64, seq_len=12)
    run = samplers.unmask(model, start, schedule=(9,), order=left_to_right(), rng=rng(0))
    # 576 tokens of four kinds: all of them, and never the mask.
    assert record(run).final.tokens.unique().tolist() == [0, 1, 2, 4]


def test_regret_and_candidates_can_ask_it() -> None:
    model = adapt(Foreign(stirred(MDLM, LINE)), mask_id=7, vocab_size=5)
    trace = history([[9] * 12, [1] * 6 + [9] * 6, [1] * 6 + [4] * 6], mask_id=9)
    assert pgm.analyse(trace, model).regret.isfinite().all()
    assert 4 in pgm.candidates(trace, model, 7, after=1).tokens


def answering(value: object) -> Callable[[torch.Tensor], object]:
    return lambda tokens: value


class Output:
    """What other libraries wrap their logits in."""

    logits = torch.zeros(3, 12, 5)


BAD: list[tuple[object, str]] = [
    (torch.zeros(3, 12), r"answered \[3, 12\] of torch.float32; .* floats of \[3, 12, 5 or more\]"),
    (torch.zeros(3, 12, 4), r"answered \[3, 12, 4\]"),
    (torch.zeros(3, 11, 5), r"answered \[3, 11, 5\]"),
    (torch.zeros(3, 12, 5).long(), r"of torch.int64"),
    (Output(), r"answered with Output; .* as logits=lambda tokens: network\(tokens\).logits"),
    (None, r"answered with NoneType; expected a tensor of logits \[3, 12, 5 or more\]$"),
]


@pytest.mark.parametrize(("answer", "says"), BAD, ids=[case[1] for case in BAD])
def test_answers_of_another_shape_are_refused_in_words(answer: object, says: str) -> None:
    model = adapt(answering(answer), mask_id=5, vocab_size=5)
    with pytest.raises(ValueError, match=says):
        model.log_probs(START, torch.tensor([[3]] * 3))


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_nan_is_refused_with_its_place(value: float) -> None:
    logits = torch.zeros(3, 12, 6)
    logits[1, 4, 2] = value
    model = adapt(answering(logits), mask_id=5, vocab_size=5)
    with pytest.raises(ValueError, match="at position 4 of row 1 give no probabilities"):
        model.log_probs(START, torch.tensor([[3, 5], [3, 4], [3, 5]]))
    # Where nobody asks, or the token is known anyway, it does no harm.
    assert model.log_probs(START, torch.tensor([[3], [3], [4]])).isfinite().all()
    logits[1, 0] = value
    assert model.log_probs(START, torch.tensor([[0], [0], [0]])).exp().sum() == 3
    logits[:] = -torch.inf
    with pytest.raises(ValueError, match="at position 3 of row 0"):
        model.log_probs(START, torch.tensor([[3]] * 3))


def test_half_precision_is_lifted_and_double_kept() -> None:
    where = torch.tensor([[3]] * 3)
    for given, wanted in ((torch.bfloat16, torch.float32), (torch.float64, torch.float64)):
        model = adapt(answering(torch.zeros(3, 12, 5, dtype=given)), mask_id=5, vocab_size=5)
        assert model.log_probs(START, where).dtype == wanted


def test_what_cannot_be_adapted_or_asked() -> None:
    for size, mask in ((0, 5), (1, 0)):
        with pytest.raises(ValueError, match=f"vocab_size {size} leaves no token besides the mask"):
            adapt(answering(None), mask_id=mask, vocab_size=size)
    with pytest.raises(ValueError, match="seq_len must be at least 1, or left out; got 0"):
        adapt(answering(None), mask_id=5, vocab_size=5, seq_len=0)
    model = adapt(answering(torch.zeros(3, 12, 5)), mask_id=4, vocab_size=5, seq_len=11)
    with pytest.raises(ValueError, match="the canvas has 12 positions, but adapted has 11"):
        model.log_probs(START, torch.tensor([[3]] * 3))
    for token, size in ((4, 5), (1, 1)):
        short = replace(model, seq_len=None, vocab_size=size)
        canvas = Canvas(START.tokens.masked_fill(START.tokens == 1, token), START.known)
        with pytest.raises(ValueError, match=f"known to hold {token} at position 0"):
            short.log_probs(canvas, torch.tensor([[3]] * 3))
