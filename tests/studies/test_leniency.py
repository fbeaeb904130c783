"""Parts of raters' variance and what removing a shift does, where both are known."""

import leniency as study
import numpy as np
import pytest

U, B, E = 0.5, 0.3, 1.2


def block(rng, clips=50, raters=49, spread=0.0, u=U, b=B, e=E):
    """Ratings and true parts: shift, discrimination, the rest; ``spread`` of the SD over clips."""
    m = rng.normal(5, 1.5, (clips, 1))
    size = e * np.exp(spread * rng.normal(size=(clips, 1)))
    shift, slope = u * rng.normal(size=raters), b * rng.normal(size=raters)
    y = m + shift + slope * (m - m.mean()) + size * rng.normal(size=(clips, raters))
    parts = np.array([u**2, b**2 * m.var(), (size**2).mean()])
    return y, parts


def test_shares_come_back():
    rng, found = np.random.default_rng(0), []
    for _ in range(150):
        y, parts = block(rng)
        share = study.shares(y)
        found.append(share[:3] - parts / parts.sum())
        assert share[:3].sum() == pytest.approx(1)
    found = np.array(found)
    assert (np.abs(found.mean(0)) < 3.5 * found.std(0) / np.sqrt(len(found)) + 0.004).all()


def test_the_intervals_hold_the_truth():
    rng, held, n = np.random.default_rng(1), [], 40
    for _ in range(n):
        blocks = [block(rng)[0], block(rng, 60, 67)[0]]
        x, album = np.zeros((110, 1)), rng.integers(0, 40, 110)
        values, less = mean_shares(blocks), []
        for some, _, _ in study.deleted(blocks, x, album):
            less.append(mean_shares(some))
        spread = np.array(less).reshape(2, study.GROUPS, -1)
        spread = np.square(spread - spread.mean(1, keepdims=True)).sum((0, 1)) * 0.9
        true = U**2 / (U**2 + B**2 * 1.5**2 + E**2)
        held.append(np.abs(values - true) < 2.262 * np.sqrt(spread))
    assert np.mean(held) >= 0.87


def mean_shares(blocks):
    return np.array([np.mean([study.shares(y)[0] for y in blocks])])


def test_a_pure_shift_is_taken_out_and_the_sd_is_more_reliable():
    rng = np.random.default_rng(2)
    blocks = [block(rng, 50, 49, 0.2, u=1.5, b=0)[0], block(rng, 60, 67, 0.2, u=1.5, b=0)[0]]
    sd = study.adjusted_sd(blocks[1])
    assert sd[0].mean() == pytest.approx(np.hypot(1.5, E), rel=0.12)
    assert sd[1].mean() == pytest.approx(E * np.exp(0.02), rel=0.08)
    raw, shift, _ = study.reliability(blocks, rng, splits=60)
    assert shift > raw + 0.1


def test_the_clip_itself_does_not_tell_its_raters_shift():
    rng = np.random.default_rng(3)
    y, _ = block(rng)
    other = y.copy()
    other[7] = rng.permutation(y[7])
    changed = np.abs(study.adjusted_sd(other)[:, 7] - study.adjusted_sd(y)[:, 7])
    shift = (y - y.mean(1, keepdims=True))[np.arange(50) != 7].mean(0)
    assert study.adjusted_sd(y)[1, 7] == pytest.approx((y[7] - shift).std(ddof=1))
    assert changed[0] == pytest.approx(0) and changed[1] > 0


def test_reliability_is_that_of_the_true_sd():
    rng = np.random.default_rng(4)
    blocks = [block(rng, 400, 40, 0.15, u=0, b=0)[0] for _ in range(2)]
    size = E * np.exp(0.15 * rng.normal(size=100_000))
    noise = (size**2).mean() / (2 * 19)
    found = study.reliability(blocks, rng, splits=30)[0]
    assert found == pytest.approx(size.var() / (size.var() + noise), abs=0.07)


def test_traits_that_are_there_and_not():
    rng = np.random.default_rng(5)
    shift, slope, rest = study.traits(block(rng, 60, 400)[0], rng, 20)
    assert shift == pytest.approx(U**2 / (U**2 + E**2 / 60), abs=0.05)
    assert slope > 0.7 and abs(rest) < 0.25


def test_audio_that_tells_the_sd_is_found(soundtracks_root):
    rng, (x, album) = np.random.default_rng(6), study.audio(soundtracks_root)
    z = (x - x.mean(0)) / x.std(0)
    sd = np.stack([1 + 0.2 * z[:, 0], rng.normal(size=110), 1 + 0.2 * z[:, 3]])
    found = study.predicted(sd, x, album, np.repeat([0, 1], [50, 60]), 50)
    assert found.shape == (51, 3)
    assert (found[0, [0, 2]] > 0.9).all() and found[0, 1] < 0.1


def test_floors_are_seen_at_the_ends():
    rng = np.random.default_rng(7)
    y, _ = block(rng, 60, 67, u=1.0, b=0)
    free = np.corrcoef(study.at_ends(y))[0, 1]
    m = rng.uniform(1, 9, (60, 1))
    y = np.clip(m + rng.normal(size=67) + E * rng.normal(size=(60, 67)), 1, 9)
    assert np.corrcoef(study.at_ends(y))[0, 1] < -0.5 < free


def test_an_incomplete_block_is_refused(soundtracks_root):
    ratings = study.load_soundtracks(soundtracks_root).iloc[1:]
    with pytest.raises(ValueError, match="not complete"):
        study.blocks_of(ratings, "valence")
