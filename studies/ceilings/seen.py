"""The reliability of an SD of about ten raters, wherever raters are known: what can be seen.

Two panels of a song (image, word) share nobody. So the correlation over songs of their SDs is the
reliability of an SD, without an assumption (:mod:`mer_utils.ceiling.reliability`). The noise of the
SD is what they do not share, here as a share of its mean square.

Intervals are over songs *and* people where single people are known: the variance over songs (a
bootstrap) and that over people (a jackknife that takes one person out of all panels) are added. For
MUSIFEAST-17 whole listening sets are drawn, which are other clips *and* other people. Images and
words: over items alone. Words: the raters are two groups of people who may differ, so what they
share is a lower bound.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from many_raters import WORD_DIMENSIONS, WORD_GROUPS, load_koniq, load_manymusic, load_words
from worlds import Observed, observe

from mer_utils.ceiling.listener_groups import mean_alone, pairs_of_panels, sd_alone
from mer_utils.ceiling.reliability import Panels, disjoint, rating_matrix
from mer_utils.data.dataset import DIMENSIONS
from mer_utils.data.musifeast import GROUPS, SCALE, listening_sets, panel
from mer_utils.data.soundtracks import SOUNDTRACK_DIMENSIONS, load_soundtracks
from mer_utils.scoring.intervals import resample_counts

Z = 1.96


class Seen(NamedTuple):
    """Mean and SD of pairs of disjoint panels, for one dimension of one collection."""

    data: str
    dimension: str
    raters: float
    """Raters in a panel, on average."""
    people: str
    """How many people there are, as text."""
    scale: tuple
    whole: bool
    """Answers are whole numbers of the scale."""
    mean: Panels
    sd: Panels
    units: np.ndarray
    """What is resampled together: (n_items,) int."""
    without: list
    """The same pair of (mean, sd) with each person left out in turn; empty if not known."""

    def observed(self) -> Observed:
        """What a world must look like (:mod:`worlds`); places are the means of both panels."""
        mean, sd = (np.concatenate([p.first, p.second]) for p in (self.mean, self.sd))
        places = mean.mean(axis=0)
        return observe(mean, sd, round(self.raters), self.scale, places)


def noise_share(sd: Panels, weights=None):
    """Noise of the SD over its mean square, from disjoint panels; (n_resamples,) with weights."""
    w = np.ones((1, sd.first.shape[1])) if weights is None else weights
    share = w / w.sum(1, keepdims=True)
    sides = sd.first, sd.second
    total = sum(Panels(x, x).covariance(w) for x in sides) / 2
    square = share @ sum((x**2).mean(0) for x in sides) / 2
    found = (total - sd.covariance(w)) / square
    return found if weights is not None else float(found[0])


def with_error(seen: Seen, statistic, n_resamples=400) -> tuple[float, float, float]:
    """``value``, and its standard errors over items and over people (0 if nobody is known).

    ``statistic(mean, sd, weights)`` takes two :class:`Panels`. A person left out changes a panel by
    another draw, too; the variance of these draws over panels is taken off the jackknife's.
    """
    value = statistic(seen.mean, seen.sd, None)
    units, place = np.unique(seen.units, return_inverse=True)
    weights = resample_counts(len(units), n_resamples)[:, place]
    items = np.std(statistic(seen.mean, seen.sd, weights))
    if not seen.without:
        return value, float(items), 0.0
    halves = [np.arange(len(seen.sd.first)) % 2 == k for k in (0, 1)]
    moved = []
    for half in halves:  # two independent halves of the draws: their product has no noise of draws
        base = statistic(*(_some(p, half) for p in (seen.mean, seen.sd)), None)
        left = [statistic(_some(m, half), _some(s, half), None) for m, s in seen.without]
        moved.append(np.array(left) - base)
    moved = [m - m.mean() for m in moved]
    k = len(seen.without)
    people = (k - 1) / k * np.sum(moved[0] * moved[1])
    return value, float(items), float(np.sqrt(max(people, 0.0)))


def _some(panels, draws):
    return Panels(panels.first[draws], panels.second[draws])


def drawn(matrix, n, n_draws, seed=0, without=None):
    """Mean and SD of two disjoint panels of ``n``, new for each draw and song: two Panels.

    ``without``: the column of a person who is left out; the lottery stays the same.
    """
    values = np.array(matrix, float)
    if without is not None:
        values[:, without] = np.nan
    rng = np.random.default_rng(seed)
    out = np.empty((2, 2, n_draws, len(values)), np.float32)
    for k in range(n_draws):
        chosen = disjoint(values, n, 2, rng.random(values.shape))
        out[:, :, k] = chosen.mean(2).T, chosen.std(2, ddof=1).T
    return Panels(*out[0]), Panels(*out[1])


def left_out(matrix, n, n_draws, seed=0) -> list[tuple[Panels, Panels]]:
    """:func:`drawn` with each person left out in turn, all at once; 2 n + 1 raters or more a song.

    Who is left out of a panel makes room for the next in the lottery; other panels stay.
    """
    values = np.asarray(matrix, float)
    songs, people = values.shape
    rng, row = np.random.default_rng(seed), np.arange(songs)[:, None]
    mean, sd = drawn(values, n, n_draws, seed)
    base = np.array([[mean.first, mean.second], [sd.first, sd.second]], np.float32)
    out = np.repeat(base[None], people, axis=0)  # (people, 2, 2, n_draws, songs)
    for k in range(n_draws):
        key = np.where(np.isfinite(values), rng.random(values.shape), 2.0)
        order = np.argsort(key, axis=1)[:, : 2 * n + 1]
        x = np.take_along_axis(values, order, axis=1)
        gone = x[:, : 2 * n, None] ** [1, 2]  # (songs, 2 n, 2): sum and square of who leaves
        one, two = x[:, :n, None] ** [1, 2], x[:, n:, None] ** [1, 2]
        first, next_one = one.sum(1)[:, None], x[:, n, None, None] ** [1, 2]
        sides = np.broadcast_to(first, gone.shape).copy(), two.sum(1)[:, None] - gone
        sides[0][:, :n] += next_one - gone[:, :n]
        sides[1][:, :n] = two.sum(1)[:, None] - next_one
        for side, total in enumerate(sides):
            m = total[..., 0] / n
            out[order[:, : 2 * n], 0, side, k, row] = m
            variance = (total[..., 1] - n * m**2) / (n - 1)
            out[order[:, : 2 * n], 1, side, k, row] = np.sqrt(np.maximum(variance, 0))
    return [(Panels(*m), Panels(*s)) for m, s in out]


def of_matrix(data, dimension, ratings, n, scale, whole=True, n_draws=400, people=True) -> Seen:
    """From a long table of single raters; songs with fewer than 2 n + 1 raters are left out."""
    matrix = rating_matrix(ratings, dimension).to_numpy()
    matrix = matrix[np.isfinite(matrix).sum(1) > 2 * n]
    matrix = matrix[:, np.isfinite(matrix).any(0)]
    without = left_out(matrix, n, n_draws) if people else []
    mean, sd = drawn(matrix, n, n_draws)
    units = np.arange(len(matrix))
    return Seen(data, dimension, n, f"{matrix.shape[1]}", scale, whole, mean, sd, units, without)


def of_musifeast(n_groups=2) -> list[Seen]:
    """MUSIFEAST-17: unions of listener groups."""
    n = panel(GROUPS).n.mean() * n_groups / len(GROUPS)
    both = [pairs_of_panels(n_groups, s) for s in (mean_alone, sd_alone)]
    name, sets = "MUSIFEAST-17", listening_sets()
    return [
        Seen(name, d, n, "701", SCALE, True, m, s, sets, [])
        for d, m, s in zip(DIMENSIONS, *both, strict=True)
    ]


def of_images(root, n=10, n_draws=10, seed=0) -> Seen:
    """KonIQ-10k: votes are drawn from each image's counts."""
    votes, rng, levels = load_koniq(root), np.random.default_rng(seed), np.arange(1, 6)
    out = np.empty((2, 2, n_draws, len(votes)))
    for k in range(n_draws):
        first = np.array([rng.multivariate_hypergeometric(v, n) for v in votes])
        rest = votes - first
        second = np.array([rng.multivariate_hypergeometric(v, n) for v in rest])
        for side, chosen in enumerate((first, second)):
            mean = chosen @ levels / n
            square = chosen @ levels**2 - n * mean**2
            out[:, side, k] = mean, np.sqrt(np.maximum(square, 0) / (n - 1))
    units = np.arange(len(votes))
    panels = Panels(*out[0]), Panels(*out[1])
    return Seen("images (quality)", "quality", n, "not known", (1, 5), True, *panels, units, [])


