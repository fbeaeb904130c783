"""Scores of single songs: as it is, the SD alone, and the SD around the listeners' own mean."""

import numpy as np
from fits import LEAST

from mer_utils.methods.listeners import maximum_entropy
from mer_utils.scoring import next_listener


def correction(case, panel) -> float:
    """What turns predictions of a panel's SD (ddof=0) into those of what ``panel`` shows."""
    known = case.judges[panel].counts is not None or panel == "truth"
    return case.correction if known else 1.0


def own_spread(case, panel, fit):
    """The SD around the listeners' *own* mean, its level mended: (n_members, n, D).

    As :meth:`fits.Fit.around`, but what validation songs say is missing is here of their SDs
    alone. So where the predicted mean is wrong is of no use to anybody.
    """
    level, counts = np.empty_like(case.taught.sd), case.judges[panel].counts
    for split in case.splits:
        level[split.test] = (case.taught.sd[split.validation] ** 2).mean(0)
    variance = (fit.predicted.sigma**2 + level - fit.square) * correction(case, panel) ** 2
    if counts is not None:
        variance = variance * (1 - 1 / counts.sum(-1))  # around a mean that is theirs
    return np.sqrt(np.maximum(variance, LEAST**2))


def song_scores(case, panel, fit, bar) -> dict:
    """Score -> (n, D), averaged over seeds; ``bar`` is the fit of mean only.

    Distances in rating points. ``_spread``: the SD alone, around the mean of the bar; ``_own``:
    around the judges' own mean.
    """
    judges = case.judges[panel]
    mu, sigma = fit.predicted.mu, np.maximum(fit.predicted.sigma, 1e-3)
    said = {"_spread": (bar.predicted.mu, fit.around(bar))}
    said["_own"] = judges.mean[None], own_spread(case, panel, fit)
    out = {
        "dss" + name: next_listener.dawid_sebastiani(*moments, judges.mean, judges.sd)
        for name, moments in ({"": (mu, sigma)} | said).items()
    }
    if judges.counts is not None:
        p = {"": fit.predicted.probabilities(case.n_levels)}
        for name, (mean, sd) in said.items():
            p[name] = maximum_entropy(np.broadcast_to(mean, sd.shape), sd, case.n_levels)
        for name, of in p.items():
            out["crps" + name] = next_listener.crps(of, judges.counts) * case.half_range
            out["log" + name] = next_listener.log_score(of, judges.counts)
    return {name: value.mean(0) for name, value in out.items()}
