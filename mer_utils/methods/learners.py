r"""Can an ordinary learner predict how much listeners disagree? No network here.

Each fit has one signature, ``fit(x, listeners, split, seeds, protocol) -> Predicted``:

``x``         (n, d), standardised on ``split.train``
``listeners`` mean and SD (n, D) and histogram (n, D, K) of the panel, in model space
``seeds``     only the forests use it, and only the first
``protocol``  of the networks; not used

They learn from ``split.train`` and ``split.validation`` together: nothing here stops early, and
inner cross-validation chooses what there is to choose. They predict all n songs, with a member
axis of 1; on songs they learnt from, the prediction has seen the answer.

**They differ in the spread alone.** The predicted mean is the same for all, a ridge regression on
the listeners' mean (:func:`mean_ridge`). The exception is :func:`quantile_forest`, which predicts
a whole distribution and so has a mean of its own.

**What is possible.** Ratings in [-1, 1] with mean m have an SD of at most
:math:`\sqrt{(1 - m)(1 + m)}` (Bhatia and Davis, 2000). A predicted mean is moved to within
:data:`FURTHEST` of 0, a predicted SD between :data:`mer_utils.model.losses.SD_FLOOR` and that
bound at the predicted mean. Few predictions meet an end; but a logarithmic score forgives none.
"""

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import GammaRegressor, RidgeCV
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict

from mer_utils.methods.listeners import Predicted, moments_of
from mer_utils.model.losses import SD_FLOOR

PENALTIES = np.logspace(1, 5, 17)
"""Of ridge on standardised features; leave-one-out error chooses one for each dimension."""
GAMMA_PENALTIES = np.logspace(-1, 2, 7)
"""Of the gamma regression, whose loss is a mean over songs; five folds choose one."""
TREES = {"n_estimators": 120, "min_samples_leaf": 8, "max_features": 0.3, "n_jobs": 1}
INNER = KFold(5, shuffle=True, random_state=0)
FURTHEST = 0.99


def mean_ridge():
    """Ridge regression whose penalty is chosen inside the songs that it learns from."""
    return RidgeCV(PENALTIES, alpha_per_target=True)


def _taught(x, split):
    """The features as float64 and the rows to learn from, in increasing order."""
    return np.asarray(x, np.float64), np.sort(np.r_[split.train, split.validation])


def _inside(mu):
    return np.clip(mu, -FURTHEST, FURTHEST)


def _means(x, listeners, rows, out_of_fold=False):
    r"""Predicted means (n, D); if asked, those of ``rows`` by ridges that had not seen the song.

    A curve from mean to SD must be learnt from means as wrong as those of new songs. Fitted means
    have seen the listeners' mean: they lie too near to it, and the curve would come out too steep.
    """
    mu = _inside(mean_ridge().fit(x[rows], listeners.mean[rows]).predict(x))
    if not out_of_fold:
        return mu
    return mu, _inside(cross_val_predict(mean_ridge(), x[rows], listeners.mean[rows], cv=INNER))


def _predicted(mu, sigma):
    """Both with a member axis, and the SD where it is possible; see the head of this file."""
    sigma = np.clip(np.broadcast_to(sigma, mu.shape), SD_FLOOR, np.sqrt((1 - mu) * (1 + mu)))
    return Predicted(mu[None], sigma[None], None)


def constant_sd(x, listeners, split, seeds=(0,), protocol=None):
    """The floor: every song gets the mean SD of the songs learnt from."""
    x, rows = _taught(x, split)
    return _predicted(_means(x, listeners, rows), listeners.sd[rows].mean(0))


def mean_only(x, listeners, split, seeds=(0,), protocol=None):
    r"""The bar for all others: :math:`\hat\sigma = b_0 + b_1 \hat\mu + b_2 \hat\mu^2`.

    Least squares on the listeners' SD, at out-of-fold predicted means (:func:`_means` says why).
    It knows of a song's spread only what its predicted mean tells: ends of a scale leave less room.
    """
    x, rows = _taught(x, split)
    mu, seen = _means(x, listeners, rows, out_of_fold=True)
    sigma = [
        np.polyval(np.polyfit(seen[:, d], listeners.sd[rows, d], 2), mu[:, d])
        for d in range(mu.shape[1])
    ]
    return _predicted(mu, np.stack(sigma, 1))


def next_listener(x, listeners, split, seeds=(0,), protocol=None):
    r""":func:`mean_only` with room for its own error: a quadratic for :math:`s^2 + (m-\hat\mu)^2`.

    That is how far, in mean square, single ratings lie from the *predicted* mean: what a score of
    a listener's rating rewards. The listeners' SD is how far they lie from their own mean, and is
    too narrow there. A method can beat :func:`mean_only` in such a score by being wider, with no
    word on which songs divide listeners; it has to beat this one as well. Out of fold, as there.
    """
    x, rows = _taught(x, split)
    mu, seen = _means(x, listeners, rows, out_of_fold=True)
    square = listeners.sd[rows] ** 2 + (listeners.mean[rows] - seen) ** 2
    square = [
        np.polyval(np.polyfit(seen[:, d], square[:, d], 2), mu[:, d]) for d in range(mu.shape[1])
    ]
    return _predicted(mu, np.sqrt(np.maximum(np.stack(square, 1), 0)))


