"""The next listener: are predicted distributions calibrated, and how sharp are they?"""

import numpy as np
import pandas as pd

from mer_utils.methods.registry import METHODS
from mer_utils.scoring import next_listener

BINS = 10


def rows(cases, fits) -> pd.DataFrame:
    """One row per method, judges and dimension.

    ``inside``, ``promised``: observed and promised share in central 80% intervals; ``width`` in
    rating points; ``sharpness``: mean predicted SD, in rating points; ``pit_1`` to ``pit_10``:
    heights of the PIT histogram, 1 if calibrated. Averages over seeds, turns and songs.
    """
    out = []
    for panel, judges in cases[0].judges.items():
        if judges.counts is None:
            continue
        for name in fits[0]:
            found = []
            for case, fit in zip(cases, fits, strict=True):
                p = fit[name].predicted.probabilities(case.n_levels)
                counts = case.judges[panel].counts
                inside, promised, width = next_listener.coverage(p, counts)
                parts = [inside, promised, width * case.half_range]
                parts.append(fit[name].predicted.sigma * case.half_range)
                pit = next_listener.pit_histogram(p, counts, BINS).mean(0)
                found.append(np.vstack([*(part.mean((0, 1)) for part in parts), pit.T]))
            average = np.mean(found, axis=0)
            for d, dimension in enumerate(cases[0].dimensions):
                out.append((name, METHODS[name].family, panel, dimension, *average[:, d]))
    pits = [f"pit_{k + 1}" for k in range(BINS)]
    names = ["method", "family", "judges", "dimension", "inside", "promised", "width", "sharpness"]
    table = pd.DataFrame(out, columns=[*names, *pits])
    table.insert(0, "data", cases[0].data)
    table.insert(1, "design", cases[0].design)
    return table
