"""What a method of the second level gets, and the two kinds of such methods (docs/add-a-method.md).

A method's file defines `class Method(TrainedMethod)`, which replaces parts of the training loop, or
`class Method(OneShotMethod)`, which changes the weights by itself. It gets a `Task` and its parameters, and no path.
"""

import copy
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from soulbench.core.checkpoint import checksum
from soulbench.core.device import place
from soulbench.core.errors import UserError
from soulbench.core.seeds import derive_seed
from soulbench.data.batches import Batch
from soulbench.data.packed import Scene
from soulbench.data.regions import Region, inside, region
from soulbench.data.requests.request import Request
from soulbench.models.generator import Condition, Generator, GeneratorOutput
from soulbench.models.sampling import boxes_as_masks
from soulbench.training.dataset import UNCHANGED, BenchmarkData
from soulbench.training.losses import Losses, Objective, total
from soulbench.training.masking import Masking, masking_of
from soulbench.training.networks import Networks
from soulbench.training.parts import LoopParts
from soulbench.training.stages import objective_for
from soulbench.unlearning.edits import subset_of
from soulbench.unlearning.nodes import without

#: Images that a method may learn from, as a multiple of those of a fine-tuning: once for the training itself, and once
#: for what goes before it, such as a Fisher information.
ALLOWANCE = 2

__all__ = [
    "Losses",
    "OneShotMethod",
    "Piece",
    "Task",
    "TrainedMethod",
    "mean_by_image",
    "mean_by_object",
    "mean_difference",
    "total",
]


class Piece(NamedTuple):
    """Some images under a fixed condition.

    Attributes:
        batch: the images, unedited.
        condition: what the generator sees of them.
        weights: [B, 1, H, W] spatial weights of the losses.
    """

    batch: Batch
    condition: Condition
    weights: Tensor


@dataclass
class Budget:
    """Counts the images that a model is run on with gradients.

    Attributes:
        who: names the method in messages.
        most: images allowed.
        used: images so far.
    """

    who: str
    most: int
    used: int = 0

    def __call__(self, module: object, inputs: tuple[Any, ...]) -> None:
        """Count a pass; a forward hook of the model."""
        if torch.is_grad_enabled():
            self.used += len(inputs[0].image_ids)
        if self.used > self.most:
            raise UserError(
                f"{self.who}: exceeds its budget: it learns from more than {self.most} images, {ALLOWANCE} times "
                "unlearning.steps x unlearning.batch; make fewer passes with gradients (`torch.no_grad()` where none "
                "are needed)"
            )

    def __deepcopy__(self, memo: Any) -> "Budget":
        """Return itself: passes of a copy of the model count, too."""
        return self


