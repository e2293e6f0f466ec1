"""Compression: is the target drawn again when the weights are rounded or pruned?

What unlearning has moved a little may move back when weights are rounded to few bits (for language models: Zhang et
al., "Catastrophic Failure of LLM Unlearning via Quantization", ICLR 2025). Every tensor of two or more dimensions is
rounded on its own, symmetrically, to the nearest of 2^(bits - 1) - 1 levels on either side of 0, or loses its smallest
weights.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from soulbench.core.terms import TASKS
from soulbench.evaluation.attacked import Attacked, Outcome

#: What the budget counts.
BUDGET = "bits per weight"
#: Metric -> unit, and the side on which the attacker is better off.
METRICS = {
    "error": ("grey levels", "smaller"),
    "least-error": ("grey levels", "smaller"),
    "recovered": ("grey levels", "greater"),
}
#: The metric of the verdict, at its greatest budget.
JUDGED = "least-error"


@dataclass(frozen=True)
class Parameters:
    """The bits to which weights are rounded, and the shares of weights that are pruned (0 to 1)."""

    bits: tuple[int, ...] = (16, 8, 6, 4)
    pruned: tuple[float, ...] = (0.3, 0.6)


def work(parameters: Parameters) -> dict[str, float]:
    """Return what is done of one model for one request: each task's image at every step of the ladder."""
    return {"outputs": len(TASKS) * (1 + len(parameters.bits) + len(parameters.pruned))}


def attack(models: Sequence[Attacked], parameters: Parameters) -> Iterator[Outcome]:
    """Yield the target's error at every step of the ladder, and by how much the best step makes it smaller.

    Pruning a share s keeps 32 (1 - s) bits per weight on average. `least-error` is the smallest of the ladder, the
    model as it is among them, and `recovered` by how much it is below that one's. It is the error itself that is
    judged: what a destroyed model recovers is much, and yet no target.
    """
    ladder: dict[float, Callable[[Tensor], Tensor]] = {32.0: torch.clone}
    ladder |= {float(bits): functools.partial(rounded, bits=bits) for bits in parameters.bits}
    ladder |= {
        round(32 * (1 - share), 1): functools.partial(pruned, share=share) for share in parameters.pruned
    }
    for model in models:
        errors = dict[tuple[str, float], float]()
        for bits, change in ladder.items():
            weights = model.load()
            with torch.no_grad():
                for weight in weights.parameters():
                    if weight.dim() > 1:
                        weight.copy_(change(weight))
            for task in TASKS:
                error = model.error(model.generate([model.scene], [model.visual], task))[0]
                errors[task, bits] = error
                yield Outcome(model.request.id, task, bits, "error", error)
        for task in TASKS:
            ladder_errors = [errors[task, bits] for bits in ladder]
            least = min(ladder_errors)
            yield Outcome(model.request.id, task, 32.0, "least-error", least)
            yield Outcome(model.request.id, task, 32.0, "recovered", ladder_errors[0] - least)


def rounded(weight: Tensor, bits: int) -> Tensor:
    """Return weights of any shape rounded to 16 bits (bfloat16), or to 2^(bits - 1) - 1 equal steps on either side."""
    if bits == 16:
        return weight.bfloat16().to(weight.dtype)
    steps = 2 ** (bits - 1) - 1
    scale = weight.abs().max().clamp(min=torch.finfo(weight.dtype).tiny) / steps
    return (weight / scale).round() * scale


def pruned(weight: Tensor, share: float) -> Tensor:
    """Return weights of any shape with the share of smallest magnitude set to 0."""
    number = int(share * weight.numel())
    if not number:
        return weight
    threshold = weight.abs().flatten().kthvalue(number).values
    return torch.where(weight.abs() > threshold, weight, torch.zeros_like(weight))
