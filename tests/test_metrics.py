"""The judges: what they say of real data, of noise, of copies, and what they refuse."""

import math
from collections import Counter, defaultdict

import pytest
import torch
from torch import Tensor

from pgm_lite import datasets
from pgm_lite.metrics import FIGURES, judge
from pgm_lite.metrics.entropy import symbol_entropy
from pgm_lite.metrics.face_features import frechet_distance
from pgm_lite.metrics.faces import nearest_training
from pgm_lite.metrics.ngram import NGram
from pgm_lite.metrics.text import copied_share, whole_words

ROWS = 300


def rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def real(name: str, split: str = "test", rows: int = ROWS) -> Tensor:
    return datasets.load(name).splits[split].batch(torch.arange(rows))[0]


def noisy(tokens: Tensor, rate: float, vocab_size: int) -> Tensor:
    replaced = torch.rand(tokens.shape, generator=rng(1)) < rate
    return torch.where(replaced, torch.randint(vocab_size, tokens.shape, generator=rng(2)), tokens)


@pytest.mark.parametrize("name", ["shidoku", "faces", "austen"])
def test_every_figure_is_documented_and_the_sample_count_stands_beside(name: str) -> None:
    report = judge(datasets.load(name), real(name, rows=20))
    assert report.samples == 20
    assert set(report) <= set(FIGURES)
    assert all(math.isfinite(value) for value in report.values())
    assert "20 samples" in str(report)
    assert all(name in str(report) for name in report)


def test_exact_samples_of_shidoku_are_valid_and_at_the_noise_floor() -> None:
    shidoku = datasets.shidoku()
    drawn = torch.randint(288, (4_000,), generator=rng(0))
    report = judge(shidoku, shidoku.splits["train"].batch(drawn)[0])
    assert report["validity"] == 1
    # A given grid is missed with odds e^-13.9, any of the 288 with odds 3e-4.
    assert report["coverage"] == 288
    # The entropy of the frequencies varies by less than 0.01 (delta method, 4,000 draws).
    assert report["grid_entropy"] == pytest.approx(report["grid_entropy_real"], abs=0.04)
    # Miller's correction, (K - 1) / 2N below log K, good to 1e-3 here.
    by_hand = math.log(288) - 287 / 8000
    assert report["grid_entropy_real"] == pytest.approx(by_hand, abs=2e-3)
    # 0.4 sqrt(288 / 4000) = 0.107; its standard deviation is about 0.0045, so 6 of them below.
    assert report["total_variation"] == pytest.approx(report["noise_floor"], abs=0.027)


def test_total_variation_equals_a_hand_count() -> None:
    shidoku = datasets.shidoku()
    grid = real("shidoku", rows=1)
    broken = torch.zeros_like(grid)
    report = judge(shidoku, torch.cat([grid, grid, grid, broken]))
    assert report["validity"] == 0.75
    assert report["coverage"] == 1
    by_hand = (abs(0.75 - 1 / 288) + 287 / 288 + 0.25) / 2
    assert report["total_variation"] == pytest.approx(by_hand, abs=1e-12)
    entropy = -0.75 * math.log(0.75) - 0.25 * math.log(0.25)
    assert report["grid_entropy"] == pytest.approx(entropy, abs=1e-12)


def test_all_grids_once_are_at_distance_zero() -> None:
    report = judge(datasets.shidoku(), real("shidoku", rows=288))
    assert report["total_variation"] == pytest.approx(0, abs=1e-12)


