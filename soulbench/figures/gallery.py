"""Pictures side by side: what the records hold, in one mosaic; outlines are drawn on the copy."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.patches import Rectangle

from soulbench.analysis import methods as roster
from soulbench.analysis.gather import read_csv
from soulbench.core.errors import UserError
from soulbench.core.paths import ResultPaths
from soulbench.core.terms import TASKS
from soulbench.data.packed import PackedScenes
from soulbench.figures import style

OTHERS = 3
GAP, BLOCK_GAP = 4, 20  # pixels of the mosaic between pictures, and between blocks of columns


@dataclass(frozen=True)
class Column:
    """A column of the mosaic.

    Attributes:
        block: the heading that it stands under with its neighbours.
        label: its own heading.
        box: x0, y0, x1, y1 in [0, 1] to outline, or None.
    """

    block: str
    label: str
    box: tuple[float, ...] | None = None


class Pictures:
    """The photographs of a benchmark and the models' drawings of them."""

    def __init__(self, config: dict[str, Any], results_dir: Path):
        """Open the packed set and the requests; outputs are read when asked for."""
        self.config, self.results_dir = config, Path(results_dir)
        self.scenes = PackedScenes.open(self.results_dir / "data" / "packed")
        self.requests = read_csv(self.results_dir / "data" / "requests.csv").set_index("request")
        subset = read_csv(self.results_dir / "data" / "subset.csv")
        self.subset = subset.loc[subset["role"] == "subset", "image_id"].tolist()

    def truth(self, image_id: int) -> np.ndarray:
        """Return a photograph, uint8 [H, W, 3]."""
        return np.asarray(self.scenes.scene(self.scenes.find(image_id)).pixels)

    def target(self, request: str) -> tuple[int, tuple[float, ...], str]:
        """Return a request's image, box and category."""
        row: Any = self.requests.loc[request]
        return int(row["image_id"]), tuple(row[["x0", "y0", "x1", "y1"]].astype(float)), str(row["category"])

    def others(self, request: str, count: int = OTHERS) -> list[tuple[int, bool]]:
        """Return other images of the subset and whether they hold the category.

        Two that do first, in the subset's order.
        """
        target, _, category = self.target(request)
        number = self.scenes.vocabulary.objects.index(category)
        rest = [image for image in self.subset if image != target]
        same = [image for image in rest if number in self.scenes.scene(self.scenes.find(image)).categories]
        chosen = same[: max(count - 1, 1)]
        chosen += [image for image in rest if image not in same][: count - len(chosen)]
        chosen += [image for image in same if image not in chosen][: count - len(chosen)]
        return [(image, image in same) for image in chosen]

    def outputs(self, method: str, request: str) -> dict[str, dict[int, np.ndarray]] | None:
        """Return a model's drawings by task and image, of the first seed.

        None if this cell was not planned.
        """
        path = self._record(method, request)
        if not path.is_file():
            return None
        with np.load(path, allow_pickle=False) as stored:
            ids = stored["image_ids"].tolist()
            return {task: dict(zip(ids, stored[task], strict=True)) for task in TASKS}

    def answers(self, method: str, request: str) -> dict[tuple[str, str], np.ndarray]:
        """Return a model's drawings of the target image by (task, query), of the first seed."""
        path = self._record(method, request)
        if not path.is_file():
            return {}
        with np.load(path, allow_pickle=False) as stored:
            keys = [key for key in stored.files if key.startswith("query-")]
            parts = {key: key.removeprefix("query-").rpartition("-") for key in keys}
            return {(task, query): stored[key][0] for key, (query, _, task) in parts.items()}

    def _record(self, method: str, request: str) -> Path:
        return Path(
            ResultPaths(str(self.results_dir)).record(method, request, self.config["seeds"][0], "outputs.npz")
        )

    def ablation(self, name: str, request: str) -> dict[tuple[str, str], np.ndarray]:
        """Return an ablation's drawings by (value, task): uint8 [k, H, W, 3], the target's image first."""
        seed = self.config["seeds"][0]
        path = self.results_dir / "ablations" / name / request / f"seed{seed}.npz"
        if not path.is_file():
            return {}
        with np.load(path, allow_pickle=False) as stored:
            keys = [key.rsplit("/", 1) for key in stored.files if "/" in key]
            return {(_number(value), task): stored[f"{value}/{task}"] for value, task in keys}

    def methods(self, requests: list[str]) -> list[str]:
        """Return the methods that have outputs for any of the requests, in the order of the rows.

        Retrained ones last.
        """
        seed = f"seed{self.config['seeds'][0]}"
        records = self.results_dir / "records"
        found = [
            method
            for method, entry in self.config["methods"].items()
            if entry is not None
            and any((records / method / request / seed / "outputs.npz").is_file() for request in requests)
        ]
        ranked = roster.ordered(self.config, found)
        return sorted(ranked, key=lambda name: roster.base(self.config, name).startswith("retrain"))

    def shown(self) -> str:
        """Return the request to show first.

        The first that was clearly memorised in both tasks, else the first.
        """
        table = read_csv(self.results_dir / "tables" / "memorised.csv")
        clear = table.groupby("request")["clearly"].all()
        return next(
            (name for name in self.requests.index if clear.get(name, False)), str(self.requests.index[0])
        )


