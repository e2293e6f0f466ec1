"""Two letters a method, as the page shows them: does it forget, does it leak, and by which attacks?"""

from typing import Any, NamedTuple

import numpy as np

from soulbench.analysis.letters import RankCorrelation, change_and_leak
from soulbench.analysis.methods import ordered
from soulbench.analysis.scoreboard import COLLAPSED_WORD
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import read_csv
from soulbench.core.terms import TASKS

#: Answer to "forgets?" and to "leaks?" -> symbol, and the tone in which it is shown.
FORGETS = {"yes": ("✓", "good"), "no": ("✗", "bad"), "unclear": ("?", "fair"), COLLAPSED_WORD: ("✗", "bad")}
LEAKS = {"yes": ("!", "bad"), "no": ("✓", "good"), "unclear": ("?", "fair")}
#: Figures about attacks, to which the section leads.
FIGURES = ("attacks", "forgets_leaks", "compression", "leak_gallery")


class Letter(NamedTuple):
    """One answer.

    Attributes:
        word: yes, no, unclear or, of forgetting, collapsed.
        symbol, tone: how it is shown.
        why: the attacks that it rests on.
    """

    word: str
    symbol: str
    tone: str
    why: str = ""


def letters(config: dict[str, Any], paths: ResultPaths) -> list[dict[str, Any]]:
    """Return the rows of the page's table: a method with its group and, by task, both letters.

    Args:
        config: the configuration.
        paths: of the tables.
    """
    table = read_csv(paths.table("letters"))
    by_run: dict[Any, Any] = table.set_index(["method", "task"]).to_dict("index")
    return [
        {"method": method, "letters": {task: _pair(by_run.get((method, task))) for task in TASKS}}
        for method in ordered(config, table["method"])
    ]


def _pair(row: dict[str, str] | None) -> tuple[Letter, Letter] | None:
    if row is None:
        return None
    # Where the answer is yes, what is unclear changes nothing.
    why = row["leaking"] or row["unclear"]
    return (
        Letter(row["forgets"], *FORGETS[row["forgets"]]),
        Letter(row["leaks"], *LEAKS[row["leaks"]], why),
    )


def leak_order(config: dict[str, Any], paths: ResultPaths) -> list[RankCorrelation]:
    """Return, by task, how far the change of the targets and the update leak put methods in the same order."""
    summary, leaked = (read_csv(paths.table(name)) for name in ("summary", "leaks"))
    return [one for one in change_and_leak(config, summary, leaked) if np.isfinite(one.rho)]
