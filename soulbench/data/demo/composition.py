"""Pictures of the demo world: who is in them, where, doing what."""

from collections.abc import Callable, Sequence

import numpy as np

from soulbench.data.demo.backgrounds import COMPANIONS, GROUND, PLACES, SIZES
from soulbench.data.demo.canvas import Canvas
from soulbench.data.demo.people import Person
from soulbench.data.demo.stage import Stage

SHAPES = ((272, 204), (288, 216), (320, 240), (300, 225), (280, 210))
SMALL = ((256, 192), (240, 160))
CHILDREN = ("boy", "girl", "child")
FAR = 0.6  # how often a passer-by is in the distance, too small to be unlearned
HELD = ("balloon", "umbrella", "flower")


def draw_picture(kind: str, place: str, cast: Sequence[Person], rng: np.random.Generator) -> Stage:
    """Draw one picture.

    Args:
        kind: a key of `KINDS`, or `small`: a single person in a picture that is too small to be kept.
        place: a key of `PLACES`.
        cast: the people in it, as many as the kind takes.
        rng: draws size, side and the rest.
    """
    shape = SMALL if kind == "small" else SHAPES
    stage = Stage(Canvas(*shape[rng.integers(len(shape))]), rng)
    left = bool(rng.integers(2))
    PLACES[place](stage, left)
    KINDS[kind](stage, place, list(cast), left)
    return stage


def _ground(stage: Stage) -> int | None:
    return stage.find(*GROUND)


def _width(stage: Stage, person: Person, low: float, high: float) -> float:
    """Draw a width share; children are smaller, and nobody is higher than the picture."""
    share = float(stage.rng.uniform(low, high)) * (0.86 if person.category in CHILDREN else 1.0)
    room = {"top hat": 2.25, "none": 2.05}.get(person.hat, 2.1)
    return min(share, 0.95 * stage.height / (room * stage.width))


def _stand(stage: Stage, person: Person, x: float, width: float) -> int:
    """Put a person on the ground with its left hand at `x`."""
    index = stage.person(person, x, 0.96, width)
    stage.relate(index, "on", _ground(stage))
    return index


def _companion(stage: Stage, place: str, person: int, x: float, width: float, left: bool) -> None:
    """Add something that belongs to the place, beside the person's hand."""
    kind = str(stage.rng.choice(COMPANIONS[place]))
    size = SIZES[kind]
    inner = x - 0.8 * size if left else x + width - 0.2 * size
    if kind in HELD:
        thing = stage.thing(kind, inner, 0.96 if kind == "umbrella" else 0.78, size)
        stage.relate(person, "under" if kind == "umbrella" else "holding", thing)
        return
    thing = stage.thing(kind, float(np.clip(inner, 0.02, 0.98 - size)), 0.95, size)
    stage.relate(thing, "next to", person)
    stage.relate(thing, "on", _ground(stage))


def _behind(stage: Stage, person: int) -> None:
    """Say what the person stands in front of."""
    stage.relate(person, "in front of", stage.find("house", "wall", "sea"))
    stage.relate(stage.find("tree", "bench", "table"), "behind", person)


def _one(stage: Stage, place: str, cast: list[Person], left: bool) -> None:
    width = _width(stage, cast[0], 0.36, 0.44)
    x = float(stage.rng.uniform(0.42, 0.96 - width) if left else stage.rng.uniform(0.04, 0.58 - width))
    person = _stand(stage, cast[0], x, width)
    _behind(stage, person)
    _companion(stage, place, person, x, width, left)


def _pair(stage: Stage, place: str, cast: list[Person], left: bool) -> None:
    widths = [_width(stage, person, 0.33, 0.39) for person in cast]
    start = float(stage.rng.uniform(0.16, 0.24)) if left else float(stage.rng.uniform(0.02, 0.1))
    first = _stand(stage, cast[0], start, widths[0])
    second = _stand(stage, cast[1], start + widths[0] + 0.01, widths[1])
    stage.relate(first, "next to", second)
    _behind(stage, first)


def _portrait(stage: Stage, place: str, cast: list[Person], left: bool) -> None:
    width = float(stage.rng.uniform(0.72, 0.82))
    face = stage.portrait(cast[0], 0.3 if left else 0.7 - width, width)
    stage.relate(face, "in front of", stage.find("wall", "tree", "house", "sea"))


def _group(stage: Stage, place: str, cast: list[Person], left: bool) -> None:
    width = 0.27
    people = stage.group(cast, 0.2 if left else 0.07, 0.96, width)
    stage.relate(people, "on", _ground(stage))
    _behind(stage, people)


def _scenery(stage: Stage, place: str, cast: list[Person], left: bool) -> None:
    kind = str(stage.rng.choice(COMPANIONS[place]))
    if cast and stage.rng.random() < FAR:
        passer = stage.person(cast[0], float(stage.rng.uniform(0.42, 0.46)), 0.72, 0.14)
        stage.relate(passer, "on", _ground(stage))
    size = float(stage.rng.uniform(1.0, 1.4)) * SIZES[kind]
    x = float(
        stage.rng.uniform(0.62, max(0.98 - size, 0.63))
        if left
        else stage.rng.uniform(0.02, max(0.38 - size, 0.03))
    )
    thing = stage.thing(kind, x, 0.93, size)
    stage.relate(thing, "on", _ground(stage))
    stage.relate(thing, "near", stage.find("tree", "house", "bench", "table", "boat"))


def _sparse(stage: Stage, place: str, cast: list[Person], left: bool) -> None:
    """Leave the annotators with the person and one thing: too few objects."""
    _one(stage, place, cast, left)
    stage.items, stage.relations = stage.items[:2], []


def _silent(stage: Stage, place: str, cast: list[Person], left: bool) -> None:
    """Leave out every relationship."""
    _one(stage, place, cast, left)
    stage.relations = []


def _crowded(stage: Stage, place: str, cast: list[Person], left: bool) -> None:
    """Draw more flowers than a graph may hold."""
    for index in range(32):
        stage.thing("flower", 0.03 + 0.12 * (index % 8), 0.7 + 0.09 * (index // 8), 0.12)


def _tangled(stage: Stage, place: str, cast: list[Person], left: bool) -> None:
    """Write down more relationships than a graph may hold."""
    _one(stage, place, cast, left)
    stage.relations = (stage.relations * 32)[:33]


KINDS: dict[str, Callable[[Stage, str, list[Person], bool], None]] = {
    "one": _one,
    "pair": _pair,
    "portrait": _portrait,
    "group": _group,
    "scenery": _scenery,
    "small": _one,
    "sparse": _sparse,
    "silent": _silent,
    "crowded": _crowded,
    "tangled": _tangled,
}
CAST = {"pair": 2, "group": 3, "crowded": 0}  # one person in all others
