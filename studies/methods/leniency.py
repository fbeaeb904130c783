"""Raters differ: does the disagreement about a clip shrink, and is it predicted better, without it?

Film soundtracks (Eerola & Vuoskoski 2011), ratings 1-9 of single raters who are known: 49 rated
tracks 1-50, 67 others rated tracks 51-110, each all of them. Within such a block

    y_ci = m_c + u_i + b_i (m_c - average m) + e_ci

``u`` is a rater's leniency (a shift), ``b`` how much more or less than others a rater follows the
clips (discrimination, less 1), ``e`` the rest. ``share`` rows are parts of the variance of single
ratings of a clip over raters, from mean squares of the two-way layout, without bias but for the
error of m_c, an average of 49 or more. ``trait`` rows: does a rater's shift, discrimination, or
typical size of e in one half of the clips agree with the other half (correlation, stepped up)?

``adjusted`` rows compare the SD over raters of each clip, made of the ratings as they are
(``raw``), less a rater's shift (``shift``), or less the shift and divided by the rater's own SD
relative to the panel's (``scaled``). Shift and SD are of the other clips of the block only (leave
one clip out), and within a panel only, so that disjoint panels stay disjoint.

    size          average SD over clips, relative to raw
    reliability   Cov / Var over clips, within blocks, of the SDs of two disjoint panels: halves of
                  the raters, or ten raters each (``_10``)
    r2            ridge from 25 audio features to the SD of all raters, ten folds apart by album,
                  averaged over five foldings; SD and prediction are taken less their average in
                  the block, since other people rated the other block

``_gain`` is the difference to raw. ``ends``: is a rater's shift seen less in clips near an end of
the scale? The correlation over clips, within blocks, of the slope of ratings on the raters' shift
in other clips, with the distance of the clip's mean from the middle of the scale.

Intervals (95%) have two parts that are added, of other clips (ten groups of albums deleted in
turn; for r2 resampled albums with the ridge as it is) and of other raters (ten groups deleted in
turn); Student's t with 9. What belongs to both is counted twice, so they are wide rather than
narrow. ``table()`` takes a minute.
Limits: each block has its own raters, so blocks cannot be put on one scale; a rater who is
lenient about soundtracks need not be about other music.
"""

import numpy as np
import pandas as pd
from scipy.stats import t as student
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold

from mer_utils.data.soundtracks import SOUNDTRACK_DIMENSIONS, load_soundtracks, soundtracks_root
from mer_utils.model.splits import standardise
from mer_utils.scoring.intervals import resample_counts
from mer_utils.scoring.metrics import r2

FIRST = 50
"""The last track of the first block."""
MIDDLE = 5
WAYS = ("raw", "shift", "scaled")
PENALTIES = np.logspace(0, 5, 21)
SPLITS, FOLDINGS, GROUPS, RESAMPLES = 200, 5, 10, 500


def blocks_of(ratings, dimension):
    """Two arrays (clips, raters) of ratings: tracks 1-50 and 51-110.

    Raises
    ------
    ValueError
        A rater of a block did not rate all of its clips.
    """
    first = ratings["song_id"] <= FIRST
    found = [
        part.pivot(index="song_id", columns="rater", values=dimension).to_numpy(float)
        for part in (ratings[first], ratings[~first])
    ]
    if any(np.isnan(block).any() for block in found):
        raise ValueError("a rater left out a track: the layout is not complete")
    return found


def audio(root=None):
    """Features (110, 25) and album of each track, in order of track."""
    folder = soundtracks_root(root)
    table = pd.read_csv(folder / "audio_features.csv", index_col="File").sort_index()
    album = pd.read_csv(folder / "raw_ratings.csv").groupby("Track")["Album"].first()
    return table.to_numpy(float), np.unique(album, return_inverse=True)[1]