def _number(text: str) -> str:
    """Return a number as `g` writes it, so that 1 and 1.0 are one key; other text as it is."""
    try:
        return f"{float(text):g}"
    except ValueError:
        return text


def rows_of(pictures: Pictures, requests: list[str]) -> dict[str, list[Any]]:
    """Return the rows of a picture figure, truth first: each the outputs by request."""
    truth = [{task: _Truth(pictures) for task in TASKS} for _ in requests]
    drawn = {
        name: [pictures.outputs(name, request) for request in requests] for name in pictures.methods(requests)
    }
    return {"truth": truth, **drawn}


class _Truth:
    """Looks like the outputs of a model that draws every image as it is."""

    def __init__(self, pictures: Pictures):
        self.pictures = pictures

    def __getitem__(self, image_id: int) -> np.ndarray:
        return self.pictures.truth(image_id)


def mosaic(
    grid: list[list[np.ndarray | None]], columns: list[Column]
) -> tuple[np.ndarray, list[int], list[int], int]:
    """Return the pictures as one, the left edges of columns, the top edges of rows, and the side."""
    side = next((picture.shape[0] for row in grid for picture in row if picture is not None), 0)
    if not side:
        raise UserError("no record holds pictures (outputs.npz); run the evaluation again")
    lefts, place = [], 0
    for number, column in enumerate(columns):
        place += 0 if number == 0 else GAP if columns[number - 1].block == column.block else BLOCK_GAP
        lefts.append(place)
        place += side
    tops = [number * (side + GAP) for number in range(len(grid))]
    canvas = np.full((tops[-1] + side, place, 3), 255, np.uint8)
    for top, row in zip(tops, grid, strict=True):
        for left, picture in zip(lefts, row, strict=True):
            canvas[top : top + side, left : left + side] = 232 if picture is None else picture
    return canvas, lefts, tops, side


def show(
    made: FigureBase,
    grid: list[list[np.ndarray | None]],
    columns: list[Column],
    rows: list[str],
    colours: list[str],
) -> Axes:
    """Draw the mosaic with its headings, and the outlines over it."""
    axes = made.subplots()
    canvas, lefts, tops, side = mosaic(grid, columns)
    axes.imshow(canvas, interpolation="none", extent=(0, canvas.shape[1], canvas.shape[0], 0))
    axes.set_axis_off()
    # A page shows every figure equally wide, so a wide one needs larger letters.
    scale = max(1.0, made.get_figure(root=True).get_figwidth() / 11)
    more_lines = max(column.label.count("\n") for column in columns)
    for name, top, colour in zip(rows, tops, colours, strict=True):
        axes.text(-GAP * 2, top + side / 2, name, ha="right", va="center", color=colour, fontsize=10 * scale)
    for number, (column, left) in enumerate(zip(columns, lefts, strict=True)):
        axes.text(
            left + side / 2,
            -GAP,
            column.label,
            ha="center",
            va="bottom",
            fontsize=8.5 * min(scale, 1.15),
            linespacing=1.1,
        )
        if number == 0 or columns[number - 1].block != column.block:
            axes.text(
                left,
                -side * (0.24 + 0.16 * more_lines),
                column.block,
                ha="left",
                va="bottom",
                fontsize=11.5 * scale,
                weight="bold",
            )
        if column.box is not None:
            for top, row in zip(tops, grid, strict=True):
                if row[number] is not None:
                    _outline(axes, column.box, left, top, side)
    return axes


def _outline(axes: Axes, box: tuple[float, ...], left: int, top: int, side: int) -> None:
    x0, y0, x1, y1 = (side * value for value in box)
    for colour, width in (("#000000", 2.4), (style.BOX_COLOUR, 1.2)):
        place = (left + x0, top + y0)
        axes.add_patch(Rectangle(place, x1 - x0, y1 - y0, fill=False, edgecolor=colour, linewidth=width))


def row_colours(config: dict[str, Any], rows: list[str]) -> list[str]:
    """Return the colour of each row's name: its level's, black for what is no method."""
    known = [name for name, entry in config["methods"].items() if entry is not None]
    return [style.colour(config, name) if name in known else "#000000" for name in rows]


def size(columns: list[Column], rows: int, cell: float = 1.05) -> tuple[float, float]:
    """Return width and height in inches for so many columns and rows of pictures of `cell` inches."""
    blocks = len({column.block for column in columns})
    return 1.5 + cell * 1.06 * len(columns) + 0.33 * blocks, 0.9 + cell * 1.07 * rows


def means_by(table: pd.DataFrame, key: str, dimension: str, metric: str) -> pd.DataFrame:
    """Return the mean of an ablation's dimension by key (rows) and task (columns), NaN where it was not measured."""
    kept = table[(table["dimension"] == dimension) & (table["metric"] == metric)]
    return (
        kept.groupby([key, "task"], sort=False)["value"]
        .mean()
        .unstack()
        .reindex(table[key].unique(), columns=list(TASKS))
    )
