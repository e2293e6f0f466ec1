"""What every attack finds beyond models that never saw the targets: one panel an attack, one row a method."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from soulbench.analysis.methods import ordered, shown_group
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import read_csv
from soulbench.core.terms import TASKS
from soulbench.figures import _style

TITLE = "What attacks find"
SUBCATEGORY = "Outcome"
POSITION = 17
CONFIG = ("methods", "analysis", "seeds")
CAPTION = """\
One panel an attack, both tasks: how much better off an attacker is with a method's model than with models that never
saw the targets (dashed, 0); ``no attack`` is what a method left of the target. Right of the dotted line it counts as a
leak: what an eye can see, or one pair in twenty.
Bars are {{ percent }} intervals over {{ axes }}, hollow marks have none; n is the number of requests where it is
smaller. The numbers are those of the greatest budget (leaks.csv; docs/attacks.md); device: {{ config.device }}.
"""
COLUMNS = 4
LOOKS = dict(zip(TASKS, (("o", -0.16), ("^", 0.16)), strict=True))


def inputs(config: Mapping[str, Any], paths: ResultPaths) -> list[str]:
    """Return the files that the figure reads."""
    return [paths.table("leaks")]


def plot(config: dict[str, Any], paths: ResultPaths, out_stem: Path, log: Callable[[str], Any]) -> None:
    """Plot leaks.csv."""
    table = read_csv(Path(paths.table("leaks")))
    attacks = list(dict.fromkeys(table["attack"]))
    names = ordered(config, table["method"])
    rows = max(1, math.ceil(len(attacks) / COLUMNS))
    with _style.figure(11, 1.2 + rows * (0.9 + 0.26 * len(names)), out_stem) as fig:
        panels = fig.subplots(rows, COLUMNS, squeeze=False).flat
        requests = int(table["n_requests"].max()) if len(table) else 0
        for index, axes in enumerate(panels):
            if index < len(attacks):
                own = table[table["attack"] == attacks[index]]
                _panel(axes, config, own, names, requests, labelled=index % COLUMNS == 0)
            else:
                axes.set_axis_off()
        _legend(fig, config, names, requests)
    log(f"{len(attacks)} attacks on {len(names)} methods")


def _panel(
    axes: Axes, config: dict[str, Any], rows: pd.DataFrame, names: list[str], requests: int, labelled: bool
) -> None:
    _style.method_axis(axes, config, names, labelled)
    first = rows.iloc[0]
    axes.axvline(0, color=_style.RETRAIN_COLOUR, linewidth=1.2, linestyle=_style.REFERENCE_DASHES)
    if first["threshold"] > 0:
        axes.axvline(first["threshold"], color="#777777", linewidth=1.2, linestyle=":")
    for task, (marker, shift) in LOOKS.items():
        own = rows[rows["task"] == task].set_index("method")
        for y, name in enumerate(names):
            if name in own.index and np.isfinite(own["excess"][name]):
                row: Any = own.loc[name]
                ends = row["excess"], row["excess_low"], row["excess_high"]
                _style.interval(axes, y + shift, ends, _style.colour(config, name), marker, 4.5)
    own_requests = int(rows["n_requests"].max())
    axes.set_title(first["attack"], loc="left", weight="bold")
    if own_requests < requests:
        axes.set_title(f"n = {own_requests}", loc="right", fontsize="medium")
    axes.set_xlabel(f"excess of {first['metric']}, {first['unit']}")


def _legend(fig: Figure, config: dict[str, Any], names: list[str], requests: int) -> None:
    handles: list[Any] = _style.level_handles(
        list(dict.fromkeys(shown_group(config, name) for name in names))
    )
    handles += [
        Line2D([], [], color="#333333", marker=marker, linewidth=0, label=task)
        for task, (marker, _) in LOOKS.items()
    ]
    references: tuple[tuple[str, Any, str], ...] = (
        (_style.RETRAIN_COLOUR, _style.REFERENCE_DASHES, "never saw the targets"),
        ("#777777", ":", "counts as a leak"),
    )
    for colour, dashes, label in references:
        handles.append(Line2D([], [], color=colour, linestyle=dashes, linewidth=1.2, label=label))
    note = f"to the right, the attacker finds more; {_style.bars_note(config, requests)}"
    _style.outside_legend(fig, handles, 4, note)
