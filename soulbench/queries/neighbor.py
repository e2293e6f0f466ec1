"""Neighbor query: relabel an object two hops from the target, so that no edge joins the two."""

import numpy as np

from soulbench.data.packed import Scene
from soulbench.data.scene_graph import hops
from soulbench.queries._relabel import relabel

HOPS = 2


def rewrite(
    scene: Scene, target: int, names: list[str], rng: np.random.Generator, distance: int = HOPS
) -> Scene | str:
    """Return the scene with one object at `distance` hops relabelled, or the reason why that is impossible.

    Args:
        scene: scene graph of the target image.
        target: index of the target in it.
        names: the object vocabulary.
        rng: chooses the object and its new label.
        distance: number of edges between the object and the target.
    """
    candidates = [node for node, length in hops(scene, target).items() if length == distance]
    if not candidates:
        return f"no object is {distance} hop{'s' if distance > 1 else ''} from the target"
    return relabel(scene, candidates, len(names), rng)
