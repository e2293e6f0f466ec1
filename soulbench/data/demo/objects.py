"""Objects of the demo's images: a few flat shapes each, `size` pixels wide; (x, y) is the lower left corner."""

from collections.abc import Callable

from soulbench.data.demo.canvas import Canvas

BARK, LEAVES = "#7a4a21", "#1f7a34"


def render_tree(canvas: Canvas, x: float, y: float, size: float) -> None:
    """Render a broad-leaved tree, 1.6 times as high as wide."""
    canvas.rectangle(x + 0.4 * size, y - 0.7 * size, x + 0.6 * size, y, BARK)
    canvas.ellipse(x, y - 1.6 * size, x + size, y - 0.5 * size, LEAVES)


def render_fir(canvas: Canvas, x: float, y: float, size: float) -> None:
    """Render a fir with snow on its tip."""
    canvas.rectangle(x + 0.42 * size, y - 0.3 * size, x + 0.58 * size, y, BARK)
    canvas.polygon(
        [(x, y - 0.25 * size), (x + size, y - 0.25 * size), (x + 0.5 * size, y - 1.7 * size)], "#0f5c4a"
    )
    tip = [
        (x + 0.33 * size, y - 1.2 * size),
        (x + 0.67 * size, y - 1.2 * size),
        (x + 0.5 * size, y - 1.7 * size),
    ]
    canvas.polygon(tip, "#ffffff")


def render_house(canvas: Canvas, x: float, y: float, size: float) -> None:
    """Render a house with a gable roof; its door is a separate object."""
    canvas.rectangle(x + 0.06 * size, y - 0.62 * size, x + 0.94 * size, y, "#f2e3c0")
    canvas.polygon(
        [(x, y - 0.6 * size), (x + size, y - 0.6 * size), (x + 0.5 * size, y - 1.1 * size)], "#a8321f"
    )
    canvas.rectangle(x + 0.62 * size, y - 0.48 * size, x + 0.84 * size, y - 0.26 * size, "#69b7e8")


def render_door(canvas: Canvas, x: float, y: float, size: float) -> None:
    """Render a door."""
    canvas.rectangle(x, y - 1.15 * size, x + size, y, "#5c2e12")


def render_car(canvas: Canvas, x: float, y: float, size: float) -> None:
    """Render a car from the side."""
    canvas.polygon(
        [
            (x + 0.2 * size, y - 0.3 * size),
            (x + 0.34 * size, y - 0.52 * size),
            (x + 0.7 * size, y - 0.52 * size),
            (x + 0.84 * size, y - 0.3 * size),
        ],
        "#bfe6ff",
    )
    canvas.rectangle(x, y - 0.34 * size, x + size, y - 0.1 * size, "#d11a5b", 0.06 * size)
    for u in (0.24, 0.76):
        canvas.ellipse(x + (u - 0.11) * size, y - 0.22 * size, x + (u + 0.11) * size, y, "#1b1b20")


def render_dog(canvas: Canvas, x: float, y: float, size: float) -> None:
    """Render a dog from the side, looking left."""
    coat = "#b5651d"
    for u in (0.3, 0.76):
        canvas.rectangle(x + u * size, y - 0.35 * size, x + (u + 0.13) * size, y, coat)
    canvas.rectangle(x + 0.26 * size, y - 0.58 * size, x + 0.92 * size, y - 0.24 * size, coat, 0.1 * size)
    canvas.ellipse(x, y - 0.86 * size, x + 0.44 * size, y - 0.44 * size, coat)
    canvas.ellipse(x + 0.28 * size, y - 0.88 * size, x + 0.46 * size, y - 0.5 * size, "#5a2d0c")
    canvas.line((x + 0.9 * size, y - 0.52 * size), (x + 0.97 * size, y - 0.76 * size), 0.07 * size, coat)
    canvas.ellipse(x + 0.12 * size, y - 0.74 * size, x + 0.2 * size, y - 0.66 * size, "#101014")


def render_ball(canvas: Canvas, x: float, y: float, size: float) -> None:
    """Render a ball in two colours."""
    canvas.ellipse(x, y - size, x + size, y, "#ff3d3d")
    canvas.ellipse(x + 0.3 * size, y - size, x + 0.7 * size, y, "#ffffff")


def render_balloon(canvas: Canvas, x: float, y: float, size: float) -> None:
    """Render a balloon on a string that ends at height y."""
    canvas.line((x + 0.5 * size, y), (x + 0.5 * size, y - size), 0.06 * size, "#333333")
    canvas.ellipse(x, y - 2.1 * size, x + size, y - 0.9 * size, "#ff2f92")


