"""What the draws of ``power.py`` say: power curves, smallest shares, two protocols compared.

The rate of detections against the share is a method's power curve; at a share of 0 it is its
rate of false alarms. Intervals over songs are too narrow under cross-validation for some methods
(``cv_intervals.py``), so :func:`derived_tables` widens them first, each method's by its own factor.
"""

import numpy as np
import pandas as pd
from scipy.stats import binomtest, t
from sklearn.isotonic import IsotonicRegression

from mer_utils.controls.methods import METHODS
from mer_utils.scoring.intervals import widened

POWER = 0.8


def detection_rates(draws: pd.DataFrame) -> pd.DataFrame:
    """Rate of detections for each method and share.

    Parameters
    ----------
    draws : pandas.DataFrame
        Tables of :func:`power.one_draw` below each other.

    Returns
    -------
    pandas.DataFrame
        ``method, share, n, rate, low, high, correlation, with_truth``: Wilson's 95% interval
        for the rate, and the average correlations with the raters' and the true SD. The two
        dimensions of a draw have separate signals and count as two trials; they share a
        network, so the intervals are a little too narrow.
    """
    rows = []
    for (method, share), part in draws.groupby(["method", "share"], sort=False):
        seen = part[part["against"].eq("raters")]
        if method not in METHODS or seen.empty:
            continue
        test = binomtest(int(seen["detected"].sum()), len(seen))
        interval = test.proportion_ci(method="wilson")
        truth = part[part["against"].eq("truth")]["value"]
        rows.append(
            {
                "method": method,
                "share": share,
                "n": len(seen),
                "rate": test.statistic,
                "low": interval.low,
                "high": interval.high,
                "correlation": seen["value"].mean(),
                "with_truth": truth.mean(),
            }
        )
    return pd.DataFrame(rows)


def crossing(share, rate, power: float = POWER) -> float:
    """Smallest share at which the rate reaches ``power``; ``inf`` if it never does.

    The rates are first made to rise (isotonic regression, equal weights), then joined by
    straight lines.
    """
    order = np.argsort(share)
    share, rate = np.asarray(share, float)[order], np.asarray(rate, float)[order]
    rising = IsotonicRegression().fit_transform(share, rate)
    if rising[-1] < power - 1e-12:
        return np.inf
    k = int(np.argmax(rising >= power - 1e-12))
    if k == 0:
        return float(share[0])
    step = (power - rising[k - 1]) / (rising[k] - rising[k - 1])
    return float(share[k - 1] + step * (share[k] - share[k - 1]))


