"""Labels and guidance: scale 0 is conditioning, the law is the stated mixture, the bill is double."""

import pytest
import torch
from networks import GRID, stirred, tokens_of

from pgm_lite.core import Canvas, listed
from pgm_lite.models import MDLM, PGM, Guided, Labelled

LABEL = torch.tensor([2, -1])


@pytest.fixture
def canvas() -> Canvas:
    known = torch.zeros(2, 12, dtype=torch.bool)
    known[:, :5] = True
    return Canvas(tokens_of(GRID, 2), known)


@pytest.mark.parametrize("family", [MDLM, PGM])
def test_scale_zero_is_plain_conditioning(family: type, canvas: Canvas) -> None:
    model, where = stirred(family, GRID), listed(~canvas.known)
    plain = Labelled(model, LABEL).log_probs(canvas, where)
    torch.testing.assert_close(Guided(model, LABEL, 0.0).log_probs(canvas, where), plain)
    assert not torch.equal(plain, model.log_probs(canvas, where))


@pytest.mark.parametrize("family", [MDLM, PGM])
def test_guidance_is_the_stated_mixture(family: type, canvas: Canvas) -> None:
    model, where = stirred(family, GRID).double(), listed(~canvas.known)
    guided = Guided(model, LABEL, 1.5).log_probs(canvas, where)
    given = model.log_probs(canvas, where, LABEL.expand(2, -1))
    free = model.log_probs(canvas, where)
    torch.testing.assert_close(guided, (2.5 * given - 1.5 * free).log_softmax(-1))
    twice = Guided(model, LABEL, 1.5).cost(canvas, where)
    assert twice.calls.tolist() == [2, 2]
    assert torch.equal(twice.flops, 2 * model.cost(canvas, where).flops)


def test_guidance_keeps_known_positions_certain(canvas: Canvas) -> None:
    model = stirred(PGM, GRID)
    answers = Guided(model, LABEL, 3.0).log_probs(canvas, torch.arange(12).expand(2, -1))
    truth = answers.gather(-1, canvas.tokens[..., None])[..., 0]
    assert torch.equal(truth[canvas.known], torch.zeros(10))
    assert not answers.isnan().any()


@pytest.mark.parametrize("scale", [-1.0, float("nan"), float("inf")])
def test_guidance_that_is_negative_or_no_number_is_refused(scale: float) -> None:
    with pytest.raises(ValueError, match="guidance scale must be 0"):
        Guided(stirred(PGM, GRID), LABEL, scale)


@pytest.mark.parametrize(
    "label", [[GRID.labels[0], -1], [99, 0], [0, GRID.labels[1]], [-2, 0], [0, -2]]
)
def test_a_value_that_an_attribute_lacks_is_refused(label: list[int], canvas: Canvas) -> None:
    """In the table of label vectors it would be a neighbouring attribute's."""
    model, asked = stirred(PGM, GRID), torch.tensor(label)
    says = r"attribute \d of this model has the values 0 to \d, and -1 for unspecified; got "
    with pytest.raises(ValueError, match=says):
        Labelled(model, asked)
    with pytest.raises(ValueError, match=says):
        Guided(model, asked, 1.0)
    with pytest.raises(ValueError, match=says):
        model.log_probs(canvas, listed(~canvas.known), asked.expand(2, -1))
