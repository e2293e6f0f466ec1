"""Intervals over requests and seeds, which are crossed: the pigeonhole bootstrap.

One original model of a seed serves all requests, so neither axis is nested in the other. Both are resampled on their
own, and the weight of a run is the product of the two (A. Owen, Annals of Applied Statistics 1, 2007). Retrained models
are a third axis of the same kind. `scipy.stats.bootstrap` resamples one axis; there the two agree, which is tested.

From few requests or seeds, percentiles of resamples are too narrow. So only the variance is taken from the resamples.
It is enlarged by n / (n - 1) of each axis. Student's t of each axis multiplies it, weighed by the axis's share of the
variance (S. Banerjee, Sankhya 22, 1960). `benchmarks/coverage.py` says how often such intervals cover the truth.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import scipy

from soulbench.analysis.statistics import paired, request_means
from soulbench.core.seeds import derive_seed

#: With fewer seeds, or retrained models, an interval is over requests only: it holds for these seeds.
FEWEST_COLUMNS = 3
#: The least p of several axes: beyond it, the quantiles of Student's t are not exact.
LEAST_P = 1e-12
REQUESTS, SEEDS, RETRAINED = "requests", "seeds", "retrained models"


@dataclass(frozen=True)
class Estimate:
    """A mean over requests, or a sum of such means, with its resamples.

    Attributes:
        value: the mean.
        resamples: of it, [resamples].
        influences: of each request, seed or retrained model on it, by axis, zero where there is none; their squares
            sum to the bootstrap's variance, as far as it is due to that axis.
        counts: how many there are of each.
        seeds: how many seeds have a value; unlike `counts`, also where there are too few to resample.
    """

    value: float
    resamples: np.ndarray
    influences: Mapping[str, np.ndarray]
    counts: Mapping[str, int]
    seeds: int

    def __sub__(self, other: "Estimate") -> "Estimate":
        """Return the difference of two means over the same requests."""
        influences = dict(self.influences)
        for axis, influence in other.influences.items():
            influences[axis] = influences[axis] - influence if axis in influences else -influence
        return Estimate(
            self.value - other.value,
            self.resamples - other.resamples,
            influences,
            {**other.counts, **self.counts},
            self.seeds or other.seeds,
        )

    def __mul__(self, factor: float) -> "Estimate":
        """Return the multiple of a mean."""
        influences = {axis: factor * influence for axis, influence in self.influences.items()}
        return replace(
            self, value=factor * self.value, resamples=factor * self.resamples, influences=influences
        )


@dataclass(frozen=True)
class Moments:
    """What decides how far a ratio of two means may be from its estimate (E. Fieller, JRSS B 16, 1954).

    Attributes:
        top: numerator; the mean itself, if the denominator is 1.
        bottom: denominator.
        variances: of the numerator, of both together, and of the denominator, enlarged for few requests and seeds.
        axes: number of members, and share of the variance, of each axis by its name.
    """

    top: float
    bottom: float
    variances: tuple[float, float, float]
    axes: Mapping[str, tuple[float, float]]

    def reach(self, confidence: float) -> float:
        """Return how many standard errors the interval reaches to either side."""
        squares = (
            share * scipy.special.stdtrit(number - 1, (1 + confidence) / 2) ** 2
            for number, share in self.axes.values()
        )
        return float(np.sqrt(sum(squares)))

    def ends(self, confidence: float) -> tuple[float, float]:
        """Return the ends; NaN unless the denominator is certain to be above 0: a ratio to about 0 means nothing."""
        square = self.reach(confidence) ** 2
        top, both, bottom = (square * variance for variance in self.variances)
        a, b, c = self.bottom**2 - bottom, self.top * self.bottom - both, self.top**2 - top
        if self.bottom <= 0 or not a > 0:
            return np.nan, np.nan
        root = np.sqrt(max(b**2 - a * c, 0.0))
        return float((b - root) / a), float((b + root) / a)

    def away(self, threshold: float) -> tuple[float, float]:
        """Return how far the numerator is from the threshold times the denominator, and the variance of that."""
        top, both, bottom = self.variances
        return self.top - threshold * self.bottom, top - 2 * threshold * both + threshold**2 * bottom

    def p(self, threshold: float) -> float:
        """Return the two-sided p of the ratio being the threshold: where the interval would end at it."""
        distance, variance = self.away(threshold)
        if distance == 0 or variance <= 0:
            return float(distance == 0)
        errors = abs(distance) / np.sqrt(variance)
        if len(self.axes) == 1:
            ((number, _),) = self.axes.values()
            return float(2 * scipy.special.stdtr(number - 1, -errors))
        if errors >= self.reach(1 - LEAST_P):
            return LEAST_P
        span = np.log(LEAST_P), -LEAST_P
        return float(np.exp(scipy.optimize.brentq(lambda log: self.reach(-np.expm1(log)) - errors, *span)))


@dataclass(frozen=True)
class Interval:
    """A mean with its interval; the ends are NaN where there are too few requests for one.

    Attributes:
        mean: the mean, or the ratio of two.
        low: lower end.
        high: upper end.
        requests: with a value.
        seeds: with a value; with fewer than `FEWEST_COLUMNS`, the interval holds for these seeds only.
        moments: what tests need; None where there is no interval.
        logarithmic: whether mean and ends are exponentials of what the moments describe.
    """

    mean: float
    low: float
    high: float
    requests: int
    seeds: int
    moments: Moments | None = field(default=None, repr=False, compare=False)
    logarithmic: bool = field(default=False, repr=False, compare=False)

    def above(self, threshold: float) -> bool | None:
        """Tell whether the interval lies above the threshold: True, False (below it) or None (it contains it)."""
        if self.low > threshold:
            return True
        return False if self.high < threshold else None

    def p(self, threshold: float) -> float:
        """Return the two-sided p of the truth being at the threshold; NaN without an interval."""
        if self.moments is None or np.isnan(self.low):
            return np.nan
        return self.moments.p(np.log(threshold) if self.logarithmic else threshold)

    def exponential(self) -> "Interval":
        """Return the interval of the exponential: a geometric mean, if this is a mean of logarithms."""
        mean, low, high = np.exp([self.mean, self.low, self.high]).tolist()
        return Interval(mean, low, high, self.requests, self.seeds, self.moments, logarithmic=True)


NOTHING = Interval(np.nan, np.nan, np.nan, 0, 0)


@dataclass(frozen=True)
class Bootstrap:
    """The pigeonhole bootstrap of a benchmark.

    The resamples depend only on `seed` and on how many requests and columns there are. Methods with the same runs are
    therefore resampled alike (common random numbers), and the interval of a difference is that of the paired one.

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
        seed = derive_seed(config["seed"], "bootstrap")
        return cls(part["bootstrap"], part["confidence"], part["min_requests"], seed)

    def mean(self, values: np.ndarray, axis: str = SEEDS) -> Estimate:
        """Return the mean over requests of the means over columns of `values` [requests, columns].

        Args:
            values: NaN marks what does not exist.
            axis: what the columns are: `SEEDS` or `RETRAINED`.
        """
        filled = ~np.isnan(values)
        rows, columns = int(filled.any(axis=1).sum()), int(filled.any(axis=0).sum())
        if not rows:
            return Estimate(np.nan, np.full(self.resamples, np.nan), {}, {REQUESTS: 0}, 0)
        weights = _weights(self, np.packbits(filled).tobytes(), values.shape, axis)
        means = request_means(values)
        mean = float(np.nanmean(means))
        counts, influences = {REQUESTS: rows}, {REQUESTS: np.nan_to_num(means - mean) / rows}
        if columns >= FEWEST_COLUMNS:
            inner = np.nan_to_num(values - means[:, None]) / np.maximum(filled.sum(axis=1), 1)[:, None]
            counts[axis], influences[axis] = columns, inner.sum(axis=0) / rows
        seeds = columns if axis == SEEDS else 0
        return Estimate(mean, weights @ values[filled], influences, counts, seeds)

    def interval(self, values: np.ndarray | Estimate) -> Interval:
        """Return a mean with its interval; of an array [requests, seeds], that over requests of those over seeds."""
        top = self.mean(values) if isinstance(values, np.ndarray) else values
        return self._interval(top, None)

    def excess(self, values: np.ndarray, control: np.ndarray, sign: int = 1) -> Interval:
        """Return by how much a mean exceeds that of models that never saw the targets, over requests that have both.

        Args:
            values: [requests, seeds].
            control: [requests, retrained models].
            sign: -1 returns by how much it falls short of it.
        """
        own, out = paired(values, control)
        return self.interval((self.mean(own) - self.mean(out, RETRAINED)) * sign)

    def widened(self, interval: Interval, step: float) -> Interval:
        """Return an interval as if at least one run had come out one step otherwise.

        Places are few: where a handful of runs all have the same one, resamples do not vary, and the interval would
        have no width. One run of n requests and s seeds that deviates gives the mean a standard error of a step by n s.

        Args:
            interval: of a mean or a ratio.
            step: the least by which the number of one run can be another; 0 where it can be any.
        """
        moments = interval.moments
        if moments is None:
            return interval
        _, variance = moments.away(interval.mean)
        lacking = (step / (interval.requests * max(interval.seeds, 1))) ** 2 - variance
        if lacking <= 0:
            return interval
        top, both, bottom = moments.variances
        wider = replace(moments, variances=(top + lacking, both, bottom))
        low, high = wider.ends(self.confidence)
        return replace(interval, low=low, high=high, moments=wider)

    def ratio(self, top: Estimate, bottom: Estimate) -> Interval:
        """Return the ratio of two means over the same requests, and its interval."""
        return self._interval(top, bottom)

    def _interval(self, top: Estimate, bottom: Estimate | None) -> Interval:
        base = 1.0 if bottom is None else bottom.value
        requests, seeds = top.counts[REQUESTS], top.seeds
        mean = top.value / base if base > 0 else np.nan
        if requests < max(self.min_requests, 2) or np.isnan(mean):
            return Interval(float(mean), np.nan, np.nan, requests, seeds)
        residual = top if bottom is None else top - bottom * mean
        squares = {axis: float(np.square(values).sum()) for axis, values in residual.influences.items()}
        unbiased = {axis: n / (n - 1) * squares[axis] for axis, n in residual.counts.items()}
        total = sum(unbiased.values())
        enlarged = total / sum(squares.values()) if total > 0 else 1.0
        axes = {axis: (residual.counts[axis], unbiased[axis] / total) for axis in unbiased if total > 0}
        lower = np.zeros(self.resamples) if bottom is None else bottom.resamples
        variance, both, below = enlarged * np.cov(top.resamples, lower, ddof=0)[[0, 0, 1], [0, 1, 1]]
        moments = Moments(
            top.value,
            base,
            (float(variance), float(both), float(below)),
            axes or {REQUESTS: (requests, 1.0)},
        )
        return Interval(float(mean), *moments.ends(self.confidence), requests, seeds, moments)


