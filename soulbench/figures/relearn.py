"""Recovery curves: the target's error as an attacker fine-tunes, beside models that never saw it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from soulbench.analysis.methods import ordered
from soulbench.config import attacks
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import read_csv
from soulbench.core.terms import TASKS
from soulbench.figures import _plane, _style

ATTACK = "relearn"
TITLE = "Relearning: does the target come back?"
SUBCATEGORY = "Attacks"
POSITION = 44
CONFIG = ("methods", "plugins", "seeds", "attacks", "references")
CAPTION = """\
An attacker fine-tunes a model on four kinds of images; curves are the error of the target, means over requests and
seeds. Shaded: from the lowest to the highest of the models that never saw the target, attacked alike, and dashed their
mean; on images that do not show the target theirs must stay flat. A memory that was only hidden comes back below the
band, on whatever images; what is below it from the start was never forgotten; device: {{ config.device }}.
"""
#: Heading of a panel -> its metrics; a request has one of them.
PANELS = {
    "retained images": ("error-retained",),
    "images with the category": ("error-category",),
    "another view, or a crop": ("error-view", "error-crop"),
    "the object itself": ("error-object",),
}


def inputs(config: Mapping[str, Any], paths: ResultPaths) -> list[str]:
    """Return the files that the figure reads."""
    return [paths.table("attacks")]


def applies(config: Mapping[str, Any]) -> bool:
    """Tell whether the attack is made."""
    return ATTACK in attacks.names(config)


def plot(config: dict[str, Any], paths: ResultPaths, out_stem: Path, log: Callable[[str], Any]) -> None:
    """Plot the curves of attacks.csv, one row of panels per task."""
    table = read_csv(Path(paths.table("attacks")))
    table = table[(table["attack"] == ATTACK) & table["value"].notna()]
    control = attacks.control(config)
    shown = [name for name in ordered(config, set(table["method"])) if name not in (control, "original")]
    marks = {name: _style.MARKERS[index % len(_style.MARKERS)] for index, name in enumerate(shown)}
    with _style.figure(12.5, 6.6, out_stem) as fig:
        grid = fig.subplots(len(TASKS), len(PANELS), sharex=True, sharey="row", squeeze=False)
        for line, task in zip(grid, TASKS, strict=True):
            for axes, (heading, metrics) in zip(line, PANELS.items(), strict=True):
                rows = table[(table["task"] == task) & table["metric"].isin(metrics)]
                _panel(axes, config, rows, control, marks)
                axes.set_title(heading if task == TASKS[0] else "", loc="left", fontsize=10)
                axes.set_xlabel("steps" if task == TASKS[-1] else "")
            line[0].set_ylabel(f"{task}:\nerror of the target, grey levels")
        handles: list[Any] = [
            Line2D([], [], color=_style.colour(config, name), marker=mark, label=name)
            for name, mark in marks.items()
        ]
        dashed: Any = {"linestyle": _style.REFERENCE_DASHES}
        handles += [
            Line2D([], [], color=_style.ORIGINAL_COLOUR, label="original", **dashed),
            Line2D([], [], color=_style.RETRAIN_COLOUR, label="never saw the target", **dashed),
            Patch(color=_plane.BAND_COLOUR, label="the lowest to the highest of them"),
        ]
        note = "the smaller the error, the more the attacker has"
        _style.outside_legend(fig, handles, 6, note)
    log(f"{len(shown)} methods, {len(table)} numbers")


def _panel(
    axes: Axes, config: dict[str, Any], rows: pd.DataFrame, control: str, marks: Mapping[str, str]
) -> None:
    axes.grid(axis="both")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    if rows.empty:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color="#777777")
        return
    never_saw = rows[rows["method"] == control].groupby(["request", "budget"])["value"]
    if len(never_saw):
        low, mean, high = (
            part.groupby("budget").mean() for part in (never_saw.min(), never_saw.mean(), never_saw.max())
        )
        axes.fill_between(low.index, low, high, color=_plane.BAND_COLOUR, linewidth=0, zorder=0)
        axes.plot(
            mean.index, mean, color=_style.RETRAIN_COLOUR, linewidth=1.6, linestyle=_style.REFERENCE_DASHES
        )
    original = rows[rows["method"] == "original"].groupby("budget")["value"].mean()
    axes.plot(
        original.index,
        original,
        color=_style.ORIGINAL_COLOUR,
        linewidth=1.6,
        linestyle=_style.REFERENCE_DASHES,
        zorder=3,
    )
    for name, mark in marks.items():
        curve = rows[rows["method"] == name].groupby("budget")["value"].mean()
        axes.plot(curve.index, curve, color=_style.colour(config, name), marker=mark, markersize=4)
