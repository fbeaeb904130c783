"""Intervals for the next listener's rating that cover 90%, without any claim about the SD.

Split conformal on MUSIFEAST-17: ridge (musicnn's embedding) learns mean and SD from training clips;
calibration clips say how far listeners' ratings y lie from the mean; the interval of a test clip is
mean +- q sigma, with q the 90% quantile of |y - mean| / sigma of calibration clips.

``score``         sigma is 1 (``plain``); ridge's SD (``normalised``); a quadratic in ridge's mean
                  (``by_mean``); 1, but with a q for each third of ridge's SD (``thirds``: Mondrian
                  categories); the clip's own SD, of all its listeners (``known``: cheating, a bar)
``calibration``   some 30 listeners rate one clip, so ratings are not exchangeable; clips are.
                  ``hierarchical``: each of m clips weighs 1/(m+1), shared by its listeners, and
                  1/(m+1) lies at infinity; covers at least 90% of next listeners of a next clip
                  (Lee, Barber & Willett 2023, "Distribution-free inference with hierarchical
                  data"; repairs the pooled CDFs of Dunn, Wasserman & Ramdas 2022).
                  ``subsample``: one listener drawn per clip (Dunn et al.), the same promise.
                  ``pooled``: all ratings as if each were alone; promises nothing
``listeners``     ``same``: trained, calibrated and judged by all eight groups, on other clips;
                  ``new_age``: judged by an age band of both countries that taught nothing, in turns
``what``          ``coverage``; ``width`` in rating points, cut at 1 and 5; ``whole``: how many
                  whole ratings the interval holds. A whole number lies in the interval or not, so
                  its ends may be rounded inwards without any change. ``interval_score``: length
                  and misses in one number, lower is better; ``gain``, that of ``plain`` less this
                  ``coverage_sd_1`` to ``_3``: in thirds of ridge's SD, known before anyone is
                  asked; ``coverage_seen_1`` to ``_3``: in thirds of the SD that four groups have,
                  judged by the other four, all 70 ways (thirds of the *same* listeners' SD would
                  differ by construction: who lies outside makes the SD)
                  ``pearson``, ``spearman``: of width with the SD of the clip's listeners, who
                  took no part

Each clip is a test clip once in each of :data:`FOLDINGS` foldings apart by artist; the intervals
(95%) resample listening sets. :func:`simulated` shows coverage where the answer is known. The
package crepes makes the same intervals where one listener rates a clip (a test compares them); it
cannot weigh several listeners of one clip, so the weights are written here.
``table()`` takes ten seconds.
"""

from itertools import combinations, product

import numpy as np
import pandas as pd
from sklearn.linear_model import RidgeCV

from mer_utils.data.dataset import DIMENSIONS
from mer_utils.data.musifeast import GROUPS, listening_sets, load_musifeast
from mer_utils.data.musifeast_counts import counts
from mer_utils.model.splits import artist_groups, folds, standardise
from mer_utils.scoring.intervals import centred, resample_counts
from mer_utils.scoring.metrics import pearson, spearman

LEVEL, FOLDINGS, LEVELS = 0.9, 6, np.arange(1, 6)
PENALTIES = np.logspace(1, 8, 29)
SCORES = ("plain", "normalised", "by_mean", "thirds", "known")
CALIBRATIONS = ("hierarchical", "subsample", "pooled")


def quantile(scores, weights, level=LEVEL):
    """Smallest score that holds ``level`` of the weights; what lacks to 1 lies at infinity."""
    order = np.argsort(scores, axis=None)
    reached = np.cumsum(np.ravel(weights)[order])
    place = np.searchsorted(reached, level - 1e-9)
    return np.ravel(scores)[order[place]] if place < len(order) else np.inf


def weights_of(n, calibration, rng):
    """Weights (m, 5) of ratings 1-5 of m calibration clips from listeners at each, n (m, 5)."""
    share = n / n.sum(1, keepdims=True)
    if calibration == "pooled":
        return n / (n.sum() + 1)
    if calibration == "subsample":
        drawn = (rng.random((len(n), 1)) > np.cumsum(share, 1)).sum(1)
        share = np.eye(n.shape[1])[np.minimum(drawn, n.shape[1] - 1)]
    return share / (len(n) + 1)


def half_widths(mu, sigma, category, n, calibrate, wanted, calibration, rng):
    """Q sigma of the clips ``wanted``, (n_wanted,), from the listeners n (n_clips, 5)."""
    distance = np.abs(LEVELS - mu[:, None]) / sigma[:, None]
    found = np.empty(len(wanted))
    for kind in np.unique(category[wanted]):
        rows = calibrate[category[calibrate] == kind]
        q = quantile(distance[rows], weights_of(n[rows], calibration, rng))
        found[category[wanted] == kind] = q
    return found * sigma[wanted]


