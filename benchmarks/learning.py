"""Does cheaper training learn as well? The demo's original model in bfloat16 and with fewer steps, against float32.

    make all && python benchmarks/learning.py [--data results/demo/data] [--seeds 1 2 3]

Each variant changes one thing in the demo's configuration; pre-training and fine-tuning are the package's, and
variants are paired by seed. Measured is each model's mean absolute error in grey levels, in both tasks, of the images
of the subset (which it should have memorised) and of the held-out images; all models generate images in float32. A
variant learns "as well" if its mean difference to float32 is within the standard deviation of float32's own seeds.
The distance of two curves is the largest difference of their fine-tuning losses, each a mean over `WINDOW` steps:
between bfloat16 and float32 of the same seed, and between seeds of float32.

Printed are one line per model when it is trained, then means and differences; the last line can be parsed. Only
errors are compared, so other work on the machine does no harm.
"""

import argparse
import itertools
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from soulbench.config import files
from soulbench.core.device import prepare
from soulbench.core.running_state import WorkFolder
from soulbench.core.terms import TASKS
from soulbench.data.batches import to_pixels
from soulbench.models.generator import Generator
from soulbench.training.dataset import UNCHANGED, BenchmarkData
from soulbench.training.generation import generate_images
from soulbench.training.monitor import TrainingMonitor
from soulbench.training.stages import NAMES, between_stages, train_stage

ROOT = Path(__file__).resolve().parents[1]

#: Variant -> share of the steps, precision.
VARIANTS = {
    "float32": (1.0, "float32"),
    "bfloat16": (1.0, "bfloat16"),
    "half the steps": (0.5, "float32"),
    "a quarter": (0.25, "float32"),
}
WINDOW = 50  # steps


def settings_of(variant: str) -> dict[str, Any]:
    """Return the configuration of a variant."""
    share, precision = VARIANTS[variant]
    settings = files.load(ROOT / "config.yaml")
    training = settings["training"] | {"precision": precision}
    for stage in NAMES:
        training[stage] = training[stage] | {"steps": round(share * training[stage]["steps"])}
    return settings | {"training": training}


def train(variant: str, folder: str, seed: int) -> tuple[dict[str, float], np.ndarray]:
    """Return a model's errors by images and task with its training seconds, and its fine-tuning curve."""
    data = BenchmarkData.open(settings_of(variant), folder)
    networks, seconds, monitor = data.networks(seed), 0.0, TrainingMonitor.off()
    with tempfile.TemporaryDirectory() as work:
        for stage in NAMES:
            result = train_stage(
                data, networks, stage, UNCHANGED, seed, WorkFolder(Path(work), {}), lambda _: None, monitor
            )
            seconds += result.timing.seconds
            networks = between_stages(data, networks, seed)
    measured = {"seconds": seconds}
    for role, rows in (("subset", data.subset), ("held out", data.heldout)):
        found = errors(networks.generator.eval(), data, rows)
        measured |= {f"{role}, {task}": error for task, error in found.items()}
    losses = [row["loss"] for row in monitor.rows if row["stage"] == NAMES["finetune"]]
    width = WINDOW // 10  # one row per ten steps
    return measured, np.convolve(losses, np.ones(width) / width, mode="valid")


def errors(model: Generator, data: BenchmarkData, rows: Sequence[int]) -> dict[str, float]:
    """Return the mean absolute error of some images in grey levels, by task; the model is in eval mode."""
    batch = data.batches().batch(rows)
    truth = (to_pixels(batch.targets) * 255).movedim(1, -1).numpy()
    return {
        task: float(np.abs(generate_images(model, batch, task, data.config)[0] - truth).mean())
        for task in TASKS
    }


def report(measured: Mapping[tuple[str, int], dict[str, float]], seeds: list[int]) -> None:
    """Print each variant's means, its differences to float32, and the deviation of float32's seeds."""
    for name in measured["float32", seeds[0]]:
        of = {variant: [measured[variant, seed][name] for seed in seeds] for variant in VARIANTS}
        spread = statistics.stdev(of["float32"])
        print(f"{name}: float32 {statistics.mean(of['float32']):.2f} (deviation of seeds {spread:.2f})")
        for variant in [*VARIANTS][1:]:
            differences = [other - base for other, base in zip(of[variant], of["float32"], strict=True)]
            mean, difference = statistics.mean(of[variant]), statistics.mean(differences)
            print(f"  {variant:15} {mean:.2f}, difference {difference:+.2f}")


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="results/demo/data")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    chosen = parser.parse_args()
    prepare("cpu")
    measured, curves = {}, {}
    for seed, variant in itertools.product(chosen.seeds, VARIANTS):
        measured[variant, seed], curves[variant, seed] = train(variant, chosen.data, seed)
        values = ", ".join(f"{name} {value:.2f}" for name, value in measured[variant, seed].items())
        print(f"seed {seed}, {variant}: {values}", flush=True)
    report(measured, chosen.seeds)
    distance = max(np.abs(curves["bfloat16", seed] - curves["float32", seed]).max() for seed in chosen.seeds)
    pairs = itertools.combinations(chosen.seeds, 2)
    noise = max(np.abs(curves["float32", first] - curves["float32", second]).max() for first, second in pairs)
    print(f"curves bfloat16={distance:.4f} seeds={noise:.4f}")


if __name__ == "__main__":
    main()