def shares(y):
    """Parts of the variance over raters: leniency, discrimination, the rest; and the SD: (4,)."""
    clips, raters = y.shape
    m = y.mean(1, keepdims=True) - y.mean()
    shift = y.mean(0) - y.mean()
    interaction = y - y.mean(1, keepdims=True) - shift
    slope = (interaction * m).sum(0) / (m**2).sum()
    rest = np.square(interaction - slope * m).sum() / ((clips - 2) * (raters - 1))
    follows = (slope**2).sum() / (raters - 1) * (m**2).sum()  # rest + b^2 sum(m^2)
    b = (follows - rest) * (m**2).mean() / (m**2).sum()
    within = np.square(interaction).sum() / ((clips - 1) * (raters - 1))
    u = (shift**2).sum() / (raters - 1) - within / clips
    total = y.var(1, ddof=1).mean()
    return np.array([u / total, b / total, 1 - (u + b) / total, np.sqrt(total)])


def traits(y, rng, splits=SPLITS):
    """Shift, discrimination and size of the rest: how far halves of the clips agree, (3,)."""

    def of(part):
        m = part.mean(1, keepdims=True)
        m, shift = m - m.mean(), part.mean(0)
        slope = (part * m).sum(0) / (m**2).sum()
        rest = part - part.mean(1, keepdims=True) - (shift - shift.mean()) - (slope - 1) * m
        return np.array([shift, slope, np.log(np.square(rest).mean(0))])

    found = []
    for _ in range(splits):
        order = rng.permutation(len(y))
        a, b = (of(y[side]) for side in (order[: len(y) // 2], order[len(y) // 2 :]))
        found.append([np.corrcoef(*pair)[0, 1] for pair in zip(a, b, strict=True)])
    r = np.mean(found, 0)
    return 2 * r / (1 + r)


def adjusted_sd(y):
    """SD over raters of each clip, in three :data:`WAYS`: (3, clips)."""
    n = len(y)
    apart = y - y.mean(1, keepdims=True)
    others = (apart.sum(0) - apart) / (n - 1)  # each rater's shift in the other clips
    total, square = y.sum(0) - y, (y**2).sum(0) - y**2
    own = np.sqrt((square - total**2 / (n - 1)) / (n - 2))  # the rater's SD in the other clips
    relative = own / own.mean(1, keepdims=True)
    centre = total / (n - 1)
    ways = y, y - others, (y - centre) / relative
    return np.stack([way.std(1, ddof=1) for way in ways])


def reliability(blocks, rng, size=None, splits=SPLITS):
    """Cov / Var over clips within blocks of the SDs of disjoint panels, (3,), pairs averaged."""
    top = bottom = 0
    for _ in range(splits):
        for y in blocks:
            order, k = rng.permutation(y.shape[1]), size or y.shape[1] // 2
            a, b = (adjusted_sd(y[:, side]) for side in (order[:k], order[k : 2 * k]))
            a, b = (side - side.mean(1, keepdims=True) for side in (a, b))
            top, bottom = top + (a * b).sum(1), bottom + ((a * a + b * b) / 2).sum(1)
    return top / bottom


def at_ends(y):
    """Slope of a clip's ratings on the shifts, and distance from the scale's middle: (2, clips)."""
    apart = y - y.mean(1, keepdims=True)
    others = (apart.sum(0) - apart) / (len(y) - 1)
    found = np.array([(apart * others).sum(1) / (others**2).sum(1), np.abs(y.mean(1) - MIDDLE)])
    return found - found.mean(1, keepdims=True)


def predicted(sd, x, album, block, n_resamples=0):
    """Ridge's R2 of the SDs (3, clips) within blocks: (3,), or (1 + n_resamples, 3) over albums."""
    at = np.eye(2)[block]
    at = at @ np.linalg.pinv(at)  # the average of the clip's block
    sd, weights = (sd - sd @ at).T, np.ones((1, len(x)))
    if n_resamples:
        drawn = resample_counts(album.max() + 1, n_resamples)[:, album]
        weights = np.vstack([weights, drawn])
    found = []
    for seed in range(FOLDINGS):
        out = np.empty_like(sd)
        cuts = GroupKFold(10, shuffle=True, random_state=seed).split(x, groups=album)
        for rows, test in cuts:
            z = standardise(x, rows)
            model = RidgeCV(PENALTIES, alpha_per_target=True).fit(z[rows], sd[rows])
            out[test] = model.predict(z[test])
        found.append(r2(sd, out - at @ out, weights))
    return np.mean(found, 0) if n_resamples else np.mean(found, 0)[0]


def with_gains(name, values):
    """Rows of three :data:`WAYS` (3, ...) and of the last two less the first."""
    found = {(name, way): v for way, v in zip(WAYS, values, strict=True)}
    return found | {(f"{name}_gain", way): values[k] - values[0] for k, way in enumerate(WAYS) if k}


def all_sds(blocks):
    """SDs (3, clips) of all clips, and their block, 0 or 1."""
    sd = np.concatenate([adjusted_sd(y) for y in blocks], 1)
    return sd, np.repeat([0, 1], [len(y) for y in blocks])


def statistics(blocks, x, album, splits=SPLITS):
    """All rows of one dimension, ``(what, of): value``; those of ``r2`` last."""
    rng, found = np.random.default_rng(0), {}
    sizes = np.array([y.size for y in blocks]) / sum(y.size for y in blocks)
    parts = np.array([shares(y) for y in blocks])
    for k, name in enumerate(("leniency", "discrimination", "rest", "sd")):
        found["share", name] = sizes @ parts[:, k]
        found["share_of_1_to_50", name], found["share_of_51_to_110", name] = parts[:, k]
    trait = sizes @ np.array([traits(y, rng, splits) for y in blocks])
    found |= {("trait", name): v for name, v in zip(("shift", "slope", "rest"), trait, strict=True)}
    found["ends", "shift"] = np.corrcoef(np.concatenate([at_ends(y) for y in blocks], 1))[0, 1]
    sd, block = all_sds(blocks)
    found |= with_gains("size", sd.mean(1) / sd[0].mean())
    found |= with_gains("reliability", reliability(blocks, rng, None, splits))
    found |= with_gains("reliability_10", reliability(blocks, rng, 10, splits))
    return found | with_gains("r2", predicted(sd, x, album, block))


def deleted(blocks, x, album):
    """Arguments of :func:`statistics` without one group of albums, then without one of raters."""
    rng, edge = np.random.default_rng(1), len(blocks[0])
    for _, gone in GroupKFold(GROUPS, shuffle=True, random_state=1).split(x, groups=album):
        keep = np.ones(len(x), bool)
        keep[gone] = False
        yield [blocks[0][keep[:edge]], blocks[1][keep[edge:]]], x[keep], album[keep]
    groups = [rng.permutation(y.shape[1]) % GROUPS for y in blocks]
    for g in range(GROUPS):
        yield [y[:, k != g] for y, k in zip(blocks, groups, strict=True)], x, album


def table(root=None, dimensions=SOUNDTRACK_DIMENSIONS, splits=SPLITS) -> pd.DataFrame:
    """``what, of, dimension, value, low, high, n`` (clips); see the head."""
    ratings, (x, album), rows = load_soundtracks(root), audio(root), []
    for dimension in dimensions:
        blocks = blocks_of(ratings, dimension)
        values = statistics(blocks, x, album, splits)
        less = [list(statistics(*some, splits).values()) for some in deleted(blocks, x, album)]
        less = np.array(less).reshape(2, GROUPS, -1)
        spread = np.square(less - less.mean(1, keepdims=True)).sum(1) * (GROUPS - 1) / GROUPS
        sd, block = all_sds(blocks)
        draws = with_gains("r2", predicted(sd, x, album, block, RESAMPLES).T)
        spread[0, -len(draws) :] = [draw[1:].var(ddof=1) for draw in draws.values()]
        half = student.ppf(0.975, GROUPS - 1) * np.sqrt(spread.sum(0))
        rows += [
            (*name, dimension, value, value - h, value + h, len(x))
            for (name, value), h in zip(values.items(), half, strict=True)
        ]
    return pd.DataFrame(rows, columns="what of dimension value low high n".split())