def moments(n):
    """Mean and SD (ddof=1) of listeners at each rating, (n_clips, 5)."""
    total = n.sum(1)
    mean = n @ LEVELS / total
    return mean, np.sqrt((n @ LEVELS**2 / total - mean**2) * total / (total - 1))


def fitted(x, mean, sd, train):
    """Ridge's mean and SD of all clips, SD as a quadratic in that mean, and thirds of the SD."""
    x = standardise(x, train)
    both = np.stack([mean, sd], 1)
    model = RidgeCV(PENALTIES, alpha_per_target=True).fit(x[train], both[train])
    mu, sigma = model.predict(x).T
    least = sd[train].min()
    by_mean = np.polynomial.Polynomial.fit(mean[train], sd[train], 2)(mu)
    third = np.digitize(sigma, np.quantile(sigma[train], [1 / 3, 2 / 3]))
    return mu, np.maximum(sigma, least), np.maximum(by_mean, least), third


def one_folding(x, taught, n_all, groups, seed):
    """Ends of the intervals, (n_scores, n_calibrations, 2, n_clips), and thirds of ridge's SD."""
    rng = np.random.default_rng(seed)
    ends = np.empty((len(SCORES), len(CALIBRATIONS), 2, len(x)))
    (mean, sd), known, thirds = moments(taught), moments(n_all)[1], np.empty(len(x), int)
    for split in folds(len(x), seed, validation=0.3, groups=groups):
        mu, sigma, by_mean, third = fitted(x, mean, sd, split.train)
        one, same, test = np.ones(len(x)), np.zeros(len(x), int), split.test
        thirds[test] = third[test]
        ways = (one, same), (sigma, same), (by_mean, same), (one, third), (known, same)
        for k, way in enumerate(ways):
            for c, calibration in enumerate(CALIBRATIONS):
                half = half_widths(mu, *way, taught, split.validation, test, calibration, rng)
                ends[k, c, :, test] = np.stack([mu[test] - half, mu[test] + half], 1)
    return ends, thirds


def covered(ends, n):
    """Share of the listeners n (..., n_clips, 5) inside ends (2, n_clips): (..., n_clips)."""
    inside = (LEVELS >= ends[0][:, None]) & (LEVELS <= ends[1][:, None])
    return (n * inside).sum(-1) / n.sum(-1)


def interval_score(low, high, n):
    """Length plus 2/alpha times how far outside, mean of listeners n: lower is better, (n_clips,).

    Gneiting & Raftery (2007), equation 43, for the central interval, alpha = 10%.
    """
    outside = np.maximum(low[:, None] - LEVELS, 0) + np.maximum(LEVELS - high[:, None], 0)
    return high - low + 2 / (1 - LEVEL) * (n * outside).sum(-1) / n.sum(-1)


def parts(x, n, groups, halves, seed):
    """Sums for ratios by ``(score, calibration, what)``: tops and bottoms, each (n_clips,)."""
    ends, third = one_folding(x, n, n, groups, seed)
    sd = np.array([moments(half)[1] for half in halves])
    seen = (3 * sd.argsort(1).argsort(1)) // sd.shape[1]
    found, one = {}, np.ones(len(x))
    for k, c in np.ndindex(ends.shape[:2]):
        low, high = ends[k, c]
        inside = covered(ends[k, c], n)
        whole = np.minimum(np.floor(high), 5) - np.maximum(np.ceil(low), 1) + 1
        width, score = np.minimum(high, 5) - np.maximum(low, 1), interval_score(low, high, n)
        plain = interval_score(*ends[0, c], n)
        measures = {"coverage": inside, "width": width, "whole": whole, "interval_score": score}
        for what, values in (measures | {"gain": plain - score}).items():
            found[SCORES[k], CALIBRATIONS[c], what] = values, one
        if CALIBRATIONS[c] == "hierarchical":
            others = covered(ends[k, c], halves[::-1])  # half i of the groups, and the other half
            for t in range(3):
                name = SCORES[k], CALIBRATIONS[c]
                found[*name, f"coverage_sd_{t + 1}"] = inside * (third == t), third == t
                ratio = (others * (seen == t)).mean(0), (seen == t).mean(0)
                found[*name, f"coverage_seen_{t + 1}"] = ratio
    return found


def new_age(x, by_group, groups, seed):
    """Coverage of an age band of both countries that taught nothing, averaged over the four."""
    found = {}
    for age in range(4):
        out = by_group[[age, age + 4]].sum(0)
        ends, _ = one_folding(x, by_group.sum(0) - out, by_group.sum(0), groups, seed)
        for k, c in np.ndindex(len(SCORES) - 1, len(CALIBRATIONS)):
            key = SCORES[k], CALIBRATIONS[c], "coverage"
            found[key] = found.get(key, 0) + covered(ends[k, c], out) / 4
    return {key: (values, np.ones(len(x))) for key, values in found.items()}


