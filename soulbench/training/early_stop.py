"""When a training has learnt what images that it does not see can tell: the best weights are kept, and it stops."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import torch

from soulbench.core.device import ExecutionContext, moved
from soulbench.core.errors import UserError
from soulbench.core.seeds import derive_seed
from soulbench.data.batches import Batch, SceneBatches
from soulbench.training.conditions import training_condition
from soulbench.training.losses import Objective, total
from soulbench.training.networks import Networks
from soulbench.training.schedule import Stage

IMAGES = 256  # of the validation split that are looked at, at most


class EarlyStop:
    """Looks at the loss on the validation split every so many steps; part of a training's saved state.

    The loss is the pixels' and boxes' (no adversarial part says how good a picture is), of networks in evaluation
    mode, with the same pixels hidden at every look, so that two looks differ in the weights alone.

    Args:
        batches: makes batches of unedited scenes; rows: the images, none of which takes part in the training.
        every: steps between two looks. patience: looks without a better loss after which it is over.
    """

    def __init__(self, batches: SceneBatches, rows: Sequence[int], every: int, patience: int):
        self.batches, self.rows = batches, list(rows)[:IMAGES]
        self.every, self.patience = every, patience
        self.best, self.best_step, self.without_better = math.inf, 0, 0
        self._weights: dict[str, torch.Tensor] = {}

    @classmethod
    def of(
        cls, batches: SceneBatches, rows: Sequence[int], settings: Mapping[str, Any] | None
    ) -> Self | None:
        """As `training.early_stop` has it; None where that is null.

        Raises:
            UserError: the validation split is empty.
        """
        if settings is None:
            return None
        if not rows:
            raise UserError(
                "training.early_stop: no image is in the validation split; allowed: null, or a larger "
                "data.split_shares.val"
            )
        return cls(batches, rows, **settings)

    @property
    def over(self) -> bool:
        """Whether the training shall stop."""
        return self.without_better >= self.patience

    def due(self, step: int) -> bool:
        """Whether it is time to look, after so many steps."""
        return step % self.every == 0

    def look(
        self, step: int, networks: Networks, objective: Objective, stage: Stage, context: ExecutionContext
    ) -> float:
        """Return the validation loss, and keep the weights if it is the best so far.

        Every process computes it on all images, and their mean decides, so that all of them stop together.
        """
        modules = networks.modules()
        learning = modules.training
        modules.eval()
        with torch.no_grad(), context.autocast():
            sums = [self._loss(batch, networks, objective, stage, context) for batch in self._pieces(stage)]
        modules.train(learning)
        mean = torch.stack(sums).sum() / len(self.rows)
        context.all_reduce_mean([mean])
        loss = mean.item()
        if loss < self.best:
            self.best, self.best_step, self.without_better = loss, step, 0
            self._weights = {name: value.clone() for name, value in modules.state_dict().items()}
        else:
            self.without_better += 1
        return loss

    def _pieces(self, stage: Stage) -> Iterator[Batch]:
        for first in range(0, len(self.rows), stage.batch):
            yield self.batches.batch(self.rows[first : first + stage.batch])

    def _loss(
        self, batch: Batch, networks: Networks, objective: Objective, stage: Stage, context: ExecutionContext
    ) -> torch.Tensor:
        """The sum over the images of a batch."""
        seeds = [derive_seed(stage.seed, "validation", image) for image in batch.image_ids]
        condition = training_condition(batch, stage.masking, seeds)
        batch, condition = moved(batch, context.device), moved(condition, context.device)
        parts = objective.plain(networks.generator(batch, condition), batch, condition)
        return total(parts) * len(seeds)

    def finish(self, networks: Networks) -> None:
        """Put the best weights in the last ones' context."""
        if self._weights:
            networks.modules().load_state_dict(self._weights)

    def state(self) -> dict[str, Any]:
        """All of it, for the training's state."""
        known = {"best_step": self.best_step, "without_better": self.without_better, "weights": self._weights}
        return known if math.isinf(self.best) else {**known, "best": self.best}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up a saved state."""
        self.best, self.best_step = state.get("best", math.inf), state["best_step"]
        self.without_better, self._weights = state["without_better"], dict(state["weights"])
