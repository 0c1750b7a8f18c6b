"""The losses of Prime: the published one, which is no bound, and the valid one.

Notation (paper symbol -> our name): y_0^{ij} -> digit j of token i; alpha_t = 1 - t; l -> count.
Both charge 1/t, the rate at which single digits become known. Prime's published loss (arXiv
2505.18495, eq. 5) charges at that rate for all unknown digits of a token together, so what digits
tell about each other is paid for only part of the time: at its optimum it lies below the entropy
wherever digits are dependent, and its authors have withdrawn the perplexities computed from it.
The valid bound charges for each unknown digit by itself.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from pgm_lite.digits import Digits
from pgm_lite.objectives.objective import Network, Objective, coin, cross_entropy


def joint(code: Digits) -> Objective:
    """The published loss: cross entropy of whole tokens, 1/t; a surrogate."""

    def loss(
        model: Network,
        tokens: Int[Tensor, "b n"],
        label: Int[Tensor, "b a"] | None,
        *,
        t: Float[Tensor, " b"],
        rng: torch.Generator,
    ) -> Float[Tensor, " b"]:
        digits = code.encode(tokens).flatten(1)
        unknown = coin(t, digits, rng)
        # A token of which all digits are known costs exactly 0: the model filters its logits.
        return cross_entropy(model(digits, ~unknown, label), tokens).mean(1) / t

    return Objective("joint", "surrogate", loss)


def marginal(code: Digits) -> Objective:
    """The valid bound: cross entropy of each unknown digit under its filtered marginal, 1/t."""

    def loss(
        model: Network,
        tokens: Int[Tensor, "b n"],
        label: Int[Tensor, "b a"] | None,
        *,
        t: Float[Tensor, " b"],
        rng: torch.Generator,
    ) -> Float[Tensor, " b"]:
        digits = code.encode(tokens)
        unknown = coin(t, digits.flatten(1), rng)
        logits = model(digits.flatten(1), ~unknown, label)
        laws = (logits if logits.dtype == torch.float64 else logits.float()).log_softmax(-1)
        # [b n l v]: the tokens that share digit l with the true one.
        sharing = digits[..., None] == code.table.to(tokens.device).T
        nats = -laws[:, :, None].masked_fill(~sharing, -torch.inf).logsumexp(-1)
        return (nats.flatten(1) * unknown).sum(1) / tokens.shape[1] / t

    return Objective("marginal", "bound", loss)
