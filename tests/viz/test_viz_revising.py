"""Samplers that reopen or remember, through the file, the player and the pictures."""

import json

import pytest
import torch
from networks import LINE, stirred
from PIL import Image
from player_traces import replay

import pgm_lite.viz as viz
from pgm_lite.core import Canvas
from pgm_lite.draw import rng
from pgm_lite.models import MDLM, PGM
from pgm_lite.orders import confidence, random_order
from pgm_lite.samplers import path_planning, recap, remask
from pgm_lite.schedules import one_by_one, uniform
from pgm_lite.trace import Trace, record
from pgm_lite.viz.colour import LIGHT
from pgm_lite.viz.record import roles

BLANK = Canvas.blank(1, 12)
TRACES: dict[str, Trace] = {
    "remask": record(remask(stirred(PGM, LINE), BLANK, steps=40, rng=rng(0), eta=0.3)),
    "planning": record(
        path_planning(stirred(MDLM, LINE), BLANK, schedule=one_by_one(12), rng=rng(0), eta=3)
    ),
    "recap": record(
        recap(
            stirred(MDLM, LINE),
            BLANK,
            schedule=uniform(12, 6),
            order=confidence(),
            rng=rng(0),
            local=2,
        )
    ),
    "recap, blind": record(
        recap(
            stirred(MDLM, LINE),
            BLANK,
            schedule=uniform(12, 6),
            order=random_order(),
            rng=rng(0),
            full_first=3,
        )
    ),
}
FILES = {name: json.loads(trace.to_json()) for name, trace in TRACES.items()}


@pytest.mark.parametrize("name", FILES)
def test_the_player_shows_every_state_and_role(host, name):
    file, trace = FILES[name], TRACES[name]
    page = host(file)
    seen = page.evaluate(
        """() => state.trace.steps.concat([0]).map((_, k) => {
          const { tokens, known, born } = player.stateAt(state.trace, k);
          return [[...tokens].map((t, i) => (known[i] ? t : 0)), [...known], [...born]];
        })"""
    )
    for k, (tokens, known, _) in enumerate(seen):
        canvas = trace.state(k)
        assert known == canvas.known[0].long().tolist()
        assert tokens == canvas.tokens.masked_fill(canvas.unknown, 0)[0].tolist()
        assert (tokens, known) == replay(file, k)
    assert seen[-1][2] == trace.step_map()[0].tolist()
    names = ["absent", "read", "asked", "masked", "cached", "partly"]
    lit = page.evaluate(
        "() => state.trace.steps.map((_, k) => [...player.rolesAt(state.trace, k + 1)])"
    )
    assert [[names[role] for role in each] for each in lit] == [
        list(roles(file, k + 1)) for k in range(len(lit))
    ]


def test_a_step_that_only_reopens_lights_nothing():
    only = [
        k
        for k, step in enumerate(TRACES["remask"].steps, start=1)
        if step.reopened.any() and not step.written.any()
    ]
    assert only
    for k in only:
        assert set(roles(FILES["remask"], k)) == {"absent"}


@pytest.mark.parametrize("name", ["recap", "recap, blind"])
def test_a_local_pass_lights_as_many_positions_as_it_is_billed_for(name):
    kinds = set()
    for k, step in enumerate(FILES[name]["steps"], start=1):
        found = roles(FILES[name], k)
        through = sum(role != "cached" for role in found)
        assert through == step["cost"]["encoder_positions"]
        kinds.add((", local:" in step["note"], "cached" in found))
        assert found.count("asked") == len(step["entropy"])
    assert kinds == {(False, False), (True, True)}


def test_a_gif_shows_what_was_reopened(tmp_path):
    file = FILES["planning"]
    k = next(k for k, step in enumerate(TRACES["planning"].steps, start=1) if step.reopened.any())
    told = viz.save_gif(tmp_path / "x.gif", json.dumps(file))
    assert told.startswith("Animation")
    with Image.open(tmp_path / "x.gif") as picture:
        seen = []
        for frame in (0, k):
            picture.seek(frame)
            rgb = picture.convert("RGB")
            wanted = tuple(bytes.fromhex(LIGHT["reopened"].fill[1:]))
            near = [
                count
                for count, pixel in rgb.getcolors(1 << 20)
                if max(abs(a - b) for a, b in zip(pixel, wanted, strict=True)) < 8
            ]
            seen.append(sum(near))
    assert seen[0] == 0 < seen[1]


def test_a_reopened_position_is_not_counted_as_written():
    trace = TRACES["planning"]
    first = next(k for k, step in enumerate(trace.steps, start=1) if step.reopened.any())
    at = int(torch.nonzero(trace.steps[first - 1].reopened[0])[0, 0])
    short = Trace(trace.header, trace.init, trace.steps[:first], trace.seconds[:first])
    assert int(short.step_map()[0, at]) == -1
    assert int(trace.step_map()[0, at]) > first
