"""Simulated listeners in MUSIFEAST-17's design: numbers of listeners and sets as they are."""

import numpy as np
import who_listens


def listeners(truth, rng, leniency, rest, round_them=False):
    """n, mean, variance of cells (356, 8, 1) around true means (356, 8); see who_listens.cells."""
    sets, n = who_listens.places()[1], who_listens.cells()[0]
    mean, variance = np.empty((356, 8, 1)), np.empty((356, 8, 1))
    for s in range(21):
        kinds = rng.normal(0, leniency, (8, 6))
        for c in np.flatnonzero(sets == s):
            for g in range(8):
                y = truth[c, g] + kinds[g, : n[c, g]] + rng.normal(0, rest, n[c, g])
                y = np.clip(np.rint(y), 1, 5) if round_them else y
                mean[c, g], variance[c, g] = y.mean(), y.var(ddof=1)
    return n, mean, variance
