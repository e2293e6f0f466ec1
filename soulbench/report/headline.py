"""The answer, from scoreboard and costs: which method forgets whom, at what price."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from soulbench.analysis.band import DIFFERENT, NOT_FORGOTTEN, OVERSHOT, PARTLY, UNDECIDED
from soulbench.analysis.methods import unlearners
from soulbench.analysis.scoreboard import (
    COLLAPSED_WORD,
    FORGETS,
    NOT_IDENTIFIED,
    OUTCOMES,
    REMOVES,
    RETAINED,
    STILL_IDENTIFIED,
    TOO_FEW,
)
from soulbench.core.terms import TASKS

STAYS = OUTCOMES[NOT_FORGOTTEN]
# From best to worst: an outcome, and its symbol, tone and heading on the page.
SHOWN = {
    FORGETS[0]: ("✓", "good", "Forgets the object and keeps the rest"),
    FORGETS[1]: ("≈", "fair", "Forgets the object; damage to the rest is unclear"),
    FORGETS[2]: ("!", "warn", "Forgets the object and damages the rest"),
    REMOVES[0]: (
        "≈",
        "fair",
        "Removes the object and keeps the rest; whether as retraining would is undecided",
    ),
    REMOVES[1]: ("≈", "fair", "Removes the object; damage to the rest is unclear"),
    REMOVES[2]: ("!", "warn", "Removes the object and damages the rest"),
    OUTCOMES[DIFFERENT]: (
        "!",
        "warn",
        "Forgets the object, but draws something else than retraining in its place",
    ),
    OUTCOMES[OVERSHOT]: ("!", "warn", "Overshoots: farther from the truth than retraining"),
    STILL_IDENTIFIED: ("!", "warn", "Gone in pixels, but the individual is still identified"),
    NOT_IDENTIFIED: ("!", "warn", "Stays in pixels, but the individual is no longer identified"),
    OUTCOMES[PARTLY]: ("≈", "fair", "Forgets the object in part"),
    OUTCOMES[UNDECIDED]: ("?", "fair", "Undecided"),
    STAYS: ("✗", "bad", "The object stays"),
    COLLAPSED_WORD: ("✗", "bad", "The model collapses"),
    TOO_FEW: ("?", "fair", "Too few requests for a verdict"),
}


@dataclass(frozen=True)
class Entry:
    """A method in the table of outcomes, with the share forgotten and, in short, what it damages."""

    method: str
    level: str
    group: str
    text: str


def outcomes(config: dict[str, Any], scores: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the outcomes that occur, best first, each with its methods by task."""
    methods = unlearners(config, scores["method"])
    rows = []
    for outcome, (symbol, tone, title) in SHOWN.items():
        by_task = {task: _entries(scores, methods, task, outcome) for task in TASKS}
        if any(by_task.values()):
            rows.append({"symbol": symbol, "tone": tone, "title": title, "entries": by_task})
    return rows


def _entries(scores: pd.DataFrame, methods: list[str], task: str, outcome: str) -> list[Entry]:
    selected = scores[(scores["task"] == task) & (scores["outcome"] == outcome)]
    by_method: dict[Any, Any] = selected.set_index("method").to_dict("index")
    return [
        Entry(name, by_method[name]["level"], by_method[name]["group"], _entry(by_method[name]))
        for name in methods
        if name in by_method
    ]


def _entry(row: dict[str, Any]) -> str:
    """Return the share forgotten, whether identity and the rest agree, and what would be decided without correction."""
    damaged = any(row[f"damaged_{name}"] == "yes" for name in RETAINED)
    shown = damaged and row["outcome"] not in (FORGETS[2], REMOVES[2], COLLAPSED_WORD)
    alone = row["outcome_uncorrected"]
    texts = [percent(row["forgotten"]), _identity(row), "damages the rest" if shown else ""]
    texts.append(f"without correction: {alone}" if alone != row["outcome"] else "")
    return ", ".join(filter(None, texts))


def _identity(row: Mapping[Any, Any]) -> str:
    """Return that pixels alone say that the target is gone, where identity was measured and is undecided."""
    gone = row["outcome"] in (*FORGETS, *REMOVES)
    return (
        "identity undecided"
        if gone and row["identified"] == "unclear" and np.isfinite(row["identity"])
        else ""
    )


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
    if (forgets := _listed(rows, FORGETS[0])) is not None:
        return f"In {task}, these methods forget the object as retraining does and keep the rest: {forgets}."
    none = f"In {task}, no method is certain to forget the object as retraining does and keep the rest"
    if (removes := _listed(rows, REMOVES[0])) is None:
        return f"{none}."
    return f"{none}. These are certain to remove it and to keep the rest: {removes}."


def _listed(rows: pd.DataFrame, outcome: str) -> str | None:
    """Return the methods of an outcome, nearest to retraining first, as text; None if there are none."""
    selected = rows[rows["outcome"] == outcome]
    selected = selected.assign(distance=(selected["forgotten"] - 1).abs()).sort_values("distance")
    texts = [f"{row['method']} ({_in_short(row)})" for row in selected.to_dict("records")]
    return ", ".join(texts) or None


def _in_short(row: dict[Any, Any]) -> str:
    """Return the share forgotten, what identity leaves undecided, and the cost where it was measured."""
    ratio = row["ratio_to_retrain"]
    price = f"relative cost {cost(ratio)}" if np.isfinite(ratio) else ""
    return ", ".join(filter(None, (f"{percent(row['forgotten'])} forgotten", _identity(row), price)))


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
