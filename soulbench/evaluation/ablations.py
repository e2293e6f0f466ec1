"""Ablations of Obj-IF (paper, appendix): which module is redacted, with its time, and how far (alpha)."""

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
from soulbench.core.terms import TASKS
from soulbench.evaluation.outputs import ModelOutputs, OutputGenerator
from soulbench.evaluation.run import Setting, comparison, metric_rows
from soulbench.training.dataset import BenchmarkData
from soulbench.training.networks import Networks
from soulbench.unlearning.edits import subset_of
from soulbench.unlearning.influence import Redaction, Solution
from soulbench.unlearning.run import solve_influence

METHOD = "obj-if"
PICTURES = 4  # of the target image and the first others of the subset


class _Bench:
    """One request and one original model, on which redactions are tried and taken back."""

    def __init__(
        self, config: Mapping[str, Any], request: str, seed: int, data_dir: str, original: str, log: Log
    ):
        self.config, self.seed, self.log = config, seed, log
        self.device = devices.prepare(config["device"])
        self.data = BenchmarkData.open(config, data_dir)
        self.request = self.data.requests[request]
        self.setting = Setting.of(self.data, self.request)
        self.networks: Networks = self.data.networks(seed)
        self.networks.load(original)
        self.compare = comparison(config)
        self.original = self.draw()
        self.pictures: dict[str, np.ndarray] = {}

    def draw(self) -> ModelOutputs:
        """What the model as it stands draws."""
        artist = OutputGenerator(self.networks.generator, self.config, self.device)
        return artist.draw_all(self.data.batches(), self.setting.rows, 1)

    def solve(self, **changed: Any) -> tuple[Redaction, Solution, Meter]:
        """The influence of the target under Obj-IF's parameters, some changed; with its cost."""
        parameters = {**runs.parameters(self.config, METHOD), **changed}
        code = registry.method(METHOD)
        plan = code.plan(self.request, subset_of(self.data), code.parameters(**parameters))
        with Meter(self.device) as meter:
            redaction, solution = solve_influence(
                self.data, self.networks, plan.influence, self.seed, self.device, self.log
            )
        return redaction, solution, meter

    def judge(self, name: object, redaction: Redaction, step: torch.Tensor) -> Iterator[dict[str, Any]]:
        """Apply a step, measure, keep some pictures, take the step back."""
        before = {key: value.detach().clone() for key, value in redaction.parameters.items()}
        redaction.apply(step)
        drawn = self.draw()
        with torch.no_grad():
            for key, value in redaction.parameters.items():
                value.copy_(before[key])
        target = self.setting.regions["A1"][0].picture
        shown = [target, *[i for i in range(len(self.data.subset)) if i != target][: PICTURES - 1]]
        self.pictures |= {f"{name}/{task}": drawn.pictures[task][0][shown] for task in TASKS}
        for row in metric_rows(drawn, self.original, None, self.setting, self.compare):
            yield {key: row[key] for key in ("task", "dimension", "metric", "value")}

    def write(self, rows: list[dict[str, Any]], out_csv: str) -> None:
        """Write the table, and the pictures beside it (.npz)."""
        with atomic_path(out_csv) as path:
            pd.DataFrame(rows).to_csv(path, index=False)
        with atomic_path(Path(out_csv).with_suffix(".npz")) as path:
            np.savez_compressed(path, **self.pictures)


def ablate_modules(
    config: Mapping[str, Any], request: str, seed: int, data_dir: str, original: str, out_csv: str, log: Log
) -> None:
    """Redact one module after the other (Figs. 10 and 12)."""
    bench = _Bench(config, request, seed, data_dir, original, log)
    rows = []
    for module in config["ablations"]["modules"]:
        redaction, solution, meter = bench.solve(module=module)
        facts = {
            "module": module,
            "parameters": redaction.size,
            "seconds": meter.seconds,
            "residual": solution.residual,
        }
        step = runs.parameters(config, METHOD)["alpha"] * solution.step
        rows += [{**facts, **row} for row in bench.judge(module, redaction, step)]
        log(
            f"{module}: {redaction.size} parameters in {meter.seconds:.1f} s, residual {solution.residual:.3g}"
        )
    bench.write(rows, out_csv)


def ablate_alpha(
    config: Mapping[str, Any], request: str, seed: int, data_dir: str, original: str, out_csv: str, log: Log
) -> None:
    """Apply one solution in growing steps (Fig. 11)."""
    bench = _Bench(config, request, seed, data_dir, original, log)
    redaction, solution, _ = bench.solve()
    rows = []
    for alpha in config["ablations"]["alphas"]:
        rows += [{"alpha": alpha, **row} for row in bench.judge(alpha, redaction, alpha * solution.step)]
    bench.write(rows, out_csv)
