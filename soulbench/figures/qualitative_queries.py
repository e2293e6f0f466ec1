"""The paper's Fig. 7 in images: what each model generates for the target image under every query."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from soulbench.core.paths import ResultPaths
from soulbench.core.terms import TASKS
from soulbench.figures import _gallery, _style
from soulbench.figures._gallery import BenchmarkImages, Column, Grid

TITLE = "Outputs under queries (Fig. 7)"
SUBCATEGORY = "Outputs"
POSITION = 60
CONFIG = (*_gallery.CONFIG, "evaluation.queries")
CAPTION = """\
The paper's Fig. 7 in images: what every model generates for the target image under each query, for the request of
Fig. 5 and training seed {{ config.seeds[0] }}; grey where a query does not apply. Boxes outline the targets; they are
not part of the image. A query succeeds if the target is absent without it and comes back with it; device:
{{ config.device }}.
"""

HEADINGS = {"none": "no query", "neighbor": "neighbor,\n2 hops", "neighbor-1hop": "neighbor,\n1 hop"}


def inputs(config: Mapping[str, Any], paths: ResultPaths) -> list[str]:
    """Return the files that the figure reads."""
    return _gallery.output_inputs(config, paths)


def plot(config: dict[str, Any], paths: ResultPaths, out_stem: Path, log: Callable[[str], Any]) -> None:
    """Plot the outputs for Fig. 5's request, both tasks, under the queries that apply to it."""
    images = BenchmarkImages(config, paths)
    request = images.example_request()
    target, boxes, category = images.target(request)
    methods = images.methods([request])
    outputs = {name: images.query_outputs(name, request) for name in methods}
    applicable = {query for by_query in outputs.values() for _, query in by_query}
    queries = ["none", *(query for query in config["evaluation"]["queries"] if query in applicable)]
    pairs = [(task, query) for task in TASKS for query in queries]
    columns = [
        Column(f"{task.capitalize()} ({request}: {category})", HEADINGS.get(query, query), boxes)
        for task, query in pairs
    ]
    truth = [images.truth(target) if query == "none" else None for _, query in pairs]
    grid: Grid = [truth, *([outputs[name].get(pair) for pair in pairs] for name in methods)]
    rows = ["truth", *methods]
    width, height = _gallery.size(columns, rows)
    with _style.figure(width, height, out_stem) as fig:
        _gallery.plot_mosaic(fig, grid, columns, rows, _gallery.row_colours(config, rows))
    log(f"{request}, {len(rows)} rows of {len(columns)} images")
