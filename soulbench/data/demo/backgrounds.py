"""Backgrounds of the demo's images: flat areas, and the large objects that belong there."""

from collections.abc import Callable

from soulbench.data.demo.scene import RenderedScene

# Where the ground begins, as a share of the height; figures stand well below it.
HORIZON = 0.55


def _park(scene: RenderedScene, left: bool) -> None:
    sky = scene.add_area("sky", 0, HORIZON, "#7cc8ff")
    grass = scene.add_area("grass", HORIZON, 1, "#58b947")
    tree = scene.add_object("tree", _side(left, 0.3), 0.72, 0.3)
    scene.relate(tree, "on", grass)
    scene.relate(scene.add_object("sun", 0.42, 0.26, 0.15), "in", sky)


def _street(scene: RenderedScene, left: bool) -> None:
    sky = scene.add_area("sky", 0, HORIZON, "#cfe3ee")
    road = scene.add_area("road", HORIZON + 0.1, 1, "#6d6f78")
    scene.canvas.rectangle(0, HORIZON * scene.height, scene.width, (HORIZON + 0.1) * scene.height, "#b9b3a6")
    x = _side(left, 0.42)
    house = scene.add_object("house", x, 0.65, 0.42)
    door = scene.add_object("door", x + 0.08, 0.65, 0.13)
    scene.relate(house, "has", door)
    scene.relate(house, "near", road)
    scene.relate(sky, "above", house)


def _beach(scene: RenderedScene, left: bool) -> None:
    sky = scene.add_area("sky", 0, 0.38, "#9fe0ff")
    sea = scene.add_area("sea", 0.38, 0.62, "#1173c9")
    sand = scene.add_area("sand", 0.62, 1, "#f5d98b")
    boat = scene.add_object("boat", _side(left, 0.28), 0.52, 0.28)
    scene.relate(boat, "on", sea)
    scene.relate(sky, "above", sea)
    scene.relate(sea, "near", sand)


def _snow(scene: RenderedScene, left: bool) -> None:
    sky = scene.add_area("sky", 0, HORIZON, "#5b78c2")
    snow = scene.add_area("snow", HORIZON, 1, "#e6eefc")
    fir = scene.add_object("fir", _side(left, 0.3), 0.7, 0.3, name="tree")
    scene.relate(fir, "on", snow)
    scene.relate(sky, "above", fir)


def _room(scene: RenderedScene, left: bool) -> None:
    wall = scene.add_area("wall", 0, 0.7, "#f3a66b")
    floor = scene.add_area("floor", 0.7, 1, "#8a4f2a")
    x = _side(left, 0.36)
    table = scene.add_object("table", x, 0.88, 0.36)
    lamp = scene.add_object("lamp", x + 0.09, 0.88 - 0.7 * 0.36 * scene.width / scene.height, 0.18)
    scene.relate(lamp, "on", table)
    scene.relate(table, "on", floor)
    scene.relate(table, "in front of", wall)


def _garden(scene: RenderedScene, left: bool) -> None:
    wall = scene.add_area("wall", 0, 0.5, "#c9b8ee")
    grass = scene.add_area("grass", 0.5, 1, "#2f9e5b")
    x = _side(left, 0.4)
    bench = scene.add_object("bench", x, 0.8, 0.4)
    scene.relate(bench, "on", grass)
    scene.relate(bench, "in front of", wall)


def _side(left: bool, size: float) -> float:
    """Return x of a large object; people stand on the other side."""
    return 0.03 if left else 0.97 - size


BACKGROUNDS: dict[str, Callable[[RenderedScene, bool], None]] = {
    "park": _park,
    "street": _street,
    "beach": _beach,
    "snow": _snow,
    "room": _room,
    "garden": _garden,
}
GROUND = ("grass", "road", "sand", "snow", "floor")
# Objects that may stand beside a person, by background, and their widths as shares of the image's width.
COMPANIONS = {
    "park": ("ball", "dog", "flower"),
    "street": ("car", "dog", "car"),
    "beach": ("umbrella", "ball", "umbrella"),
    "snow": ("snowman", "dog", "snowman"),
    "room": ("balloon", "ball", "balloon"),
    "garden": ("flower", "dog", "ball"),
}
COMPANION_WIDTHS = {
    "ball": 0.16,
    "dog": 0.24,
    "flower": 0.13,
    "car": 0.36,
    "umbrella": 0.34,
    "snowman": 0.2,
    "balloon": 0.16,
}
