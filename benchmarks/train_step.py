"""One training step at the paper's sizes: the package's against the usual form of the same networks and losses.

    python benchmarks/train_step.py [--batch 8] [--rounds 5] [--threads 2] [--device cpu]

Three workers, each a process of its own so that each has its own peak memory, take turns a step at a time: the usual
form in float32 (tests/unit/literal.py: visual features of every crop in every step, layouts painted object by object,
SPADE on the painted layout, the discriminators run anew for each loss), and the package's step in float32 and in
bfloat16. All see the same random scenes of 10 objects and the image node, with all losses of configs/visual-genome.yaml
and VGG networks of seeded weights. The usual form runs in PyTorch as it comes, the package as its jobs run
(deterministic, freed memory kept: soulbench/core/device.py); `--prepared` gives the usual form the same. Medians over
the rounds after one to warm up; ratios are of medians, and the seconds of a shared machine are worth less than they.
Building VGG19 anew in every step, as the release does, is left out in the usual form's favour. On a GPU it is not run:
it is written for a CPU.
"""

import argparse
import multiprocessing
import os
import statistics
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "unit"))

import literal  # noqa: E402
import networks_factory  # noqa: E402

from soulbench.config import files  # noqa: E402
from soulbench.core.device import ExecutionContext, describe, moved, peak_mib, prepare  # noqa: E402
from soulbench.models.visual_features import VisualFeatures  # noqa: E402
from soulbench.training.adam import Adam  # noqa: E402
from soulbench.training.conditions import training_condition  # noqa: E402
from soulbench.training.losses import Objective  # noqa: E402
from soulbench.training.networks import build  # noqa: E402

WAYS = ("usual", "float32", "bfloat16")
OBJECTS, SIDE = 11, 64
VOCABULARY = {
    "objects": [f"object {i}" for i in range(179)],
    "predicates": [f"predicate {i}" for i in range(46)],
}
#: Multiply-adds of one image's step in the package's form, roughly (docs/speed.md), for the share of a peak.
MACS = 32e9


class Clock:
    """Seconds between calls, by name, after all that was launched has ended."""

    def __init__(self, device: torch.device):
        self.device, self.parts = device, {}
        self._last = self._now()

    def _now(self) -> float:
        if self.device.type != "cpu":
            torch.accelerator.synchronize(self.device)
        return time.perf_counter()

    def __call__(self, part: str) -> None:
        """Note that a part has ended."""
        now = self._now()
        self.parts[part] = self.parts.get(part, 0.0) + now - self._last
        self._last = now


class Bench:
    """Networks, losses and a batch; `step` makes one step in one of the ways."""

    def __init__(self, way: str, batch: int, device: torch.device):
        settings = files.load(ROOT / "config.yaml", ROOT / "configs" / "visual-genome.yaml")
        sizes, training = settings["generator"], settings["training"]
        networks_factory.SIZES = sizes
        networks_factory.VOCABULARY = VOCABULARY
        self.way, self.device = way, device
        self.context = ExecutionContext(device, "float32" if way == "usual" else way)
        self.networks = build(sizes, VOCABULARY, 0, True)
        self.networks.modules().to(device).train()
        self.objective = Objective(training["losses"], self.networks.discriminators, "seeded").to(device)
        scenes = networks_factory.random_batch([OBJECTS] * batch, size=SIDE, dtype=torch.float32)
        condition = training_condition(scenes, training["masking"], range(batch))
        self.batch, self.condition = moved(scenes, device), moved(condition, device)
        kind = torch.optim.Adam if way == "usual" else Adam
        self.optimisers = {name: kind(net.parameters()) for name, net in self.networks.modules().items()}
        if way == "usual":
            self.features = VisualFeatures({**sizes["visual"], "weights": "seeded"})

    def step(self) -> dict[str, float]:
        """Seconds by part."""
        clock = Clock(self.device)
        if self.way == "usual":
            self._features()
            clock("visual features")
            literal.train_step(
                self.networks, self.objective, self.batch, self.condition, self.optimisers, clock
            )
            return clock.parts
        for optimiser in self.optimisers.values():
            optimiser.zero_grad()
        with self.context.autocast():
            drawing = self.networks.generator(self.batch, self.condition)
            clock("generator")
            losses = self.objective(drawing, self.batch, self.condition)
        clock("losses")
        losses.backward(*(optimiser.parameters for optimiser in self.optimisers.values()))
        clock("backward")
        for optimiser in self.optimisers.values():
            optimiser.step(2e-4)
        clock("optimiser")
        return clock.parts

    @torch.no_grad()
    def _features(self) -> None:
        for image, box in zip(self.batch.image_of.tolist(), self.batch.boxes, strict=True):
            self.features.backbone(literal.cropped(self.batch.images[image], box, self.features.size)[None])


def work(pipe: Connection, way: str, batch: int, device_name: str, prepared: bool) -> None:
    """A worker: makes a step when told to, answers with its parts; at the end with its peak memory.

    Without `prepared` PyTorch is as it comes, on the CPU, with the threads that the variable says.
    """
    device = prepare(device_name) if prepared else torch.device("cpu")
    bench = Bench(way, batch, device)
    while pipe.recv():
        pipe.send(bench.step())
    pipe.send(peak_mib(device))


def measure(
    ways: dict[str, bool], batch: int, rounds: int, device: str
) -> tuple[dict[str, list[dict]], dict[str, float]]:
    """Steps of each way (prepared or not), interleaved, without the first; and peak memory in MiB."""
    context = multiprocessing.get_context("spawn")
    pipes, steps = {}, {way: [] for way in ways}
    for way, prepared in ways.items():
        pipes[way], other = context.Pipe()
        context.Process(target=work, args=(other, way, batch, device, prepared), daemon=True).start()
    for round_number in range(rounds + 1):
        for way, pipe in pipes.items():
            pipe.send(True)
            parts = pipe.recv()
            if round_number:
                steps[way].append(parts)
    for pipe in pipes.values():
        pipe.send(False)
    return steps, {way: pipe.recv() for way, pipe in pipes.items()}


def main() -> None:
    """Measure and print; the last line is for machines."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu", choices=("cpu", "gpu"))
    parser.add_argument(
        "--peak", type=float, help="the device's bfloat16 peak in TFLOP/s, to give the share of it"
    )
    parser.add_argument(
        "--prepared", action="store_true", help="the usual form, too, with the package's settings of PyTorch"
    )
    chosen = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(chosen.threads)
    ways = {
        way: way != "usual" or chosen.prepared for way in WAYS if chosen.device == "cpu" or way != "usual"
    }
    steps, memory = measure(ways, chosen.batch, chosen.rounds, chosen.device)
    print(f"batch {chosen.batch}, {chosen.rounds} rounds, {describe(prepare(chosen.device))}")
    whole = {way: statistics.median(sum(step.values()) for step in found) for way, found in steps.items()}
    for way, found in steps.items():
        parts = {name: statistics.median(step[name] for step in found) for name in found[0]}
        listed = ", ".join(f"{name} {seconds:.3f}" for name, seconds in parts.items())
        speed = chosen.batch / whole[way]
        print(
            f"{way:9} {whole[way]:7.3f} s a step, {speed:7.1f} images/s, peak {memory[way]:6.0f} MiB: {listed}"
        )
        if chosen.peak:
            share = speed * 2 * MACS / (chosen.peak * 1e12)
            print(f"{'':9} {share:.1%} of the peak")
    first = whole.get("usual", whole["float32"])
    print("ratio " + " ".join(f"{way}={first / whole[way]:.2f}" for way in ("float32", "bfloat16")))


if __name__ == "__main__":
    main()
