"""The tables that a reader of the page can sort and filter, as compact data for its script."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from soulbench.analysis.dimensions import PRIMARY
from soulbench.core.tables import read_csv
from soulbench.core.terms import AS_DESCRIBED, TASKS
from soulbench.report.compact import compact_json


@dataclass(frozen=True)
class Grid:
    """A table of the page.

    Attributes:
        name: of its CSV file, without the suffix.
        title: its heading.
        note: what a reader has to know first.
        start: the filters that are set when the page opens, by column.
        primary_only: whether the page shows only the rows in grey levels, of those in the file.
    """

    name: str
    title: str
    note: str
    start: dict[str, str] = field(default_factory=dict)
    primary_only: bool = False


_PRIMARY_NOTE = "Grey levels only; the file has the other metrics, too."
_START = {"task": TASKS[0], "metric": PRIMARY}
GRIDS = (
    Grid(
        "scoreboard",
        "Every method",
        "What each method forgets and harms, at each operating point.",
        {"operating_point": AS_DESCRIBED},
    ),
    Grid(
        "paths",
        "Every budget",
        "What each method forgets and harms (A2) as its budget grows; grey levels.",
    ),
    Grid(
        "summary",
        "Every metric",
        "Means over requests, with their interval, their floor and the retrained model's value.",
        _START,
    ),
    Grid(
        "contrasts",
        "Paired differences from noop-ft and from the retrained model",
        "p of Wilcoxon's test over requests, with Holm's correction over methods; p_least: the smallest corrected p "
        "that is possible with so few requests.",
        {**_START, "dimension": "target_error", "against": "retrain"},
    ),
    Grid(
        "sod",
        "Distance from the retrained model, request by request",
        "In standard deviations between training seeds; a distance of at most 2 is inside the band.",
        {"task": TASKS[0]},
    ),
    Grid(
        "memorised",
        "What the original model had memorised",
        "gap: error of the target of the retrained model minus that of the original model, grey levels.",
    ),
    Grid(
        "identity",
        "Who is identified in the images",
        "Mean, that of the models that never saw the target (control), and the difference. identity-twin: the twin, in "
        "its own region. accuracy: of the encoder; where it is too small, the note says so, and nothing is shown.",
        {"task": TASKS[0], "metric": "mrr"},
    ),
    Grid(
        "update_leak",
        "Who stands out between the models before and after",
        "An attacker ranks all objects of the subset by how much they change. auc: the chance that a target changes "
        "more than another object, 0.5 for a blind guess; control: of models that never saw the target.",
        {"task": TASKS[0], "metric": "auc"},
    ),
    Grid(
        "leaks",
        "What attacks find",
        "Of each attack the judged metric at its greatest budget: the value, that of models that never saw the target "
        "(control), and by how much the attacker is better off (excess). It leaks where that is above the threshold.",
        {"task": TASKS[0]},
    ),
    Grid(
        "bank",
        "The bank's models against exact retrained models",
        "Exact: only the request's own objects are left out. Grey levels; within: the interval contains 0.",
    ),
    Grid(
        "selected",
        "The budgets that were selected",
        "On development requests, which serve for nothing else: of so many trials the budget whose outputs are nearest "
        "to retrained models' (excess in grey levels, over A1 to A4). Budgets are steps, or a redaction's alpha.",
    ),
    Grid("timing", "Cost", "Seconds and peak memory: medians over n jobs, without their start-up."),
    Grid("claim_parts", "The parts of the claims", "As judged above, with thresholds, tests and numbers."),
    Grid(
        "ablation_modules",
        "Obj-IF by module",
        _PRIMARY_NOTE,
        {"task": TASKS[0], "dimension": "target_error"},
        True,
    ),
    Grid(
        "ablation_alpha",
        "Obj-IF by alpha",
        _PRIMARY_NOTE,
        {"task": TASKS[0], "dimension": "target_error"},
        True,
    ),
)


def grid_data(frame: pd.DataFrame) -> Markup:
    """Return a frame as JSON that is safe inside a script element."""
    rows = frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
    return compact_json({"columns": list(frame.columns), "rows": rows})


def grids(tables_dir: Path) -> list[dict[str, Any]]:
    """Return the tables of the page, without empty ones."""
    shown = []
    for grid in GRIDS:
        frame = read_csv(tables_dir / f"{grid.name}.csv")
        if grid.primary_only:
            frame = frame[frame["metric"] == PRIMARY]
        if len(frame):
            start = {key: value for key, value in grid.start.items() if (frame[key] == value).any()}
            shown.append(
                {"grid": grid, "data": grid_data(frame), "count": len(frame), "start": json.dumps(start)}
            )
    return shown
