"""The precision ladder: the error of the target when weights are rounded or pruned, one line a method."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from soulbench.analysis.arrays import intervals
from soulbench.analysis.methods import ordered
from soulbench.config import attacks
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import read_csv
from soulbench.core.terms import TASKS
from soulbench.figures import _plane, _style

NAME = "compression"
TITLE = "Does compression bring the target back?"
SUBCATEGORY = "Measurements"
POSITION = 52
CONFIG = ("methods", "analysis", "seed", "seeds", "requests", "references", f"attacks.{NAME}")
CAPTION = """\
Error of the target against its true pixels, by the bits per weight that are left: rounded, or pruned (32 bits times
the share of weights that are kept), both tasks. Black: the original; pink: models that never saw the targets. A method
from which compression brings the target back goes down with fewer bits, towards the original's line, where those that
never saw the target do not. Means over requests and seeds; docs/attacks.md has the control and the verdict; device:
{{ config.device }}.
"""
WHOLE = 32.0


def inputs(config: Mapping[str, Any], paths: ResultPaths) -> list[str]:
    """Return the files that the figure reads."""
    return [paths.table("attacks")]


def applies(config: Mapping[str, Any]) -> bool:
    """Tell whether the attack is made."""
    return NAME in attacks.names(config)


def plot(config: dict[str, Any], paths: ResultPaths, out_stem: Path, log: Callable[[str], Any]) -> None:
    """Plot the errors of attacks.csv at every step of both ladders."""
    table = read_csv(Path(paths.table("attacks")))
    table = table[(table["attack"] == NAME) & (table["metric"] == "error") & table["value"].notna()]
    errors = {key: one.mean for key, one in intervals(config, table, ("method", "task", "budget")).items()}
    parameters, control = attacks.parameters(config, NAME), attacks.control(config)
    rounded = {WHOLE, *map(float, parameters.bits)}
    ladders = {"rounded": sorted(rounded), "pruned": sorted({*table["budget"]} - rounded | {WHOLE})}
    names = [name for name in ordered(config, table["method"]) if name not in ("original", control)]
    shapes = _plane.shapes(config, names)
    with _style.figure(11, 5.6, out_stem) as fig:
        panels = fig.subplots(1, len(TASKS) * len(ladders), sharey=True).tolist()
        for (task, ladder), axes in zip(
            ((task, one) for task in TASKS for one in ladders), panels, strict=True
        ):
            _panel(axes, config, errors, task, ladders[ladder], shapes, control)
            axes.set_title(f"{task.capitalize()}, {ladder}", loc="left", weight="bold")
        panels[0].set_ylabel("error of the target (MAE, grey levels); forgotten ↑")
        _style.outside_legend(fig, _handles(config, shapes), 6, "← the more compressed, the further left")
    log(f"{len(names)} methods, {table['budget'].nunique()} steps")


def _panel(
    axes: Axes,
    config: dict[str, Any],
    errors: Mapping[tuple, float],
    task: str,
    ladder: list[float],
    shapes: dict[str, str],
    control: str,
) -> None:
    for name, shape in shapes.items():
        colour = _style.colour(config, name)
        line = _line(errors, name, task, ladder)
        axes.plot(ladder, line, marker=shape, color=colour, linewidth=1.1, markersize=5, alpha=0.85)
    for name, colour in (("original", _style.ORIGINAL_COLOUR), (control, _style.RETRAIN_COLOUR)):
        line = _line(errors, name, task, ladder)
        axes.plot(ladder, line, color=colour, linewidth=2, linestyle=_style.REFERENCE_DASHES)
    axes.set_xscale("log")
    axes.set_xticks(ladder, [f"{bits:g}" for bits in ladder])
    axes.minorticks_off()
    axes.set_xlabel("bits per weight")
    axes.grid(axis="y")


def _line(errors: Mapping[tuple, float], method: str, task: str, ladder: list[float]) -> list[float]:
    return [errors.get((method, task, bits), np.nan) for bits in ladder]


def _handles(config: dict[str, Any], shapes: dict[str, str]) -> list[Any]:
    references = (("original", _style.ORIGINAL_COLOUR), ("never saw the target", _style.RETRAIN_COLOUR))
    lines = [
        Line2D([], [], color=colour, linestyle=_style.REFERENCE_DASHES, linewidth=2, label=label)
        for label, colour in references
    ]
    return [*lines, *_plane.handles(config, shapes)]
