"""Claims C6 and C7: distances between the object representations of the original and the unlearned model."""

from typing import Any

import numpy as np
import pandas as pd

from soulbench.analysis.arrays import RunArrays
from soulbench.analysis.bootstrap import Bootstrap, Interval
from soulbench.analysis.claims.parts import Part, Verdict, between
from soulbench.analysis.claims.verdicts import concluded
from soulbench.analysis.findings import Finding
from soulbench.analysis.methods import OBJECT_MASKS, UNLEARNERS
from soulbench.analysis.statistics import spread_over_seeds
from soulbench.core.terms import BANK, RECONSTRUCTION, TASKS

# The vectors after the graph learner, compared by L2: those before it cannot change if only the graph learner is
# redacted.
REPRESENTATION, DISTANCE = "graph", "l2"
GROUPS = ("target", "same-image", "other-images")
# Half as much again is the least that a reader would call large. It is a ratio to the ratio of noop-ft.
LARGE = 1.5
# The convention of bioequivalence: within 80 to 125 per cent is "little difference".
EQUIVALENT = 1.25


def distance_arrays(latent: pd.DataFrame) -> RunArrays:
    """Return the latent distances by (method, task, group)."""
    selected = latent[
        (latent["representation"] == REPRESENTATION)
        & (latent["distance"] == DISTANCE)
        & (latent["method"] != BANK)
    ]
    return RunArrays(selected, ("method", "task", "group"), axes=latent[latent["method"] != BANK])


def log_distance(arrays: RunArrays, method: str, task: str, group: str) -> np.ndarray:
    """Return the logarithms of distances, [requests, seeds].

    A distance of 0 has no logarithm and counts as not measured.
    """
    values = arrays[method, task, group]
    return np.log(np.where(values > 0, values, np.nan))


def geometric_mean(bootstrap: Bootstrap, logarithms: np.ndarray) -> Interval:
    """Return the geometric mean and its interval from logarithms [requests, seeds]."""
    return bootstrap.interval(logarithms).exponential()


def c6(tables: Any) -> Verdict:
    """Conclude on C6: each Obj-MK method moves the target more than other objects, in both tasks.

    The ratio of the two distances, relative to the same ratio of noop-ft, is above LARGE.
    """
    arrays, bootstrap = distance_arrays(tables.latent), Bootstrap.of(tables.config)

    def contrast(method: str, task: str, group: str) -> np.ndarray:
        return log_distance(arrays, method, task, "target") - log_distance(arrays, method, task, group)

    parts = []
    for method in OBJECT_MASKS:
        for task in TASKS:
            for group in GROUPS[1:]:
                noop = spread_over_seeds(contrast("noop-ft", task, group))
                ratio = geometric_mean(bootstrap, contrast(method, task, group) - noop)
                name = f"{method} moves the target more than {group} in {task}"
                parts.append(Part(name, Finding.above(ratio, LARGE, "times noop-ft's ratio")))
    return concluded(tables.evidence, parts)


def c7(tables: Any) -> Verdict:
    """Conclude on C7: the distances of the two tasks are equivalent, for each method and group of objects.

    Their ratio is within 1 / EQUIVALENT and EQUIVALENT. An average over methods could hide one that differs.
    """
    arrays, bootstrap = distance_arrays(tables.latent), Bootstrap.of(tables.config)
    parts = []
    for method in UNLEARNERS:
        for group in GROUPS:
            if (method, RECONSTRUCTION, group) not in arrays:
                continue
            first, second = (log_distance(arrays, method, task, group) for task in TASKS)
            ratio = geometric_mean(bootstrap, first - second)
            name = f"{method} moves {group} as far in {TASKS[0]} as in {TASKS[1]}"
            unit = f"times as far in {TASKS[0]}"
            parts.append(Part(name, between(ratio, 1 / EQUIVALENT, EQUIVALENT, unit)))
    note = "after the graph learner; before it the tasks can be alike by construction"
    return concluded(tables.evidence, parts, note)
