"""Sequences of requests: what comes back of each by the end, and what becomes of the rest of the images."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from soulbench.analysis.dimensions import PRIMARY
from soulbench.analysis.evidence import NEGLIGIBLE
from soulbench.analysis.methods import ordered
from soulbench.config import attacks
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import read_csv
from soulbench.core.terms import TASKS
from soulbench.figures import _style

ATTACK = "sequence"
TITLE = "Requests one after the other: do earlier ones come back?"
SUBCATEGORY = "Attacks"
POSITION = 45
CONFIG = ("methods", "plugins", "seeds", "attacks", "references")
CAPTION = """\
Above, one map per method and task: by how many grey levels the error of the request at a place of the sequence (row)
has fallen again after later steps (column), mean over requests, orders and seeds; red: it comes back. Below: the error
of the subset's images where no request's target is, as more requests are unlearned: what is left of the model. Nothing
is unlearned of the original and of models that never saw the targets (dashed); device: {{ config.device }}.
"""
COLUMNS = 5  # maps side by side
NUMBERED = 6  # places at most whose cells show their numbers


def inputs(config: Mapping[str, Any], paths: ResultPaths) -> list[str]:
    """Return the files that the figure reads."""
    return [paths.table("attacks")]


def applies(config: Mapping[str, Any]) -> bool:
    """Tell whether the attack is made."""
    return ATTACK in attacks.names(config)


def plot(config: dict[str, Any], paths: ResultPaths, out_stem: Path, log: Callable[[str], Any]) -> None:
    """Plot the maps above the curves, from attacks.csv."""
    table = read_csv(Path(paths.table("attacks")))
    table = table[(table["attack"] == ATTACK) & table["value"].notna()]
    names = ordered(config, set(table["method"]))
    maps = {
        (task, name): found
        for task in TASKS
        for name in names
        if (found := come_back(table[(table["task"] == task) & (table["method"] == name)])).size
    }
    columns = min(COLUMNS, max(len(TASKS), len(maps) // len(TASKS)))
    lines = -(-len(maps) // columns) or 1
    with _style.figure(max(8.5, 2.5 * columns + 1), 2.4 * lines + 3.6, out_stem) as fig:
        parts: Any = fig.subfigures(2, 1, height_ratios=[2.4 * lines, 3.6])
        top, bottom = parts
        _maps(top, config, maps, lines, columns)
        for axes, task in zip(bottom.subplots(1, len(TASKS)), TASKS, strict=True):
            rest = table[(table["task"] == task) & (table["metric"] == "rest")]
            _curves(axes, config, rest, names, attacks.control(config))
            axes.set_title(task.capitalize(), loc="left", fontsize=10)
        handles = [
            Line2D([], [], color=colour, marker=mark, linestyle=line, label=name)
            for name, (colour, mark, line) in _looks(config, names, attacks.control(config)).items()
        ]
        _style.outside_legend(bottom, handles, 6, "")
    log(f"{len(maps)} maps, {len(names)} curves")


def come_back(rows: pd.DataFrame) -> np.ndarray:
    """Return the re-emergence [K, K] of one method and task, grey levels, NaN before the row's own step.

    Row p, column k: by how much the error of the request that was unlearned p-th is smaller after k requests than right
    after its own step. Empty where nothing is unlearned one after the other.
    """
    mean = rows.groupby(["metric", "budget"])["value"].mean().unstack("budget")
    places = [name for name in mean.index if name.removeprefix("error-").isdigit()]
    size = len(places)
    found = np.full((size, size), np.nan)
    for place in range(1, size + 1):
        errors = mean.loc[f"error-{place}"] if f"error-{place}" in mean.index else pd.Series(dtype=float)
        for done in range(place, size + 1):
            found[place - 1, done - 1] = errors.get(place, np.nan) - errors.get(done, np.nan)
    return found


def _maps(
    fig: Any, config: dict[str, Any], maps: Mapping[tuple[str, str], np.ndarray], lines: int, columns: int
) -> None:
    """Plot the maps with one scale of colours."""
    if not maps:
        fig.text(0.5, 0.5, "No method here unlearns requests one after the other.", ha="center", va="center")
        return
    values = np.concatenate([one.ravel() for one in maps.values()])
    most = max(NEGLIGIBLE[PRIMARY], *np.abs(values[np.isfinite(values)]), 0)
    norm, image = TwoSlopeNorm(0, -most, most), None
    grid = fig.subplots(lines, columns, squeeze=False).ravel()
    for axes in grid[len(maps) :]:
        axes.set_axis_off()
    for axes, ((task, name), found) in zip(grid, maps.items(), strict=False):
        # Not clipped: the id of a clip path depends on the last digits of the layout, which are not always the same.
        image = axes.imshow(found, cmap="RdBu_r", norm=norm, clip_on=False)
        axes.set_facecolor(_style.FLOOR_COLOUR)
        axes.set_title(f"{name}\n{task}", fontsize=9, color=_style.colour(config, name))
        ticks = range(0, len(found), 1 + len(found) // 9)
        axes.set_xticks(ticks, [str(tick + 1) for tick in ticks])
        axes.set_yticks(ticks, [str(tick + 1) for tick in ticks])
        axes.tick_params(length=0, labelsize=8)
        if len(found) <= NUMBERED:
            for (row, column), value in np.ndenumerate(found):
                if np.isfinite(value) and row != column:
                    shade = "white" if abs(value) > 0.6 * most else "black"
                    axes.text(
                        column,
                        row,
                        f"{round(value, 1) + 0:.1f}",
                        ha="center",
                        va="center",
                        fontsize=8,
                        color=shade,
                    )
    grid[0].set_ylabel("place", fontsize=9)
    grid[0].set_xlabel("requests unlearned", fontsize=9)
    fig.colorbar(image, ax=list(grid), label="comes back, grey levels", shrink=0.8)


def _looks(config: dict[str, Any], names: list[str], control: str) -> dict[str, tuple[str, str, Any]]:
    """Return colour, marker and line of each model, by method."""
    of_reference = {"original": _style.ORIGINAL_COLOUR, control: _style.RETRAIN_COLOUR}
    return {
        name: (of_reference[name], "", _style.REFERENCE_DASHES)
        if name in of_reference
        else (_style.colour(config, name), _style.MARKERS[index % len(_style.MARKERS)], "-")
        for index, name in enumerate(names)
    }


def _curves(axes: Axes, config: dict[str, Any], rest: pd.DataFrame, names: list[str], control: str) -> None:
    for name, (colour, mark, line) in _looks(config, names, control).items():
        curve = rest[rest["method"] == name].groupby("budget")["value"].mean()
        axes.plot(curve.index, curve, color=colour, marker=mark, linestyle=line, markersize=4, linewidth=1.5)
    axes.set_xlabel("requests unlearned")
    axes.set_ylabel("error of the rest, grey levels")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="both")
