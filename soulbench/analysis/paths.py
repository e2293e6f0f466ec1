"""paths.csv: what each method forgets and damages as its budget grows, one row for each budget and task."""

import pandas as pd

from soulbench.analysis import methods
from soulbench.analysis.budgets import Budgets
from soulbench.analysis.dimensions import PRIMARY
from soulbench.analysis.evidence import Evidence
from soulbench.config import runs
from soulbench.core.columns import TABLES
from soulbench.core.terms import TASKS

#: What is looked at beside the target: the other objects of its image.
BESIDE = "A2"


def budget_paths(evidence: Evidence, budgets: pd.DataFrame, selected: pd.DataFrame) -> pd.DataFrame:
    """Return paths.csv, whose `forgotten` and `harm` (of `BESIDE`) are those of `Budgets`.

    Args:
        evidence: of the benchmark.
        budgets: budgets.csv, all records.
        selected: selected.csv.
    """
    at = Budgets(evidence, budgets[budgets["metric"] == PRIMARY])
    chosen = dict(zip(selected["method"], selected["budget"], strict=True))
    rows = []
    for method in methods.ordered(evidence.config, at.measured):
        described = runs.described_budget(evidence.config, method)
        for budget in at.measured[method]:
            for task in TASKS:
                share, harm = at.forgotten(method, budget, task), at.harm(method, budget, task, BESIDE)
                rows.append(
                    (
                        *(method, task, budget, budget == described, budget == chosen.get(method)),
                        *(share.mean, share.low, share.high),
                        *(harm.mean, harm.low, harm.high),
                        *(share.requests, share.seeds),
                    )
                )
    return pd.DataFrame(rows, columns=list(TABLES["paths"]))
