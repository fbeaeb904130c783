"""How far raters agree: the variances that single ratings are made of, and reliability.

Notebook 00 makes intraclass correlations of the variances, and sets Krippendorff's alpha and the
correlation of two halves of the raters beside them.
"""

import numpy as np


def variance_components(value, song, rater) -> dict[str, float]:
    """Split the variance of single ratings into song + rater + residual.

    Model: rating = grand mean + song + rater + residual, all three random and independent.
    Songs may have different numbers of raters, raters different numbers of songs, and most
    cells may be empty: Henderson's method 1 (Henderson 1953) equates four sums of squares
    with their expectations and solves. It is unbiased, equals the textbook analysis of
    variance where the table is full, and can come out slightly below 0 where the truth is 0.
    ``residual`` holds taste (song x rater) and noise, which one rating per cell cannot part.
    The residual variance may differ between songs; then it is their average.

    Parameters
    ----------
    value, song, rater : array_like, (n_ratings,)
        Ratings on any scale; songs and raters by number or name.

    Returns
    -------
    dict
        ``song``, ``rater`` and ``residual``: variances, in the square of the rating scale.

    Raises
    ------
    ValueError
        A rater rated a song twice, fewer than 2 songs, no song with 2 raters, or a design in
        which songs and raters cannot be told apart (e.g. every rater rated one song only).
    """
    value = np.asarray(value, dtype=float)
    song = np.unique(np.asarray(song), return_inverse=True)[1]
    rater = np.unique(np.asarray(rater), return_inverse=True)[1]
    if len(np.unique(song * (rater.max() + 1) + rater)) < len(value):
        raise ValueError("a rater rated a song twice: keep one rating per song and rater")
    per_song, per_rater = np.bincount(song), np.bincount(rater)
    n, a, b = len(value), len(per_song), len(per_rater)
    if a < 2 or n == a:
        raise ValueError(f"agreement needs 2 songs and 2 raters on some song; got {a} songs")
    value = value - value.mean()  # does not change the components, keeps the sums exact
    total = np.sum(value**2)
    between = np.sum(np.bincount(song, value) ** 2 / per_song)
    by_rater = np.sum(np.bincount(rater, value) ** 2 / per_rater)

    expected = np.array(  # of the sums of squares; columns: n mu^2, song, rater, residual
        [
            [1, n, n, n],
            [1, n, a, a],
            [1, b, n, b],
            [1, np.sum(per_song**2) / n, np.sum(per_rater**2) / n, 1],
        ]
    )
    if np.linalg.matrix_rank(expected) < 4:
        raise ValueError("songs and raters cannot be told apart: raters need several songs each")
    _, song_part, rater_part, residual = np.linalg.solve(expected, [total, between, by_rater, 0.0])
    return {"song": song_part, "rater": rater_part, "residual": residual}


def spearman_brown(r, factor: float = 2.0):
    """Reliability with ``factor`` times as many raters, from the reliability ``r`` now (0 to 1).

    >>> float(spearman_brown(0.5))
    0.6666666666666666
    """
    r = np.asarray(r, dtype=float)
    return factor * r / (1 + (factor - 1) * r)
