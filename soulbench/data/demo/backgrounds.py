"""Places of the demo world: flat ground, and large things that belong there."""

from collections.abc import Callable

from soulbench.data.demo.stage import Stage

# Where the ground begins, as a share of the height; figures stand well below it.
HORIZON = 0.55


def _park(stage: Stage, left: bool) -> None:
    sky = stage.area("sky", 0, HORIZON, "#7cc8ff")
    grass = stage.area("grass", HORIZON, 1, "#58b947")
    tree = stage.thing("tree", _side(left, 0.3), 0.72, 0.3)
    stage.relate(tree, "on", grass)
    stage.relate(stage.thing("sun", 0.42, 0.26, 0.15), "in", sky)


def _street(stage: Stage, left: bool) -> None:
    sky = stage.area("sky", 0, HORIZON, "#cfe3ee")
    road = stage.area("road", HORIZON + 0.1, 1, "#6d6f78")
    stage.canvas.rectangle(0, HORIZON * stage.height, stage.width, (HORIZON + 0.1) * stage.height, "#b9b3a6")
    x = _side(left, 0.42)
    house = stage.thing("house", x, 0.65, 0.42)
    door = stage.thing("door", x + 0.08, 0.65, 0.13)
    stage.relate(house, "has", door)
    stage.relate(house, "near", road)
    stage.relate(sky, "above", house)


def _beach(stage: Stage, left: bool) -> None:
    sky = stage.area("sky", 0, 0.38, "#9fe0ff")
    sea = stage.area("sea", 0.38, 0.62, "#1173c9")
    sand = stage.area("sand", 0.62, 1, "#f5d98b")
    boat = stage.thing("boat", _side(left, 0.28), 0.52, 0.28)
    stage.relate(boat, "on", sea)
    stage.relate(sky, "above", sea)
    stage.relate(sea, "near", sand)


def _snow(stage: Stage, left: bool) -> None:
    sky = stage.area("sky", 0, HORIZON, "#5b78c2")
    snow = stage.area("snow", HORIZON, 1, "#e6eefc")
    fir = stage.thing("fir", _side(left, 0.3), 0.7, 0.3, name="tree")
    stage.relate(fir, "on", snow)
    stage.relate(sky, "above", fir)


def _room(stage: Stage, left: bool) -> None:
    wall = stage.area("wall", 0, 0.7, "#f3a66b")
    floor = stage.area("floor", 0.7, 1, "#8a4f2a")
    x = _side(left, 0.36)
    table = stage.thing("table", x, 0.88, 0.36)
    lamp = stage.thing("lamp", x + 0.09, 0.88 - 0.7 * 0.36 * stage.width / stage.height, 0.18)
    stage.relate(lamp, "on", table)
    stage.relate(table, "on", floor)
    stage.relate(table, "in front of", wall)


def _garden(stage: Stage, left: bool) -> None:
    wall = stage.area("wall", 0, 0.5, "#c9b8ee")
    grass = stage.area("grass", 0.5, 1, "#2f9e5b")
    x = _side(left, 0.4)
    bench = stage.thing("bench", x, 0.8, 0.4)
    stage.relate(bench, "on", grass)
    stage.relate(bench, "in front of", wall)


def _side(left: bool, size: float) -> float:
    """Return where a large thing stands; people are put on the other side."""
    return 0.03 if left else 0.97 - size


PLACES: dict[str, Callable[[Stage, bool], None]] = {
    "park": _park,
    "street": _street,
    "beach": _beach,
    "snow": _snow,
    "room": _room,
    "garden": _garden,
}
GROUND = ("grass", "road", "sand", "snow", "floor")
# What may stand beside a person, and how wide it is.
COMPANIONS = {
    "park": ("ball", "dog", "flower"),
    "street": ("car", "dog", "car"),
    "beach": ("umbrella", "ball", "umbrella"),
    "snow": ("snowman", "dog", "snowman"),
    "room": ("balloon", "ball", "balloon"),
    "garden": ("flower", "dog", "ball"),
}
SIZES = {
    "ball": 0.16,
    "dog": 0.24,
    "flower": 0.13,
    "car": 0.36,
    "umbrella": 0.34,
    "snowman": 0.2,
    "balloon": 0.16,
}
