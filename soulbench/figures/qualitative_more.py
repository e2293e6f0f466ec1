"""The paper's Fig. 8: more requests, each with its target image and one of the same category, both tasks."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from soulbench.core.paths import ResultPaths
from soulbench.core.terms import TASKS
from soulbench.figures import _gallery, _style
from soulbench.figures._gallery import BenchmarkImages, Column, Grid

TITLE = "More requests (Fig. 8)"
SUBCATEGORY = "Outputs"
POSITION = 70
CONFIG = (*_gallery.CONFIG, "report.example_requests")
CAPTION = """\
The paper's Fig. 8: at most {{ counted(config.report.example_requests, "more request") }}, training seed
{{ config.seeds[0] }}: the target image and another one with the same category, both tasks. {% if
config.references.bank %}``retrained`` is a model of the bank, which never saw the targets, nor those of some other
requests. {% endif %}Grey: the method is not run for this request; device: {{ config.device }}.
"""


def inputs(config: Mapping[str, Any], paths: ResultPaths) -> list[str]:
    """Return the files that the figure reads."""
    return _gallery.output_inputs(config, paths)


def plot(config: dict[str, Any], paths: ResultPaths, out_stem: Path, log: Callable[[str], Any]) -> None:
    """Plot `report.example_requests` requests other than Fig. 5's; Fig. 5's if there is no other."""
    images = BenchmarkImages(config, paths)
    first = images.example_request()
    others = [str(name) for name in images.requests if name != first]
    requests = others[: config["report"]["example_requests"]] or [first]
    rows = _gallery.outputs_by_row(images, requests)
    columns: list[Column] = []
    grid: Grid = [[] for _ in rows]
    for index, request in enumerate(requests):
        target, boxes, category = images.target(request)
        block = f"{request}: {category}"
        same_category = [image for image, _ in images.others(request, 1)]
        for task in TASKS:
            columns.append(Column(block, f"the target,\n{task}", boxes))
            columns += [Column(block, f"another,\n{task}") for _ in same_category]
            for row, by_request in zip(grid, rows.values(), strict=True):
                outputs = by_request[index]
                row += [outputs[task][image] if outputs else None for image in (target, *same_category)]
    width, height = _gallery.size(columns, rows, 1.0)
    with _style.figure(width, height, out_stem) as fig:
        _gallery.plot_mosaic(fig, grid, columns, list(rows), _gallery.row_colours(config, list(rows)))
    log(f"{', '.join(requests)}: {len(rows)} rows of {len(columns)} images")
