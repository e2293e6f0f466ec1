"""The paper's Fig. 6: how far unlearning moves the representations of the target and of other objects."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from soulbench.analysis.arrays import intervals
from soulbench.analysis.bootstrap import Interval
from soulbench.analysis.claims.latent import GROUPS
from soulbench.analysis.methods import UNNAMED, ordered
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import read_csv
from soulbench.core.terms import TASKS
from soulbench.figures import _style

TITLE = "Distances in latent space (Fig. 6)"
SUBCATEGORY = "Measurements"
POSITION = 40
CONFIG = ("methods", "analysis", "seed", "seeds")
CAPTION = """\
The paper's Fig. 6: distance between an object's vectors in the original and in the unlearned model, for the target,
the other objects of its image, and objects of other images; logarithmic axis, {{ percent }} intervals over {{ axes }}
(device: {{ config.device }}). Good: far for the target, near for all others. A retrained model has its
own coordinates, so its distances are large for every object.
"""

# After the graph learner (the default), and before it (as in the paper).
REPRESENTATIONS = {"graph": "after the graph learner", "input": "before the graph learner (as in the paper)"}
DISTANCES = {"l2": "L2", "cosine": "Cosine"}
GROUP_NAMES = {
    "target": "the target",
    "same-image": "other objects of its image",
    "other-images": "other images",
}
OFFSETS = (-0.24, 0.0, 0.24)


def inputs(config: Mapping[str, Any], paths: ResultPaths) -> list[str]:
    """Return the files that the figure reads."""
    return [paths.table("latent")]


def plot(config: dict[str, Any], paths: ResultPaths, out_stem: Path, log: Callable[[str], Any]) -> None:
    """Plot the mean distances of the three groups of objects, by method, task and kind of distance."""
    table = read_csv(Path(paths.table("latent")))
    measured = intervals(config, table, ("method", "task", "group", "representation", "distance"))
    # A model of another training seed has other coordinates, so its distances mean nothing here.
    methods = [name for name in ordered(config, table["method"]) if name not in ("original", *UNNAMED)]
    kinds = [
        (representation, distance)
        for representation in REPRESENTATIONS
        for distance in DISTANCES
        if _any_moved(measured, representation, distance)
    ]
    with _style.figure(11, 1.2 + len(kinds) * (0.8 + 0.26 * len(methods)), out_stem) as fig:
        parts = fig.subfigures(len(kinds), 1, squeeze=False)[:, 0]
        for part, (representation, distance) in zip(parts, kinds, strict=True):
            title = f"{DISTANCES[distance]} distance of the vector {REPRESENTATIONS[representation]}"
            part.suptitle(title, x=0.01, ha="left", fontsize=12, weight="bold")
            for axes, task in zip(part.subplots(1, len(TASKS), sharex=True), TASKS, strict=True):
                _style.method_axis(axes, config, methods, task == TASKS[0])
                axes.set_title(task.capitalize(), loc="left")
                _intervals(axes, measured, methods, task, representation, distance)
        _legend(fig, config, max(item.requests for item in measured.values()))
    log(f"{len(methods)} methods, {len(kinds)} kinds of distance")


def _any_moved(measured: dict[tuple, Interval], representation: str, distance: str) -> bool:
    return any(key[3:] == (representation, distance) and item.mean > 0 for key, item in measured.items())


def _intervals(
    axes: Axes,
    measured: dict[tuple, Interval],
    methods: list[str],
    task: str,
    representation: str,
    distance: str,
) -> None:
    for row, method in enumerate(methods):
        for group, offset in zip(GROUPS, OFFSETS, strict=True):
            item = measured.get((method, task, group, representation, distance))
            # A logarithmic axis cannot show a distance of 0: where nothing moved, there is no marker.
            if item and item.mean > 0:
                ends = item.mean, item.low, item.high
                _style.interval(axes, row + offset, ends, _style.GROUP_COLOURS[group], size=5)
    _style.logarithmic(axes)


def _legend(fig: Figure, config: dict[str, Any], requests: int) -> None:
    handles = [
        Line2D([], [], color=_style.GROUP_COLOURS[group], marker="o", linewidth=2, label=GROUP_NAMES[group])
        for group in GROUPS
    ]
    note = f"distance to the original model's vector; {_style.bars_note(config, requests)}"
    _style.outside_legend(fig, handles, 3, note)
