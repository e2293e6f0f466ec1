"""Operating points: the budget at which each method is judged, as described or selected on development requests.

One rule selects for all methods, among equally many budgets of each: the smallest excess distance to retrained models,
summed over A1 to A4 and averaged over both tasks. It reads the records of development requests and nothing else.
"""

from typing import Any

import pandas as pd

from soulbench.analysis import methods
from soulbench.analysis.arrays import RunArrays
from soulbench.analysis.dimensions import PRIMARY
from soulbench.analysis.evidence import NOOP, Evidence
from soulbench.analysis.statistics import mean_of_requests, paired
from soulbench.config import runs
from soulbench.core.columns import TABLES
from soulbench.core.errors import UserError
from soulbench.core.terms import AS_DESCRIBED, SELECTED, TASKS

#: What a selected budget changes as retraining does.
COMPARED = ("A1", "A2", "A3", "A4")


def evidence_at(
    config: dict[str, Any],
    metrics: pd.DataFrame,
    queries: pd.DataFrame,
    budgets: pd.DataFrame,
    selected: pd.DataFrame,
) -> dict[str, Evidence]:
    """Return the evidence of the test requests at each operating point; `selected` only if anything was selected.

    Args:
        config: the resolved configuration.
        metrics, queries, budgets: the tables of that name.
        selected: selected.csv.
    """
    points = {AS_DESCRIBED: Evidence(config, metrics, queries)}
    if len(selected):
        moved, noops = at_selected(config, metrics, budgets, selected)
        points[SELECTED] = Evidence(config, moved, queries, noops)
    return points


def excess_by_budget(evidence: Evidence, budgets: pd.DataFrame) -> pd.DataFrame:
    """Return development.csv: how much farther from retrained models each method is than these are from each other.

    `excess` (E_k) is 0 for what is as close as another retraining, and grows if too little is forgotten or too much.

    Args:
        evidence: of the development requests.
        budgets: budgets.csv, all records of these requests.
    """
    arrays = RunArrays(
        budgets[budgets["metric"] == PRIMARY], ("method", "budget", "task", "dimension"), evidence.axes
    )
    measured = sorted({(method, budget) for method, budget, *_ in arrays})
    in_order = methods.ordered(evidence.config, {method for method, _ in measured})
    rows = []
    for method in in_order:
        described = runs.described_budget(evidence.config, method)
        for budget in (budget for name, budget in measured if name == method):
            for task in TASKS:
                for dimension in COMPARED:
                    noise, _ = evidence.retrained_noise(task, dimension)
                    own, noise = paired(arrays[method, budget, task, f"retrain-{dimension}"], noise)
                    distance, between = mean_of_requests(own), mean_of_requests(noise)
                    numbers = distance, between, distance - between
                    rows.append((method, budget, budget == described, task, dimension, PRIMARY, *numbers))
    return pd.DataFrame(rows, columns=list(TABLES["development"]))


def select(config: dict[str, Any], development: pd.DataFrame) -> pd.DataFrame:
    """Return selected.csv: for each method that is no reference, the budget with the smallest excess.

    A dimension that no development request has, such as A3 without a relative in other images, does not count. Of equal
    budgets the described one is taken, then the smaller.

    Args:
        config: the resolved configuration.
        development: development.csv.

    Raises:
        UserError: the methods were tried at different numbers of budgets.
    """
    rows: list[tuple[Any, ...]] = []
    for method in methods.unlearners(config, set(development["method"])):
        own = development[development["method"] == method]
        by_dimension = own.groupby(["budget", "described", "dimension"])["excess"].mean()
        sums = by_dimension.groupby(["budget", "described"]).sum().reset_index()
        columns = (sums["excess"], ~sums["described"], sums["budget"])
        trials = sorted(zip(*(column.tolist() for column in columns), strict=True))
        best, described = trials[0], next(trial for trial in trials if not trial[1])
        rows.append((method, best[2], described[2], best[0], described[0], len(trials)))
    table = pd.DataFrame(rows, columns=list(TABLES["selected"]))
    if table["trials"].nunique() > 1:
        numbers = ", ".join(
            f"{method} {trials}" for method, trials in zip(table["method"], table["trials"], strict=True)
        )
        raise UserError(
            f"methods were tried at different numbers of budgets ({numbers}), so that a selection would favour some; "
            "expected: as many unlearning.snapshots as unlearning.strengths, each a budget of its own"
        )
    return table


def at_selected(
    config: dict[str, Any], metrics: pd.DataFrame, budgets: pd.DataFrame, selected: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return metrics.csv with each method at its selected budget, and the rows of noop-ft that it is compared with.

    Where another budget than the described one was selected, what was measured at that budget takes the place of the
    method's rows: no other metric is known there. Harm is what exceeds noop-ft of the same budget; a redaction, whose
    budget is a strength, is compared with noop-ft as it is described.

    Args:
        config: the resolved configuration.
        metrics, budgets: the tables of the test requests.
        selected: selected.csv.

    Returns:
        Both frames have the columns of metrics.csv; in the second, `method` is the one that is compared.
    """
    moved = selected[selected["budget"] != selected["described_budget"]]
    kept = metrics[~metrics["method"].isin(moved["method"])]
    frames, noops = [kept], [metrics.iloc[:0]]
    for method, budget in zip(moved["method"], moved["budget"], strict=True):
        at = budgets[budgets["budget"] == budget].assign(unit="", regions=0)[list(metrics.columns)]
        frames.append(at[at["method"] == method])
        if runs.method(config, method).family == "finetune":
            noops.append(at[at["method"] == NOOP].assign(method=method))
    return pd.concat(frames, ignore_index=True), pd.concat(noops, ignore_index=True)
