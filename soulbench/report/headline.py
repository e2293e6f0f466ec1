"""The answer, from scoreboard and costs: which method forgets whom, at what price."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from soulbench.analysis.methods import unlearners
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

# From best to worst: an outcome, and its symbol, tone and heading on the page.
OUTCOMES = {
    REMOVED_KEPT: ("✓", "good", "Removes the object and keeps the rest"),
    REMOVED_UNCLEAR: ("≈", "fair", "Removes the object; damage to the rest is unclear"),
    REMOVED_DAMAGED: ("!", "warn", "Removes the object and damages the rest"),
    UNCLEAR: ("?", "fair", "Removal is unclear"),
    STAYS: ("✗", "bad", "The object stays"),
    COLLAPSED_WORD: ("✗", "bad", "The model collapses"),
    TOO_FEW: ("?", "fair", "Too few requests for a verdict"),
}


@dataclass(frozen=True)
class Entry:
    """A method in the table of outcomes."""

    method: str
    level: str
    text: str


def outcomes(config: dict[str, Any], scores: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the outcomes that occur, best first, each with its methods by task."""
    methods = unlearners(config, scores["method"])
    rows = []
    for outcome, (symbol, tone, title) in OUTCOMES.items():
        by_task = {task: _entries(scores, methods, task, outcome) for task in TASKS}
        if any(by_task.values()):
            rows.append({"symbol": symbol, "tone": tone, "title": title, "entries": by_task})
    return rows


def _entries(scores: pd.DataFrame, methods: list[str], task: str, outcome: str) -> list[Entry]:
    selected = scores[(scores["task"] == task) & (scores["outcome"] == outcome)]
    by_method: dict[Any, Any] = selected.set_index("method").to_dict("index")
    return [
        Entry(name, by_method[name]["level"], percent(by_method[name]["forgotten"]))
        for name in methods
        if name in by_method
    ]


def percent(share: float) -> str:
    """Return a share of the way to the retrained model in per cent."""
    return "unknown" if not np.isfinite(share) else f"{round(100 * share)} %".replace("-", "−")


def cost(ratio: float) -> str:
    """Return a cost as a fraction or a multiple of the cost of retraining."""
    if not np.isfinite(ratio) or ratio <= 0:
        return "–"
    return f"1/{1 / ratio:.0f}" if ratio < 0.4 else f"{ratio:.1f} ×"


def sentences(config: dict[str, Any], scores: pd.DataFrame) -> list[str]:
    """Return the answer: for each task the methods that succeed, nearest to retraining first, then those that fail."""
    answers = [_successes(config, scores, task) for task in TASKS]
    return [*answers, *filter(None, [_failures(config, scores)])]


def _successes(config: dict[str, Any], scores: pd.DataFrame, task: str) -> str:
    names = unlearners(config, scores["method"])
    rows = scores[(scores["task"] == task) & scores["method"].isin(names)]
    if (rows["outcome"] == TOO_FEW).all():
        return f"In {task}, there are too few requests for a verdict: the numbers have no intervals."
    successes = rows[rows["outcome"] == REMOVED_KEPT]
    if successes.empty:
        return f"In {task}, no method is certain to remove the object and keep the rest."
    successes = successes.assign(distance=(successes["forgotten"] - 1).abs()).sort_values("distance")
    texts = [
        f"{row['method']} ({percent(row['forgotten'])} forgotten, relative cost {cost(row['ratio_to_retrain'])})"
        for row in successes.to_dict("records")
    ]
    return (
        f"In {task}, these methods remove the object and keep the rest, nearest to retraining first: "
        f"{', '.join(texts)}."
    )


def _failures(config: dict[str, Any], scores: pd.DataFrame) -> str:
    names = unlearners(config, scores["method"])
    groups = []
    for outcome, start in (
        (STAYS, "methods that leave the object in place"),
        (COLLAPSED_WORD, "methods that collapse"),
    ):
        rows = scores[(scores["outcome"] == outcome) & scores["method"].isin(names)]
        texts = [f"{name} ({_tasks(rows, name)})" for name in names if name in set(rows["method"])]
        if texts:
            groups.append(f"{start}: {', '.join(texts)}")
    text = "; ".join(groups)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _tasks(rows: pd.DataFrame, method: str) -> str:
    tasks = [task for task in TASKS if task in set(rows.loc[rows["method"] == method, "task"])]
    return "both tasks" if len(tasks) == len(TASKS) else tasks[0]
