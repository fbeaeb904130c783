"""Is the part of the disagreement that lies between groups of listeners easier to predict?

MUSIFEAST-17, ridge on musicnn's embedding, five folds apart by artist. Two questions.

``predicted``: what is predicted of each clip, and how well, beside what could be reached.

    age          mean of those over 45 minus mean of those up to 45, less its average in the set
    country      US minus UK, the same
    between      variance between the eight group means, less chance: can be below 0 for a clip
    within       variance within groups, averaged over the eight
    mean         mean over the eight groups

A set's average is taken off a difference because the same people rated all clips of a set: what
they share is who they are, not what the clip is. ``ceiling`` is the reliability, the highest R2
(its root, the highest correlation): of ``age`` and ``country`` from the variance that the
listeners' numbers and their variance within groups imply, with the leniency of
:mod:`who_listens` taken out; of the others from four groups against the other four, all 35 ways,
stepped up by Spearman and Brown. ``shuffled``: the same ridge with the clips' targets permuted
within sets. Intervals (95%) are over sets: resampled, or the jackknife where leniency is estimated.

``told``: the mean of a single group for a held-out clip, predicted from the embedding alone; with
the groups' general effects (averages of training clips); with a second ridge on top, for each
group's departure from the clip's mean, of embedding or genre. ``error`` is the mean squared error,
``gain`` how much lower than that of the embedding alone, with Student's interval over set means.
``chance`` is what no prediction can avoid: the variance of a group's mean by who was asked. All in
rating^2. Intervals take the trained models as given. ``table()`` takes about ten seconds.
"""

from functools import partial
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import t as student
from sklearn.linear_model import RidgeCV
from who_listens import cells, components, jackknife, layout, places

from mer_utils.data.dataset import DIMENSIONS
from mer_utils.data.musifeast import GROUPS, load_musifeast
from mer_utils.model.splits import artist_groups, folds, standardise
from mer_utils.scoring.intervals import centred, resample_counts
from mer_utils.scoring.metrics import pearson, r2

PENALTIES = np.logspace(1, 8, 29)
"""Up to one so large that nothing is predicted but the average."""
OLD = np.array([0.25 if group[2:] in ("46to60", "61to75") else -0.25 for group in GROUPS])
US = np.array([0.25 if group.startswith("US") else -0.25 for group in GROUPS])
HALVES = [half for half in combinations(range(8), 4) if 0 in half]


def ridge(x, y, split):
    """Predictions for ``split.test`` of y (n,) or (n, targets), one penalty by leave-one-out."""
    rows = np.concatenate([split.train, split.validation])
    x = standardise(x, rows)
    return RidgeCV(PENALTIES).fit(x[rows], y[rows]).predict(x[split.test])


def out_of_sample(x, y, splits):
    """Each column of y (n, D) by its own ridge."""
    found = np.empty_like(y)
    for split in splits:
        found[split.test] = np.stack([ridge(x, column, split) for column in y.T], 1)
    return found


def without_set(values, sets):
    """Values (n, D) less the average of their set."""
    return values - np.stack([values[sets == s].mean(0) for s in range(sets.max() + 1)])[sets]


def between(n, mean, variance):
    """Variance between group means less what chance adds: (n, D), unbiased."""
    return mean.var(1, ddof=1) - (variance / n[..., None]).mean(1)


def within(n, mean, variance):
    """Variance within groups, (n, D)."""
    return variance.mean(1)


def level(n, mean, variance):
    """Mean over groups, (n, D)."""
    return mean.mean(1)


def difference_ceiling(side, n, mean, variance):
    """Reliability of a difference of groups within sets, (D,), from layouts of who_listens."""
    t = np.einsum("g,...gd->...d", side, mean)
    t = t - np.nanmean(t, 1, keepdims=True)
    leniency = components(n, mean, variance)["listeners", "leniency"] * np.nanmean(1 / n)
    noise = np.einsum("g,...gd->...d", side**2, variance / n[..., None])
    noise = noise - (side**2).sum() * leniency
    left = 1 - 1 / (~np.isnan(t)).sum(1, keepdims=True)  # the set's average took its part
    return 1 - np.nansum(noise * left, (0, 1)) / np.nansum(t**2, (0, 1))


def halves_ceiling(statistic, data, weights):
    """Reliability of a statistic of all groups, from disjoint halves of them, stepped up."""
    top = bottom = 0
    for half in HALVES:
        other = np.setdiff1d(range(8), half)
        a, b = (statistic(*(x[:, list(side)] for x in data)) for side in (half, other))
        total = weights.sum(1, keepdims=True)
        moments = (weights @ v / total for v in (a, b, a * b, a * a, b * b))
        a1, b1, ab, aa, bb = moments
        top, bottom = top + ab - a1 * b1, bottom + (aa - a1**2 + bb - b1**2) / 2
    rho = top / bottom
    return 2 * rho / (1 + rho)


