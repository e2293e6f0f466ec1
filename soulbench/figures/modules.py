"""The paper's Fig. 12: the outputs after Obj-IF redacts one module, with numbers beside them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from soulbench.analysis.dimensions import PRIMARY
from soulbench.config import runs
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import read_csv
from soulbench.core.terms import TASKS
from soulbench.figures import _gallery, _style
from soulbench.figures._gallery import BenchmarkImages, Column

TITLE = "Obj-IF: which module (Fig. 12)"
SUBCATEGORY = "Ablations"
POSITION = 100
CONFIG = (*_gallery.CONFIG, "ablations")
CAPTION = """\
The paper's Fig. 12: Obj-IF applied to one module at a time, with outputs for the first request. Numbers: error of the
target (should reach the retrained model's) and change of the other objects (less is better), as the mean of
{{ ablated }}, without an interval; device: {{ config.device }}.
"""


def applies(config: Mapping[str, Any]) -> bool:
    """Tell whether ablations are planned."""
    return bool(runs.ablation_runs(config))


def inputs(config: Mapping[str, Any], paths: ResultPaths) -> list[str]:
    """Return the files that the figure reads."""
    return [paths.table("ablation_modules"), *_gallery.ablation_inputs(config, paths, "modules")]


def plot(config: dict[str, Any], paths: ResultPaths, out_stem: Path, log: Callable[[str], Any]) -> None:
    """Plot a row of outputs per module, both tasks, with the means over requests to the right."""
    table = read_csv(Path(paths.table("ablation_modules")))
    modules = list(dict.fromkeys(table["module"]))
    images = BenchmarkImages(config, paths)
    request, seed = runs.ablation_runs(config)[0]
    _, boxes, category = images.target(request)
    outputs = images.ablation("modules", request, seed)
    count = max((len(stack) for stack in outputs.values()), default=1)
    columns = [
        Column(
            f"{task.capitalize()} ({request}: {category})",
            "S1: the target" if index == 0 else f"S{index + 1}",
            boxes if index == 0 else (),
        )
        for task in TASKS
        for index in range(count)
    ]
    grid = [_row(outputs, module, count) for module in modules]
    width, height = _gallery.size(columns, modules)
    with _style.figure(width + 2.4, height, out_stem) as fig:
        rows = [name.replace("_", " ") for name in modules]
        axes = _gallery.plot_mosaic(fig, grid, columns, rows, ["#000000"] * len(rows))
        _numbers(axes, table, modules)
    log(f"{len(modules)} modules, images of {request}")


def _row(outputs: dict[tuple[str, str], np.ndarray], module: str, count: int) -> list[np.ndarray | None]:
    stacks = [outputs.get((module, task), ()) for task in TASKS]
    return [stack[index] if index < len(stack) else None for stack in stacks for index in range(count)]


def _numbers(axes: Axes, table: pd.DataFrame, modules: list[str]) -> None:
    """Write beside each row the target's error and the other objects' change, as means over requests."""
    low, high = sorted(axes.get_ylim())
    step = (high - low + _gallery.GAP) / len(modules)
    x = max(axes.get_xlim()) + 2 * _gallery.GAP
    means: dict[str, Any] = {
        name: _gallery.means_by(table, "module", name, PRIMARY) for name in ("target_error", "A2")
    }
    axes.text(x, -_gallery.GAP, "MAE, grey levels\n(recon. / synth.)", va="bottom", fontsize=8.5)
    for index, module in enumerate(modules):
        lines = [
            f"{label} {means[name].loc[module, TASKS[0]]:.1f} / {means[name].loc[module, TASKS[1]]:.1f}"
            for label, name in (("target", "target_error"), ("others", "A2"))
        ]
        axes.text(x, step * (index + 0.45), "\n".join(lines), va="center", fontsize=9.5)
