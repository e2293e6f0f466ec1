"""scoreboard.csv: what each method forgets and damages, one row for each method and task."""

from typing import Any

import pandas as pd

from soulbench.analysis import methods
from soulbench.analysis.evidence import OVERSHOT, REMOVED, Evidence, Finding
from soulbench.core.terms import TASKS

# What a method may damage.
RETAINED = ("A2", "A3", "retained_error", "heldout_error")
REMOVED_KEPT = "removes it, keeps the rest"
REMOVED_DAMAGED = "removes it, damages the rest"
REMOVED_UNCLEAR = "removes it, damage unclear"
STAYS = "it stays"
COLLAPSED_WORD = "collapsed"
UNCLEAR = "undecided"
TOO_FEW = "too few requests"


def answer(holds: bool | None) -> str:
    """Return an answer as a word."""
    return {True: "yes", False: "no", None: "unclear"}[holds]


def outcome(removed: bool | None, damaged: dict[str, bool | None], collapsed: bool | None) -> str:
    """Return the outcome of a method in a task as one phrase."""
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
    count, memorised = evidence.requests_removed(method, task)
    damaged = {name: finding.holds for name, finding in harms.items() if finding.effect.requests}
    phrase = outcome(removed.holds, damaged, collapsed.holds)
    return {
        "method": method,
        "level": methods.level(evidence.config, method),
        "task": task,
        "outcome": phrase if share.requests >= evidence.bootstrap.min_requests else TOO_FEW,
        "forgotten": share.mean,
        "forgotten_low": share.low,
        "forgotten_high": share.high,
        "removed": answer(removed.holds),
        "overshot": answer(share.above(OVERSHOT)),
        "requests_removed": count,
        "requests_memorised": memorised,
        "collapsed": answer(collapsed.holds),
        "collapsed_share": collapsed.effect.mean,
        **{
            f"{column}_{name}": value
            for name, finding in harms.items()
            for column, value in _harm(finding).items()
        },
    }


def _harm(finding: Finding) -> dict[str, Any]:
    effect = finding.effect
    return {
        "harm": effect.mean,
        "harm_low": effect.low,
        "harm_high": effect.high,
        "damaged": answer(finding.holds),
    }


def scoreboard(evidence: Evidence) -> pd.DataFrame:
    """Return scoreboard.csv: every method and task. What a method costs is in timing.csv."""
    in_order = methods.ordered(evidence.config, evidence.methods)
    table = pd.DataFrame([row(evidence, method, task) for method in in_order for task in TASKS])
    table["inside_middle"] = table["forgotten"].between(REMOVED, OVERSHOT)
    return table