def predicted(data, x, splits, n_resamples=500, seed=0):
    """Rows of ``predicted``: ``what, score, dimension number, value, low, high``."""
    n, mean, variance = data
    genre, sets = places()
    layouts = [layout(part.astype(float), genre, sets) for part in data]
    weights = np.vstack(
        [np.ones(len(sets)), resample_counts(sets.max() + 1, n_resamples, seed)[:, sets]]
    )
    targets, ceilings = {}, {}
    for name, side in {"age": OLD, "country": US}.items():
        targets[name] = without_set(np.einsum("g,cgd->cd", side, mean), sets)
        ceilings[name] = jackknife(partial(difference_ceiling, side), *layouts)
    for name, statistic in {"between": between, "within": within, "mean": level}.items():
        targets[name] = statistic(*data)
        drawn = halves_ceiling(statistic, data, weights)
        ceilings[name] = drawn[0], *centred(drawn[1:], drawn[0])
    rng, order = np.random.default_rng(seed), np.empty(len(sets), int)
    for s in range(sets.max() + 1):
        order[sets == s] = rng.permutation(np.flatnonzero(sets == s))
    rows = []
    for name, y in targets.items():
        found, lost = out_of_sample(x, y, splits), out_of_sample(x, y[order], splits)
        draws = {
            "r2": r2(y, found, weights), "pearson": pearson(y, found, weights),
            "shuffled_r2": r2(y[order], lost, weights),
        }  # fmt: skip
        found = {score: (each[0], *centred(each[1:], each[0])) for score, each in draws.items()}
        for score, ends in (found | {"ceiling": ceilings[name]}).items():
            rows += [(name, score, d, *(e[d] for e in ends)) for d in range(y.shape[1])]
    return rows


def told(data, x, splits):
    """Rows of ``told``: ``what, score, dimension number, value, low, high``."""
    n, mean, variance = data
    genre, sets = places()
    one_hot, average = np.eye(genre.max() + 1)[genre], mean.mean(1)
    models = ("embedding", "group", "group_x_embedding", "group_x_genre")
    loss = np.empty((len(models), len(mean), mean.shape[2]))
    for split in splits:
        rows, test = np.concatenate([split.train, split.validation]), split.test
        for d in range(mean.shape[2]):
            base = ridge(x, average[:, d], split)[:, None]
            apart = mean[:, :, d] - average[:, d, None]
            general = apart[rows].mean(0)
            told_more = [ridge(given, apart, split) for given in (x, one_hot)]
            for k, extra in enumerate([0.0, general, *told_more]):
                loss[k, test, d] = ((mean[test, :, d] - base - extra) ** 2).mean(1)
    chance = (variance / n[..., None]).mean((1,))
    named = {(name, "error"): loss[k] for k, name in enumerate(models)}
    named |= {(name, "gain"): loss[0] - loss[k] for k, name in enumerate(models) if k}
    named["group_x_embedding", "gain_over_group"] = loss[1] - loss[2]
    named["group_x_genre", "gain_over_group"] = loss[1] - loss[3]
    named["any", "chance"] = chance
    rows = []
    for name, values in named.items():
        of_sets = np.stack([values[sets == s].mean(0) for s in range(sets.max() + 1)])
        half = student.ppf(0.975, len(of_sets) - 1) * of_sets.std(0, ddof=1) / len(of_sets) ** 0.5
        value = of_sets.mean(0)
        rows += [
            (*name, d, value[d], value[d] - half[d], value[d] + half[d]) for d in range(len(value))
        ]
    return rows


def table(dimensions=DIMENSIONS, data=None, x=None, n_resamples=500) -> pd.DataFrame:
    """``question, what, score, dimension, value, low, high, n`` (clips); see the head."""
    songs = load_musifeast()
    data, x = cells(dimensions) if data is None else data, songs.features if x is None else x
    splits = folds(len(x), 0, groups=artist_groups(songs.artist))
    rows = [("predicted", *row) for row in predicted(data, x, splits, n_resamples)]
    rows += [("told", *row) for row in told(data, x, splits)]
    names = ["question", "what", "score", "dimension", "value", "low", "high"]
    found = pd.DataFrame(rows, columns=names)
    found["dimension"] = np.array(dimensions)[found["dimension"]]
    return found.assign(n=len(x))
