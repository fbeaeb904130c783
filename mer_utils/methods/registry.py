"""Every method by name: what is fitted, to what of the listeners, from which paper.

A method is a function ``fit(x, listeners, split, seeds, protocol) -> Predicted``. To add a learner,
write one in that form and give it a line in :data:`METHODS`. To add a head, write its loss and give
it a line with ``head(loss)``: it is trained by the stack that trains the paper's heads. A loss
takes what the link gives, then what ``given`` names of the
:class:`mer_utils.methods.listeners.Listeners`.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from mer_utils.methods import ensembles, evidential, gaussian, histograms, learners
from mer_utils.methods.listeners import Listeners, Predicted
from mer_utils.model import heads, losses
from mer_utils.model.sampling import aggregate, mc_dropout
from mer_utils.model.splits import Split, standardise
from mer_utils.model.training import Protocol, TrainedStack, train_stack

MOMENTS, HISTOGRAM = ("mean", "sd"), ("frequencies",)
PASSES = 30
"""Of dropout."""


def trained(x, listeners: Listeners, split: Split, seeds, protocol, loss, **how) -> TrainedStack:
    """The stack of heads for one split; ``given`` names what of the listeners the loss takes."""
    given = how.pop("given", MOMENTS)
    sides = (
        (x[rows], *(getattr(listeners, name)[rows] for name in given))
        for rows in (split.train, split.validation)
    )
    return train_stack(*sides, loss=loss, seeds=seeds, protocol=protocol, **how)


def predict(stack: TrainedStack, x, outputs=heads.PAPER):
    """What the link gives for all songs, dropout off: a tuple of tensors, members first."""
    with torch.no_grad():
        return heads.forward(stack.weights, torch.as_tensor(x), outputs=outputs)


def as_said(mu, sigma):
    """Of links that say mean and SD."""
    return mu, sigma, None


def of_levels(p):
    """Of links that say how likely each level is."""
    return *histograms.moments_of(p), p


def one_value_each(loss) -> Callable:
    """The same loss; a ``ValueError`` if it does not give one value per song and dimension."""

    def checked(*arguments):
        value, wanted = loss(*arguments), arguments[0].shape[:3]
        if value.shape != wanted:
            raise ValueError(
                f"the loss gave {tuple(value.shape)}, not {tuple(wanted)}: it must give one value "
                "per member, song and dimension"
            )
        return value

    return checked


def head(
    loss, link=heads.moments, n_each: int | None = 2, *, given=MOMENTS, read=as_said, apart=(),
    levels=False,
) -> Callable:  # fmt: skip
    """The ``fit`` of a head.

    Parameters
    ----------
    loss, link, n_each, apart
        As in :class:`mer_utils.model.heads.Outputs`; ``n_each`` None: one for each level.
    given : tuple of str
        Attributes of the listeners that the loss takes.
    read : function of what the link gives, to mean, SD and probabilities (or None)
    levels : bool
        The link takes ``n_levels``.
    """

    def fit(x, listeners, split, seeds, protocol=None) -> Predicted:
        k = listeners.frequencies.shape[-1]
        of = partial(link, n_levels=k) if levels else link
        outputs = heads.Outputs(of, n_each or k, apart)
        stack = trained(
            x, listeners, split, seeds, protocol, one_value_each(loss), given=given, outputs=outputs
        )  # fmt: skip
        said = read(*predict(stack, x, outputs))
        return Predicted(*(None if part is None else part.numpy().astype(float) for part in said))

    return fit


def mean_first(x, listeners, split, seeds, protocol=None) -> Predicted:
    """Two networks: one learns the mean, the other the SD around the listeners' own mean."""
    means = head(gaussian.mean_alone, gaussian.mean_link, 1, given=("mean",), read=_once)
    spreads = head(gaussian.spread_given_mean, gaussian.sigma_link, 1, given=("sd",), read=_once)
    both = (fit(x, listeners, split, seeds, protocol).mu for fit in (means, spreads))
    return Predicted(*both)


def _once(value):
    return value, value, None


def _quantiles(q, n_levels):
    return of_levels(histograms.quantile_probabilities(q, n_levels))


def quantiles(x, listeners, split, seeds, protocol=None) -> Predicted:
    """Five quantiles of the listeners' ratings; the distribution is straight between them."""
    read = partial(_quantiles, n_levels=listeners.frequencies.shape[-1])
    fit = head(
        histograms.pinball, histograms.quantile_link, 5, given=HISTOGRAM, read=read
    )  # fmt: skip
    return fit(x, listeners, split, seeds, protocol)


def spreads(kind: str, loss=losses.mse) -> Callable:
    """The ``fit`` whose SD is how far plausible means lie apart: no listener is asked.

    ``kind``: "seeds", "dropout" (as :mod:`mer_utils.model.sampling`), "laplace".
    """

    def fit(x, listeners, split, seeds, protocol=None) -> Predicted:
        if loss is ensembles.repelled:  # members meet
            protocol = replace(protocol or Protocol(), same_order=True)
        stack = trained(x, listeners, split, seeds, protocol, loss)
        mu, _ = (part.numpy().astype(float) for part in predict(stack, x))
        if kind == "laplace":
            sd = ensembles.last_layer_laplace(stack.weights, x, split, listeners.mean)
            return Predicted(mu, sd)
        if kind == "dropout":
            rate = (protocol or Protocol()).dropout
            mu, sigma = mc_dropout(stack.weights, x, passes=PASSES, dropout=rate, seeds=seeds)
            of = aggregate(mu, sigma)
            return Predicted(of.mean, of.spread)
        of = aggregate(mu, mu)
        return Predicted(of.mean[None], of.spread[None])

    return fit


