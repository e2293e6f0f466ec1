"""Mosaics: images of the records side by side, under headings. Boxes are outlined on the mosaic only."""

import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.patches import Rectangle

from soulbench.analysis.methods import base, ordered
from soulbench.config import runs
from soulbench.core.damage import read_arrays
from soulbench.core.errors import UserError
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import read_csv
from soulbench.core.terms import BANK, ELSEWHERE, RETRAINED, TASKS, TEST, TRUTH
from soulbench.data.packed import PackedScenes
from soulbench.figures import _style

OTHERS = 3
GAP, BLOCK_GAP = 4, 20  # pixels of the mosaic between images, and between blocks of columns
#: The parts of the configuration that `BenchmarkImages` reads.
CONFIG = ("methods", "requests", "references", "seed", "seeds")

Grid = list[list[np.ndarray | None]]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Column:
    """A column of a mosaic.

    Attributes:
        block: the heading that it shares with its neighbours.
        label: the heading of this column alone.
        boxes: x0, y0, x1, y1 in [0, 1] of what is outlined.
    """

    block: str
    label: str
    boxes: tuple[Box, ...] = ()


def image_inputs(paths: ResultPaths) -> list[str]:
    """Return the files that every `BenchmarkImages` opens."""
    return [paths.data("packed"), paths.data("requests.csv"), paths.data("subset.csv")]


def output_inputs(config: Mapping[str, Any], paths: ResultPaths) -> list[str]:
    """Return the files that a mosaic of the models' outputs reads.

    They are the images, and the outputs of one seed of every planned run and of one of the bank's models per request.
    """
    first = config["seeds"][0]
    shown = [run for run in runs.planned(config) if run.seed == first and run.method != BANK]
    shown += filter(None, (of_bank(config, request) for request in runs.request_ids(config)))
    outputs = [paths.record(*run, "outputs.npz") for run in shown]
    return [*image_inputs(paths), paths.table("memorised"), *outputs]


def of_bank(config: Mapping[str, Any], request: str) -> runs.Run | None:
    """Return a model of the bank that never saw a request's objects; None without a bank."""
    reference = runs.shown_reference(config, request)
    return reference if reference is not None and reference.method == BANK else None


def ablation_inputs(config: Mapping[str, Any], paths: ResultPaths, name: str) -> list[str]:
    """Return the files that a mosaic of an ablation reads, besides the tables."""
    request, seed = runs.ablation_runs(config)[0]
    return [*image_inputs(paths), paths.ablation(name, request, seed, "npz")]


