"""paths.csv: what each method forgets and damages as its budget grows, one row for each budget and task."""

import pandas as pd

from soulbench.analysis import methods
from soulbench.analysis.arrays import RunArrays
from soulbench.analysis.dimensions import PRIMARY
from soulbench.analysis.evidence import NOOP, Evidence
from soulbench.config import runs
from soulbench.core.columns import TABLES
from soulbench.core.terms import TASKS

#: What is looked at beside the target: the other objects of its image.
BESIDE = "A2"


def budget_paths(evidence: Evidence, budgets: pd.DataFrame, selected: pd.DataFrame) -> pd.DataFrame:
    """Return paths.csv.

    `forgotten` is the share of the way to retraining, `harm` the change of the other objects of the target image minus
    that of `noop-ft` of the same seed and budget; a redaction, whose budget is a strength and not a number of steps, is
    compared with `noop-ft` as it is described.

    Args:
        evidence: of the benchmark.
        budgets: budgets.csv, all records.
        selected: selected.csv.
    """
    arrays = RunArrays(
        budgets[budgets["metric"] == PRIMARY],
        ("method", "budget", "task", "dimension"),
        evidence.axes,
    )
    measured = {(method, budget) for method, budget, *_ in arrays}
    chosen = dict(zip(selected["method"], selected["budget"], strict=True))
    rows = []
    for method in methods.ordered(evidence.config, {method for method, _ in measured}):
        trains = runs.method(evidence.config, method).family == "finetune"
        described = runs.described_budget(evidence.config, method)
        for budget in sorted(budget for name, budget in measured if name == method):
            for task in TASKS:
                error, beside = (arrays[method, budget, task, name] for name in ("target_error", BESIDE))
                share = evidence.forgotten_share(error, task)
                noop = arrays[NOOP, budget, task, BESIDE] if trains else evidence.error(NOOP, task, BESIDE)
                harm = evidence.bootstrap.interval(beside - noop)
                rows.append(
                    (
                        *(method, task, budget, budget == described, budget == chosen.get(method)),
                        *(share.mean, share.low, share.high),
                        *(harm.mean, harm.low, harm.high),
                        *(share.requests, share.seeds),
                    )
                )
    return pd.DataFrame(rows, columns=list(TABLES["paths"]))
