"""From packed scenes to the tensors of a batch: objects and triples as flat lists, with their images."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from soulbench.core.records import content_hash
from soulbench.data.packed import Columns, PackedScenes, Scene

#: ImageNet's channel means and standard deviations, for pixels in [0, 1].
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def normalise(pixels: Tensor) -> Tensor:
    """Return uint8 pixels [..., H, W, 3] as normalised float32 planes [..., 3, H, W]."""
    mean, deviation = (torch.tensor(v)[:, None, None] for v in (MEAN, DEVIATION))
    # Transposed first, then computed in place: six times as fast as channels last and new arrays, the same bits.
    planes = pixels.movedim(-1, -3).to(torch.float32, memory_format=torch.contiguous_format)
    return planes.div_(255).sub_(mean).div_(deviation)


def to_pixels(images: Tensor) -> Tensor:
    """Return normalised images [B, 3, H, W] as pixels in [0, 1], clipped."""
    mean, deviation = (images.new_tensor(v)[:, None, None] for v in (MEAN, DEVIATION))
    return (images * deviation + mean).clamp(0, 1)


@dataclass(frozen=True)
class Batch:
    """A batch of scene graphs with their photographs. Objects and triples of all images are flat lists.

    Attributes:
        image_ids: ids of the B images; object_ids: ids of the N objects (-1 for the image node).
        images: [B, 3, H, W] input of the generator, normalised.
        targets: [B, 3, H, W] what the losses compare the output with.
        weights: [B, 1, H, W] weight of each pixel in every loss.
        guidance: [B, 1, H, W] negative guidance: this much times the L1 is subtracted (already divided by the
            RoI's area).
        sign: [B] +1, or -1 where the whole loss of an image is negated.
        visual: [N, F] frozen visual features; categories: [N]; boxes: [N, 4] in [0, 1].
        triples: [T, 3] subject, predicate, object; indices into the N objects.
        image_of: [N] image of each object; slot_index: [N] position of each object in the
            padded [B * slots] list.
        slots: objects per image in padded lists (static, so that shapes do not depend on the batch).
        object_count: divisor that turns a sum over objects into their mean: N. If the batch is a piece of a larger
            one, it is the mean N of the pieces: the mean of the pieces' losses is then the loss of the whole batch.
    """

    image_ids: tuple[int, ...]
    object_ids: tuple[int, ...]
    images: Tensor
    targets: Tensor
    weights: Tensor
    guidance: Tensor
    sign: Tensor
    visual: Tensor
    categories: Tensor
    boxes: Tensor
    triples: Tensor
    image_of: Tensor
    slot_index: Tensor
    slots: int
    object_count: float

    @property
    def is_object(self) -> Tensor:
        """[N] bool, false for the image nodes."""
        return torch.tensor(self.object_ids, device=self.boxes.device) >= 0

    def pad(self, values: Tensor) -> Tensor:
        """Return flat values [N, ...] as a padded list [B, slots, ...], zero in unused slots."""
        empty = values.new_zeros(len(self.image_ids) * self.slots, *values.shape[1:])
        return empty.index_copy(0, self.slot_index, values).view(-1, self.slots, *values.shape[1:])


@dataclass(frozen=True)
class EditedScene:
    """A scene that replaces the packed one during training (`soulbench.unlearning.edits`).

    Attributes:
        scene: its graph; visual: [n, F] features of its objects.
        image, target: [3, H, W]; weights, guidance: [1, H, W]; sign: as in `Batch`.
    """

    scene: Scene
    visual: np.ndarray
    image: Tensor
    target: Tensor
    weights: Tensor
    guidance: Tensor
    sign: float


class SceneBatches:
    """Builds batches of packed scenes, some of them edited.

    Args:
        scenes: the packed set.
        visual: [rows, F] frozen visual features of all its objects.
        edited: scenes that replace the packed ones, by row.
    """

    def __init__(
        self, scenes: PackedScenes, visual: np.ndarray, edited: Mapping[int, EditedScene] | None = None
    ) -> None:
        self.scenes, self.visual, self.edited = scenes, np.asarray(visual), edited or {}

    def batch(self, rows: Sequence[int]) -> Batch:
        """Return the scenes at these rows of the packed set as a batch."""
        if self.edited.keys().isdisjoint(rows):
            columns, object_rows = self.scenes.gather(rows)
            return self._assembled(columns, self.visual[object_rows])
        scenes, visual = zip(*map(self._graph, rows), strict=True)
        return self._with_edits(self.collate(scenes, visual), rows)

    def objects(self, rows: Sequence[int]) -> int:
        """Count the objects of the scenes at these rows."""
        offsets, edited = self.scenes.offsets, self.edited
        return sum(
            len(edited[row].scene.categories) if row in edited else int(offsets[row + 1] - offsets[row])
            for row in rows
        )

    def digest(self, rows: Sequence[int]) -> str:
        """Return a hash of all that batches of these rows hold, in their order."""
        return content_hash((array for row in rows for array in self._content(row)), self.scenes.slots)

    def _content(self, row: int) -> Iterator[Any]:
        scene, visual = self._graph(row)
        yield from (scene.image_id, scene.object_ids, scene.categories, scene.boxes, scene.triples, visual)
        if row not in self.edited:
            yield scene.pixels
            return
        edited = self.edited[row]
        yield from (edited.image, edited.target, edited.weights, edited.guidance, edited.sign)

    def collate(self, scenes: Sequence[Scene], visual: Sequence[np.ndarray]) -> Batch:
        """Return scenes and the features [n, F] of their objects as a batch, without edits."""
        return self._assembled(Columns.of(scenes), np.concatenate(visual))

    def _graph(self, row: int) -> tuple[Scene, np.ndarray]:
        if row in self.edited:
            return self.edited[row].scene, self.edited[row].visual
        scene = self.scenes.scene(row)
        return scene, self.visual[scene.first_row : scene.first_row + len(scene.categories)]

    def _assembled(self, columns: Columns, visual: np.ndarray) -> Batch:
        count, object_counts = len(columns.object_counts), columns.object_counts
        starts = np.cumsum(object_counts) - object_counts
        image_of = np.repeat(np.arange(count), object_counts)
        slot = np.arange(len(image_of)) - starts[image_of]
        triples = columns.triples.copy()
        triples[:, ::2] += np.repeat(starts, columns.triple_counts)[:, None]
        images = normalise(torch.from_numpy(columns.pixels))
        ones = images.new_ones(count, 1, *images.shape[2:])
        return Batch(
            image_ids=tuple(columns.image_ids.tolist()),
            object_ids=tuple(columns.object_ids.tolist()),
            images=images,
            targets=images,
            weights=ones,
            guidance=torch.zeros_like(ones),
            sign=images.new_ones(count),
            visual=torch.from_numpy(visual),
            categories=torch.from_numpy(columns.categories),
            boxes=torch.from_numpy(columns.boxes),
            triples=torch.from_numpy(triples),
            image_of=torch.from_numpy(image_of),
            slot_index=torch.from_numpy(image_of * self.scenes.slots + slot),
            slots=self.scenes.slots,
            object_count=float(len(image_of)),
        )

    def _with_edits(self, batch: Batch, rows: Sequence[int]) -> Batch:
        edits = [(index, self.edited[row]) for index, row in enumerate(rows) if row in self.edited]
        if not edits:
            return batch
        names = {"images": "image", "targets": "target", "weights": "weights", "guidance": "guidance"}
        changed = {name: getattr(batch, name).clone() for name in [*names, "sign"]}
        for index, edited in edits:
            changed["sign"][index] = edited.sign
            for name, source in names.items():
                changed[name][index] = getattr(edited, source)
        return replace(batch, **changed)
