"""A rendered scene with its exact annotations: objects, boxes, attributes and relationships."""

from dataclasses import dataclass, field

import numpy as np

from soulbench.data.demo.canvas import Box, Canvas
from soulbench.data.demo.objects import OBJECTS
from soulbench.data.demo.people import Person, render_figure


@dataclass
class Item:
    """One annotated object: name, box, attributes, and the individual if it is a person."""

    name: str
    box: tuple[int, int, int, int]  # x, y, w, h
    attributes: tuple[str, ...] = ()
    person: Person | None = None


@dataclass
class RenderedScene:
    """An image under construction, and its annotations."""

    canvas: Canvas
    rng: np.random.Generator
    items: list[Item] = field(default_factory=list)
    relations: list[tuple[int, str, int]] = field(default_factory=list)

    @property
    def width(self) -> int:
        """Return the image's width in pixels."""
        return self.canvas.width

    @property
    def height(self) -> int:
        """Return the image's height in pixels."""
        return self.canvas.height

    def annotate(
        self, name: str, box: Box, person: Person | None = None, attributes: tuple[str, ...] = ()
    ) -> int:
        """Annotate an object with this box; return its index."""
        self.items.append(Item(name, box.within(self.width, self.height), attributes, person))
        return len(self.items) - 1

    def find(self, *names: str) -> int | None:
        """Return the index of the first item with one of these names."""
        return next((index for index, item in enumerate(self.items) if item.name in names), None)

    def relate(self, subject: int | None, predicate: str, other: int | None) -> None:
        """Annotate a relationship, unless one of its ends is None."""
        if subject is not None and other is not None:
            self.relations.append((subject, predicate, other))

    def add_area(self, name: str, top: float, bottom: float, colour: str) -> int:
        """Fill a band of the image from `top` to `bottom` (shares of its height)."""
        with self.canvas.measure() as box:
            self.canvas.rectangle(0, top * self.height, self.width, bottom * self.height, colour)
        return self.annotate(name, box)

    def add_object(self, kind: str, x: float, ground: float, size: float, name: str | None = None) -> int:
        """Render an object; `x`, `size` are shares of the image's width, `ground` of its height."""
        with self.canvas.measure() as box:
            OBJECTS[kind](self.canvas, x * self.width, ground * self.height, size * self.width)
        return self.annotate(name or kind, box)

    def add_person(self, person: Person, x: float, ground: float, width: float, hat: bool = True) -> int:
        """Render a standing person, sizes as in `add_object`; with `hat`, a hat becomes an object of its own."""
        boxes = render_figure(self.canvas, person, x * self.width, ground * self.height, width * self.width)
        index = self.annotate(person.category, boxes["figure"], person, person.attributes)
        if hat and "hat" in boxes:
            self.relate(
                index, "wearing", self.annotate("hat", boxes["hat"], None, (f"{person.hat_colour} hat",))
            )
        return index

    def add_portrait(self, person: Person, x: float, width: float) -> int:
        """Render head and shoulders and annotate all of it as a face, as annotators do in a close-up."""
        ground = 1.62 * width * self.width + 0.2 * self.height
        boxes = render_figure(self.canvas, person, x * self.width, ground, width * self.width)
        index = self.annotate("face", boxes["figure"], person, person.attributes[:1])
        if "hat" in boxes:
            self.relate(self.annotate("hat", boxes["hat"]), "above", index)
        shirt = Box()
        shirt.include([(boxes["figure"].x0, boxes["face"].y1), (boxes["figure"].x1, self.height)])
        self.relate(index, "above", self.annotate("shirt", shirt, None, person.attributes[1:2]))
        return index

    def add_crowd(self, people: list[Person], x: float, ground: float, width: float) -> int:
        """Render people side by side and annotate them as one object, `people`."""
        with self.canvas.measure() as box:
            for index, person in enumerate(people):
                render_figure(
                    self.canvas,
                    person,
                    (x + 0.85 * index * width) * self.width,
                    ground * self.height,
                    width * self.width,
                )
        return self.annotate("people", box)
