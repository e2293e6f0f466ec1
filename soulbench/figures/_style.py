"""The style that all figures share: colours, sizes, the axis of methods, legends, and how a figure is written."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

from soulbench.analysis.methods import BEYOND, NOT_ALLOWED, ORACLE, shown_group
from soulbench.core.records import atomic_path
from soulbench.figures import LEVEL_COLOURS, axes_of_intervals, counted

GROUP_COLOURS = {"target": "#D55E00", "same-image": "#56B4E9", "other-images": "#888888"}
RETRAIN_COLOUR, ORIGINAL_COLOUR, FLOOR_COLOUR, BOX_COLOUR = "#CC3377", "#111111", "#D8D8D8", "#FFD400"
REFERENCE_DASHES: Any = (0, (4, 2))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">", "d", "p", "$E$", "$K$", "$N$", "$Z$")
DPI = 150
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.labelsize": 10,
    "xtick.labelsize": 9,
    "ytick.labelsize": 10,
    "legend.fontsize": 10,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": False,
    "grid.color": "#E4E4E4",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.fonttype": "none",
    "svg.hashsalt": "soulbench",
    "image.interpolation": "none",
}


@contextmanager
def figure(width: float, height: float, out_stem: Path) -> Iterator[Figure]:
    """Yield an empty figure (inches) and write it as PNG and SVG when the block ends.

    Matplotlib's global state is not used, and neither file holds a date, so equal data give equal bytes.
    """
    with mpl.rc_context(STYLE):
        fig = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(fig)
        yield fig
        for suffix, metadata in ((".png", {"Software": None}), (".svg", {"Date": None, "Creator": None})):
            with atomic_path(Path(out_stem).with_suffix(suffix)) as part:
                fig.savefig(part, dpi=DPI, metadata=metadata)


def colour(config: dict[str, Any], method: str) -> str:
    """Return the colour of a method's level, or of all that are beyond the paper."""
    return LEVEL_COLOURS[shown_group(config, method)]


def method_axis(axes: Axes, config: dict[str, Any], methods: list[str], labelled: bool = True) -> None:
    """Put the methods on the y axis, the first on top, each in its group's colour, with a line between groups."""
    axes.set_ylim(len(methods) - 0.4, -0.6)
    axes.set_yticks(range(len(methods)) if labelled else [], methods if labelled else [])
    for label, method in zip(axes.get_yticklabels(), methods if labelled else [], strict=True):
        label.set_color(colour(config, method))
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    levels = [shown_group(config, method) for method in methods]
    for row in range(1, len(methods)):
        if levels[row] != levels[row - 1]:
            axes.axhline(row - 0.5, color="#BBBBBB", linewidth=0.8)


def interval(
    axes: Axes,
    y: float,
    ends: tuple[float, float, float],
    colour: str,
    marker: str = "o",
    size: float = 6,
) -> None:
    """Plot a mean with its interval as a horizontal bar; a hollow marker where there is no interval.

    Args:
        axes: where to plot.
        y: height of the bar.
        ends: mean, lower and upper end; NaN ends if there is no interval.
        colour: of bar and marker.
        marker: of the mean.
        size: of the marker, points.
    """
    mean, low, high = ends
    has_interval = not np.isnan(low)
    if has_interval:
        axes.plot([low, high], [y, y], color=colour, linewidth=2, solid_capstyle="butt")
    face = colour if has_interval else "white"
    axes.plot([mean], [y], color=colour, linestyle="", marker=marker, markerfacecolor=face, markersize=size)


def logarithmic(axes: Axes) -> None:
    """Make the x axis logarithmic, with ticks at 1, 2 and 5 or, where these would be too many, at powers of ten."""
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,), numticks=6))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("")


_LABELS = {"reference": "reference", BEYOND: BEYOND, ORACLE: NOT_ALLOWED}


def level_handles(levels: list[str]) -> list[Line2D]:
    """Return the legend's entries for levels."""
    return [
        Line2D(
            [],
            [],
            color=LEVEL_COLOURS[name],
            marker="o",
            linewidth=2,
            label=_LABELS.get(name, f"{name} level"),
        )
        for name in levels
    ]


def outside_legend(fig: Figure, handles: list[Any], columns: int, note: str) -> None:
    """Put one legend below all panels, clear of the data, under a line that says what the bars are."""
    legend = fig.legend(handles=handles, loc="outside lower center", ncols=columns, title=note)
    legend.get_title().set(fontsize=10, color="#444444")


def bars_note(config: dict[str, Any], requests: int) -> str:
    """Return what the bars of a figure are: the line that every figure with intervals carries."""
    settings = config["analysis"]
    if requests < settings["min_requests"]:
        return f"{counted(requests, 'request')}: points only, {settings['min_requests']} are needed for an interval"
    return f"bars: {settings['confidence']:.0%} interval over {requests} {axes_of_intervals(config)}"