class Task:
    """One request to one model, with everything that a method may use.

    Attributes:
        request: the objects to forget.
        model: the generator that the method changes; at first the original model.
        original: the original model, which stays as it is.
        retrained: models that never saw the targets; empty for all but references that declare to see them.
        objective: the configured losses.
        steps: optimiser steps of a fine-tuning (`unlearning.steps`).
        shareable: seconds so far in blocks of `sharing`.

    Args:
        data: the benchmark's data.
        networks: hold the original model's weights.
        request: as above.
        seed: training seed.
        who: names the method's file and rule in messages.
        device: where to compute.
        retrained: as above.
    """

    def __init__(
        self,
        data: BenchmarkData,
        networks: Networks,
        request: Request,
        seed: int,
        who: str,
        device: torch.device,
        retrained: Sequence[Generator] = (),
    ):
        self._data, self._seed, self._device, self.request = data, seed, device, request
        self.networks, self.model = networks, place(networks.generator, device).eval()
        self.original: Generator = copy.deepcopy(self.model).requires_grad_(False)
        self.retrained = tuple(place(one, device).eval().requires_grad_(False) for one in retrained)
        self.objective: Objective = place(objective_for(data.config, networks, UNCHANGED), device)
        settings = data.config["unlearning"]
        self.steps: int = settings["steps"]
        self.shareable = 0.0
        self._batch_size = min(settings["batch"], len(data.subset))
        self._masking = Masking(masking_of(data.config), device)
        subset = subset_of(data)
        #: Rows of the target images in the subset.
        self._targets = [data.scenes.find(image_id) for image_id in subset.targets(request)]
        self._maps = {
            image_id: self._map(subset.roi(image_id, one) for one in ids)
            for image_id, ids in subset.targets(request).items()
        }
        self._at_start = self._checksums()
        self.budget = Budget(who, ALLOWANCE * self.steps * self._batch_size)
        self.model.register_forward_pre_hook(self.budget)

    @contextmanager
    def sharing(self) -> Iterator[None]:
        """Measure a block that computes what every request could share, such as a Fisher information."""
        started = time.perf_counter()
        yield
        if self._device.type != "cpu":
            torch.accelerator.synchronize(self._device)
        self.shareable += time.perf_counter() - started

    def _map(self, regions: Iterable[Region]) -> Tensor:
        return torch.from_numpy(inside(regions, self._data.scenes.image_size))[None].float().to(self._device)

    def regions(self, batch: Batch) -> Tensor:
        """Return the region maps [B, 1, H, W] of a batch: 1 on the RoIs of the targets, 0 elsewhere."""
        nothing = torch.zeros_like(batch.weights[0])
        return torch.stack([self._maps.get(image_id, nothing) for image_id in batch.image_ids])

    def targets(self, batch: Batch) -> Tensor:
        """Return a mask [N] that is true for the targets among the objects of a batch."""
        wanted = {(one.image_id, one.object_id) for one in self.request.targets}
        pairs = zip(batch.image_of.tolist(), batch.object_ids, strict=True)
        found = [(batch.image_ids[image], one) in wanted for image, one in pairs]
        return torch.tensor(found, device=batch.boxes.device)

    def maps(self, batch: Batch, chosen: Tensor) -> Tensor:
        """Return maps [B, 1, H, W]: 1 on the boxes of chosen objects, without a margin; `chosen` is a mask [N]."""
        size = batch.images.shape[-1]
        boxes = boxes_as_masks(batch.boxes[chosen], size).to(batch.weights)
        empty = batch.weights.new_zeros(len(batch.image_ids), size, size)
        return empty.index_add(0, batch.image_of[chosen], boxes).clamp(max=1)[:, None]

    @torch.no_grad()
    def absent(self, batch: Batch, condition: Condition) -> Tensor:
        """Return what the original model generates without the targets' nodes, their RoIs hidden: [B, 3, H, W]."""
        hidden = torch.maximum(condition.hidden, self.regions(batch))
        seen = without(batch, replace(condition, hidden=hidden), self.targets(batch))
        images: Tensor = self.original(*seen).images
        return images

    def losses(
        self, output: GeneratorOutput, batch: Batch, condition: Condition, weights: Tensor | float = 1.0
    ) -> Losses:
        """Return the configured losses of an output; the pixels have these spatial weights [B, 1, H, W]."""
        return self.objective(output, replace(batch, weights=batch.weights * weights), condition)

    def pieces(self, which: Literal["forget", "retain"], size: int | None = None) -> Iterator[Piece]:
        """Yield the forget set or the retain set.

        The forget set is the target images with weight on the RoIs of the targets alone; the retain set is all images
        of the subset with weight elsewhere. What is hidden of an image depends on the seed and the image alone.

        Args:
            which: the set.
            size: images of a piece; None for those of a training step.
        """
        rows = self._targets if which == "forget" else self._data.subset
        source, size = self._data.batches(), size or self._batch_size
        for start in range(0, len(rows), size):
            batch, condition = self._seen(source.batch(rows[start : start + size]))
            regions = self.regions(batch)
            yield Piece(batch, condition, regions if which == "forget" else 1 - regions)

    def _seen(self, batch: Batch) -> tuple[Batch, Condition]:
        seeds = [self.seed("hide", image_id) for image_id in batch.image_ids]
        return self._masking([batch], [seeds])[0]

    def loss(self, piece: Piece) -> Tensor:
        """Return the model's loss [] on a piece, with the piece's weights."""
        output = self.model(piece.batch, piece.condition)
        return total(self.losses(output, *piece).generator)

    @torch.no_grad()
    def mean_loss(self, which: Literal["forget", "retain"]) -> float:
        """Return the model's loss on a set, a mean over its images; it takes nothing of the budget."""
        losses = [(len(piece.batch.image_ids), float(self.loss(piece))) for piece in self.pieces(which)]
        return sum(images * loss for images, loss in losses) / sum(images for images, _ in losses)

    @torch.no_grad()
    def unseen_error(self) -> float:
        """Return the original model's mean error on objects that it never saw, as `mean_difference` measures it.

        They are the objects of the targets' categories in the held-out images, or all objects there if there are none.
        A method gets this number and not the images.
        """
        scenes = [self._data.scenes.scene(row) for row in self._data.heldout]
        categories = {*self.request.categories}
        if not any(categories & {*scene.categories.tolist()} for scene in scenes):
            categories = {category for scene in scenes for category in scene.categories.tolist()} - {0}
        size, margin = self._data.scenes.image_size, self._data.config["unlearning"]["roi_margin"]
        batch, condition = self._seen(self._data.batches().batch(self._data.heldout))
        maps = [self._map(_rois(scene, categories, size, margin)) for scene in scenes]
        return float(
            mean_difference(self.original(batch, condition).images, batch.targets, torch.stack(maps))
        )

    def seed(self, role: str, *axes: object) -> int:
        """Return a seed for a use of randomness; it depends on the training seed, the request, role and axes."""
        return derive_seed(self._seed, "method", self.request.id, role, *axes)

    def random(self, role: str, *axes: object) -> torch.Generator:
        """Return a random generator (CPU) with the seed of a role."""
        return torch.Generator().manual_seed(self.seed(role, *axes))

    def unchanged(self) -> bool:
        """Return whether the original model, and what else was given, is as it was."""
        return self._checksums() == self._at_start

    def _checksums(self) -> list[str]:
        return [checksum(model.state_dict()) for model in (self.original, *self.retrained)]


