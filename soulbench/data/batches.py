"""From packed scenes to the tensors of a batch: flat objects and triples, and where each belongs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from soulbench.data.packed import Columns, PackedScenes, Scene

#: ImageNet's channel means and standard deviations, for pixels in [0, 1].
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def normalise(pixels: Tensor) -> Tensor:
    """uint8 pixels [..., H, W, 3] -> normalised [..., 3, H, W] float32."""
    mean, deviation = (torch.tensor(v)[:, None, None] for v in (MEAN, DEVIATION))
    # Moved first, and then in place: six times as fast as channels last and new arrays, with the same bits.
    planes = pixels.movedim(-1, -3).to(torch.float32, memory_format=torch.contiguous_format)
    return planes.div_(255).sub_(mean).div_(deviation)


def to_pixels(images: Tensor) -> Tensor:
    """Normalised images [B, 3, H, W] -> pixels in [0, 1], clipped; the same for every model that is compared."""
    mean, deviation = (images.new_tensor(v)[:, None, None] for v in (MEAN, DEVIATION))
    return (images * deviation + mean).clamp(0, 1)


@dataclass(frozen=True)
class Batch:
    """A batch of scene graphs with their photographs. Objects and triples of all images are flat lists.

    Attributes:
        image_ids: ids of the B images; object_ids: ids of the N objects (-1 for the image node).
        images: [B, 3, H, W] what the network may see, normalised.
        targets: [B, 3, H, W] what the loss compares with.
        weights: [B, 1, H, W] weight of each pixel in every loss.
        guidance: [B, 1, H, W] negative guidance: this much times the L1 is subtracted (already per ROI area).
        sign: [B] +1, or -1 where the whole loss of an image is negated.
        visual: [N, F] frozen visual features; categories: [N]; boxes: [N, 4] in [0, 1].
        triples: [T, 3] subject, predicate, object; indices into the N objects.
        image_of: [N] image of each object; cells: [N] position of each object in a padded [B * slots] list.
        slots: objects per image in padded lists (static, so that shapes do not depend on the batch).
        object_count: what a sum over objects is divided by to be their mean: N, or, of a batch that is a piece of a
            larger one, the mean number of a piece, so that the mean of the pieces' losses is the whole's.
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
    cells: Tensor
    slots: int
    object_count: float

    def pad(self, values: Tensor) -> Tensor:
        """Flat values [N, ...] -> [B, slots, ...], zero in unused slots."""
        empty = values.new_zeros(len(self.image_ids) * self.slots, *values.shape[1:])
        return empty.index_copy(0, self.cells, values).view(-1, self.slots, *values.shape[1:])


@dataclass(frozen=True)
class EditedScene:
    """A scene as a training sees it in place of the packed one (`soulbench.unlearning.edits`).

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
    """Makes batches of packed scenes, some of them edited.

    Args:
        scenes: the packed set.
        visual: [rows, F] frozen visual features of all its objects.
        edited: scenes that stand in for the packed ones, by row.
    """

    def __init__(
        self, scenes: PackedScenes, visual: np.ndarray, edited: Mapping[int, EditedScene] | None = None
    ):
        self.scenes, self.visual, self.edited = scenes, np.asarray(visual), edited or {}

    def batch(self, rows: Sequence[int]) -> Batch:
        """The scenes at these rows of the packed set."""
        if self.edited.keys().isdisjoint(rows):
            columns, places = self.scenes.gather(rows)
            return self._assembled(columns, self.visual[places])
        scenes, visual = zip(*map(self._graph, rows), strict=True)
        return self._with_edits(self.collate(scenes, visual), rows)

    def objects(self, rows: Sequence[int]) -> int:
        """How many objects the scenes at these rows have."""
        offsets, edited = self.scenes.offsets, self.edited
        return sum(
            len(edited[row].scene.categories) if row in edited else int(offsets[row + 1] - offsets[row])
            for row in rows
        )

    def collate(self, scenes: Sequence[Scene], visual: Sequence[np.ndarray]) -> Batch:
        """Scenes and the features [n, F] of their objects as a batch, unedited."""
        return self._assembled(Columns.of(scenes), np.concatenate(visual))

    def _graph(self, row: int) -> tuple[Scene, np.ndarray]:
        if row in self.edited:
            return self.edited[row].scene, self.edited[row].visual
        scene = self.scenes.scene(row)
        return scene, self.visual[scene.first_row : scene.first_row + len(scene.categories)]

    def _assembled(self, columns: Columns, visual: np.ndarray) -> Batch:
        count, starts = len(columns.objects), np.cumsum(columns.objects) - columns.objects
        image_of = np.repeat(np.arange(count), columns.objects)
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
            cells=torch.from_numpy(image_of * self.scenes.slots + slot),
            slots=self.scenes.slots,
            object_count=float(len(image_of)),
        )

    def _with_edits(self, batch: Batch, rows: Sequence[int]) -> Batch:
        places = [(place, self.edited[row]) for place, row in enumerate(rows) if row in self.edited]
        if not places:
            return batch
        names = {"images": "image", "targets": "target", "weights": "weights", "guidance": "guidance"}
        changed = {name: getattr(batch, name).clone() for name in [*names, "sign"]}
        for place, edited in places:
            changed["sign"][place] = edited.sign
            for name, source in names.items():
                changed[name][place] = getattr(edited, source)
        return replace(batch, **changed)
