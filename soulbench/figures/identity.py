"""Who is drawn: how often the requested individual is identified in each method's images, beside the references."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from soulbench.analysis.identity import PRIMARY
from soulbench.analysis.methods import ordered, shown_group
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import read_csv
from soulbench.core.terms import IDENTITIES, IDENTITY, OF_TWIN, TASKS
from soulbench.figures import _style

TITLE = "Is the individual still recognised?"
SUBCATEGORY = "Outcome"
POSITION = 16
CONFIG = ("methods", "analysis", "seeds")
CAPTION = """\
Both tasks: mean reciprocal place of the requested individual (dots) among others of the category, judged by the
target's region of the generated image; 1: always identified. Triangles: the individual's twin in the twin's own region,
whom nobody asks to be forgotten. Dashed: the original, and models that never saw the target, to which forgetting
should come; shaded: up to what blind guesses score. Bars are {{ percent }} intervals over {{ axes }}
(docs/metrics.md); device: {{ config.device }}.
"""
WORDS = {IDENTITY: "the requested individual", OF_TWIN: "the twin, where it is in the subset"}
MARKERS = {IDENTITY: "o", OF_TWIN: "^"}


def inputs(config: Mapping[str, Any], paths: ResultPaths) -> list[str]:
    """Return the files that the figure reads."""
    return [paths.table("identity")]


def applies(config: Mapping[str, Any]) -> bool:
    """Tell whether identities are measured."""
    return config["evaluation"]["identity"] is not None


def plot(config: dict[str, Any], paths: ResultPaths, out_stem: Path, log: Callable[[str], Any]) -> None:
    """Plot identity.csv."""
    table = read_csv(Path(paths.table("identity")))
    shown = table[(table["metric"] == PRIMARY) & table["value"].notna()]
    names = ordered(config, shown["method"])
    with _style.figure(11, max(3.2, 1.9 + 0.32 * len(names)), out_stem) as fig:
        if not len(shown):
            _only_text(fig, table)
        else:
            for axes, task in zip(fig.subplots(1, len(TASKS)), TASKS, strict=True):
                _panel(axes, config, shown[shown["task"] == task], names, task == TASKS[0])
                axes.set_title(task.capitalize(), loc="left", weight="bold")
            _legend(fig, config, shown, names)
    log(f"{len(names)} methods, {len(shown)} means")


def _only_text(fig: Figure, table: pd.DataFrame) -> None:
    """Say why there is nothing to show."""
    notes = list(dict.fromkeys(table["note"])) or ["nobody is known whom the requests ask for"]
    fig.text(0.5, 0.5, f"Not shown: {'; '.join(notes)}.", ha="center", va="center", wrap=True)


def _panel(axes: Axes, config: dict[str, Any], rows: pd.DataFrame, names: list[str], first: bool) -> None:
    _style.method_axis(axes, config, names, labelled=first)
    if not len(rows):
        return
    requested = rows[rows["dimension"] == IDENTITY].set_index("method")
    axes.axvspan(0, requested["chance"].max(), color=_style.FLOOR_COLOUR, linewidth=0, zorder=0)
    lines = {_style.ORIGINAL_COLOUR: "value", _style.RETRAIN_COLOUR: "control"}
    for colour, column in lines.items():
        at = requested[column].get("original", np.nan)
        if np.isfinite(at):
            axes.axvline(at, color=colour, linewidth=1.2, linestyle=_style.REFERENCE_DASHES)
    for dimension, shift in zip(IDENTITIES, (-0.13, 0.2), strict=True):
        own = rows[rows["dimension"] == dimension].set_index("method")
        for y, name in enumerate(names):
            if name in own.index:
                row: Any = own.loc[name]
                ends = row["value"], row["value_low"], row["value_high"]
                colour = _style.colour(config, name)
                _style.interval(axes, y + shift, ends, colour, MARKERS[dimension], 6 if shift < 0 else 5)
    axes.set_xlim(0, 1.04)
    axes.set_xlabel("mean reciprocal place; towards the red dashed line")


def _legend(fig: Figure, config: dict[str, Any], shown: pd.DataFrame, names: list[str]) -> None:
    handles: list[Any] = _style.level_handles(
        list(dict.fromkeys(shown_group(config, name) for name in names))
    )
    handles += [
        Line2D([], [], color="#333333", marker=MARKERS[one], linewidth=0, label=WORDS[one])
        for one in IDENTITIES
        if one in set(shown["dimension"])
    ]
    for colour, label in (
        (_style.RETRAIN_COLOUR, "never saw the target"),
        (_style.ORIGINAL_COLOUR, "original"),
    ):
        handles.append(
            Line2D([], [], color=colour, linestyle=_style.REFERENCE_DASHES, linewidth=1.2, label=label)
        )
    first = shown.iloc[0]
    handles.append(Patch(color=_style.FLOOR_COLOUR, label="blind guesses"))
    note = (
        f"{first['gallery']:.3g} identities to choose from, in the mean; the encoder identifies "
        f"{first['accuracy']:.1%} of the true crops of people whom it never saw\n"
        f"{_style.bars_note(config, int(shown['n_requests'].max()))}"
    )
    _style.outside_legend(fig, handles, 5, note)
