"""The paper's Fig. 7 in numbers: the error of the target under each query, beside the original and retrained models."""

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from soulbench.analysis.arrays import intervals
from soulbench.analysis.bootstrap import Interval
from soulbench.analysis.dimensions import PRIMARY
from soulbench.analysis.methods import UNNAMED, ordered
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import read_csv
from soulbench.core.terms import NO_QUERY, TASKS
from soulbench.figures import _style, counted

TITLE = "Queries (Fig. 7)"
SUBCATEGORY = "Measurements"
POSITION = 50
CONFIG = ("methods", "analysis", "seed", "seeds", "evaluation.queries")
CAPTION = """\
The paper's Fig. 7 in numbers: error of the target against its true pixels, with the scene graph as it is and as each
query alters it; {{ percent }} intervals over the requests to which the query applies ({{ seeds }}; device:
{{ config.device }}). A query that brings the target back moves its dot left, towards the line of the original model.
"""

COLOURS = ("#111111", "#D55E00", "#0072B2", "#56B4E9", "#009E73", "#CC3377")
NAMES = {NO_QUERY: "no query", "neighbor": "neighbor (2 hops)", "neighbor-1hop": "neighbor (1 hop)"}


class Look(NamedTuple):
    """How one query is shown."""

    colour: str
    marker: str
    offset: float


def inputs(config: Mapping[str, Any], paths: ResultPaths) -> list[str]:
    """Return the files that the figure reads."""
    return [paths.table("queries")]


def plot(config: dict[str, Any], paths: ResultPaths, out_stem: Path, log: Callable[[str], Any]) -> None:
    """Plot an interval per method and query, both tasks."""
    table = read_csv(Path(paths.table("queries")))
    table = table[table["metric"] == PRIMARY]
    measured = table[table["status"] == "ok"]
    errors = intervals(config, measured, ("method", "task", "query"), axes=table)
    methods = [name for name in ordered(config, table["method"]) if name not in UNNAMED]
    looks = _looks([NO_QUERY, *config["evaluation"]["queries"]])
    # More queries than colours need higher rows.
    row = 0.42 * max(1.0, len(looks) / len(COLOURS))
    with _style.figure(11, 1.5 + row * len(methods), out_stem) as fig:
        for axes, task in zip(fig.subplots(1, len(TASKS)), TASKS, strict=True):
            _style.method_axis(axes, config, methods, task == TASKS[0])
            _references(axes, errors, task)
            _intervals(axes, errors, methods, looks, task)
            axes.set_title(task.capitalize(), loc="left", weight="bold")
            axes.set_xlabel("error of the target (MAE, grey levels); forgotten →")
        _legend(fig, config, looks, measured)
    log(f"{len(methods)} methods, {len(looks) - 1} queries")


def _looks(queries: list[str]) -> dict[str, Look]:
    """Return how each query is shown: when all colours are used, they start again with another marker."""
    pairs = itertools.cycle(itertools.product(_style.MARKERS, COLOURS))
    offsets = np.linspace(-0.3, 0.3, len(queries)).tolist()
    return {
        query: Look(colour, marker, offset)
        for query, offset, (marker, colour) in zip(
            queries, offsets, itertools.islice(pairs, len(queries)), strict=True
        )
    }


def _references(axes: Axes, errors: dict[tuple, Interval], task: str) -> None:
    for method, colour in (("original", _style.ORIGINAL_COLOUR), ("retrain", _style.RETRAIN_COLOUR)):
        item = errors.get((method, task, NO_QUERY))
        if item:
            axes.axvline(item.mean, color=colour, linewidth=1.2, linestyle=_style.REFERENCE_DASHES)


def _intervals(
    axes: Axes, errors: dict[tuple, Interval], methods: list[str], looks: dict[str, Look], task: str
) -> None:
    means = []
    for row, method in enumerate(methods):
        for query, look in looks.items():
            item = errors.get((method, task, query))
            if item:
                ends = (item.mean, item.low, item.high)
                _style.interval(axes, row + look.offset, ends, look.colour, look.marker, size=4)
                means.append(item.mean)
    if means and max(means) > 8 * min(means):
        _style.logarithmic(axes)


def _legend(fig: Figure, config: dict[str, Any], looks: dict[str, Look], measured: pd.DataFrame) -> None:
    counts = {name: measured.loc[measured["query"] == name, "request"].nunique() for name in looks}
    handles = [
        Line2D(
            [],
            [],
            color=look.colour,
            marker=look.marker,
            label=f"{NAMES.get(name, name)}, {counted(counts[name], 'request')}",
        )
        for name, look in looks.items()
    ]
    lines = (("original model", _style.ORIGINAL_COLOUR), ("retrained model", _style.RETRAIN_COLOUR))
    handles += [
        Line2D([], [], color=colour, linestyle=_style.REFERENCE_DASHES, label=f"{name}, no query")
        for name, colour in lines
    ]
    note = f"hollow: too few requests for an interval; {_style.bars_note(config, max(counts.values()))}"
    _style.outside_legend(fig, handles, 4, note)
