"""Samples per second on one core, from the packed set to a training batch.

    python benchmarks/batches.py [--images 10000] [--batch 32] [--features 512] [--rounds 7]

The script writes a packed set of that many images, each with 64 x 64 pixels, 10 objects and the image node, and 18
triples. It then builds the batches of one epoch, in the order of training, in three ways: scene by scene, all scenes
at once, and all at once without normalising the pixels. It prints the median over the rounds for each way. The rounds
are interleaved, and times are processor seconds, because other programs disturb these less than wall time. The files
are in the system's cache, as in training from the second epoch on.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # one core; read when torch is imported

import numpy as np
import torch

from soulbench.core.records import write_json
from soulbench.data.batches import SceneBatches
from soulbench.data.packed import FORMAT_VERSION, PackedScenes
from soulbench.training.schedule import Stage, rows_of_step

OBJECTS, RELATED, SIDE = 10, 8, 64


def make(folder: Path, images: int) -> PackedScenes:
    """Write a packed set of random pixels, boxes and names."""
    rng, nodes, edges = np.random.default_rng(0), OBJECTS + 1, RELATED + OBJECTS
    triples = np.zeros((images, edges, 3), np.int64)
    triples[:, :RELATED] = rng.integers(0, OBJECTS, (images, RELATED, 3))
    triples[:, RELATED:] = [(node, 0, OBJECTS) for node in range(OBJECTS)]
    corners = np.sort(rng.random((images * nodes, 2, 2), np.float32), axis=1)
    arrays = {
        "image_ids": np.arange(images),
        "splits": np.full(images, "train"),
        "pixels": rng.integers(0, 256, (images, SIDE, SIDE, 3), np.uint8),
        "offsets": np.arange(images + 1) * nodes,
        "object_ids": np.tile([*range(OBJECTS), -1], images),
        "categories": rng.integers(1, 179, images * nodes),
        "boxes": corners.reshape(-1, 4),
        "triple_offsets": np.arange(images + 1) * edges,
        "triples": triples.reshape(-1, 3),
    }
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    vocabulary = {"objects": [], "predicates": [], "attributes": []}
    write_json(
        folder / "packed.json", {"format": FORMAT_VERSION, "image_size": SIDE, "vocabulary": vocabulary}
    )
    return PackedScenes.open(folder)


def features(folder: Path, rows: int, width: int) -> np.ndarray:
    """Write visual features and map them."""
    path = folder / "visual.npy"
    array = np.lib.format.open_memmap(path, "w+", np.float32, (rows, width))
    array[:] = np.random.default_rng(1).standard_normal(width, np.float32)
    array.flush()
    return np.load(path, mmap_mode="r")


def ways(scenes: PackedScenes, visual: np.ndarray) -> dict[str, Callable[[list[int]], object]]:
    """Return the ways to build a batch, by name."""
    batches, plain = SceneBatches(scenes, visual), np.asarray(visual)

    def one_by_one(rows: list[int]) -> object:
        chosen = [scenes.scene(row) for row in rows]
        features = [plain[scene.first_row : scene.first_row + len(scene.categories)] for scene in chosen]
        return batches.collate(chosen, features)

    def without_normalising(rows: list[int]) -> object:
        columns, object_rows = scenes.gather(rows)
        return columns, plain[object_rows]

    return {
        "scene by scene": one_by_one,
        "all at once (training)": batches.batch,
        "gathering alone, pixels as bytes": without_normalising,
    }


def seconds(make_batch: Callable[[list[int]], object], images: int, stage: Stage) -> float:
    """Return the processor seconds of one epoch, including the choice of the rows."""
    rows, started = list(range(images)), time.process_time()
    for step in range(images // stage.batch):
        make_batch(rows_of_step(rows, stage, step))
    return time.process_time() - started


def main() -> None:
    """Write the set and measure each way."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--features", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=7)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    stage = Stage("benchmark", 1, chosen.batch, 1.0, "constant", 0, False, {}, 1.0)
    with tempfile.TemporaryDirectory() as temporary:
        scenes = make(Path(temporary), chosen.images)
        visual = features(Path(temporary), len(scenes.object_ids), chosen.features)
        compared = ways(scenes, visual)
        spent = [
            [seconds(way, chosen.images, stage) for way in compared.values()] for _ in range(chosen.rounds)
        ]
    samples = chosen.images // chosen.batch * chosen.batch
    print(
        f"{samples} samples in batches of {chosen.batch}, {chosen.features} features per object, one thread"
    )
    for name, took in zip(compared, np.transpose(spent), strict=True):
        middle = np.median(took)
        print(
            f"{name:34} {samples / middle:8.0f} per second ({samples / took.max():.0f} to "
            f"{samples / took.min():.0f}), {1e6 * middle / samples:.0f} us each"
        )


if __name__ == "__main__":
    main()
