"""Adam for a stack: one learning rate per member, one sweep through memory for each."""

import numpy as np
import torch


class MemberAdam:
    """Adam (Kingma & Ba 2015, PyTorch's defaults) with one learning rate per member.

    Parameters
    ----------
    weights : dict of tensors with a leading member axis; changed in place by :meth:`step`
    rate : float, of all members at the start; ``rates``, (n_members,), may be changed
    """

    def __init__(self, weights, rate):
        members = len(next(iter(weights.values())))
        self.rates = np.full(members, float(rate))
        flat = {name: value.detach() for name, value in weights.items()}
        first = {name: torch.zeros_like(value) for name, value in flat.items()}
        second = {name: torch.zeros_like(value) for name, value in flat.items()}
        self._names = list(flat)
        self._members = [
            [[group[name][k] for name in flat] for group in (flat, first, second)]
            for k in range(members)
        ]
        self._steps = [torch.zeros(()) for _ in flat]

    def step(self, gradient):
        """One update; ``gradient`` has the names and shapes of the weights."""
        for step in self._steps:
            step += 1
        for k, (values, first, second) in enumerate(self._members):
            torch._fused_adam_(
                values,
                [gradient[name][k] for name in self._names],
                first,
                second,
                [],
                self._steps,
                amsgrad=False,
                lr=self.rates[k],
                beta1=0.9,
                beta2=0.999,
                weight_decay=0.0,
                eps=1e-8,
                maximize=False,
            )
