"""The parts of the training loop that an unlearning method may replace (`soulbench.unlearning.task`)."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from soulbench.data.batches import Batch
from soulbench.models.generator import Condition
from soulbench.training.adam import Adam
from soulbench.training.losses import Losses, Objective
from soulbench.training.networks import Networks


class LoopParts:
    """As they are here, these parts are plain training with the configured losses.

    Args:
        networks: the loop trains them in place.
        objective: the losses.
    """

    #: By name of a parameter: entries that stay as they are, True where they may change. All may, if none is named.
    masks: Mapping[str, Tensor] | None = None

    def __init__(self, networks: Networks, objective: Objective):
        self.networks, self.objective = networks, objective
        #: The module whose parameters the optimiser trains.
        self.trained: nn.Module = networks.generator

    def losses(self, step: int, batch: Batch, condition: Condition) -> Losses:
        """Return the losses of a (micro-)batch.

        Args:
            step: counted from 0.
            batch: on the device, edited as the plan says.
            condition: what the generator may see of it.
        """
        return self.objective(self.networks.generator(batch, condition), batch, condition)

    def gradients(self, step: int) -> None:
        """Change the gradients of a step in place, before the optimiser sees them."""

    def updated(self, step: int) -> None:
        """Do what follows an update: for example, put the trained values into the generator."""

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed training needs besides the weights: plain values and tensors."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a saved state."""

    @contextlib.contextmanager
    def kept(self, optimiser: Any) -> Iterator[None]:
        """Keep masked entries of the weights in an update of the block, bit by bit, and the moments of them too.

        Restored weights alone would not do: the moments would go on moving, and with them the weights of later steps.
        """
        if self.masks is None:
            yield
            return
        assert isinstance(optimiser, Adam), "unlearning takes Adam"
        place = {id(parameter): index for index, parameter in enumerate(optimiser.parameters)}
        moments = [optimiser.state["exp_avgs"], optimiser.state["exp_avg_sqs"]]
        before: list[tuple[Tensor, Tensor, Tensor]] = []
        for name, parameter in self.networks.generator.named_parameters():
            if name in self.masks and id(parameter) in place:
                kept = [parameter, *(values[place[id(parameter)]] for values in moments)]
                before += [(self.masks[name], value, value.detach().clone()) for value in kept]
        yield
        with torch.no_grad():
            for mask, value, old in before:
                value.copy_(torch.where(mask, value, old))
