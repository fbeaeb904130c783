r"""What does each method's uncertainty estimate? Derivations, and checks that could fail.

Let a song with features :math:`x` have the true mean :math:`\theta` and the true SD
:math:`\sigma(x)`, and let :math:`n` raters give it the mean rating :math:`m` and the SD
:math:`s` (ddof=0). The features leave an error :math:`\tau^2 = \operatorname{Var}(\theta | x)`
in the best prediction of :math:`\theta`. Minimise the expected loss at :math:`x`, first over
:math:`\hat\mu`, which gives :math:`\mathrm E[m | x]` every time, then over :math:`\hat\sigma`:

MSE
    :math:`\hat\sigma = \mathrm E[s]`, about :math:`\sigma\sqrt{(n-1)/n}`.
KLD
    :math:`\hat\sigma^2 = \mathrm E[s^2] + \mathrm E[(m - \hat\mu)^2]
    = \sigma^2 \frac{n-1}{n} + \tau^2 + \frac{\sigma^2}{n} = \sigma^2 + \tau^2`,
    whatever the number of raters. The reason: up to a term without the head, it *is* the
    average Gaussian NLL of the single ratings (:func:`gradient_gap`).
NLL
    :math:`\hat\sigma^2 = \mathrm E[(m - \hat\mu)^2] = \tau^2 + \sigma^2/n`: the error of the
    model and the error of the label. With many raters, nothing about them is left.

The spread of a seed ensemble or of dropout passes is a property of the *means* that were
learned. If raters spread out more and the means stay the same, it has no way to know. It
shrinks as songs are added, though not to 0: what is left of the seeds' spread is the noise of
the optimiser, and what is left of dropout's is the noise of its masks.

Everything here is in model space and made for the purpose: Gaussian ratings without a scale's
ends, so that the formulas are exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from scipy.special import gammaln
from scipy.stats import chi2

from mer_utils.heads import forward
from mer_utils.losses import kld, nll
from mer_utils.metrics import spearman
from mer_utils.sampling import aggregate, mc_dropout
from mer_utils.spread import typical_spread
from mer_utils.training import Protocol, train_stack

TAU = 0.12
N_FEATURES = 12


@dataclass(frozen=True, eq=False)
class Toy:
    """Songs whose every moment is known; ``x`` is (n_songs, 12), the rest (n_songs, 2)."""

    x: np.ndarray
    mean: np.ndarray  # of the raters
    sd: np.ndarray  # of the raters, ddof=0
    sigma: np.ndarray  # true SD of a rating

    def labels(self, rows):
        """``(x, mean, sd)`` of some songs, as :func:`mer_utils.training.train_stack` takes."""
        return self.x[rows], self.mean[rows], self.sd[rows]


def toy_songs(n_songs: int, n_raters: int, *, noise=1.0, tau=TAU, seed=0) -> Toy:
    """Gaussian ratings with a true mean and a true SD that depend on different features.

    The true SD runs from 0.1 to 0.3 times ``noise``. The random numbers do not depend on
    ``n_raters`` and ``noise``: songs with four times the raters and twice the noise have the
    *same* mean ratings.
    """
    rng = np.random.default_rng([seed, 40])
    x = rng.uniform(-np.sqrt(3), np.sqrt(3), (n_songs, N_FEATURES))  # mean 0, SD 1
    sigma = noise * (0.2 + 0.1 * x[:, 2:4] / np.sqrt(3))
    theta = 0.15 * x[:, :2] + tau * rng.normal(size=(n_songs, 2))
    mean = theta + sigma / np.sqrt(n_raters) * rng.normal(size=(n_songs, 2))
    quantile = rng.uniform(size=(n_songs, 2))
    sd = sigma * np.sqrt(chi2.ppf(quantile, n_raters - 1) / n_raters)
    return Toy(x.astype(np.float32), mean, sd, sigma)


def expected_sd(sigma, n_raters):
    """Expected SD (ddof=0) of ``n_raters`` Gaussian ratings with SD ``sigma``."""
    n = np.asarray(n_raters, float)
    return sigma * np.sqrt(2 / n) * np.exp(gammaln(n / 2) - gammaln((n - 1) / 2))


def target_variance(loss: str, sigma, n_raters, tau=TAU):
    """The variance that a loss asks for; derived at the head of this module."""
    if loss == "mse":
        return expected_sd(sigma, n_raters) ** 2
    if loss == "kld":
        return sigma**2 + tau**2
    if loss == "nll":
        return tau**2 + sigma**2 / n_raters
    raise ValueError(f"no formula for the loss {loss!r}: mse, kld or nll")


def learned_variance(
    losses=("mse", "kld", "nll"), raters=(3, 10, 60), *, n_songs=4000, epochs=25, seed=0
) -> pd.DataFrame:
    """Train heads on toy songs and compare what they predict with what was derived.

    Without dropout, whose noise would count as model error.

    Returns
    -------
    pandas.DataFrame
        ``loss, n_raters, learned, derived, raters, ratio, rank``: predicted variance,
        :func:`target_variance` and the raters' true variance, averaged over test songs;
        learned over derived; and the rank correlation of predicted and true SD.
    """
    protocol = Protocol(epochs=epochs, batch_size=64, hidden=48, dropout=0.0)
    train, validate, test = np.split(np.arange(n_songs), [n_songs // 2, 3 * n_songs // 4])
    rows = []
    for n_raters in raters:
        songs = toy_songs(n_songs, n_raters, seed=seed)
        for loss in losses:
            stack = train_stack(
                songs.labels(train),
                songs.labels(validate),
                loss=loss,
                seeds=[seed, seed + 1],
                protocol=protocol,
            )
            with torch.no_grad():
                sigma = forward(stack.weights, torch.from_numpy(songs.x[test]))[1].numpy()
            derived = target_variance(loss, songs.sigma[test], n_raters)
            row = {"loss": loss, "n_raters": n_raters, "learned": (sigma**2).mean()}
            row |= {"derived": derived.mean(), "raters": (songs.sigma[test] ** 2).mean()}
            row |= {"ratio": row["learned"] / row["derived"]}
            rows.append(row | {"rank": spearman(songs.sigma[test], sigma).mean()})
    return pd.DataFrame(rows)


def spreads(
    sizes=(50, 200, 800), *, noise=2.0, loss="mse", n_seeds=8, epochs=80, seed=0
) -> pd.DataFrame:
    """Seed and dropout spread as the training set grows, and as raters spread out more.

    All sizes have ten raters a song and a ``noise`` of 1. One more row repeats the middle size
    with ``noise`` k and ``10 * k**2`` raters: the mean ratings, and so the error of the mean,
    stay exactly as they were.

    Returns
    -------
    pandas.DataFrame
        ``n_train, noise, seed_spread, error, dropout_spread, predicted, raters``:
        root mean squares over the same 500 test songs, of the spread over seeds, the predicted
        SD and the true SD; ``error`` is the jackknife standard error of the seed spread.
    """
    rows = []
    for size, k in [(n, 1.0) for n in sizes] + [(sizes[len(sizes) // 2], noise)]:
        songs = toy_songs(max(sizes) + 1000, round(10 * k**2), noise=k, seed=seed)
        test, validate = np.arange(500), np.arange(500, 1000)
        seeds = range(seed, seed + n_seeds)
        stack = train_stack(
            songs.labels(np.arange(1000, 1000 + size)),
            songs.labels(validate),
            loss=loss,
            seeds=seeds,
            protocol=Protocol(epochs=epochs),
        )
        x = songs.x[test]
        with torch.no_grad():
            mu, sigma = (v.numpy() for v in forward(stack.weights, torch.from_numpy(x)))
        row = {"n_train": size, "noise": k}
        row["seed_spread"], row["error"] = typical_spread(mu)
        dropout = aggregate(*mc_dropout(stack.weights, x, passes=15, seeds=seeds)).spread
        for name, v in (("dropout_spread", dropout), ("predicted", sigma)):
            row[name] = root_mean_square(v)
        rows.append(row | {"raters": root_mean_square(songs.sigma[test])})
    return pd.DataFrame(rows)


def root_mean_square(values) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def gradient_gap(ratings, mu, sigma) -> float:
    """Largest difference of two gradients: KLD on (mean, SD), and rater-level Gaussian NLL.

    Parameters
    ----------
    ratings : array, (n_raters, n_songs, 2), model space
    mu, sigma : arrays, (n_songs, 2)
        The point at which both gradients are taken, by autograd in double precision.

    Returns
    -------
    float
        0 but for rounding, as long as no song's SD is below the floor of
        :data:`mer_utils.losses.SD_FLOOR`.
    """
    ratings = torch.as_tensor(np.asarray(ratings, float))
    mean, sd = ratings.mean(0), ratings.std(0, correction=0)

    def gradients(loss):
        point = [torch.tensor(np.asarray(v, float), requires_grad=True) for v in (mu, sigma)]
        return torch.cat(torch.autograd.grad(loss(*point).sum(), point))

    of_kld = gradients(lambda m, s: kld(m, s, mean, sd))
    of_nll = gradients(lambda m, s: nll(m, s, ratings).mean(0))
    return float((of_kld - of_nll).abs().max())
