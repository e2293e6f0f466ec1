"""Ablations of Obj-IF (paper, appendix): which module is redacted, at what cost, and how strongly (alpha)."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from soulbench.config import runs
from soulbench.core import device as devices
from soulbench.core import registry
from soulbench.core.device import Meter
from soulbench.core.log import Log
from soulbench.core.records import atomic_path
from soulbench.core.tables import write_csv
from soulbench.core.terms import TASKS
from soulbench.evaluation.outputs import ModelOutputs, OutputGenerator
from soulbench.evaluation.run import RequestContext, comparison, metric_rows
from soulbench.training.dataset import BenchmarkData
from soulbench.training.networks import Networks
from soulbench.unlearning.edits import subset_of
from soulbench.unlearning.influence import Redaction, Solution
from soulbench.unlearning.run import solve_influence

METHOD = "obj-if"
SHOWN_IMAGES = 4  # kept for the figures: the target image and the first others of the subset


class _RedactionTrial:
    """The original model of one request, on which redactions are applied, measured and undone."""

    def __init__(
        self, config: Mapping[str, Any], request: str, seed: int, data_dir: str, original: str, log: Log
    ):
        self.config, self.seed, self.log = config, seed, log
        self.device = devices.prepare(config["device"])
        self.data = BenchmarkData.open(config, data_dir)
        self.request = self.data.requests[request]
        self.context = RequestContext.of(self.data, self.request)
        self.networks: Networks = self.data.networks(seed)
        self.networks.load(original)
        self.compare = comparison(config)
        self.original = self.generate()
        self.images: dict[str, Any] = {}  # uint8 [SHOWN_IMAGES, H, W, 3]

    def generate(self) -> ModelOutputs:
        """Return the outputs of the model in its current state."""
        output_generator = OutputGenerator(self.networks.generator, self.config, self.device)
        return output_generator.generate_all(self.data.batches(), self.context.rows, 1)

    def solve(self, **changed: Any) -> tuple[Redaction, Solution, Meter]:
        """Return the influence of the target with Obj-IF's parameters, some of them changed, and its cost."""
        parameters = {**runs.parameters(self.config, METHOD), **changed}
        code = registry.method(METHOD)
        plan = code.plan(self.request, subset_of(self.data), code.parameters(**parameters))
        with Meter(self.device) as meter:
            redaction, solution = solve_influence(
                self.data, self.networks, plan.influence, self.seed, self.device, self.log
            )
        return redaction, solution, meter

    def measure(self, name: object, redaction: Redaction, step: torch.Tensor) -> Iterator[dict[str, Any]]:
        """Apply a step, undo it, and return the metrics; `name` is the key of the images that are kept."""
        before = {key: value.detach().clone() for key, value in redaction.parameters.items()}
        redaction.apply(step)
        outputs = self.generate()
        with torch.no_grad():
            for key, value in redaction.parameters.items():
                value.copy_(before[key])
        target = self.context.regions["A1"][0].image_index
        others = [i for i in range(len(self.data.subset)) if i != target]
        shown = [target, *others[: SHOWN_IMAGES - 1]]
        self.images |= {f"{name}/{task}": outputs.images[task][0][shown] for task in TASKS}
        for row in metric_rows(outputs, self.original, None, self.context, self.compare):
            yield {key: row[key] for key in ("task", "dimension", "metric", "value")}

    def write(self, rows: list[dict[str, Any]], out_csv: str) -> None:
        """Write the table, and the images beside it (.npz)."""
        write_csv(pd.DataFrame(rows), out_csv, float_format=None)
        with atomic_path(Path(out_csv).with_suffix(".npz")) as path:
            np.savez_compressed(path, **self.images)


def ablate_modules(
    config: Mapping[str, Any], request: str, seed: int, data_dir: str, original: str, out_csv: str, log: Log
) -> None:
    """Redact one module after the other (Figs. 10 and 12).

    Args:
        config: the configuration.
        request: id of the request.
        seed: the training seed.
        data_dir: results/<name>/data.
        original: checkpoint of the original model.
        out_csv: the table to write; the images are written beside it.
        log: writes a line.
    """
    trial = _RedactionTrial(config, request, seed, data_dir, original, log)
    rows = []
    for module in config["ablations"]["modules"]:
        redaction, solution, meter = trial.solve(module=module)
        facts = {
            "module": module,
            "parameters": redaction.size,
            "seconds": meter.seconds,
            "residual": solution.residual,
        }
        step = runs.parameters(config, METHOD)["alpha"] * solution.step
        rows += [{**facts, **row} for row in trial.measure(module, redaction, step)]
        log(
            f"{module}: {redaction.size} parameters in {meter.seconds:.1f} s, residual {solution.residual:.3g}"
        )
    trial.write(rows, out_csv)


def ablate_alpha(
    config: Mapping[str, Any], request: str, seed: int, data_dir: str, original: str, out_csv: str, log: Log
) -> None:
    """Apply one solution with one alpha after the other (Fig. 11); arguments as of `ablate_modules`."""
    trial = _RedactionTrial(config, request, seed, data_dir, original, log)
    redaction, solution, _ = trial.solve()
    rows = []
    for alpha in config["ablations"]["alphas"]:
        rows += [{"alpha": alpha, **row} for row in trial.measure(alpha, redaction, alpha * solution.step)]
    trial.write(rows, out_csv)
