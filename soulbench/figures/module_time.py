"""The paper's Fig. 10: what a redaction of each module costs."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from soulbench.config import runs
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import read_csv
from soulbench.figures import LEVEL_COLOURS, _style, counted

TITLE = "Obj-IF: time by module (Fig. 10)"
SUBCATEGORY = "Ablations"
POSITION = 80
CONFIG = ("device",)
CAPTION = """\
The paper's Fig. 10: seconds per redaction (less is better) by the module that Obj-IF changes, as the median of
{{ ablated }}, without an interval. To the right: how many values are changed, and the solver's residual; device:
{{ config.device }}.
"""


def applies(config: Mapping[str, Any]) -> bool:
    """Tell whether ablations are planned."""
    return bool(runs.ablation_runs(config))


def inputs(config: Mapping[str, Any], paths: ResultPaths) -> list[str]:
    """Return the files that the figure reads."""
    return [paths.table("ablation_modules"), paths.table("timing_modules")]


def plot(config: dict[str, Any], paths: ResultPaths, out_stem: Path, log: Callable[[str], Any]) -> None:
    """Plot the median of the seconds as bars, and each redaction as a dot."""
    keys = ["request", "seed", "module"]
    redactions = read_csv(paths.table("ablation_modules")).drop_duplicates(keys)
    redactions = redactions.merge(read_csv(paths.table("timing_modules")), on=keys)
    modules = list(dict.fromkeys(redactions["module"]))
    with _style.figure(9, 1.5 + 0.45 * len(modules), out_stem) as fig:
        axes = fig.subplots()
        for y, module in enumerate(modules):
            rows = redactions[redactions["module"] == module]
            axes.barh(y, rows["seconds"].median(), color="#BFD7EA", height=0.6)
            axes.plot(rows["seconds"], [y] * len(rows), "o", color=LEVEL_COLOURS["object"], markersize=5)
            note = f"{int(rows['parameters'].iloc[0]):,} values, residual {rows['residual'].median():.1e}"
            axes.annotate(note, (1.01, y), xycoords=("axes fraction", "data"), va="center", fontsize=9)
        axes.set_yticks(range(len(modules)), [name.replace("_", " ") for name in modules])
        axes.set_ylim(len(modules) - 0.4, -0.6)
        axes.grid(axis="x")
        axes.set_xlabel(
            f"seconds per redaction ({config['device']}); ← better; bar: median, dots: {_count(redactions)}"
        )
    log(f"{len(modules)} modules")


def _count(redactions: pd.DataFrame) -> str:
    requests, seeds = redactions["request"].nunique(), redactions["seed"].nunique()
    return f"{counted(requests, 'request')} × {counted(seeds, 'seed')}"
