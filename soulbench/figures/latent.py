"""The paper's Fig. 6: how far the object representations moved, for the target and for the others."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from soulbench.analysis import methods as roster
from soulbench.analysis.arrays import intervals
from soulbench.analysis.claims.latent import GROUPS
from soulbench.analysis.gather import read_csv
from soulbench.core.terms import RESEED, TASKS
from soulbench.figures import style

# The vector after the graph network (default), and the one before it, which is the paper's.
REPRESENTATIONS = {"graph": "after the graph network", "input": "before it (the paper's)"}
DISTANCES = {"l2": "L2", "cosine": "Cosine"}
OFFSETS = (-0.24, 0.0, 0.24)


def draw(config: dict[str, Any], results_dir: Path, out_stem: Path, log: Callable[[str], Any]) -> None:
    """Draw the figure from tables/latent.csv."""
    table = read_csv(Path(results_dir) / "tables" / "latent.csv")
    found = intervals(config, table, ("method", "task", "group", "representation", "distance"))
    # Another training seed has other coordinates, so its distances mean nothing here.
    methods = [name for name in roster.ordered(config, table["method"]) if name not in ("original", RESEED)]
    kinds = [(rep, dist) for rep in REPRESENTATIONS for dist in DISTANCES if _any(found, rep, dist)]
    with style.figure(11, 1.2 + len(kinds) * (0.8 + 0.26 * len(methods)), out_stem) as made:
        parts = made.subfigures(len(kinds), 1, squeeze=False)[:, 0]
        for part, (representation, distance) in zip(parts, kinds, strict=True):
            words = f"{DISTANCES[distance]} distance of the vector {REPRESENTATIONS[representation]}"
            part.suptitle(words, x=0.01, ha="left", fontsize=12, weight="bold")
            for axes, task in zip(part.subplots(1, len(TASKS), sharex=True), TASKS, strict=True):
                style.method_axis(axes, config, methods, task == TASKS[0])
                axes.set_title(task.capitalize(), loc="left")
                _dots(axes, found, methods, task, representation, distance)
        _legend(made, config, max(item.requests for item in found.values()))
    log(f"{len(methods)} methods, {len(kinds)} kinds of distance")


def _any(found: dict[tuple, Any], representation: str, distance: str) -> bool:
    return any(key[3:] == (representation, distance) and item.mean > 0 for key, item in found.items())


def _dots(axes: Axes, found: dict, methods: list[str], task: str, representation: str, distance: str) -> None:
    for place, method in enumerate(methods):
        for group, offset in zip(GROUPS, OFFSETS, strict=True):
            item = found.get((method, task, group, representation, distance))
            # A distance of 0 has no place on a logarithmic axis: nothing moved, nothing is drawn.
            if item and item.mean > 0:
                ends = item.mean, item.low, item.high
                style.interval(axes, place + offset, ends, style.GROUP_COLOURS[group], size=5)
    style.logarithmic(axes)


def _legend(made: Any, config: dict[str, Any], requests: int) -> None:
    words = {
        "target": "the target",
        "same-image": "other objects of its image",
        "other-images": "other images",
    }
    handles = [
        Line2D([], [], color=style.GROUP_COLOURS[group], marker="o", linewidth=2, label=words[group])
        for group in GROUPS
    ]
    note = f"distance to the original model's vector; {style.bars_note(config, requests)}"
    style.outside_legend(made, handles, 3, note)
