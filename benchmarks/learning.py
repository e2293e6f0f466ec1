"""Does a cheaper training learn as well? The demo's original model in bfloat16, and with fewer steps, beside float32's.

    make all && python benchmarks/learning.py [--data results/demo/data] [--seeds 1 2 3]

Pre-training and fine-tuning by the project's own functions, configuration of the demo, one thing changed; paired by
seed. Of each model, drawn in float32, the mean absolute error in grey levels to the photographs: of the subset, which
it shall know by heart, and of the held-out images, in both tasks. "As well" means that the mean difference to float32
is within the standard deviation of float32's own seeds. The distance of curves is the largest difference of the
fine-tuning losses, each the mean over `WINDOW` steps: to float32's of the same seed, and for the first way between
seeds. One line a model as it is made, then means and differences; the last line is for machines. Only losses are
compared, so other work beside it does no harm.
"""

import argparse
import itertools
import statistics
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from soulbench.config import files
from soulbench.core.device import prepare
from soulbench.core.terms import TASKS
from soulbench.data.batches import to_pixels
from soulbench.training.dataset import UNCHANGED, BenchmarkData
from soulbench.training.generation import draw
from soulbench.training.monitor import TrainingMonitor
from soulbench.training.stages import NAMES, between_stages, train_stage

ROOT = Path(__file__).resolve().parents[1]

#: Way -> share of the steps, precision.
WAYS = {
    "float32": (1.0, "float32"),
    "bfloat16": (1.0, "bfloat16"),
    "half the steps": (0.5, "float32"),
    "a quarter": (0.25, "float32"),
}
WINDOW = 50  # steps


def settings_of(way: str) -> dict[str, Any]:
    """The demo's configuration, trained in a way."""
    share, precision = WAYS[way]
    settings = files.load(ROOT / "config.yaml")
    training = settings["training"] | {"precision": precision}
    for stage in NAMES:
        training[stage] = training[stage] | {"steps": round(share * training[stage]["steps"])}
    return settings | {"training": training}


def trained(way: str, folder: str, seed: int) -> tuple[dict[str, float], np.ndarray]:
    """Errors of a model by images and task, with the seconds of its training; and its curve of fine-tuning."""
    data = BenchmarkData.open(settings_of(way), folder)
    networks, seconds, monitor = data.networks(seed), 0.0, TrainingMonitor.off()
    with tempfile.TemporaryDirectory() as work:
        for stage in NAMES:
            facts = train_stage(data, networks, stage, UNCHANGED, seed, Path(work), lambda _: None, monitor)
            seconds += facts["seconds"]
            networks = between_stages(data, networks, seed)
    model, batches = networks.generator.eval(), data.batches()
    found = {"seconds": seconds}
    for role, rows in (("subset", data.subset), ("held out", data.heldout)):
        batch = batches.batch(rows)
        truth = (to_pixels(batch.targets) * 255).movedim(1, -1).numpy()
        for task in TASKS:
            found[f"{role}, {task}"] = float(np.abs(draw(model, batch, task, data.config)[0] - truth).mean())
    losses = [row["loss"] for row in monitor.rows if row["stage"] == NAMES["finetune"]]
    width = WINDOW // 10  # a row every ten steps
    return found, np.convolve(losses, np.ones(width) / width, mode="valid")


def report(found: Mapping[tuple[str, int], dict[str, float]], seeds: list[int]) -> None:
    """Means of every way, differences to float32 and the deviation of float32's seeds."""
    for name in found["float32", seeds[0]]:
        of = {way: [found[way, seed][name] for seed in seeds] for way in WAYS}
        spread = statistics.stdev(of["float32"])
        print(f"{name}: float32 {statistics.mean(of['float32']):.2f} (deviation of seeds {spread:.2f})")
        for way in [*WAYS][1:]:
            apart = [other - own for other, own in zip(of[way], of["float32"], strict=True)]
            print(f"  {way:15} {statistics.mean(of[way]):.2f}, difference {statistics.mean(apart):+.2f}")


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="results/demo/data")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    chosen = parser.parse_args()
    prepare("cpu")
    found, curves = {}, {}
    for seed, way in itertools.product(chosen.seeds, WAYS):
        found[way, seed], curves[way, seed] = trained(way, chosen.data, seed)
        values = ", ".join(f"{name} {value:.2f}" for name, value in found[way, seed].items())
        print(f"seed {seed}, {way}: {values}", flush=True)
    report(found, chosen.seeds)
    apart = max(np.abs(curves["bfloat16", seed] - curves["float32", seed]).max() for seed in chosen.seeds)
    pairs = itertools.combinations(chosen.seeds, 2)
    noise = max(np.abs(curves["float32", one] - curves["float32", other]).max() for one, other in pairs)
    print(f"curves bfloat16={apart:.4f} seeds={noise:.4f}")


if __name__ == "__main__":
    main()
