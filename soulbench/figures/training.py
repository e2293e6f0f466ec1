"""How the original models were trained: every part of the loss, the learning rate and the speed, by step."""

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator

from soulbench.analysis.gather import read_csv
from soulbench.core.errors import UserError
from soulbench.figures import style

# An original model's stages and the folder below models/ that each was written to.
STAGES = {"pre-training": "pretrained", "fine-tuning": "original"}
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
WORDS = {"loss": "loss (sum of the generator's parts)", "validation": "validation loss"}
OTHER_COLOUR = "#B0B0B0"
LOWEST = 0.005  # quantile of the values at which a logarithmic axis begins
POINTS = 120  # of a line: more of them and the noise of single batches hides where it goes
HEIGHTS = {"positive": 3.4, "signed": 2.6, RATE: 1.1, SPEED: 1.1}


def draw(config: dict[str, Any], results_dir: Path, out_stem: Path, log: Callable[[str], Any]) -> None:
    """Draw the figure from the curves that lie beside the original models."""
    table = _read(config, Path(results_dir))
    rows = _rows(table)
    heights = [HEIGHTS[name] for name in rows]
    with style.figure(11, 1.6 + sum(heights), out_stem) as made:
        grid = made.subplots(
            len(rows), len(STAGES), sharex="col", sharey="row", squeeze=False, height_ratios=heights
        )
        for line, (kind, columns) in zip(grid, rows.items(), strict=True):
            for axes, stage in zip(line, STAGES, strict=True):
                _curves(axes, table[table["stage"] == stage], columns)
                _scale(axes, kind, table[columns].to_numpy(float))
            line[0].set_ylabel(_name(line[0], kind))
        for axes, stage in zip(grid[0], STAGES, strict=True):
            axes.set_title(stage.capitalize(), loc="left", weight="bold")
        for axes in grid[-1]:
            axes.set_xlabel("step")
            axes.set_xlim(left=0)
            axes.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True))
        made.align_ylabels(grid[:, 0])
        _legend(made, config, [name for kind in ("positive", "signed") for name in rows.get(kind, [])])
    log(f"{len(config['seeds'])} training seeds, {len(table)} points; {', '.join(_parts(table))}")


def _read(config: dict[str, Any], results_dir: Path) -> pd.DataFrame:
    """Return the curves of every training seed, at most `POINTS` steps a stage; closer ones are averaged."""
    frames = []
    for seed in config["seeds"]:
        for stage, folder in STAGES.items():
            path = results_dir / "models" / folder / f"seed{seed}.curves.csv"
            found = read_csv(path)
            if lacking := {*KEYS, "loss", RATE, SPEED} - {"seed", *found.columns}:
                raise UserError(f"{path}: no column {', '.join(sorted(lacking))}; run its rule again")
            frames.append(_thinned(found[found["stage"] == stage].assign(seed=seed)))
    return pd.concat(frames, ignore_index=True)


def _thinned(table: pd.DataFrame) -> pd.DataFrame:
    if len(table) <= POINTS:
        return table
    # By step and not by row, so that the points of all seeds stay above one another.
    width = math.ceil(table["step"].max() / POINTS)
    ends = (table["step"] + width - 1) // width * width
    return table.assign(step=ends.clip(upper=table["step"].max())).groupby(list(KEYS), as_index=False).mean()


def _rows(table: pd.DataFrame) -> dict[str, list[str]]:
    """Return the rows of panels and the columns that each shows.

    Parts that can be negative, adversarial ones and guidance, have a row of their own: a logarithmic axis
    has no place for them.
    """
    parts = _parts(table)
    signed = [name for name in parts if table[name].min() < 0]
    positive = [name for name in parts if name not in signed]
    rows = {"positive": positive, "signed": signed, RATE: [RATE], SPEED: [SPEED]}
    return {kind: columns for kind, columns in rows.items() if columns}


def _parts(table: pd.DataFrame) -> list[str]:
    """Return the losses that are not zero throughout, those with a colour first."""
    found = [name for name in table.columns if name not in (*KEYS, RATE, SPEED) and table[name].any()]
    return [*(name for name in LOSSES if name in found), *(name for name in found if name not in LOSSES)]


def _curves(axes: Axes, table: pd.DataFrame, columns: Iterable[str]) -> None:
    """Draw a thin line a seed and a thick one for their mean, where all seeds have a value."""
    for name in columns:
        wide = table.pivot(index="step", columns="seed", values=name).dropna(how="all")
        if wide.empty:
            continue
        mean = wide.dropna().mean(axis=1)
        colour = "#333333" if name in (RATE, SPEED) else LOSSES.get(name, OTHER_COLOUR)
        for seed in wide if len(wide.columns) > 1 else ():
            own = wide[seed].dropna()
            axes.plot(own.index, own, color=colour, linewidth=0.7, alpha=0.5)
        # A single point makes no line.
        marker = "o" if name == "validation" or len(mean) == 1 else ""
        axes.plot(mean.index, mean, color=colour, linewidth=1.8, marker=marker, markersize=3.5)
    axes.grid(axis="both")


def _scale(axes: Axes, kind: str, values: np.ndarray) -> None:
    """Set the scale of an axis that shows these values."""
    if kind == "positive":
        # A part may be zero for a moment: its line has a gap there, and one that is nearly so does not set the limit.
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


def _name(axes: Axes, kind: str) -> str:
    """Return what stands beside a row's axis."""
    if kind == "signed":
        return "parts of either sign" + "\n(logarithmic beyond ±1)" * (axes.get_yscale() == "symlog")
    return {"positive": "loss (logarithmic)", RATE: "learning\nrate", SPEED: "images\nper second"}[kind]


def _legend(made: Any, config: dict[str, Any], names: list[str]) -> None:
    handles = [
        Line2D(
            [],
            [],
            color=LOSSES.get(name, OTHER_COLOUR),
            linewidth=2,
            marker="o" if name == "validation" else "",
            label=WORDS.get(name, name.replace("_", " ")),
        )
        for name in names
    ]
    seeds = config["seeds"]
    note = f"thin: {len(seeds)} training seeds; thick: their mean" if len(seeds) > 1 else "1 training seed"
    style.outside_legend(made, handles, 4, note)