class BenchmarkImages:
    """The images of a benchmark, and the models' outputs for them with the first training seed."""

    def __init__(self, config: dict[str, Any], paths: ResultPaths):
        """Open the packed set and the requests; outputs are read when they are needed."""
        self.config, self.paths = config, paths
        self.scenes = PackedScenes.open(Path(paths.data("packed")))
        objects = read_csv(Path(paths.data("requests.csv")))
        self.targets = objects[(objects["role"] != ELSEWHERE) & (objects["set"] == TEST)]
        self.requests = list(dict.fromkeys(self.targets["request"]))
        subset = read_csv(Path(paths.data("subset.csv")))
        self.subset = subset.loc[subset["role"] == "subset", "image_id"].tolist()
        self.planned = set(runs.planned(config))

    def truth(self, image_id: int) -> np.ndarray:
        """Return an image's true pixels, uint8 [H, W, 3]."""
        return np.asarray(self.scenes.scene(self.scenes.find(image_id)).pixels)

    def target(self, request: str) -> tuple[int, tuple[Box, ...], str]:
        """Return the image of a request's primary target, the boxes of all targets in it, and the primary's label."""
        rows = self.targets[self.targets["request"] == request]
        image = rows["image_id"].iloc[0]
        boxes = rows.loc[rows["image_id"] == image, ["x0", "y0", "x1", "y1"]]
        return int(image), tuple(boxes.itertuples(index=False, name=None)), str(rows["category"].iloc[0])

    def others(self, request: str, count: int = OTHERS) -> list[tuple[int, bool]]:
        """Return other images of the subset, each with whether it contains the primary target's category.

        All but one contain it, where there are so many (of a single image: it does); the subset's order decides.
        """
        index = self.scenes.vocabulary.objects.index(self.target(request)[2])
        targets = set(self.targets.loc[self.targets["request"] == request, "image_id"])
        rest = [image for image in self.subset if image not in targets]
        same = [image for image in rest if index in self.scenes.scene(self.scenes.find(image)).categories]
        chosen = same[: max(count - 1, 1)]
        chosen += [image for image in rest if image not in same][: count - len(chosen)]
        chosen += [image for image in same if image not in chosen][: count - len(chosen)]
        return [(image, image in same) for image in chosen]

    def outputs(self, method: str, request: str) -> dict[str, dict[int, np.ndarray]] | None:
        """Return a model's outputs by task and image; None if the run is not planned."""
        run = self._run(method, request)
        return self.outputs_of(run) if run in self.planned else None

    def outputs_of(self, run: runs.Run) -> dict[str, dict[int, np.ndarray]]:
        """Return the outputs of a planned run by task and image."""
        stored = read_arrays(self.paths.record(*run, "outputs.npz"))
        ids = stored["image_ids"].tolist()
        return {task: dict(zip(ids, stored[task], strict=True)) for task in TASKS}

    def query_outputs(self, method: str, request: str) -> dict[tuple[str, str], np.ndarray]:
        """Return a model's outputs of the target image by (task, query); none if the run is not planned."""
        outputs = {}
        run = self._run(method, request)
        stored = read_arrays(self.paths.record(*run, "outputs.npz")) if run in self.planned else {}
        for key, images in stored.items():
            if key.startswith("query-"):
                query, _, task = key.removeprefix("query-").rpartition("-")
                outputs[task, query] = images[0]
        return outputs

    def _run(self, method: str, request: str) -> runs.Run:
        return runs.Run(method, request, self.config["seeds"][0])

    def ablation(self, name: str, request: str, seed: int) -> dict[tuple[str, str], np.ndarray]:
        """Return an ablation's outputs by (value, task): uint8 [k, H, W, 3], the target image first."""
        outputs = {}
        for key, images in read_arrays(self.paths.ablation(name, request, seed, "npz")).items():
            value, separator, task = key.rpartition("/")
            if separator:
                outputs[_canonical(value), task] = images
        return outputs

    def methods(self, requests: list[str]) -> list[str]:
        """Return the methods that are planned for any of the requests, in the order of rows: retrained ones last."""
        names = {
            run.method
            for run in self.planned
            if run.method in runs.methods(self.config)
            and run.request in requests
            and run.seed == self.config["seeds"][0]
        }
        in_order = ordered(self.config, names)
        return sorted(in_order, key=lambda name: base(self.config, name).startswith("retrain"))

    def example_request(self) -> str:
        """Return the first request that was clearly memorised in both tasks, or else the first of all."""
        table = read_csv(Path(self.paths.table("memorised")))
        clearly = table.groupby("request")["clearly"].all()
        memorised = [name for name in self.requests if clearly.get(name, False)]
        return (memorised or self.requests)[0]


def _canonical(text: str) -> str:
    """Return a number as `g` writes it, so that 1 and 1.0 are one key; other text as it is."""
    try:
        return f"{float(text):g}"
    except ValueError:
        return text


def outputs_by_row(images: BenchmarkImages, requests: list[str]) -> dict[str, list[Any]]:
    """Return the rows of a mosaic, true images first, a model of the bank last: for each, the outputs by request."""
    truth = [{task: _TrueImages(images) for task in TASKS} for _ in requests]
    outputs = {
        name: [images.outputs(name, request) for request in requests] for name in images.methods(requests)
    }
    if all(models := [of_bank(images.config, request) for request in requests]):
        outputs[RETRAINED] = [images.outputs_of(run) for run in models if run is not None]
    return {TRUTH: truth, **outputs}


class _TrueImages:
    """The true images by id, in place of a model's outputs."""

    def __init__(self, images: BenchmarkImages):
        self.images = images

    def __getitem__(self, image_id: int) -> np.ndarray:
        return self.images.truth(image_id)


