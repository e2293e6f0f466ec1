"""Intervals and tests whose unit is the request.

`scipy.stats.bootstrap` resamples one axis of independent values. It can neither resample in two levels (requests, then
the seeds of each) nor share the resamples between methods, so both are done here, as one matrix product. Tests and
ranks are SciPy's. It corrects for multiple tests by false discovery rates only, so Holm's procedure is here too.
"""

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from soulbench.core.seeds import derive_seed


@dataclass(frozen=True)
class Interval:
    """A mean with its interval; the ends are NaN where there are too few requests for one."""

    mean: float
    low: float
    high: float
    requests: int
    seeds: int

    def above(self, threshold: float) -> bool | None:
        """Tell whether the interval lies above the threshold: True, False (below it) or None (it contains it)."""
        if self.low > threshold:
            return True
        return False if self.high < threshold else None


@dataclass(frozen=True)
class Bootstrap:
    """The hierarchical bootstrap of a benchmark: requests with replacement, then the seeds of each with replacement.

    The resamples depend only on `seed` and on which runs there are. Methods with the same runs are therefore resampled
    alike (common random numbers), and the interval of a difference is that of the paired difference.

    Attributes:
        resamples: how many.
        confidence: of the intervals, such as 0.95.
        min_requests: with fewer there are no intervals.
        seed: of the random numbers.
    """

    resamples: int
    confidence: float
    min_requests: int
    seed: int

    @classmethod
    def of(cls, config: dict[str, Any]) -> "Bootstrap":
        """Return the bootstrap that the configuration asks for."""
        part = config["analysis"]
        return cls(
            part["bootstrap"],
            part["confidence"],
            part["min_requests"],
            derive_seed(config["seed"], "bootstrap"),
        )

    def means(self, values: np.ndarray) -> np.ndarray:
        """Return resampled means of `values` [requests, seeds, ...] as [resamples, ...].

        NaN marks runs that do not exist.
        """
        requests, seeds, *others = values.shape
        flat = values.reshape(
            requests * seeds, math.prod(others)
        )  # -1 would not do: there may be no run at all
        result = np.full((self.resamples, flat.shape[1]), np.nan)
        filled = ~np.isnan(flat)
        for pattern in np.unique(filled, axis=1).T:
            columns = (filled == pattern[:, None]).all(axis=0)
            if pattern.any():
                weights = _weights(self, pattern.reshape(values.shape[:2]).tobytes(), values.shape[:2])
                result[:, columns] = weights[:, pattern] @ flat[np.ix_(pattern, columns)]
        return result.reshape(self.resamples, *values.shape[2:])

    def ends(self, resampled: np.ndarray, requests: int) -> tuple[float, float]:
        """Return the ends of the interval of values [resamples] that were resampled from so many requests.

        They are percentiles, widened for few requests (T. Hesterberg, The American Statistician 69, 2015, section 4.3).
        Plain percentiles are too narrow by sqrt(1 - 1/n), and by the normal distribution in place of Student's t: with
        6 requests, an interval called 95 % would cover about 87 %.
        """
        if requests < max(self.min_requests, 2) or np.isnan(resampled).any():
            return np.nan, np.nan
        reach = stats.t.ppf((1 + self.confidence) / 2, requests - 1) * np.sqrt(requests / (requests - 1))
        tail = stats.norm.sf(reach)
        low, high = np.quantile(resampled, [tail, 1 - tail])
        return float(low), float(high)

    def interval(self, values: np.ndarray) -> Interval:
        """Return the mean over requests of the means over seeds of `values` [requests, seeds], and its interval."""
        requests, seeds = _extent(values)
        low, high = self.ends(self.means(values), requests)
        return Interval(mean_of_requests(values), low, high, requests, seeds)

    def ratio(self, numerator: np.ndarray, denominator: np.ndarray) -> Interval:
        """Return the ratio of the means of two arrays [requests, seeds] over their common runs, and its interval.

        The ends are NaN unless the interval of the denominator is above 0: a ratio to about 0 means nothing.
        """
        both = ~(np.isnan(numerator) | np.isnan(denominator))
        top, bottom = np.where(both, numerator, np.nan), np.where(both, denominator, np.nan)
        requests, seeds = _extent(bottom)
        base = self.interval(bottom)
        point = mean_of_requests(top) / base.mean if base.mean > 0 else np.nan
        low, high = (
            self.ends(self.means(top) / self.means(bottom), requests) if base.low > 0 else (np.nan, np.nan)
        )
        return Interval(float(point), low, high, requests, seeds)


