"""Composition of the demo's images: people, companions and relationships in front of a background."""

from collections.abc import Callable, Sequence

import numpy as np

from soulbench.data.demo.backgrounds import BACKGROUNDS, COMPANION_WIDTHS, COMPANIONS, GROUND
from soulbench.data.demo.canvas import Canvas
from soulbench.data.demo.people import Person
from soulbench.data.demo.scene import RenderedScene

IMAGE_SIZES = ((272, 204), (288, 216), (320, 240), (300, 225), (280, 210))
SMALL_IMAGE_SIZES = ((256, 192), (240, 160))
CHILDREN = ("boy", "girl")
PASSER_BY_SHARE = 0.6  # share of scenery images with a person in the distance, too small to be unlearned
HANDHELD = ("balloon", "umbrella", "flower")


def render_scene(
    kind: str, background: str, people: Sequence[Person], rng: np.random.Generator
) -> RenderedScene:
    """Render one image with its annotations.

    Args:
        kind: a key of `KINDS`; `small` is a single person in an image that is too small to be kept.
        background: a key of `BACKGROUNDS`.
        people: as many as the kind takes.
        rng: source of size, side and all other random choices.
    """
    shape = SMALL_IMAGE_SIZES if kind == "small" else IMAGE_SIZES
    scene = RenderedScene(Canvas(*shape[rng.integers(len(shape))]), rng)
    left = bool(rng.integers(2))
    BACKGROUNDS[background](scene, left)
    KINDS[kind](scene, background, list(people), left)
    return scene


def _ground(scene: RenderedScene) -> int | None:
    return scene.find(*GROUND)


def _width(scene: RenderedScene, person: Person, low: float, high: float) -> float:
    """Sample a width (share of the image); children are smaller, and nobody is higher than the image."""
    share = float(scene.rng.uniform(low, high)) * (0.86 if person.category in CHILDREN else 1.0)
    room = {"top hat": 2.25, "none": 2.05}.get(person.hat, 2.1)
    return min(share, 0.95 * scene.height / (room * scene.width))


def _stand(scene: RenderedScene, person: Person, x: float, width: float) -> int:
    """Add a person who stands on the ground with the left hand at `x`."""
    index = scene.add_person(person, x, 0.96, width)
    scene.relate(index, "on", _ground(scene))
    return index


def _companion(
    scene: RenderedScene, background: str, person: int, x: float, width: float, left: bool
) -> None:
    """Add an object that suits the background, beside the person's hand."""
    kind = str(scene.rng.choice(COMPANIONS[background]))
    size = COMPANION_WIDTHS[kind]
    inner = x - 0.8 * size if left else x + width - 0.2 * size
    if kind in HANDHELD:
        companion = scene.add_object(kind, inner, 0.96 if kind == "umbrella" else 0.78, size)
        scene.relate(person, "under" if kind == "umbrella" else "holding", companion)
        return
    companion = scene.add_object(kind, float(np.clip(inner, 0.02, 0.98 - size)), 0.95, size)
    scene.relate(companion, "next to", person)
    scene.relate(companion, "on", _ground(scene))


def _behind(scene: RenderedScene, person: int) -> None:
    """Annotate what the person stands in front of."""
    scene.relate(person, "in front of", scene.find("house", "wall", "sea"))
    scene.relate(scene.find("tree", "bench", "table"), "behind", person)


def _one(scene: RenderedScene, background: str, people: list[Person], left: bool) -> None:
    width = _width(scene, people[0], 0.36, 0.44)
    x = float(scene.rng.uniform(0.42, 0.96 - width) if left else scene.rng.uniform(0.04, 0.58 - width))
    person = _stand(scene, people[0], x, width)
    _behind(scene, person)
    _companion(scene, background, person, x, width, left)


def _pair(scene: RenderedScene, background: str, people: list[Person], left: bool) -> None:
    widths = [_width(scene, person, 0.33, 0.39) for person in people]
    start = float(scene.rng.uniform(0.16, 0.24)) if left else float(scene.rng.uniform(0.02, 0.1))
    first = _stand(scene, people[0], start, widths[0])
    second = _stand(scene, people[1], start + widths[0] + 0.01, widths[1])
    scene.relate(first, "next to", second)
    _behind(scene, first)


