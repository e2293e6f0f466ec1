"""Claims C10 and C11: which modules Obj-IF may redact, and how large alpha may be."""

from typing import Any

import numpy as np
import pandas as pd
import scipy

from soulbench.analysis.arrays import RunArrays
from soulbench.analysis.claims.parts import Part, Verdict
from soulbench.analysis.claims.verdicts import concluded
from soulbench.analysis.dimensions import PRIMARY, as_distance
from soulbench.analysis.evidence import Evidence
from soulbench.analysis.findings import Finding
from soulbench.core.terms import RECONSTRUCTION, TASKS

DESTROYING = ("all", "decoder")
IDLE = ("object_embedding", "predicate_embedding")
BALANCED = "graph"


class Redactions:
    """The measurements of an ablation, on the benchmark's axes of requests and seeds.

    Attributes:
        arrays: metrics by (module or alpha, task, dimension, metric).
        values: the modules or alphas that were tried.
    """

    def __init__(self, evidence: Evidence, frame: pd.DataFrame, key: str):
        """Index the rows of one ablation by `key`: `module` or `alpha`."""
        axes = pd.DataFrame(
            [(request, seed) for request in evidence.arrays.requests for seed in evidence.arrays.seeds],
            columns=["request", "seed"],
        )
        self.evidence = evidence
        self.arrays = RunArrays(frame, (key, "task", "dimension", "metric"), axes)
        self.values = list(dict.fromkeys(frame[key]))

    def error(self, value: Any, task: str, dimension: str, metric: str = PRIMARY) -> np.ndarray:
        """Return a dimension after one redaction as distances [requests, seeds]."""
        return as_distance(metric, self.arrays[value, task, dimension, metric])

    def removed(self, value: Any) -> Finding:
        """Answer `Evidence.removed` for one redaction, in reconstruction."""
        errors = self.error(value, RECONSTRUCTION, "target_error")
        return self.evidence.removed_by(errors, RECONSTRUCTION)

    def damaged(self, value: Any, dimension: str) -> Finding:
        """Answer `Evidence.damaged` for one redaction, in reconstruction."""

        def errors(metric: str) -> np.ndarray:
            return self.error(value, RECONSTRUCTION, dimension, metric)

        return self.evidence.harm(errors, RECONSTRUCTION, dimension)


def c10(tables: Any) -> Verdict:
    """Conclude on C10, in reconstruction.

    Redacting `all` or the decoder damages A2; redacting an embedding does not remove the object; redacting the graph
    learner removes it and keeps A2.
    """
    redactions = Redactions(tables.evidence, tables.modules, "module")
    parts = [Part(f"redacting {name} destroys A2", redactions.damaged(name, "A2")) for name in DESTROYING]
    parts += [Part(f"redacting {name} leaves it", redactions.removed(name).negated()) for name in IDLE]
    parts += [
        Part(f"redacting {BALANCED} removes it", redactions.removed(BALANCED)),
        Part(f"redacting {BALANCED} keeps A2", redactions.damaged(BALANCED, "A2").negated()),
    ]
    return concluded(tables.evidence, parts)


def rank_correlation(redactions: Redactions, dimension: str, task: str) -> np.ndarray:
    """Return Spearman's correlation of alpha with an error, [requests, seeds]; NaN where the error is constant."""
    values = sorted(redactions.values)
    errors = np.stack([redactions.error(value, task, dimension) for value in values], axis=-1)
    correlations = np.full(errors.shape[:2], np.nan)
    for run in zip(*np.nonzero(~np.isnan(errors).any(axis=-1)), strict=True):
        if np.ptp(errors[run]) > 0:
            correlations[run] = scipy.stats.spearmanr(values, errors[run]).statistic
    return correlations


def c11(tables: Any) -> Verdict:
    """Conclude on C11: alpha's rank correlations with the target's error and with A2 are above 0 in both tasks."""
    redactions = Redactions(tables.evidence, tables.alpha, "alpha")
    if len(redactions.values) < 3:
        return concluded(tables.evidence, [], "fewer than three values of alpha were tried")
    parts = []
    for task in TASKS:
        for dimension, effect in (("target_error", "removes more"), ("A2", "damages more")):
            correlations = rank_correlation(redactions, dimension, task)
            interval = tables.evidence.bootstrap.interval(correlations)
            name = f"larger alpha {effect} in {task}"
            parts.append(Part(name, Finding.above(interval, 0.0, "rank correlation")))
    return concluded(tables.evidence, parts, _points_above_0(parts))


def _points_above_0(parts: list[Part]) -> str:
    """Return a note on the signs of the points, which count where there are too few requests for an interval."""
    means = [part.finding.effect.mean for part in parts if not np.isnan(part.finding.effect.mean)]
    above = sum(mean > 0 for mean in means)
    return f"{above} of {len(parts)} points are on the claimed side" if means else ""
