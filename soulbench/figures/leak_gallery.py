"""The attacker's ranking in pictures: the objects that change most between the models before and after."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from soulbench.core.paths import ResultPaths
from soulbench.core.tables import read_csv
from soulbench.core.terms import ELSEWHERE, TASKS
from soulbench.evaluation.changed_objects import ChangedObject, changed_objects
from soulbench.figures import _gallery, _style
from soulbench.figures._gallery import BenchmarkImages, Column, Grid

TITLE = "What gives the target away"
SUBCATEGORY = "Outputs"
POSITION = 62
CONFIG = _gallery.CONFIG
CAPTION = """\
The update leak in pictures: an attacker who holds the models before and after, and does not know the request, ranks all
objects by how much their regions change. Shown, for the request of Fig. 5 and training seed {{ config.seeds[0] }}: what
each model after generates for the objects that changed most, and last for the target, with its place among all. Yellow:
the target; white: another object; on each, its place and its change in grey levels (neither is part of the image).
A target in the first places was given away (update_leak.csv has the numbers); device: {{ config.device }}.
"""
PLACES = 3
OTHER_COLOUR = "#FFFFFF"


@dataclass(frozen=True)
class Shown:
    """An object in the ranking of a method.

    Attributes:
        place: 1 is the object that changed most.
        found: the object.
        image: what the model after generates for its scene, uint8 [H, W, 3].
        box: of the object, x0, y0, x1, y1 in [0, 1].
    """

    place: int
    found: ChangedObject
    image: np.ndarray
    box: _gallery.Box


def inputs(config: Mapping[str, Any], paths: ResultPaths) -> list[str]:
    """Return the files that the figure reads."""
    return _gallery.output_inputs(config, paths)


def plot(config: dict[str, Any], paths: ResultPaths, out_stem: Path, log: Callable[[str], Any]) -> None:
    """Plot the first places of every method's ranking, both tasks, and the place of the target."""
    images = BenchmarkImages(config, paths)
    request = images.example_request()
    names = [name for name in images.methods([request]) if name != "original"]
    rankings = {name: [_ranking(images, name, request, task) for task in TASKS] for name in names}
    category = images.target(request)[2]
    first = len(rankings[names[0]][0]) - 1 if names else 0
    places = [*(f"place {place + 1}" for place in range(first)), "the target"]
    columns = [
        Column(f"{task.capitalize()} ({request}: {category})", label) for task in TASKS for label in places
    ]
    grid: Grid = [[shown.image for ranking in rankings[name] for shown in ranking] for name in names]
    width, height = _gallery.size(columns, names)
    with _style.figure(width, height, out_stem) as fig:
        axes = _gallery.plot_mosaic(fig, grid, columns, names, _gallery.row_colours(config, names))
        _, lefts, tops, side = _gallery.mosaic(grid, columns)
        for name, top in zip(names, tops, strict=True):
            for shown, left in zip(
                (one for ranking in rankings[name] for one in ranking), lefts, strict=True
            ):
                _mark(axes, shown, left, top, side)
    log(f"{request}, {len(names)} methods")


def _ranking(images: BenchmarkImages, method: str, request: str, task: str) -> list[Shown]:
    """Return the objects in the first places, and the target that changed most.

    Of equal changes the other objects come first, as in `soulbench.evaluation.update_leak`.
    """
    before, after = (images.outputs(name, request) for name in ("original", method))
    assert before is not None and after is not None, "both runs are planned"
    scenes = [images.scenes.scene(images.scenes.find(image_id)) for image_id in images.subset]
    changes = np.stack(
        [
            np.abs(after[task][one.image_id].astype(np.int16) - before[task][one.image_id]).mean(axis=-1)
            for one in scenes
        ]
    )
    own = images.targets[images.targets["request"] == request]
    targets, requested = (_by_image(rows) for rows in (own, _requested(images)))
    found = changed_objects(changes, scenes, targets, requested)
    ranked = sorted(found, key=lambda one: (-one.change, one.is_target))
    target = next(index for index, one in enumerate(ranked) if one.is_target)
    return [
        Shown(
            index + 1,
            one := ranked[index],
            after[task][scenes[one.scene].image_id],
            tuple(scenes[one.scene].boxes[one.object].tolist()),
        )
        for index in (*range(min(PLACES, len(ranked))), target)
    ]


def _requested(images: BenchmarkImages) -> Any:
    """Return the targets of all requests, those of development requests included."""
    objects = read_csv(Path(images.paths.data("requests.csv")))
    return objects[objects["role"] != ELSEWHERE]


def _by_image(rows: Any) -> dict[int, list[int]]:
    return {int(image): own["object_id"].tolist() for image, own in rows.groupby("image_id")}


def _mark(axes: Axes, shown: Shown, left: int, top: int, side: int) -> None:
    """Outline an object on the mosaic, and write its place and change on it."""
    x0, y0, x1, y1 = (side * value for value in shown.box)
    colour = _style.BOX_COLOUR if shown.found.is_target else OTHER_COLOUR
    for edge, width in (("#000000", 2.4), (colour, 1.2)):
        box = Rectangle((left + x0, top + y0), x1 - x0, y1 - y0, fill=False, edgecolor=edge, linewidth=width)
        axes.add_patch(box)
    text = f"{shown.place} · {shown.found.change:.1f}"
    axes.text(
        left + side * 0.03,
        top + side * 0.97,
        text,
        ha="left",
        va="bottom",
        fontsize=7,
        color="#FFFFFF",
        bbox={"facecolor": "#000000", "alpha": 0.6, "pad": 1.2, "linewidth": 0},
    )
