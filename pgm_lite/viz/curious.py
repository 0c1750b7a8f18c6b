"""Questions a player asks its host: what else could have stood at a position?"""

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, cast

from pgm_lite import catalog
from pgm_lite.candidates import candidates
from pgm_lite.printing import sentence
from pgm_lite.trace import Trace

Question = dict[str, Any]
Answer = dict[str, Any]


def answers(
    asked: object, find: Callable[[str], Trace | None], model: object = None
) -> list[Answer]:
    """An answer to each question; one that cannot be answered gets a sentence that says why.

    A question names a trace by its id, a position, and the number of steps after which it is asked.
    ``find`` looks a trace up. Without ``model`` the shipped checkpoint the trace names is asked.
    """
    return [answer(each, find, model) for each in questions(asked)]


def questions(asked: object) -> list[Question]:
    """What was asked, as far as it is made of questions: it comes from a browser."""
    listed = cast("list[object]", asked) if isinstance(asked, Sequence) else []
    found: list[Question] = []
    for each in listed[:8]:
        given = cast("Question", each) if isinstance(each, dict) else {}
        kinds = {"id": str, "after": int, "position": int}
        if all(type(given.get(name)) is kind for name, kind in kinds.items()):
            found.append({name: given[name] for name in kinds})
    return found


def answer(question: Question, find: Callable[[str], Trace | None], model: object) -> Answer:
    """The likeliest tokens there, or ``problem``: why there is no telling."""
    trace = find(question["id"])
    if trace is None:
        return question | {"problem": "This run is no longer remembered here; run it again to ask."}
    try:
        asked = catalog.model_of(trace) if model is None else model
        found = candidates(trace, asked, question["position"], after=question["after"])
    except ValueError as error:
        return question | {"problem": sentence(str(error))}
    return question | {
        "tokens": found.tokens,
        "probabilities": found.probabilities,
        "others": found.others,
        "said": f"what {trace.header.model.family} would write here,",
    }


def shown_in(payload: dict[str, Any], identity: str) -> Trace | None:
    """The trace of this id among those a player was handed."""
    for record in payload.get("traces", ()):
        if record.get("id") == identity:
            return parsed(json.dumps(record))
    return None


parsed = lru_cache(maxsize=16)(Trace.from_json)
"""The trace in a file's text; one that is asked about is asked about again."""
