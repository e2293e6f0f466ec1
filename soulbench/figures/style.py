"""The look that all figures share: palette, sizes, names in a fixed order, and how a figure is written."""

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

from soulbench.analysis import methods as roster
from soulbench.core.records import atomic_path
from soulbench.core.terms import UNITS

# Okabe and Ito's palette: told apart by every kind of colour vision, on white and in grey.
LEVEL_COLOURS = {
    "reference": "#555555",
    "sample": "#C27400",
    "feature": "#009E73",
    "object": "#0072B2",
}
GROUP_COLOURS = {"target": "#D55E00", "same-image": "#56B4E9", "other-images": "#888888"}
RETRAIN_COLOUR, ORIGINAL_COLOUR, FLOOR_COLOUR, BOX_COLOUR = "#CC3377", "#111111", "#D8D8D8", "#FFD400"
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h", "p", "<", ">", "*")
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

    No global state of Matplotlib is used, and neither file holds a date, so equal data are equal bytes.
    """
    with mpl.rc_context(STYLE):
        made = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(made)
        yield made
        for suffix, more in ((".png", {"Software": None}), (".svg", {"Date": None, "Creator": None})):
            with atomic_path(Path(out_stem).with_suffix(suffix)) as part:
                made.savefig(part, dpi=DPI, metadata=more)


def colour(config: dict[str, Any], method: str) -> str:
    """Return the colour of a method's level."""
    return LEVEL_COLOURS[roster.level(config, method)]


def lpips_name(config: dict[str, Any]) -> str:
    """Return LPIPS with its backbone; one that was never trained is called so, for its numbers mean less."""
    part = config["evaluation"]["lpips"]
    if part["weights"] == "seeded":
        return f"LPIPS (untrained {part['net']})"
    return f"LPIPS ({part['net']}, {'ImageNet' if part['weights'] == 'imagenet' else 'own weights'})"


def metric_name(config: dict[str, Any], metric: str) -> str:
    """Return a metric's name with its unit, as axes show it."""
    names = {"ssim": "SSIM", "mae": f"MAE, {UNITS['mae']}", "changed": "share of changed values"}
    return lpips_name(config) if metric == "lpips" else names.get(metric, metric)


def method_axis(axes: Axes, config: dict[str, Any], methods: list[str], labelled: bool = True) -> None:
    """Put the methods on the y axis, first on top, each in its level's colour.

    A line sets the references apart.
    """
    axes.set_ylim(len(methods) - 0.4, -0.6)
    axes.set_yticks(range(len(methods)) if labelled else [], methods if labelled else [])
    for label, method in zip(axes.get_yticklabels(), methods, strict=False):
        label.set_color(colour(config, method))
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    levels = [roster.level(config, method) for method in methods]
    for place in range(1, len(methods)):
        if levels[place] != levels[place - 1]:
            axes.axhline(place - 0.5, color="#BBBBBB", linewidth=0.8)


def interval(
    axes: Axes,
    place: float,
    ends: tuple[float, float, float],
    colour: str,
    marker: str = "o",
    size: float = 6,
) -> None:
    """Draw (mean, low, high) on a horizontal line; hollow where there is no interval."""
    mean, low, high = ends
    known = not np.isnan(low)
    if known:
        axes.plot([low, high], [place, place], color=colour, linewidth=2, solid_capstyle="butt")
    face = colour if known else "white"
    axes.plot([mean], [place], marker, color=colour, markerfacecolor=face, markersize=size)


def logarithmic(axes: Axes) -> None:
    """Make the x axis logarithmic, with ticks at 1, 2 and 5 or, where these would be too many, at powers of ten."""
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,), numticks=6))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("")


def level_handles(levels: list[str]) -> list[Line2D]:
    """Return legend entries of the levels."""
    return [
        Line2D([], [], color=LEVEL_COLOURS[level], marker="o", linewidth=2, label=f"{level} level")
        if level != "reference"
        else Line2D([], [], color=LEVEL_COLOURS[level], marker="o", linewidth=2, label="reference")
        for level in levels
    ]


def outside_legend(made: Figure, handles: list[Any], columns: int, note: str) -> None:
    """Put one legend below all panels, clear of the data, under a line that says what the bars are."""
    legend = made.legend(handles=handles, loc="outside lower center", ncols=columns, title=note)
    legend.get_title().set(fontsize=10, color="#444444")


def bars_note(config: dict[str, Any], requests: int) -> str:
    """Return the line that every figure of intervals carries: what the bars are."""
    part = config["analysis"]
    if requests < part["min_requests"]:
        return f"{requests} requests: points only, {part['min_requests']} are needed for an interval"
    return f"bars: {part['confidence']:.0%} interval over {requests} requests (hierarchical bootstrap)"
