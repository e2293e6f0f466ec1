"""The paper's Fig. 5: true image, original, every method and the retrained models side by side, for one request."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from soulbench.core.paths import ResultPaths
from soulbench.core.terms import TASKS
from soulbench.figures import _gallery, _style
from soulbench.figures._gallery import BenchmarkImages, Column

TITLE = "One request, side by side (Fig. 5)"
SUBCATEGORY = "Outputs"
POSITION = 20
CONFIG = _gallery.CONFIG
CAPTION = """\
The paper's Fig. 5: the true images and the outputs of the original model, every method and the retrained models, for
one request (the first that the original model had clearly memorised) and training seed {{ config.seeds[0] }}: the
target image and three others, two of them with the same category if there are two. {% if config.references.bank %}
``retrained`` is a model of the bank, which never saw the targets, nor those of some other requests. {% endif %}Boxes
outline the targets; they are not part of the image. Good: the target looks as the retrained model generates it, and
everything else as the original model does; device: {{ config.device }}.
"""


def inputs(config: Mapping[str, Any], paths: ResultPaths) -> list[str]:
    """Return the files that the figure reads."""
    return _gallery.output_inputs(config, paths)


def plot(config: dict[str, Any], paths: ResultPaths, out_stem: Path, log: Callable[[str], Any]) -> None:
    """Plot the target image and three others, both tasks, one row per method."""
    images = BenchmarkImages(config, paths)
    request = images.example_request()
    target, boxes, category = images.target(request)
    others = images.others(request)
    columns = []
    for task in TASKS:
        block = f"{task.capitalize()} ({request}: {category})"
        columns.append(Column(block, "S1: the target", boxes))
        for number, (_, same) in enumerate(others, start=2):
            columns.append(Column(block, f"S{number}: {'a' if same else 'no'} {category}"))
    rows = _gallery.outputs_by_row(images, [request])
    ids = [target, *(image for image, _ in others)]
    grid = [[outputs[task][image] for task in TASKS for image in ids] for [outputs] in rows.values()]
    width, height = _gallery.size(columns, rows)
    with _style.figure(width, height, out_stem) as fig:
        _gallery.plot_mosaic(fig, grid, columns, list(rows), _gallery.row_colours(config, list(rows)))
    log(f"{request}, {len(rows)} rows of {len(columns)} images")
