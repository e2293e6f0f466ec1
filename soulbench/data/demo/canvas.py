"""An image that is rendered at four times its size, then reduced, and that measures the boxes of its shapes."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

OVERSAMPLING = 4
Point = tuple[float, float]


@dataclass
class Box:
    """Extent in pixels of the image; grows with each shape added while its `Canvas.measure` block is open."""

    x0: float = float("inf")
    y0: float = float("inf")
    x1: float = float("-inf")
    y1: float = float("-inf")

    def include(self, points: Sequence[Point]) -> None:
        """Grow to hold `points`."""
        self.x0 = min([self.x0, *(x for x, _ in points)])
        self.y0 = min([self.y0, *(y for _, y in points)])
        self.x1 = max([self.x1, *(x for x, _ in points)])
        self.y1 = max([self.y1, *(y for _, y in points)])

    def within(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Return x, y, w, h in whole pixels, clipped to the image."""
        x0, y0 = max(0, int(self.x0)), max(0, int(self.y0))
        return x0, y0, min(width, round(self.x1)) - x0, min(height, round(self.y1)) - y0


class Canvas:
    """Flat shapes in image coordinates (floats), with smooth edges thanks to the reduction."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._large = Image.new("RGB", (width * OVERSAMPLING, height * OVERSAMPLING))
        self._draw = ImageDraw.Draw(self._large)
        self._open: list[Box] = []

    @contextlib.contextmanager
    def measure(self) -> Iterator[Box]:
        """Yield the box of all shapes added inside the block; blocks may be nested."""
        box = Box()
        self._open.append(box)
        yield box
        self._open.pop()  # blocks close in the order in which they nest

    def _scaled(self, points: Sequence[Point]) -> list[Point]:
        for box in self._open:
            box.include(points)
        return [(x * OVERSAMPLING, y * OVERSAMPLING) for x, y in points]

    def ellipse(self, x0: float, y0: float, x1: float, y1: float, colour: str) -> None:
        """Fill the ellipse inside a box."""
        self._draw.ellipse(self._scaled([(x0, y0), (x1, y1)]), fill=colour)

    def slice(self, box: tuple[float, float, float, float], start: float, end: float, colour: str) -> None:
        """Fill a sector of the ellipse in `box`, from `start` to `end` degrees clockwise of three o'clock."""
        x0, y0, x1, y1 = box
        if (start, end) == (180, 360):  # a dome fills only the upper half of its box
            for open_box in self._open:
                open_box.include([(x0, y0), (x1, (y0 + y1) / 2)])
            corners = [(x0 * OVERSAMPLING, y0 * OVERSAMPLING), (x1 * OVERSAMPLING, y1 * OVERSAMPLING)]
        else:
            corners = self._scaled([(x0, y0), (x1, y1)])
        self._draw.pieslice(corners, start, end, fill=colour)

    def rectangle(self, x0: float, y0: float, x1: float, y1: float, colour: str, radius: float = 0.0) -> None:
        """Fill a box, its corners rounded by `radius` pixels."""
        corners = self._scaled([(x0, y0), (x1, y1)])
        self._draw.rounded_rectangle(corners, radius * OVERSAMPLING, fill=colour)

    def polygon(self, points: Sequence[Point], colour: str) -> None:
        """Fill a polygon."""
        self._draw.polygon(self._scaled(points), fill=colour)

    def line(self, start: Point, end: Point, width: float, colour: str) -> None:
        """Add a thick line with round ends."""
        half = width / 2
        self._draw.line(self._scaled([start, end]), fill=colour, width=round(width * OVERSAMPLING))
        for x, y in (start, end):
            self.ellipse(x - half, y - half, x + half, y + half, colour)

    def image(self) -> Image.Image:
        """Return the finished image at its final size."""
        return self._large.resize((self.width, self.height), Image.Resampling.BOX)
