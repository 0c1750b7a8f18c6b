"""The endpoints ``watch`` and ``race``, as programs call them."""

import json

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from pgm_lite.trace import Trace


@pytest.fixture(scope="module")
def client(address: str) -> Client:
    return Client(address, verbose=False)


def test_only_the_two_endpoints_are_public(client):
    listed = client.view_api(return_format="dict", print_info=False)
    assert set(listed["named_endpoints"]) == {"/watch", "/race"}


def test_watch_returns_a_trace(client):
    text = client.predict(
        "shidoku/pgm", settings={"steps": 4}, seed=3, prompt="12", api_name="/watch"
    )
    trace = Trace.from_json(text)
    assert trace.header.model.name == "shidoku/pgm"
    assert trace.final.tokens[0, :2].tolist() == [0, 1]
    assert len(trace.steps) == 4


def test_race_returns_both_traces_at_the_same_seed(client):
    texts = client.predict(
        "shidoku/mdlm", "shidoku/pgm", settings={"steps": 4}, seed=3, api_name="/race"
    )
    first, second = map(json.loads, texts)
    assert [first["model"]["family"], second["model"]["family"]] == ["MDLM", "PGM"]
    assert first["seed"] == second["seed"] == 3


def test_an_error_is_the_sentence_of_the_library(client):
    with pytest.raises(AppError, match="has no symbol '@' at 1"):
        client.predict("shidoku/pgm", prompt="1@", api_name="/watch")
    with pytest.raises(AppError, match="the checkpoints here are"):
        client.predict("shidoku/gan", api_name="/watch")