def _rois(scene: Scene, categories: set[int], size: int, margin: int) -> Iterator[Region]:
    for box, category in zip(scene.boxes.tolist(), scene.categories.tolist(), strict=True):
        if category in categories:
            yield region(box, size, margin)


def mean_difference(images: Tensor, others: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted mean absolute difference [] of images [B, 3, H, W]; 0 where no pixel has a weight.

    Args:
        images, others: normalised images.
        weights: [B, 1, H, W].
    """
    difference = (images - others).abs().mean(dim=1, keepdim=True)
    return (difference * weights).sum() / weights.sum().clamp(min=1)


def mean_by_image(differences: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted mean absolute value [B] of each of some maps [B, 3, H, W]; 0 where no pixel has a weight."""
    values = differences.abs().mean(dim=1, keepdim=True) * weights
    return values.sum(dim=(1, 2, 3)) / weights.sum(dim=(1, 2, 3)).clamp(min=1)


def mean_by_object(differences: Tensor, batch: Batch) -> Tensor:
    """Return the mean absolute value [N] within the box of each object of a batch, without a margin.

    Args:
        differences: [B, 3, H, W] for the images of the batch.
        batch: the scenes.
    """
    boxes = boxes_as_masks(batch.boxes, differences.shape[-1]).to(differences)
    values = differences.abs().mean(dim=1)[batch.image_of] * boxes
    return values.sum(dim=(1, 2)) / boxes.sum(dim=(1, 2)).clamp(min=1)


class TrainedMethod(LoopParts):
    """A method that trains: it replaces parts of the loop (`soulbench.training.parts.LoopParts`).

    Args:
        task: what the method may use.
        parameters: its `Parameters`.
    """

    def __init__(self, task: Task, parameters: Any):
        super().__init__(task.networks, task.objective)
        self.task, self.model, self.original = task, task.model, task.original
        self.parameters = parameters
        self.begin()

    def begin(self) -> None:
        """Prepare, while the model is the original one; a resumed training begins again, too."""


class OneShotMethod:
    """A method that changes the weights by itself, without the training loop.

    Args:
        task: what the method may use.
        parameters: its `Parameters`.
    """

    def __init__(self, task: Task, parameters: Any):
        self.task, self.model, self.parameters = task, task.model, parameters
        self.begin()

    def begin(self) -> None:
        """Compute what does not depend on the strength."""

    def weights(self, strength: float) -> Mapping[str, Tensor]:
        """Return new values of the model's parameters, by name; those that are not named stay.

        Args:
            strength: 1 is the method as its parameters say, 0 must change nothing, and `unlearning.strengths` are its
                further budgets.
        """
        raise NotImplementedError


#: What a file's `Method` is.
ProgrammaticMethod = Callable[[Task, Any], TrainedMethod | OneShotMethod]
