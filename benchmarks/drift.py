"""Why does fine-tuning with nothing removed change a model, and which start of the optimiser changes it least?

    make all && python benchmarks/drift.py [--data results/demo/data] [--seed 1] [--folder drift] [--variants NAME ...]

The original model of config.yaml is trained once, and kept in `--folder` with Adam's moments of its last stage. Each
variant continues it as `noop-ft` does, with one thing changed, to the configured number of steps. Printed is, per
variant and task, the mean change of A2 over the requests after 1, 5 and all steps, and the change of the error of the
whole subset, in grey levels; `noise` is the original model against itself under other input noise. A method that has
nothing to learn should change as little as that. Only errors are compared, so other work on the machine does no harm.
"""

import argparse
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from soulbench.config import files
from soulbench.core.device import ExecutionContext, prepare
from soulbench.core.running_state import WorkFolder
from soulbench.core.terms import TASKS
from soulbench.evaluation.context import RequestContext
from soulbench.evaluation.metrics import Comparison
from soulbench.evaluation.outputs import OutputGenerator
from soulbench.training.dataset import UNCHANGED, BenchmarkData
from soulbench.training.masking import masking_of
from soulbench.training.networks import Networks
from soulbench.training.stages import NAMES, between_stages, objective_for, stage_of, train_stage
from soulbench.training.trainer import Trainer

ROOT = Path(__file__).resolve().parents[1]
SHOWN = (1, 5)  # steps after which the change is printed, besides the last

#: Nothing is hidden but the whole image, and the same things in every step.
UNMASKED = {"box": 0.0, "feature": 0.0, "hide_image": 1.0, "hide_features": 0.0}
#: Variant -> what it changes of `unlearning` with a fresh optimiser; `masking` changes training.masking.
VARIANTS: dict[str, dict[str, Any]] = {
    "fresh": {},
    "fresh, all images in each batch": {"batch": 16},
    "fresh, without masking": {"masking": UNMASKED},
    "fresh, both": {"batch": 16, "masking": UNMASKED},
    "fresh, warm-up of 10 steps": {"warmup": 10},
    "fresh, linear end": {"schedule": "linear"},
    "fresh, a third of the rate": {"learning_rate": 1.0e-4},
    "fresh, a tenth of the rate": {"learning_rate": 3.0e-5},
    "fresh, the rate of training": {"learning_rate": 1.0e-3},
    "resumed, the rate of training": {"optimiser": "resumed", "learning_rate": 1.0e-3},
    "resumed": {"optimiser": "resumed"},
    "resumed, warm-up of 10 steps": {"optimiser": "resumed", "warmup": 10},
    "resumed, all images in each batch": {"optimiser": "resumed", "batch": 16},
    "resumed, without masking": {"optimiser": "resumed", "masking": UNMASKED},
    "resumed, linear end": {"optimiser": "resumed", "schedule": "linear"},
    "resumed, a third of the rate": {"optimiser": "resumed", "learning_rate": 1.0e-4},
    "resumed, a tenth of the rate": {"optimiser": "resumed", "learning_rate": 3.0e-5},
}


class Drift:
    """The original model, and how far a continuation is from it.

    Args:
        data: the benchmark's data.
        seed: training seed.
        folder: keeps the original model.
    """

    def __init__(self, data: BenchmarkData, seed: int, folder: Path):
        self.data, self.seed = data, seed
        self.model = folder / f"seed{seed}.safetensors"
        self.moments = folder / f"seed{seed}.moments.safetensors"
        if not self.moments.is_file():
            self._train()
        self.contexts = [RequestContext.of(data, request) for request in data.requests.values()]
        self.original = self._outputs(self.networks(), 2)

    def networks(self) -> Networks:
        """Return the original model."""
        networks = self.data.networks(self.seed)
        networks.load(self.model)
        return networks

    def _train(self) -> None:
        networks = self.data.networks(self.seed)
        with tempfile.TemporaryDirectory() as work:
            for which in NAMES:
                last = str(self.moments) if which == "finetune" else None
                train_stage(
                    *(self.data, networks, which, UNCHANGED, self.seed, WorkFolder(Path(work), {}), print),
                    moments=last,
                )
                networks = between_stages(self.data, networks, self.seed)
        networks.save(self.model)

    def _outputs(self, networks: Networks, samples: int = 1) -> Mapping[str, np.ndarray]:
        generator = OutputGenerator(networks.generator, self.data.config, torch.device("cpu"))
        return generator.generate_all(self.data.batches(), self.contexts[0].rows, samples).images

    def noise(self) -> dict[str, float]:
        """Return A2 of the original model under other noise, by task."""
        return {task: self._change(task, self.original[task][1]) for task in TASKS}

    def _change(self, task: str, images: np.ndarray) -> float:
        pixels = Comparison(None, 8).pixels
        changes = [pixels(images, self.original[task][0], one.regions["A2"])["mae"] for one in self.contexts]
        return float(np.mean(changes))

    def _error(self, task: str, images: np.ndarray) -> float:
        count = len(self.data.subset)
        truth = self.contexts[0].truth[:count]
        return float(np.abs(images[:count].astype(float) - truth).mean())

    def continued(self, change: Mapping[str, Any]) -> Iterator[tuple[int, dict[str, tuple[float, float]]]]:
        """Yield, after each shown number of steps, the change of A2 and of the subset's error, by task."""
        config, networks = self.data.config, self.networks()
        settings = {**config["unlearning"], "optimiser": "fresh", **change}
        masking = masking_of(config) | settings.pop("masking", {})
        resumed = settings.pop("optimiser") == "resumed"
        specific = {**settings, "name": "unlearning", "optimiser": "adam", "masking": masking}
        stage = stage_of(
            specific | {"ema_decay": None, "eval_mode_after": None}, config["training"], self.seed, True
        )
        shown = [step for step in SHOWN if step < stage.steps]
        trainer = Trainer(
            networks,
            objective_for(config, networks, UNCHANGED),
            self.data.batches(),
            self.data.subset,
            stage,
            ExecutionContext.of(config),
            moments=self.moments if resumed else None,
        )
        with tempfile.TemporaryDirectory() as path:
            work = WorkFolder(Path(path), {})
            trainer.fit(work, lambda _: None, save_after=shown)
            weights = [*(work.networks(step) for step in shown), Path(path) / "last.safetensors"]
            networks.save(weights[-1])
            for step, checkpoint in zip([*shown, stage.steps], weights, strict=True):
                later = replace(networks)
                later.load(checkpoint)
                images = self._outputs(later)
                yield (
                    step,
                    {
                        task: (
                            self._change(task, images[task][0]),
                            self._error(task, images[task][0]) - self._error(task, self.original[task][0]),
                        )
                        for task in TASKS
                    },
                )


def main() -> None:
    """Train the original, continue it, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="results/demo/data")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("drift"))
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), metavar="NAME")
    chosen = parser.parse_args()
    prepare("cpu")
    chosen.folder.mkdir(parents=True, exist_ok=True)
    drift = Drift(
        BenchmarkData.open(files.load(ROOT / "config.yaml"), chosen.data), chosen.seed, chosen.folder
    )
    print(
        "noise: " + ", ".join(f"{task} A2 {change:.2f}" for task, change in drift.noise().items()), flush=True
    )
    for name in chosen.variants:
        for step, found in drift.continued(VARIANTS[name]):
            texts = [f"{task} A2 {a:.2f}, error {e:+.2f}" for task, (a, e) in found.items()]
            print(f"{name}, step {step}: {'; '.join(texts)}", flush=True)


if __name__ == "__main__":
    main()
