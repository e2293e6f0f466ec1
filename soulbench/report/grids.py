"""The tables that the page sorts and filters.

Which, with which columns, and as compact data for its script.
"""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from soulbench.analysis.dimensions import PRIMARY
from soulbench.analysis.gather import read_csv
from soulbench.core.terms import TASKS

DIGITS = 4


@dataclass(frozen=True)
class Grid:
    """A table of the page.

    Attributes:
        name: of its CSV file, without the ending.
        title: its heading.
        note: what to know before reading it.
        start: the filters that are set when the page opens, by column.
        primary_only: show only rows in grey levels; the file has the others.
    """

    name: str
    title: str
    note: str
    start: dict[str, str] = field(default_factory=dict)
    primary_only: bool = False


_START = {"task": TASKS[0], "metric": PRIMARY}
GRIDS = (
    Grid(
        "summary",
        "Every metric",
        "Mean over requests with interval, floor and the retrained model's value.",
        _START,
    ),
    Grid(
        "contrasts",
        "Paired differences to noop-ft and to the retrained model",
        "Wilcoxon's p over requests, Holm's over the methods; p_least: the smallest that Holm's can be here.",
        {**_START, "dimension": "target_error", "against": "retrain"},
    ),
    Grid(
        "sod",
        "Distance to retraining, request by request",
        "In standard deviations between training seeds; within 2: inside the band.",
        {"task": TASKS[0]},
    ),
    Grid(
        "memorised",
        "What the original model had memorised",
        "gap: by how much the retrained model draws the target worse, grey levels.",
    ),
    Grid("timing", "Cost", "Seconds and peak memory, medians of n jobs, without start-up."),
    Grid(
        "ablation_modules",
        "Obj-IF by module",
        "Rows in grey levels; the file has the other metrics.",
        {"task": TASKS[0], "dimension": "target_error"},
        True,
    ),
    Grid(
        "ablation_alpha",
        "Obj-IF by alpha",
        "Rows in grey levels; the file has the other metrics.",
        {"task": TASKS[0], "dimension": "target_error"},
        True,
    ),
)


def _plain(value: Any) -> Any:
    """Return a cell in JSON's types, numbers with as many digits as a reader needs."""
    if isinstance(value, float):
        return None if math.isnan(value) else float(f"{value:.{DIGITS}g}")
    return value.item() if hasattr(value, "item") else value


def grid_data(frame: pd.DataFrame) -> Markup:
    """Return a frame as JSON that may stand inside a script element."""
    rows = [
        [_plain(value) for value in row]
        for row in frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
    ]
    text = json.dumps({"columns": list(frame.columns), "rows": rows}, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))


def grids(tables_dir: Path) -> list[dict[str, Any]]:
    """Return every table of the page that has rows."""
    made = []
    for grid in GRIDS:
        frame = read_csv(tables_dir / f"{grid.name}.csv")
        if grid.primary_only:
            frame = frame[frame["metric"] == PRIMARY]
        if len(frame):
            start = {key: value for key, value in grid.start.items() if (frame[key] == value).any()}
            made.append(
                {"grid": grid, "data": grid_data(frame), "count": len(frame), "start": json.dumps(start)}
            )
    return made
