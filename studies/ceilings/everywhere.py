"""The reliability of an SD of about ten raters, wherever raters are known: what can be seen.

One :class:`seen.Seen` for each dimension of each collection. Intervals are over songs *and* people
where single people are known. For MUSIFEAST-17 whole listening sets are drawn, which are other
clips *and* other people. Images and words: over items alone. Words: the raters are two groups of
people who may differ, so what they share is a lower bound.
"""

import numpy as np
import pandas as pd
from many_raters import WORD_DIMENSIONS, WORD_GROUPS, load_koniq, load_manymusic, load_words
from seen import Seen, drawn, left_out, noise_share, with_error

from mer_utils.ceiling.listener_groups import mean_alone, pairs_of_panels, sd_alone
from mer_utils.ceiling.reliability import Panels, rating_matrix
from mer_utils.data.dataset import DIMENSIONS
from mer_utils.data.musifeast import GROUPS, SCALE, listening_sets, panel
from mer_utils.data.soundtracks import SOUNDTRACK_DIMENSIONS, load_soundtracks

Z = 1.96


def of_matrix(data, dimension, ratings, n, scale, n_draws=400, people=True) -> Seen:
    """From a long table of single raters; songs with fewer than 2 n + 1 raters are left out."""
    matrix = rating_matrix(ratings, dimension).to_numpy()
    matrix = matrix[np.isfinite(matrix).sum(1) > 2 * n]
    matrix = matrix[:, np.isfinite(matrix).any(0)]
    without = left_out(matrix, n, n_draws) if people else []
    mean, sd = drawn(matrix, n, n_draws)
    units = np.arange(len(matrix))
    return Seen(data, dimension, n, f"{matrix.shape[1]}", scale, mean, sd, units, without)


def of_musifeast(n_groups=2) -> list[Seen]:
    """MUSIFEAST-17: unions of listener groups."""
    n = panel(GROUPS).n.mean() * n_groups / len(GROUPS)
    both = [pairs_of_panels(n_groups, s) for s in (mean_alone, sd_alone)]
    name, sets = "MUSIFEAST-17", listening_sets()
    return [
        Seen(name, d, n, "701", SCALE, m, s, sets, [])
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
    return Seen("images (quality)", "quality", n, "not known", (1, 5), *panels, units, [])


def of_words(root, dimension) -> Seen:
    """Word norms: all pairs of groups below each other, 8 to 12 raters on each side."""
    parts = [load_words(root, dimension, groups) for groups in WORD_GROUPS]
    table = pd.concat(parts)
    mean, sd = (
        Panels(*(table[[f"{k}_1", f"{k}_2"]].to_numpy().T[:, None])) for k in ("mean", "sd")
    )
    n = float(1 + 1 / (1 / (table[["n_1", "n_2"]].to_numpy() - 1)).mean())
    units = table.index.to_numpy()
    return Seen("words", dimension, n, "not known", (1, 9), mean, sd, units, [])


def everywhere(soundtracks, many_raters, n_draws=400, people=True) -> list[Seen]:
    """All collections: film music, MUSIFEAST-17, ManyMusic, images, words."""
    film = load_soundtracks(soundtracks)
    found = [
        of_matrix("film music", d, film, 10, (1, 9), n_draws=n_draws, people=people)
        for d in SOUNDTRACK_DIMENSIONS
    ]
    found += of_musifeast()
    music = load_manymusic(many_raters)[0]
    found += [of_matrix("ManyMusic", d, music, 5, (-1, 1), n_draws, people) for d in DIMENSIONS]
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