def mosaic(grid: Grid, columns: list[Column]) -> tuple[np.ndarray, list[int], list[int], int]:
    """Return all images as one, the left edges of columns, the top edges of rows, and the side of an image.

    Raises:
        UserError: there is no image at all.
    """
    side = next((image.shape[0] for row in grid for image in row if image is not None), 0)
    if not side:
        raise UserError("no record holds images (outputs.npz); run the evaluation again")
    lefts, x = [], 0
    for index, column in enumerate(columns):
        x += 0 if index == 0 else GAP if columns[index - 1].block == column.block else BLOCK_GAP
        lefts.append(x)
        x += side
    tops = [index * (side + GAP) for index in range(len(grid))]
    canvas = np.full((tops[-1] + side, x, 3), 255, np.uint8)
    for top, row in zip(tops, grid, strict=True):
        for left, image in zip(lefts, row, strict=True):
            canvas[top : top + side, left : left + side] = 232 if image is None else image
    return canvas, lefts, tops, side


def plot_mosaic(
    fig: FigureBase, grid: Grid, columns: list[Column], rows: list[str], colours: list[str]
) -> Axes:
    """Plot a mosaic with its headings, and the outlines over it.

    Args:
        fig: where to plot: it gets one pair of axes.
        grid: images by row and column; grey where there is None.
        columns: headings and boxes.
        rows: names of the rows.
        colours: of these names.
    """
    axes = fig.subplots()
    canvas, lefts, tops, side = mosaic(grid, columns)
    axes.imshow(canvas, interpolation="none", extent=(0, canvas.shape[1], canvas.shape[0], 0))
    axes.set_axis_off()
    axes.set_anchor("E")  # what width there is to spare is for the rows' names
    # The page shows every figure equally wide, so a wide one needs larger letters.
    scale = max(1.0, fig.get_figure(root=True).get_figwidth() / 11)
    for name, top, colour in zip(rows, tops, colours, strict=True):
        axes.text(-GAP * 2, top + side / 2, name, ha="right", va="center", color=colour, fontsize=10 * scale)
    _headings(axes, columns, lefts, side, scale)
    for index, (column, left) in enumerate(zip(columns, lefts, strict=True)):
        for top, row in zip(tops, grid, strict=True):
            for box in column.boxes if row[index] is not None else ():
                _outline(axes, box, left, top, side)
    return axes


def _headings(axes: Axes, columns: list[Column], lefts: list[int], side: int, scale: float) -> None:
    extra_lines = max(column.label.count("\n") for column in columns)
    for index, (column, left) in enumerate(zip(columns, lefts, strict=True)):
        axes.text(
            left + side / 2,
            -GAP,
            column.label,
            ha="center",
            va="bottom",
            fontsize=8.5 * min(scale, 1.15),
            linespacing=1.1,
        )
        if index == 0 or columns[index - 1].block != column.block:
            axes.text(
                left,
                -side * (0.24 + 0.16 * extra_lines),
                column.block,
                ha="left",
                va="bottom",
                fontsize=11.5 * scale,
                weight="bold",
            )


def _outline(axes: Axes, box: Box, left: int, top: int, side: int) -> None:
    x0, y0, x1, y1 = (side * value for value in box)
    corner = (left + x0, top + y0)
    for colour, width in (("#000000", 2.4), (_style.BOX_COLOUR, 1.2)):
        axes.add_patch(Rectangle(corner, x1 - x0, y1 - y0, fill=False, edgecolor=colour, linewidth=width))


def row_colours(config: dict[str, Any], rows: list[str]) -> list[str]:
    """Return the colour of each row's name: of the method's level, or black if the row is not a method."""
    methods = runs.methods(config)
    return [_style.colour(config, name) if name in methods else "#000000" for name in rows]


def size(columns: list[Column], rows: Collection[str], side: float = 1.05) -> tuple[float, float]:
    """Return the inches (width, height) of a mosaic whose images have sides of `side` inches."""
    blocks = sum(1 for _ in itertools.groupby(columns, key=lambda column: column.block))
    names = max(1.5, 0.4 + 0.11 * max(map(len, rows), default=0))
    return names + side * 1.06 * len(columns) + 0.33 * blocks, 0.9 + side * 1.07 * len(rows)


def means_by(table: pd.DataFrame, key: str, dimension: str, metric: str) -> pd.DataFrame:
    """Return an ablation's mean of a dimension by key (rows) and task (columns), NaN where it was not measured."""
    rows = table[(table["dimension"] == dimension) & (table["metric"] == metric)]
    return (
        rows.groupby([key, "task"], sort=False)["value"]
        .mean()
        .unstack()
        .reindex(table[key].unique(), columns=list(TASKS))
    )
