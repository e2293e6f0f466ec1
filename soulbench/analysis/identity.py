"""Is the requested individual still identified in a method's images, compared with models that never saw it?"""

from typing import Any

import numpy as np
import pandas as pd

from soulbench.analysis import methods
from soulbench.analysis.bootstrap import NOTHING, RETRAINED, Interval
from soulbench.analysis.evidence import Evidence
from soulbench.analysis.findings import Finding
from soulbench.analysis.statistics import mean_of_requests, paired
from soulbench.core.columns import TABLES
from soulbench.core.terms import IDENTITIES, IDENTITY, LEAST_ACCURACY, RESEED, TASKS

#: The metric that verdicts rest on: unlike `rank1`, it tells the second place from the last.
PRIMARY = "mrr"
#: Metric -> unit of its mean.
MEANS = {"rank1": "share identified", "mrr": "mean reciprocal place", "margin": "mean cosine"}
#: Half way from the models that never saw the individual (0) to the original (1): beyond it, a model's images are more
#: like the original's. It is the midpoint that `soulbench.analysis.evidence.REMOVED` is for pixels.
KEPT = 0.5
#: The least by which a metric of one region can be another: the first place instead of the second, or not.
STEP = {"rank1": 1.0, "mrr": 0.5, "margin": 0.0}


def identified(evidence: Evidence, method: str, task: str) -> Finding:
    """Tell whether a method keeps more than half of the original's identification beyond the out models'.

    "No" is the answer that the individual is forgotten by identity: it is found about as often as by the out models.
    """
    if why := not_measured(evidence, task):
        return Finding(None, NOTHING, "", np.nan, np.nan, why)
    values, original, out = _compared(evidence, method, task, IDENTITY, PRIMARY)
    mean = evidence.bootstrap.mean
    control = mean(out, RETRAINED)
    seen = mean(np.where(np.isnan(values), np.nan, original)) - control
    widened, step = evidence.bootstrap.widened, STEP[PRIMARY]
    share = widened(evidence.bootstrap.ratio(mean(values) - control, seen), step)
    original_seen = widened(evidence.bootstrap.interval(seen), step)
    finding = Finding.above(share, KEPT, "of the original's identification beyond the out models'")
    if share.requests >= evidence.bootstrap.min_requests and not original_seen.above(0.0):
        return finding.undecided("not even the original is certain to be identified more often")
    return finding


def excess(evidence: Evidence, method: str, task: str, dimension: str, metric: str) -> Interval:
    """Return a metric of a method minus that of the models that never saw the targets."""
    values, _, out = _compared(evidence, method, task, dimension, metric)
    return evidence.bootstrap.widened(evidence.bootstrap.excess(values, out), STEP[metric])


def _compared(
    evidence: Evidence, method: str, task: str, dimension: str, metric: str
) -> tuple[np.ndarray, ...]:
    """Return a metric of a method, of the original, and of the out models, for the requests that all have."""
    return paired(
        evidence.arrays[method, task, dimension, metric],
        evidence.arrays["original", task, dimension, metric],
        evidence.retrained(task, dimension, metric),
    )


def is_measured(evidence: Evidence) -> bool:
    """Tell whether anybody was looked for, be the encoder good enough or not."""
    return any(
        (name, task, IDENTITY, "accuracy") in evidence.arrays for name in evidence.methods for task in TASKS
    )


def not_measured(evidence: Evidence, task: str) -> str:
    """Return why there are no identities to judge by; blank if there are."""
    accuracy = mean_of_requests(evidence.arrays["original", task, IDENTITY, "accuracy"])
    if np.isnan(accuracy):
        return "identities are not measured"
    if accuracy < LEAST_ACCURACY:
        return (
            f"the encoder identifies {accuracy:.3f} of the true crops of people whom it never saw, {LEAST_ACCURACY} is "
            "needed: identity is not judged"
        )
    return ""


def chance(gallery: float) -> dict[str, float]:
    """Return what blind guesses score in a gallery of so many identities; no margin is to be expected."""
    number = max(1, round(gallery)) if np.isfinite(gallery) else 1
    return {"rank1": 1 / number, "mrr": float(np.mean(1 / np.arange(1, number + 1))), "margin": 0.0}


def identity_table(evidence: Evidence) -> pd.DataFrame:
    """Return identity.csv: each metric of each method, that of the out models, and the difference with its interval.

    Where the encoder is too poor, a task has one row, without numbers but its accuracy, and `note` says why.
    """
    rows = []
    for name in methods.ordered(evidence.config, evidence.methods):
        for task in TASKS:
            for dimension in IDENTITIES:
                rows += _rows(evidence, name, task, dimension)
    return pd.DataFrame(rows, columns=list(TABLES["identity"]))


def _rows(evidence: Evidence, method: str, task: str, dimension: str) -> list[dict[str, Any]]:
    """Return the rows of a method: of `identity-twin` only where a twin is in the subset."""
    facts = {
        name: mean_of_requests(evidence.arrays["original", task, dimension, name])
        for name in ("gallery", "accuracy")
    }
    if np.isnan(facts["accuracy"]) or method == RESEED:
        return []
    note = not_measured(evidence, task)
    if note and method != "original":
        return []
    rows = []
    for metric, unit in MEANS.items():
        if (method, task, dimension, metric) not in evidence.arrays and not (note and metric == PRIMARY):
            continue
        own = evidence.bootstrap.interval(evidence.arrays[method, task, dimension, metric])
        own = evidence.bootstrap.widened(own, STEP[metric])
        control = mean_of_requests(evidence.retrained(task, dimension, metric))
        over = excess(evidence, method, task, dimension, metric)
        rows.append(
            {
                "method": method,
                "task": task,
                "dimension": dimension,
                "metric": metric,
                "unit": unit,
                **_ends("value", own),
                "control": control,
                **_ends("excess", over),
                "chance": chance(facts["gallery"])[metric],
                **facts,
                "n_requests": own.requests,
                "n_seeds": own.seeds,
                "note": note,
            }
        )
    return rows


def _ends(name: str, interval: Interval) -> dict[str, float]:
    return {name: interval.mean, f"{name}_low": interval.low, f"{name}_high": interval.high}
