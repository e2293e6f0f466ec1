"""Intervals and tests against closed forms and SciPy."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from benchmarks.coverage import covered
from soulbench.analysis.arrays import RunArrays
from soulbench.analysis.bootstrap import RETRAINED, Bootstrap
from soulbench.analysis.statistics import holm, mean_of_requests, paired, signed_rank, spread_over_seeds

BOOTSTRAP = Bootstrap(resamples=2000, confidence=0.95, min_requests=6, seed=11)
MANY = Bootstrap(40_000, 0.95, 6, 1)


def test_resamples_have_the_variance_of_the_pigeonhole_bootstrap():
    """Owen's closed form: the variances of rows, of columns and of the interaction, each once."""
    random = np.random.default_rng(0)
    values = random.normal(0, 1, (8, 4)) + random.normal(0, 2, (8, 1)) + random.normal(0, 1, 4)
    rows, columns = values.mean(axis=1, keepdims=True), values.mean(axis=0, keepdims=True)
    interaction = values - rows - columns + values.mean()
    exact = rows.var() / 8 + columns.var() / 4 + interaction.var() / 32
    resamples = MANY.mean(values).resamples
    assert resamples.mean() == pytest.approx(values.mean(), abs=0.02)
    assert resamples.var() == pytest.approx(exact, rel=0.03)


def test_one_axis_agrees_with_scipys_bootstrap_and_students_t():
    values = np.random.default_rng(4).normal(3, 2, 9)
    scipys = stats.bootstrap((values,), np.mean, n_resamples=40_000, rng=np.random.default_rng(1))
    estimate = MANY.mean(values[:, None])
    assert estimate.resamples.std() == pytest.approx(scipys.standard_error, rel=0.02)
    np.testing.assert_allclose(
        np.quantile(estimate.resamples, [0.1, 0.5, 0.9]),
        np.quantile(scipys.bootstrap_distribution, [0.1, 0.5, 0.9]),
        atol=0.03,
    )
    interval = MANY.interval(values[:, None])
    exact = stats.ttest_1samp(values, 2.0)
    np.testing.assert_allclose([interval.low, interval.high], exact.confidence_interval(0.95), rtol=0.01)
    assert interval.p(2.0) == pytest.approx(exact.pvalue, rel=0.05)


def test_p_is_where_the_interval_would_end_at_the_threshold():
    values = np.random.default_rng(7).normal(1, 1, (8, 4)) + np.array([0.0, 0.5, 1.0, 1.5])
    interval = BOOTSTRAP.interval(values)
    assert interval.p(interval.low) == pytest.approx(0.05, rel=1e-6)
    assert interval.p(interval.high) == pytest.approx(0.05, rel=1e-6)
    assert interval.p(interval.mean) == 1.0
    assert interval.p(1e6) <= 1e-6
    logarithms = interval.exponential()
    assert logarithms.low == pytest.approx(np.exp(interval.low))
    assert logarithms.p(logarithms.low) == pytest.approx(0.05, rel=1e-6)


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("requests", [6, 12, 32])
def test_95_percent_cover_at_least_93(requests, seeds):
    """Whatever the seeds' effect; with two seeds the truth is that for these seeds."""
    for effect in (0.0, 1.0, 3.0):
        assert covered("normal", requests, seeds, effect, simulations=400)[0] >= 0.93


@pytest.mark.parametrize("case", ["skewed", "share", "bank"])
def test_so_they_do_where_the_numbers_are_not_as_simple(case):
    """Of few requests: skewed ones, a ratio, and a comparison with a bank of which each request has half."""
    for seeds in (2, 3):
        share, silent = covered(case, 6, seeds, 3.0, simulations=400)
        assert share >= 0.93
        assert silent <= (0.1 if case == "share" else 0.0)


def test_with_few_seeds_the_interval_is_over_requests_only():
    values = np.random.default_rng(5).normal(3, 1, (8, 2))
    means = values.mean(axis=1, keepdims=True)
    assert (BOOTSTRAP.interval(values).low, 2) == (
        pytest.approx(BOOTSTRAP.interval(means).low),
        BOOTSTRAP.interval(values).seeds,
    )
    shifted = np.hstack([values, values + 50])  # four seeds, of which two are far away
    assert BOOTSTRAP.interval(shifted).low < 0 < BOOTSTRAP.interval(shifted[:, 1:3]).low


