"""From a wish to traces: checked, run once by the catalogue, remembered."""

from functools import lru_cache

from app.wish import Wish
from pgm_lite import catalog
from pgm_lite.knobs import Value, relevant

Settings = tuple[tuple[str, Value], ...]


class RefusedError(ValueError):
    """A wish that cannot be granted: one sentence for each control that is to blame."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = problems


def grant(wish: Wish) -> list[str]:
    """The trace of each model of the wish, as the text of a trace file."""
    problems: dict[str, str] = {}
    for model in wish.models:
        sampler, settings = own(wish, model)
        problems |= catalog.complaints(
            model,
            sampler=sampler,
            settings=dict(settings),
            seed=wish.seed,
            label=dict(wish.label),
            guidance=wish.guidance,
            ramp=wish.ramp,
            prompt=wish.prompt,
        )
    if len({model.split("/")[0] for model in wish.models}) > 1:
        problems["model"] = "a race needs two models of the same data set"
    if len(set(wish.models)) < len(wish.models):
        problems["model"] = "both models are the same, and so would be what they write; choose two"
    if problems:
        raise RefusedError(problems)
    return [
        trace_of(
            *(model, *own(wish, model)),
            *(wish.seed, wish.label, wish.guidance, wish.ramp, wish.prompt),
        )
        for model in wish.models
    ]


def own(wish: Wish, model: str) -> tuple[str | None, Settings]:
    """The sampler and the settings of a wish that concern one of its models.

    In a race the sampler and its knobs are shared: a model that cannot be sampled so takes its
    own sampler, and of the knobs those it has.
    """
    if len(wish.models) == 1 or model not in catalog.checkpoint_names():
        return wish.sampler, wish.settings
    fitting = {each.name: each for each in catalog.samplers_for(model)}
    sampler = fitting.get(wish.sampler or "") or next(iter(fitting.values()))
    matters = relevant(sampler.knobs, dict(wish.settings))
    return sampler.name, tuple(item for item in wish.settings if item[0] in matters)


@lru_cache(maxsize=128)
def trace_of(
    model: str,
    sampler: str | None,
    settings: Settings,
    seed: int,
    label: tuple[tuple[str, str], ...],
    guidance: float,
    ramp: str,
    prompt: str,
) -> str:
    """The trace of one model; what was made once is remembered, its seconds included."""
    return catalog.watch(
        model,
        sampler=sampler,
        settings=dict(settings),
        seed=seed,
        label=dict(label),
        guidance=guidance,
        ramp=ramp,
        prompt=prompt,
    ).to_json()