def render_bench(canvas: Canvas, x: float, y: float, size: float) -> None:
    """Render a bench."""
    for u in (0.08, 0.84):
        canvas.rectangle(x + u * size, y - 0.5 * size, x + (u + 0.08) * size, y, "#3c3c44")
    for v in (0.58, 0.4, 0.22):
        canvas.rectangle(x, y - v * size, x + size, y - (v - 0.11) * size, "#9a5b25")


def render_flower(canvas: Canvas, x: float, y: float, size: float) -> None:
    """Render a flower."""
    canvas.line((x + 0.5 * size, y), (x + 0.5 * size, y - 0.9 * size), 0.12 * size, "#1c8c3c")
    for u, v in ((0.25, 1.15), (0.75, 1.15), (0.35, 0.8), (0.65, 0.8), (0.5, 1.35)):
        canvas.ellipse(
            x + (u - 0.24) * size,
            y - (v + 0.24) * size,
            x + (u + 0.24) * size,
            y - (v - 0.24) * size,
            "#ff4fa0",
        )
    canvas.ellipse(x + 0.32 * size, y - 1.22 * size, x + 0.68 * size, y - 0.86 * size, "#ffe04a")


def render_sun(canvas: Canvas, x: float, y: float, size: float) -> None:
    """Render the sun."""
    canvas.ellipse(x, y - size, x + size, y, "#ffd928")


def render_boat(canvas: Canvas, x: float, y: float, size: float) -> None:
    """Render a sailing boat."""
    canvas.polygon(
        [(x + 0.54 * size, y - size), (x + 0.54 * size, y - 0.3 * size), (x + size, y - 0.3 * size)],
        "#ffffff",
    )
    canvas.polygon(
        [
            (x + 0.46 * size, y - 0.85 * size),
            (x + 0.46 * size, y - 0.3 * size),
            (x + 0.1 * size, y - 0.3 * size),
        ],
        "#ffdf6b",
    )
    hull = [(x, y - 0.26 * size), (x + size, y - 0.26 * size), (x + 0.8 * size, y), (x + 0.2 * size, y)]
    canvas.polygon(hull, "#8a1c1c")


def render_umbrella(canvas: Canvas, x: float, y: float, size: float) -> None:
    """Render a parasol."""
    canvas.rectangle(x + 0.47 * size, y - 1.2 * size, x + 0.53 * size, y, "#4b3a2a")
    canvas.slice((x, y - 1.4 * size, x + size, y - 0.6 * size), 180, 360, "#ff5a36")
    canvas.slice((x + 0.3 * size, y - 1.4 * size, x + 0.7 * size, y - 0.6 * size), 180, 360, "#fff1d6")


def render_snowman(canvas: Canvas, x: float, y: float, size: float) -> None:
    """Render a snowman."""
    canvas.ellipse(x, y - size, x + size, y, "#ffffff")
    canvas.ellipse(x + 0.18 * size, y - 1.5 * size, x + 0.82 * size, y - 0.85 * size, "#ffffff")
    canvas.rectangle(x + 0.28 * size, y - 1.75 * size, x + 0.72 * size, y - 1.42 * size, "#22222a")
    canvas.polygon(
        [
            (x + 0.5 * size, y - 1.24 * size),
            (x + 0.5 * size, y - 1.12 * size),
            (x + 0.85 * size, y - 1.16 * size),
        ],
        "#ff7f11",
    )


def render_table(canvas: Canvas, x: float, y: float, size: float) -> None:
    """Render a table."""
    for u in (0.08, 0.8):
        canvas.rectangle(x + u * size, y - 0.6 * size, x + (u + 0.12) * size, y, "#6b3d18")
    canvas.rectangle(x, y - 0.7 * size, x + size, y - 0.54 * size, "#94561f")


def render_lamp(canvas: Canvas, x: float, y: float, size: float) -> None:
    """Render a table lamp."""
    canvas.rectangle(x + 0.42 * size, y - 0.8 * size, x + 0.58 * size, y, "#5a5a66")
    shade = [
        (x + 0.25 * size, y - 1.4 * size),
        (x + 0.75 * size, y - 1.4 * size),
        (x + size, y - 0.7 * size),
        (x, y - 0.7 * size),
    ]
    canvas.polygon(shade, "#ffcf3f")


OBJECTS: dict[str, Callable[[Canvas, float, float, float], None]] = {
    "tree": render_tree,
    "fir": render_fir,
    "house": render_house,
    "door": render_door,
    "car": render_car,
    "dog": render_dog,
    "ball": render_ball,
    "balloon": render_balloon,
    "bench": render_bench,
    "flower": render_flower,
    "sun": render_sun,
    "boat": render_boat,
    "umbrella": render_umbrella,
    "snowman": render_snowman,
    "table": render_table,
    "lamp": render_lamp,
}
