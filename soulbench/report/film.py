"""The film: what the original model and the unlearned ones draw while they are trained, from their snapshots."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from soulbench.core.columns import CURVES, NUMBER
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import read_csv
from soulbench.core.terms import TASKS
from soulbench.figures import snapshots
from soulbench.figures._gallery import BenchmarkImages
from soulbench.figures.training import stage_files
from soulbench.report import pictures
from soulbench.report.pictures import Form, Sprites

ORIGINAL = "original model"  # no request can have this name
UNLEARNING = "unlearning"  # the stage, as curves name it
CURVE_FILE = "curves.csv"
#: Of films, which show most tiles.
FORMS = (
    *pictures.FORMS,
    Form("compressed with losses (WebP, quality 40), and at most 48 pixels a side", 48, 40),
)


def inputs(config: Mapping[str, Any], paths: ResultPaths) -> list[str]:
    """Return the files that the film reads, besides the images of the benchmark."""
    return [
        path for kind in (snapshots.FILE, CURVE_FILE) for path in snapshots.monitored(config, paths, kind)
    ]


def films(config: dict[str, Any], paths: ResultPaths) -> Iterator[Sprites]:
    """Yield the film of the original model, then one of each request with every method that is trained.

    A film has one image for each frame and task. Equal tiles of an image are in it once, such as those of all methods
    before their first step.
    """
    yield _original(config, paths)
    images = BenchmarkImages(config, paths)
    for request in images.requests:
        target, _, _ = images.target(request)
        if found := snapshots.of_target(config, paths, request, target):
            files = {
                name: snapshots.beside_unlearned(config, paths, name, request, CURVE_FILE) for name in found
            }
            curves = {name: _curves(path) for name, path in files.items()}
            frames = [
                {
                    "stage": UNLEARNING,
                    "step": step,
                    "losses": [_loss(curves[name], UNLEARNING, step) for name in found],
                    "tiles": {
                        task: [snapshots.output_at(one, task, step, target) for one in found.values()]
                        for task in TASKS
                    },
                }
                for step in sorted({step for one in found.values() for step in one.steps})
            ]
            yield _film(request, list(found), frames, [images.truth(target)])


def _original(config: dict[str, Any], paths: ResultPaths) -> Sprites:
    """Return the film of the original model of the first seed: both stages, the images of its last one."""
    seed = config["seeds"][0]
    found = {stage: snapshots.read(path) for stage, path in stage_files(paths, seed, snapshots.FILE).items()}
    curves = {stage: _curves(path) for stage, path in stage_files(paths, seed, CURVE_FILE).items()}
    # Pre-training is not repeated when the subset changes, so its snapshots may be of other images.
    last = found["fine-tuning"]
    frames = [
        {
            "stage": stage,
            "step": step,
            "losses": [_loss(curves[stage], stage, step)] * len(last.image_ids),
            "tiles": {task: [one.output(task, index, image) for image in last.image_ids] for task in TASKS},
        }
        for stage, one in found.items()
        for index, step in enumerate(one.steps)
        # Step 0 of fine-tuning is what pre-training ended with.
        if step or stage == "pre-training"
    ]
    return _film(ORIGINAL, [f"image {image}" for image in last.image_ids], frames, list(last.truth))


def _film(name: str, rows: list[str], frames: list[dict[str, Any]], truth: list[np.ndarray]) -> Sprites:
    """Return a film; its first image is the truth, of each row or of all."""
    images, facts = [np.concatenate(truth)], []
    for frame in frames:
        places = {}
        for task in TASKS:
            image, places[task] = _stacked(frame["tiles"][task], truth[0])
            images.append(image)
        facts.append({**{key: frame[key] for key in ("stage", "step", "losses")}, "places": places})
    return Sprites(name, len(truth[0]), {"rows": rows, "frames": facts}, images)


def _stacked(tiles: list[np.ndarray | None], blank: np.ndarray) -> tuple[np.ndarray, list[int | None]]:
    """Return the different tiles below each other, and the place of each of the given ones; None: there is none."""
    order: dict[bytes, int] = {}
    different: list[np.ndarray] = []
    places: list[int | None] = []
    for tile in tiles:
        if tile is None:
            places.append(None)
            continue
        if (key := tile.tobytes()) not in order:
            order[key] = len(order)
            different.append(tile)
        places.append(order[key])
    return np.concatenate(different or [np.zeros_like(blank)]), places


def _curves(path: str) -> pd.DataFrame:
    return read_csv(path, CURVES, others=NUMBER)


def _loss(curves: pd.DataFrame, stage: str, step: int) -> float | None:
    """Return the loss that was recorded nearest to a step; None before the first update."""
    rows = curves[curves["stage"] == stage]
    if not step or rows.empty:
        return None
    return float(rows["loss"].iloc[int((rows["step"] - step).abs().argmin())])
