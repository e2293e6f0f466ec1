"""The paper's Fig. 5: truth, original, every method and the retrained model side by side, for one request."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from soulbench.core.terms import TASKS
from soulbench.figures import gallery, style
from soulbench.figures.gallery import Column, Pictures


def draw(config: dict[str, Any], results_dir: Path, out_stem: Path, log: Callable[[str], Any]) -> None:
    """Draw the target's image and three others, both tasks, from the records' outputs."""
    pictures = Pictures(config, results_dir)
    request = pictures.shown()
    image, box, category = pictures.target(request)
    others = pictures.others(request)
    columns = [
        column
        for task in TASKS
        for column in (
            Column(f"{task.capitalize()} ({request}: {category})", "S1: the target", box),
            *(
                Column(f"{task.capitalize()} ({request}: {category})", f"S{place}: {_kind(same, category)}")
                for place, (_, same) in enumerate(others, start=2)
            ),
        )
    ]
    rows = gallery.rows_of(pictures, [request])
    images = [image, *(other for other, _ in others)]
    grid = [[found[0][task][name] for task in TASKS for name in images] for found in rows.values()]
    width, height = gallery.size(columns, len(rows))
    with style.figure(width, height, out_stem) as made:
        gallery.show(made, grid, columns, list(rows), gallery.row_colours(config, list(rows)))
    log(f"{request}, {len(rows)} rows of {len(columns)} pictures")


def _kind(same: bool, category: str) -> str:
    return f"a {category}" if same else f"no {category}"
