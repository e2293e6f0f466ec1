"""Two methods compared request by request: paired differences with intervals, and tests corrected over all pairs."""

from itertools import combinations, product
from typing import NamedTuple

import numpy as np
import pandas as pd

from soulbench.analysis import methods
from soulbench.analysis.bootstrap import RETRAINED, SEEDS, Interval
from soulbench.analysis.dimensions import AGAINST_RETRAIN, CHANGES, ERRORS, PRIMARY
from soulbench.analysis.evidence import Evidence
from soulbench.analysis.statistics import (
    holm_of_tested,
    paired,
    request_means,
    signed_rank,
    spread_over_seeds,
)
from soulbench.core.terms import TASKS

#: The dimensions that compare pixels.
TESTED = (*CHANGES, *AGAINST_RETRAIN, *ERRORS)
COLUMNS = (
    *("task", "dimension", "a", "b", "family"),
    *("difference", "ci_low", "ci_high", "n_requests", "p", "rank_biserial"),
)


class Difference(NamedTuple):
    """A paired difference: its interval, Wilcoxon's p (NaN with too few requests) and the rank-biserial correlation."""

    interval: Interval
    p: float
    rank_biserial: float


def difference(
    evidence: Evidence, values: np.ndarray, reference: np.ndarray, axis: str = SEEDS
) -> Difference:
    """Return values [requests, seeds] minus those of a reference of the same requests [requests, columns].

    Args:
        evidence: whose bootstrap is used.
        values: of a method.
        reference: of what it is compared with.
        axis: what the reference's columns are: `SEEDS`, which pair with those of `values`, or `RETRAINED`, whose spread
            is part of the interval.
    """
    values, reference = paired(values, reference)
    bootstrap = evidence.bootstrap
    if axis == RETRAINED:
        interval = bootstrap.excess(values, reference)
    else:
        interval = bootstrap.interval(values - spread_over_seeds(reference))
    if interval.requests < bootstrap.min_requests:
        return Difference(interval, np.nan, np.nan)
    return Difference(interval, *signed_rank(request_means(values) - request_means(reference)))


def pairs(evidence: Evidence) -> pd.DataFrame:
    """Return every two methods in every task and dimension, in grey levels, with `difference` as a minus b.

    The tests of a task and dimension are corrected in families: all pairs of two methods, and for each reference all
    pairs with it. `comparisons` says how many tests a family has; with n requests no corrected p is below `comparisons`
    times 2^(1 - n), which is `p_least`.
    """
    names = methods.ordered(evidence.config, evidence.methods)
    compared = set(methods.unlearners(evidence.config, names))
    rows = []
    for task, dimension in product(TASKS, TESTED):
        # A method with fewer seeds than another is compared by the mean of those that it has.
        arrays = {name: spread_over_seeds(evidence.arrays[name, task, dimension, PRIMARY]) for name in names}
        known = [name for name in names if not np.isnan(arrays[name]).all()]
        for a, b in combinations(known, 2):  # references come first
            found = difference(evidence, arrays[a], arrays[b])
            interval, family = found.interval, "" if a in compared else a
            numbers = (interval.mean, interval.low, interval.high, interval.requests)
            rows.append((task, dimension, a, b, family, *numbers, found.p, found.rank_biserial))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    tests = table.groupby(["task", "dimension", "family"])["p"]
    table["p_holm"] = tests.transform(lambda p: holm_of_tested(p.to_numpy()))
    table["comparisons"] = tests.transform("count")
    table["p_least"] = (table["comparisons"] * 2.0 ** (1 - table["n_requests"])).clip(upper=1.0)
    return table
