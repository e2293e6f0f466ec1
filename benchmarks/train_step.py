"""One training step at the paper's sizes: the package's against the usual form of the same networks and losses.

    python benchmarks/train_step.py [--batch 8] [--rounds 5] [--threads 2] [--device cpu] [--core-seconds]

Three workers take turns, a step at a time: the usual form in float32 (tests/unit/literal.py), and the package's step
in float32 and in bfloat16. Each is a process of its own, and so has a peak memory of its own. The usual form computes
the visual features of every crop in every step, builds whole layouts object by object, runs SPADE on them, and runs
the discriminators anew for each loss. It does not build VGG19 anew in every step, as the release does.

All use the same random scenes of 10 objects and the image node, all losses of configs/visual-genome.yaml, and VGG
networks of seeded weights. The usual form runs with PyTorch's default settings, the package as in its jobs
(deterministic, freed memory kept: soulbench/core/device.py); `--prepared` gives the usual form the same settings.

Printed are medians over the rounds, after one round to warm up, and ratios of medians. On a shared machine the ratios
are more reliable than the seconds. Where others compute meanwhile, `--core-seconds --threads 1` counts what a worker
computes, not what passes (of several threads, those that wait for each other compute as well). On a GPU the usual form
is left out, because it is written for a CPU.
"""

import argparse
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "unit"))

import literal  # noqa: E402
import networks_factory  # noqa: E402

from soulbench.config import files  # noqa: E402
from soulbench.core.device import ExecutionContext, describe, peak_mib, place, prepare  # noqa: E402
from soulbench.models.visual_features import VisualFeatures  # noqa: E402
from soulbench.training.adam import Adam  # noqa: E402
from soulbench.training.losses import Objective  # noqa: E402
from soulbench.training.masking import Masking, masking_of  # noqa: E402
from soulbench.training.networks import build  # noqa: E402

FORMS = ("usual", "float32", "bfloat16")
OBJECTS, SIDE = 11, 64
VOCABULARY = {
    "objects": [f"object {i}" for i in range(179)],
    "predicates": [f"predicate {i}" for i in range(46)],
}
#: Approximate multiply-adds of one image's step in the package's form (docs/speed.md), for the share of a peak.
MACS = 32e9


class Clock:
    """Measures the seconds of `now` between calls, by name, after all launched operations have ended."""

    def __init__(self, device: torch.device, now: Callable[[], float]):
        self.device, self.now, self.parts = device, now, {}
        self._last = self._now()

    def _now(self) -> float:
        if self.device.type != "cpu":
            torch.accelerator.synchronize(self.device)
        return self.now()

    def __call__(self, part: str) -> None:
        """Record that a part of the step has ended."""
        now = self._now()
        self.parts[part] = self.parts.get(part, 0.0) + now - self._last
        self._last = now


class Bench:
    """Networks, losses and a batch; `step` makes one training step in one of `FORMS`."""

    def __init__(
        self,
        form: str,
        batch: int,
        device: torch.device,
        now: Callable[[], float] = time.perf_counter,
    ):
        settings = files.load(ROOT / "config.yaml", ROOT / "configs" / "visual-genome.yaml")
        sizes, training = settings["generator"], settings["training"]
        sizes["visual"]["weights"] = "seeded"
        networks_factory.SIZES = sizes
        networks_factory.VOCABULARY = VOCABULARY
        self.form, self.device, self.now = form, device, now
        self.context = ExecutionContext(device, "float32" if form == "usual" else form)
        self.networks = build(sizes, VOCABULARY, 0, True)
        place(self.networks.modules(), device).train()
        self.objective = place(Objective(training["losses"], self.networks.discriminators, "seeded"), device)
        scenes = networks_factory.random_batch([OBJECTS] * batch, size=SIDE, dtype=torch.float32)
        self.scenes, self.seeds = [scenes], [range(batch)]
        self.masking = Masking(masking_of(settings), device)
        ((self.batch, self.condition),) = self.masking(self.scenes, self.seeds)
        kind = torch.optim.Adam if form == "usual" else Adam
        self.optimisers = {name: kind(net.parameters()) for name, net in self.networks.modules().items()}
        if form == "usual":
            self.features = VisualFeatures(sizes["visual"])

    def step(self) -> dict[str, float]:
        """Make a step; return its seconds by part."""
        clock = Clock(self.device, self.now)
        if self.form == "usual":
            self._features()
            clock("visual features")
            literal.train_step(
                self.networks, self.objective, self.batch, self.condition, self.optimisers, clock
            )
            return clock.parts
        for optimiser in self.optimisers.values():
            optimiser.zero_grad()
        ((batch, condition),) = self.masking(self.scenes, self.seeds)
        clock("visual features")
        with self.context.autocast():
            output = self.networks.generator(batch, condition)
            clock("generator")
            losses = self.objective(output, batch, condition)
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
            self.features.backbone(
                literal.feature_crop(self.batch.images[image], box, self.features.size)[None]
            )


