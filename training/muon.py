"""Muon (Jordan et al. 2024): momentum whose matrices are orthogonalised before they are applied.

torch.optim.Muon takes matrices alone; most weights of this UNet are convolutions, which are orthogonalised here
as matrices [out, in * height * width].
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from distill.precision import cpu_has_bfloat16

# Polynomials of the Newton-Schulz iteration that take every singular value in (0, 1] near 1 in five steps
# (You 2025, as in the public modded-nanogpt runs).
STEPS = (
    (4.0848, -6.8946, 2.9270),
    (3.9505, -6.3029, 2.6377),
    (3.7418, -5.5913, 2.3037),
    (2.8769, -3.1427, 1.2046),
    (2.8366, -3.0525, 1.2012),
)


def orthogonalise(gradient: Tensor) -> Tensor:
    """The nearest semi-orthogonal matrix, about, to a gradient [out, ...] flattened to two dimensions.

    In bfloat16 where that is fast (a third of the time on a CPU with AMX): the polynomials forgive it.
    """
    fast = gradient.is_cuda or cpu_has_bfloat16()
    matrix = gradient.reshape(len(gradient), -1).to(torch.bfloat16 if fast else torch.float32)
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for a, b, c in STEPS:
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return (x.T if tall else x).reshape(gradient.shape).to(gradient.dtype)


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised; the update's size per element matches AdamW's
    (.2 sqrt(longer side), Liu et al. 2025), so that both share a learning rate's scale."""

    def __init__(self, params: Iterable[Tensor], lr: float, momentum: float = 0.95, weight_decay: float = 0.02) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            momentum = group["momentum"]
            for weight in group["params"]:
                average = self.state[weight].setdefault("average", torch.zeros_like(weight))
                average.lerp_(weight.grad, 1 - momentum)
                update = orthogonalise(weight.grad.lerp(average, momentum))
                longer = max(len(weight), weight[0].numel())
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.add_(update, alpha=-group["lr"] * 0.2 * longer**0.5)
