"""Singleton query: relabel an object that has no path to the target."""

import numpy as np

from soulbench.data.packed import Scene
from soulbench.data.scene_graph import hops, objects
from soulbench.queries._relabel import relabel


def rewrite(scene: Scene, target: int, names: list[str], rng: np.random.Generator) -> Scene | str:
    """Return the scene with one unconnected object relabelled, or a reason; arguments as in `neighbor.rewrite`."""
    reached = hops(scene, target)
    candidates = [node for node in objects(scene) if node not in reached]
    if not candidates:
        return "every object has a path to the target"
    return relabel(scene, candidates, len(names), rng)