@functools.lru_cache(maxsize=32)
def _weights(bootstrap: Bootstrap, pattern: bytes, shape: tuple[int, int], axis: str) -> np.ndarray:
    """Return the weight of each existing run in each resample, [resamples, runs]; they sum to 1."""
    filled = np.unpackbits(np.frombuffer(pattern, np.uint8), count=shape[0] * shape[1]).reshape(shape) > 0
    filled = filled[np.ix_(filled.any(axis=1), filled.any(axis=0))]
    rows, columns = (
        _multiplicities(bootstrap, n, *key) for n, key in zip(filled.shape, ((), axis.encode()), strict=True)
    )
    if filled.shape[1] < FEWEST_COLUMNS:
        columns = np.ones_like(columns)
    weights = columns[:, None, :] * filled
    # A request none of whose seeds was drawn keeps its own mean in that resample.
    weights = np.where(weights.any(axis=2, keepdims=True), weights, filled)
    weights = rows[:, :, None] * weights / weights.sum(axis=2, keepdims=True) / filled.shape[0]
    return weights[:, filled]


def _multiplicities(bootstrap: Bootstrap, number: int, *key: int) -> np.ndarray:
    """Return how often each of `number` members is drawn, [resamples, number]."""
    random = np.random.default_rng([bootstrap.seed, *key])
    return random.multinomial(number, np.full(number, 1 / number), size=bootstrap.resamples)
