"""From packed scenes to the tensors of a batch: flat objects and triples, and where each belongs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from soulbench.scenes.packed import PackedScenes, Scene

#: ImageNet's channel means and standard deviations, for pixels in [0, 1].
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def normalise(pixels: Tensor) -> Tensor:
    """uint8 pixels [..., H, W, 3] -> normalised [..., 3, H, W] float32."""
    mean, deviation = (pixels.new_tensor(v, dtype=torch.float32) for v in (MEAN, DEVIATION))
    return ((pixels.float() / 255 - mean) / deviation).movedim(-1, -3).contiguous()


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

    def pad(self, values: Tensor) -> Tensor:
        """Flat values [N, ...] -> [B, slots, ...], zero in unused slots."""
        empty = values.new_zeros(len(self.image_ids) * self.slots, *values.shape[1:])
        return empty.index_copy(0, self.cells, values).view(-1, self.slots, *values.shape[1:])


@dataclass(frozen=True)
class EditedScene:
    """A scene as a training sees it in place of the packed one (`soulbench.training.edits`).

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
        self.scenes, self.visual, self.edited = scenes, visual, edited or {}

    def _graph(self, row: int) -> tuple[Scene, np.ndarray]:
        if row in self.edited:
            return self.edited[row].scene, self.edited[row].visual
        scene = self.scenes.scene(row)
        return scene, self.visual[scene.first_row : scene.first_row + len(scene.categories)]

    def batch(self, rows: Sequence[int]) -> Batch:
        """The scenes at these rows of the packed set."""
        scenes, visual = zip(*map(self._graph, rows), strict=True)
        return self._with_edits(self.collate(scenes, visual), rows)

    def collate(self, scenes: Sequence[Scene], visual: Sequence[np.ndarray]) -> Batch:
        """Scenes and the features [n, F] of their objects as a batch, unedited."""
        counts = np.array([len(s.categories) for s in scenes])
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        image_of = np.repeat(np.arange(len(scenes)), counts)
        slot = np.arange(counts.sum()) - starts[image_of]
        triples = [s.triples + np.array([start, 0, start]) for s, start in zip(scenes, starts, strict=True)]
        images = normalise(torch.from_numpy(np.stack([s.pixels for s in scenes])))
        ones = images.new_ones(len(scenes), 1, *images.shape[2:])
        return Batch(
            image_ids=tuple(int(s.image_id) for s in scenes),
            object_ids=tuple(int(o) for s in scenes for o in s.object_ids),
            images=images,
            targets=images,
            weights=ones,
            guidance=torch.zeros_like(ones),
            sign=images.new_ones(len(scenes)),
            visual=torch.from_numpy(np.concatenate(visual)),
            categories=torch.from_numpy(np.concatenate([s.categories for s in scenes])),
            boxes=torch.from_numpy(np.concatenate([s.boxes for s in scenes])),
            triples=torch.from_numpy(np.concatenate(triples)),
            image_of=torch.from_numpy(image_of),
            cells=torch.from_numpy(image_of * self.scenes.slots + slot),
            slots=self.scenes.slots,
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
