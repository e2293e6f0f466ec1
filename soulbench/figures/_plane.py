"""Planes over the share forgotten: markers, references, the axis, points and the legend's entries."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from soulbench.analysis.methods import shown_group
from soulbench.figures import _style

# The x axis is linear around the references and logarithmic beyond: a collapsed model is far away.
TICKS = (-800, -200, -100, 0, 50, 100, 150, 200, 400, 800, 1600, 3200)
LABEL = "forgotten, % of the way from the original (0) to the retrained model (100)"
SHAPES = {"original": "*", "noop-ft": "X", "retrain": "P", "retrain-sample": "d", "retrain-person": "D"}
BAND_COLOUR = "#F3E3EC"
#: A number with the ends of its interval, which are NaN if there is none.
Ends = tuple[float, float, float]


def shapes(config: dict[str, Any], methods: list[str]) -> dict[str, str]:
    """Return each method's marker; no two methods of a level have the same while markers last."""
    used: dict[str, int] = {}
    found = {}
    for method in methods:
        index = used.setdefault(shown_group(config, method), 0)
        used[shown_group(config, method)] += 1
        found[method] = SHAPES.get(method, _style.MARKERS[index % len(_style.MARKERS)])
    return found


def references(axes: Axes, band: float) -> None:
    """Draw the original model (0 %) and the retrained models (100 %), and their band, a share of the way."""
    if np.isfinite(band):
        axes.axvspan(100 - 100 * band, 100 + 100 * band, color=BAND_COLOUR, linewidth=0, zorder=0)
    axes.axvline(100, color=_style.RETRAIN_COLOUR, linewidth=1.2, linestyle=_style.REFERENCE_DASHES)
    axes.axvline(0, color=_style.ORIGINAL_COLOUR, linewidth=1.2, linestyle=_style.REFERENCE_DASHES)


def point(axes: Axes, share: Ends, value: Ends, colour: str, shape: str) -> None:
    """Plot a method at its share forgotten, with the intervals of both numbers; hollow without that of the share."""
    x, low, high = (100 * end for end in share)
    if np.isfinite(low):
        axes.plot([low, high], [value[0]] * 2, color=colour, linewidth=1.5)
    if np.isfinite(value[1]):
        axes.plot([x, x], value[1:], color=colour, linewidth=1.5)
    face = colour if np.isfinite(low) else "white"
    look: dict[str, Any] = {"marker": shape, "markerfacecolor": face, "markersize": 9, "markeredgewidth": 1.3}
    axes.plot([x], [value[0]], color=colour, linestyle="", **look)


def share_axis(axes: Axes, label: str = LABEL, ticks: Sequence[int] = TICKS) -> None:
    """Make the x axis that of the share forgotten, once all points are there.

    Args:
        axes: the plane.
        label: of the axis.
        ticks: those of which are drawn that the points reach, in per cent.
    """
    axes.set_xscale("symlog", linthresh=200, linscale=2)
    low, high = axes.get_xlim()
    axes.set_xticks([tick for tick in ticks if low <= tick <= high])
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlim(low, high)
    axes.minorticks_off()
    axes.set_xlabel(label)
    axes.grid(axis="both")


def handles(config: dict[str, Any], markers: dict[str, str]) -> list[Any]:
    """Return the legend's entry of each method."""
    return [
        Line2D([], [], color=_style.colour(config, name), marker=shape, linewidth=0, markersize=8, label=name)
        for name, shape in markers.items()
    ]
