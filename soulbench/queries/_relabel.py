"""Common to several queries: distances in a scene graph, and relabelling one object."""

from dataclasses import replace

import networkx
import numpy as np

from soulbench.data.packed import Scene


def hops(scene: Scene, target: int) -> dict[int, int]:
    """Return the number of edges from the target to each object that it has a path to, `__in_image__` edges aside."""
    edges = scene.triples[scene.triples[:, 1] != 0]
    graph = networkx.Graph(edges[:, ::2].tolist())
    graph.add_nodes_from(range(len(scene.categories)))
    return networkx.single_source_shortest_path_length(graph, target)


def relabel(scene: Scene, candidates: list[int], categories: int, rng: np.random.Generator) -> Scene:
    """Give a random candidate another random category of the vocabulary (never `__image__`)."""
    chosen = int(rng.choice(candidates))
    others = [c for c in range(1, categories) if c != scene.categories[chosen]]
    labels = scene.categories.copy()
    labels[chosen] = int(rng.choice(others))
    return replace(scene, categories=labels)


def objects(scene: Scene) -> list[int]:
    """Return the indices of the objects, without the image node."""
    return np.flatnonzero(scene.object_ids >= 0).tolist()
