"""Which regions of which images each dimension compares (paper, section 5)."""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from soulbench.data.packed import Scene
from soulbench.data.regions import Region, inside, region
from soulbench.data.requests.request import Request
from soulbench.evaluation.metrics import ComparedRegion

#: An object counts as retained only if at least this share of it lies outside the RoIs of what models lack.
MIN_VISIBLE = 0.25


def compared_regions(
    scenes: Sequence[Scene],
    roles: Sequence[str],
    request: Request,
    people: Collection[int],
    size: int,
    margin: int,
    lacking: Mapping[int, Collection[int]] = MappingProxyType({}),
) -> dict[str, list[ComparedRegion]]:
    """Return the compared regions by name; `image_index` counts the scenes.

    A1: the RoIs of the targets, that of the primary target first.
    A2: every retained object of the target images, without the pixels of the RoIs.
    A2-people: the people among them.
    A2-rest: the whole target images, without the RoIs.
    A3: in other images of the subset, objects of the categories that were asked for.
    A3-heldout: the same in held-out images.
    A4: objects of other categories in other images of the subset.
    retained: the other images of the subset as a whole.
    heldout: the held-out images as a whole.

    Args:
        scenes: those of the subset and the held-out images. Targets in other images are not compared.
        roles: `subset` or `heldout` for each scene.
        request: the objects to forget.
        people: categories whose objects are people.
        size: pixels per side of an image.
        margin: pixels around the targets' boxes.
        lacking: ids of objects, by image, of which a compared model was trained without, besides the targets: those
            of other requests, for a model of the bank. What it draws there tells nothing of this request, so these
            objects are not compared, and the pixels of their RoIs count for no dimension but A1.
    """
    whole, targets = (0, 0, size, size), request.images
    regions: dict[str, list[ComparedRegion]] = {
        name: []
        for name in ("A1", "A2", "A2-people", "A2-rest", "A3", "A3-heldout", "A4", "retained", "heldout")
    }
    for i, (scene, role) in enumerate(zip(scenes, roles, strict=True)):
        objects = list(
            zip(scene.object_ids.tolist(), scene.categories.tolist(), scene.boxes.tolist(), strict=True)
        )
        ids, unseen = targets.get(scene.image_id, ()), lacking.get(scene.image_id, ())
        boxes = {object_id: box for object_id, _, box in objects}
        rois = tuple(region(boxes[object_id], size, margin) for object_id in ids)
        hidden = (*rois, *(region(boxes[object_id], size, margin) for object_id in unseen))
        retained = [
            (category, region(box, size))
            for object_id, category, box in objects
            if object_id not in (*ids, *unseen, -1)
        ]
        others = [(category, pixels) for category, pixels in retained if _is_visible(pixels, hidden, size)]
        if ids:
            regions["A1"] += [ComparedRegion(i, roi) for roi in rois]
            regions["A2-rest"].append(ComparedRegion(i, whole, hidden))
            for category, pixels in others:
                regions["A2"].append(ComparedRegion(i, pixels, hidden))
                regions["A2-people"] += regions["A2"][-1:] if category in people else []
            continue
        regions["retained" if role == "subset" else "heldout"].append(ComparedRegion(i, whole, hidden))
        for category, pixels in others:
            if category in request.categories:
                regions["A3" if role == "subset" else "A3-heldout"].append(ComparedRegion(i, pixels, hidden))
            elif role == "subset":
                regions["A4"].append(ComparedRegion(i, pixels, hidden))
    primary = [scene.image_id for scene in scenes].index(request.primary.image_id)
    regions["A1"].sort(key=lambda compared: compared.image_index != primary)
    return regions


def _is_visible(pixels: Region, rois: Sequence[Region], size: int) -> bool:
    """Tell whether enough of an object lies outside some RoIs for it to count as retained."""
    area = inside([pixels], size)
    return bool((area & ~inside(rois, size)).sum() >= MIN_VISIBLE * area.sum())


def mean_image_error(images: np.ndarray) -> float:
    """Return the MAE in grey levels of a constant output, the mean image, for images uint8 [M, H, W, 3]."""
    return float(np.abs(images - images.astype(np.float64).mean(axis=0)).mean())


def spread(images: np.ndarray) -> float:
    """Return the mean absolute difference in grey levels between all pairs of images, uint8 [M, H, W, 3]."""
    flat = images.reshape(len(images), -1).astype(np.float32)
    pairs = [np.abs(flat[i + 1 :] - flat[i]).mean(axis=1) for i in range(len(flat) - 1)]
    return float(np.concatenate(pairs).mean()) if pairs else 0.0
