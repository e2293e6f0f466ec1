"""The paper's Fig. 7 as numbers.

How well the target is drawn under each query, against original and retrained model.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from soulbench.analysis import methods as roster
from soulbench.analysis.arrays import intervals
from soulbench.analysis.dimensions import PRIMARY
from soulbench.analysis.gather import read_csv
from soulbench.analysis.statistics import Interval
from soulbench.core.terms import RESEED, TASKS
from soulbench.figures import style

NONE = "none"
COLOURS = ("#111111", "#D55E00", "#0072B2", "#56B4E9", "#009E73", "#CC3377")
WORDS = {NONE: "no query", "neighbor": "neighbor (2 hops)", "neighbor-1hop": "neighbor (1 hop)"}


def draw(config: dict[str, Any], results_dir: Path, out_stem: Path, log: Callable[[str], Any]) -> None:
    """Draw the figure from tables/queries.csv."""
    table = read_csv(Path(results_dir) / "tables" / "queries.csv")
    table = table[table["metric"] == PRIMARY]
    answered = table[table["status"] == "ok"]
    found = intervals(config, answered, ("method", "task", "query"), axes=table)
    methods = [name for name in roster.ordered(config, table["method"]) if name != RESEED]
    queries = [NONE, *(name for name in config["evaluation"]["queries"])]
    with style.figure(11, 1.5 + 0.42 * len(methods), out_stem) as made:
        for axes, task in zip(made.subplots(1, len(TASKS)), TASKS, strict=True):
            style.method_axis(axes, config, methods, task == TASKS[0])
            _references(axes, found, task)
            _dots(axes, found, methods, queries, task)
            axes.set_title(task.capitalize(), loc="left", weight="bold")
            axes.set_xlabel("error of the target (MAE, grey levels); forgotten →")
        _legend(made, config, queries, _counts(answered, queries))
    log(f"{len(methods)} methods, {len(queries) - 1} queries")


def _references(axes: Axes, found: dict[tuple, Interval], task: str) -> None:
    for method, colour in (("original", style.ORIGINAL_COLOUR), ("retrain", style.RETRAIN_COLOUR)):
        item = found.get((method, task, NONE))
        if item:
            axes.axvline(item.mean, color=colour, linewidth=1.2, linestyle=(0, (4, 2)))


def _dots(axes: Axes, found: dict, methods: list[str], queries: list[str], task: str) -> None:
    offsets = np.linspace(-0.3, 0.3, len(queries))
    drawn = []
    for place, method in enumerate(methods):
        for query, offset, colour in zip(queries, offsets, COLOURS, strict=False):
            item = found.get((method, task, query))
            if item:
                style.interval(axes, place + offset, (item.mean, item.low, item.high), colour, size=4)
                drawn.append(item.mean)
    if drawn and max(drawn) > 8 * min(drawn):
        style.logarithmic(axes)


def _counts(answered: pd.DataFrame, queries: list[str]) -> dict[str, int]:
    return {name: answered.loc[answered["query"] == name, "request"].nunique() for name in queries}


def _legend(made: Any, config: dict[str, Any], queries: list[str], counts: dict[str, int]) -> None:
    handles = [
        Line2D([], [], color=colour, marker="o", label=f"{WORDS.get(name, name)}, {counts[name]} requests")
        for name, colour in zip(queries, COLOURS, strict=False)
    ]
    lines = (("original model", style.ORIGINAL_COLOUR), ("retrained model", style.RETRAIN_COLOUR))
    handles += [
        Line2D([], [], color=colour, linestyle=(0, (4, 2)), label=f"{name}, no query")
        for name, colour in lines
    ]
    note = f"hollow: too few requests for an interval; {style.bars_note(config, max(counts.values()))}"
    style.outside_legend(made, handles, 4, note)