def test_real_faces_pass_and_noise_shows_in_every_check() -> None:
    """Test portraits; the same with 1 % and 5 % of the cells replaced (fixed seeds)."""
    faces = datasets.faces()
    clean, slight, strong = (
        judge(faces, noisy(real("faces", rows=600), rate, 32)) for rate in (0.0, 0.01, 0.05)
    )
    assert clean["all_parts"] > 0.93
    assert slight["all_parts"] < 0.4
    assert strong["all_parts"] < 0.02
    for part in ("eyes", "mouth", "hair", "clothes", "skin"):
        assert clean[part] >= 0.96
        assert clean[part] > slight[part] > strong[part]
    assert clean["frechet"] == pytest.approx(clean["frechet_real"], rel=1e-9)
    assert clean["frechet"] < 0.4
    assert slight["frechet"] > 2 * clean["frechet"]
    assert strong["frechet"] > 15 * clean["frechet"]
    assert clean["entropy"] == pytest.approx(clean["entropy_real"], rel=1e-9)
    assert strong["entropy"] > clean["entropy"] + 0.1
    assert clean["novelty"] == 1
    assert 30 < clean["nearest"] < strong["nearest"]


def test_copied_faces_are_not_new_and_repeated_faces_not_distinct() -> None:
    faces = datasets.faces()
    copied = judge(faces, real("faces", "train", 50))
    assert copied["novelty"] == copied["nearest"] == 0
    assert copied["distinct"] == 1
    repeated = judge(faces, real("faces", rows=10).repeat(5, 1))
    assert repeated["distinct"] == 0.2
    assert repeated["frechet"] > 2 * repeated["frechet_real"]


def test_the_nearest_portrait_is_found_like_the_plain_way() -> None:
    faces = datasets.faces()
    samples = noisy(real("faces", rows=3), 0.1, 32)
    known = faces.splits["train"].stored.long()
    plain = [int((known != sample).sum(1).min()) for sample in samples]
    assert nearest_training(faces, samples).tolist() == plain


def test_the_frechet_distance_of_gaussians_is_known() -> None:
    one = torch.randn(20_000, 2, generator=rng(0), dtype=torch.float64)
    other = torch.randn(20_000, 2, generator=rng(1), dtype=torch.float64)
    turn = torch.tensor([[0.6, -0.8], [0.8, 0.6]], dtype=torch.float64)
    stretched = (other * torch.tensor([3.0, 0.5])) @ turn + torch.tensor([1.0, 2.0])
    # |m|^2 + (3 - 1)^2 + (0.5 - 1)^2 = 9.25; its standard error here is about 0.05.
    assert frechet_distance(one, stretched) == pytest.approx(9.25, abs=0.3)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-9)
    with pytest.raises(ValueError, match="at least 2 samples"):
        frechet_distance(one[:1], other)


def test_real_text_is_read_as_real_and_noise_is_not() -> None:
    austen = datasets.austen()
    clean, noise = (judge(austen, noisy(real("austen"), rate, 32)) for rate in (0.0, 0.05))
    assert clean["spelling"] > 0.985
    assert clean["new_words"] < 0.08
    assert clean["ngram_bits"] == pytest.approx(clean["ngram_bits_real"], abs=0.1)
    assert 1.5 < clean["ngram_bits_real"] < 1.8
    assert clean["entropy"] == pytest.approx(clean["entropy_real"], abs=0.02)
    assert clean["copied"] < 0.01
    assert noise["spelling"] < 0.85
    assert noise["new_words"] > 0.5
    assert noise["ngram_bits"] > 3.5


def test_spelling_does_not_see_shuffled_words_but_the_7_gram_does() -> None:
    austen = datasets.austen()
    texts = [austen.decode(row) for row in real("austen", rows=100)]
    shuffled = []
    for text in texts:
        words = text.split(" ")
        order = torch.randperm(len(words), generator=rng(len(words)))
        shuffled.append(austen.encode(" ".join(words[at] for at in order)))
    before, after = (
        judge(austen, real("austen", rows=100)),
        judge(austen, torch.stack(shuffled)),
    )
    # Shuffling moves cut words inside, about two of 45 a window.
    assert after["spelling"] == pytest.approx(before["spelling"], abs=0.03)
    assert after["ngram_bits"] > before["ngram_bits"] + 0.5
    assert after["entropy"] == pytest.approx(before["entropy"], abs=1e-9)


