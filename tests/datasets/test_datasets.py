import hashlib
import math

import pytest
import torch

from pgm_lite import datasets
from pgm_lite.datasets import Dataset, Stream

SHIPPED = ("shidoku", "faces", "austen")


@pytest.mark.parametrize("name", SHIPPED)
def test_every_split_gives_tokens_of_the_alphabet_and_labels_of_the_attributes(
    name: str,
) -> None:
    dataset = datasets.load(name)
    assert dataset.name == name
    assert set(dataset.splits) == {"train", "validation", "test"}
    for split in dataset.splits.values():
        tokens, labels = split.batch(torch.tensor([0, split.rows // 2, split.rows - 1]))
        assert tokens.shape == (3, dataset.seq_len)
        assert tokens.dtype == labels.dtype == torch.long
        assert labels.shape == (3, len(dataset.attributes))
        assert tokens.min() >= 0
        assert tokens.max() < dataset.vocab_size
        assert int(split.stored.max()) < dataset.vocab_size


@pytest.mark.parametrize("name", SHIPPED)
def test_decoding_and_encoding_are_inverse(name: str) -> None:
    dataset = datasets.load(name)
    tokens, _ = dataset.splits["test"].batch(torch.tensor([7]))
    text = dataset.decode(tokens[0])
    assert torch.equal(dataset.encode(text), tokens[0])


@pytest.mark.parametrize("name", SHIPPED)
def test_the_sizes_are_those_promised(name: str) -> None:
    dataset = datasets.load(name)
    promised = {"shidoku": (16, 4), "faces": (256, 32), "austen": (256, 32)}[name]
    assert (dataset.seq_len, dataset.vocab_size) == promised
    assert len(set(dataset.symbols)) == dataset.vocab_size


def test_the_fingerprint_is_the_hash_of_the_training_tokens() -> None:
    shidoku = datasets.shidoku()
    tokens, _ = shidoku.splits["train"].batch(torch.arange(288))
    by_hand = hashlib.sha256(bytes(int(token) for token in tokens.flatten())).hexdigest()
    assert shidoku.fingerprint() == by_hand
    assert len({datasets.load(name).fingerprint() for name in SHIPPED}) == len(SHIPPED)


def test_unknown_data_sets_list_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'mnist'.*shidoku, faces, austen, sentences, text8"):
        datasets.load("mnist")


def test_foreign_symbols_are_named_with_their_positions() -> None:
    with pytest.raises(ValueError, match=r"'E' at 0, '!' at 4; its alphabet is: ' '"):
        datasets.austen().encode("Emma!")
    with pytest.raises(ValueError, match="'#000000' at 1"):
        datasets.faces().encode("#f5f5f5 #000000")


def test_tokens_outside_the_vocabulary_cannot_be_decoded() -> None:
    with pytest.raises(ValueError, match="tokens 0 to 3; got 4 at 1"):
        datasets.shidoku().decode(torch.tensor([0, 4]))


@pytest.mark.parametrize("index", [-1, 288])
def test_rows_outside_the_split_are_refused(index: int) -> None:
    with pytest.raises(ValueError, match="rows 0 to 287"):
        datasets.shidoku().splits["test"].batch(torch.tensor([0, index]))


def test_shidoku_is_all_288_grids_and_their_entropy_is_known() -> None:
    split = datasets.shidoku().splits["train"]
    grids, _ = split.batch(torch.arange(split.rows))
    assert len({tuple(grid.tolist()) for grid in grids}) == 288
    assert math.isclose(math.log(split.rows), 5.66296, abs_tol=5e-6)
    for grid in grids:
        square = grid.reshape(4, 4)
        boxes = [square[r : r + 2, c : c + 2].flatten() for r in (0, 2) for c in (0, 2)]
        assert all(len(set(house.tolist())) == 4 for house in [*square, *square.T, *boxes])


def test_labels_name_what_is_chosen_and_leave_the_rest_open() -> None:
    faces = datasets.faces()
    label = faces.label(glasses="yes", hair="red")
    names = [attribute.name for attribute in faces.attributes]
    assert label[names.index("glasses")] == 1
    assert faces.attributes[0].values[int(label[names.index("hair")])] == "red"
    assert (label == datasets.UNSPECIFIED).sum() == len(names) - 2
    assert torch.equal(datasets.austen().label(), torch.zeros(0, dtype=torch.long))


def test_unknown_labels_list_the_valid_ones() -> None:
    faces = datasets.faces()
    with pytest.raises(ValueError, match=r"no attribute 'nose'.*hair, skin, clothes, glasses"):
        faces.label(nose="big")
    with pytest.raises(ValueError, match=r"no hair 'purple'.*black, brown"):
        faces.label(hair="purple")
    with pytest.raises(ValueError, match="it has no attributes"):
        datasets.shidoku().label(hair="red")


def test_faces_are_split_without_overlap_and_labelled_within_range() -> None:
    faces = datasets.faces()
    rows = [faces.splits[name].rows for name in ("train", "validation", "test")]
    assert rows == [10_800, 600, 600]
    everything = torch.cat([split.stored for split in faces.splits.values()])
    assert len(torch.unique(everything, dim=0)) == 12_000
    _, labels = faces.splits["train"].batch(torch.arange(10_800))
    for column, attribute in zip(labels.T, faces.attributes, strict=True):
        assert set(column.tolist()) == set(range(len(attribute.values))), attribute.name


def test_the_corner_of_a_face_is_background_and_background_is_token_zero() -> None:
    faces = datasets.faces()
    assert faces.layout.palette == faces.symbols
    assert faces.symbols[0] == "#f5f5f5"
    assert int(faces.splits["train"].stored[:, 240].max()) == 0  # bottom left


def test_the_palette_is_a_tree_of_similar_colours() -> None:
    """Siblings of the five-bit tree are much closer than colours in the order of a shuffle."""
    symbols = datasets.faces().symbols
    colours = torch.tensor([[int(s[i : i + 2], 16) for i in (1, 3, 5)] for s in symbols])
    gaps = torch.cdist(colours.double(), colours.double())
    siblings = gaps[torch.arange(0, 32, 2), torch.arange(1, 32, 2)].mean()
    assert siblings < gaps.sum() / (32 * 31) / 2


def test_the_skin_label_says_the_colour_of_the_nose() -> None:
    faces = datasets.faces()
    tokens, labels = faces.splits["train"].batch(torch.arange(10_800))
    skin = labels[:, [attribute.name for attribute in faces.attributes].index("skin")]
    for tone in range(7):
        assert len(set(tokens[skin == tone][:, 8 * 16 + 7].tolist())) == 1


def test_austen_orders_its_alphabet_by_kind() -> None:
    symbols = datasets.austen().symbols
    assert "".join(sorted(symbols)) == ' ",-.;abcdefghijklmnopqrstuvwxyz'
    assert set(' ",-.;') <= set(symbols[:8])
    assert set("aeiou") <= set(symbols[8:16])


def test_austen_splits_share_no_text_and_come_from_every_novel() -> None:
    austen = datasets.austen()
    texts = {name: austen.decode(split.stored.long()) for name, split in austen.splits.items()}
    sizes = [len(texts[name]) for name in ("train", "validation", "test")]
    assert sum(sizes) == pytest.approx(3_988_409, abs=20)
    assert sizes[0] / sum(sizes) == pytest.approx(0.9, abs=1e-4)
    for heroine in ("elinor", "elizabeth", "fanny", "emma", "catherine", "anne"):
        assert all(heroine in text for text in texts.values())
    for held_out in ("validation", "test"):
        spans = [texts[held_out][at : at + 100] for at in range(0, 100_000, 9_973)]
        assert not any(span in texts["train"] for span in spans)


def test_training_windows_start_anywhere_and_others_never_overlap() -> None:
    text = torch.arange(23, dtype=torch.uint8)
    anywhere, apart = Stream(text, 5, stride=1), Stream(text, 5, stride=5)
    assert (anywhere.rows, apart.rows) == (19, 4)
    assert anywhere.batch(torch.tensor([18]))[0].tolist() == [[18, 19, 20, 21, 22]]
    assert apart.batch(torch.tensor([1, 3]))[0].tolist() == [
        [5, 6, 7, 8, 9],
        [15, 16, 17, 18, 19],
    ]
    assert Stream(text[:4], 5, stride=1).rows == 0


def test_a_missing_data_file_says_where_it_should_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    from pgm_lite.datasets import assets

    monkeypatch.setattr(assets, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match=r"faces\.npz is not at .*pip install -e"):
        assets.asset("faces.npz")


def test_data_sets_are_loaded_once() -> None:
    assert isinstance(datasets.faces(), Dataset)
    assert datasets.faces() is datasets.faces()
