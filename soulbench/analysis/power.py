"""How many requests it would take to decide what is undecided, if effect and spread stay as observed."""

import numpy as np
import scipy

from soulbench.analysis.findings import Finding

#: Chance of deciding, at the number of requests that is named.
POWER = 0.8
MOST = 10_000


def requests_needed(finding: Finding, level: float, fewest: int) -> float:
    """Return how many requests would decide a finding; infinity if more than `MOST`, NaN if no spread is known.

    More requests do not narrow what differs between seeds.

    Args:
        finding: the question, with its interval.
        level: of the test that has to decide it.
        fewest: requests that an interval needs.
    """
    moments, requests = finding.effect.moments, finding.effect.requests
    if moments is None or np.isnan(finding.effect.low):
        return np.nan
    threshold = np.log(finding.threshold) if finding.effect.logarithmic else finding.threshold
    distance, variance = moments.away(threshold)
    numbers = np.arange(max(fewest, 2), MOST + 1)
    own = moments.axes[0][1]  # the first axis is that of the requests
    variances = variance * (own * requests / numbers + 1 - own)
    reach = scipy.stats.t.ppf(1 - level / 2, numbers - 1) + scipy.stats.t.ppf(POWER, numbers - 1)
    enough = np.flatnonzero(reach * np.sqrt(variances) <= abs(distance))
    return float(numbers[enough[0]]) if len(enough) else np.inf
