"""What attacks bring back: each model's drawing of the target without an attack, and with the best of it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from soulbench.config import attacks as planned_attacks
from soulbench.config import runs
from soulbench.core.damage import read_arrays
from soulbench.core.paths import ResultPaths
from soulbench.core.terms import BANK, TASKS
from soulbench.figures import _gallery, _style
from soulbench.figures._gallery import BenchmarkImages, Column, Grid
from soulbench.figures.attack_success import SHOWN, shown

TITLE = "What attacks bring back"
SUBCATEGORY = "Outputs"
POSITION = 64
CONFIG = (*_gallery.CONFIG, "attacks", "plugins", "unlearning.steps")
CAPTION = """\
The target's place as every model draws it: without an attack, and at the attacker's greatest budget, with the best
query or the optimised embedding. For the request of Fig. 5, or the first that is attacked, and training seed
{{ config.seeds[0] }}; the control never saw the target; grey where a method is not attacked; device:
{{ config.device }}. An attack succeeds if it is the target on the right of a pair and not on the left, and if the
control shows no target either way.
"""

NAMES = {"graph-query": "best query", "embedding-query": "optimised\nembedding"}


def applies(config: Mapping[str, Any]) -> bool:
    """Tell whether one of the attacks is planned."""
    return bool(shown(config))


def inputs(config: Mapping[str, Any], paths: ResultPaths) -> list[str]:
    """Return the files that the figure reads."""
    attacked = [paths.attack(*run, "npz") for run in _attacked(config)]
    return [*_gallery.image_inputs(paths), paths.table("memorised"), *attacked]


def _attacked(config: Mapping[str, Any]) -> list[planned_attacks.AttackRun]:
    """Return the attacks with pictures: of the first training seed, and of all of the bank's models."""
    first = config["seeds"][0]
    return [
        run
        for run in planned_attacks.planned(config)
        if run.attack in SHOWN and (run.method == BANK or run.seed == first)
    ]


def plot(config: dict[str, Any], paths: ResultPaths, out_stem: Path, log: Callable[[str], Any]) -> None:
    """Plot the pictures of one request, by attack and task."""
    # Imported here: PyTorch takes seconds, and planning a run reads this file.
    from soulbench.evaluation.box_crops import crops

    images, attacked = BenchmarkImages(config, paths), _attacked(config)
    request = _request(config, images, attacked)
    image, boxes, category = images.target(request)
    [truth] = crops(images.truth(image)[None], [np.array(boxes[0], np.float32)])
    pairs = [(attack, task) for attack in shown(config) for task in TASKS]
    columns = [
        Column(task.capitalize(), label) for attack, task in pairs for label in ("no attack", NAMES[attack])
    ]
    found = {
        (run.attack, run.method): _pictures(paths, run, request)
        for run in reversed(attacked)
        if request in planned_attacks.requests_of(config, run)
    }
    names = {method for _, method in found}
    control = planned_attacks.control(config)
    rows = [
        "truth",
        *(name for name in images.methods([request]) if name in names and name != control),
        control,
    ]
    nothing = dict.fromkeys(TASKS, (None, None))
    grid: Grid = [[truth, None] * len(pairs)]
    for name in rows[1:]:
        grid.append([one for attack, task in pairs for one in found.get((attack, name), nothing)[task]])
    width, height = _gallery.size(columns, rows)
    with _style.figure(width, height, out_stem) as fig:
        labels = [*rows[:-1], "control"]
        _gallery.plot_mosaic(fig, grid, columns, labels, _gallery.row_colours(config, labels))
    log(f"{request} ({category}), {len(rows)} rows of {len(columns)} pictures")


def _request(
    config: Mapping[str, Any], images: BenchmarkImages, attacked: list[planned_attacks.AttackRun]
) -> str:
    """Return the request of Fig. 5 if all attacks are made for it, or else the first one."""
    common = [
        request
        for request in runs.request_ids(config)
        if all(
            request in planned_attacks.requests_of(config, run)
            for run in attacked
            if run.method == "original"
        )
    ]
    example = images.example_request()
    return example if example in common else common[0]


def _pictures(
    paths: ResultPaths, run: planned_attacks.AttackRun, request: str
) -> dict[str, tuple[np.ndarray | None, np.ndarray | None]]:
    """Return by task what a model draws at the least and at the greatest budget with a picture."""
    stored = read_arrays(paths.attack(*run, "npz"))
    by_task = {task: dict[float, np.ndarray]() for task in TASKS}
    for key, image in stored.items():
        of, task, _, budget = key.split("/")
        if of == request:
            by_task[task][float(budget)] = image
    return {
        task: (found[min(found)], found[max(found)]) if found else (None, None)
        for task, found in by_task.items()
    }