def test_resamples_are_common_to_all_methods():
    random = np.random.default_rng(2)
    first, second = random.normal(0, 1, (7, 3)), random.normal(0, 1, (7, 3))
    difference = BOOTSTRAP.mean(first) - BOOTSTRAP.mean(second)
    np.testing.assert_allclose(BOOTSTRAP.mean(first - second).resamples, difference.resamples, atol=1e-12)
    assert BOOTSTRAP.interval(difference).low == pytest.approx(BOOTSTRAP.interval(first - second).low)


def test_the_spread_of_the_retrained_models_enters():
    """Requests without noise, compared with retrained models that differ: the interval is as wide as they spread."""
    models = np.array([[9.0, 10.0, 11.0, 12.0]]).repeat(8, axis=0)
    difference = BOOTSTRAP.mean(models, RETRAINED) - BOOTSTRAP.mean(np.full((8, 3), 4.0))
    interval = BOOTSTRAP.interval(difference)
    exact = stats.t.interval(0.95, 3, 6.5, stats.sem([9, 10, 11, 12]))
    np.testing.assert_allclose([interval.low, interval.high], exact, rtol=0.03)


def test_each_request_may_have_other_retrained_models():
    """A bank: every model lacks some requests; a request counts as much as another, whatever it has."""
    models = np.array([[1.0, np.nan, 3.0, np.nan], [np.nan, 7.0, np.nan, 9.0], [4.0, 4.0, np.nan, np.nan]])
    estimate = BOOTSTRAP.mean(models, RETRAINED)
    assert estimate.value == pytest.approx((2 + 8 + 4) / 3)
    assert np.isfinite(estimate.resamples).all()
    assert (estimate.resamples.min(), estimate.resamples.max()) == (1.0, 9.0)


def test_missing_seeds_and_requests_do_not_count():
    values = np.array([[1.0, 3.0], [4.0, np.nan], [np.nan, np.nan]])
    assert mean_of_requests(values) == 3.0
    assert {*BOOTSTRAP.mean(values).resamples.round(9)} == {2.0, 3.0, 4.0}
    np.testing.assert_array_equal(spread_over_seeds(values)[:2], [[1.0, 3.0], [4.0, 4.0]])
    both = paired(values, np.array([[np.nan], [5.0], [6.0]]))
    np.testing.assert_array_equal(both[0][1], [4.0, np.nan])
    assert np.isnan(both[0][[0, 2]]).all()
    assert np.isnan(both[1][[0, 2]]).all()


def test_too_few_requests_get_a_point_and_no_interval():
    interval = BOOTSTRAP.interval(np.ones((5, 2)))
    assert (interval.mean, interval.requests, interval.seeds) == (1.0, 5, 2)
    assert np.isnan(interval.low)
    assert interval.above(0.0) is None
    assert np.isnan(interval.p(0.0))


def test_a_ratio_to_about_zero_has_no_interval():
    top = BOOTSTRAP.mean(np.full((8, 1), 2.0))
    assert BOOTSTRAP.ratio(top, BOOTSTRAP.mean(np.full((8, 1), 4.0))).low == pytest.approx(0.5)
    noise = np.random.default_rng(1).normal(0, 1, (8, 1))
    assert np.isnan(BOOTSTRAP.ratio(top, BOOTSTRAP.mean(noise)).low)


def test_fiellers_interval_of_a_ratio():
    """An end is where the difference top - end * bottom is just not different from 0."""
    random = np.random.default_rng(9)
    bottom = random.normal(10, 3, (8, 1))
    top = 0.6 * bottom + random.normal(0, 1, (8, 1))
    interval = MANY.ratio(MANY.mean(top), MANY.mean(bottom))
    assert interval.low < 0.6 < interval.high
    for end in (interval.low, interval.high):
        assert interval.p(end) == pytest.approx(0.05, rel=1e-6)
        assert stats.ttest_1samp(top - end * bottom, 0).pvalue == pytest.approx(0.05, abs=0.01)


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
    random = np.random.default_rng(3)
    for values in (random.normal(0.3, 1, 32), np.array([1.0, 1.0, -2.0, 3.0]), np.array([0.0, 2.0, -1.0])):
        assert signed_rank(values)[0] == stats.wilcoxon(values).pvalue
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
