"""The ceiling of MUSIFEAST-17, seen and not modelled: disjoint panels of listeners.

The eight groups of listeners share nobody (:mod:`mer_utils.data.musifeast`). So for any two unions
A and B without a common group, with a statistic t of each,

    rho_n = Cov(t_A, t_B) / Var(t)

is the reliability of t for panels of that size, which is the highest R2 that a prediction can
reach (:mod:`mer_utils.ceiling.of_data`). It is averaged over all such pairs of unions. Panels of
two groups (7 to 10 listeners) and of four (about 17) can be seen. All eight cannot: no clip has
two panels of 34. There the noise of four groups is carried to eight:
:func:`mer_utils.ceiling.reliability.stepped_up`.

Two limits. (1) Disjoint panels share no *group*. What belongs to a clip for one kind of listener
only counts as accident here, though another panel of the same eight groups would show it again, and
a model taught by these groups can learn it. So the step reads too low if each group has clips of
its own that divide it; the tests simulate both cases. (2) Clips of a set share their listeners
(:func:`mer_utils.data.musifeast.listening_sets`). So the interval draws whole sets: other clips and
other people of the same kinds.
"""

from itertools import combinations

import numpy as np
import pandas as pd

from mer_utils.ceiling.reliability import Panels, interval, stepped_up
from mer_utils.data.dataset import DIMENSIONS
from mer_utils.data.musifeast import GROUPS, listening_sets, panel
from mer_utils.scoring.intervals import resample_counts


def pairs_of_panels(k: int, statistic, dimensions=DIMENSIONS) -> list[Panels]:
    """A statistic of all pairs of disjoint panels of ``k`` groups, one item per dimension.

    Parameters
    ----------
    k : 1 to 4
    statistic : function of (mean, sd), each (n_clips,) on the scale 1-5, to (n_clips,)

    Returns
    -------
    list of :class:`mer_utils.ceiling.reliability.Panels`, (n_pairs, n_clips)
    """
    unions = list(combinations(GROUPS, k))
    of_union = {}
    for groups in unions:
        found = panel(groups, dimensions)
        of_union[groups] = [statistic(m, s) for m, s in zip(found.mean.T, found.sd.T, strict=True)]
    pairs = [(a, b) for a, b in combinations(unions, 2) if not set(a) & set(b)]
    sides = (np.array([of_union[pair[side]] for pair in pairs]) for side in (0, 1))
    return [Panels(*both) for both in zip(*(np.moveaxis(s, 1, 0) for s in sides), strict=True)]


def sd_alone(mean, sd):
    """The SD as it is."""
    return sd


def mean_alone(mean, sd):
    """The mean as it is."""
    return mean


def sd_beyond_mean(mean, sd):
    """What a quadratic in the panel's own mean leaves of its SD."""
    return sd - np.polynomial.Polynomial.fit(mean, sd, 2)(mean)


def measured_ceiling(n_groups: int, statistic, *, n_resamples=500) -> pd.DataFrame:
    """Reliability of a statistic for panels of ``n_groups`` groups: 1 to 4 as seen, 8 by one step.

    Returns
    -------
    pandas.DataFrame
        ``dimension, n, value, low, high``; ``n`` is the average number of listeners. The 95%
        interval is over listening sets.
    """
    seen = n_groups if n_groups <= 4 else 4
    n, all_n = (panel(GROUPS).n.mean() * k / len(GROUPS) for k in (seen, n_groups))
    rows, (sets, place) = [], np.unique(listening_sets(), return_inverse=True)
    for dimension, panels in zip(DIMENSIONS, pairs_of_panels(seen, statistic), strict=True):
        weights = resample_counts(len(sets), n_resamples)[:, place]
        found = [panels.reliability(), *interval(panels.reliability(weights))]
        if n_groups > seen:
            found = [stepped_up(max(rho, 1e-9), n, all_n) for rho in found]
        rows.append((dimension, all_n, *found))
    return pd.DataFrame(rows, columns=["dimension", "n", "value", "low", "high"])