def smallest_share(draws, power: float = POWER, n_resamples: int = 1000, seed: int = 0):
    """Smallest share of explainable disagreement that each method detects with ``power``.

    Returns
    -------
    pandas.DataFrame
        ``method, share, low, high``: a 95% bootstrap interval over draws (drawn anew within
        each share, both dimensions together). ``inf``: not reached within the shares tried.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for method in METHODS:
        seen = draws[draws["method"].eq(method) & draws["against"].eq("raters")]
        if seen.empty:
            continue
        by_draw = seen.groupby(["share", "draw"])["detected"].mean()
        cells = {share: part.to_numpy() for share, part in by_draw.groupby(level="share")}
        shares = sorted(cells)

        def curve(pick, shares=shares, cells=cells):
            return crossing(shares, [pick(cells[share]) for share in shares], power)

        value = curve(np.mean)
        again = [curve(lambda c: rng.choice(c, len(c)).mean()) for _ in range(n_resamples)]
        low, high = np.quantile(again, [0.025, 0.975], method="inverted_cdf")
        rows.append({"method": method, "share": value, "low": low, "high": high})
    return pd.DataFrame(rows)


def share_on(ceilings: pd.DataFrame, draws: pd.DataFrame, **options) -> pd.DataFrame:
    """Smallest detectable share of what *can* be explained on a data set with these ceilings.

    A perfect model of a share f of the true disagreement has a squared correlation of f rho
    with the raters' SD, where rho is the reliability: what a method must notice is f rho. The
    draws say how much that is: their smallest share times their own reliability (the squared
    correlation of their true SD with their raters' SD). On data whose reliability is lower, the
    same f rho is a larger share. (Draws hold rank correlations, which stand for Pearson's here:
    they are a little lower, so shares come out a little too small.)

    Parameters
    ----------
    ceilings : pandas.DataFrame
        ``dimension, value, low, high`` of the reliability. Where only a bracket is known,
        ``value`` is missing; then so is ``share``, and ``low`` and ``high`` are the answer.
    draws : pandas.DataFrame
        As in :func:`smallest_share`; ``options`` too.

    Returns
    -------
    pandas.DataFrame
        ``method, dimension, share, low, high``: the interval takes the ends of both others, so
        it is wide. Above 1 not even perfect features would be noticed; ``inf`` where the method
        notices nothing, or the ceiling may be 0.
    """
    smallest = smallest_share(draws, **options).set_index("method")
    truth = draws[draws["method"].eq("truth") & draws["against"].eq("raters")]
    own = (truth.groupby("dimension")["value"].mean() ** 2).to_dict()
    rows = []
    for method, found in smallest.iterrows():
        for row in ceilings.itertuples():
            ends = ((found["share"], row.value), (found["low"], row.high), (found["high"], row.low))
            shares = [np.inf if rho <= 0 else f * own[row.dimension] / rho for f, rho in ends]
            rows.append((method, row.dimension, *shares))
    return pd.DataFrame(rows, columns=["method", "dimension", "share", "low", "high"])


def agreement(quick: pd.DataFrame, paper: pd.DataFrame) -> pd.DataFrame:
    """The same draws under two protocols: what the quick one changes.

    Returns
    -------
    pandas.DataFrame
        ``method, n, quick, paper, difference, low, high``: average correlation with the
        raters' SD, and their difference (quick minus paper) with a 95% t interval over pairs.
    """
    keys = ["share", "draw", "method", "dimension"]
    tables = (quick, paper)
    both = [table[table["against"].eq("raters")].set_index(keys)["value"] for table in tables]
    pairs = pd.concat(both, axis=1, keys=["quick", "paper"], join="inner").reset_index()
    rows = []
    for method in METHODS:
        part = pairs[pairs["method"].eq(method)]
        if len(part) < 2:
            continue
        gap = part["quick"] - part["paper"]
        half = t.ppf(0.975, len(gap) - 1) * gap.std(ddof=1) / np.sqrt(len(gap))
        rows.append(
            {
                "method": method,
                "n": len(part),
                "quick": part["quick"].mean(),
                "paper": part["paper"].mean(),
                "difference": gap.mean(),
                "low": gap.mean() - half,
                "high": gap.mean() + half,
            }
        )
    return pd.DataFrame(rows)


def factors(nulls: pd.DataFrame) -> dict[str, float]:
    """How many times as wide each method's intervals should be, for the first seed alone.

    ``nulls`` is the table of :func:`cv_intervals.null_intervals`; power asks for rank correlations.
    Never below 1: what only the luck of the draws makes narrower stays as it is.
    """
    part = nulls[nulls["score"].eq("spearman")].sort_values("n_seeds").groupby("method").head(1)
    return {row.method: max(1.0, row.ratio) for row in part.itertuples()}


def honest_power(draws: pd.DataFrame, factor: dict[str, float]) -> pd.DataFrame:
    """Draws judged by intervals ``factor[method]`` times as wide (1 for the truth itself)."""
    draws = widened(draws, draws["method"].map(factor).fillna(1.0))
    return draws.assign(detected=draws["low"] > 0)


def derived_tables(draws, protocols, worlds, nulls, ceilings) -> dict[str, pd.DataFrame]:
    """The small tables that follow from the draws; nothing is trained.

    Parameters
    ----------
    draws, protocols, worlds : pandas.DataFrame
        Draws of :func:`power.one_draw`: all of them, some of them under the paper's protocol, and
        those in worlds that look like DEAM (with a column ``world``).
    nulls : pandas.DataFrame
        As in :func:`factors`.
    ceilings : pandas.DataFrame
        As in :func:`share_on`.

    Returns
    -------
    dict of str -> pandas.DataFrame
        ``power_rates`` and ``world_rates`` (:func:`detection_rates`; the latter with the share of
        the raters' SD that is true, ``ceiling``), ``smallest`` (:func:`smallest_share`),
        ``smallest_on`` (:func:`share_on`) and ``agreement`` (:func:`agreement`).
    """
    known = factors(nulls)
    honest = honest_power(draws, known)
    rates = []
    for world, part in honest_power(worlds, known).groupby("world", sort=False):
        best = part[part["method"].eq("truth") & part["against"].eq("raters")]["value"]
        rates.append(detection_rates(part).assign(ceiling=(best**2).mean()))
        rates[-1].insert(0, "world", world)
    return {
        "power_rates": detection_rates(honest),
        "world_rates": pd.concat(rates, ignore_index=True),
        "smallest": smallest_share(honest),
        "smallest_on": share_on(ceilings, honest),
        "agreement": agreement(honest, protocols),
    }
