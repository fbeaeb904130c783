"""Do the ceilings hold where the truth is known? A test that every estimator could fail.

Songs are made with a known distribution of ratings each, panels are drawn, and an estimator
sees only means and SDs, as in DEAM. Three things are known then: the true reliability rho, and
what two oracles score on the very panels that were drawn:

``oracle``      R2 of E[s | song], the best prediction there is;
``oracle_sd``   squared correlation with the true SD of the ratings: what "knowing the truth"
                is worth, whatever the scale.

The three tails: ``light`` is flat with soft shoulders, ``normal`` a normal, rounded and
clipped, ``heavy`` the same with 3% lapses. ``spread`` is the SD of the logarithm of the
songs' latent scale beside a mild dependence on the mean.

Each estimator runs twice: assuming a normal shape (as one must when nothing is known), and
with what was measured on 110 other songs of the same kind with 60 raters each (120 where the
panels have 60), whose means are spread wider: as the film soundtracks are to DEAM.

The part *beyond the mean* has a truth of its own: the variance over songs of what panels of n
show on average after the quadratic in the panel's mean is out, as a share of Var(s).
"""

import hashlib
import json
from functools import partial
from itertools import product
from pathlib import Path

import moments
import numpy as np
import pandas as pd
import rival_latent
import rival_shape
import rival_surrogates
import sd_noise
import side_by_side
from rival_shape import with_lapses
from side_by_side import estimate_ceilings, measure_tails

import mer_utils
from mer_utils.code_digest import digest_of, logic
from mer_utils.data.rating_distribution import rating_probabilities
from mer_utils.data.ratings import quadratic_fit
from mer_utils.paths import cache_dir, write_atomically
from mer_utils.results import versions

TAILS = ("light", "normal", "heavy")
RATERS = (3, 5, 10, 24, 60)
SPREADS = (0.0, 0.1, 0.25)
DEAM_MEANS, WIDE_MEANS = 1.2, 2.4
"""SD of the songs' places before the ends of the scale squeeze it (to about 1.1 and 1.8)."""
_R = np.arange(1.0, 10.0)
DECIDES = (moments, rival_latent, rival_shape, rival_surrogates, sd_noise, side_by_side)
"""Files beside this one that make the numbers; what they use of ``mer_utils`` is looked up."""


def song_probabilities(n_songs, tails, spread, rng, means=DEAM_MEANS) -> np.ndarray:
    """Probabilities of the ratings 1..9 for songs with DEAM-like means, (n_songs, 9)."""
    if tails not in TAILS:
        raise ValueError(f"tails={tails!r} is not one of {', '.join(TAILS)}")
    place = 5 + 3.2 * np.tanh(rng.normal(0, means, n_songs) / 3.2)
    log_scale = np.log(1.75) - 0.01 * (place - 5) ** 2 + spread * rng.normal(size=n_songs)
    scale = np.exp(np.clip(log_scale, np.log(0.7), np.log(3.2)))
    if tails == "light":
        p = np.exp(-((np.abs(_R - place[:, None]) / (1.9 * scale[:, None])) ** 6))
        return p / p.sum(1, keepdims=True)
    return with_lapses(rating_probabilities(place, scale), 0.03 if tails == "heavy" else 0.0)


def draw_statistics(p, n, rng, n_panels=None):
    """Means and SDs (ddof=0) of panels of ``n`` raters: (n_songs,) or (n_panels, n_songs)."""
    size = None if n_panels is None else (n_panels, len(p))
    counts = rng.multinomial(n, p, size)
    mean = counts @ _R / n
    return mean, np.sqrt(np.maximum(counts @ _R**2 / n - mean**2, 0))


def true_reliability(p, n, rng, n_panels=300, told=None):
    """Reliability of the SD over these songs, and E[s | song] (n_songs,), by many panels.

    ``told`` is what a panel's mean tells: then a third value is the share of Var(s) that is
    song when it is taken out.
    """
    means, draws = draw_statistics(p, n, rng, n_panels)

    def parts(values):
        expected, noise = values.mean(0), values.var(0, ddof=1).mean()
        return max(expected.var() - noise / n_panels, 0.0), noise, expected

    between, noise, expected = parts(draws)
    total = between + noise
    if told is None:
        return between / total, expected
    return between / total, expected, parts(draws - told(means))[0] / total


def _other_songs(tails, spread, rng, n_raters=60, n_songs=110):
    p = song_probabilities(n_songs, tails, spread, rng, WIDE_MEANS)
    return np.array([np.repeat(_R, row) for row in rng.multinomial(n_raters, p)])