def of_words(root, dimension) -> Seen:
    """Word norms: all pairs of groups below each other, 8 to 12 raters on each side."""
    parts = [load_words(root, dimension, groups) for groups in WORD_GROUPS]
    table = pd.concat(parts)
    mean, sd = (
        Panels(*(table[[f"{k}_1", f"{k}_2"]].to_numpy().T[:, None])) for k in ("mean", "sd")
    )
    n = float(1 + 1 / (1 / (table[["n_1", "n_2"]].to_numpy() - 1)).mean())
    units = table.index.to_numpy()
    return Seen("words", dimension, n, "not known", (1, 9), True, mean, sd, units, [])


def everywhere(soundtracks, many_raters, n_draws=400, people=True) -> list[Seen]:
    """All collections: film music, MUSIFEAST-17, ManyMusic, images, words."""
    film = load_soundtracks(soundtracks)
    found = [
        of_matrix("film music", d, film, 10, (1, 9), n_draws=n_draws, people=people)
        for d in SOUNDTRACK_DIMENSIONS
    ]
    found += of_musifeast()
    music = load_manymusic(many_raters)[0]
    found += [
        of_matrix("ManyMusic", d, music, 5, (-1, 1), False, n_draws, people) for d in DIMENSIONS
    ]
    found.append(of_images(many_raters))
    return found + [of_words(many_raters, d) for d in WORD_DIMENSIONS]


