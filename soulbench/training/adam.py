"""Adam without PyTorch's `Optimizer` class, whose first use imports `torch._dynamo`.

That import takes about three seconds of every process, as long as the training of a demo's unlearning method
(benchmarks/start_up.py); nothing here is compiled. The arithmetic is PyTorch's own, `torch.optim.adam.adam`.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.optim.adam import adam


class Adam:
    """Adam (Kingma and Ba, ICLR 2015) with PyTorch's defaults: beta 0.9 and 0.999, eps 1e-8.

    Args:
        parameters: what is trained.
    """

    def __init__(self, parameters: Iterable[nn.Parameter]):
        self.parameters = list(parameters)
        self.state: dict[str, list[torch.Tensor]] = {
            "exp_avgs": [torch.zeros_like(p) for p in self.parameters],
            "exp_avg_sqs": [torch.zeros_like(p) for p in self.parameters],
            "state_steps": [torch.zeros((), device=p.device) for p in self.parameters],
        }

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Update every parameter that has a gradient."""
        used = [i for i, p in enumerate(self.parameters) if p.grad is not None]
        adam(
            [self.parameters[i] for i in used],
            [self.parameters[i].grad for i in used],
            **{name: [values[i] for i in used] for name, values in self.state.items()},
            max_exp_avg_sqs=[],
            fused=True,  # one pass over memory for eight
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=learning_rate,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )

    def state_dict(self) -> dict[str, Any]:
        """Everything that a resumed training needs."""
        return self.state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up a saved state."""
        for name, values in self.state.items():
            for own, saved in zip(values, state[name], strict=True):
                own.copy_(saved)  # a fused step needs them to lie in memory as the parameters do
