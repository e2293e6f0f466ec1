"""Walks through a scene graph: which objects are how far from another, and where its relationships lead."""

import networkx
import numpy as np

from soulbench.data.packed import Scene


def objects(scene: Scene) -> list[int]:
    """Return the indices of the objects, without the image node."""
    return np.flatnonzero(scene.object_ids >= 0).tolist()


def hops(scene: Scene, target: int) -> dict[int, int]:
    """Return the number of edges from the target to each object that it has a path to, `__in_image__` edges aside."""
    edges = scene.triples[scene.triples[:, 1] != 0]
    graph = networkx.Graph(edges[:, ::2].tolist())
    graph.add_nodes_from(range(len(scene.categories)))
    return networkx.single_source_shortest_path_length(graph, target)