def _reliability(which):
    def statistic(mean, sd, weights):
        panels = mean if which == "mean" else sd
        return panels.reliability(weights)

    return statistic


def seen_table(collections) -> pd.DataFrame:
    """What was seen, in long form: ``data, dimension, raters, items, people`` and

    ``statistic, value, low, high, items_error, people_error``. A statistic is "mean" or "sd" (its
    reliability), or "noise" (of the SD, as a share of its mean square).
    """
    statistics = {"mean": _reliability("mean"), "sd": _reliability("sd")}
    statistics["noise"] = lambda mean, sd, weights: noise_share(sd, weights)
    rows = []
    for seen in collections:
        place = (seen.data, seen.dimension, seen.raters, seen.mean.first.shape[1], seen.people)
        for name, statistic in statistics.items():
            value, items, people = with_error(seen, statistic)
            half = Z * np.hypot(items, people)
            rows.append((*place, name, value, value - half, value + half, items, people))
    names = "data dimension raters items people statistic value low high items_error people_error"
    return pd.DataFrame(rows, columns=names.split())


def repeats_table(many_raters, n_resamples=2000, seed=0) -> pd.DataFrame:
    """ManyMusic: the same listener and excerpt twice. How stable is what listeners disagree about?

    ``dimension, pairs, within, between, share, low, high``: variance of one answer within a
    listener, variance of first answers between listeners of a track, and their ratio with a 95%
    bootstrap interval over pairs and tracks.
    """
    ratings, twice = load_manymusic(many_raters)
    rng, rows = np.random.default_rng(seed), []
    for d in DIMENSIONS:
        own = (twice[f"{d}_1"] - twice[f"{d}_2"]).to_numpy() ** 2 / 2
        others = ratings.groupby("song_id")[d].var().to_numpy()
        draws = [
            rng.choice(own, len(own)).mean() / rng.choice(others, len(others)).mean()
            for _ in range(n_resamples)
        ]
        ends = np.quantile(draws, [0.025, 0.975])
        rows.append((d, len(own), own.mean(), others.mean(), own.mean() / others.mean(), *ends))
    names = ["dimension", "pairs", "within", "between", "share", "low", "high"]
    return pd.DataFrame(rows, columns=names)
