"""What a panel of listeners said, and what a method predicts of a single rating; model space."""

from typing import NamedTuple

import numpy as np


class Listeners(NamedTuple):
    """Moments (n, D; ddof=0), histograms (n, D, K; sum 1), and covariances (n, D, D) or None."""

    mean: np.ndarray
    sd: np.ndarray
    frequencies: np.ndarray
    covariance: np.ndarray | None = None


class Predicted(NamedTuple):
    """Moments of a single rating (n_members, n, D); ``p`` (n_members, n, D, K) or None."""

    mu: np.ndarray
    sigma: np.ndarray
    p: np.ndarray | None = None
