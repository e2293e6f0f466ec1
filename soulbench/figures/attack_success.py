"""Attacks that bring the target back: for how many requests they succeed, against the attacker's budget."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from soulbench.analysis.attack_success import success
from soulbench.analysis.methods import ordered
from soulbench.config import attacks as planned_attacks
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import read_csv
from soulbench.core.terms import TASKS
from soulbench.figures import _style, counted

TITLE = "Attacks that bring the target back"
SUBCATEGORY = "Measurements"
POSITION = 56
CONFIG = ("methods", "references", "attacks", "plugins")
CAPTION = """\
Share of the requests for which an attack brings the target back, against the attacker's budget: the target's least
error so far is nearer to the original model's than to that of models that never saw the target, both without the
attack ({{ seeds }}; device: {{ config.device }}). The control are models that never saw the target, under the same
attack: what a method leaks lies above its curve. Curves that would hide each other are drawn a little apart.
"""

#: The attacks that are shown: those with a budget that grows from no attack on.
SHOWN = {
    "graph-query": "altered scene graphs (black box)",
    "embedding-query": "optimised embedding (white box)",
}
CONTROL = "control (never saw the target)"
APART = 0.045  # between the first curve and the last, as a part of the axis


def applies(config: Mapping[str, Any]) -> bool:
    """Tell whether one of the attacks is planned."""
    return bool(shown(config))


def shown(config: Mapping[str, Any]) -> list[str]:
    """Return those of the attacks that are planned."""
    return [name for name in SHOWN if name in planned_attacks.names(config)]


def inputs(config: Mapping[str, Any], paths: ResultPaths) -> list[str]:
    """Return the files that the figure reads."""
    return [paths.table("attacks")]


def plot(config: dict[str, Any], paths: ResultPaths, out_stem: Path, log: Callable[[str], Any]) -> None:
    """Plot a panel for each attack and task."""
    table = read_csv(Path(paths.table("attacks")))
    found = {name: success(table, name) for name in shown(config)}
    control = planned_attacks.control(config)
    names = ordered(config, {method for one in found.values() for method in one["method"]})
    looks = _looks(config, [name for name in names if name != control])
    with _style.figure(11, 0.9 + 3 * len(found) + 0.22 * len(looks) / 3, out_stem) as fig:
        panels = fig.subplots(len(found), len(TASKS), squeeze=False)
        for row, (name, shares) in zip(panels, found.items(), strict=True):
            for axes, task in zip(row, TASKS, strict=True):
                _curves(axes, shares[shares["task"] == task], looks, control)
                axes.set_title(f"{SHOWN[name]}, {task}", loc="left", fontsize=10, weight="bold")
                axes.set_xlabel(planned_attacks.attack(config, name).budget)
            row[0].set_ylabel("share of requests")
        _legend(fig, looks, found)
    log(f"{counted(len(found), 'attack')} on {counted(len(looks), 'method')}")


def _looks(config: dict[str, Any], methods: list[str]) -> dict[str, dict[str, Any]]:
    """Return how each method's curve looks: the colour of its level, and a marker of its own within the level."""
    looks, used = dict[str, dict[str, Any]](), dict[str, int]()
    for method in methods:
        colour = _style.ORIGINAL_COLOUR if method == "original" else _style.colour(config, method)
        place = used[colour] = used.get(colour, -1) + 1
        dashes = _style.REFERENCE_DASHES if method == "original" else "-"
        looks[method] = {
            "color": colour,
            "marker": _style.MARKERS[place % len(_style.MARKERS)],
            "linestyle": dashes,
            "markersize": 5,
            "linewidth": 1.3,
        }
    return looks


def _curves(axes: Axes, shares: pd.DataFrame, looks: dict[str, dict[str, Any]], control: str) -> None:
    """Plot a curve for each method; budgets are evenly spaced, since each is about twice the one before it."""
    budgets = sorted(shares["budget"].unique())
    places = {budget: place for place, budget in enumerate(budgets)}

    def curve(method: str, offset: float, **look: Any) -> None:
        own = shares[shares["method"] == method].sort_values("budget")
        axes.plot(own["budget"].map(places), own["share"] + offset, **look)

    curve(control, 0.0, color=_style.RETRAIN_COLOUR, linewidth=6, alpha=0.35, solid_capstyle="round")
    for index, (method, look) in enumerate(looks.items()):
        curve(method, APART * (index / max(len(looks) - 1, 1) - 0.5), **look)
    axes.set_xticks(range(len(budgets)), [f"{budget:g}" for budget in budgets])
    axes.set_ylim(-0.05, 1.05)
    axes.grid(axis="y")


def _legend(fig: Figure, looks: dict[str, dict[str, Any]], found: dict[str, pd.DataFrame]) -> None:
    line = Line2D([], [], color=_style.RETRAIN_COLOUR, linewidth=6, alpha=0.35, label=CONTROL)
    handles = [line, *(Line2D([], [], label=method, **look) for method, look in looks.items())]
    counts = ", ".join(
        f"{name}: {counted(int(shares['requests'].max()), 'request')}"
        for name, shares in found.items()
        if len(shares)
    )
    note = f"{counts or 'no request'} whose target the original shows better than the control"
    _style.outside_legend(fig, handles, 4, note)
