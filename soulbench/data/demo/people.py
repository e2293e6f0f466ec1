"""Individuals of the demo: their features, and how they are rendered.

Each person is a fixed set of large, saturated features (skin, hair, clothes, headgear), so that a reader can
recognise them at 64 x 64 pixels. Twins have the same category and the same annotated attributes; they differ only
in features that nobody annotates.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from soulbench.data.demo.canvas import Box, Canvas, Point

At = Callable[[float, float], Point]  # from shares of the figure's width to image coordinates
SKIN = {"pale": "#ffdfc4", "rosy": "#f2b58f", "tan": "#d3945f", "brown": "#94592f", "dark": "#5b3620"}
HAIR = {
    "black": "#1d1a22",
    "brown": "#6d3b16",
    "blond": "#f4cf4a",
    "red": "#d9481c",
    "grey": "#c9c9d3",
    "blue": "#2d57e0",
    "pink": "#f06bb0",
}
CLOTH = {
    "red": "#e0212e",
    "blue": "#1f4fd8",
    "green": "#14904a",
    "yellow": "#ffd51f",
    "orange": "#ff7f11",
    "purple": "#7d2fc0",
    "pink": "#ff72b6",
    "white": "#fbfbfb",
    "black": "#23232c",
    "turquoise": "#12bcc4",
}
STYLES = {
    "man": ("short", "flat", "bald", "spikes"),
    "boy": ("short", "spikes", "curls"),
    "woman": ("long", "bob", "bun", "curls"),
    "girl": ("pigtails", "long", "bob"),
    "person": ("short", "bob", "curls", "flat"),
}
BOTTOMS = {
    "man": ("trousers",),
    "boy": ("shorts",),
    "woman": ("trousers", "skirt"),
    "girl": ("skirt",),
    "person": ("trousers",),
}
HATS = ("none", "none", "none", "cap", "top hat", "sun hat", "beanie")
PATTERNS = ("plain", "stripes", "halves", "spots", "sash")
CATEGORIES = ("man", "woman", "boy", "girl", "person")
HEIGHT = 1.9  # of a figure without headgear, in units of its width


@dataclass(frozen=True)
class Person:
    """One individual. Colours are keys of the palettes above."""

    name: str
    category: str
    skin: str
    hair: str
    style: str
    shirt: str
    second: str
    pattern: str
    legs: str
    bottom: str
    hat: str
    hat_colour: str
    glasses: bool
    twin: str

    @property
    def attributes(self) -> tuple[str, ...]:
        """Return the attributes that annotators write down; twins have the same."""
        return f"{self.hair} hair", f"{self.shirt} shirt", f"{self.legs} {self.bottom}"


def _sample_person(rng: np.random.Generator, name: str, category: str) -> Person:
    """Sample one individual of a category."""
    shirt, second, legs, hat_colour = rng.choice(list(CLOTH), 4, replace=False).tolist()
    return Person(
        name=name,
        category=category,
        skin=str(rng.choice(list(SKIN))),
        hair=str(rng.choice(list(HAIR))),
        style=str(rng.choice(STYLES[category])),
        shirt=shirt,
        second=second,
        pattern=str(rng.choice(PATTERNS)),
        legs=legs,
        bottom=str(rng.choice(BOTTOMS[category])),
        hat=str(rng.choice(HATS)),
        hat_colour=hat_colour,
        glasses=bool(rng.random() < 0.25),
        twin="",
    )


def _similarity(first: Person, second: Person) -> int:
    """Return the sum over the features that two people share, weighted by the area that each covers."""
    weights = {"shirt": 4, "hair": 3, "legs": 2, "skin": 1, "pattern": 1, "style": 1, "hat": 1}
    return sum(
        weight for feature, weight in weights.items() if getattr(first, feature) == getattr(second, feature)
    )


def _crowding(candidate: Person, people: list[Person]) -> int:
    """Return the sum of squared similarities between a candidate and all earlier people."""
    return sum(_similarity(candidate, other) ** 2 for other in people)


def _twin_of(person: Person, name: str) -> Person:
    """Return a person with the same attributes, another pattern, and a hat if the first has none (else no hat)."""
    return replace(
        person,
        name=name,
        twin=person.name,
        pattern="sash" if person.pattern != "sash" else "spots",
        hat="none" if person.hat != "none" else "beanie",
    )


def sample_people(rng: np.random.Generator, individuals: int, twins: int) -> list[Person]:
    """Sample `individuals` people, among them `twins` pairs of twins.

    Each person is the least similar to all earlier ones of 60 candidates, so that readers can tell people apart.
    """
    people: list[Person] = []
    for index in range(individuals - twins):
        category = CATEGORIES[index % len(CATEGORIES)]
        candidates = [_sample_person(rng, f"p{index + 1}", category) for _ in range(60)]
        people.append(min(candidates, key=lambda candidate: _crowding(candidate, people)))
    for index in range(twins):
        name = f"p{len(people) + 1}"
        twin = _twin_of(people[index], name)
        people[index] = replace(people[index], twin=name)
        people.append(twin)
    return people


def render_figure(canvas: Canvas, person: Person, x: float, ground: float, width: float) -> dict[str, Box]:
    """Render a standing person; return the boxes of the figure, its face and, if any, its hat.

    Args:
        canvas: the image.
        person: the individual.
        x: left end of the outstretched hands, in pixels.
        ground: y of the soles; may lie below the image (a portrait).
        width: from hand to hand, in pixels.
    """
    top = ground - HEIGHT * width

    def at(u: float, v: float) -> Point:
        return x + u * width, top + v * width

    with canvas.measure() as figure:
        _render_hair_behind(canvas, person, at, width)
        _render_body(canvas, person, at, width)
        with canvas.measure() as face:
            canvas.ellipse(*at(0.18, 0.1), *at(0.82, 0.8), SKIN[person.skin])
        _render_face(canvas, person, at, width)
        _render_hair(canvas, person, at, width)
        with canvas.measure() as hat:
            _render_hat(canvas, person, at, width)
    return {"figure": figure, "face": face} | ({"hat": hat} if person.hat != "none" else {})


def _render_body(canvas: Canvas, person: Person, at: At, width: float) -> None:
    skin, shirt, legs = SKIN[person.skin], CLOTH[person.shirt], CLOTH[person.legs]
    shoe = "#2b2b33" if person.legs != "black" else "#a33a1e"
    bare = person.bottom in ("shorts", "skirt")
    for u in (0.39, 0.61):
        canvas.line(at(u, 1.4), at(u, 1.78), 0.15 * width, skin if bare else legs)
        canvas.rectangle(*at(u - 0.12, 1.79), *at(u + 0.1, 1.9), shoe, 0.04 * width)
    if person.bottom == "shorts":
        canvas.rectangle(*at(0.29, 1.3), *at(0.71, 1.56), legs, 0.04 * width)
    if person.bottom == "skirt":
        canvas.polygon([at(0.33, 1.2), at(0.67, 1.2), at(0.85, 1.62), at(0.15, 1.62)], legs)
    for shoulder, hand in ((0.3, 0.09), (0.7, 0.91)):
        canvas.line(at(shoulder, 0.92), at(hand, 1.22), 0.16 * width, shirt)
        canvas.ellipse(*at(hand - 0.09, 1.16), *at(hand + 0.09, 1.34), skin)
    canvas.rectangle(*at(0.25, 0.78), *at(0.75, 1.4), shirt, 0.12 * width)
    _render_pattern(canvas, person, at, width)


def _render_pattern(canvas: Canvas, person: Person, at: At, width: float) -> None:
    second = CLOTH[person.second]
    if person.pattern == "stripes":
        for v in (0.92, 1.16):
            canvas.rectangle(*at(0.25, v), *at(0.75, v + 0.12), second)
    elif person.pattern == "halves":
        canvas.rectangle(*at(0.5, 0.8), *at(0.75, 1.38), second)
    elif person.pattern == "spots":
        for u, v in ((0.37, 0.98), (0.63, 0.98), (0.5, 1.22)):
            canvas.ellipse(*at(u - 0.09, v - 0.09), *at(u + 0.09, v + 0.09), second)
    elif person.pattern == "sash":
        canvas.polygon([at(0.26, 0.86), at(0.46, 0.8), at(0.75, 1.28), at(0.6, 1.4)], second)


def _render_face(canvas: Canvas, person: Person, at: At, width: float) -> None:
    dark = "#16161c" if person.skin != "dark" else "#ffffff"
    if person.glasses:
        for u in (0.37, 0.63):
            canvas.ellipse(*at(u - 0.12, 0.37), *at(u + 0.12, 0.59), "#111118")
            canvas.ellipse(*at(u - 0.08, 0.41), *at(u + 0.08, 0.55), "#d8f1ff")
    for u in (0.38, 0.62):
        canvas.ellipse(*at(u - 0.05, 0.42), *at(u + 0.05, 0.54), dark)
    canvas.slice((*at(0.4, 0.55), *at(0.6, 0.72)), 0, 180, "#b3202c")


def _render_hair_behind(canvas: Canvas, person: Person, at: At, width: float) -> None:
    hair = HAIR[person.hair]
    if person.style == "long":
        canvas.rectangle(*at(0.1, 0.3), *at(0.9, 1.08), hair, 0.14 * width)
    elif person.style == "bob":
        canvas.rectangle(*at(0.1, 0.25), *at(0.9, 0.76), hair, 0.14 * width)
    elif person.style == "pigtails":
        for u in (0.08, 0.92):
            canvas.ellipse(*at(u - 0.14, 0.28), *at(u + 0.14, 0.78), hair)
    elif person.style == "curls":
        canvas.ellipse(*at(0.06, -0.06), *at(0.94, 0.72), hair)
    elif person.style == "bun":
        canvas.ellipse(*at(0.33, -0.14), *at(0.67, 0.18), hair)


def _render_hair(canvas: Canvas, person: Person, at: At, width: float) -> None:
    hair = HAIR[person.hair]
    if person.style == "bald":
        return
    canvas.slice((*at(0.15, 0.03), *at(0.85, 0.7)), 180, 360, hair)
    if person.style == "spikes":
        for u in (0.2, 0.4, 0.6):
            canvas.polygon([at(u - 0.05, 0.2), at(u + 0.1, -0.14), at(u + 0.25, 0.2)], hair)
    elif person.style == "flat":
        canvas.rectangle(*at(0.17, -0.02), *at(0.83, 0.3), hair, 0.03 * width)


def _render_hat(canvas: Canvas, person: Person, at: At, width: float) -> None:
    colour = CLOTH[person.hat_colour]
    if person.hat == "cap":
        canvas.slice((*at(0.14, -0.06), *at(0.86, 0.6)), 180, 360, colour)
        canvas.rectangle(*at(0.45, 0.22), *at(1.02, 0.33), colour, 0.05 * width)
    elif person.hat == "top hat":
        canvas.rectangle(*at(0.25, -0.4), *at(0.75, 0.2), colour)
        canvas.rectangle(*at(0.06, 0.14), *at(0.94, 0.26), colour, 0.04 * width)
    elif person.hat == "sun hat":
        canvas.slice((*at(0.2, -0.12), *at(0.8, 0.5)), 180, 360, colour)
        canvas.ellipse(*at(-0.04, 0.1), *at(1.04, 0.34), colour)
    elif person.hat == "beanie":
        canvas.slice((*at(0.13, -0.04), *at(0.87, 0.62)), 180, 360, colour)
        canvas.ellipse(*at(0.38, -0.2), *at(0.62, 0.04), "#ffffff")
