"""scoreboard.csv: which method forgets whom at what price, a row for each method and task."""

from typing import Any

import pandas as pd

from soulbench.analysis import methods as roster
from soulbench.analysis.evidence import OVERSHOT, REMOVED, Evidence
from soulbench.core.terms import TASKS

# What a method may damage: its image, the same category elsewhere, whole retained images, images it never
# saw.
RETAINED = ("A2", "A3", "retained_error", "heldout_error")
REMOVED_KEPT = "removes it, keeps the rest"
REMOVED_DAMAGED = "removes it, damages the rest"
REMOVED_UNCLEAR = "removes it, damage unclear"
STAYS = "it stays"
COLLAPSED_WORD = "collapsed"
UNCLEAR = "cannot be told"
TOO_FEW = "too few requests"


def answer(holds: bool | None) -> str:
    """Return an answer in words."""
    return {True: "yes", False: "no", None: "unclear"}[holds]


def outcome(removed: bool | None, damaged: dict[str, bool | None], collapsed: bool | None) -> str:
    """Return the one-phrase outcome of a method in a task."""
    if collapsed:
        return COLLAPSED_WORD
    if removed is None:
        return UNCLEAR
    if not removed:
        return STAYS
    if any(damaged.values()):
        return REMOVED_DAMAGED
    return REMOVED_UNCLEAR if None in damaged.values() else REMOVED_KEPT


def row(evidence: Evidence, method: str, task: str) -> dict[str, Any]:
    """Return one row; shares are of the way from the original (0) to the retrained model (1)."""
    removed, collapsed = evidence.removed(method, task), evidence.collapsed(method, task)
    harms = {name: evidence.damaged(method, task, name) for name in RETAINED}
    share = removed.effect
    count, known = evidence.requests_removed(method, task)
    damaged = {name: finding.holds for name, finding in harms.items() if finding.effect.requests}
    words = outcome(removed.holds, damaged, collapsed.holds)
    return {
        "method": method,
        "level": roster.level(evidence.config, method),
        "task": task,
        "outcome": words if share.requests >= evidence.bootstrap.min_requests else TOO_FEW,
        "forgotten": share.mean,
        "forgotten_low": share.low,
        "forgotten_high": share.high,
        "removed": answer(removed.holds),
        "overshot": answer(share.above(OVERSHOT)),
        "requests_removed": count,
        "requests_memorised": known,
        "collapsed": answer(collapsed.holds),
        "collapsed_share": collapsed.effect.mean,
        **{
            f"{part}_{name}": value
            for name, finding in harms.items()
            for part, value in _harm(finding).items()
        },
    }


def _harm(finding: Any) -> dict[str, Any]:
    effect = finding.effect
    return {
        "harm": effect.mean,
        "harm_low": effect.low,
        "harm_high": effect.high,
        "damaged": answer(finding.holds),
    }


def scoreboard(evidence: Evidence, costs: pd.DataFrame) -> pd.DataFrame:
    """Return scoreboard.csv: every method and task, with the cost relative to retraining."""
    methods = roster.ordered(evidence.config, evidence.methods)
    table = pd.DataFrame([row(evidence, method, task) for method in methods for task in TASKS])
    table["inside_middle"] = table["forgotten"].between(REMOVED, OVERSHOT)
    return table.merge(costs[["method", "seconds", "ratio_to_retrain"]], on="method", how="left")