def one_world(tail, spread, repeat, *, raters, n_songs, n_resamples, seed, skip) -> pd.DataFrame:
    """The rows of :func:`validate_ceilings` for the songs of one world, all numbers of raters."""
    parts = []
    place = [seed, TAILS.index(tail), round(1000 * spread), repeat]
    rng = np.random.default_rng(place)
    p = song_probabilities(n_songs, tail, spread, rng)
    true_sd = np.sqrt(p @ _R**2 - (p @ _R) ** 2)
    for n in raters:
        rng = np.random.default_rng([*place, n])
        others = _other_songs(tail, spread, rng, max(60, 2 * n))
        known = measure_tails(others, "measured", n, n_resamples, repeat)
        mean, sd = (np.round(x, 2) for x in draw_statistics(p, n, rng))
        told = quadratic_fit(mean, sd)
        rho, expected, beyond = true_reliability(p, n, rng, told=told)
        table = estimate_ceilings(
            mean, sd, n, tails=known, kurtoses=(0.0,),
            n_resamples=n_resamples, seed=repeat, skip=skip,
        )  # fmt: skip
        part = table.assign(
            raters=n, tails=tail, spread=spread, repeat=repeat,
            rho=np.where(table["part"].eq("all"), rho, beyond),
            oracle=1 - np.mean((sd - expected) ** 2) / sd.var(),
            oracle_sd=np.corrcoef(sd, true_sd)[0, 1] ** 2,
        )  # fmt: skip
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def kept_folder(how: dict) -> Path:
    """Where the worlds are kept that this code makes with the parameters ``how``."""
    files = [*(module.__file__ for module in DECIDES), __file__]
    code = [Path(file).read_text(encoding="utf-8") for file in files]
    used = digest_of("\n".join(code), Path(mer_utils.__file__).parent)
    text = json.dumps([how, [logic(part) for part in code], used, versions()], sort_keys=True)
    key = hashlib.sha256(text.encode()).hexdigest()[:16]
    return cache_dir() / "studies" / f"ceilings-{key}"


def _kept(path, make) -> pd.DataFrame:
    """The table that ``make()`` makes, or the one from before; a file is whole or not there."""
    if not path.is_file():
        table = make()
        with write_atomically(path) as temporary:
            table.to_parquet(temporary, index=False)
    return pd.read_parquet(path)


def validate_ceilings(
    raters=RATERS,
    tails=TAILS,
    spreads=SPREADS,
    *,
    n_songs: int = 800,
    n_repeats: int = 4,
    n_resamples: int = 100,
    seed: int = 0,
    skip=(),
    keep=False,
) -> pd.DataFrame:
    """Estimates, truth and oracles over a grid of simulated worlds, one row per estimate.

    ``keep``: keep each world in the cache, and read those that are there. So a run that was
    stopped goes on where it was.

    Returns
    -------
    pandas.DataFrame
        ``raters, tails, spread, repeat, rho, oracle, oracle_sd`` and the columns of
        :func:`side_by_side.estimate_ceilings`. ``rho`` is the truth of the row's part.
    """
    how = {"raters": list(raters), "n_songs": n_songs, "n_resamples": n_resamples}
    how |= {"seed": seed, "skip": list(skip)}
    folder, parts = kept_folder(how) if keep else None, []
    for tail, spread, repeat in product(tails, spreads, range(n_repeats)):
        make = partial(one_world, tail, spread, repeat, **how)
        path = folder / f"{tail}-{spread:g}-{repeat}.parquet" if keep else None
        parts.append(_kept(path, make) if keep else make())
    table = pd.concat(parts, ignore_index=True)
    table["shape"] = table["shape"].replace({"kurtosis 0": "normal"})
    table["shape"] = table["shape"].mask(table["shape"].str.startswith("measured"), "measured")
    return table


def _inside(rows, target):
    return rows["low"].le(rows[target]) & rows["high"].ge(rows[target])


BY = ("part", "estimator", "shape", "tails")


def bias_and_coverage(found: pd.DataFrame, by=BY) -> pd.DataFrame:
    """Summary of :func:`validate_ceilings`, one row per group of ``by``.

    ``truth`` and ``estimate`` are averages; ``bias`` is their difference, ``worst`` the largest
    average bias of any world in the group (tails, spread and raters); ``coverage`` and ``oracle``
    the shares of intervals that hold the true reliability and the oracle's R2 (95% is right;
    NaN for the part beyond the mean, which has another oracle).
    """
    rows = found.assign(
        bias=found["value"] - found["rho"],
        coverage=_inside(found, "rho"),
        oracle_inside=_inside(found, "oracle").astype(float).where(found["part"].eq("all")),
    )
    world = ["part", "estimator", "shape", "tails", "spread", "raters"]
    cell = rows.groupby(world)["bias"].mean().reset_index()
    groups, cells = rows.groupby(list(by), sort=False), cell.groupby(list(by), sort=False)
    out = groups[["rho", "value", "bias", "coverage", "oracle_inside"]].mean()
    out["worst"] = cells["bias"].agg(lambda b: b.loc[b.abs().idxmax()])
    out = out.rename(columns={"rho": "truth", "value": "estimate", "oracle_inside": "oracle"})
    return out[["truth", "estimate", "bias", "worst", "coverage", "oracle"]].reset_index()


def judged(table: pd.DataFrame, bias: float = 0.03, least_coverage: float = 0.8) -> pd.DataFrame:
    """Rows of :func:`bias_and_coverage` with ``passes``: may this estimator carry a headline?

    The rule: average bias within ``bias``, and ``least_coverage`` of the intervals hold the truth.
    """
    good = table["bias"].abs().le(bias) & table["coverage"].ge(least_coverage)
    return table.assign(passes=good)


def passes(found: pd.DataFrame, **rule) -> pd.DataFrame:
    """:func:`judged` for the worlds of :func:`validate_ceilings`, over all raters and spreads."""
    return judged(bias_and_coverage(found), **rule)
