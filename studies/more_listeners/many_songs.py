"""Any number of simulated songs, and panels of simulated listeners who rate them.

:func:`mer_utils.data.simulate.simulate_songs` makes 1,744 songs at most. Here several lots of them
are put together; features are a bent, noisy mixture of the songs' factors, one for all lots.
"""

from dataclasses import replace

import numpy as np

from mer_utils.data.simulate import Songs, draw_ratings, simulate_songs

LOT = 1744


def many_songs(n_songs: int, seed=0, n_features=64, disagreement="deam_like") -> Songs:
    """Simulated songs with their truth; ``features`` is (n_songs, n_features)."""
    lots = [
        simulate_songs(disagreement, LOT, 1000 * seed + k, 1) for k in range(-(-n_songs // LOT))
    ]
    rng = np.random.default_rng([seed, 21])
    rows = rng.permutation(LOT * len(lots))[:n_songs]
    arrays = ("artist", "genre", "factors", "true_mean", "true_sd", "loc", "scale")
    whole = {name: np.concatenate([getattr(lot, name) for lot in lots])[rows] for name in arrays}
    factors = whole["factors"]
    mix = rng.normal(size=(factors.shape[1], n_features)) / np.sqrt(factors.shape[1])
    noise = lots[0].constants.embedding_noise * rng.normal(size=(n_songs, n_features))
    features = (np.tanh(factors @ mix) + noise).astype(np.float32)
    return replace(lots[0], song_id=np.arange(n_songs), features=features, **whole)


def some(songs: Songs, rows) -> Songs:
    """These songs alone, numbered anew."""
    arrays = {k: v[rows] for k, v in vars(songs).items() if isinstance(v, np.ndarray)}
    return replace(songs, **arrays | {"song_id": np.arange(len(arrays["song_id"]))})


def panels(songs: Songs, n_raters: int, seed: int):
    """Mean and SD (ddof=1) of a panel for each song, (n_songs, 2) each, in model space."""
    by_song = draw_ratings(songs, n_raters, seed).drop(columns="rater").groupby("song_id")
    return (by_song.mean().to_numpy() - 5) / 4, by_song.std(ddof=1).to_numpy() / 4
