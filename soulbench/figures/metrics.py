"""The paper's Fig. 4: nine metrics, two tasks, with intervals, floors and the retrained model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from soulbench.analysis import methods as roster
from soulbench.analysis.dimensions import DIMENSIONS, better
from soulbench.analysis.gather import read_csv
from soulbench.core.terms import RESEED, TASKS
from soulbench.figures import style

PAPER_METRICS = ("ssim", "lpips", "mae")
PAPER_DIMENSIONS = ("A1", "A2", "A3")
# Collapsed methods stand two orders beside the others; a linear axis would hide everything else.
WIDE = 12.0
ARROWS: dict[str, tuple[str, Any]] = {
    "lower": ("← better", "left"),
    "higher": ("better →", "right"),
    "towards retrain": ("better: towards the dashed line", "center"),
}


def draw(config: dict[str, Any], results_dir: Path, out_stem: Path, log: Callable[[str], Any]) -> None:
    """Draw the figure from tables/summary.csv."""
    table = read_csv(Path(results_dir) / "tables" / "summary.csv")
    table = table[table["dimension"].isin(PAPER_DIMENSIONS) & table["metric"].isin(PAPER_METRICS)]
    methods = [name for name in roster.ordered(config, table["method"]) if name not in (RESEED, "original")]
    with style.figure(11, 1.2 + 6 * (0.75 + 0.19 * len(methods)), out_stem) as made:
        rows = [(task, dimension) for task in TASKS for dimension in PAPER_DIMENSIONS]
        parts: Any = made.subfigures(len(rows), 1)
        for part, (task, dimension) in zip(parts, rows, strict=True):
            words = f"{task.capitalize()} · {dimension}: {DIMENSIONS[dimension].words}"
            part.suptitle(words, x=0.01, ha="left", fontsize=12, weight="bold")
            for axes, metric in zip(part.subplots(1, 3), PAPER_METRICS, strict=True):
                _panel(
                    axes, config, _rows(table, task, dimension, metric), methods, metric == PAPER_METRICS[0]
                )
                _titles(axes, config, dimension, metric)
        _legend(made, config, methods, int(table["n_requests"].max()))
    log(f"{len(methods)} methods, {len(table)} cells")


def _rows(table: pd.DataFrame, task: str, dimension: str, metric: str) -> pd.DataFrame:
    kept = (table["task"] == task) & (table["dimension"] == dimension) & (table["metric"] == metric)
    return table[kept].set_index("method")


def _panel(axes: Axes, config: dict[str, Any], rows: pd.DataFrame, methods: list[str], first: bool) -> None:
    """Draw one metric: the floor's band, the retrained model's line, a dot with its interval a method."""
    style.method_axis(axes, config, methods, first)
    shown = rows.loc[[name for name in methods if name in rows.index]]
    _scale(axes, shown, str(rows["metric"].iloc[0]) if len(rows) else "mae")
    if len(rows) and np.isfinite(rows["floor"].iloc[0]):
        low, high = axes.get_xlim()
        edge = high if rows["metric"].iloc[0] == "ssim" else low
        axes.axvspan(edge, rows["floor"].iloc[0], color=style.FLOOR_COLOUR, linewidth=0, zorder=0)
        axes.set_xlim(low, high)
    if len(rows) and np.isfinite(rows["retrain"].iloc[0]):
        axes.axvline(
            rows["retrain"].iloc[0], color=style.RETRAIN_COLOUR, linewidth=1.3, linestyle=(0, (4, 2))
        )
    for place, name in enumerate(methods):
        if name in rows.index:
            row: Any = rows.loc[name]
            ends = row["mean"], row["ci_low"], row["ci_high"]
            style.interval(axes, place, ends, style.colour(config, name), "X" if row["collapsed"] else "o")


def _scale(axes: Axes, rows: pd.DataFrame, metric: str) -> None:
    """Set the limits by what is drawn.

    Logarithmic where a linear axis would squeeze most methods together.
    """
    values = rows[["mean", "ci_low", "ci_high", "floor"]].to_numpy(float)
    values = values[np.isfinite(values)]
    if not len(values):
        return
    low, high = values.min(), values.max()
    if metric != "ssim" and low > 0 and high / low > WIDE:
        axes.set_xlim(low / 1.3, high * 1.3)
        style.logarithmic(axes)
    else:
        pad = 0.06 * (high - low) or 0.05
        axes.set_xlim(low - pad, high + pad)


def _titles(axes: Axes, config: dict[str, Any], dimension: str, metric: str) -> None:
    words, place = ARROWS[better(dimension, metric)]
    axes.set_title(style.metric_name(config, metric), loc="left")
    axes.set_xlabel(words, loc=place, fontsize=9, color="#444444")


def _legend(made: Any, config: dict[str, Any], methods: list[str], requests: int) -> None:
    handles: list[Any] = style.level_handles(
        list(dict.fromkeys(roster.level(config, name) for name in methods))
    )
    handles += [
        Line2D([], [], color=style.RETRAIN_COLOUR, linestyle=(0, (4, 2)), label="retrained model"),
        Patch(color=style.FLOOR_COLOUR, label="inside the noise floor"),
        Line2D([], [], color="#333333", marker="X", linewidth=0, label="collapsed"),
    ]
    note = f"{style.bars_note(config, requests)}; of A1 the paper holds more change to be better"
    style.outside_legend(made, handles, 4, note)
