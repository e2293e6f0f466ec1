"""Snapshots: outputs of the original model while it was trained, and of each method while it unlearned."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from soulbench.analysis.methods import family, ordered
from soulbench.config import runs
from soulbench.core.damage import read_arrays
from soulbench.core.errors import UserError
from soulbench.core.paths import ResultPaths, beside
from soulbench.core.terms import TASKS
from soulbench.figures import _gallery, _style
from soulbench.figures._gallery import BenchmarkImages, Column, Grid
from soulbench.figures.training import stage_files

TITLE = "Training and unlearning, step by step"
SUBCATEGORY = "Training"
POSITION = 120
CONFIG = _gallery.CONFIG
CAPTION = """\
Above: outputs of the original model of training seed {{ config.seeds[0] }} for a few images while it was trained.
Below: outputs for the target image, for the request of Fig. 5 and the same seed, while each fine-tuning method
unlearned it ({{ config.unlearning.steps }} steps; step 0: before the first). Boxes outline the targets; they are not
part of the image. Good: the target disappears and everything around it stays; device: {{ config.device }}.
"""

FILE = "snapshots.npz"
TRAINING_COLUMNS = 9  # besides the true image
UNLEARNING_COLUMNS = 5  # per task
IMAGES = 3
TITLE_HEIGHT = 0.35  # inches


class Snapshots(NamedTuple):
    """What a model generated for a few images while it was trained.

    Attributes:
        steps: of each of k snapshots; step 0 is before the stage's first update.
        image_ids: of n images; the first one of an unlearned model is the target image.
        truth: uint8 [n, H, W, 3].
        outputs: uint8 [k, n, H, W, 3] by task.
    """

    steps: list[int]
    image_ids: list[int]
    truth: np.ndarray
    outputs: dict[str, np.ndarray]

    def output(self, task: str, index: int, image_id: int) -> np.ndarray | None:
        """Return one output of a snapshot; None if the image is not among them."""
        if image_id not in self.image_ids:
            return None
        return self.outputs[task][index][self.image_ids.index(image_id)]


class Panel(NamedTuple):
    """A mosaic with its title; the other fields are arguments of `plot_mosaic`."""

    title: str
    grid: Grid
    columns: list[Column]
    rows: list[str]
    colours: list[str]


def inputs(config: Mapping[str, Any], paths: ResultPaths) -> list[str]:
    """Return the files that the figure reads."""
    return [*_gallery.image_inputs(paths), paths.table("memorised"), *monitored(config, paths, FILE)]


def monitored(config: Mapping[str, Any], paths: ResultPaths, kind: str) -> list[str]:
    """Return the files of one kind that are beside the original model and every fine-tuned one, of the first seed."""
    tuned = [
        beside_unlearned(config, paths, name, request, kind)
        for name in runs.methods(config)
        if runs.method(config, name).family == "finetune"
        for request in runs.requests_of(config, name)
    ]
    # A method that serves every request has one model, so one file.
    return [*stage_files(paths, config["seeds"][0], kind).values(), *dict.fromkeys(tuned)]


def beside_unlearned(
    config: Mapping[str, Any], paths: ResultPaths, method: str, request: str, kind: str
) -> str:
    """Return a file of one kind beside a method's model of the first seed."""
    return beside(runs.checkpoint(config, method, request, config["seeds"][0], paths), kind)


