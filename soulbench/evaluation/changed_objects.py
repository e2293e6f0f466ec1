"""How much each object's region changes between two models' images: what the attacker of the update leak ranks."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from soulbench.data.packed import Scene
from soulbench.data.regions import region


class ChangedObject(NamedTuple):
    """An object that an attacker ranks.

    Attributes:
        scene: index of its scene.
        object: its index in the scene.
        change: mean absolute change of its region, grey levels.
        is_target: whether the request asks for it.
    """

    scene: int
    object: int
    change: float
    is_target: bool


def changed_objects(
    changes: np.ndarray,
    scenes: Sequence[Scene],
    targets: Mapping[int, Collection[int]],
    requested: Mapping[int, Collection[int]],
) -> list[ChangedObject]:
    """Return the objects of some scenes with the change of their regions, in the scenes' order.

    What other requests ask for is left out: a model of the bank lacks their targets as well, which would stand out
    beside its own.

    Args:
        changes: absolute differences of two models' images, grey levels [M, H, W].
        scenes: the M scenes, on which models are trained.
        targets: ids of the request's targets by image.
        requested: ids of all objects that any request asks for, by image.
    """
    found = []
    for index, (change, scene) in enumerate(zip(changes, scenes, strict=True)):
        ids = targets.get(scene.image_id, ())
        left_out = {-1, *requested.get(scene.image_id, ())}.difference(ids)
        for number, (object_id, box) in enumerate(
            zip(scene.object_ids.tolist(), scene.boxes.tolist(), strict=True)
        ):
            if object_id not in left_out:
                x0, y0, x1, y1 = region(box, change.shape[0])
                found.append(
                    ChangedObject(index, number, float(change[y0:y1, x0:x1].mean()), object_id in ids)
                )
    return found
