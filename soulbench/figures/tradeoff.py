"""Forgetting against the error of retained images: one point per method, beside the references."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from soulbench.analysis.dimensions import PRIMARY
from soulbench.analysis.methods import ordered, shown_group
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import read_csv
from soulbench.core.terms import AS_DESCRIBED, RESEED, TASKS
from soulbench.figures import _style

TITLE = "Forgetting against the error of retained images"
SUBCATEGORY = "Outcome"
POSITION = 10
CONFIG = ("methods", "analysis", "seeds")
CAPTION = """\
Both tasks, one point per method. Horizontal: how far the error of the target has moved from the original model's (0)
to that of a model which was retrained without the targets (100); beyond 100, more is not better. Vertical: the error
of the retained images; lower is better. Bars are {{ percent }} intervals over {{ axes }} (hollow:
fewer than {{ config.analysis.min_requests }} requests); device: {{ config.device }}.
"""

# The x axis is linear around the references and logarithmic beyond: a collapsed model is far away.
TICKS = (-800, -200, -100, 0, 50, 100, 150, 200, 400, 800, 1600, 3200)
SHAPES = {"original": "*", "noop-ft": "X", "retrain": "P", "retrain-sample": "d", "retrain-person": "D"}


def inputs(config: Mapping[str, Any], paths: ResultPaths) -> list[str]:
    """Return the files that the figure reads."""
    return [paths.table("scoreboard"), paths.table("summary")]


def plot(config: dict[str, Any], paths: ResultPaths, out_stem: Path, log: Callable[[str], Any]) -> None:
    """Plot the scoreboard's share of forgetting against the summary's error of retained images."""
    scoreboard = read_csv(Path(paths.table("scoreboard")))
    scoreboard = scoreboard[scoreboard["operating_point"] == AS_DESCRIBED]
    summary = read_csv(Path(paths.table("summary")))
    retained = summary[(summary["dimension"] == "retained_error") & (summary["metric"] == PRIMARY)]
    points = scoreboard.merge(retained, on=["method", "task"], suffixes=("_scoreboard", ""))
    methods = [name for name in ordered(config, points["method"]) if name != RESEED]
    shapes = _shapes(config, methods)
    with _style.figure(11, 6.6, out_stem) as fig:
        for axes, task in zip(fig.subplots(1, len(TASKS), sharey=True), TASKS, strict=True):
            _panel(axes, config, points[points["task"] == task].set_index("method"), shapes, task == TASKS[0])
            axes.set_title(task.capitalize(), loc="left", weight="bold")
        _legend(fig, config, shapes, int(points["n_requests"].max()))
    log(f"{len(methods)} methods")


def _shapes(config: dict[str, Any], methods: list[str]) -> dict[str, str]:
    """Return each method's marker; no two methods of a level have the same while markers last."""
    used: dict[str, int] = {}
    shapes = {}
    for method in methods:
        index = used.setdefault(shown_group(config, method), 0)
        used[shown_group(config, method)] += 1
        shapes[method] = SHAPES.get(method, _style.MARKERS[index % len(_style.MARKERS)])
    return shapes


def _panel(
    axes: Axes, config: dict[str, Any], rows: pd.DataFrame, shapes: dict[str, str], first: bool
) -> None:
    band = 100 * rows["band"].max()  # the same for all methods of a task
    if np.isfinite(band):
        axes.axvspan(100 - band, 100 + band, color="#F3E3EC", linewidth=0, zorder=0)
    axes.axvline(100, color=_style.RETRAIN_COLOUR, linewidth=1.2, linestyle=_style.REFERENCE_DASHES)
    axes.axvline(0, color=_style.ORIGINAL_COLOUR, linewidth=1.2, linestyle=_style.REFERENCE_DASHES)
    for method, shape in shapes.items():
        row: Any = rows.loc[method] if method in rows.index else None
        if row is not None and np.isfinite(row["forgotten"]):
            _point(axes, row, _style.colour(config, method), shape)
    axes.set_xscale("symlog", linthresh=200, linscale=2)
    low, high = axes.get_xlim()
    axes.set_xticks([tick for tick in TICKS if low <= tick <= high])
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlim(low, high)
    axes.minorticks_off()
    axes.set_xlabel("forgotten, % of the way from the original (0) to the retrained model (100)")
    if first:
        axes.set_ylabel("error of the retained images (MAE, grey levels); ↓ better")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    axes.grid(axis="both")


def _point(axes: Axes, row: pd.Series, colour: str, shape: str) -> None:
    x, low, high = (100 * row[name] for name in ("forgotten", "forgotten_low", "forgotten_high"))
    if np.isfinite(low):
        axes.plot([low, high], [row["mean"]] * 2, color=colour, linewidth=1.5)
    if np.isfinite(row["ci_low"]):
        axes.plot([x, x], [row["ci_low"], row["ci_high"]], color=colour, linewidth=1.5)
    face = colour if np.isfinite(low) else "white"
    axes.plot(
        [x], [row["mean"]], shape, color=colour, markerfacecolor=face, markersize=9, markeredgewidth=1.3
    )


def _legend(fig: Figure, config: dict[str, Any], shapes: dict[str, str], requests: int) -> None:
    handles = [
        Line2D([], [], color=_style.colour(config, name), marker=shape, linewidth=0, markersize=8, label=name)
        for name, shape in shapes.items()
    ]
    note = f"shaded: the band of the retrained models; {_style.bars_note(config, requests)}"
    _style.outside_legend(fig, handles, 6, note)