def plot(config: dict[str, Any], paths: ResultPaths, out_stem: Path, log: Callable[[str], Any]) -> None:
    """Plot the snapshots beside the checkpoints of the first training seed."""
    panels = [_training_panel(config, paths), _unlearning_panel(config, paths)]
    panels = [panel for panel in panels if panel.rows]
    sizes = [_gallery.size(panel.columns, panel.rows) for panel in panels]
    heights = [height + TITLE_HEIGHT for _, height in sizes]
    width = max(width for width, _ in sizes)
    with _style.figure(width, sum(heights), out_stem) as fig:
        parts = fig.subfigures(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
        for part, panel in zip(parts, panels, strict=True):
            part.suptitle(panel.title, x=0.01, ha="left", fontsize=1.15 * width, weight="bold")
            _gallery.plot_mosaic(part, panel.grid, panel.columns, panel.rows, panel.colours)
    log("; ".join(f"{panel.title}: {len(panel.rows)} rows of {len(panel.columns)}" for panel in panels))


def read(path: str) -> Snapshots:
    """Read a file of snapshots.

    Raises:
        UserError: the file is absent or does not hold snapshots.
    """
    stored = read_arrays(path)
    try:
        outputs = {task: stored[task] for task in TASKS}
        return Snapshots(stored["steps"].tolist(), stored["image_ids"].tolist(), stored["truth"], outputs)
    except KeyError as error:
        raise UserError(
            f"{path}: no snapshots ({error} is missing); delete it and run its rule again"
        ) from None


def _training_panel(config: dict[str, Any], paths: ResultPaths) -> Panel:
    """Return the original model's panel: snapshots of both stages, a few images, both tasks."""
    seed = config["seeds"][0]
    snapshots = {stage: read(path) for stage, path in stage_files(paths, seed, FILE).items()}
    # Pre-training is not repeated when the subset changes, so its snapshots may be of other images.
    finetuned = snapshots["fine-tuning"]
    shown = _shown_snapshots(snapshots)
    rows = [(image, task) for image in finetuned.image_ids[:IMAGES] for task in TASKS]
    grid: Grid = [
        [
            *(snapshots[stage].output(task, index, image) for stage, index in shown),
            finetuned.truth[finetuned.image_ids.index(image)],
        ]
        for image, task in rows
    ]
    return Panel(
        f"The original model learns (training seed {seed})",
        grid,
        [
            *(Column(stage.capitalize(), f"step {snapshots[stage].steps[index]}") for stage, index in shown),
            Column("", "truth"),
        ],
        [f"image {image},\n{task}" for image, task in rows],
        ["#000000"] * len(rows),
    )


def _shown_snapshots(snapshots: dict[str, Snapshots]) -> list[tuple[str, int]]:
    """Return (stage, index) of the snapshots to show, `TRAINING_COLUMNS` at most.

    Each stage gets half of the columns, or what the other stage leaves.
    """
    # Step 0 of fine-tuning is left out: the model is then what pre-training ended with.
    indices = {
        stage: [index for index, step in enumerate(found.steps) if step or stage == "pre-training"]
        for stage, found in snapshots.items()
    }
    pretraining, finetuning = (len(found) for found in indices.values())
    share = max(TRAINING_COLUMNS // 2, TRAINING_COLUMNS - finetuning)
    counts = (min(pretraining, share), TRAINING_COLUMNS - min(pretraining, share))
    return [
        (stage, index)
        for (stage, found), count in zip(indices.items(), counts, strict=True)
        for index in evenly_spaced(found, count)
    ]


def evenly_spaced(items: Sequence[int], count: int) -> list[int]:
    """Return `count` of the items, the first and the last among them, evenly spaced; all if there are no more."""
    if len(items) <= count:
        return list(items)
    return [items[round(position)] for position in np.linspace(0, len(items) - 1, count)]


def _unlearning_panel(config: dict[str, Any], paths: ResultPaths) -> Panel:
    """Return the panel of the fine-tuning methods, one row each, for the example request."""
    images = BenchmarkImages(config, paths)
    request = images.example_request()
    target, boxes, category = images.target(request)
    snapshots = of_target(config, paths, request, target)
    steps = evenly_spaced(next(iter(snapshots.values())).steps, UNLEARNING_COLUMNS) if snapshots else []
    shown = [(task, step) for task in TASKS for step in steps]
    return Panel(
        f"The methods unlearn {request}: {category} (image {target})",
        [
            [*(output_at(found, task, step, target) for task, step in shown), images.truth(target)]
            for found in snapshots.values()
        ],
        [
            *(Column(task.capitalize(), f"step {step}", boxes) for task, step in shown),
            Column("", "truth", boxes),
        ],
        list(snapshots),
        _gallery.row_colours(config, list(snapshots)),
    )


def of_target(config: dict[str, Any], paths: ResultPaths, request: str, target: int) -> dict[str, Snapshots]:
    """Return the snapshots that show the target image of a request, by method."""
    snapshots = {}
    for name in ordered(config, runs.methods(config)):
        if family(config, name) == "finetune" and request in runs.requests_of(config, name):
            candidate = read(beside_unlearned(config, paths, name, request, FILE))
            # The snapshots of a model that serves every request may be of another request's image.
            if target in candidate.image_ids:
                snapshots[name] = candidate
    return snapshots


def output_at(snapshots: Snapshots, task: str, step: int, image: int) -> np.ndarray | None:
    """Return one output after a step; None if there is no snapshot of that step or image."""
    return snapshots.output(task, snapshots.steps.index(step), image) if step in snapshots.steps else None
