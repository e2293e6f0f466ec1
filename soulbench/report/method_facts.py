"""What the page of methods says beside their files: the work of each, and where it stands in published tables."""

import functools
from pathlib import Path

import pandas as pd

from soulbench.config import files
from soulbench.core import registry
from soulbench.core.terms import AS_DESCRIBED, LEAK_UNITS, SELECTED, TASKS
from soulbench.planning.counting import WorkCounter
from soulbench.planning.sizes import Sizes
from soulbench.planning.stages import Plan

#: The configuration whose work is counted: the demo's, with all methods.
COUNTED = (Path("config.yaml"), Path("configs", "methods.yaml"))
#: Folders of published tables, in the documentation.
PUBLISHED = {"demo": Path("docs", "demo-run"), "photographs": Path("docs", "photos-run")}
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
    AUC of the update leak, in the task `reconstruction`; the first three at the selected budget, if any.
    """
    return [_cell(folder, name) for folder in PUBLISHED.values()]


def _cell(folder: Path, name: str) -> str:
    scores = _table(folder / "scoreboard.csv.gz")
    rows = scores[(scores["method"] == name) & (scores["task"] == TASKS[0])].set_index("operating_point")
    point = next((point for point in (SELECTED, AS_DESCRIBED) if point in rows.index), None)
    if point is None:
        return NOTHING
    row = rows.loc[point]
    outcome = "reference" if row["level"] == "reference" else row["outcome"]
    parts = [str(outcome), f"{_number(100 * row['forgotten'], 0)} %", f"A2 {_number(row['harm_A2'], 1)}"]
    if (leak := folder / "update_leak.csv.gz").is_file():
        table = _table(leak)
        metric = next(iter(LEAK_UNITS))
        found = table[(table["method"] == name) & (table["task"] == TASKS[0]) & (table["metric"] == metric)][
            "value"
        ]
        parts += [f"AUC {_number(value, 2)}" for value in found]
    return "; ".join(parts)


def _number(value: float, digits: int) -> str:
    return NOTHING if pd.isna(value) else f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")


@functools.cache
def _table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path)
