"""What every method forgets and harms at every budget at which it is judged."""

import numpy as np
import pandas as pd

from soulbench.analysis.arrays import RunArrays
from soulbench.analysis.bootstrap import Interval
from soulbench.analysis.dimensions import PRIMARY, as_distance
from soulbench.analysis.evidence import NOOP, Evidence
from soulbench.config import runs


class Budgets:
    """The errors of a benchmark's methods at every budget, and what these mean.

    A budget of None stands for a method as it is described: there, more is measured than at other budgets.

    Attributes:
        measured: the budgets at which each method is judged, in ascending order.
    """

    def __init__(self, evidence: Evidence, budgets: pd.DataFrame):
        """Index budgets.csv, all records; the requests and seeds of the evidence are the axes."""
        self.evidence = evidence
        keys = ("method", "budget", "task", "dimension", "metric")
        self.arrays = RunArrays(budgets, keys, evidence.axes)
        self.measured: dict[str, list[float]] = {}
        for method, budget in sorted({key[:2] for key in self.arrays}):
            self.measured.setdefault(method, []).append(budget)

    def error(self, method: str, budget: float | None, task: str, dimension: str, metric: str) -> np.ndarray:
        """Return a dimension at a budget as distances [requests, seeds], NaN where it was not measured."""
        if budget is None:
            return self.evidence.error(method, task, dimension, metric)
        return as_distance(metric, self.arrays[method, budget, task, dimension, metric])

    def forgotten(self, method: str, budget: float | None, task: str, metric: str = PRIMARY) -> Interval:
        """Return the share of the way from the original (0) to the retrained model (1)."""
        error = self.error(method, budget, task, "target_error", metric)
        return self.evidence.forgotten_share(error, task, metric)

    def harm(
        self, method: str, budget: float | None, task: str, dimension: str, metric: str = PRIMARY
    ) -> Interval:
        """Return a retained dimension minus that of `noop-ft` of the same request, seed and budget (`changed_beyond`).

        A redaction, whose budget is a strength and not a number of steps, is compared with `noop-ft` as described.
        """
        trains = budget is not None and runs.method(self.evidence.config, method).family == "finetune"
        noop = self.error(NOOP, budget if trains else None, task, dimension, metric)
        errors = self.error(method, budget, task, dimension, metric)
        return self.evidence.changed_beyond(method, errors, noop, task, dimension, metric)
