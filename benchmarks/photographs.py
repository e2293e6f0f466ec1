"""Photographs per second: 500 x 375 JPEGs, decoded in full and, as packing does, at reduced scale.

    python benchmarks/photographs.py [--number 1500] [--workers 2] [--folder DIR]

`--folder` names a folder of photographs (all .jpg files below it); without it, textured images are generated. Both ways
read the same files in the same run, interleaved, with the same number of threads. Photographs per second are measured
in wall time, so other programs lower them; the processor time per photograph, and the ratio of the two ways, hardly
change.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from soulbench.data.prepare.photographs import decode_photograph, read_file

SIDE, SIZE = 64, (500, 375)
GRAIN = 12  # grey levels; without grain the files are a third of the size and faster to decode


def make(folder: Path, number: int) -> list[Path]:
    """Write JPEGs with detail at all scales and grain, about 100 kB each, as photographs have."""
    rng, paths = np.random.default_rng(0), []
    for index in range(number):
        layers = [(rng.normal(0, 50 / 2**k, (6 * 2**k, 8 * 2**k, 3)), 2**k) for k in range(6)]
        image = 128 + sum(
            np.asarray(Image.fromarray(np.clip(layer + 128, 0, 255).astype(np.uint8)).resize(SIZE), float)
            - 128
            for layer, _ in layers
        )
        image += rng.normal(0, GRAIN, image.shape[:2])[..., None]
        paths.append(folder / f"{index}.jpg")
        Image.fromarray(np.clip(image, 0, 255).astype(np.uint8)).save(paths[-1], quality=92)
    return paths


def in_full(path: Path) -> np.ndarray:
    """Decode a photograph in full and resize it."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def reduced(path: Path) -> np.ndarray:
    """Decode a photograph as packing does."""
    with Image.open(path) as image:
        size = image.size
    return decode_photograph(path, read_file(path), size, SIDE)[0]


def measure(read: Callable[[Path], np.ndarray], paths: list[Path], workers: int) -> tuple[float, float]:
    """Return photographs per second with so many threads, and processor milliseconds per photograph."""
    started, busy = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(read, paths):
            pass
    spent = time.process_time() - busy
    return len(paths) / (time.perf_counter() - started), 1e3 * spent / len(paths)


def compare(paths: list[Path], workers: int) -> None:
    """Print the times of both ways, medians of three rounds."""
    rounds = [[measure(read, paths, workers) for read in (in_full, reduced)] for _ in range(3)]
    (full, full_ms), (small, small_ms) = np.median(rounds, axis=0)
    print(
        f"{workers} thread(s): in full {full:.0f} per second, {full_ms:.2f} processor ms each; reduced {small:.0f}, "
        f"{small_ms:.2f} ms: {full_ms / small_ms:.2f} times less"
    )


def main() -> None:
    """Measure both ways on the same files, and the difference of their pixels."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--number", type=int, default=1500)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        given = sorted(chosen.folder.rglob("*.jpg"))[: chosen.number] if chosen.folder else []
        paths = given or make(Path(temporary), chosen.number)
        size = np.mean([path.stat().st_size for path in paths]) / 1e3
        print(f"{len(paths)} photographs, {size:.0f} kB each")
        for workers in (1, chosen.workers):
            compare(paths, workers)
        difference = np.mean(
            [np.abs(in_full(path).astype(int) - reduced(path)).mean() for path in paths[:100]]
        )
        print(f"mean difference of the pixels: {difference:.2f} grey levels")


if __name__ == "__main__":
    main()
