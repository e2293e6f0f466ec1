"""Neighbor query as the release means it: relabel an object that is directly connected to the target."""

import numpy as np

from soulbench.data.packed import Scene
from soulbench.queries import neighbor


def rewrite(scene: Scene, target: int, names: list[str], rng: np.random.Generator) -> Scene | str:
    """Return the scene with one direct neighbour relabelled, or why that cannot be; arguments as in `neighbor`."""
    return neighbor.rewrite(scene, target, names, rng, distance=1)
