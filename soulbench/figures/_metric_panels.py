"""A panel for every task, dimension and metric, with one interval per method, its floor and the retrained model."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from soulbench.analysis.dimensions import DIMENSIONS, better
from soulbench.analysis.methods import ordered, shown_group
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import read_csv
from soulbench.core.terms import RESEED, TASKS
from soulbench.figures import _style, metric_name

PAPER_DIMENSIONS = ("A1", "A2", "A3")
# A collapsed method is two orders of magnitude from the others; a linear axis would hide everything else.
WIDE = 12.0
ARROWS: dict[str, tuple[str, Any]] = {
    "lower": ("← better", "left"),
    "higher": ("better →", "right"),
    "towards retrain": ("better: towards the dashed line", "center"),
}


def plot(
    config: dict[str, Any],
    paths: ResultPaths,
    metrics: Sequence[str],
    out_stem: Path,
    log: Callable[[str], Any],
) -> None:
    """Plot the paper's dimensions in some metrics, one column each."""
    table = read_csv(Path(paths.table("summary")))
    table = table[table["dimension"].isin(PAPER_DIMENSIONS) & table["metric"].isin(metrics)]
    methods = [name for name in ordered(config, table["method"]) if name not in (RESEED, "original")]
    with _style.figure(11, 1.2 + 6 * (0.75 + 0.19 * len(methods)), out_stem) as fig:
        rows = [(task, dimension) for task in TASKS for dimension in PAPER_DIMENSIONS]
        parts: Any = fig.subfigures(len(rows), 1)
        for part, (task, dimension) in zip(parts, rows, strict=True):
            title = f"{task.capitalize()} · {dimension}: {DIMENSIONS[dimension].words}"
            part.suptitle(title, x=0.01, ha="left", fontsize=12, weight="bold")
            panels = part.subplots(1, len(metrics), squeeze=False)[0]
            for axes, metric in zip(panels, metrics, strict=True):
                shown = _rows(table, task, dimension, metric)
                _panel(axes, config, shown, methods, metric == metrics[0])
                _titles(axes, config, dimension, metric)
        _legend(fig, config, methods, int(table["n_requests"].max()))
    log(f"{len(methods)} methods, {len(table)} values")


def _rows(table: pd.DataFrame, task: str, dimension: str, metric: str) -> pd.DataFrame:
    selected = (table["task"] == task) & (table["dimension"] == dimension) & (table["metric"] == metric)
    return table[selected].set_index("method")


def _panel(axes: Axes, config: dict[str, Any], rows: pd.DataFrame, methods: list[str], first: bool) -> None:
    """Plot one metric: the band below the floor, the retrained model's line, and an interval per method."""
    _style.method_axis(axes, config, methods, first)
    plotted = rows.loc[[name for name in methods if name in rows.index]]
    _scale(axes, plotted, str(rows["metric"].iloc[0]) if len(rows) else "mae")
    if len(rows) and np.isfinite(rows["floor"].iloc[0]):
        low, high = axes.get_xlim()
        edge = high if rows["metric"].iloc[0] == "ssim" else low
        axes.axvspan(edge, rows["floor"].iloc[0], color=_style.FLOOR_COLOUR, linewidth=0, zorder=0)
        axes.set_xlim(low, high)
    if len(rows) and np.isfinite(rows["retrain"].iloc[0]):
        line: dict[str, Any] = {"color": _style.RETRAIN_COLOUR, "linestyle": _style.REFERENCE_DASHES}
        axes.axvline(rows["retrain"].iloc[0], linewidth=1.3, **line)
    for y, name in enumerate(methods):
        if name in rows.index:
            row: Any = rows.loc[name]
            ends = row["mean"], row["ci_low"], row["ci_high"]
            _style.interval(axes, y, ends, _style.colour(config, name), "X" if row["collapsed"] else "o")


def _scale(axes: Axes, rows: pd.DataFrame, metric: str) -> None:
    """Set the limits by the values; logarithmic where a linear axis would squeeze most methods together."""
    values = rows[["mean", "ci_low", "ci_high", "floor"]].to_numpy(float)
    values = values[np.isfinite(values)]
    if not len(values):
        return
    low, high = values.min(), values.max()
    if metric != "ssim" and low > 0 and high / low > WIDE:
        axes.set_xlim(low / 1.3, high * 1.3)
        _style.logarithmic(axes)
    else:
        margin = 0.06 * (high - low) or 0.05
        axes.set_xlim(low - margin, high + margin)


def _titles(axes: Axes, config: dict[str, Any], dimension: str, metric: str) -> None:
    text, location = ARROWS[better(dimension, metric)]
    axes.set_title(metric_name(config, metric), loc="left")
    axes.set_xlabel(text, loc=location, fontsize=9, color="#444444")


def _legend(fig: Figure, config: dict[str, Any], methods: list[str], requests: int) -> None:
    handles: list[Any] = _style.level_handles(
        list(dict.fromkeys(shown_group(config, name) for name in methods))
    )
    handles += [
        Line2D(
            [], [], color=_style.RETRAIN_COLOUR, linestyle=_style.REFERENCE_DASHES, label="retrained model"
        ),
        Patch(color=_style.FLOOR_COLOUR, label="inside the noise floor"),
        Line2D([], [], color="#333333", marker="X", linewidth=0, label="collapsed"),
    ]
    note = f"{_style.bars_note(config, requests)}; for A1 the paper counts more change as better"
    _style.outside_legend(fig, handles, 4, note)