@functools.lru_cache(maxsize=64)
def _weights(bootstrap: Bootstrap, pattern: bytes, shape: tuple[int, int]) -> np.ndarray:
    """Return the weight of each run in each resample, [resamples, requests * seeds]."""
    filled = np.frombuffer(pattern, bool).reshape(shape)
    rows = np.flatnonzero(filled.any(axis=1))
    random = np.random.default_rng(bootstrap.seed)
    requests = rows[(random.random((bootstrap.resamples, len(rows))) * len(rows)).astype(int)]
    counts = filled.sum(axis=1)[requests]
    ranks = (random.random((*requests.shape, shape[1])) * counts[..., None]).astype(int)
    # The rank-th existing seed of each resampled request; of its random ranks, as many count as it has seeds.
    seeds = np.argsort(~filled, axis=1, kind="stable")[requests[..., None], ranks]
    share = (np.arange(shape[1]) < counts[..., None]) / (counts[..., None] * len(rows))
    indices = requests[..., None] * shape[1] + seeds
    indices += np.arange(bootstrap.resamples)[:, None, None] * filled.size
    weights = np.bincount(indices.ravel(), weights=share.ravel(), minlength=bootstrap.resamples * filled.size)
    return weights.reshape(bootstrap.resamples, filled.size)


def _extent(values: np.ndarray) -> tuple[int, int]:
    """Return how many requests and how many seeds have a value."""
    filled = ~np.isnan(values)
    return int(filled.any(axis=1).sum()), int(filled.any(axis=0).sum())


def request_means(values: np.ndarray) -> np.ndarray:
    """Return the means over seeds of `values` [requests, seeds, ...]; NaN for a request without a value."""
    filled = ~np.isnan(values)
    count = filled.sum(axis=1)
    total = np.where(filled, values, 0.0).sum(axis=1)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def mean_of_requests(values: np.ndarray) -> float:
    """Return the mean over requests of the means over seeds; NaN if there is no value."""
    means = request_means(values)
    return float(means[~np.isnan(means)].mean()) if (~np.isnan(means)).any() else float("nan")


def spread_over_seeds(values: np.ndarray) -> np.ndarray:
    """Return `values` [requests, seeds] with missing seeds filled by the request's mean, so that all seeds pair."""
    return np.where(np.isnan(values), request_means(values)[:, None], values)


def signed_rank(differences: np.ndarray) -> tuple[float, float]:
    """Return Wilcoxon's two-sided p and the matched rank-biserial correlation of differences [requests].

    The correlation is the difference of the positive and negative rank sums over the sum of all ranks (D. Kerby,
    Comprehensive Psychology 3, 2014).
    """
    nonzero = differences[~np.isnan(differences) & (differences != 0)]
    if not len(nonzero):
        return 1.0, 0.0
    ranks = stats.rankdata(np.abs(nonzero))
    effect = float((ranks * np.sign(nonzero)).sum() / ranks.sum())
    return float(stats.wilcoxon(nonzero).pvalue), effect


def holm(p_values: np.ndarray) -> np.ndarray:
    """Return p values [n] adjusted by Holm's step-down procedure (S. Holm, Scand. J. Statist. 6, 1979)."""
    order = np.argsort(p_values)
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