class Method(NamedTuple):
    """A method: its family, how figures name it, how it is fitted, what it needs."""

    family: str
    title: str
    fit: Callable
    pairs: bool = False  # needs the covariance of two dimensions
    several: bool = False  # needs several seeds


level_head = partial(head, given=HISTOGRAM, read=of_levels)
METHODS = {
    "constant": Method("mean only", "a constant", learners.constant_sd),
    "mean_only": Method("mean only", "quadratic in the mean", learners.mean_only),
    "next_listener": Method("mean only", "quadratic, next listener", learners.next_listener),
    "sos": Method("mean only", "SOS parabola", learners.sos),
    "ridge": Method("learner", "ridge", learners.ridge),
    "trees": Method("learner", "extra trees", learners.trees),
    "log_sd": Method("learner", "ridge of log SD", learners.log_sd),
    "gamma": Method("learner", "gamma regression", learners.gamma),
    "quantile_forest": Method("learner", "quantile forest", learners.quantile_forest),
    "mse": Method("Gaussian", "MSE", head(losses.mse)),
    "kld": Method("Gaussian", "KLD", head(losses.kld)),
    "nll": Method("Gaussian", "NLL", head(losses.nll)),
    "beta_nll": Method("Gaussian", "beta-NLL", head(gaussian.beta_nll)),
    "natural": Method("Gaussian", "natural parameters", head(
        gaussian.natural, gaussian.natural_link, read=lambda *eta: as_said(
            *gaussian.natural_moments(*eta)))),
    "faithful": Method("Gaussian", "faithful", head(gaussian.faithful, apart=(1,))),
    "mean_first": Method("Gaussian", "mean first", mean_first),
    "student_t": Method("Gaussian", "Student's t", head(
        gaussian.student_t, gaussian.student_link, 3, given=HISTOGRAM,
        read=lambda *t: as_said(*gaussian.student_moments(*t)))),
    "gaussian_crps": Method("Gaussian", "CRPS", head(gaussian.gaussian_crps, given=HISTOGRAM)),
    "full_covariance": Method("Gaussian", "both dimensions", head(
        gaussian.full_covariance, gaussian.pair_link, 3, given=("mean", "covariance"),
        read=lambda mu, sigma, r: as_said(mu, sigma)), pairs=True),
    "ordinal": Method("distribution", "ordinal Gaussian", level_head(
        histograms.cross_entropy, histograms.ordinal_normal, levels=True)),
    "ordinal_student": Method("distribution", "ordinal t", level_head(
        histograms.cross_entropy, histograms.ordinal_student, levels=True)),
    "histogram": Method("distribution", "cross-entropy", level_head(
        histograms.cross_entropy, histograms.softmax_link, None)),
    "ranked": Method("distribution", "ranked probability", level_head(
        histograms.ranked_probability, histograms.softmax_link, None)),
    "emd": Method("distribution", "EMD", level_head(
        histograms.emd, histograms.softmax_link, None)),
    "emd_ordinal": Method("distribution", "EMD, ordinal", level_head(
        histograms.emd, histograms.ordinal_normal, levels=True)),
    "emd_moments": Method("distribution", "EMD and moments", level_head(
        histograms.emd_moments, histograms.softmax_link, None)),
    "mixture_2": Method("distribution", "mixture of 2", level_head(
        histograms.cross_entropy, partial(histograms.mixture_link, n_components=2), 6,
        levels=True)),
    "mixture_3": Method("distribution", "mixture of 3", level_head(
        histograms.cross_entropy, partial(histograms.mixture_link, n_components=3), 9,
        levels=True)),
    "quantiles": Method("distribution", "quantiles", quantiles),
    "evidential": Method("evidential", "evidential", head(
        evidential.evidential, evidential.evidential_link, 4, given=HISTOGRAM,
        read=lambda *nig: as_said(*evidential.evidential_moments(*nig)))),
    "seed_spread": Method("spread of means", "seeds", spreads("seeds"), several=True),
    "dropout_spread": Method("spread of means", "dropout", spreads("dropout")),
    "repelled_spread": Method("spread of means", "repelled seeds", spreads(
        "seeds", ensembles.repelled), several=True),
    "laplace_spread": Method("spread of means", "Laplace", spreads("laplace")),
}  # fmt: skip


def out_of_fold(fit, features, listeners: Listeners, splits, seeds, protocol=None):
    """Fit on each split, and put the test songs together.

    Returns
    -------
    Predicted
        Of all songs, each by the fold that had it as a test song.
    list of Predicted
        Of each fold, all songs: for what needs validation songs.
    """
    each = [fit(standardise(features, s.train), listeners, s, seeds, protocol) for s in splits]
    parts = []
    for values in zip(*each, strict=True):
        if values[0] is None:
            parts.append(None)
            continue
        whole = np.empty_like(values[0])
        for s, value in zip(splits, values, strict=True):
            whole[:, s.test] = value[:, s.test]
        parts.append(whole)
    return Predicted(*parts), each
