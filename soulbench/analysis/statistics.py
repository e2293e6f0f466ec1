"""Means and tests whose unit is the request.

Tests and ranks are SciPy's. It corrects for multiple tests by false discovery rates only, so Holm's procedure is here.
"""

import functools

import numpy as np
import scipy  # its parts are loaded where one is first used: `scipy.stats` takes half a second


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


def paired(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return arrays [requests, columns] with NaN in every request that one of them has no value for."""
    common = np.all([~np.isnan(values).all(axis=1) for values in arrays], axis=0)[:, None]
    return tuple(np.where(common, values, np.nan) for values in arrays)


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
    ranks = scipy.stats.rankdata(np.abs(nonzero))
    effect = float((ranks * np.sign(nonzero)).sum() / ranks.sum())
    if len(nonzero) < len(differences) or len(np.unique(ranks)) < len(ranks):
        return float(scipy.stats.wilcoxon(nonzero).pvalue), effect
    return _p_of_rank_sum(int(ranks[nonzero > 0].sum()), len(ranks)), effect


def rank_correlation(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Return Spearman's rank correlation of two numbers [n] and its two-sided p (SciPy's, by Student's t).

    Both are NaN with fewer than three pairs, or where one of the numbers is always the same.
    """
    if len(first) < 3 or len(np.unique(first)) < 2 or len(np.unique(second)) < 2:
        return float("nan"), float("nan")
    found = scipy.stats.spearmanr(first, second)
    return float(found.statistic), float(found.pvalue)


@functools.lru_cache(maxsize=4096)
def _p_of_rank_sum(positive: int, number: int) -> float:
    """Return Wilcoxon's p, which without ties depends on the sum of the positive ranks alone: SciPy takes 4 ms."""
    signs = np.full(number, -1.0)
    for rank in range(number, 0, -1):
        if rank <= positive:
            signs[rank - 1] = 1.0
            positive -= rank
    return float(scipy.stats.wilcoxon(signs * np.arange(1, number + 1)).pvalue)


def holm(p_values: np.ndarray) -> np.ndarray:
    """Return p values [n] adjusted by Holm's step-down procedure (S. Holm, Scand. J. Statist. 6, 1979)."""
    order = np.argsort(p_values)
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def holm_of_tested(p_values: np.ndarray) -> np.ndarray:
    """Return the p values [n] adjusted by Holm; NaN, of what could not be tested, stays NaN and does not count."""
    adjusted = np.full(len(p_values), np.nan)
    tested = ~np.isnan(p_values)
    adjusted[tested] = holm(p_values[tested])
    return adjusted
