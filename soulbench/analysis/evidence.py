"""The measurements of a benchmark, and the questions that every verdict is made of.

Is the target removed, is it forgotten, is the rest damaged, is the output collapsed? Each answer comes with its
interval. All are in grey levels (mean absolute error), for the same requests. Thresholds are midpoints between
references, the spread of retrained models, or what an eye can see; none was chosen by looking at results.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from soulbench.analysis.arrays import RunArrays
from soulbench.analysis.band import BAND, Band, sigma_floor
from soulbench.analysis.bootstrap import RETRAINED, SEEDS, Bootstrap, Interval
from soulbench.analysis.dimensions import PRIMARY, REGION_GROUPS, as_distance
from soulbench.analysis.findings import Finding
from soulbench.analysis.statistics import paired, request_means
from soulbench.config import runs
from soulbench.core.terms import BANK, RESEED

# Half way from the original (0) to the retrained model (1): beyond it, a model is more like the retrained one.
REMOVED = 0.5
# A run is collapsed or not; a method is collapsed if more than half of its runs are.
COLLAPSED = 0.5
# One per cent of the grey scale, about the least contrast that an eye can see: a smaller excess is no damage. In the
# other metrics, what goes along with it.
NEGLIGIBLE = {PRIMARY: 2.55, "ssim": 0.025, "lpips": 0.025}
# Groups of fewer compared objects, over all requests, are not judged.
FEWEST_OBJECTS = 3
NOOP = "noop-ft"
SD = "sd of the retrained models"


class Evidence:
    """The measurements of a benchmark, and the questions that they answer.

    Attributes:
        arrays: metrics by (method, task, dimension, metric).
        queries: metrics under a query by (method, task, query, metric).
        axes: the requests and seeds, which are the axes of all arrays.
        methods: those measured, without the reseeded original.
        objects: how many regions a dimension compares over all requests.
    """

    def __init__(
        self,
        config: dict[str, Any],
        metrics: pd.DataFrame,
        queries: pd.DataFrame,
        noops: pd.DataFrame | None = None,
    ):
        """Index the tables; the requests and seeds of `metrics` are the axes of all arrays.

        Args:
            config: the resolved configuration.
            metrics, queries: the tables of that name.
            noops: what noop-ft changes at the budget of a method, under the method's name and in the columns of
                `metrics`, for methods that are at another budget than described.
        """
        self.config = config
        self.bootstrap = Bootstrap.of(config)
        bank, metrics = _split(metrics)
        axes = metrics[metrics["method"] != RESEED]
        self.axes = axes[["request", "seed"]].drop_duplicates()
        self.methods = list(dict.fromkeys(axes["method"]))
        keys = ("method", "task", "dimension", "metric")
        self.arrays = RunArrays(metrics, keys, axes)
        self._noops = RunArrays(metrics.iloc[:0] if noops is None else noops, keys, axes)
        bank_queries, queries = _split(queries[queries["status"] == "ok"])
        self.queries = RunArrays(queries, ("method", "task", "query", "metric"), axes)
        self._bank = RunArrays(bank, ("task", "dimension", "metric"))
        self._bank_queries = RunArrays(bank_queries, ("task", "query", "metric"), bank)
        self._out = _out_models(config, self._bank)
        if self._bank:  # every model of a bank is evaluated for every request
            assert self._bank.requests == self.arrays.requests
        counts = axes.groupby(["dimension", "request"])["regions"].max()
        self.objects = counts.groupby("dimension").sum()

    @property
    def level(self) -> float:
        """The level of a test, such as 0.05."""
        return 1 - self.bootstrap.confidence

    def error(
        self, method: str, task: str, dimension: str = "target_error", metric: str = PRIMARY
    ) -> np.ndarray:
        """Return a dimension as distances [requests, seeds]."""
        return as_distance(metric, self.arrays[method, task, dimension, metric])

    @property
    def has_bank(self) -> bool:
        """Whether the retrained models are those of a bank."""
        return self._out is not None

    def retrained(self, task: str, dimension: str, metric: str = PRIMARY) -> np.ndarray:
        """Return a metric of the models that never saw a request's targets, [requests, models].

        They are the bank's models without them; without a bank, those of the method `retrain`.
        """
        if self._out is None:
            return self.arrays["retrain", task, dimension, metric]
        return np.where(self._out, self._bank[task, dimension, metric], np.nan)

    def retrained_under(self, task: str, query: str) -> np.ndarray:
        """Return the same models' errors on the target under a query, [requests, models]."""
        if self._out is None:
            return self.queries["retrain", task, query, PRIMARY]
        return np.where(self._out, self._bank_queries[task, query, PRIMARY], np.nan)

    def band(self, task: str, metric: str = PRIMARY) -> Band:
        """Return the errors of the models that never saw the targets, and of the originals, which did."""
        out = as_distance(metric, self.retrained(task, "target_error", metric))
        return Band(out, self.error("original", task, metric=metric), sigma_floor(self.config, metric))

    def memory(self, task: str) -> Band:
        """Return the same, but with the bank's own models that saw the targets, where there is a bank."""
        band = self.band(task)
        if self._out is None:
            return band
        return replace(band, inside=np.where(self._out, np.nan, self._bank[task, "target_error", PRIMARY]))

    def forgotten_share(self, errors: np.ndarray, task: str, metric: str = PRIMARY) -> Interval:
        """Return how far errors [requests, seeds] are on the way from the original (0) to the retrained model (1)."""
        band = self.band(task, metric)
        moved, _ = paired(errors - self.error("original", task, metric=metric), band.out)
        return self.bootstrap.ratio(self.bootstrap.mean(moved), band.gap(self.bootstrap, moved))

    def removed(self, method: str, task: str) -> Finding:
        """Tell whether a method's error on the target is nearer to the retrained model's than to the original's."""
        return self.removed_by(self.error(method, task), task)

    def removed_by(self, errors: np.ndarray, task: str) -> Finding:
        """Tell whether errors [requests, seeds] are nearer to the retrained model's than to the original's."""
        return Finding.above(self.forgotten_share(errors, task), REMOVED, "share of the way to retraining")

    def remembered(self, method: str, task: str) -> Finding:
        """Tell whether a method's error on the target is smaller than those of the retrained models' band."""
        return self._in_band(Finding.above(self._sod(method, task), BAND, SD), method, task)

    def beyond(self, method: str, task: str) -> Finding:
        """Tell whether a method's error on the target is greater than those of the retrained models' band."""
        return self._in_band(Finding.above(self._sod(method, task), -BAND, SD).negated(), method, task)

    def unlike(self, method: str, task: str) -> Finding:
        """Tell whether the target's image is farther from a retrained model's than two of these are (E_A1)."""
        noise, axis = self.retrained_noise(task, "A1")
        errors, noise = paired(self.error(method, task, "retrain-A1"), noise)
        excess = self.bootstrap.mean(errors) - self.bootstrap.mean(noise, axis)
        finding = Finding.above(self.bootstrap.interval(excess), NEGLIGIBLE[PRIMARY], "grey levels of E_A1")
        return self._with_spread(finding, task)

    def _in_band(self, finding: Finding, method: str, task: str) -> Finding:
        """Return a finding about the mean over requests; in the band are most requests, or it is not in the band.

        Requests that are beyond the band would otherwise make up for others that are remembered.
        """
        inside, _, _ = self.counts(method, task)
        requests = finding.effect.requests
        if finding.holds is False and inside <= requests / 2:
            finding = finding.undecided(f"in the band: {inside} of {requests} requests")
        return self._with_spread(finding, task)

    def _with_spread(self, finding: Finding, task: str) -> Finding:
        """Return a finding that needs the spread of the retrained models, which a single one does not have."""
        if self.band(task).sigma_of == "retrain":
            return finding
        return finding.undecided("one retrained model a request: their spread is unknown")

    def _sod(self, method: str, task: str) -> Interval:
        return self.band(task).mean_sod(self.bootstrap, self.error(method, task))

    def retrained_noise(self, task: str, dimension: str, metric: str = PRIMARY) -> tuple[np.ndarray, str]:
        """Return distances between two retrained models [requests, columns], and what the columns are.

        With one retrained model a request they are those between two original models, of the same regions.
        """
        noise = as_distance(metric, self.retrained(task, f"retrain-{dimension}", metric))
        if not np.isnan(noise).all():
            return noise, RETRAINED
        return self.error(RESEED, task, dimension, metric), SEEDS

    def counts(self, method: str, task: str) -> tuple[int, int, int]:
        """Return how many requests a method brought into the band, how many it removed, and how many were memorised.

        Only memorised requests can be removed: those whose target the original generates better than retraining.
        """
        band, errors = self.band(task), self.error(method, task)
        way = request_means(errors - self.error("original", task))
        gap = request_means(band.out) - request_means(band.inside)
        memorised = (gap > 0) & ~np.isnan(way)
        removed = way[memorised] > REMOVED * gap[memorised]
        return int((np.abs(band.sod(errors)) <= BAND).sum()), int(removed.sum()), int(memorised.sum())

    def noop(self, method: str, task: str, dimension: str, metric: str = PRIMARY) -> np.ndarray:
        """Return the distances [requests, seeds] of noop-ft at the budget of a method."""
        key = (method, task, dimension, metric)
        return as_distance(metric, self._noops[key] if key in self._noops else self.arrays[NOOP, *key[1:]])

    def trains_anew(self, method: str) -> bool:
        """Tell whether a method does not start from the original model: retraining, or an exact replay."""
        return method in self.methods and runs.method(self.config, method).retrains

    def changed_beyond(
        self, method: str, errors: np.ndarray, noop: np.ndarray, task: str, dimension: str, metric: str
    ) -> Interval:
        """Return by how much a method's distances [requests, seeds] exceed those of noop-ft, which has its budget.

        A model that is trained anew is compared with the models that never saw the targets, which draw everything else
        slightly differently as well.
        """
        if self.trains_anew(method):
            return self.bootstrap.excess(errors, as_distance(metric, self.retrained(task, dimension, metric)))
        return self.bootstrap.interval(errors - noop)

    def harm(
        self, errors: Callable[[str], np.ndarray], task: str, dimension: str, method: str = NOOP
    ) -> Finding:
        """Tell whether a retained dimension is visibly worse than after the same training with nothing removed.

        SSIM or LPIPS must not contradict it: damage where one of them is certain to see less than after noop-ft, or no
        damage where one is certain to see some, is undecided.

        Args:
            errors: returns the distances [requests, seeds] of a metric.
            task: the task.
            dimension: what is retained.
            method: with whose budget noop-ft is compared, by default its own.
        """

        def excess(metric: str) -> Interval:
            noop = self.noop(method, task, dimension, metric)
            return self.changed_beyond(method, errors(metric), noop, task, dimension, metric)

        unit = f"grey levels of {dimension} beyond {'retraining' if self.trains_anew(method) else NOOP}"
        finding = Finding.above(excess(PRIMARY), NEGLIGIBLE[PRIMARY], unit)
        objects = int(self.objects.get(dimension, 0))
        if dimension in REGION_GROUPS and objects < FEWEST_OBJECTS:
            return finding.undecided(f"{objects} objects, {FEWEST_OBJECTS} needed")
        if finding.holds is None:
            return finding
        for metric in ("ssim", "lpips"):
            other = excess(metric)
            if not other.requests:
                finding = replace(finding, note="SSIM and LPIPS are not measured at this budget")
            contradicts = other.high < 0 if finding.holds else other.low > NEGLIGIBLE[metric]
            if contradicts:
                return finding.undecided(f"{metric} contradicts: {other.mean:.2g} beyond noop-ft")
        return finding

    def damaged(self, method: str, task: str, dimension: str) -> Finding:
        """Tell whether a method damages a retained dimension."""
        return self.harm(lambda metric: self.error(method, task, dimension, metric), task, dimension, method)

    def collapsed(self, method: str, task: str) -> Finding:
        """Tell whether a method's outputs are constant, or far from photographs, in most runs."""
        share = self.bootstrap.interval(self.arrays[method, task, "diversity", "collapsed"])
        return Finding.above(share, COLLAPSED, "share of collapsed runs")


def _split(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows of the bank's models, whose "seed" is their number, and all others."""
    of_bank = frame["method"] == BANK
    return frame[of_bank], frame[~of_bank]


def _out_models(config: dict[str, Any], bank: RunArrays) -> np.ndarray | None:
    """Return which of the bank's models never saw a request's targets, [requests, models]; None without a bank."""
    if not bank:
        return None
    numbers = [runs.out_models(config, request) for request in bank.requests]
    return np.array([[model in out for model in bank.seeds] for out in numbers])
