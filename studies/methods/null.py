"""Where nothing is to be found: how often is something found, and how wide must intervals be?

One draw of the *absent* world (:mod:`simulated_panels`) is new listeners, new true SDs without
relation to the clips' embeddings or means, new folds; every method is trained anew, few epochs and
one seed.

``factor`` is the spread of a score over draws, divided by its average bootstrap error in the same
draws: a bootstrap keeps the trained models, so it leaves out what other training data would have
done. ``alarms`` is the share of 95% intervals (after the factor) that promise a gain; at most 2.5%
may, by chance, where nobody can be better (:func:`out_of`).
"""

from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
import pandas as pd
from cases import world
from fits import fit, possible
from judge import REFERENCES, all_together, difference_rows, reach, score_rows, weights_of
from scipy.stats import binomtest
from tqdm import tqdm

DRAWS, EPOCHS, SEEDS = 32, 30, 1
KEY = ["method", "score", "against"]
SCORES = ("crps_spread", "log_spread", "dss_spread", "crps_own", "dss_own")
"""Of the differences: all that any data set compares."""
NOTHING, TRUE_SCORE = "constant", "crps_own"
"""Who cannot be beaten where nothing is to be found, and in which score: see :func:`out_of`."""


def draw(k: int, epochs=EPOCHS, names=None) -> pd.DataFrame:
    """One draw: ``method, score, against, dimension, value, error``."""
    case = world("absent", k)
    names = possible(case) if names is None else names
    fits = [{name: fit(case, name, SEEDS, epochs) for name in names}]
    weights = weights_of([case], 200, seed=k)
    found = all_together([case], fits)
    gaps = difference_rows(
        [case], fits, weights=weights, scores=SCORES, references=(NOTHING, *REFERENCES),
        found=found,
    )  # fmt: skip
    own = score_rows([case], fits, weights=weights, found=found)
    own = own[own["judges"].eq("held out") & own["score"].isin(["spearman", "r2"])]
    rows = pd.concat([gaps, own.assign(against="")], ignore_index=True)
    rows["error"] = (rows["high"] - rows["low"]) / (2 * reach(case))
    rows["reach"] = reach(case)
    return rows[[*KEY, "dimension", "value", "error", "reach"]].assign(draw=k)


def draws(n=DRAWS, epochs=EPOCHS, names=None, jobs=1) -> pd.DataFrame:
    """All draws below each other; ``jobs`` processes share them."""
    one = partial(draw, epochs=epochs, names=names)
    with ProcessPoolExecutor(jobs) as pool:
        return pd.concat(tqdm(pool.map(one, range(n)), "no signal", total=n, unit="draw"))


def factors(table: pd.DataFrame) -> pd.DataFrame:
    """Factors and alarms: ``method, score, against, factor, low, high, gain, alarms, out, n``.

    ``low`` and ``high`` are a 95% interval of the factor (chi-squared, dimensions as independent
    draws). ``gain``: mean over draws, of what is better there. ``alarms``: share of intervals that
    promise a gain; of a correlation or an R2, one above 0.
    """
    rows = []
    for place, part in table.dropna(subset="value").groupby(KEY, sort=False):
        spread = np.sqrt(part.groupby("dimension")["value"].var(ddof=1).mean())
        ratio = spread / np.sqrt((part["error"] ** 2).mean())
        n = len(part)
        ends = ratio * np.exp(np.array([-1.96, 1.96]) / np.sqrt(2 * n))
        better = -part["value"] if place[2] else part["value"]
        found = int((better > part["reach"] * max(1.0, ratio) * part["error"]).sum())
        out = binomtest(found, n).proportion_ci(method="wilson").low > 0.025
        rows.append((*place, ratio, *ends, better.mean(), found / n, bool(out), n))
    names = [*KEY, "factor", "low", "high", "gain", "alarms", "out", "n"]
    return pd.DataFrame(rows, columns=names)


def out_of(table: pd.DataFrame) -> set:
    """Methods that find a gain where there is none: out, by the rules.

    A gain on a *constant*, around the listeners' own mean. There nobody can be better but by
    chance: SDs were drawn without looking at the clip, and the score is proper. On *mean only* a
    gain is real, as its curve is fitted to noise; and around a *predicted* mean, too: some methods
    know where that mean is wrong.
    """
    rows = table[table["against"].eq(NOTHING) & table["score"].eq(TRUE_SCORE)]
    return set(rows.loc[rows["out"].astype(bool), "method"])
