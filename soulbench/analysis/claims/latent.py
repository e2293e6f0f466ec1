"""Claims C6 and C7: distances between the object representations of the original and the unlearned model."""

from typing import Any

import numpy as np
import pandas as pd

from soulbench.analysis.arrays import Cubes
from soulbench.analysis.claims.parts import Part, Verdict, judge
from soulbench.analysis.dimensions import UNLEARNERS
from soulbench.analysis.statistics import Bootstrap, Interval, request_means, spread_over_seeds
from soulbench.core.terms import TASKS

# The vector after the graph network, by L2: the one before it cannot change under redaction of the graph
# network.
REPRESENTATION, DISTANCE = "graph", "l2"
GROUPS = ("target", "same-image", "other-images")
# Half again as much is the least that a reader would call large; noop-ft's own ratio is divided out before.
LARGE = 1.5
# The convention of bioequivalence: within 80 to 125 per cent is "little difference".
EQUIVALENT = 1.25
OBJECT_MASKS = ("obj-mk-pa", "obj-mk-ns")


def cubes(latent: pd.DataFrame) -> Cubes:
    """Return the latent distances as cells [requests, seeds] by method, task and group."""
    kept = latent[(latent["representation"] == REPRESENTATION) & (latent["distance"] == DISTANCE)]
    return Cubes(kept, ("method", "task", "group"), axes=latent)


def log_distance(cells: Cubes, method: str, task: str, group: str) -> np.ndarray:
    """Return logarithms of distances, cells [requests, seeds].

    A distance of 0 has none and counts as not measured.
    """
    values = cells[method, task, group]
    return np.log(np.where(values > 0, values, np.nan))


def of_logarithm(bootstrap: Bootstrap, cells: np.ndarray) -> Interval:
    """Return the geometric mean and interval of logarithms [requests, seeds].

    A ratio, 1 where nothing differs.
    """
    found = bootstrap.interval(cells)
    mean, low, high = np.exp([found.mean, found.low, found.high]).tolist()
    return Interval(mean, low, high, found.requests, found.seeds)


def c6(tables: Any) -> Verdict:
    """Obj-MK-*, both tasks: target's distance over the others', relative to noop-ft's, is over LARGE."""
    cells, bootstrap = cubes(tables.latent), Bootstrap.of(tables.config)

    def contrast(method: str, task: str, group: str) -> np.ndarray:
        return log_distance(cells, method, task, "target") - log_distance(cells, method, task, group)

    parts = []
    for method in OBJECT_MASKS:
        for task in TASKS:
            for group in GROUPS[1:]:
                beyond = contrast(method, task, group) - spread_over_seeds(contrast("noop-ft", task, group))
                ratio = of_logarithm(bootstrap, beyond)
                label = f"{method} moves the target more than {group} in {task}"
                parts.append(Part(label, ratio.above(LARGE), ratio, "times noop-ft's ratio"))
    return judge(parts)


def c7(tables: Any) -> Verdict:
    """The typical factor between the tasks, over methods and groups, is below EQUIVALENT."""
    cells, bootstrap = cubes(tables.latent), Bootstrap.of(tables.config)
    factors = [
        np.abs(
            request_means(
                log_distance(cells, method, TASKS[0], group) - log_distance(cells, method, TASKS[1], group)
            )
        )
        for method in UNLEARNERS
        for group in GROUPS
        if (method, TASKS[0], group) in cells
    ]
    typical = np.nanmean(factors, axis=0)[:, None] if factors else np.full((1, 1), np.nan)
    ratio = of_logarithm(bootstrap, typical)
    differs = ratio.above(EQUIVALENT)
    label = f"the tasks differ by a factor under {EQUIVALENT}"
    note = "after the graph network; before it the tasks can be alike by construction"
    return judge([Part(label, None if differs is None else not differs, ratio, "times")], note)
