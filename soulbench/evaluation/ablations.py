"""Ablations of Obj-IF (paper, appendix): which module is redacted, at what cost, and how strongly (alpha)."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from soulbench.core.records import atomic_path, file_hash, write_json
from soulbench.core.tables import write_csv
from soulbench.core.terms import TASKS, Module
from soulbench.evaluation.context import RequestContext
from soulbench.evaluation.outputs import ModelOutputs, OutputGenerator
from soulbench.evaluation.run import comparison, metric_rows
from soulbench.training.dataset import BenchmarkData
from soulbench.training.networks import Networks
from soulbench.training.stages import origin
from soulbench.unlearning.edits import subset_of
from soulbench.unlearning.influence import Redaction, Solution
from soulbench.unlearning.redaction import InfluenceSystem

METHOD = "obj-if"
SHOWN_IMAGES = 4  # kept for the figures: the target image and the first others of the subset


@dataclass(frozen=True)
class _Solved:
    """What Obj-IF would do to one module, and the seconds that it took to find out."""

    redaction: Redaction
    solution: Solution
    seconds: float


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
        target = self.context.regions["A1"][0].image_index
        others = [i for i in range(len(self.data.subset)) if i != target]
        self.shown = [target, *others[: SHOWN_IMAGES - 1]]

    def generate(self) -> ModelOutputs:
        """Return the outputs of the model in its current state."""
        output_generator = OutputGenerator(self.networks.generator, self.config, self.device)
        return output_generator.generate_all(self.data.batches(), self.context.rows, 1)

    def solve(self, modules: Sequence[Module]) -> dict[Module, _Solved]:
        """Return the redactions of some modules, none of them applied.

        Their seconds include those of what the modules share: each is what a redaction of this module alone takes.
        """
        code = registry.method(METHOD)
        plan = code.plan(
            self.request, subset_of(self.data), code.parameters(**runs.parameters(self.config, METHOD))
        )
        with Meter(self.device) as shared:
            system = InfluenceSystem(
                self.data, self.networks, plan.influence, modules, self.seed, self.device
            )
        solved = {}
        for module in modules:
            with Meter(self.device) as meter:
                redaction, solution = system.solve(module, self.log)
            solved[module] = _Solved(redaction, solution, shared.seconds + meter.seconds)
            self.log(
                f"{module}: {redaction.size} parameters, {solution.iterations} products in {meter.seconds:.1f} s, "
                f"residual {solution.residual:.3g}"
            )
        return solved

    def measure(self, redaction: Redaction, step: torch.Tensor) -> tuple[list[dict[str, Any]], ModelOutputs]:
        """Apply a step, undo it, and return the metrics and the outputs."""
        with redaction.applied(step):
            outputs = self.generate()
        rows = metric_rows(outputs, self.original, [], self.context, self.compare)
        return [{key: row[key] for key in ("task", "dimension", "metric", "value")} for row in rows], outputs


class _Table:
    """A table of measurements, and the images beside it."""

    def __init__(self, shown: Sequence[int]):
        self.shown, self.rows, self.images = list(shown), list[dict[str, Any]](), dict[str, Any]()

    def add(self, facts: Mapping[str, Any], measured: tuple[list[dict[str, Any]], ModelOutputs]) -> None:
        """Add the metrics of one redaction; the first of the facts names its images."""
        rows, outputs = measured
        self.rows += [{**facts, **row} for row in rows]
        name = next(iter(facts.values()))
        self.images |= {f"{name}/{task}": outputs.images[task][0][self.shown] for task in TASKS}

    def write(self, out_csv: str) -> None:
        """Write the table, and the images beside it (.npz)."""
        write_csv(pd.DataFrame(self.rows), out_csv, float_format=None)
        with atomic_path(Path(out_csv).with_suffix(".npz")) as path:
            np.savez_compressed(path, **self.images)


def ablate(
    config: Mapping[str, Any],
    request: str,
    seed: int,
    data_dir: str,
    original: str,
    out_modules: str,
    out_alpha: str,
    out_record: str,
    source: str,
    log: Log,
) -> None:
    """Redact one module after another with one alpha (Figs. 10 and 12), then the usual one with several (Fig. 11).

    Args:
        config: the configuration.
        request: id of the request.
        seed: the training seed.
        data_dir: results/<name>/data.
        original: checkpoint of the original model.
        out_modules, out_alpha: the tables to write; the images are written beside them.
        out_record: the record to write, as `soulbench.evaluation.run.evaluate` does.
        source: hash of the sources, for the record.
        log: writes a line.
    """
    parameters, ablations = runs.parameters(config, METHOD), config["ablations"]
    trial = _RedactionTrial(config, request, seed, data_dir, original, log)
    # All are solved for before one is applied: the graph that they share is of the original's weights.
    solved = trial.solve(list(dict.fromkeys([*ablations["modules"], parameters["module"]])))

    @functools.cache
    def measured(module: Module, alpha: float) -> tuple[list[dict[str, Any]], ModelOutputs]:
        return trial.measure(solved[module].redaction, alpha * solved[module].solution.step)

    modules, alphas = _Table(trial.shown), _Table(trial.shown)
    for module in ablations["modules"]:
        one = solved[module]
        facts = {"module": module, "parameters": one.redaction.size, "seconds": one.seconds}
        facts["residual"] = one.solution.residual
        modules.add(facts, measured(module, ablations["alpha"]))
    for alpha in ablations["alphas"]:
        alphas.add({"alpha": alpha}, measured(parameters["module"], alpha))
    modules.write(out_modules)
    alphas.write(out_alpha)
    digests = {"modules": file_hash(out_modules), "alpha": file_hash(out_alpha)}
    provenance = origin(config, config, seed, source)
    write_json(out_record, {"request": request, "seed": seed, "digests": digests, **provenance})
