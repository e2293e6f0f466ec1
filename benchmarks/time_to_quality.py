"""How much work does the original model take to reproduce the subset? Optimisers and sizes of the demo, compared.

    make all && python benchmarks/time_to_quality.py [--data results/demo/data] [--seeds 1 2 3] [--error 8]
                                                     [--variants NAME ...]

Each variant is a change of config.yaml. Pre-training and fine-tuning are the package's. Work is counted in
multiply-adds on one step of each stage (soulbench/planning/counting.py), the optimiser's products included, so it does
not depend on the machine. The error is the mean absolute error of the subset in grey levels, measured after every
sixteenth of the fine-tuning, in the task where it is larger. Printed is one line per model; then, per variant, the
means over the seeds at the end, and the median work until the error was first at most `--error`.
"""

import argparse
import itertools
import statistics
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from learning import errors

from soulbench.config import files
from soulbench.core.device import prepare
from soulbench.core.running_state import WorkFolder
from soulbench.core.terms import TASKS
from soulbench.models.generator import Generator
from soulbench.planning.counting import WorkCounter
from soulbench.planning.sizes import Sizes
from soulbench.training.dataset import UNCHANGED, BenchmarkData
from soulbench.training.monitor import TrainingMonitor
from soulbench.training.schedule import Stage
from soulbench.training.stages import NAMES, train_stage

ROOT = Path(__file__).resolve().parents[1]
COARSE = {"mask_size": 16, "mask_channels": 32, "image_channels": 8, "spade_hidden": 8}
WIDE = COARSE | {"decoder": [192, 160, 96, 32, 16], "spade_hidden": 16}
COSINE = {"schedule": "cosine", "warmup": 0}

#: Variant -> what it changes in config.yaml. The first is the demo as it was before Muon.
VARIANTS: dict[str, dict[str, Any]] = {
    "Adam, wide decoder": {
        "training": {"optimiser": "adam", "pretrain": {"steps": 60}, "finetune": {"steps": 420}} | COSINE,
        "generator": WIDE,
    },
    "Muon, wide decoder, a third of the steps": {
        "training": {"pretrain": {"steps": 20}, "finetune": {"steps": 140}} | COSINE,
        "generator": WIDE,
    },
    "Muon, narrow decoder": {
        "training": {"pretrain": {"steps": 40}, "finetune": {"steps": 280}} | COSINE,
        "generator": COARSE,
    },
    "the same with warm-up and linear end": {
        "training": {"finetune": {"steps": 320}},
        "generator": COARSE,
    },
    "config.yaml: with finer masks": {},
}


class QualityMonitor(TrainingMonitor):
    """Measures the subset's errors on the way, by the number of steps of fine-tuning."""

    def __init__(self, data: BenchmarkData):
        super().__init__(None, {}, None)
        self.data, self.path = data, dict[int, dict[str, float]]()

    def snapshot(self, model: Generator, stage: Stage, step: int, final: bool = False) -> None:
        """Measure after every sixteenth of fine-tuning."""
        if stage.name == NAMES["finetune"] and step and (final or step % max(1, stage.steps // 16) == 0):
            training = model.training
            self.path[step] = errors(model.eval(), self.data, self.data.subset)
            model.train(training)


def work_per_step(data: BenchmarkData, which: str) -> float:
    """Return the tera-multiply-adds of one step of a stage, forward, backward and optimiser."""
    settings, sizes = (
        data.config["training"],
        Sizes.of_scenes(data.scenes, len(data.subset), len(data.heldout)),
    )
    batch = min(settings[which]["batch"], sizes.train if which == "pretrain" else sizes.subset)
    return WorkCounter.of(data.config, sizes).step(batch, settings["optimiser"]).work / 1e12


def train(change: Mapping[str, Any], folder: str, seed: int) -> tuple[dict[float, float], dict[str, float]]:
    """Train one original model; return its larger error by work, and its errors at the end by task."""
    data = BenchmarkData.open(files.merge(files.load(ROOT / "config.yaml"), change), folder)
    networks, monitor = data.networks(seed), QualityMonitor(data)
    with tempfile.TemporaryDirectory() as work:
        for which in NAMES:
            train_stage(
                data, networks, which, UNCHANGED, seed, WorkFolder(Path(work), {}), lambda _: None, monitor
            )
    before = work_per_step(data, "pretrain") * data.config["training"]["pretrain"]["steps"]
    per_step = work_per_step(data, "finetune")
    path = {before + per_step * step: max(found.values()) for step, found in monitor.path.items()}
    return path, monitor.path[max(monitor.path)]


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="results/demo/data")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--error", type=float, default=8.0)
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    chosen = parser.parse_args()
    prepare("cpu")
    results = {}
    for seed, variant in itertools.product(chosen.seeds, chosen.variants):
        path, last = results[variant, seed] = train(VARIANTS[variant], chosen.data, seed)
        values = ", ".join(f"{task} {last[task]:.1f}" for task in TASKS)
        print(f"seed {seed}, {variant}: {max(path):.2f} TMAC, {values}", flush=True)
    for variant in chosen.variants:
        runs = [results[variant, seed] for seed in chosen.seeds]
        means = ", ".join(f"{task} {statistics.mean(last[task] for _, last in runs):.1f}" for task in TASKS)
        reached = [
            min((work for work, error in path.items() if error <= chosen.error), default=None)
            for path, _ in runs
        ]
        median = "not reached" if None in reached else f"{statistics.median(reached):.2f} TMAC"
        print(f"{variant}: {max(runs[0][0]):.2f} TMAC, {means}; error {chosen.error:g}: {median}")


if __name__ == "__main__":
    main()
