"""The band of the models that never saw a target: how far from them, and from those that did see it, a model is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy

from soulbench.analysis.bootstrap import RETRAINED, Bootstrap, Estimate, Interval
from soulbench.analysis.statistics import mean_of_requests, paired, request_means
from soulbench.config import metrics

# Within this many standard deviations of the retrained models, a model counts as one of them.
BAND = 2.0
# The least standard deviation that is used, so that rounding does not decide: one grey level, and as little in the
# other metrics.
SIGMA_FLOOR = {"mae": 1.0, "ssim": 0.01, "lpips": 0.01, "changed": 0.01}


def sigma_floor(config: Mapping[str, Any], metric: str) -> float:
    """Return the least standard deviation of a metric; of one that is not the paper's its file says it."""
    return SIGMA_FLOOR[metric] if metric in SIGMA_FLOOR else metrics.metric(config, metric).least


@dataclass(frozen=True)
class Band:
    """Errors on the targets, of models that were trained without them and of models that were trained with them.

    Attributes:
        out: [requests, models], NaN where a model saw the target: the retrained models.
        inside: [requests, models]: the original models.
        floor: the least standard deviation that counts.
    """

    out: np.ndarray
    inside: np.ndarray
    floor: float

    @property
    def sigma_of(self) -> str:
        """Which models the standard deviation is of: `retrain`, `original`, or `none` if no two can be compared.

        A single retrained model has no spread of its own. That of the original models is then shown in its place, but
        no verdict rests on it: models that saw the target differ less on it than models that did not.
        """
        for name, errors in (("retrain", self.out), ("original", self.inside)):
            if _several(errors).any():
                return name
        return "none"

    @property
    def pooled(self) -> tuple[float, int]:
        """Standard deviation between models, pooled over requests, and its degrees of freedom; NaN and 0 if none."""
        errors = self.out if self.sigma_of == "retrain" else self.inside
        several = _several(errors)
        degrees = int((~np.isnan(errors[several])).sum() - several.sum())
        if not degrees:
            return np.nan, 0
        squares = np.square(errors[several] - request_means(errors[several])[:, None])
        return float(np.sqrt(np.nansum(squares) / degrees)), degrees

    @property
    def sigma(self) -> float:
        """The standard deviation that is used: the pooled one, or the floor if that is greater or alone."""
        return float(np.nanmax([self.pooled[0], self.floor]))

    def sod(self, errors: np.ndarray) -> np.ndarray:
        """Return how many standard deviations each request's error [requests, columns] is below retraining."""
        return (request_means(self.out) - request_means(errors)) / self.sigma

    def mean_sod(self, bootstrap: Bootstrap, errors: np.ndarray) -> Interval:
        """Return the mean of `sod` over requests, with an interval that the retrained models' spread enters."""
        out, errors = paired(self.out, errors)
        difference = bootstrap.mean(out, RETRAINED) - bootstrap.mean(errors)
        return bootstrap.interval(difference * (1 / self.sigma))

    def gap(self, bootstrap: Bootstrap, like: np.ndarray) -> Estimate:
        """Return the mean of out minus inside over the runs of `like` [requests, seeds], those that have both."""
        out, like = paired(self.out, like)
        return bootstrap.mean(out, RETRAINED) - bootstrap.mean(np.where(np.isnan(like), np.nan, self.inside))

    def gaps(self, quantile: float) -> tuple[np.ndarray, np.ndarray]:
        """Return out minus inside of each request, and the reach of its interval, [requests].

        The interval is that of two means of models that spread alike; it reaches infinitely far if no spread is known.
        """
        _, degrees = self.pooled
        numbers = [np.maximum((~np.isnan(errors)).sum(axis=1), 1) for errors in (self.out, self.inside)]
        factor = scipy.stats.t.ppf(quantile, degrees) if degrees else np.inf
        reach = factor * self.sigma * np.sqrt(1 / numbers[0] + 1 / numbers[1])
        return request_means(self.out) - request_means(self.inside), reach

    @property
    def half_width(self) -> float:
        """The band's half width as a share of the mean gap; NaN if there is no gap."""
        gap = mean_of_requests((request_means(self.out) - request_means(self.inside))[:, None])
        return float(BAND * self.sigma / gap) if gap > 0 else np.nan

    @property
    def models(self) -> int:
        """The most retrained models that a request has."""
        return int((~np.isnan(self.out)).sum(axis=1).max(initial=0))


def _several(errors: np.ndarray) -> np.ndarray:
    """Return which requests have more than one model, [requests]."""
    return (~np.isnan(errors)).sum(axis=1) > 1


NOT_FORGOTTEN, REMOVED, PARTLY, FORGOTTEN = "not forgotten", "removed", "partly forgotten", "forgotten"
DIFFERENT, OVERSHOT, UNDECIDED = "different", "overshot", "undecided"


def verdict(nearer: bool | None, remembered: bool | None, beyond: bool | None, unlike: bool | None) -> str:
    """Return what became of the target, from four answers, each None if undecided.

    `removed`: nearer to retraining, but whether as retraining would is undecided.

    Args:
        nearer: whether its error is nearer to the retrained models' than to the original ones'.
        remembered: whether its error is smaller than those of the band.
        beyond: whether its error is greater than those of the band.
        unlike: whether its image is farther from a retrained model's than two of these are from each other.
    """
    if (
        not nearer
    ):  # undecided as well where the targets were never memorised, so that there is nothing to forget
        return UNDECIDED if nearer is None else NOT_FORGOTTEN
    if beyond:
        return OVERSHOT
    if remembered is False and beyond is False:
        return {True: DIFFERENT, False: FORGOTTEN, None: REMOVED}[unlike]
    return PARTLY if remembered else REMOVED
