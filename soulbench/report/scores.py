"""The score tables of the page: for each task every method, what it forgets, harms, leaks and costs."""

from typing import Any

import pandas as pd

from soulbench.analysis.identity import PRIMARY as PLACE
from soulbench.analysis.methods import ordered
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import read_csv
from soulbench.core.terms import IDENTITY
from soulbench.report import headline

#: What is shown beside forgetting and harm -> its table, and the rows of that table. Each has an interval, and as its
#: control the models that never saw the target.
BESIDE: dict[str, tuple[str, dict[str, str]]] = {
    "place": ("identity", {"dimension": IDENTITY, "metric": PLACE}),
    "leak": ("update_leak", {"metric": "auc"}),
}


def with_measured_beside(scores: pd.DataFrame, paths: ResultPaths) -> pd.DataFrame:
    """Return rows of the scoreboard with a column for each of `BESIDE`, and its `_low`, `_high` and `_control`.

    They are blank where they were not measured. They are of the budget as described.
    """
    for name, (table, chosen) in BESIDE.items():
        rows = read_csv(paths.table(table))
        for column, value in chosen.items():
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
        symbol, tone, _ = headline.SHOWN[by_method[method]["outcome"]]
        rows.append({**by_method[method], "method": method, "symbol": symbol, "tone": tone})
    return rows
