"""Forgetting against utility: one point a method, with the references that say what is good."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from soulbench.analysis import methods as roster
from soulbench.analysis.dimensions import PRIMARY
from soulbench.analysis.evidence import OVERSHOT, REMOVED
from soulbench.analysis.gather import read_csv
from soulbench.core.terms import RESEED, TASKS
from soulbench.figures import style

# Linear around the references, logarithmic beyond: a destroyed model lies far out.
TICKS = (-800, -200, -100, 0, 50, 100, 150, 200, 400, 800, 1600, 3200)
SHAPES = {"original": "*", "noop-ft": "X", "retrain": "P", "retrain-sample": "d"}


def draw(config: dict[str, Any], results_dir: Path, out_stem: Path, log: Callable[[str], Any]) -> None:
    """Draw the figure from tables/scoreboard.csv and tables/summary.csv."""
    tables = Path(results_dir) / "tables"
    board, summary = read_csv(tables / "scoreboard.csv"), read_csv(tables / "summary.csv")
    utility = summary[(summary["dimension"] == "retained_error") & (summary["metric"] == PRIMARY)]
    points = board.merge(utility, on=["method", "task"])
    methods = [name for name in roster.ordered(config, points["method"]) if name != RESEED]
    shapes = _shapes(config, methods)
    with style.figure(11, 6.6, out_stem) as made:
        for axes, task in zip(made.subplots(1, len(TASKS), sharey=True), TASKS, strict=True):
            _panel(axes, config, points[points["task"] == task].set_index("method"), shapes, task == TASKS[0])
            axes.set_title(task.capitalize(), loc="left", weight="bold")
        _legend(made, config, shapes, int(points["n_requests"].max()))
    log(f"{len(methods)} methods")


def _shapes(config: dict[str, Any], methods: list[str]) -> dict[str, str]:
    """Give every method a shape that no other of its colour has."""
    taken: dict[str, int] = {}
    shapes = {}
    for method in methods:
        level = roster.level(config, method)
        taken[level] = taken.get(level, -1) + 1
        shapes[method] = SHAPES.get(method, style.MARKERS[taken[level] % len(style.MARKERS)])
    return shapes


def _panel(
    axes: Axes, config: dict[str, Any], rows: pd.DataFrame, shapes: dict[str, str], first: bool
) -> None:
    axes.axvspan(100 * REMOVED, 100 * OVERSHOT, color="#F3E3EC", linewidth=0, zorder=0)
    axes.axvline(100, color=style.RETRAIN_COLOUR, linewidth=1.2, linestyle=(0, (4, 2)))
    axes.axvline(0, color=style.ORIGINAL_COLOUR, linewidth=1.2, linestyle=(0, (4, 2)))
    for method, shape in shapes.items():
        found: Any = rows.loc[method] if method in rows.index else None
        if found is not None and np.isfinite(found["forgotten"]):
            _point(axes, found, style.colour(config, method), shape)
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


def _legend(made: Any, config: dict[str, Any], shapes: dict[str, str], requests: int) -> None:
    handles = [
        Line2D([], [], color=style.colour(config, name), marker=shape, linewidth=0, markersize=8, label=name)
        for name, shape in shapes.items()
    ]
    note = f"shaded: nearer to the retrained model than to the original; {style.bars_note(config, requests)}"
    style.outside_legend(made, handles, 7, note)
