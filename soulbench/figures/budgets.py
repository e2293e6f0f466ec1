"""Forgetting against harm as the budget grows: one path per method, from the smallest budget to the largest."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import AutoLocator

from soulbench.analysis.dimensions import PRIMARY
from soulbench.analysis.evidence import NEGLIGIBLE
from soulbench.analysis.methods import ordered
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import read_csv
from soulbench.core.terms import TASKS
from soulbench.figures import _plane, _style

TITLE = "Forgetting against harm as the budget grows"
SUBCATEGORY = "Outcome"
POSITION = 12
CONFIG = ("methods", "unlearning", "analysis", "seeds")
CAPTION = """\
Both tasks, one path per method, along which the budget grows: {{ config.unlearning.snapshots | join(", ") }} and
{{ config.unlearning.steps }} steps of fine-tuning, or growing strengths of one redaction; large points: as described;
rings: the budget that was selected on development requests. Horizontal: how far the error of the target has moved from
the original model's (0) to that of retrained models (100), whose band is shaded. Vertical: change of the other objects
of its image beyond that of ``noop-ft`` of the same budget; below the dotted line an eye sees none. Intervals are in
``paths.csv``; device: {{ config.device }}.
"""
#: From here on the axis of harm is logarithmic: a destroyed model is far away.
LINEAR_HARM = 5
#: Two panels share the width, so there is no room for this one.
TICKS = tuple(tick for tick in _plane.TICKS if tick != 1600)


def inputs(config: Mapping[str, Any], paths: ResultPaths) -> list[str]:
    """Return the files that the figure reads."""
    return [paths.table("paths"), paths.table("scoreboard")]


def applies(config: Mapping[str, Any]) -> bool:
    """Tell whether any method is judged at more than one budget."""
    return bool(config["unlearning"]["snapshots"] or config["unlearning"]["strengths"])


def plot(config: dict[str, Any], paths: ResultPaths, out_stem: Path, log: Callable[[str], Any]) -> None:
    """Plot paths.csv."""
    table = read_csv(Path(paths.table("paths")))
    bands = read_csv(Path(paths.table("scoreboard"))).groupby("task")["band"].max()
    shapes = {
        name: _style.MARKERS[index % len(_style.MARKERS)]
        for index, name in enumerate(ordered(config, table["method"]))
    }
    with _style.figure(11, 6.6, out_stem) as fig:
        panels = fig.subplots(1, len(TASKS), sharey=True)
        for axes, task in zip(panels, TASKS, strict=True):
            _panel(axes, config, table[table["task"] == task], shapes, float(bands.get(task, np.nan)))
            axes.set_title(task.capitalize(), loc="left", weight="bold")
            if task == TASKS[0]:
                axes.set_ylabel("change of the other objects beyond noop-ft\n(MAE, grey levels); ↓ better")
        # Where all is in its linear part, the locator of this scale marks the ends of the axis, such as -0.1275.
        if np.abs(panels[0].get_ylim()).max() <= LINEAR_HARM:
            panels[0].yaxis.set_major_locator(AutoLocator())
        handles = [
            Line2D([], [], color=_style.colour(config, name), marker=shape, linewidth=1.2, label=name)
            for name, shape in shapes.items()
        ]
        rings = "rings: selected on development requests; " if table["selected"].any() else ""
        _style.outside_legend(
            fig, handles, 6, f"large points: as described; {rings}shaded: the band of the retrained models"
        )
    log(f"{len(shapes)} methods, {len(table)} points")


def _panel(
    axes: Axes, config: dict[str, Any], rows: pd.DataFrame, shapes: dict[str, str], band: float
) -> None:
    _plane.references(axes, band)
    axes.axhline(NEGLIGIBLE[PRIMARY], color=_style.ORIGINAL_COLOUR, linewidth=0.8, linestyle=":")
    for name, shape in shapes.items():
        path = rows[rows["method"] == name].sort_values("budget")
        colour = _style.colour(config, name)
        # Without any budget a model is the original: nothing is forgotten, and nothing harmed.
        x, y = ([0.0, *values] for values in (100 * path["forgotten"], path["harm"]))
        axes.plot(x, y, color=colour, linewidth=1.2, marker=shape, markersize=4)
        described = path[path["described"]]
        point = 100 * described["forgotten"], described["harm"]
        axes.plot(*point, color=colour, linestyle="", marker=shape, markersize=9)
        chosen = path[path["selected"]]
        axes.plot(
            100 * chosen["forgotten"], chosen["harm"], "o", color=colour, fillstyle="none", markersize=14
        )
    axes.set_yscale("symlog", linthresh=LINEAR_HARM, linscale=1)
    axes.yaxis.set_major_formatter("{x:g}")
    _plane.share_axis(axes, "forgotten, % of the way to the retrained models", TICKS)
