"""Adam without PyTorch's `Optimizer` class, whose first use imports `torch._dynamo`.

That import adds about three seconds to every process, as long as an unlearning method of the demo trains
(benchmarks/start_up.py), and nothing here is compiled. The arithmetic is PyTorch's own, `torch.optim.adam.adam`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch.optim.adam import adam


class Adam:
    """Adam (Kingma and Ba, ICLR 2015) with PyTorch's defaults: beta 0.9 and 0.999, eps 1e-8.

    Args:
        parameters: what is trained.
    """

    def __init__(self, parameters: Iterable[torch.Tensor]):
        self.parameters = list(parameters)
        self.state: dict[str, list[torch.Tensor]] = {
            "exp_avgs": [torch.zeros_like(p) for p in self.parameters],
            "exp_avg_sqs": [torch.zeros_like(p) for p in self.parameters],
            "state_steps": [torch.zeros((), device=p.device) for p in self.parameters],
        }

    def zero_grad(self) -> None:
        """Delete the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Update every parameter that has a gradient."""
        used = [(i, p, p.grad) for i, p in enumerate(self.parameters) if p.grad is not None]
        exp_avgs, exp_avg_sqs, state_steps = ([values[i] for i, *_ in used] for values in self.state.values())
        adam(
            [parameter for _, parameter, _ in used],
            [gradient for *_, gradient in used],
            exp_avgs,
            exp_avg_sqs,
            max_exp_avg_sqs=[],
            state_steps=state_steps,
            fused=True,  # one pass over memory instead of eight
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=learning_rate,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )

    def state_dict(self) -> dict[str, Any]:
        """Return everything that a resumed training run needs."""
        return self.state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a saved state."""
        for name, values in self.state.items():
            for value, saved in zip(values, state[name], strict=True):
                value.copy_(saved)  # not replaced: a fused step needs the parameters' memory format
