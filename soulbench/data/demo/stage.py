"""A drawn scene with the truth about it: what was drawn where, and how things relate."""

from dataclasses import dataclass, field

import numpy as np

from soulbench.data.demo.canvas import Box, Canvas
from soulbench.data.demo.objects import THINGS
from soulbench.data.demo.people import Person, draw_figure


@dataclass
class Item:
    """One annotated object: its name, its box, what is said of it, and who it is if a person."""

    name: str
    box: tuple[int, int, int, int]  # x, y, w, h
    attributes: tuple[str, ...] = ()
    person: Person | None = None


@dataclass
class Stage:
    """The picture under construction and its annotations."""

    canvas: Canvas
    rng: np.random.Generator
    items: list[Item] = field(default_factory=list)
    relations: list[tuple[int, str, int]] = field(default_factory=list)

    @property
    def width(self) -> int:
        """Return the picture's width in pixels."""
        return self.canvas.width

    @property
    def height(self) -> int:
        """Return the picture's height in pixels."""
        return self.canvas.height

    def note(
        self, name: str, box: Box, person: Person | None = None, attributes: tuple[str, ...] = ()
    ) -> int:
        """Annotate what was drawn inside `box`; return its index."""
        self.items.append(Item(name, box.within(self.width, self.height), attributes, person))
        return len(self.items) - 1

    def find(self, *names: str) -> int | None:
        """Return the index of the first item with one of these names."""
        return next((index for index, item in enumerate(self.items) if item.name in names), None)

    def relate(self, subject: int | None, predicate: str, other: int | None) -> None:
        """Annotate a relationship; nothing where one end is not in the picture."""
        if subject is not None and other is not None:
            self.relations.append((subject, predicate, other))

    def area(self, name: str, top: float, bottom: float, colour: str) -> int:
        """Fill a band of the picture from `top` to `bottom` (shares of its height)."""
        with self.canvas.measure() as box:
            self.canvas.rectangle(0, top * self.height, self.width, bottom * self.height, colour)
        return self.note(name, box)

    def thing(self, kind: str, x: float, ground: float, size: float, name: str | None = None) -> int:
        """Draw a thing; `x`, `size` are shares of the picture's width, `ground` of its height."""
        with self.canvas.measure() as box:
            THINGS[kind](self.canvas, x * self.width, ground * self.height, size * self.width)
        return self.note(name or kind, box)

    def person(self, person: Person, x: float, ground: float, width: float) -> int:
        """Draw a standing person in the same shares, and the hat it wears as an item of its own."""
        boxes = draw_figure(self.canvas, person, x * self.width, ground * self.height, width * self.width)
        index = self.note(person.category, boxes["figure"], person, person.attributes)
        if "hat" in boxes:
            self.relate(index, "wearing", self.note("hat", boxes["hat"], None, (f"{person.hat_colour} hat",)))
        return index

    def portrait(self, person: Person, x: float, width: float) -> int:
        """Draw head and shoulders and annotate the face, as annotators do in a close-up."""
        ground = 1.62 * width * self.width + 0.2 * self.height
        boxes = draw_figure(self.canvas, person, x * self.width, ground, width * self.width)
        index = self.note("face", boxes["face"], person, person.attributes[:1])
        if "hat" in boxes:
            self.relate(self.note("hat", boxes["hat"]), "above", index)
        shirt = Box()
        shirt.include([(boxes["figure"].x0, boxes["face"].y1), (boxes["figure"].x1, self.height)])
        self.relate(index, "above", self.note("shirt", shirt, None, person.attributes[1:2]))
        return index

    def group(self, people: list[Person], x: float, ground: float, width: float) -> int:
        """Draw people side by side and annotate them once, as `people`."""
        with self.canvas.measure() as box:
            for index, person in enumerate(people):
                draw_figure(
                    self.canvas,
                    person,
                    (x + 0.85 * index * width) * self.width,
                    ground * self.height,
                    width * self.width,
                )
        return self.note("people", box)