def sos(x, listeners, split, seeds=(0,), protocol=None):
    r"""One parameter: :math:`\hat\sigma^2 = a\,(1 - \hat\mu)(1 + \hat\mu)`, between 0 and all room.

    Least squares of :math:`s^2` through the origin on the parabola at out-of-fold predicted means,
    :math:`a = \sum s^2 q / \sum q^2`. A predicted mean lies nearer to the middle than the
    listeners' own, where the parabola is higher, so this ``a`` is below the SOS parameter that
    Hossfeld, Schatz and Egger (2011) read off the listeners' means: right for predicting, and not
    to be compared with theirs. Being about the variance, the SD is a root mean square.
    """
    x, rows = _taught(x, split)
    mu, seen = _means(x, listeners, rows, out_of_fold=True)
    room = (1 - seen) * (1 + seen)
    a = (listeners.sd[rows] ** 2 * room).sum(0) / (room**2).sum(0)
    return _predicted(mu, np.sqrt(a * (1 - mu) * (1 + mu)))


def ridge(x, listeners, split, seeds=(0,), protocol=None):
    """Ridge regression of the SD; a penalty for each dimension by leave-one-out error."""
    x, rows = _taught(x, split)
    sigma = mean_ridge().fit(x[rows], listeners.sd[rows]).predict(x)
    return _predicted(_means(x, listeners, rows), sigma)


def trees(x, listeners, split, seeds=(0,), protocol=None):
    """Extremely randomised trees (Geurts et al., 2006) on the SD: one forest for all dimensions.

    SDs are standardised first, so that each dimension has the same say in a split.
    """
    x, rows = _taught(x, split)
    level, scale = listeners.sd[rows].mean(0), listeners.sd[rows].std(0)
    scale = np.where(scale > 0, scale, 1.0)
    forest = ExtraTreesRegressor(**TREES, random_state=int(seeds[0]))
    z = forest.fit(x[rows], (listeners.sd[rows] - level) / scale).predict(x)
    return _predicted(_means(x, listeners, rows), z.reshape(len(x), -1) * scale + level)


def log_sd(x, listeners, split, seeds=(0,), protocol=None):
    r"""Ridge regression of :math:`\log \max(s, \text{floor})`: positive by construction.

    The exponential of a mean logarithm is a median, below the mean. One factor for each dimension,
    mean SD over mean prediction, both of songs out of fold, makes it right on average (the ratio
    form of Duan's smearing, 1983).
    """
    x, rows = _taught(x, split)
    logs = np.log(np.maximum(listeners.sd[rows], SD_FLOOR))
    unseen = np.exp(cross_val_predict(mean_ridge(), x[rows], logs, cv=INNER))
    factor = listeners.sd[rows].mean(0) / unseen.mean(0)
    sigma = factor * np.exp(mean_ridge().fit(x[rows], logs).predict(x))
    return _predicted(_means(x, listeners, rows), sigma)


def gamma(x, listeners, split, seeds=(0,), protocol=None):
    r"""Gamma regression of the variance: :math:`\log E[s^2] = b_0 + b^\top x`, penalised.

    The variance of a few ratings scatters in proportion to itself, as a gamma variable does; the
    deviance :math:`2 (s^2/v - 1 - \log s^2/v)` weighs errors so. Nelder and Lee (1991) model
    dispersion this way. The SD is the root of the predicted mean variance.
    """
    x, rows = _taught(x, split)
    squares = np.maximum(listeners.sd[rows], SD_FLOOR) ** 2
    sigma = []
    for square in squares.T:
        search = GridSearchCV(
            GammaRegressor(solver="newton-cholesky"), {"alpha": GAMMA_PENALTIES},
            scoring="neg_mean_gamma_deviance", cv=INNER,
        )  # fmt: skip
        sigma.append(np.sqrt(search.fit(x[rows], square).predict(x)))
    return _predicted(_means(x, listeners, rows), np.stack(sigma, 1))


def quantile_forest(x, listeners, split, seeds=(0,), protocol=None):
    r"""The whole distribution: a quantile regression forest (Meinshausen, 2006) on histograms.

    It gives each song learnt from a weight: how often, over the trees, it shares the leaf of the
    new song, divided by the songs in that leaf. The predicted distribution is the weighted mean of
    the listeners' histograms. A forest with many outputs averages its outputs with just these
    weights, so fitting the histograms needs no further package. The outputs here are *cumulated*:
    then a split lowers the ranked probability score, which knows that levels have an order, and
    the differences of the averages are the same weighted histogram.

    ``mu`` and ``sigma`` are the moments of ``p``. The spread holds, beside that within songs, how
    far the means of the songs in a leaf lie apart: right for the next rating of a song whose mean
    is not known, too wide as a prediction of the listeners' SD.
    """
    x, rows = _taught(x, split)
    n_dimensions, k = listeners.frequencies.shape[1:]
    below = listeners.frequencies[rows].cumsum(-1)[..., :-1].reshape(len(rows), -1)
    forest = ExtraTreesRegressor(**TREES, random_state=int(seeds[0])).fit(x[rows], below)
    below = forest.predict(x).reshape(len(x), n_dimensions, k - 1)
    p = np.diff(below, axis=-1, prepend=0.0, append=1.0).clip(0)
    p /= p.sum(-1, keepdims=True)
    mu, sigma = moments_of(p)
    return Predicted(mu[None], sigma[None], p[None])
