"""How the original models were trained: every part of the loss, the learning rate and the speed, by step."""

import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator

from soulbench.core.columns import CURVES, NUMBER
from soulbench.core.paths import ResultPaths, beside
from soulbench.core.tables import read_csv
from soulbench.figures import _style, counted

TITLE = "How the original models were trained: losses, learning rate, speed"
SUBCATEGORY = "Training"
POSITION = 110
CONFIG = ("seeds",)
CAPTION = """\
The generator's loss and its weighted parts, the learning rate and the speed by step, in pre-training
({{ config.training.pretrain.steps }} steps) and fine-tuning ({{ config.training.finetune.steps }} steps): thin lines
for {{ seeds }}, thick lines for their mean, without an interval; long training runs are averaged to 120 points. Parts
that are zero throughout are left out; the discriminators' loss is not part of the sum. Good: l1, boxes and the
perceptual part fall and level off, while the adversarial parts and the discriminators' loss balance each other;
device: {{ config.device }}.
"""

STAGES = ("pre-training", "fine-tuning")
SPEED, RATE = "images_per_second", "learning_rate"
KEYS = ("stage", "seed", "step")
LOSSES = {
    "loss": "#111111",
    "validation": "#CC3377",
    "l1": "#0072B2",
    "boxes": "#E69F00",
    "guidance": "#7A5195",
    "perceptual": "#56B4E9",
    "object_gan": "#009E73",
    "object_class": "#D55E00",
    "image_gan": "#A6761D",
    "feature_matching": "#8FB339",
    "discriminators": "#888888",
}
LABELS = {"loss": "loss (sum of the generator's parts)", "validation": "validation loss"}
OTHER_COLOUR = "#B0B0B0"
LOWEST = 0.005  # quantile of the values at which a logarithmic axis begins
POINTS = 120  # per line: with more of them, the noise of single batches hides the trend
HEIGHTS = {"positive": 3.4, "signed": 2.6, RATE: 1.1, SPEED: 1.1}


def inputs(config: Mapping[str, Any], paths: ResultPaths) -> list[str]:
    """Return the files that the figure reads."""
    return [path for seed in config["seeds"] for path in stage_files(paths, seed, "curves.csv").values()]


def stage_files(paths: ResultPaths, seed: int, kind: str) -> dict[str, str]:
    """Return by stage what was written beside the checkpoints of an original model: files of one kind."""
    checkpoints = (paths.pretrained(seed), paths.original(seed))
    return {stage: beside(checkpoint, kind) for stage, checkpoint in zip(STAGES, checkpoints, strict=True)}


def plot(config: dict[str, Any], paths: ResultPaths, out_stem: Path, log: Callable[[str], Any]) -> None:
    """Plot the curves beside the checkpoints of the original models."""
    table = _read(config, paths)
    rows = _rows(table)
    heights = [HEIGHTS[name] for name in rows]
    with _style.figure(11, 1.6 + sum(heights), out_stem) as fig:
        grid = fig.subplots(
            len(rows), len(STAGES), sharex="col", sharey="row", squeeze=False, height_ratios=heights
        )
        for panels, (kind, columns) in zip(grid, rows.items(), strict=True):
            for axes, stage in zip(panels, STAGES, strict=True):
                _curves(axes, table[table["stage"] == stage], columns)
                _scale(axes, kind, table[columns].to_numpy(float))
            panels[0].set_ylabel(_axis_label(panels[0], kind))
        for axes, stage in zip(grid[0], STAGES, strict=True):
            axes.set_title(stage.capitalize(), loc="left", weight="bold")
        for axes in grid[-1]:
            axes.set_xlabel("step")
            axes.set_xlim(left=0)
            axes.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True))
        fig.align_ylabels(grid[:, 0])
        _legend(fig, config, [name for kind in ("positive", "signed") for name in rows.get(kind, [])])
    log(f"{counted(len(config['seeds']), 'training seed')}, {len(table)} points; {', '.join(_parts(table))}")


def _read(config: dict[str, Any], paths: ResultPaths) -> pd.DataFrame:
    """Return the curves of every training seed, at most `POINTS` steps per stage; closer ones are averaged."""
    frames = []
    for seed in config["seeds"]:
        for stage, path in stage_files(paths, seed, "curves.csv").items():
            curves = read_csv(path, CURVES, others=NUMBER)
            frames.append(_thinned(curves[curves["stage"] == stage].assign(seed=seed)))
    return pd.concat(frames, ignore_index=True)


