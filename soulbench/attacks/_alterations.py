"""Random alterations of the primary target's scene graph, each of which keeps its target somewhere.

An alteration is a function of the attacked model and of random numbers: it returns an altered query, or None where it
does not apply. It looks at the data and the request alone, never at the model's weights.
"""

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from soulbench.data.packed import Scene
from soulbench.data.scene_graph import objects
from soulbench.evaluation.attacked import Attacked
from soulbench.queries import fuzzy, neighbor, singleton

#: The paper's queries, and one of the target itself: what is no edge away from it is relabelled.
REWRITES: tuple[Callable[..., Scene | str], ...] = (
    *(functools.partial(neighbor.rewrite, distance=distance) for distance in (0, 1, 2)),
    singleton.rewrite,
    fuzzy.rewrite,
)
#: Greatest factor by which a side of the target's box becomes longer or shorter.
SCALE = 1.4


class Query(NamedTuple):
    """A scene graph that is put to a model.

    Attributes:
        scene: the scene graph.
        visual: [n, F] visual features of its objects.
        box: float32 [4]: x0, y0, x1, y1 in [0, 1]: where it has the target.
    """

    scene: Scene
    visual: np.ndarray
    box: np.ndarray


def unaltered(model: Attacked) -> Query:
    """Return the scene graph as it is."""
    return Query(model.scene, model.visual, model.scene.boxes[model.target])


def draw(model: Attacked, number: int, rng: np.random.Generator) -> list[Query]:
    """Return so many altered queries; each is of a random kind that applies. `moved` always does."""
    queries = list[Query]()
    while len(queries) < number:
        altered = ALTERATIONS[rng.integers(len(ALTERATIONS))](model, rng)
        if altered is not None:
            queries.append(altered)
    return queries


def relabelled(model: Attacked, rng: np.random.Generator) -> Query | None:
    """Give the target, a neighbour or an unconnected object another label."""
    rewrite, names = REWRITES[rng.integers(len(REWRITES))], model.data.scenes.vocabulary.objects
    altered = rewrite(model.scene, model.target, names, rng)
    return None if isinstance(altered, str) else unaltered(model)._replace(scene=altered)


def related(model: Attacked, rng: np.random.Generator) -> Query | None:
    """Add a random relationship between the target and another object."""
    others = [node for node in objects(model.scene) if node != model.target]
    predicates = len(model.data.scenes.vocabulary.predicates)
    if not others or predicates < 2:
        return None
    ends = rng.permutation([model.target, rng.choice(others)])
    added = np.array([[ends[0], rng.integers(1, predicates), ends[1]]])
    return _rewired(model, np.concatenate([added, model.scene.triples]))


def unrelated(model: Attacked, rng: np.random.Generator) -> Query | None:
    """Drop one of the target's relationships."""
    edges = _relationships(model)
    if not edges:
        return None
    return _rewired(model, np.delete(model.scene.triples, rng.choice(edges), axis=0))


def reversed_edge(model: Attacked, rng: np.random.Generator) -> Query | None:
    """Make subject and object of one of the target's relationships change places."""
    edges = _relationships(model)
    if not edges:
        return None
    triples, edge = model.scene.triples.copy(), rng.choice(edges)
    triples[edge] = triples[edge][::-1]
    return _rewired(model, triples)


def _relationships(model: Attacked) -> list[int]:
    """Return the places of the target's relationships among the triples; the edge to the image node is none."""
    triples = model.scene.triples
    return np.flatnonzero((triples[:, 1] != 0) & (triples[:, ::2] == model.target).any(axis=1)).tolist()


def _rewired(model: Attacked, triples: np.ndarray) -> Query:
    return unaltered(model)._replace(scene=replace(model.scene, triples=triples))


def moved(model: Attacked, rng: np.random.Generator) -> Query:
    """Put the target's box anywhere in the image."""
    box = model.scene.boxes[model.target]
    size = box[2:] - box[:2]
    return _placed(model, size, rng.uniform(0, 1 - size))


def scaled(model: Attacked, rng: np.random.Generator) -> Query:
    """Make the target's box longer or shorter in both directions, where it is."""
    box = model.scene.boxes[model.target]
    size = np.minimum((box[2:] - box[:2]) * SCALE ** rng.uniform(-1, 1, 2), 1)
    return _placed(model, size, np.clip((box[:2] + box[2:] - size) / 2, 0, 1 - size))


def _placed(model: Attacked, size: np.ndarray, corner: np.ndarray) -> Query:
    boxes = model.scene.boxes.copy()
    boxes[model.target] = np.clip([*corner, *(corner + size)], 0, 1)
    return Query(replace(model.scene, boxes=boxes), model.visual, boxes[model.target])


def transplanted(model: Attacked, rng: np.random.Generator) -> Query | None:
    """Put the target, with its box and feature, in an object's place in a scene graph that lacks all targets."""
    hosts = _hosts(model)
    if not hosts:
        return None
    host = hosts[rng.integers(len(hosts))]
    place = rng.choice(objects(host))
    own = unaltered(model)
    categories, boxes, visual = host.categories.copy(), host.boxes.copy(), model.visual_of(host).copy()
    categories[place] = model.scene.categories[model.target]
    boxes[place], visual[place] = own.box, model.visual[model.target]
    return Query(replace(host, categories=categories, boxes=boxes), visual, own.box)


def disguised(model: Attacked, rng: np.random.Generator) -> Query | None:
    """Give the target the visual feature of another object of its category, from a scene graph without targets."""
    label = model.scene.categories[model.target]
    features = [
        feature for host in _hosts(model) for feature in model.visual_of(host)[host.categories == label]
    ]
    if not features:
        return None
    visual = model.visual.copy()
    visual[model.target] = features[rng.integers(len(features))]
    return unaltered(model)._replace(visual=visual)


def _hosts(model: Attacked) -> list[Scene]:
    """Return the scenes of the subset without targets."""
    return [model.context.scenes[index] for index in model.context.retained]


ALTERATIONS = (
    relabelled,
    related,
    unrelated,
    reversed_edge,
    moved,
    scaled,
    transplanted,
    disguised,
)
