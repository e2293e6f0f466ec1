"""Which regions of which pictures each dimension compares (paper, section 5; evaluation of a request)."""

from collections.abc import Sequence

import numpy as np

from soulbench.data.packed import Scene
from soulbench.data.regions import Region, inside, region
from soulbench.data.requests.request import Request
from soulbench.evaluation.metrics import Place

#: An object of the target image of which less than this share lies outside the target's ROI says nothing about what
#: was retained.
MIN_VISIBLE = 0.25


def places(
    scenes: Sequence[Scene], roles: Sequence[str], request: Request, size: int, margin: int
) -> dict[str, list[Place]]:
    """Return the places of every dimension, by name; pictures are indexed as `scenes`.

    A1: the target's ROI. A2: every retained object of its image, area that overlaps the ROI left out; A2-rest: the
    whole image outside the ROI. A3: objects of the same category in other images of the subset, A3-heldout: in images
    outside training. A4: objects of other categories in other images of the subset. retained: other images of the
    subset as a whole; heldout: the images outside training as a whole.

    Args:
        scenes: of the subset and the held-out images. roles: "subset" | "heldout" of each.
        size: pixels a side. margin: of the ROI.
    """
    image = next(i for i, scene in enumerate(scenes) if scene.image_id == request.image_id)
    target = scenes[image].object_ids.tolist().index(request.object_id)
    roi = region(scenes[image].boxes[target].tolist(), size, margin)
    whole = (0, 0, size, size)
    found: dict[str, list[Place]] = {
        "A1": [Place(image, roi)],
        "A2": [Place(image, box, roi) for box in _retained(scenes[image], target, roi, size)],
        "A2-rest": [Place(image, whole, roi)],
    }
    for name in ("A3", "A3-heldout", "A4", "retained", "heldout"):
        found[name] = []
    for i, (scene, role) in enumerate(zip(scenes, roles, strict=True)):
        if i == image:
            continue
        found["retained" if role == "subset" else "heldout"].append(Place(i, whole))
        for box, category, object_id in zip(scene.boxes, scene.categories, scene.object_ids, strict=True):
            place = Place(i, region(box.tolist(), size))
            if object_id >= 0 and category == request.category:
                found["A3" if role == "subset" else "A3-heldout"].append(place)
            elif object_id >= 0 and role == "subset":
                found["A4"].append(place)
    return found


def _retained(scene: Scene, target: int, roi: Region, size: int) -> list[Region]:
    hidden = inside([roi], size)
    boxes = []
    for index, box in enumerate(scene.boxes):
        pixels = region(box.tolist(), size)
        area = inside([pixels], size)
        if (
            index != target
            and scene.object_ids[index] >= 0
            and (area & ~hidden).sum() >= MIN_VISIBLE * area.sum()
        ):
            boxes.append(pixels)
    return boxes


def mean_picture_error(pictures: np.ndarray, like: np.ndarray) -> float:
    """MAE in grey levels of the constant output that fits the pictures best: their mean picture.

    Args:
        pictures: uint8 [M, H, W, 3], what is to be drawn. like: the pictures that the mean is taken over.
    """
    return float(np.abs(pictures - like.astype(np.float64).mean(axis=0)).mean())


def spread(pictures: np.ndarray) -> float:
    """Mean absolute difference in grey levels between all pairs of different pictures, uint8 [M, H, W, 3]."""
    flat = pictures.reshape(len(pictures), -1).astype(np.float32)
    pairs = [np.abs(flat[i + 1 :] - flat[i]).mean(axis=1) for i in range(len(flat) - 1)]
    return float(np.concatenate(pairs).mean()) if pairs else 0.0
