"""Does the deleted object stand out between the two models, more than where it was never seen?"""

import numpy as np
import pandas as pd

from soulbench.analysis import methods
from soulbench.analysis.bootstrap import Interval
from soulbench.analysis.evidence import Evidence
from soulbench.analysis.findings import Finding
from soulbench.analysis.statistics import mean_of_requests, paired
from soulbench.core.columns import TABLES
from soulbench.core.terms import LEAK, LEAK_UNITS, RESEED, TASKS

#: What counts of an AUC: one pair of objects in twenty; half of what the control leaves, where that is less.
COUNTS, OF_THE_REST = 0.05, 0.5


def excess(evidence: Evidence, method: str, task: str, metric: str) -> Interval:
    """Return a metric of the attack on a method minus that on models that never saw the targets."""
    values, control = evidence.arrays[method, task, LEAK, metric], evidence.retrained(task, LEAK, metric)
    return evidence.bootstrap.excess(values, control)


def stands_out(evidence: Evidence, method: str, task: str) -> Finding:
    """Tell whether the target stands out more than where it was never seen.

    Models of the bank are of other training seeds than the original, so everything changes between it and them, and the
    target stands out less than it does after retraining with the original's seed. Where such models were trained and
    the target stands out there as much, a method is not blamed for it. Where the control is near 1 already, not even a
    target that always stands out most could exceed it by `COUNTS`.
    """
    rest = 1 - mean_of_requests(evidence.retrained(task, LEAK, "auc"))
    threshold = float(np.fmin(COUNTS, OF_THE_REST * rest))
    finding = Finding.above(excess(evidence, method, task, "auc"), threshold, LEAK_UNITS["auc"])
    exact = ("retrain", task, LEAK, "auc")
    if not finding.holds or exact not in evidence.arrays:
        return finding
    own, retrained = paired(evidence.arrays[method, task, LEAK, "auc"], evidence.arrays[exact])
    if mean_of_requests(own) - mean_of_requests(retrained) <= threshold:
        return finding.undecided("after exact retraining it stands out as much")
    return finding


def leak_table(evidence: Evidence) -> pd.DataFrame:
    """Return update_leak.csv: each metric of each method, that of the out models, and the difference."""
    rows = []
    for name in methods.ordered(evidence.config, evidence.methods):
        for task in TASKS:
            for metric, unit in LEAK_UNITS.items():
                if name == RESEED or (name, task, LEAK, metric) not in evidence.arrays:
                    continue
                own = evidence.bootstrap.interval(evidence.arrays[name, task, LEAK, metric])
                over = excess(evidence, name, task, metric)
                ends = [(one.mean, one.low, one.high) for one in (own, over)]
                control = mean_of_requests(evidence.retrained(task, LEAK, metric))
                counts = (own.requests, own.seeds)
                rows.append((name, task, metric, unit, *ends[0], control, *ends[1], *counts))
    return pd.DataFrame(rows, columns=list(TABLES["update_leak"]))
