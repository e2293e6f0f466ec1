"""The paper's Fig. 11: the strength alpha of Obj-IF, as outputs of the target image and as curves."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from soulbench.analysis.dimensions import PRIMARY
from soulbench.config import runs
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import read_csv
from soulbench.core.terms import TASKS
from soulbench.figures import _gallery, _style
from soulbench.figures._gallery import BenchmarkImages, Column, Grid

TITLE = "Obj-IF: strength alpha (Fig. 11)"
SUBCATEGORY = "Ablations"
POSITION = 90
CONFIG = (*_gallery.CONFIG, "ablations")
CAPTION = """\
The paper's Fig. 11: Obj-IF with its influence multiplied by alpha. Above: outputs for the first request; below: thin
lines for {{ ablated }}, a thick line for their mean, without an interval. Good: the error of the target reaches that
of the retrained model before the other objects change; device: {{ config.device }}.
"""

CURVES = {
    "target_error": "error of the target; higher: more forgotten",
    "A2": "change of its image's other objects; lower: better",
}
TASK_COLOURS = {"reconstruction": "#0072B2", "synthesis": "#D55E00"}


def applies(config: Mapping[str, Any]) -> bool:
    """Tell whether ablations are planned."""
    return bool(runs.ablation_runs(config))


def inputs(config: Mapping[str, Any], paths: ResultPaths) -> list[str]:
    """Return the files that the figure reads."""
    request, seed = runs.ablation_runs(config)[0]
    originals = [run for run in runs.planned(config) if run == ("original", request, seed)]
    return [
        paths.table("ablation_alpha"),
        paths.table("summary"),
        *_gallery.ablation_inputs(config, paths, "alpha"),
        *(paths.record(*run, "outputs.npz") for run in originals),
    ]


def plot(config: dict[str, Any], paths: ResultPaths, out_stem: Path, log: Callable[[str], Any]) -> None:
    """Plot the outputs by alpha above the curves of the target's error and of the other objects' change."""
    table = read_csv(Path(paths.table("ablation_alpha")))
    summary = read_csv(Path(paths.table("summary")))
    alphas = sorted(table["alpha"].unique())
    columns, grid, request = _outputs(config, paths, alphas)
    width, height = _gallery.size(columns, list(TASKS), 1.2)
    with _style.figure(max(width, 9.5), height + 4.2, out_stem) as fig:
        parts: Any = fig.subfigures(2, 1, height_ratios=[height, 4.2])
        top, bottom = parts
        colours = [TASK_COLOURS[task] for task in TASKS]
        _gallery.plot_mosaic(top, grid, columns, list(TASKS), colours)
        for axes, (dimension, title) in zip(bottom.subplots(1, 2), CURVES.items(), strict=True):
            _curves(axes, table, dimension)
            _retrained(axes, summary, dimension)
            axes.set_title(title, loc="left", fontsize=10)
            axes.set_xlabel("alpha (multiple of the influence)")
            axes.set_ylabel("MAE, grey levels")
        handles, labels = axes.get_legend_handles_labels()
        bottom.legend(handles, labels, loc="outside lower center", ncols=4)
    log(f"{len(alphas)} values of alpha, images of {request}")


def _outputs(
    config: dict[str, Any], paths: ResultPaths, alphas: list[float]
) -> tuple[list[Column], Grid, str]:
    images = BenchmarkImages(config, paths)
    request, seed = runs.ablation_runs(config)[0]
    image, boxes, category = images.target(request)
    original = images.outputs("original", request)
    outputs = images.ablation("alpha", request, seed)
    block = f"The target image by alpha ({request}: {category})"
    labels = ["truth", "original", *(f"alpha {value:g}" for value in alphas)]
    grid: Grid = []
    for task in TASKS:
        stacks = [outputs.get((f"{value:g}", task)) for value in alphas]
        targets = [None if stack is None else stack[0] for stack in stacks]
        grid.append([images.truth(image), original[task][image] if original else None, *targets])
    return [Column(block, label, boxes) for label in labels], grid, request


def _curves(axes: Axes, table: pd.DataFrame, dimension: str) -> None:
    """Plot a thin line per request and seed, and a thick one for their mean."""
    measured = table[(table["dimension"] == dimension) & (table["metric"] == PRIMARY)]
    for task, colour in TASK_COLOURS.items():
        rows = measured[measured["task"] == task]
        for _, line in rows.groupby(["request", "seed"]):
            axes.plot(line["alpha"], line["value"], color=colour, linewidth=0.8, alpha=0.5)
        mean = rows.groupby("alpha")["value"].mean()
        axes.plot(mean.index, mean, "o-", color=colour, linewidth=2, label=task)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.grid(axis="both")


def _retrained(axes: Axes, summary: pd.DataFrame, dimension: str) -> None:
    """Plot the retrained model's value in the first task, if there is one, as a dashed line."""
    selected = (summary["method"] == "retrain") & (summary["task"] == TASKS[0])
    selected &= (summary["dimension"] == dimension) & (summary["metric"] == PRIMARY)
    line: dict[str, Any] = {"color": _style.RETRAIN_COLOUR, "linestyle": _style.REFERENCE_DASHES}
    for value in summary.loc[selected, "mean"][:1]:
        axes.axhline(value, label=f"retrained model ({TASKS[0]})", linewidth=1.2, **line)
