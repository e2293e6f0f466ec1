"""The style that all figures share."""

import itertools

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from soulbench.figures import _style


@pytest.mark.parametrize("low, high", [(1.5, 9), (0.02, 1.9), (0.02, 30), (2e-5, 0.3), (1e-8, 0.4)])
def test_a_logarithmic_axis_has_ticks_that_do_not_overlap(low, high):
    fig = Figure(figsize=(3, 1))  # a narrow panel of the figure of metrics
    canvas = FigureCanvasAgg(fig)
    axes = fig.subplots()
    axes.set_xlim(low, high)
    _style.logarithmic(axes)
    canvas.draw()
    ticks = zip(axes.get_xticklabels(), axes.get_xticks(), strict=True)
    boxes = sorted(
        (label.get_window_extent() for label, x in ticks if label.get_text() and low <= x <= high),
        key=lambda box: box.x0,
    )
    assert len(boxes) >= 2
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))
