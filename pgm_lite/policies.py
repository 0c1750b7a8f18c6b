"""How many positions a step writes, as the answers themselves decide: the rules of adaptive samplers.

A policy ranks the positions asked about by a sighted order and says which of them are written now.
The first is always written, so every call writes something. What a policy is sure of is judged by
the model's own law, like every ranking here; what independent draws may cost, by the law that is
drawn from, which temperature and top-p reshape.
"""

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor

from pgm_lite.draw import entropy_of
from pgm_lite.orders import Order, SightedOrder, confidence, entropy


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """What a policy decides from: answers at the positions asked about, the most ready one first.

    ``own`` are the model's log-probabilities (nats), ``laws`` those drawn from. ``moves`` are the
    last h values of KL(p_t || p_{t-1}) between the model's successive answers at a position, the
    latest last; infinite where a position was not asked about twice in succession.
    """

    own: Float[Tensor, "b q v"]
    laws: Float[Tensor, "b q v"]
    moves: Float[Tensor, "b q h"]

    @property
    def confidence(self) -> Float[Tensor, "b q"]:
        """The probability of the likeliest token."""
        return self.own.amax(-1).exp()


@dataclass(frozen=True, slots=True)
class Policy:
    """Which positions to write now; ``rule`` need not care about the first, which always is.

    ``order`` ranks; ``history`` is how many moves of its answers the rule wants to see.
    """

    name: str
    order: SightedOrder
    rule: Callable[[Ranked], Bool[Tensor, "b q"]]
    history: int = 0

    def accept(self, ranked: Ranked) -> Bool[Tensor, "b q"]:
        """The positions to write: those the rule takes, and the first one."""
        accepted = self.rule(ranked).clone()
        accepted[:, :1] = True
        return accepted


def entropy_bounded(gamma: float, proxy: Order | None = None) -> Policy:
    """As many positions as independent draws may cost ``gamma`` nats of dependence.

    EB-Sampler (arXiv 2505.24857): in the order of ``proxy`` (least entropy first if left out), the
    longest prefix U with sum_U H - max_U H <= gamma. The left side bounds the total correlation
    sum_U H - H(U), what drawing U independently loses. The maximum is a running one, which is the
    last entropy only where the proxy is entropy itself. H is the entropy of the law drawn from.
    gamma 0 writes one position a step, and with it those that are certain; infinity writes all.
    """
    order = entropy() if proxy is None else proxy
    if not isinstance(order, SightedOrder):
        raise ValueError(
            f"the proxy ranks positions by the answers about them, and the order {order.name} looks "
            "at none; use entropy(), confidence() or margin()"
        )
    if not gamma >= 0:
        raise ValueError(f"gamma is a budget of 0 nats (one position a step) or more; got {gamma}")

    def rule(ranked: Ranked) -> Bool[Tensor, "b q"]:
        nats = entropy_of(ranked.laws)
        return nats.cumsum(1) - nats.cummax(1).values <= gamma

    return Policy(f"entropy_bounded({gamma:g}, {order.name})", order, rule)


def threshold(tau: float) -> Policy:
    """Every position whose likeliest token has probability ``tau`` or more (Fast-dLLM, 2505.22618).

    1 writes those that are certain together, and one position where none is; 0 writes all.
    """
    _check_probability("tau", tau)
    return Policy(f"threshold({tau:g})", confidence(), lambda ranked: ranked.confidence >= tau)


def factor(f: float) -> Policy:
    """The n most confident positions, n the largest with (n + 1)(1 - c_n) < ``f``.

    Fast-dLLM (arXiv 2505.22618); c_n is the n-th largest confidence. The left side never falls as n
    grows, so all smaller n satisfy it too. 0 writes one position a step; infinity writes all.
    """
    if not f >= 0:
        raise ValueError(f"the factor is 0 (one position a step) or more; got {f}")

    def rule(ranked: Ranked) -> Bool[Tensor, "b q"]:
        doubt = 1 - ranked.confidence
        n = doubt.new_ones(doubt.shape).cumsum(1)
        return (n + 1) * doubt < f

    return Policy(f"factor({f:g})", confidence(), rule)


def stable(tau: float, epsilon: float, history: int) -> Policy:
    """Positions that are sure and have been so: confidence > ``tau``, laws that no longer move.

    KLASS (arXiv 2511.05664): KL(p_t || p_{t-1}) < ``epsilon`` (nats) in each of the last
    ``history`` steps, so a position is asked about at least ``history`` + 1 times before the rule
    takes it. With history 0 only the threshold is left. Where the rule takes nothing, the most
    confident position is written.
    """
    _check_probability("tau", tau)
    if not epsilon >= 0:
        raise ValueError(f"epsilon is a divergence of 0 nats or more; got {epsilon}")
    if history < 0:
        raise ValueError(f"history counts steps, 0 (no look back) or more; got {history}")

    def rule(ranked: Ranked) -> Bool[Tensor, "b q"]:
        return (ranked.confidence > tau) & (ranked.moves < epsilon).all(-1)

    return Policy(f"stable({tau:g}, {epsilon:g}, {history})", confidence(), rule, history)


def _check_probability(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is a probability from 0 to 1; got {value}")
