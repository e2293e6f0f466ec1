"""What the page of methods says beside their files: the work of each, and where it stands in published tables."""

import functools
from pathlib import Path
from typing import Any

import pandas as pd

from soulbench.config import files
from soulbench.core import registry
from soulbench.core.terms import AS_DESCRIBED, SELECTED, TASKS
from soulbench.planning.counting import WorkCounter
from soulbench.planning.sizes import Sizes
from soulbench.planning.stages import Plan
from soulbench.report import headline
from soulbench.report.page import number

#: The configuration whose work is counted: the demo's, with all methods.
COUNTED = (Path("config.yaml"), Path("configs", "methods.yaml"))
#: Folders of published tables, in the documentation.
PUBLISHED = {"all methods": Path("docs", "methods-run"), "photographs": Path("docs", "photos-run")}
NOTHING = "–"


@functools.cache
def _plan() -> Plan:
    config = files.load(*COUNTED)
    sizes = Sizes.bounds(config)
    return Plan(config, sizes, WorkCounter.of(config, sizes))


def cost(name: str) -> tuple[str, str]:
    """Return what a model of a method costs, in TMAC (10^12 multiply-adds) and in retrainings; counted, not measured.

    It is the most where the data decide: how far a replay goes back, how many products a solver takes, how many images
    a one-shot method looks at. Passes of a teacher, which need no gradient, are not counted.
    """
    plan, family = _plan(), registry.method(name).family
    if family == "none":
        return NOTHING, NOTHING
    retraining = plan.training("pretrain") + plan.training("finetune")
    work = {
        "retrain": lambda: retraining,
        "replay": lambda: retraining,
        "finetune": plan.unlearning,
        "one-shot": plan.unlearning,
        "redaction": lambda: plan.solve(name),
    }[family]()
    most = "≤ " if family in ("replay", "one-shot", "redaction") else ""
    return f"{most}{work / 1e12:.2f}", f"{most}{work / retraining:.2f}"


def standing(name: str) -> list[str]:
    """Return where a method stands in the published tables, one cell for each; a dash where it is not in them.

    A cell has the outcome, the forgotten share, the harm to the other objects of the image (A2, grey levels) and the
    AUC of the update leak, in the task `reconstruction` and as described; its time as a share of a retraining; and the
    outcome at the selected budget.
    """
    return [_cell(folder, name) for folder in PUBLISHED.values()]


def _cell(folder: Path, name: str) -> str:
    found = _rows(folder / "scoreboard.csv.gz", name)
    by_point = {row["operating_point"]: row for row in found}
    row = by_point.get(AS_DESCRIBED)
    if row is None:
        return NOTHING
    outcome = "reference" if row["level"] == "reference" else row["outcome"]
    parts = [outcome, f"{number(100 * row['forgotten'], 0)} %", f"A2 {number(row['harm_A2'])}"]
    leaks = folder / "update_leak.csv.gz"
    found = _rows(leaks, name) if leaks.is_file() else []
    parts += [f"AUC {number(one['value'], 2)}" for one in found if one["metric"] == "auc"]
    costs = _table(folder / "timing.csv.gz").set_index("method")["ratio_to_retrain"].dropna()
    parts += [f"time {headline.cost(costs[name])}"] if name in costs else []
    if row["level"] != "reference" and SELECTED in by_point:
        parts.append(f"selected: {by_point[SELECTED]['outcome']}")
    return "; ".join(parts)


def _rows(path: Path, name: str) -> list[dict[Any, Any]]:
    """Return the rows of a published table that are about a method, in the task of the page."""
    table = _table(path)
    rows: list[dict[Any, Any]] = table[(table["method"] == name) & (table["task"] == TASKS[0])].to_dict(
        "records"
    )
    return rows


@functools.cache
def _table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path)
