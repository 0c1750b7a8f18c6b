"""The recorded examples of the first page."""

from app.shipped import EXAMPLES, TRACES
from pgm_lite.trace import Trace


def test_every_example_ships_a_finished_trace_of_each_of_its_models():
    sizes = []
    for example in EXAMPLES:
        for model, path in zip(example.wish.models, example.files, strict=True):
            trace = Trace.from_json(path.read_text(encoding="utf-8"))
            assert trace.header.model.name == model
            assert trace.header.seed == example.wish.seed
            # A model that inserts ends where it likes, and a random one soon.
            assert bool(trace.final.known.all()) or trace.header.sampler == "insert"
            sizes.append(path.stat().st_size)
    assert max(sizes) < 150_000
    assert sum(sizes) < 1_000_000
    assert TRACES.name == "traces"


def test_every_example_is_told_in_at_most_four_sentences():
    for example in EXAMPLES:
        assert 1 <= sum(example.look_for.count(end) for end in ".?!") <= 4
