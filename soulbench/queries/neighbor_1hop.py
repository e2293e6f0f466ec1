"""Neighbor query as in the release: relabel an object that an edge joins to the target."""

import numpy as np

from soulbench.data.packed import Scene
from soulbench.queries import neighbor


def rewrite(scene: Scene, target: int, names: list[str], rng: np.random.Generator) -> Scene | str:
    """Return the scene with one direct neighbour relabelled, or a reason; arguments as in `neighbor.rewrite`."""
    return neighbor.rewrite(scene, target, names, rng, distance=1)
