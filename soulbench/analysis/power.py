"""How many requests, or seeds, it would take to decide what is undecided, if effect and spread stay as observed."""

import bisect
from dataclasses import replace

import numpy as np

from soulbench.analysis.bootstrap import REQUESTS
from soulbench.analysis.findings import Finding

#: Chance of deciding, at the number that is named.
POWER = 0.8
MOST = 10_000


def needed(finding: Finding, level: float, fewest: int, axis: str = REQUESTS) -> float:
    """Return how many requests would decide a finding; infinity if more than `MOST`, NaN if no spread is known.

    More requests do not narrow what differs between seeds, or between retrained models: their share of the variance
    grows, and with it the weight of their quantile of Student's t.

    Args:
        finding: the question, with its interval.
        level: of the test that has to decide it.
        fewest: that an interval needs.
        axis: what there are to be more of, and of nothing else; NaN if nothing is known of it.
    """
    moments = finding.effect.moments
    if moments is None or np.isnan(finding.effect.low) or axis not in moments.axes:
        return np.nan
    threshold = np.log(finding.threshold) if finding.effect.logarithmic else finding.threshold
    distance, variance = moments.away(threshold)
    observed, own = moments.axes[axis]

    def decide(number: int) -> bool:
        shares = {name: share for name, (_, share) in moments.axes.items()} | {axis: own * observed / number}
        counts = {name: count for name, (count, _) in moments.axes.items()} | {axis: number}
        total = sum(shares.values())
        there = replace(moments, axes={name: (counts[name], shares[name] / total) for name in shares})
        # Of a test with two sides at `level`, and of one with a single side that fails with 1 - POWER.
        reach = there.reach(1 - level) + there.reach(2 * POWER - 1)
        return bool(reach * np.sqrt(variance * total) <= abs(distance))

    numbers = range(max(fewest, 2), MOST + 1)
    enough = bisect.bisect_left(numbers, True, key=decide)
    return float(numbers[enough]) if enough < len(numbers) else np.inf
