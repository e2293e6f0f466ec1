"""The questions that every verdict is made of: is the target removed, the rest damaged, the output collapsed?

A fourth asks whether a query recovers the target. Each answer comes with its interval. All are in grey levels (mean
absolute error), against the references for the same requests. A threshold is the midpoint between two references, or
the largest change of the harmless ones; none was chosen by looking at results.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from soulbench.analysis.arrays import RunArrays
from soulbench.analysis.bootstrap import RETRAINED, Bootstrap, Interval
from soulbench.analysis.dimensions import PRIMARY, as_distance
from soulbench.analysis.statistics import mean_of_requests, paired, request_means, spread_over_seeds
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import read_csv
from soulbench.core.terms import RESEED

# Half way from the original (0) to the retrained model (1): beyond it, a model is more like the retrained one.
REMOVED = 0.5
# As far beyond the retrained model as REMOVED is short of it: the model does not just lack the target, it generates
# something wrong in its place.
OVERSHOT = 1.5
# A run is collapsed or not; a method is collapsed if more than half of its runs are.
COLLAPSED = 0.5
# Nothing was removed from these models, or exactly what should be: what they change elsewhere is harmless.
HARMLESS = ("noop-ft", "retrain", RESEED)
# One per cent of the grey scale, about the least contrast that an eye can see: a smaller excess is no damage.
NEGLIGIBLE = 2.55


@dataclass(frozen=True)
class Finding:
    """The answer to a question: True, False, or None if the numbers do not decide; with the number it rests on."""

    holds: bool | None
    effect: Interval
    unit: str


class Evidence:
    """The measurements of a benchmark, and the questions that they answer.

    Attributes:
        arrays: metrics by (method, task, dimension, metric).
        queries: metrics under a query by (method, task, query, metric).
        methods: those measured, without the reseeded original.
    """

    def __init__(self, config: dict[str, Any], metrics: pd.DataFrame, queries: pd.DataFrame):
        """Index the tables; the requests and seeds of `metrics` are the axes of all arrays."""
        self.config = config
        self.bootstrap = Bootstrap.of(config)
        axes = metrics[metrics["method"] != RESEED]
        self.methods = list(dict.fromkeys(axes["method"]))
        self.arrays = RunArrays(metrics, ("method", "task", "dimension", "metric"), axes)
        applicable = queries[queries["status"] == "ok"]
        self.queries = RunArrays(applicable, ("method", "task", "query", "metric"), axes)

    @classmethod
    def read(cls, config: dict[str, Any], paths: ResultPaths) -> "Evidence":
        """Read metrics.csv and queries.csv."""
        return cls(config, read_csv(paths.table("metrics")), read_csv(paths.table("queries")))

    def error(
        self, method: str, task: str, dimension: str = "target_error", metric: str = PRIMARY
    ) -> np.ndarray:
        """Return a dimension as distances [requests, seeds]."""
        return as_distance(metric, self.arrays[method, task, dimension, metric])

    def gap(self, task: str, metric: str = PRIMARY) -> np.ndarray:
        """Return the retrained model's error on the target minus the original's, [requests, seeds]."""
        retrained = spread_over_seeds(self.error("retrain", task, metric=metric))
        return retrained - self.error("original", task, metric=metric)

    def forgotten_share(self, errors: np.ndarray, task: str) -> Interval:
        """Return how far errors [requests, seeds] are on the way from the original (0) to the retrained model (1)."""
        moved, retrained = paired(errors - self.error("original", task), self.error("retrain", task))
        start = np.where(np.isnan(moved), np.nan, self.error("original", task))
        gap = self.bootstrap.mean(retrained, RETRAINED) - self.bootstrap.mean(start)
        return self.bootstrap.ratio(self.bootstrap.mean(moved), gap)

    def removed(self, method: str, task: str) -> Finding:
        """Tell whether a method's error on the target is nearer to the retrained model's than to the original's."""
        share = self.forgotten_share(self.error(method, task), task)
        return Finding(share.above(REMOVED), share, "share of the way to retraining")

    def requests_removed(self, method: str, task: str) -> tuple[int, int]:
        """Return how many of the memorised requests a method removed, and how many were memorised."""
        way = request_means(self.error(method, task) - self.error("original", task))
        gap = request_means(self.gap(task))
        memorised = (gap > 0) & ~np.isnan(way)
        return int((way[memorised] > REMOVED * gap[memorised]).sum()), int(memorised.sum())

    def harmless(self, task: str, dimension: str) -> np.ndarray:
        """Return the distances [requests, seeds] of the harmless reference that changes a dimension most."""
        measured = [name for name in HARMLESS if (name, task, dimension, PRIMARY) in self.arrays]
        errors = [self.error(name, task, dimension) for name in measured]
        largest = max(errors, key=mean_of_requests, default=self.error("", task, dimension))
        return spread_over_seeds(largest)

    def harm(self, errors: np.ndarray, task: str, dimension: str) -> Finding:
        """Tell whether errors [requests, seeds] exceed those of the harmless references visibly."""
        excess = self.bootstrap.interval(errors - self.harmless(task, dimension))
        unit = f"grey levels of {dimension} beyond the harmless references"
        return Finding(excess.above(NEGLIGIBLE), excess, unit)

    def damaged(self, method: str, task: str, dimension: str) -> Finding:
        """Tell whether a method changes a retained dimension visibly more than the harmless references do."""
        return self.harm(self.error(method, task, dimension), task, dimension)

    def collapsed(self, method: str, task: str) -> Finding:
        """Tell whether a method's outputs are constant, or worse than the mean image, in most runs."""
        flags = self.arrays[method, task, "diversity", "collapsed"]
        share = self.bootstrap.interval(flags)
        return Finding(share.above(COLLAPSED), share, "share of collapsed runs")

    def recovered(self, method: str, task: str, queries: Sequence[str]) -> Finding:
        """Tell whether a query recovers the target, with the most successful query of each request.

        It does if the output is nearer to the original model's than to the retrained model's.
        """
        errors = np.stack([self.queries[method, task, query, PRIMARY] for query in queries])
        share = self.forgotten_share(np.fmin.reduce(errors), task)
        forgotten = share.above(REMOVED)
        return Finding(
            None if forgotten is None else not forgotten, share, "share still forgotten under the query"
        )
