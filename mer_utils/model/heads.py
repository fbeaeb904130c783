"""The paper's head, for a whole stack of members at once.

One member is the network ``Linear(d, 128) - ELU - Dropout - Linear(128, 128) - ELU -
Dropout - Linear(128, 4)``; the four outputs are two means (through ``tanh``) and two SDs
(through ``exp(-softplus(z))``). Other methods end in other outputs: :class:`Outputs`.
Its weights are plain tensors with a leading member axis:

========  ===========================  =====================
``w1``    (n_members, d, hidden)       first layer
``b1``    (n_members, 1, hidden)
``w2``    (n_members, hidden, hidden)  second layer
``b2``    (n_members, 1, hidden)
``w3``    (n_members, hidden, 4)       outputs: for each number, all dimensions
``b3``    (n_members, 1, 4)
========  ===========================  =====================

Source: arXiv 2501.11570, "Experimental setup". The paper names the activation of the SD
"negative softplus" and its range (0, 1); ``exp(-softplus(z))``, which equals
``sigmoid(-z)``, is our reading of it.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch.nn.functional import elu, softplus


def moments(z):
    """The paper's outputs, ``(mu, sigma)``: z is (..., 2, n_dimensions)."""
    return torch.tanh(z[..., 0, :]), torch.exp(-softplus(z[..., 1, :]))


class Outputs(NamedTuple):
    """What the last layer of a head stands for; :data:`PAPER` is the paper's.

    It gives ``n_each`` numbers for each dimension, z (..., n_each, n_dimensions). ``link`` turns z
    into the tuple of tensors that is predicted and that a loss takes first. Those of the numbers
    that stand ``apart`` do not teach the hidden layers.
    """

    link: Callable = moments
    n_each: int = 2
    apart: tuple = ()


PAPER = Outputs()


def init_heads(n_features: int, seeds, hidden: int = 128, n_outputs: int = 4) -> dict:
    """Fresh float32 weights by name, one member per seed.

    Each weight and bias is uniform on ``(-1/sqrt(fan_in), 1/sqrt(fan_in))``, the default of
    ``torch.nn.Linear``. A member's weights depend on its own seed alone.
    """
    shapes = {"1": (n_features, hidden), "2": (hidden, hidden), "3": (hidden, n_outputs)}
    members = []
    for seed in seeds:
        rng = np.random.default_rng([seed, 10])
        member = {}
        for layer, (fan_in, fan_out) in shapes.items():
            bound = fan_in**-0.5
            member["w" + layer] = rng.uniform(-bound, bound, (fan_in, fan_out))
            member["b" + layer] = rng.uniform(-bound, bound, (1, fan_out))
        members.append(member)
    return {
        name: torch.tensor(np.stack([m[name] for m in members]), dtype=torch.float32)
        for name in members[0]
    }


def after_first_layer(weights, a1, masks=(1.0, 1.0), outputs=PAPER):
    """From the first layer's sums ``a1`` to the predictions; see :func:`forward`."""
    h = elu(a1) * masks[0]
    h = elu(torch.baddbmm(weights["b2"], h, weights["w2"])) * masks[1]
    z = torch.baddbmm(weights["b3"], h, weights["w3"]).unflatten(-1, (outputs.n_each, -1))
    if outputs.apart:
        still = torch.baddbmm(weights["b3"], h.detach(), weights["w3"]).view_as(z)
        rows = [still if k in outputs.apart else z for k in range(outputs.n_each)]
        z = torch.stack([row[..., k, :] for k, row in enumerate(rows)], dim=-2)
    return outputs.link(z)


def first_layer(weights, x):
    """``x @ w1 + b1`` per member: (n_members, n_songs, hidden)."""
    if x.dim() == 2:
        x = x.expand(len(weights["w1"]), *x.shape)
    return torch.baddbmm(weights["b1"], x, weights["w1"])


def forward(weights, x, masks=(1.0, 1.0), outputs=PAPER):
    """Predictions of every member.

    Parameters
    ----------
    weights : dict of tensors, see above
    x : tensor, (n_songs, d), the same songs for all members, or (n_members, n_songs, d)
    masks : pair of tensors, (n_members, n_songs, hidden), or numbers
        What multiplies the two hidden layers: dropout masks already divided by the
        probability of keeping a unit. The default, 1, is dropout off.
    outputs : Outputs

    Returns
    -------
    mu, sigma : tensors, (n_members, n_songs, n_dimensions), in (-1, 1) and in (0, 1)
        Or what another ``outputs.link`` gives.
    """
    return after_first_layer(weights, first_layer(weights, x), masks, outputs)


def dropout_masks(rng: np.random.Generator, shape, dropout: float) -> np.ndarray:
    """Boolean keep-masks; each unit is kept with probability :func:`kept_share`.

    One random byte decides a unit; bytes are four times cheaper to draw than floats.
    """
    keep = round(kept_share(dropout) * 256)
    return np.frombuffer(rng.bytes(int(np.prod(shape))), np.uint8).reshape(shape) < keep


def kept_share(dropout: float) -> float:
    """Probability of keeping a unit: ``1 - dropout`` to the nearest 1/256 (0.5 is exact).

    Masks are divided by it, so that a layer keeps its average. At least 1/256.
    """
    return max(1, round((1 - dropout) * 256)) / 256
