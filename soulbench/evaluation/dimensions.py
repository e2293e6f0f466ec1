"""Which regions of which images each dimension compares (paper, section 5)."""

from collections.abc import Sequence

import numpy as np

from soulbench.data.packed import Scene
from soulbench.data.regions import Region, inside, region
from soulbench.data.requests.request import Request
from soulbench.evaluation.metrics import ComparedRegion

#: An object of the target image counts as retained only if at least this share of it lies outside the target's RoI.
MIN_VISIBLE = 0.25


def compared_regions(
    scenes: Sequence[Scene], roles: Sequence[str], request: Request, size: int, margin: int
) -> dict[str, list[ComparedRegion]]:
    """Return the compared regions by name; `image_index` counts the scenes.

    A1: the target's RoI.
    A2: every retained object of the target image, without the pixels of the RoI.
    A2-rest: the whole target image, without the RoI.
    A3: objects of the target's category in other images of the subset.
    A3-heldout: the same in held-out images.
    A4: objects of other categories in other images of the subset.
    retained: the other images of the subset as a whole.
    heldout: the held-out images as a whole.

    Args:
        scenes: those of the subset and the held-out images.
        roles: `subset` or `heldout` for each scene.
        request: the object to forget.
        size: pixels per side of an image.
        margin: pixels around the target's box.
    """
    target_image = next(i for i, scene in enumerate(scenes) if scene.image_id == request.image_id)
    target_scene = scenes[target_image]
    target = target_scene.object_ids.tolist().index(request.object_id)
    roi = region(target_scene.boxes[target].tolist(), size, margin)
    whole = (0, 0, size, size)
    regions: dict[str, list[ComparedRegion]] = {
        "A1": [ComparedRegion(target_image, roi)],
        "A2": [ComparedRegion(target_image, box, roi) for box in _retained(target_scene, target, roi, size)],
        "A2-rest": [ComparedRegion(target_image, whole, roi)],
    }
    for name in ("A3", "A3-heldout", "A4", "retained", "heldout"):
        regions[name] = []
    for i, (scene, role) in enumerate(zip(scenes, roles, strict=True)):
        if i == target_image:
            continue
        regions["retained" if role == "subset" else "heldout"].append(ComparedRegion(i, whole))
        for box, category, object_id in zip(scene.boxes, scene.categories, scene.object_ids, strict=True):
            compared = ComparedRegion(i, region(box.tolist(), size))
            if object_id >= 0 and category == request.category:
                regions["A3" if role == "subset" else "A3-heldout"].append(compared)
            elif object_id >= 0 and role == "subset":
                regions["A4"].append(compared)
    return regions


def _retained(scene: Scene, target: int, roi: Region, size: int) -> list[Region]:
    """Return the regions of the target image's other objects that are not hidden by the RoI."""
    in_roi = inside([roi], size)
    retained = []
    for index, box in enumerate(scene.boxes):
        pixels = region(box.tolist(), size)
        area = inside([pixels], size)
        visible = (area & ~in_roi).sum() >= MIN_VISIBLE * area.sum()
        if index != target and scene.object_ids[index] >= 0 and visible:
            retained.append(pixels)
    return retained


def mean_image_error(images: np.ndarray) -> float:
    """Return the MAE in grey levels of a constant output, the mean image, for images uint8 [M, H, W, 3]."""
    return float(np.abs(images - images.astype(np.float64).mean(axis=0)).mean())


def spread(images: np.ndarray) -> float:
    """Return the mean absolute difference in grey levels between all pairs of images, uint8 [M, H, W, 3]."""
    flat = images.reshape(len(images), -1).astype(np.float32)
    pairs = [np.abs(flat[i + 1 :] - flat[i]).mean(axis=1) for i in range(len(flat) - 1)]
    return float(np.concatenate(pairs).mean()) if pairs else 0.0