def _portrait(scene: RenderedScene, background: str, people: list[Person], left: bool) -> None:
    width = float(scene.rng.uniform(0.72, 0.82))
    face = scene.add_portrait(people[0], 0.3 if left else 0.7 - width, width)
    scene.relate(face, "in front of", scene.find("wall", "tree", "house", "sea"))


def _group(scene: RenderedScene, background: str, people: list[Person], left: bool) -> None:
    """Render people side by side, every other one a step behind; their hats are not annotated."""
    width = GROUP_WIDTHS[len(people)]
    step = min(width + 0.01, (0.97 - width) / (len(people) - 1))
    start = float(scene.rng.uniform(0.01, 0.98 - width - step * (len(people) - 1)))
    indices = {}
    for number in [*range(1, len(people), 2), *range(0, len(people), 2)]:
        own = _width(scene, people[number], width, width)
        x, ground = start + number * step + (width - own) / 2, 0.97 - 0.06 * (number % 2)
        indices[number] = scene.add_person(people[number], x, ground, own, hat=False)
        scene.relate(indices[number], "on", _ground(scene))
    for number in range(1, len(people)):
        scene.relate(indices[number - 1], "next to", indices[number])
    _behind(scene, indices[0])


def _crowd(scene: RenderedScene, background: str, people: list[Person], left: bool) -> None:
    crowd = scene.add_crowd(people, 0.2 if left else 0.07, 0.96, 0.27)
    scene.relate(crowd, "on", _ground(scene))
    _behind(scene, crowd)


def _scenery(scene: RenderedScene, background: str, people: list[Person], left: bool) -> None:
    kind = str(scene.rng.choice(COMPANIONS[background]))
    if people and scene.rng.random() < PASSER_BY_SHARE:
        passer = scene.add_person(people[0], float(scene.rng.uniform(0.42, 0.46)), 0.72, 0.14)
        scene.relate(passer, "on", _ground(scene))
    size = float(scene.rng.uniform(1.0, 1.4)) * COMPANION_WIDTHS[kind]
    x = float(
        scene.rng.uniform(0.62, max(0.98 - size, 0.63))
        if left
        else scene.rng.uniform(0.02, max(0.38 - size, 0.03))
    )
    companion = scene.add_object(kind, x, 0.93, size)
    scene.relate(companion, "on", _ground(scene))
    scene.relate(companion, "near", scene.find("tree", "house", "bench", "table", "boat"))


def _sparse(scene: RenderedScene, background: str, people: list[Person], left: bool) -> None:
    """Annotate the person and one other object only: too few objects for a graph."""
    _one(scene, background, people, left)
    scene.items, scene.relations = scene.items[:2], []


def _silent(scene: RenderedScene, background: str, people: list[Person], left: bool) -> None:
    """Annotate no relationship."""
    _one(scene, background, people, left)
    scene.relations = []


def _crowded(scene: RenderedScene, background: str, people: list[Person], left: bool) -> None:
    """Render more flowers than a graph may hold."""
    for index in range(32):
        scene.add_object("flower", 0.03 + 0.12 * (index % 8), 0.7 + 0.09 * (index // 8), 0.12)


def _tangled(scene: RenderedScene, background: str, people: list[Person], left: bool) -> None:
    """Annotate more relationships than a graph may hold."""
    _one(scene, background, people, left)
    scene.relations = (scene.relations * 32)[:33]


KINDS: dict[str, Callable[[RenderedScene, str, list[Person], bool], None]] = {
    "one": _one,
    "pair": _pair,
    "portrait": _portrait,
    "group of 3": _group,
    "group of 4": _group,
    "group of 5": _group,
    "crowd": _crowd,
    "scenery": _scenery,
    "small": _one,
    "sparse": _sparse,
    "silent": _silent,
    "crowded": _crowded,
    "tangled": _tangled,
}
GROUP_WIDTHS = {3: 0.29, 4: 0.265, 5: 0.255}  # shares of the image's width, by the number of people
#: 1 for all other kinds.
PEOPLE_PER_IMAGE = {"pair": 2, "group of 3": 3, "group of 4": 4, "group of 5": 5, "crowd": 3, "crowded": 0}
