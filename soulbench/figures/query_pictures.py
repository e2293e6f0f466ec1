"""The paper's Fig. 7: what each model draws of the target image under every query."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from soulbench.core.terms import TASKS
from soulbench.figures import gallery, style
from soulbench.figures.gallery import Column, Pictures

HEADINGS = {"none": "no query", "neighbor": "neighbor,\n2 hops", "neighbor-1hop": "neighbor,\n1 hop"}


def draw(config: dict[str, Any], results_dir: Path, out_stem: Path, log: Callable[[str], Any]) -> None:
    """Draw the answers for Fig. 5's request, both tasks, to the queries that apply to it."""
    pictures = Pictures(config, results_dir)
    request = pictures.shown()
    image, box, category = pictures.target(request)
    rows = pictures.methods([request])
    drawn = {name: pictures.answers(name, request) for name in rows}
    answered = {query for answers in drawn.values() for _, query in answers}
    queries = ["none", *(query for query in config["evaluation"]["queries"] if query in answered)]
    columns = [
        Column(f"{task.capitalize()} ({request}: {category})", HEADINGS.get(query, query), box)
        for task in TASKS
        for query in queries
    ]
    truth = [pictures.truth(image) if query == "none" else None for _ in TASKS for query in queries]
    grid = [
        truth,
        *([drawn[name].get((task, query)) for task in TASKS for query in queries] for name in rows),
    ]
    labels = ["truth", *rows]
    width, height = gallery.size(columns, len(labels))
    with style.figure(width, height, out_stem) as made:
        gallery.show(made, grid, columns, labels, gallery.row_colours(config, labels))
    log(f"{request}, {len(labels)} rows of {len(columns)} pictures")
