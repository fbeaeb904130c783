"""A score table for claims: every figure that one asks for, all with the same interval."""

import pandas as pd

from mer_utils.scoring.claims import CLAIMS, OURS

BY_KEY = {claim.key: claim for claim in CLAIMS + OURS}


def score_rows(low, high):
    """A score table in which every figure that a claim asks for has this interval."""
    return pd.DataFrame(
        {
            "loss": loss,
            "method": method,
            "target": claim.target,
            "score": claim.score,
            "dimension": dimension,
            "value": (low + high) / 2,
            "low": low,
            "high": high,
        }
        for claim in CLAIMS + OURS
        for loss, method in claim.cells
        for dimension in ("valence", "arousal")
    ).drop_duplicates(["loss", "method", "target", "score", "dimension"])
