"""The answer first, from the scoreboard: which method forgets whom at what price."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from soulbench.analysis import methods as roster
from soulbench.analysis.scoreboard import (
    COLLAPSED_WORD,
    REMOVED_DAMAGED,
    REMOVED_KEPT,
    REMOVED_UNCLEAR,
    STAYS,
    TOO_FEW,
    UNCLEAR,
)
from soulbench.core.terms import TASKS

# From good to bad: an outcome, its symbol, its tone on the page and its heading there.
OUTCOMES = {
    REMOVED_KEPT: ("✓", "good", "Removes the object and keeps the rest"),
    REMOVED_UNCLEAR: ("≈", "fair", "Removes the object; damage to the rest cannot be told"),
    REMOVED_DAMAGED: ("!", "warn", "Removes the object and damages the rest"),
    UNCLEAR: ("?", "fair", "Removal cannot be told"),
    STAYS: ("✗", "bad", "The object stays"),
    COLLAPSED_WORD: ("✗", "bad", "The model collapses"),
    TOO_FEW: ("?", "fair", "Too few requests for a verdict"),
}


@dataclass(frozen=True)
class Entry:
    """A method on the board."""

    method: str
    level: str
    text: str


def board(config: dict[str, Any], scores: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the outcomes that occur, each with the methods of either task, best outcome first."""
    methods = roster.unlearners(config, scores["method"])
    rows = []
    for outcome, (symbol, tone, title) in OUTCOMES.items():
        cells = {task: _entries(scores, methods, task, outcome) for task in TASKS}
        if any(cells.values()):
            rows.append({"symbol": symbol, "tone": tone, "title": title, "cells": cells})
    return rows


def _entries(scores: pd.DataFrame, methods: list[str], task: str, outcome: str) -> list[Entry]:
    own = scores[(scores["task"] == task) & (scores["outcome"] == outcome)]
    found: dict[Any, Any] = own.set_index("method").to_dict("index")
    return [
        Entry(name, found[name]["level"], percent(found[name]["forgotten"]))
        for name in methods
        if name in found
    ]


def percent(share: float) -> str:
    """Return a share of the way to retraining as a reader reads it."""
    return "not known" if not np.isfinite(share) else f"{100 * share:.0f} %".replace("-", "−")


def cost(ratio: float) -> str:
    """Return a cost as a part or multiple of retraining's."""
    if not np.isfinite(ratio) or ratio <= 0:
        return "–"
    return f"1/{1 / ratio:.0f}" if ratio < 0.4 else f"{ratio:.1f} ×"


def sentences(config: dict[str, Any], scores: pd.DataFrame) -> list[str]:
    """Return the answer: by task the methods that remove and keep, nearest to retraining first.

    Then who fails how.
    """
    found = [_best(config, scores, task) for task in TASKS]
    return [*found, *filter(None, [_failing(config, scores)])]


def _best(config: dict[str, Any], scores: pd.DataFrame, task: str) -> str:
    names = roster.unlearners(config, scores["method"])
    own = scores[(scores["task"] == task) & scores["method"].isin(names)]
    if (own["outcome"] == TOO_FEW).all():
        return (
            f"In {task} there are too few requests for a verdict: the numbers are points without intervals."
        )
    good = own[own["outcome"] == REMOVED_KEPT]
    if good.empty:
        return f"In {task} no method certainly removes the object and keeps the rest of what the model knew."
    good = good.assign(off=(good["forgotten"] - 1).abs()).sort_values("off")
    texts = [
        f"{row['method']} ({percent(row['forgotten'])} of the way, {cost(row['ratio_to_retrain'])} the cost)"
        for row in good.to_dict("records")
    ]
    return (
        f"In {task} the object goes and the rest stays with {', '.join(texts)}; nearest to retraining first."
    )


def _failing(config: dict[str, Any], scores: pd.DataFrame) -> str:
    names = roster.unlearners(config, scores["method"])
    groups = []
    for outcome, words in ((STAYS, "leave the object where it was"), (COLLAPSED_WORD, "destroy the model")):
        hit = scores[(scores["outcome"] == outcome) & scores["method"].isin(names)]
        texts = [f"{name} ({_tasks(hit, name)})" for name in names if name in set(hit["method"])]
        if texts:
            groups.append(f"{', '.join(texts)} {words}")
    return "; ".join(groups) + "." if groups else ""


def _tasks(hit: pd.DataFrame, method: str) -> str:
    tasks = [task for task in TASKS if task in set(hit.loc[hit["method"] == method, "task"])]
    return "both tasks" if len(tasks) == len(TASKS) else tasks[0]
