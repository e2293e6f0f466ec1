"""The paper's claims C1 to C11: what must hold of the measured numbers for each to be true.

A claim is a conjunction of parts. A part holds if its interval lies on the claimed side of its threshold, fails if it
lies on the other side, and is open if the interval contains the threshold or there are too few requests for one. If all
parts hold, the claim is supported; if any fails, it is contradicted; else it is undecided. The intervals are not
corrected for the number of parts.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from soulbench.analysis.claims import ablations, cost, latent
from soulbench.analysis.claims.parts import Part, Verdict, conclude, either, negation
from soulbench.analysis.dimensions import PRIMARY
from soulbench.analysis.evidence import Evidence, Finding
from soulbench.analysis.methods import OBJECT_MASKS, UNLEARNERS
from soulbench.analysis.statistics import mean_of_requests
from soulbench.core.columns import TABLES
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import RESULT_FORMAT, read_csv, write_csv
from soulbench.core.terms import RECONSTRUCTION, SYNTHESIS, TASKS

GUIDED_OR_REDACTED = ("sample-ng", "feat-ng", "obj-ng", "feat-if", "obj-if")
SAMPLE = ("sample-ft", "sample-ng")
MASKS = ("feat-mk", *OBJECT_MASKS)
#: The queries of the paper.
QUERIES = ("fuzzy", "neighbor", "singleton")


def removes(evidence: Evidence, methods: Iterable[str], task: str) -> list[Part]:
    """Return one part for each method: it removes the object."""
    return [
        Part.that(f"{name} removes the object in {task}", evidence.removed(name, task)) for name in methods
    ]


def keeps(evidence: Evidence, methods: Iterable[str], task: str, dimension: str) -> list[Part]:
    """Return one part for each method: it does not damage a retained dimension."""
    return [
        Part.that(
            f"{name} keeps {dimension} in {task}", evidence.damaged(name, task, dimension), negated=True
        )
        for name in methods
    ]


def damages(evidence: Evidence, methods: Iterable[str], task: str, dimension: str) -> list[Part]:
    """Return one part for each method: it damages a retained dimension."""
    return [
        Part.that(f"{name} damages {dimension} in {task}", evidence.damaged(name, task, dimension))
        for name in methods
    ]


def c1(evidence: Evidence) -> Verdict:
    """Conclude on C1: with every NG and IF method the object stays or utility is lost, in reconstruction."""
    return conclude([_fails(evidence, name) for name in GUIDED_OR_REDACTED])


def _fails(evidence: Evidence, method: str) -> Part:
    """Return the part that a method leaves the object, collapses, or damages retained images or A2."""
    removed = evidence.removed(method, RECONSTRUCTION)
    ways = [
        Finding(negation(removed.holds), removed.effect, removed.unit),
        evidence.collapsed(method, RECONSTRUCTION),
        *(evidence.damaged(method, RECONSTRUCTION, name) for name in ("retained_error", "A2")),
    ]
    return either(f"{method} leaves the object or damages the rest", ways)


def c2(evidence: Evidence) -> Verdict:
    """Conclude on C2: Sample-FT and Sample-NG remove the object and damage A2, in reconstruction."""
    task = RECONSTRUCTION
    return conclude([*removes(evidence, SAMPLE, task), *damages(evidence, SAMPLE, task, "A2")])


def c3(evidence: Evidence) -> Verdict:
    """Conclude on C3, in reconstruction: the masks remove the object and keep A2.

    Feat-MK damages A3, the Obj-MK methods keep it.
    """
    task = RECONSTRUCTION
    return conclude(
        [
            *removes(evidence, MASKS, task),
            *keeps(evidence, MASKS, task, "A2"),
            *damages(evidence, ["feat-mk"], task, "A3"),
            *keeps(evidence, OBJECT_MASKS, task, "A3"),
        ]
    )


def c4(evidence: Evidence) -> Verdict:
    """Conclude on C4: each of the nine methods removes the object in synthesis."""
    return conclude(removes(evidence, UNLEARNERS, SYNTHESIS))


def c5(evidence: Evidence) -> Verdict:
    """Conclude on C5, in synthesis: the NG and IF methods collapse in most runs.

    Each Obj-MK method changes A2 and A3 less than any other method does.
    """
    parts = [
        Part.that(f"{name} collapses in synthesis", evidence.collapsed(name, SYNTHESIS))
        for name in GUIDED_OR_REDACTED
    ]
    parts += [changes_least(evidence, name, dimension) for name in OBJECT_MASKS for dimension in ("A2", "A3")]
    return conclude(
        parts, "a method that forgets nothing changes nothing, so being best in A2 and A3 is no merit alone"
    )


def changes_least(evidence: Evidence, method: str, dimension: str) -> Part:
    """Return the part that a method changes a dimension less than the best method that is no Obj-MK."""
    others = [
        name
        for name in UNLEARNERS
        if name not in OBJECT_MASKS and (name, SYNTHESIS, dimension, PRIMARY) in evidence.arrays
    ]
    label = f"{method} is best in {dimension} in synthesis"
    if not others:
        return Part.that(label, evidence.removed("", SYNTHESIS))
    rival = min(others, key=lambda name: mean_of_requests(evidence.error(name, SYNTHESIS, dimension)))
    margin = evidence.error(rival, SYNTHESIS, dimension) - evidence.error(method, SYNTHESIS, dimension)
    interval = evidence.bootstrap.interval(margin)
    return Part(label, interval.above(0.0), interval, f"grey levels less than {rival}")


def c8(evidence: Evidence) -> Verdict:
    """Conclude on C8: where an Obj-MK method removes the object, none of the three queries recovers it."""
    parts, untested = [], []
    for method in OBJECT_MASKS:
        for task in TASKS:
            label = f"no query recovers the object of {method} in {task}"
            if evidence.removed(method, task).holds:
                parts.append(Part.that(label, evidence.recovered(method, task, QUERIES), negated=True))
            else:
                untested.append(f"{method} in {task}")
    note = f"not tested where nothing was removed for certain: {', '.join(untested)}" if untested else ""
    return conclude(parts, note)


@dataclass(frozen=True)
class Tables:
    """What the claims are evaluated on.

    Attributes:
        evidence: metrics.csv and queries.csv.
        latent: latent.csv.
        jobs: timing_jobs.csv.
        modules: ablation_modules.csv.
        alpha: ablation_alpha.csv.
        config: the configuration.
    """

    evidence: Evidence
    latent: pd.DataFrame
    jobs: pd.DataFrame
    modules: pd.DataFrame
    alpha: pd.DataFrame
    config: dict[str, Any] = field(repr=False)


def _of_evidence(claim: Callable[[Evidence], Verdict]) -> Callable[[Tables], Verdict]:
    return lambda tables: claim(tables.evidence)


CLAIMS: dict[str, tuple[str, Callable[[Tables], Verdict]]] = {
    "C1": ("NG and IF fail: either the object stays or utility is lost", _of_evidence(c1)),
    "C2": ("Sample methods remove the object and damage the rest of the image", _of_evidence(c2)),
    "C3": (
        "Masking removes the object and keeps the rest; Feat-MK damages its category elsewhere, Obj-MK not",
        _of_evidence(c3),
    ),
    "C4": ("In synthesis all methods remove the object", _of_evidence(c4)),
    "C5": ("NG and IF collapse in synthesis; Obj-MK are best in A2 and A3", _of_evidence(c5)),
    "C6": ("Obj-MK: latent distance large for the target, small elsewhere", latent.c6),
    "C7": ("Little difference between the tasks in latent space", latent.c7),
    "C8": ("The three queries do not bring the object back", _of_evidence(c8)),
    "C9": ("Fine-tuning costs about 1/30 of retraining, redaction far less", cost.c9),
    "C10": (
        "Redacting all or the decoder destroys the model, embedders do nothing, the graph is balanced",
        ablations.c10,
    ),
    "C11": ("A larger alpha removes more and damages more", ablations.c11),
}
#: Claims whose verdict rests on seconds, and so on the machine and the moment.
TIMED = ("C9",)


def evaluate_claims(tables: Tables) -> pd.DataFrame:
    """Return all claims: verdict, effect with its interval and unit, and the reason, for each claim."""
    rows = []
    for claim, (statement, conclusion) in CLAIMS.items():
        verdict = conclusion(tables)
        effect = verdict.effect
        ends = effect.mean, effect.low, effect.high
        rows.append((claim, statement, verdict.verdict, *ends, verdict.why, verdict.unit))
    return pd.DataFrame(rows, columns=list(TABLES["claims"]))


def write_claims(config: dict[str, Any], results_dir: str | Path, log: Callable[[str], Any]) -> None:
    """Evaluate the paper's claims on the tables; write claims.csv, and those on seconds to timing_claims.csv.

    Args:
        config: the resolved configuration.
        results_dir: results/<name>.
        log: called with a line of text.

    Raises:
        UserError: a table is missing.
    """
    paths = ResultPaths(str(results_dir))
    tables = Tables(
        evidence=Evidence.read(config, paths),
        latent=read_csv(paths.table("latent")),
        jobs=read_csv(paths.table("timing_jobs")),
        modules=read_csv(paths.table("ablation_modules")),
        alpha=read_csv(paths.table("ablation_alpha")),
        config=config,
    )
    claims = evaluate_claims(tables)
    timed = claims["claim"].isin(TIMED)
    write_csv(claims[~timed], paths.table("claims"), RESULT_FORMAT)
    write_csv(claims[timed], paths.table("timing_claims"), RESULT_FORMAT)
    log("; ".join(f"{row.claim} {row.verdict}" for row in claims.itertuples()))