def work(
    pipe: Connection, form: str, batch: int, device_name: str, prepared: bool, now: Callable[[], float]
) -> None:
    """Run a worker: make a step per request and send its seconds by part; at the end send the peak memory.

    Without `prepared`, PyTorch keeps its default settings, on the CPU, with OMP_NUM_THREADS threads.
    """
    device = prepare(device_name) if prepared else torch.device("cpu")
    bench = Bench(form, batch, device, now)
    while pipe.recv():
        pipe.send(bench.step())
    pipe.send(peak_mib(device))


def measure(
    forms: dict[str, bool], batch: int, rounds: int, device: str, now: Callable[[], float]
) -> tuple[dict[str, list[dict]], dict[str, float]]:
    """Return the seconds by part of interleaved steps of each form, without the first ones, and peak memory in MiB."""
    context = multiprocessing.get_context("spawn")
    pipes, steps = {}, {form: [] for form in forms}
    for form, prepared in forms.items():
        pipes[form], other = context.Pipe()
        context.Process(target=work, args=(other, form, batch, device, prepared, now), daemon=True).start()
    for round_number in range(rounds + 1):
        for form, pipe in pipes.items():
            pipe.send(True)
            parts = pipe.recv()
            if round_number:
                steps[form].append(parts)
    for pipe in pipes.values():
        pipe.send(False)
    return steps, {form: pipe.recv() for form, pipe in pipes.items()}


def main() -> None:
    """Measure and print; the last line can be parsed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu", choices=("cpu", "gpu"))
    parser.add_argument(
        "--peak",
        type=float,
        help="bfloat16 peak of the device in TFLOP/s, to print the share of it that is reached",
    )
    parser.add_argument(
        "--prepared", action="store_true", help="run the usual form with the package's settings of PyTorch"
    )
    parser.add_argument(
        "--core-seconds", action="store_true", help="measure the threads' computing time, not what passes"
    )
    chosen = parser.parse_args()
    now = time.process_time if chosen.core_seconds else time.perf_counter
    os.environ["OMP_NUM_THREADS"] = str(chosen.threads)
    forms = {
        form: form != "usual" or chosen.prepared
        for form in FORMS
        if chosen.device == "cpu" or form != "usual"
    }
    steps, memory = measure(forms, chosen.batch, chosen.rounds, chosen.device, now)
    print(f"batch {chosen.batch}, {chosen.rounds} rounds, {describe(prepare(chosen.device))}")
    whole = {
        form: statistics.median(sum(step.values()) for step in measured) for form, measured in steps.items()
    }
    for form, measured in steps.items():
        parts = {name: statistics.median(step[name] for step in measured) for name in measured[0]}
        listed = ", ".join(f"{name} {seconds:.3f}" for name, seconds in parts.items())
        speed = chosen.batch / whole[form]
        print(
            f"{form:9} {whole[form]:7.3f} s a step, {speed:7.1f} images/s, peak {memory[form]:6.0f} MiB: {listed}"
        )
        if chosen.peak:
            share = speed * 2 * MACS / (chosen.peak * 1e12)
            print(f"{'':9} {share:.1%} of the peak")
    first = whole.get("usual", whole["float32"])
    print("ratio " + " ".join(f"{form}={first / whole[form]:.2f}" for form in ("float32", "bfloat16")))


if __name__ == "__main__":
    main()
