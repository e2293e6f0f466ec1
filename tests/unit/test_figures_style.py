"""What all figures share."""

import itertools

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from soulbench.figures import style


@pytest.mark.parametrize("low, high", [(1.5, 9), (0.02, 1.9), (0.02, 30), (2e-5, 0.3), (1e-8, 0.4)])
def test_ticks_of_a_logarithmic_axis_are_there_and_apart(low, high):
    made = Figure(figsize=(3, 1))  # a narrow panel of the metrics' figure
    canvas = FigureCanvasAgg(made)
    axes = made.subplots()
    axes.set_xlim(low, high)
    style.logarithmic(axes)
    canvas.draw()
    labels = [label for label in axes.get_xticklabels() if label.get_text()]
    seen = sorted(
        (
            label.get_window_extent()
            for label, place in zip(labels, axes.get_xticks(), strict=False)
            if low <= place <= high
        ),
        key=lambda box: box.x0,
    )
    assert len(seen) >= 2
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(seen))
