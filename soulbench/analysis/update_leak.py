"""Does the deleted object stand out between the two models, more than where it was never seen?"""

import pandas as pd

from soulbench.analysis import methods
from soulbench.analysis.bootstrap import Interval
from soulbench.analysis.evidence import Evidence
from soulbench.analysis.statistics import mean_of_requests
from soulbench.core.columns import TABLES
from soulbench.core.terms import LEAK, LEAK_UNITS, RESEED, TASKS


def excess(evidence: Evidence, method: str, task: str, metric: str) -> Interval:
    """Return a metric of the attack on a method minus that on models that never saw the targets."""
    values, control = evidence.arrays[method, task, LEAK, metric], evidence.retrained(task, LEAK, metric)
    return evidence.bootstrap.excess(values, control)


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
