"""Probes: simulated listeners whose spread depends on ONE known property of the sound.

Clips are real, listeners are not. In the world of a property z (normal scores over the clips; genre
and vocal standardised) the true SD of a clip is

    base * exp(steep * z)

and whole ratings on 1 to 5 are drawn from the maximum-entropy distribution with this SD and the
clip's own mean. Whoever can read z from the sound can predict the SD; nobody can do more. In the
world "nothing" z is a random number that no sound knows.

A reader is taught by the SDs that :data:`LISTENERS` listeners show, or by z itself. So what cannot
be read is told apart from what cannot be learned from so few listeners.
"""

from typing import NamedTuple

import numpy as np
from encoder_scores import cluster_weights, reach
from properties import codes_of
from scipy.stats import norm, rankdata

from mer_utils.methods.listeners import maximum_entropy, moments_of
from mer_utils.scoring.intervals import centred
from mer_utils.scoring.metrics import pearson, r2
from mer_utils.scoring.score_table import within_folds

LISTENERS, LEVELS = 33, 5
"""As many as rate a clip of MUSIFEAST-17 on average, and its scale."""
BASE, STEEP = 0.45, 0.18
"""Of the true SD, model space: the SD that real clips show, and a spread of it over clips that 33
listeners see with a reliability of about .7 (`tests/studies/test_probes.py` measures it)."""
FURTHEST = 0.6
"""Of a true mean from the middle: room for the largest SD."""
AS_THEY_ARE = ("genre", "vocal")
NOTHING = "nothing"
N_RESAMPLES = 500


class Worlds(NamedTuple):
    """P worlds of n clips, in model space."""

    mean: np.ndarray  # (n, P), of the ratings
    sd: np.ndarray  # (n, P), ddof=1
    true_sd: np.ndarray  # (n, P)
    names: tuple  # of the properties, "nothing" last
    z: np.ndarray  # (n, P), the properties themselves


def scores_of(properties) -> np.ndarray:
    """Each column with mean 0 and SD 1: normal scores of its ranks, or as it is. (n, P)

    A column that does not vary becomes 0.
    """
    columns = []
    for name, values in properties.items():
        values = np.asarray(values, float)
        if name not in AS_THEY_ARE:
            values = norm.ppf((rankdata(values) - 0.5) / len(values))
        spread = values.std()
        columns.append((values - values.mean()) / (spread if spread > 1e-12 else np.inf))
    return np.column_stack(columns)


def worlds(mean, properties, draw: int, n_listeners: int = LISTENERS) -> Worlds:
    """A world for each property, and "nothing".

    Parameters
    ----------
    mean : (n,), model space
        Real mean of each clip in one dimension, moved within :data:`FURTHEST`.
    properties : DataFrame of :func:`properties.properties_of`, or any with n rows
    draw : int
        Of the listeners, of "nothing", and of the numbers that stand for genres.
    """
    rng = np.random.default_rng([draw, 60])
    if "genre" in properties:
        properties = properties.assign(genre=codes_of(properties["genre"], [draw, 17]))
    z = scores_of(properties)
    nothing = scores_of({NOTHING: rng.normal(size=len(z))})
    z = np.hstack([z, nothing])
    at = np.broadcast_to(np.clip(mean, -FURTHEST, FURTHEST)[:, None], z.shape)
    p = maximum_entropy(at, BASE * np.exp(STEEP * z), LEVELS)
    counts = rng.multinomial(n_listeners, p / p.sum(-1, keepdims=True))
    seen, sd = moments_of(counts / n_listeners)
    sd = sd * np.sqrt(n_listeners / (n_listeners - 1))
    return Worlds(seen, sd, moments_of(p)[1], (*properties, NOTHING), z)


def correlation(y_true, y_pred, weights=None):
    """Pearson's, where a prediction that does not vary in a fold counts as 0."""
    return np.nan_to_num(pearson(y_true, y_pred, weights=weights))


SCORES = {"r2": r2, "pearson": correlation}


def resampled(score, truth, predicted, fold, weights, picks):
    """A score within folds: ``value`` (P,), averaged over draws, and resamples of it (B, P).

    ``truth`` and ``predicted`` are (D, n, P) for D draws. A resample takes clusters of clips anew,
    ``weights`` (B, n), and draws, ``picks`` (B, D): it holds the luck of both.
    """
    inside = within_folds(score, fold)
    draws = inside(truth, predicted, weights=weights)  # (B, D, P)
    draws = np.take_along_axis(draws, picks[..., None], axis=1).mean(1)
    return inside(truth, predicted).mean(0), draws


def rows(
    reader, trained, predicted, of, fold, cluster, *, layer="", pooling="",
    judges=("truth", "observed"), against=None,
):  # fmt: skip
    """Scores of the predictions of one reader: a list of dicts, rows of a table.

    Parameters
    ----------
    reader, trained, layer, pooling : texts that the rows carry
    predicted : (n, P) or (D, n, P)
        Out of fold: SDs, model space; or z, for the judge "property".
    of : Worlds, or a list of one for each draw
    fold : (n,), who judges together
    cluster : (n,), clips that are resampled together
    judges : some of "truth" (the true SD), "observed" (that of the listeners) and "property" (z)
    against : as ``predicted``
        Another reader; ``gain`` is the score less its score, on the same clips and draws.

    Returns
    -------
    list of dict
        One for each property, judge and score. ``low`` and ``high``: 95%, over clusters of clips
        and draws. ``ceiling``: the score of whoever knows the truth.
    """
    of = [of] if isinstance(of, Worlds) else list(of)
    predicted, against = (
        None if one is None else np.asarray(one, float).reshape(len(of), *of[0].sd.shape)
        for one in (predicted, against)
    )
    truths = {
        "truth": np.stack([world.true_sd for world in of]),
        "observed": np.stack([world.sd for world in of]),
        "property": np.stack([world.z for world in of]),
    }
    labels = {"reader": reader, "layer": layer, "pooling": pooling, "trained": trained}
    found = []
    for judge in judges:
        known = truths["truth"] if judge == "observed" else truths[judge]
        found += [
            labels | row
            for row in scored(
                truths[judge], predicted, of[0].names, fold, cluster, known, against, judges=judge
            )
        ]
    return found


def scored(truth, predicted, names, fold, cluster, known=None, against=None, **labels):
    """The rows of :func:`rows` for one judge, of arrays (D, n, P)."""
    weights = cluster_weights(cluster, N_RESAMPLES, 0)
    picks = np.random.default_rng(1).integers(0, len(truth), (N_RESAMPLES, len(truth)))
    wider = reach(len(np.unique(cluster)))
    for name, score in SCORES.items():
        found = {"value": resampled(score, truth, predicted, fold, weights, picks)}
        if against is not None:
            other = resampled(score, truth, against, fold, weights, picks)
            found["gain"] = [a - b for a, b in zip(found["value"], other, strict=True)]
        columns = {}
        for part, (middle, draws) in found.items():
            ends = middle + wider * (centred(draws, middle) - middle)
            prefix = "" if part == "value" else "gain_"
            columns |= {part: middle, f"{prefix}low": ends[0], f"{prefix}high": ends[1]}
        top = np.nan if known is None else within_folds(score, fold)(truth, known).mean(0)
        columns["ceiling"] = np.broadcast_to(top, len(names))
        for j, of in enumerate(names):
            yield {"property": of, "score": name, **labels,
                   **{column: float(values[j]) for column, values in columns.items()}}  # fmt: skip
