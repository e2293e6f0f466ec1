"""Does it only look forgotten? The share forgotten against what the update leak finds, one point a method."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from soulbench.analysis.letters import change_and_leak
from soulbench.analysis.methods import ordered
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import read_csv
from soulbench.core.terms import AS_DESCRIBED, LEAK, TASKS
from soulbench.figures import _plane, _style

TITLE = "Forgets against leaks"
SUBCATEGORY = "Outcome"
POSITION = 18
CONFIG = ("methods", "analysis", "seeds")
CAPTION = """\
Both tasks, one point per method; horizontal: how far the error of the target has moved from the original model's (0)
to that of a retrained model (100). Vertical: how much better an attacker who holds the models before and after tells
the target from other objects (AUC) than where the model after never saw the target; 0 is what retraining gives away.
Good is the shaded field: forgotten as by retraining, and no more of a leak. Bars are {{ percent }} intervals over
{{ axes }} (hollow: fewer than {{ config.analysis.min_requests }} requests); device: {{ config.device }}.
"""


def inputs(config: Mapping[str, Any], paths: ResultPaths) -> list[str]:
    """Return the files that the figure reads."""
    return [paths.table(name) for name in ("scoreboard", "leaks", "summary")]


def plot(config: dict[str, Any], paths: ResultPaths, out_stem: Path, log: Callable[[str], Any]) -> None:
    """Plot the scoreboard's share of forgetting against the excess of leaks.csv."""
    scoreboard, leaks, summary = (read_csv(Path(path)) for path in inputs(config, paths))
    scores = scoreboard[scoreboard["operating_point"] == AS_DESCRIBED]
    found = leaks[leaks["attack"] == LEAK]
    points = scores.merge(found, on=["method", "task"], suffixes=("", "_leak"))
    shapes = _plane.shapes(config, ordered(config, points["method"]))
    ranks = {one.task: one for one in change_and_leak(config, summary, leaks)}
    with _style.figure(11, 6.2, out_stem) as fig:
        for axes, task in zip(fig.subplots(1, len(TASKS), sharey=True), TASKS, strict=True):
            _panel(axes, config, points[points["task"] == task].set_index("method"), shapes)
            axes.set_title(task.capitalize(), loc="left", weight="bold")
            one = ranks[task]
            if np.isfinite(one.rho):
                text = f"leak against change (A1): Spearman {one.rho:.2f}, {one.methods} methods"
                axes.set_title(text.replace("-", "\N{MINUS SIGN}"), loc="right", fontsize=9, color="#444444")
            if task == TASKS[0]:
                axes.set_ylabel("update leak: excess of AUC over the control; ↓ better")
        requests = int(points["n_requests"].max()) if len(points) else 0
        note = f"shaded: the retrained models; {_style.bars_note(config, requests)}"
        _style.outside_legend(fig, _plane.handles(config, shapes), 6, note)
    log(f"{len(shapes)} methods")


def _panel(axes: Axes, config: dict[str, Any], rows: pd.DataFrame, shapes: dict[str, str]) -> None:
    _plane.references(axes, rows["band"].max())
    axes.axhline(0, color=_style.RETRAIN_COLOUR, linewidth=1.2, linestyle=_style.REFERENCE_DASHES)
    if np.isfinite(threshold := rows["threshold"].max()):
        axes.axhspan(-threshold, threshold, color=_plane.BAND_COLOUR, linewidth=0, zorder=0)
    for method, shape in shapes.items():
        row: Any = rows.loc[method] if method in rows.index else None
        if row is not None and np.isfinite(row["forgotten"]):
            share, leak = (
                (row[name], row[f"{name}_low"], row[f"{name}_high"]) for name in ("forgotten", "excess")
            )
            _plane.point(axes, share, leak, _style.colour(config, method), shape)
    _plane.share_axis(axes)
