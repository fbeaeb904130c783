"""How high could a score of the SD be? Beside each panel of the study, where it can be said.

The highest R2 is the reliability of the judges' SD, and the highest correlation its root.

* MUSIFEAST-17: seen in panels that share nobody, of as many groups as judge
  (:func:`mer_utils.ceiling.listener_groups.measured_ceiling`).
* Film music: seen in panels of ten (``results/ceilings/seen.csv``), stepped up to those who judge.
* DEAM: a bracket without a middle (``results/ceilings/bracket.csv``).
* Simulated: the R2 of the true SD, in the very folds; without an interval.
"""

import numpy as np
import pandas as pd
from song_scores import correction

from mer_utils.ceiling.listener_groups import measured_ceiling, sd_alone
from mer_utils.ceiling.of_data import ALL, ceilings_of
from mer_utils.ceiling.reliability import stepped_up
from mer_utils.results import kept
from mer_utils.scoring.metrics import r2
from mer_utils.scoring.score_table import within_folds

ENDS = ["value", "low", "high"]
GROUPS_THAT_JUDGE = {("all", "same"): 8, ("apart", "held out"): 2, ("few", "same"): 2,
                     ("few", "held out"): 6}  # fmt: skip


def reliability_of(case, panel) -> pd.DataFrame:
    """Highest R2 with the SD of a panel: ``dimension, value, low, high``."""
    if case.data == "musifeast":
        return measured_ceiling(GROUPS_THAT_JUDGE[case.design, panel], sd_alone)
    if case.data == "soundtracks":
        seen = kept("ceilings", "seen").query("data == 'film music' and statistic == 'sd'")
        n = case.judges[panel].counts.sum(-1).mean()
        ends = {end: stepped_up(seen[end].clip(1e-9), seen["raters"], n) for end in ENDS}
        return seen.assign(**ends)
    if case.data == "deam":
        ceilings = ceilings_of(case.design)
        return ceilings[ceilings["part"].eq(ALL)]
    truth, judges = case.judges["truth"].sd, case.judges[panel]
    ours = truth * correction(case, panel) / case.correction
    value = within_folds(r2, case.fold)(judges.sd_of_all, ours)
    table = pd.DataFrame({"dimension": case.dimensions, "value": value})
    return table.assign(low=np.nan, high=np.nan)


def rows(cases) -> pd.DataFrame:
    """``data, design, judges, score, dimension, value, low, high``; scores r2 and spearman."""
    case, parts = cases[0], []
    for panel in case.judges:
        top = reliability_of(case, panel)
        top = top[top["dimension"].isin(case.dimensions)]
        for score, power in (("r2", 1.0), ("spearman", 0.5)):
            ends = {end: top[end].clip(lower=0) ** power for end in ENDS}
            parts.append(top[["dimension"]].assign(judges=panel, score=score, **ends))
    table = pd.concat(parts, ignore_index=True)
    table = table.assign(data=case.data, design=case.design)
    return table[["data", "design", "judges", "score", "dimension", *ENDS]]
