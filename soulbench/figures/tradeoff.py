"""Forgetting against the error of retained images: one point per method, beside the references."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from soulbench.analysis.dimensions import PRIMARY
from soulbench.analysis.methods import ordered
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import read_csv
from soulbench.core.terms import AS_DESCRIBED, RESEED, TASKS
from soulbench.figures import _plane, _style

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
    shapes = _plane.shapes(config, methods)
    with _style.figure(11, 6.6, out_stem) as fig:
        for axes, task in zip(fig.subplots(1, len(TASKS), sharey=True), TASKS, strict=True):
            _panel(axes, config, points[points["task"] == task].set_index("method"), shapes, task == TASKS[0])
            axes.set_title(task.capitalize(), loc="left", weight="bold")
        _legend(fig, config, shapes, int(points["n_requests"].max()))
    log(f"{len(methods)} methods")


def _panel(
    axes: Axes, config: dict[str, Any], rows: pd.DataFrame, shapes: dict[str, str], first: bool
) -> None:
    _plane.references(axes, rows["band"].max())  # the same for all methods of a task
    for method, shape in shapes.items():
        row: Any = rows.loc[method] if method in rows.index else None
        if row is not None and np.isfinite(row["forgotten"]):
            share = row["forgotten"], row["forgotten_low"], row["forgotten_high"]
            ends = row["mean"], row["ci_low"], row["ci_high"]
            _plane.point(axes, share, ends, _style.colour(config, method), shape)
    _plane.share_axis(axes)
    if first:
        axes.set_ylabel("error of the retained images (MAE, grey levels); ↓ better")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")


def _legend(fig: Figure, config: dict[str, Any], shapes: dict[str, str], requests: int) -> None:
    note = f"shaded: the band of the retrained models; {_style.bars_note(config, requests)}"
    _style.outside_legend(fig, _plane.handles(config, shapes), 6, note)
