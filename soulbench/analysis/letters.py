"""Two letters a method, in letters.csv: does it forget, and does it leak? And whether what it changes is what leaks."""

from typing import Any, NamedTuple

import pandas as pd

from soulbench.analysis import methods
from soulbench.analysis.attacks import NO_ATTACK
from soulbench.analysis.dimensions import PRIMARY
from soulbench.analysis.scoreboard import COLLAPSED_WORD
from soulbench.analysis.statistics import rank_correlation
from soulbench.config import attacks
from soulbench.core.columns import TABLES
from soulbench.core.terms import AS_DESCRIBED, LEAK, TASKS


class RankCorrelation(NamedTuple):
    """How far two numbers put methods in the same order.

    Attributes:
        task: the task.
        rho: Spearman's coefficient; NaN with fewer than three methods, or where one of the numbers is always the same.
        p: its two-sided p.
        methods: how many were compared.
    """

    task: str
    rho: float
    p: float
    methods: int


def letters(config: dict[str, Any], scoreboard: pd.DataFrame, leaked: pd.DataFrame) -> pd.DataFrame:
    """Return letters.csv: does a method forget, and does it leak?

    It forgets where it is certain to be nearer to retraining than to the original; of a model that draws nothing any
    more, it is said instead that it collapsed. It leaks where one attack is certain to find more than the control, and
    it does not where none is, and all are certain. Attacks that say so do not count.

    Args:
        config: the resolved configuration.
        scoreboard: scoreboard.csv.
        leaked: leaks.csv.
    """
    described = scoreboard[
        (scoreboard["operating_point"] == AS_DESCRIBED) & (scoreboard["level"] != "reference")
    ]
    silent = [name for name in attacks.names(config) if not attacks.attack(config, name).letter]
    silent.append(NO_ATTACK)  # "forgets?" is about that
    leaked = leaked[~leaked["attack"].isin(silent)]
    rows = []
    columns = ["method", "task", "removed", "collapsed"]
    for method, task, removed, collapsed in described[columns].itertuples(index=False):
        own = leaked[(leaked["method"] == method) & (leaked["task"] == task)]
        found = {word: ", ".join(own.loc[own["leaks"] == word, "attack"]) for word in ("yes", "unclear")}
        leak = "yes" if found["yes"] else "unclear" if found["unclear"] or own.empty else "no"
        forgets = COLLAPSED_WORD if collapsed == "yes" else removed
        rows.append((method, task, forgets, leak, found["yes"], found["unclear"]))
    return pd.DataFrame(rows, columns=list(TABLES["letters"]))


def change_and_leak(
    config: dict[str, Any], summary: pd.DataFrame, leaked: pd.DataFrame
) -> list[RankCorrelation]:
    """Return, by task, whether the methods that change the targets most (A1) are those that the update leak finds best.

    A method that collapsed is not ranked.

    Args:
        config: the resolved configuration.
        summary: summary.csv.
        leaked: leaks.csv.
    """
    change = summary[(summary["dimension"] == "A1") & (summary["metric"] == PRIMARY) & ~summary["collapsed"]]
    found = leaked[leaked["attack"] == LEAK]
    rows = change.merge(found, on=["method", "task"])[["method", "task", "mean", "value"]].dropna()
    rows = rows[rows["method"].isin(methods.unlearners(config, rows["method"]))]
    compared = {task: rows[rows["task"] == task] for task in TASKS}
    return [
        RankCorrelation(task, *rank_correlation(one["mean"].to_numpy(), one["value"].to_numpy()), len(one))
        for task, one in compared.items()
    ]