def test_dull_text_is_given_away_by_its_entropy() -> None:
    austen = datasets.austen()
    dull = judge(austen, austen.encode(("of the " * 40)[:256]).repeat(5, 1))
    assert dull["spelling"] == 1
    assert dull["entropy"] < dull["entropy_real"] - 0.5
    assert dull["distinct_3"] < 0.05


def test_copied_text_is_found_wherever_it_starts() -> None:
    austen = datasets.austen()
    train = austen.splits["train"]
    starts = torch.tensor([0, 1_000_003, (1 << 20) - 100, train.rows - 1])
    assert copied_share(austen, train.batch(starts)[0]) == 1
    half = torch.cat([train.batch(starts)[0][:, :108], real("austen", rows=4)[:, 108:]], dim=1)
    assert copied_share(austen, half) == pytest.approx(3 / 7)


def test_words_that_a_window_may_have_cut_are_left_out() -> None:
    assert whole_words("tter she sat, and sa") == ["she", "sat", "and"]
    assert whole_words(" she sat.") == ["she", "sat"]
    assert whole_words("x") == []


def test_the_packed_7_gram_agrees_with_the_plain_one() -> None:
    """Dictionaries and recursion against sorted packed integers, order 4."""
    train = torch.randint(5, (600,), generator=rng(3)) * torch.randint(2, (600,), generator=rng(4))
    asked = torch.randint(5, (3, 12), generator=rng(5))
    longest, symbols = 4, train.tolist()
    follows: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
    for start in range(len(symbols) - longest + 1):
        for n in range(longest):
            context = tuple(symbols[start : start + n])
            follows[context][symbols[start + n]] += 1

    def prob(token: int, context: tuple[int, ...]) -> float:
        shorter = prob(token, context[1:]) if context else 1 / 5
        after = follows[context]
        total, kinds = sum(after.values()), len(after)
        return (after[token] + kinds * shorter) / (total + kinds) if total else shorter

    plain = [
        [math.log(prob(row[at], tuple(row[max(0, at - 3) : at]))) for at in range(12)]
        for row in asked.tolist()
    ]
    fast = NGram.train(train.to(torch.uint8), 5, longest).log_probs(asked)
    torch.testing.assert_close(fast, torch.tensor(plain, dtype=torch.float64))


def test_the_7_gram_is_a_law_and_knows_its_limits() -> None:
    train = torch.randint(3, (200,), generator=rng(6), dtype=torch.uint8)
    model = NGram.train(train, 3, 7)
    rows = torch.cat([torch.tensor([[0, 1, 2, 2, 1, 0, 1, c]]) for c in range(3)])
    assert float(model.log_probs(rows)[:, -1].exp().sum()) == pytest.approx(1, abs=1e-12)
    with pytest.raises(ValueError, match=r"1 to 12 tokens .* got 13 tokens"):
        NGram.train(train, 3, 13)


def test_the_entropy_of_a_sample_is_that_of_its_histogram() -> None:
    samples = torch.tensor([[0, 0, 1, 1], [2, 2, 2, 2]])
    assert symbol_entropy(samples, 3) == pytest.approx(math.log(2) / 2)


def test_unfinished_or_foreign_samples_are_refused() -> None:
    shidoku = datasets.shidoku()
    with pytest.raises(ValueError, match=r"16 positions.*got \[2, 15\]"):
        judge(shidoku, torch.zeros(2, 15, dtype=torch.long))
    with pytest.raises(ValueError, match="at least one sequence"):
        judge(shidoku, torch.zeros(0, 16, dtype=torch.long))
    with pytest.raises(ValueError, match="tokens 0 to 3; got samples from -1 to 0"):
        judge(shidoku, torch.zeros(1, 16, dtype=torch.long).index_fill(1, torch.tensor(0), -1))
    other = datasets.Dataset("mine", shidoku.symbols, shidoku.layout, shidoku.splits)
    with pytest.raises(ValueError, match=r"no judge for the data set 'mine'.*shidoku, faces"):
        judge(other, torch.zeros(1, 16, dtype=torch.long))
