"""Neighbor query: relabel an object two hops from the target, adjacent but not directly connected to it."""

import numpy as np

from soulbench.data.packed import Scene
from soulbench.queries._relabel import hops, relabel

HOPS = 2


def rewrite(
    scene: Scene, target: int, names: list[str], rng: np.random.Generator, distance: int = HOPS
) -> Scene | str:
    """Return the scene with one object at `distance` hops relabelled, or why that cannot be.

    Args:
        scene: the target's scene graph. target: the target's index in it.
        names: object vocabulary. rng: draws the object and its new label.
    """
    candidates = [node for node, length in hops(scene, target).items() if length == distance]
    if not candidates:
        return f"no object is {distance} hop{'s' if distance > 1 else ''} from the target"
    return relabel(scene, candidates, len(names), rng)
