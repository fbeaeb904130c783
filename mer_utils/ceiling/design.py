r"""How many raters on how many songs? It depends on what the ratings are for.

The reliability of the SD of n raters is nearly :math:`\rho_n = (n - 1) / (n - 1 + K)`: for normal
ratings the odds of noise to song are right to a share of 0.3 / n. That of their mean is
:math:`\rho_n = n / (n + K)`. :math:`K` is the odds in the smallest panel that has the statistic
(:func:`noise_odds`). Write m for n - 1 or n, and let a song
cost as much as c ratings, whoever rates it. With a budget of B ratings there are
:math:`N = B / (m + a)` songs, where :math:`a = 1 + c` for the SD and :math:`a = c` for the mean.

* **To learn, or to tell methods apart.** A feature that has the correlation r with what panels
  show on average has :math:`r \sqrt{\rho_n}` with a panel. N songs show that with
  :math:`z = r \sqrt{N \rho_n}`. The largest :math:`m / ((m + a)(m + K))` is at
  :math:`m = \sqrt{aK}`: few raters. A difference of two methods' scores shrinks by the same
  :math:`\sqrt{\rho_n}`, and its error by :math:`\sqrt N`; so it is the same number, as long as no
  method scores near 1 against a panel.
* **To measure the ceiling.** The variance of panels is known to a share of :math:`\sqrt{2 / N}`.
  So what is song in it is known to a share of :math:`\sqrt{2 / N} / \rho_n`. The least is at
  :math:`m = (K + \sqrt{K^2 + 8aK}) / 2`, where about half of the variance is song.
* **To know each song.** A reliability of :math:`\rho` takes :math:`m = K \rho / (1 - \rho)`, and
  songs are what is left.

``studies/more_listeners/budget.py`` holds this against simulated listeners.
"""

import numpy as np
import pandas as pd

PURPOSES = ("learn or compare", "measure the ceiling", "know each song")
_OWN = {"sd": 1, "mean": 0}  # raters whom the statistic itself uses up


def noise_odds(reliability, raters, statistic: str = "sd"):
    """K, from the reliability of a panel of this many raters. At least 0; lower is better.

    >>> round(noise_odds(0.12, 10))  # the SD of ten raters, as in MUSIFEAST-17
    66

    Raises
    ------
    ValueError
        A reliability outside (0, 1], too few raters, or a statistic that is not "mean" or "sd".
    """
    reliability = np.asarray(reliability, float)
    if not ((reliability > 0) & (reliability <= 1)).all():
        raise ValueError(f"reliability={reliability} must be above 0 and at most 1")
    return _free(raters, statistic) * (1 - reliability) / reliability


def _free(raters, statistic):
    """m: the number of raters, less those whom the statistic uses up."""
    if statistic not in _OWN:
        raise ValueError(f'statistic must be "mean" or "sd", got {statistic!r}')
    free = np.asarray(raters, float) - _OWN[statistic]
    if not (free > 0).all():
        raise ValueError(f"raters={raters}: the {statistic} needs {_OWN[statistic] + 1} or more")
    return free


def precision(budget, odds, raters, statistic="sd", song_cost=0.0) -> pd.DataFrame:
    """What a budget buys with these numbers of raters per song.

    Parameters
    ----------
    budget : number of ratings, songs counted as ``song_cost`` ratings each
    odds : K of this module
    raters : number or sequence of numbers
    statistic : {"sd", "mean"}

    Returns
    -------
    pandas.DataFrame
        ``raters``; ``songs``; ``reliability``; ``z`` of a signal that is perfect (times r for
        another; higher is better); ``ceiling_error``, standard error of the song's share, as a
        share of itself (lower is better).
    """
    free = _free(np.atleast_1d(raters), statistic)
    if not (budget > 0 and odds >= 0 and song_cost >= 0):
        raise ValueError(f"{budget=} must be positive, {odds=} and {song_cost=} at least 0")
    reliability = free / (free + odds)
    count = np.atleast_1d(raters)
    songs = budget / (count + song_cost)
    found = {"raters": count, "songs": songs, "reliability": reliability}
    found["z"] = np.sqrt(songs * reliability)
    return pd.DataFrame(found | {"ceiling_error": np.sqrt(2 / songs) / reliability})


def design(budget, odds, statistic="sd", song_cost=0.0, wanted=0.7) -> pd.DataFrame:
    """The best number of raters per song, rounded, for each of :data:`PURPOSES`.

    ``wanted`` is the reliability for "know each song". Returns the columns of :func:`precision`
    after ``purpose``. Songs can be fewer than one: then the budget is too small.

    >>> design(17440, 66)["raters"].tolist()
    [9, 69, 155]
    """
    if not 0 < wanted < 1:
        raise ValueError(f"wanted={wanted} must lie between 0 and 1")
    own = _OWN[statistic] if statistic in _OWN else _free(2, statistic)
    a = own + song_cost
    free = np.sqrt(a * odds), (odds + np.sqrt(odds**2 + 8 * a * odds)) / 2
    best = np.maximum(np.rint([*free, odds * wanted / (1 - wanted)]), 1).astype(int) + own
    table = precision(budget, odds, best, statistic, song_cost)
    table.insert(0, "purpose", PURPOSES)
    return table
