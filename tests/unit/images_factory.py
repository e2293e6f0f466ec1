"""Images of a benchmark with planted effects: the packed set, the outputs of the runs, and those of the ablations."""

from pathlib import Path

import numpy as np
import pandas as pd

from soulbench.config import attacks, runs
from soulbench.core.paths import ResultPaths
from soulbench.core.records import write_json
from soulbench.core.terms import BANK, TASKS
from tests.unit.records_factory import CATEGORIES

SIDE = 32


def write_images(folder: Path, settings: dict, side: int = SIDE) -> None:
    """Write a packed set, outputs.npz of the runs of the first seed and of the bank, and the images of the ablations.

    Photographs are flat figures on a flat background, with `side` pixels per side. Outputs are photographs with noise;
    where a method masks or retrains, the target is grey.
    """
    paths = ResultPaths(str(folder))
    subset = pd.read_csv(paths.data("subset.csv"))
    ids = subset["image_id"].to_numpy()
    truth = np.stack([_photograph(int(image_id), side) for image_id in ids])
    _write_packed(Path(paths.data("packed")), ids, truth)
    for run in runs.planned(settings):
        if run.seed == settings["seeds"][0] or run.method == BANK:
            masked = run.method.startswith(("obj-mk", "retrain"))
            if run.method == BANK:
                masked = run.seed in runs.out_models(settings, run.request)
            target = runs.request_ids(settings).index(run.request) if masked else None
            _write_outputs(paths.record(*run, "outputs.npz"), run, target, subset, truth)
    for run in attacks.planned(settings):
        _write_attacked(paths.attack(*run, "npz"), attacks.requests_of(settings, run))
    for request, seed in runs.ablation_runs(settings):
        for name in ("modules", "alpha"):
            values = pd.read_csv(paths.ablation(name, request, seed, "csv")).iloc[:, 0].unique()
            images = {f"{value}/{task}": truth[:4] for value in values for task in TASKS}
            np.savez(paths.ablation(name, request, seed, "npz"), **images)


def _write_outputs(
    path: str, run: runs.Run, masked: int | None, subset: pd.DataFrame, truth: np.ndarray
) -> None:
    noise = np.random.default_rng(len(run.method)).normal(0, 12, truth.shape)
    images = np.clip(truth + noise, 0, 255).astype(np.uint8)
    if masked is not None:
        side = truth.shape[1]
        images[masked, int(0.2 * side) : int(0.9 * side), int(0.3 * side) : int(0.7 * side)] = 128
    np.savez(
        path,
        image_ids=subset["image_id"].to_numpy(),
        roles=np.array(subset["role"], dtype="U8"),
        reconstruction=images,
        synthesis=images[:, :, ::-1],
    )


def _write_attacked(path: str, requests: list[str]) -> None:
    """Write the pictures of an attack at its least and its greatest budget: noise, grey without the attack."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    pictures = {0: np.full_like(noise, 128), 16: noise}
    keys = [(request, task, budget) for request in requests for task in TASKS for budget in pictures]
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{f"{request}/{task}/error/{budget}": pictures[budget] for request, task, budget in keys})


def _photograph(image_id: int, side: int) -> np.ndarray:
    colours = np.random.default_rng(image_id).integers(30, 226, (4, 3))
    image = np.full((side, side, 3), colours[0], np.uint8)
    image[int(0.7 * side) :] = colours[1]
    image[int(0.2 * side) : int(0.9 * side), int(0.3 * side) : int(0.7 * side)] = colours[2]
    image[int(0.25 * side) : int(0.4 * side), int(0.4 * side) : int(0.6 * side)] = colours[3]
    return image


def _write_packed(folder: Path, ids: np.ndarray, pixels: np.ndarray) -> None:
    """Write images with two objects each, one of them the person, and the image node."""
    folder.mkdir(parents=True, exist_ok=True)
    objects = ["__image__", *CATEGORIES, "tree"]
    count = len(ids)
    person = 1 + np.arange(count) % len(CATEGORIES)
    arrays = {
        "image_ids": ids,
        "splits": np.array(["train" if image < 200 else "val" for image in ids]),
        "pixels": pixels,
        "offsets": np.arange(count + 1) * 3,
        "object_ids": np.stack([900 + ids, 5000 + ids, np.full(count, -1)], axis=1).ravel(),
        "categories": np.stack([person, np.full(count, 9), np.zeros(count, int)], axis=1).ravel(),
        "boxes": np.tile(
            np.array([[0.3, 0.2, 0.7, 0.9], [0, 0, 0.3, 0.5], [0, 0, 1, 1]], np.float32), (count, 1)
        ),
        "triple_offsets": np.arange(count + 1) * 2,
        "triples": np.tile(np.array([[0, 0, 2], [1, 0, 2]]), (count, 1)),
    }
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    vocabulary = {"objects": objects, "predicates": ["__in_image__"], "attributes": []}
    write_json(
        folder / "packed.json",
        {"format": 1, "image_size": pixels.shape[1], "vocabulary": vocabulary, "images": count},
    )
