"""The paper's Fig. 8: more requests, the target's image and one with the same category, both tasks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from soulbench.core.errors import UserError
from soulbench.core.terms import TASKS
from soulbench.figures import gallery, style
from soulbench.figures.gallery import Column, Pictures


def draw(config: dict[str, Any], results_dir: Path, out_stem: Path, log: Callable[[str], Any]) -> None:
    """Draw `report.example_requests` requests other than Fig. 5's; where there is but one, that one."""
    pictures = Pictures(config, results_dir)
    first = pictures.shown()
    requests = [str(name) for name in pictures.requests.index if name != first][
        : config["report"]["example_requests"]
    ]
    requests = requests or [first]
    columns, wanted = [], []
    for number, request in enumerate(requests):
        image, box, category = pictures.target(request)
        others = pictures.others(request, 1)
        for task in TASKS:
            block = f"{request}: {category}"
            columns.append(Column(block, f"the target,\n{task}", box))
            columns += [Column(block, f"another,\n{task}") for _ in others]
            wanted += [(number, task, name) for name in (image, *(other for other, _ in others))]
    rows = gallery.rows_of(pictures, requests)
    if not wanted:
        raise UserError(f"{results_dir}/data/requests.csv: no request to show")
    grid = [
        [found[number][task][name] if found[number] else None for number, task, name in wanted]
        for found in rows.values()
    ]
    width, height = gallery.size(columns, len(rows), 1.0)
    with style.figure(width, height, out_stem) as made:
        gallery.show(made, grid, columns, list(rows), gallery.row_colours(config, list(rows)))
    log(f"{', '.join(requests)}: {len(rows)} rows of {len(columns)} pictures")