def _thinned(table: pd.DataFrame) -> pd.DataFrame:
    if len(table) <= POINTS:
        return table
    # By step and not by row, so that all seeds have their points at the same steps.
    width = math.ceil(table["step"].max() / POINTS)
    ends = (table["step"] + width - 1) // width * width
    return table.assign(step=ends.clip(upper=table["step"].max())).groupby(list(KEYS), as_index=False).mean()


def _rows(table: pd.DataFrame) -> dict[str, list[str]]:
    """Return the rows of panels, each with the table's columns that it shows.

    Parts that can be negative, such as adversarial ones and guidance, are in a row of their own, because a
    logarithmic axis cannot show them.
    """
    parts = _parts(table)
    signed = [name for name in parts if table[name].min() < 0]
    positive = [name for name in parts if name not in signed]
    rows = {"positive": positive, "signed": signed, RATE: [RATE], SPEED: [SPEED]}
    return {kind: columns for kind, columns in rows.items() if columns}


def _parts(table: pd.DataFrame) -> list[str]:
    """Return the losses that are not zero throughout, those with their own colour first."""
    losses = [name for name in table.columns if name not in (*KEYS, RATE, SPEED) and table[name].any()]
    return [*(name for name in LOSSES if name in losses), *(name for name in losses if name not in LOSSES)]


def _curves(axes: Axes, table: pd.DataFrame, columns: Iterable[str]) -> None:
    """Plot a thin line per seed, and a thick one for their mean at the steps where all seeds have a value."""
    for name in columns:
        wide = table.pivot(index="step", columns="seed", values=name).dropna(how="all")
        if wide.empty:
            continue
        mean = wide.dropna().mean(axis=1)
        colour = "#333333" if name in (RATE, SPEED) else LOSSES.get(name, OTHER_COLOUR)
        for seed in wide if len(wide.columns) > 1 else ():
            values = wide[seed].dropna()
            axes.plot(values.index, values, color=colour, linewidth=0.7, alpha=0.5)
        # A line needs two points, so a single one gets a marker.
        marker = "o" if name == "validation" or len(mean) == 1 else ""
        axes.plot(mean.index, mean, color=colour, linewidth=1.8, marker=marker, markersize=3.5)
    axes.grid(axis="both")


def _scale(axes: Axes, kind: str, values: np.ndarray) -> None:
    """Set the scale and the limits of an axis for the values that it shows."""
    if kind == "positive":
        # A part may be zero at some step: its line has a gap there. A value near zero must not set the limit.
        axes.set_yscale("log", nonpositive="mask")
        low, high = np.quantile(values[values > 0], [LOWEST, 1])
        axes.set_ylim(low / 1.3, high * 1.3)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 500 * low else (1,), numticks=12))
    elif kind == "signed":
        axes.axhline(0, color="#999999", linewidth=0.8)
        if np.nanmax(np.abs(values)) > 10:
            axes.set_yscale("symlog", linthresh=1)
    else:
        axes.set_ylim(0, 1.08 * np.nanmax(values) or 1)
        axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("")


def _axis_label(axes: Axes, kind: str) -> str:
    """Return the label of a row's y axis."""
    if kind == "signed":
        return "parts of either sign" + "\n(logarithmic beyond ±1)" * (axes.get_yscale() == "symlog")
    return {"positive": "loss (logarithmic)", RATE: "learning\nrate", SPEED: "images\nper second"}[kind]


def _legend(fig: Figure, config: dict[str, Any], names: list[str]) -> None:
    handles = [
        Line2D(
            [],
            [],
            color=LOSSES.get(name, OTHER_COLOUR),
            linewidth=2,
            marker="o" if name == "validation" else "",
            label=LABELS.get(name, name.replace("_", " ")),
        )
        for name in names
    ]
    seeds = config["seeds"]
    note = f"thin: {len(seeds)} training seeds; thick: their mean" if len(seeds) > 1 else "1 training seed"
    _style.outside_legend(fig, handles, 4, note)
