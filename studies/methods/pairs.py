"""Both dimensions together: does a predicted correlation of a clip's ratings mean anything?

The head ``full_covariance`` says, beside means and SDs, how valence and energy (arousal) go
together over the listeners of one clip. It is taught by pairs of ratings, known for the film
music and for simulated worlds.

``data``   ``soundtracks``; ``simulated absent`` (the correlation is the same for all clips),
           ``simulated planted`` (it follows the embedding)
``score``  ``level``: mean correlation of the listeners; ``predicted``: mean of the predicted;
           ``pearson``: predicted with that of the judges, over clips, within folds;
           ``ceiling``: the highest Pearson correlation, the root of the reliability (film music: of
           disjoint halves, stepped up to the panel); ``gain``: by how much the predicted
           correlation lowers the log score of a listener's pair (means and SDs the judges' own),
           against the mean correlation of the training clips, in nats; above 0 it helps
``judges`` ``same``: the panel that taught, on other clips; ``held out``: a quarter of the raters,
           in four turns; ``truth``

Intervals are 95% over clips (film) and over listening sets (simulated).
"""

import numpy as np
import pandas as pd
from cases import FILM, Case, quarters, soundtracks, world
from cases import worlds as made_worlds
from fits import EPOCHS, SEEDS
from judge import weights_of

from mer_utils.ceiling.reliability import Panels, stepped_up
from mer_utils.data.load import load
from mer_utils.data.soundtracks import load_soundtracks
from mer_utils.methods import gaussian
from mer_utils.methods.registry import head, out_of_fold
from mer_utils.model.training import Protocol
from mer_utils.scoring.intervals import centred
from mer_utils.scoring.metrics import pearson
from mer_utils.scoring.score_table import within_folds

LEAST, HALVES = 5, 200
"""Raters of a clip for a correlation, at least; draws of two halves."""


def correlation_head(mu, sigma, correlation):
    """Reads the correlation alone, in the place of mean and SD."""
    return correlation, correlation, None


def predicted(case: Case, seeds=SEEDS, epochs=EPOCHS) -> np.ndarray:
    """Correlations of all clips, out of fold: (n_members, n)."""
    fit = head(
        gaussian.full_covariance, gaussian.pair_link, 3, given=("mean", "covariance"),
        read=correlation_head,
    )  # fmt: skip
    protocol = Protocol(epochs=epochs)
    said, _ = out_of_fold(
        fit, case.features, case.taught, case.splits, range(seeds), protocol
    )  # fmt: skip
    return said.mu[..., 0]


def correlations(ratings: pd.DataFrame, tracks) -> np.ndarray:
    """Correlation of the two scales over the raters of each track, (n_tracks,)."""
    by = ratings.groupby("song_id")[list(FILM)]
    found = by.corr().xs(FILM[0], level=1)[FILM[1]].reindex(tracks)
    few = by.size().reindex(tracks) < LEAST
    return np.where(few, np.nan, found.fillna(0.0))


def log_score(rho, seen):
    """Log score of a pair with standardised margins, less that of no correlation; in nats."""
    return 0.5 * np.log(1 - rho**2) + (1 - rho * seen) / (1 - rho**2) - 1


def reliability(ratings, tracks, n_halves=HALVES, seed=0) -> float:
    """Of the correlation of all raters: two random halves, stepped up to twice as many."""
    rng, raters = np.random.default_rng(seed), ratings["rater"].unique()
    first, second = [], []
    for _ in range(n_halves):
        half = ratings["rater"].isin(rng.permutation(raters)[: len(raters) // 2])
        first.append(correlations(ratings[half], tracks))
        second.append(correlations(ratings[~half], tracks))
    rho = Panels(np.array(first), np.array(second)).reliability()
    n = len(ratings) / len(tracks)
    return float(stepped_up(max(rho, 1e-3), n / 2, n))


def scored(case, said, seen, weights) -> dict:
    """Score -> (value, draws) of predicted correlations (members, n) against those seen (n,)."""
    inside = within_folds(pearson, case.fold)
    arrays = seen[:, None], said[..., None]
    value = inside(*arrays)[:, 0].mean()
    draws = inside(*arrays, weights=weights)[..., 0].mean(1)
    own = np.array([_mean_of_training(case, k) for k in case.fold])
    gains = (log_score(own, seen) - log_score(said, seen)).mean(0)
    total = weights.sum(1)
    return {
        "level": (seen.mean(), weights @ seen / total),
        "predicted": (said.mean(), weights @ said.mean(0) / total),
        "pearson": (value, draws),
        "gain": (gains.mean(), weights @ gains / total),
    }


def _mean_of_training(case, fold):
    c = case.taught.covariance[case.splits[fold].train]
    return (c[:, 0, 1] / np.sqrt(c[:, 0, 0] * c[:, 1, 1]).clip(1e-6)).mean()


def table(root="", seeds=SEEDS, epochs=EPOCHS) -> pd.DataFrame:
    """``data, judges, score, value, low, high, n``."""
    rows = []

    def add(data, judges, found, n):
        for score, (value, draws) in found.items():
            low, high = centred(np.asarray(draws)[:, None], np.array([value]))
            rows.append((data, judges, score, value, low[0], high[0], n))

    ratings, film = load_soundtracks(root or None), soundtracks(root)
    tracks = np.unique(ratings["song_id"])
    quarter, weights = quarters(ratings), weights_of(film[:1])
    whole = film[0]
    said = predicted(whole, seeds, epochs)
    add("soundtracks", "same", scored(whole, said, correlations(ratings, tracks), weights), 110)
    top = np.sqrt(reliability(ratings, tracks))
    rows.append(("soundtracks", "same", "ceiling", top, np.nan, np.nan, len(tracks)))
    turns = []
    for case in film[1:]:
        seen = correlations(ratings[quarter == case.turn], tracks)
        turns.append(scored(case, predicted(case, seeds, epochs), seen, weights))
    held = {
        score: tuple(np.mean([turn[score][part] for turn in turns], axis=0) for part in (0, 1))
        for score in turns[0]
    }
    add("soundtracks", "held out", held, len(tracks))
    songs = load("musifeast")
    for name in ("absent", "planted"):
        case, truth = world(name), made_worlds.make(name, songs).true_correlation
        found = scored(case, predicted(case, seeds, epochs), truth, weights_of([case]))
        if name == "absent":
            found.pop("pearson")  # the truth does not vary
        add(case.data, "truth", found, len(songs))
    return pd.DataFrame(rows, columns=["data", "judges", "score", "value", "low", "high", "n"])
