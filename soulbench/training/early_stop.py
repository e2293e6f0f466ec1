"""Early stop: training ends when the validation loss no longer improves, and the best weights are kept."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import torch

from soulbench.core.device import ExecutionContext
from soulbench.core.errors import UserError
from soulbench.core.seeds import derive_seed
from soulbench.data.batches import Batch, SceneBatches
from soulbench.models.generator import Generator
from soulbench.training.losses import Objective, total
from soulbench.training.masking import Masking
from soulbench.training.networks import Networks
from soulbench.training.schedule import Stage

MAX_IMAGES = 256  # of the validation split


class EarlyStop:
    """Validates at regular intervals and remembers the best weights; part of a training run's saved state.

    The validation loss is that of the pixels and boxes; adversarial losses do not measure how good an image is. The
    networks are in evaluation mode and the same pixels are hidden every time, so that two validations differ by the
    weights alone.

    Args:
        batches: makes batches of unedited scenes.
        rows: rows of the packed set to validate on; the training run must not use them.
        every: steps between two validations.
        patience: validations without a better loss after which training stops.
    """

    def __init__(self, batches: SceneBatches, rows: Sequence[int], every: int, patience: int):
        self.batches, self.rows = batches, list(rows)[:MAX_IMAGES]
        self.every, self.patience = every, patience
        self.best_loss, self.best_step, self.without_improvement = math.inf, 0, 0
        self._best_weights: dict[str, torch.Tensor] = {}

    @classmethod
    def of(
        cls, batches: SceneBatches, rows: Sequence[int], settings: Mapping[str, Any] | None
    ) -> Self | None:
        """Return what `training.early_stop` configures; None where that is null.

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
    def should_stop(self) -> bool:
        """Whether the validation loss has not improved for `patience` validations."""
        return self.without_improvement >= self.patience

    def digest(self) -> str:
        """Return a hash of the scenes that are validated on."""
        return self.batches.digest(self.rows)

    def due(self, step: int) -> bool:
        """Return whether to validate after `step` steps."""
        return step % self.every == 0

    def validate(
        self,
        step: int,
        networks: Networks,
        objective: Objective,
        stage: Stage,
        masking: Masking,
        context: ExecutionContext,
    ) -> float:
        """Return the validation loss, and remember the weights if it is the lowest so far.

        Every process computes it on all images. Their mean decides, so that all of them stop at the same step.
        """
        model = networks.generator
        was_training = model.training
        model.eval()
        with torch.no_grad():
            sums = [
                self._loss(batch, model, objective, stage, masking, context) for batch in self._batches(stage)
            ]
        model.train(was_training)
        mean = torch.stack(sums).sum() / len(self.rows)
        context.all_reduce_mean([mean])
        loss = mean.item()
        if loss < self.best_loss:
            self.best_loss, self.best_step, self.without_improvement = loss, step, 0
            state = networks.modules().state_dict()
            self._best_weights = {name: value.clone() for name, value in state.items()}
        else:
            self.without_improvement += 1
        return loss

    def _batches(self, stage: Stage) -> Iterator[Batch]:
        objects_per_image = self.batches.objects(self.rows) / len(self.rows)
        for first in range(0, len(self.rows), stage.batch):
            rows = self.rows[first : first + stage.batch]
            yield replace(self.batches.batch(rows), object_count=objects_per_image * len(rows))

    def _loss(
        self,
        images: Batch,
        model: Generator,
        objective: Objective,
        stage: Stage,
        masking: Masking,
        context: ExecutionContext,
    ) -> torch.Tensor:
        """Return the loss, summed over the images of a batch."""
        seeds = [derive_seed(stage.seed, "validation", image) for image in images.image_ids]
        ((batch, condition),) = masking([images], [seeds])
        with context.autocast():
            parts = objective.direct_losses(model(batch, condition), batch, condition)
        return total(parts) * len(seeds)

    def restore_best(self, networks: Networks) -> None:
        """Load the best weights into the networks."""
        if self._best_weights:
            networks.modules().load_state_dict(self._best_weights)

    def summary(self) -> str:
        """Return which weights are kept, for the log."""
        return f"the weights of step {self.best_step} are kept, with the best validation loss, {self.best_loss:.4g}"

    def state_dict(self) -> dict[str, Any]:
        """Return everything that a resumed training run needs."""
        state = {
            "best_step": self.best_step,
            "without_improvement": self.without_improvement,
            "best_weights": self._best_weights,
        }
        return state if math.isinf(self.best_loss) else {**state, "best_loss": self.best_loss}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a saved state."""
        self.best_loss, self.best_step = state.get("best_loss", math.inf), state["best_step"]
        self.without_improvement, self._best_weights = (
            state["without_improvement"],
            dict(state["best_weights"]),
        )
