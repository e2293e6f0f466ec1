"""Intervals and tests against closed forms and SciPy."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from soulbench.analysis.arrays import RunArrays
from soulbench.analysis.statistics import Bootstrap, holm, mean_of_requests, signed_rank, spread_over_seeds

BOOTSTRAP = Bootstrap(resamples=2000, confidence=0.95, min_requests=6, seed=11)


def test_resampled_means_have_the_variance_of_nested_resampling():
    values = np.random.default_rng(0).normal(0, 1, (8, 3)) + np.arange(8)[:, None]
    resampled = Bootstrap(40_000, 0.95, 6, 1).means(values[:, :, None])[:, 0]
    within = values.var(axis=1).mean() / 3
    exact = (values.mean(axis=1).var() + within) / 8
    assert resampled.mean() == pytest.approx(values.mean(), abs=0.02)
    assert resampled.var() == pytest.approx(exact, rel=0.03)


def test_the_interval_covers_as_often_as_its_confidence():
    random = np.random.default_rng(5)
    hits = 0
    for _ in range(300):
        interval = BOOTSTRAP.interval(random.normal(3, 1, (6, 1)))
        hits += interval.low <= 3 <= interval.high
    assert 0.91 <= hits / 300 <= 0.985


def test_resamples_are_common_to_all_methods():
    random = np.random.default_rng(2)
    first, second = random.normal(0, 1, (7, 2)), random.normal(0, 1, (7, 2))
    difference = BOOTSTRAP.means((first - second)[:, :, None])
    np.testing.assert_allclose(
        difference, BOOTSTRAP.means(first[:, :, None]) - BOOTSTRAP.means(second[:, :, None])
    )


def test_missing_seeds_and_requests_do_not_count():
    values = np.array([[1.0, 3.0], [4.0, np.nan], [np.nan, np.nan]])
    assert mean_of_requests(values) == 3.0
    resampled = BOOTSTRAP.means(values[:, :, None])
    assert resampled.min() == 1.0
    assert resampled.max() == 4.0
    np.testing.assert_array_equal(spread_over_seeds(values)[:2], [[1.0, 3.0], [4.0, 4.0]])


def test_too_few_requests_get_a_point_and_no_interval():
    interval = BOOTSTRAP.interval(np.ones((5, 2)))
    assert (interval.mean, interval.requests, interval.seeds) == (1.0, 5, 2)
    assert np.isnan(interval.low)
    assert interval.above(0.0) is None


def test_a_ratio_to_about_zero_has_no_interval():
    top = np.full((8, 1), 2.0)
    assert BOOTSTRAP.ratio(top, np.full((8, 1), 4.0)).low == pytest.approx(0.5)
    noise = np.random.default_rng(1).normal(0, 1, (8, 1))
    assert np.isnan(BOOTSTRAP.ratio(top, noise).low)


def test_above_is_three_valued():
    values = np.random.default_rng(3).normal(10, 0.1, (8, 2))
    interval = BOOTSTRAP.interval(values)
    assert [interval.above(level) for level in (9, 11, 10)] == [True, False, None]


def test_holm_by_hand():
    np.testing.assert_allclose(holm(np.array([0.04, 0.01, 0.03])), [0.06, 0.03, 0.06])
    np.testing.assert_allclose(holm(np.array([0.9, 0.8])), [1.0, 1.0])


def test_signed_rank_agrees_with_scipy_and_has_its_extremes():
    differences = np.array([0.5, 1.0, -0.2, 2.0, 3.0, 0.1])
    p_value, effect = signed_rank(differences)
    assert p_value == stats.wilcoxon(differences).pvalue
    assert effect == pytest.approx((21 - 2 * 2) / 21)
    assert signed_rank(np.arange(1.0, 7.0)) == (0.03125, 1.0)
    assert signed_rank(np.zeros(6)) == (1.0, 0.0)


def test_run_arrays_hold_exactly_what_was_measured():
    rows = [("a", "r10", 1, 4.0), ("a", "r2", 2, 5.0), ("b", "r2", 1, np.nan), ("c", "r3", 1, 6.0)]
    frame = pd.DataFrame(rows, columns=["method", "request", "seed", "value"])
    arrays = RunArrays(frame, ["method"], axes=frame[frame["request"] != "r3"])
    assert (arrays.requests, arrays.seeds) == (["r2", "r10"], [1, 2])
    assert list(arrays) == [("a",)]
    np.testing.assert_array_equal(arrays[("a",)], [[np.nan, 5.0], [4.0, np.nan]])
    for key in (("b",), ("c",), ("d",)):
        assert key not in arrays
        assert np.isnan(arrays[key]).all()
        assert key not in arrays