def table(dimensions=DIMENSIONS, foldings=FOLDINGS, n_resamples=500) -> pd.DataFrame:
    """``listeners, score, calibration, what, dimension, value, low, high, n`` (clips)."""
    songs, sets, rows = load_musifeast(), np.unique(listening_sets(), return_inverse=True)[1], []
    groups = artist_groups(songs.artist)
    weights = resample_counts(sets.max() + 1, n_resamples)[:, sets]
    weights = np.vstack([np.ones(len(sets)), weights])
    by_group = np.stack([counts([group], dimensions) for group in GROUPS])
    for d, dimension in enumerate(dimensions):
        n = by_group[:, :, d].sum(0)
        halves = np.stack([by_group[list(h), :, d].sum(0) for h in combinations(range(8), 4)])
        some = [parts(songs.features, n, groups, halves, seed) for seed in range(foldings)]
        others = [new_age(songs.features, by_group[:, :, d], groups, s) for s in range(foldings)]
        for who, found in (("same", some), ("new_age", others)):
            for key in found[0]:
                top, bottom = np.mean([one[key] for one in found], 0)
                drawn = (weights @ top) / (weights @ bottom)
                rows.append((who, *key, dimension, drawn[0], *centred(drawn[1:], drawn[0])))
        for score in SCORES[1:-1]:
            width = np.mean([one[score, "hierarchical", "width"][0] for one in some], 0)
            pair = moments(n)[1][:, None], width[:, None]
            for measure in (pearson, spearman):
                drawn = measure(*pair, weights)[:, 0]
                key = "same", score, "hierarchical", measure.__name__, dimension
                rows.append((*key, drawn[0], *centred(drawn[1:], drawn[0])))
    names = "listeners score calibration what dimension value low high".split()
    return pd.DataFrame(rows, columns=names).assign(n=len(sets))


def _world(rng, n_sets, error):
    """Simulated listeners (clips, 5) at each rating, and the clips' predicted means."""
    y = error * rng.normal(size=(n_sets, 17, 1)) + 0.35 * rng.normal(size=(n_sets, 1, 34))
    y = np.clip(np.rint(3 + y + 0.85 * rng.normal(size=(n_sets, 17, 34))), 1, 5)
    n = (y.reshape(-1, 34)[..., None] == LEVELS).sum(1).astype(float)
    return n, 3 + 0.3 * rng.uniform(-1, 1, len(n))  # no whole number: distances have no ties


def simulated(draws=400, clips=(20, 50, 107), errors=(0.4, 1.0), seed=0) -> pd.DataFrame:
    """Coverage where the answer is known: simulated listeners, 21 sets of 17 clips, 34 listeners.

    A rating is rounded from clip (SD ``error``: what a predicted mean misses), plus leniency (SD
    0.35) that the set's clips share, plus the rest (SD 0.85). m clips at random calibrate ``plain``
    intervals; all listeners of the clips that never calibrate are the next ones. ``error, m,
    calibration, what, value, low, high, n`` (draws): ``coverage``, its average over draws;
    ``spread``, the SD over draws of coverage of a large population, that is how far one calibration
    may be off; ``believed``, that SD if ratings were independent.
    """
    rng, rows = np.random.default_rng(seed), []
    cases = list(product(enumerate(clips), enumerate(CALIBRATIONS)))
    for error in errors:
        found = np.empty((draws, 2, len(clips), len(CALIBRATIONS)))
        all_n, all_mu = _world(rng, 200, error)
        for i in range(draws):
            n, mu = _world(rng, 21, error)
            one, order, same = np.ones(len(mu)), rng.permutation(len(mu)), np.zeros(len(mu), int)
            rest = order[max(clips) :]
            for (j, m), (c, way) in cases:
                q = half_widths(mu, one, same, n, order[:m], rest[:1], way, rng)
                for k, (who, centre) in enumerate(((n[rest], mu[rest]), (all_n, all_mu))):
                    found[i, k, j, c] = covered(np.stack([centre - q, centre + q]), who).mean()
        for (j, m), (c, way) in cases:
            mean, (spread, sd) = found[:, 0, j, c].mean(), found[:, ::-1, j, c].std(0, ddof=1)
            key, half = (error, m, way), 1.96 * sd / np.sqrt(draws)
            rows.append((*key, "coverage", mean, mean - half, mean + half, draws))
            half = 1.96 * spread / np.sqrt(2 * draws)
            rows.append((*key, "spread", spread, spread - half, spread + half, draws))
            believed = np.sqrt(LEVEL * (1 - LEVEL) / (m if way == "subsample" else 34 * m))
            if way != "hierarchical":
                rows.append((*key, "believed", *(believed,) * 3, draws))
    names = "error m calibration what value low high n".split()
    return pd.DataFrame(rows, columns=names)
