"""Low-rank adapters of weights (LoRA; Hu et al., ICLR 2022)."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from soulbench.unlearning.task import TrainedMethod


class Adapters(nn.Module):
    """W = W_start + scale B A for some weights, with A random and B zero at first.

    A kernel counts as a matrix with a row for each output channel.

    Args:
        start: weights by name, of two dimensions or more; they stay as they are.
        rank: number of rows of A.
        random: draws A (CPU).
        scale: how much the adapters count; with few steps, more than 1.
    """

    def __init__(self, start: Mapping[str, Tensor], rank: int, random: torch.Generator, scale: float = 1.0):
        super().__init__()
        self.start, self.scale = dict(start), scale
        self.down, self.up = nn.ParameterList(), nn.ParameterList()
        for weight in self.start.values():
            columns = weight[0].numel()
            drawn = torch.randn(rank, columns, generator=random) / columns**0.5
            self.down.append(nn.Parameter(drawn.to(weight)))
            self.up.append(nn.Parameter(weight.new_zeros(len(weight), rank)))

    def merged(self) -> dict[str, Tensor]:
        """Return the adapted weights by name."""
        pairs = zip(self.up, self.down, strict=True)
        return {
            name: weight + self.scale * (up @ down).view_as(weight)
            for (name, weight), (up, down) in zip(self.start.items(), pairs, strict=True)
        }


class AdaptedMethod(TrainedMethod):
    """A method that trains adapters, which it makes in `begin`; they are merged into the model after every step."""

    trained: Adapters

    @torch.no_grad()
    def updated(self, step: int) -> None:
        """Merge the adapters."""
        self.model.load_state_dict(self.trained.merged(), strict=False)

    def state_dict(self) -> dict[str, Any]:
        """Return the adapters."""
        return dict(self.trained.state_dict())

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from saved adapters."""
        self.trained.load_state_dict(state)
