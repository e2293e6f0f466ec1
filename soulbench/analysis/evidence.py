"""The four questions every verdict is made of.

Removed? damaged? collapsed? found again? Each with its interval.

All in grey levels (mean absolute error), with the references of the same requests. Thresholds are midpoints
between references or the largest of the harmless ones; none was chosen by looking at results.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from soulbench.analysis.arrays import Cubes
from soulbench.analysis.dimensions import PRIMARY, as_distance
from soulbench.analysis.gather import read_csv
from soulbench.analysis.statistics import (
    Bootstrap,
    Interval,
    mean_of_requests,
    request_means,
    spread_over_seeds,
)
from soulbench.core.terms import RESEED

# The way from the original model (0) to the retrained one (1): beyond its middle a model is more like the
# retrained.
REMOVED = 0.5
# As far beyond the retrained model as REMOVED is short of it: it does not merely not know, it draws
# something wrong.
OVERSHOT = 1.5
# A cell is collapsed or not; a method is, if it is in more than half of its cells.
COLLAPSED = 0.5
# Models from which nothing was taken, or exactly what should be: what they change in the rest is harmless.
HARMLESS = ("noop-ft", "retrain", RESEED)
# One per cent of the grey scale, about the least contrast an eye tells apart: less beyond them is no damage.
NEGLIGIBLE = 2.55
NOTHING = Interval(np.nan, np.nan, np.nan, 0, 0)


@dataclass(frozen=True)
class Finding:
    """An answer (True, False, None: it cannot be told) with the number it rests on."""

    holds: bool | None
    effect: Interval
    unit: str


class Evidence:
    """The measured cells of a benchmark, and the questions one asks of them."""

    def __init__(self, config: dict[str, Any], metrics: pd.DataFrame, queries: pd.DataFrame):
        """Index the tables; requests and seeds of `metrics` are the axes."""
        self.config = config
        self.bootstrap = Bootstrap.of(config)
        real = metrics[metrics["method"] != RESEED]
        self.cells = Cubes(metrics, ("method", "task", "dimension", "metric"), axes=real)
        self.methods = list(dict.fromkeys(real["method"]))
        self.queries = self._answered(queries, real)

    @classmethod
    def read(cls, config: dict[str, Any], tables_dir: Path) -> "Evidence":
        """Read metrics.csv and queries.csv."""
        return cls(config, read_csv(tables_dir / "metrics.csv"), read_csv(tables_dir / "queries.csv"))

    @staticmethod
    def _answered(queries: pd.DataFrame, axes: pd.DataFrame) -> Cubes:
        answered = queries[queries["status"] == "ok"]
        return Cubes(answered, ("method", "task", "query", "metric"), axes=axes)

    @property
    def enough(self) -> bool:
        """Tell whether there are requests enough for an interval."""
        return len(self.cells.requests) >= self.bootstrap.min_requests

    def error(
        self, method: str, task: str, dimension: str = "target_error", metric: str = PRIMARY
    ) -> np.ndarray:
        """Return a dimension as a distance, cells [requests, seeds]."""
        return as_distance(metric, self.cells[method, task, dimension, metric])

    def gap(self, task: str, metric: str = PRIMARY) -> np.ndarray:
        """Return how much worse than the original the retrained model draws the target, [requests, seeds]."""
        retrained = spread_over_seeds(self.error("retrain", task, metric=metric))
        return retrained - self.error("original", task, metric=metric)

    def memorised(self, task: str) -> Interval:
        """Return the interval of the gap: above 0, the original knew what retraining does not."""
        return self.bootstrap.interval(self.gap(task))

    def share(self, errors: np.ndarray, task: str) -> Interval:
        """Return how far errors [requests, seeds] are from the original (0) to the retrained model (1)."""
        return self.bootstrap.ratio(errors - self.error("original", task), self.gap(task))

    def forgotten(self, method: str, task: str) -> Interval:
        """Return a method's share of the way from the original to the retrained model."""
        return self.share(self.error(method, task), task)

    def removed(self, method: str, task: str) -> Finding:
        """Ask whether a method's error on the target is nearer the retrained model's than the original's."""
        share = self.forgotten(method, task)
        return Finding(share.above(REMOVED), share, "share of the way to retraining")

    def requests_removed(self, method: str, task: str) -> tuple[int, int]:
        """Count the requests beyond the middle, of those that were memorised at all."""
        way = request_means(self.error(method, task) - self.error("original", task))
        gap = request_means(self.gap(task))
        known = (gap > 0) & ~np.isnan(way)
        return int((way[known] > REMOVED * gap[known]).sum()), int(known.sum())

    def harmless(self, task: str, dimension: str) -> tuple[str, np.ndarray]:
        """Return the harmless reference that changes a dimension most, and its cells.

        An empty name if none is there.
        """
        found = {
            name: self.error(name, task, dimension)
            for name in HARMLESS
            if (name, task, dimension, PRIMARY) in self.cells
        }
        worst = max(found, key=lambda name: mean_of_requests(found[name]), default="")
        return worst, spread_over_seeds(found[worst]) if worst else self.error("", task, dimension)

    def harm(self, method: str, task: str, dimension: str) -> Interval:
        """Return how much more a method changes than the most-changing harmless reference, in grey levels."""
        _, reference = self.harmless(task, dimension)
        return self.bootstrap.interval(self.error(method, task, dimension) - reference)

    def damaged(self, method: str, task: str, dimension: str) -> Finding:
        """Ask whether a method changes a retained dimension visibly more than the harmless do."""
        harm = self.harm(method, task, dimension)
        return Finding(
            harm.above(NEGLIGIBLE), harm, f"grey levels of {dimension} beyond the harmless references"
        )

    def collapsed(self, method: str, task: str) -> Finding:
        """Ask whether a method's outputs are constant, or worse than the mean picture, in most cells."""
        flags = self.cells[method, task, "diversity", "collapsed"]
        share = self.bootstrap.interval(flags)
        return Finding(share.above(COLLAPSED), share, "share of collapsed cells")

    def found_again(self, method: str, task: str, queries: Sequence[str]) -> Finding:
        """Ask whether the target is found again by the query that shows most of it, request by request.

        Found: its drawing is nearer to the original model's than to the retrained one's.
        """
        errors = np.stack([self.queries[method, task, query, PRIMARY] for query in queries])
        share = self.share(np.fmin.reduce(errors), task)
        forgotten = share.above(REMOVED)
        return Finding(
            None if forgotten is None else not forgotten, share, "share still forgotten under the query"
        )
