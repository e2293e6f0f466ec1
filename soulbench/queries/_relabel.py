"""Common to several queries: relabelling one object."""

from dataclasses import replace

import numpy as np

from soulbench.data.packed import Scene


def relabel(scene: Scene, candidates: list[int], categories: int, rng: np.random.Generator) -> Scene:
    """Give a random candidate another random category of the vocabulary (never `__image__`)."""
    chosen = int(rng.choice(candidates))
    others = [c for c in range(1, categories) if c != scene.categories[chosen]]
    labels = scene.categories.copy()
    labels[chosen] = int(rng.choice(others))
    return replace(scene, categories=labels)
