"""Why do the SDs of valence and arousal go together on DEAM? Three readings, each with its ceiling.

The same ten people gave both ratings of a song. Their SDs can go together because of

``halo``    people: who is far from the others in valence is far from them in arousal, too
``raters``  people: some are less consistent than others in both, and a panel may hold more of them
``songs``   songs: people disagree more about some songs, in both dimensions

Each reading is fitted alone to the correlation of the SDs that was seen, together with everything
that :mod:`worlds` fits; then the reliability of the SDs in that world is looked up. Where a reading
cannot reach the correlation with normal ratings, lighter tails are tried, which leave more room
for songs, and the nearest it comes is given.

:func:`people_or_songs` asks the same of listeners who are known. Two panels that share nobody have
only songs in common, so what the SDs of *different* panels share is songs, and the rest is people.
"""

import numpy as np
import pandas as pd
from carried import Target
from worlds import World

from mer_utils.ceiling.listener_groups import pairs_of_panels, sd_alone
from mer_utils.ceiling.reliability import Panels, disjoint, rating_matrix
from mer_utils.data.dataset import DIMENSIONS
from mer_utils.data.musifeast import listening_sets
from mer_utils.scoring.intervals import resample_counts

STRENGTHS = {
    "halo": np.linspace(0, 0.95, 20),
    "raters": np.linspace(0, 0.8, 17),
    "songs": np.linspace(0, 1, 11),
}
TAILS = (2.0, 4.0, 8.0)
"""Exponents of the generalised normal: from normal to nearly flat."""


def pair_of_worlds(targets: list[Target], reading: str, strength: float, tails=2.0, draws=10):
    """Fitted worlds of both dimensions whose listeners or songs have this in common."""
    worlds = [
        World(t.observed(), "heavy", tails, draws=draws, seed=k) for k, t in enumerate(targets)
    ]
    one, two = worlds
    rng = np.random.default_rng(7)
    first, second = (w.given[0] for w in worlds)
    if reading == "halo":
        second = strength * first + np.sqrt(1 - strength**2) * second
    elif reading == "raters":
        own = np.exp(strength * rng.standard_normal(first.shape) - strength**2)
        first, second = first * own, second * own
    elif reading == "songs":
        two.z = strength * one.z + np.sqrt(1 - strength**2) * two.z
    else:
        raise ValueError(f"unknown reading {reading!r}: {', '.join(STRENGTHS)}")
    one.given, two.given = (first, None, None), (second, None, None)
    return [w.fit() for w in worlds]


def go_together(worlds) -> float:
    """Correlation over songs of the two SDs of the same panel, averaged over panels."""
    sds = [w.panels()[1].reshape(-1, len(w.z)) for w in worlds]
    return float(np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(*sds, strict=True)]))


def possible_world(worlds, slack=0.02) -> bool:
    """Whether the SDs of both worlds vary no more than was observed."""
    seen = [w.panels()[1].var(axis=-1).mean() / w.like.variance for w in worlds]
    return max(seen) <= 1 + slack


def readings_table(targets: list[Target]) -> pd.DataFrame:
    """``reading, tails, strength, correlation, valence, arousal, reached``.

    ``valence`` and ``arousal``: reliability of the SD in the fitted world; ``correlation``: of the
    SDs there; ``reached``: whether it is the observed one. One row per reading and tails, until one
    reaches it.
    """
    seen = np.corrcoef(targets[0].sd, targets[1].sd)[0, 1]
    rows = []
    for reading, strengths in STRENGTHS.items():
        for tails in TAILS:
            best = None
            for strength in strengths:
                worlds = pair_of_worlds(targets, reading, strength, tails)
                if not possible_world(worlds):
                    break
                best = strength, go_together(worlds), [w.truth()["all"] for w in worlds]
                if best[1] >= seen:
                    break
            if best is None:
                continue
            rows.append((reading, tails, best[0], best[1], *best[2], best[1] >= seen))
            if best[1] >= seen:
                break
    names = ["reading", "tails", "strength", "correlation", "valence", "arousal", "reached"]
    return pd.DataFrame(rows, columns=names).assign(observed=seen)


def _shared(a, b, weights):
    share = weights / weights.sum(1, keepdims=True)
    return (share @ (a * b).T - (share @ a.T) * (share @ b.T)).mean(1)


def people_or_songs(film: pd.DataFrame, n=10, n_draws=300, n_resamples=500) -> pd.DataFrame:
    """Correlation of the SDs of two dimensions: of the same panel, and of panels that share nobody.

    ``data, dimensions, raters, same, same_low, same_high, other, other_low, other_high``: 95%
    over songs (MUSIFEAST-17: listening sets).
    """
    rows, rng = [], np.random.default_rng(0)
    both = pairs_of_panels(2, sd_alone)
    sets = np.unique(listening_sets(), return_inverse=True)[1]
    cells = [("MUSIFEAST-17", " and ".join(DIMENSIONS), 8, both, sets)]
    names = ("valence", "energy", "tension")
    matrices = {d: rating_matrix(film, d).to_numpy() for d in names}
    sds = {d: np.empty((2, n_draws, len(matrices["valence"]))) for d in names}
    for k in range(n_draws):
        key = rng.random(matrices["valence"].shape)
        for d, matrix in matrices.items():
            sds[d][:, k] = disjoint(matrix, n, 2, key).std(axis=2, ddof=1).T
    for d in names[1:]:
        pair = [Panels(*sds["valence"]), Panels(*sds[d])]
        cells.append(("film music", f"valence and {d}", n, pair, np.arange(sds[d].shape[2])))
    for data, dimensions, raters, (v, a), units in cells:
        w = resample_counts(units.max() + 1, n_resamples)[:, units]
        w = np.concatenate([np.ones((1, len(units))), w])
        scale = np.sqrt(_shared(v.first, v.first, w) * _shared(a.first, a.first, w))
        same = (_shared(v.first, a.first, w) + _shared(v.second, a.second, w)) / 2 / scale
        other = (_shared(v.first, a.second, w) + _shared(v.second, a.first, w)) / 2 / scale
        ends = [np.quantile(x[1:], q) for x in (same, other) for q in (0.025, 0.975)]
        rows.append((data, dimensions, raters, same[0], *ends[:2], other[0], *ends[2:]))
    columns = "data dimensions raters same same_low same_high other other_low other_high".split()
    return pd.DataFrame(rows, columns=columns)
