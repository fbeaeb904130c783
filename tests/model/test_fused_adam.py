"""One Adam for a stack against torch's own, member by member."""

import numpy as np
import torch

from mer_utils.model.fused_adam import MemberAdam
from mer_utils.model.heads import init_heads


def test_adam_equals_torch_with_one_learning_rate_per_member():
    rng = np.random.default_rng(0)
    weights = init_heads(10, [0, 1, 2], hidden=6)
    members = [
        {name: value[k].clone().requires_grad_() for name, value in weights.items()}
        for k in range(3)
    ]
    rates = [1e-3, 2e-2, 5e-4]
    references = [torch.optim.Adam(m.values(), lr=r) for m, r in zip(members, rates, strict=True)]
    adam = MemberAdam(weights, 1.0)
    adam.rates[:] = rates
    for step in range(4):
        gradient = {
            name: torch.tensor(rng.normal(size=value.shape) * 10.0**-step, dtype=torch.float32)
            for name, value in weights.items()
        }
        adam.step(gradient)
        for k, reference in enumerate(references):
            for name, value in members[k].items():
                value.grad = gradient[name][k]
            reference.step()
            for name, value in members[k].items():
                torch.testing.assert_close(weights[name][k], value.detach(), rtol=0, atol=1e-6)
        if step == 1:  # as the schedule does
            adam.rates[1] *= 0.9
            references[1].param_groups[0]["lr"] *= 0.9
