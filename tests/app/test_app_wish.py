"""What a visitor asks for survives the way into an address and back."""

from urllib.parse import parse_qsl

import pytest

from app.wish import Wish, read_query

WISH = Wish(
    models=("faces/mdlm", "faces/pgm"),
    sampler="unmask",
    settings=(("order", "halton"), ("steps", 16), ("temperature", 0.75)),
    seed=7,
    label=(("hair", "light brown"), ("hat", "no")),
    guidance=1.5,
    prompt='portrait 12 top & "more"=100%',
    clock="positions",
)


def test_an_address_brings_the_same_wish_back():
    query = WISH.query("race")
    assert query.startswith("?tab=race&m=faces%2Fmdlm&vs=faces%2Fpgm&")
    assert read_query(dict(parse_qsl(query[1:]))) == WISH


def test_a_prompt_keeps_its_spaces_and_blanks():
    wish = Wish(("austen/pgm",), prompt=" it is ____ ")
    assert read_query(dict(parse_qsl(wish.query("watch")[1:]))) == wish


def test_an_address_without_a_model_asks_for_nothing():
    assert read_query({"tab": "watch", "seed": "3"}) is None


@pytest.mark.parametrize("key", ["seed", "steps", "guidance"])
@pytest.mark.parametrize("text", ["many", "nan", "inf"])
def test_what_is_no_number_is_named(key, text):
    with pytest.raises(ValueError, match=f"the address says {key}={text}"):
        read_query({"m": "faces/pgm", key: text})


def test_a_seed_with_a_fraction_is_not_cut_off():
    with pytest.raises(ValueError, match=r"seed=1\.5"):
        read_query({"m": "faces/pgm", "seed": "1.5"})
