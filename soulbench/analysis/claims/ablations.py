"""Claims C10 and C11: which modules Obj-IF may touch, and how far alpha may go."""

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from soulbench.analysis.arrays import Cubes
from soulbench.analysis.claims.parts import Part, Verdict, judge
from soulbench.analysis.dimensions import PRIMARY
from soulbench.analysis.evidence import NEGLIGIBLE, REMOVED, Evidence, Finding
from soulbench.analysis.statistics import spread_over_seeds
from soulbench.core.terms import TASKS

DESTROYING = ("all", "decoder")
IDLE = ("object_embedding", "predicate_embedding")
BALANCED = "graph"
TASK = TASKS[0]


class Redactions:
    """The cells of an ablation lined up with the benchmark's requests and seeds."""

    def __init__(self, evidence: Evidence, frame: pd.DataFrame, key: str):
        """Index the rows of one ablation by `key`: `module` or `alpha`."""
        axes = pd.DataFrame(
            [(request, seed) for request in evidence.cells.requests for seed in evidence.cells.seeds],
            columns=["request", "seed"],
        )
        self.evidence = evidence
        self.cells = Cubes(frame, (key, "task", "dimension", "metric"), axes=axes)
        self.values = list(dict.fromkeys(frame[key]))

    def error(self, value: Any, task: str, dimension: str) -> np.ndarray:
        """Return the error of one redaction, in grey levels, cells [requests, seeds]."""
        return self.cells[value, task, dimension, PRIMARY]

    def removed(self, value: Any, task: str = TASK) -> Finding:
        """Ask what `Evidence.removed` asks of a method."""
        share = self.evidence.share(self.error(value, task, "target_error"), task)
        return Finding(share.above(REMOVED), share, "share of the way to retraining")

    def damaged(self, value: Any, dimension: str, task: str = TASK) -> Finding:
        """Ask what `Evidence.damaged` asks of a method, with the references of the same requests."""
        _, reference = self.evidence.harmless(task, dimension)
        harm = self.evidence.bootstrap.interval(
            self.error(value, task, dimension) - spread_over_seeds(reference)
        )
        return Finding(
            harm.above(NEGLIGIBLE), harm, f"grey levels of {dimension} beyond the harmless references"
        )


def c10(tables: Any) -> Verdict:
    """In reconstruction: `all` and `decoder` damage A2; the embedders remove nothing.

    `graph` removes and keeps A2.
    """
    redactions = Redactions(tables.evidence, tables.modules, "module")
    parts = [
        Part.that(f"redacting {name} destroys A2", redactions.damaged(name, "A2")) for name in DESTROYING
    ]
    parts += [
        Part.that(f"redacting {name} leaves it", redactions.removed(name), negated=True) for name in IDLE
    ]
    parts += [
        Part.that(f"redacting {BALANCED} removes it", redactions.removed(BALANCED)),
        Part.that(f"redacting {BALANCED} keeps A2", redactions.damaged(BALANCED, "A2"), negated=True),
    ]
    return judge(parts)


def rank_correlation(redactions: Redactions, dimension: str, task: str) -> np.ndarray:
    """Return Spearman's correlation of alpha with an error, cells [requests, seeds].

    NaN where it is constant.
    """
    values = sorted(redactions.values)
    stack = np.stack([redactions.error(value, task, dimension) for value in values], axis=-1)
    result = np.full(stack.shape[:2], np.nan)
    for place in zip(*np.nonzero(~np.isnan(stack).any(axis=-1)), strict=True):
        if np.ptp(stack[place]) > 0:
            result[place] = stats.spearmanr(values, stack[place]).statistic
    return result


def c11(tables: Any) -> Verdict:
    """In both tasks alpha's rank correlations with the target's error and with A2's change are above 0."""
    redactions = Redactions(tables.evidence, tables.alpha, "alpha")
    if len(redactions.values) < 3:
        return judge([], "fewer than three values of alpha were tried")
    parts = []
    for task in TASKS:
        for dimension, word in (("target_error", "removes more"), ("A2", "damages more")):
            cells = rank_correlation(redactions, dimension, task)
            found = tables.evidence.bootstrap.interval(cells)
            parts.append(Part(f"larger alpha {word} in {task}", found.above(0.0), found, "rank correlation"))
    return judge(parts, _direction(parts))


def _direction(parts: list[Part]) -> str:
    """Say where the points lie when there are too few requests for an interval."""
    means = [part.effect.mean for part in parts if not np.isnan(part.effect.mean)]
    return (
        ""
        if not means
        else f"{sum(mean > 0 for mean in means)} of {len(parts)} points are on the claimed side"
    )
