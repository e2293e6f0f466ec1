"""The score tables of the page: for each task every method, what it forgets, harms, leaks and costs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from soulbench.analysis.identity import PRIMARY as PLACE
from soulbench.analysis.methods import ordered
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import read_csv
from soulbench.core.terms import IDENTITY
from soulbench.report import headline


@dataclass(frozen=True)
class Beside:
    """A measurement that the score tables show beside forgetting and harm.

    It has an interval, and as its control the models that never saw the target.

    Attributes:
        name: of its columns.
        title, unit: in the heading.
        table: where it is.
        rows: which rows of that table, as values by column.
    """

    name: str
    title: str
    unit: str
    table: str
    rows: Mapping[str, str]


BESIDE = (
    Beside(
        "place",
        "Identified",
        "mean reciprocal place",
        "identity",
        {"dimension": IDENTITY, "metric": PLACE},
    ),
    Beside("leak", "Update leak", "AUC; 0.5: blind", "update_leak", {"metric": "auc"}),
)
#: Whether the individual is identified, in the scoreboard and in the table.
IDENTIFIED = {"yes": "still identified", "no": "no longer identified", "unclear": "undecided"}


def with_measured_beside(scores: pd.DataFrame, paths: ResultPaths) -> pd.DataFrame:
    """Return rows of the scoreboard with a column for each of `BESIDE`, and its `_low`, `_high` and `_control`.

    They are blank where they were not measured. They are of the budget as described.
    """
    for one in BESIDE:
        rows, name = read_csv(paths.table(one.table)), one.name
        for column, value in one.rows.items():
            rows = rows[rows[column] == value]
        columns = {"value": name, "value_low": f"{name}_low", "value_high": f"{name}_high"}
        columns["control"] = f"{name}_control"
        rows = rows.rename(columns=columns)[["method", "task", *columns.values()]]
        scores = scores.merge(rows, on=["method", "task"], how="left")
    return scores


def score_rows(config: dict[str, Any], scores: pd.DataFrame, task: str) -> list[dict[str, Any]]:
    """Return the rows for a task, references first, with the symbol and tone of each outcome."""
    by_method: dict[Any, Any] = scores[scores["task"] == task].set_index("method").to_dict("index")
    rows = []
    for method in ordered(config, by_method):
        row = by_method[method]
        symbol, tone, _ = headline.SHOWN[row["outcome"]]
        judged = row["level"] != "reference" and np.isfinite(row["place"])
        note = {"place_note": IDENTIFIED[row["identified"]] if judged else ""}
        rows.append({**row, **note, "method": method, "symbol": symbol, "tone": tone})
    return rows


def shown_beside(scores: pd.DataFrame, task: str) -> list[Beside]:
    """Return those of `BESIDE` that were measured in a task."""
    rows = scores[scores["task"] == task]
    return [one for one in BESIDE if rows[one.name].notna().any()]
