"""Success of attacks that bring the target back, against the attacker's budget.

An attack succeeds for a request where the target's least error up to a budget is nearer to what the original model
shows without the attack than to what models that never saw the target show without it. The control's own curve says
how often such an error comes about by chance, or because a generator can draw almost anything.
"""

import pandas as pd

from soulbench.analysis.attacks import ERROR


def success(attacks: pd.DataFrame, attack: str) -> pd.DataFrame:
    """Return the share of requests for which an attack succeeds, by method, task and budget.

    Requests whose target the original model shows no better than the control are left out: nothing can come back.

    Args:
        attacks: attacks.csv.
        attack: its id; the least of its budgets is that of no attack.

    Returns:
        Columns method, task, budget, share (the mean over requests of that over seeds) and requests (their number).
    """
    rows = attacks[(attacks["attack"] == attack) & (attacks["metric"] == ERROR) & attacks["value"].notna()]
    rows = rows.sort_values("budget", kind="stable")
    keys = ["task", "request"]
    least = rows.groupby(["method", *keys, "seed"])["value"].cummin()
    before = rows[rows["budget"] == rows["budget"].min()]
    original = before[before["method"] == "original"].groupby(keys)["value"].mean().rename("original")
    limits = before.groupby(keys)["control"].mean().to_frame().join(original, how="inner")
    limits = limits[limits["original"] < limits["control"]].mean(axis=1).rename("limit")
    if limits.empty:
        return pd.DataFrame(columns=["method", "task", "budget", "share", "requests"])
    rows = rows.assign(least=least).join(limits, on=keys, how="inner")
    rows = rows.assign(share=(rows["least"] < rows["limit"]).astype(float))
    by_request = rows.groupby(["method", *keys, "budget"], sort=False)["share"].mean().reset_index()
    by_budget = by_request.groupby(["method", "task", "budget"], sort=False)["share"]
    return by_budget.agg(share="mean", requests="size").reset_index()
