"""The paper's claims C1 to C11, each operationalised.

What must hold of the measured numbers for it to be true.

A claim is a conjunction of parts. A part holds if its interval lies on the claimed side of its threshold,
fails if it lies on the other, and cannot be told if it contains it or there are too few requests for one.
All parts hold: supported; any fails: contradicted; else undecided. The intervals are not corrected for the
number of parts.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from soulbench.analysis.claims import ablations as claims_ablation
from soulbench.analysis.claims import cost as claims_cost
from soulbench.analysis.claims import latent as claims_latent
from soulbench.analysis.claims.parts import Part, Verdict, either, judge
from soulbench.analysis.dimensions import PRIMARY, UNLEARNERS
from soulbench.analysis.evidence import Evidence, Finding
from soulbench.analysis.gather import read_csv
from soulbench.analysis.statistics import mean_of_requests
from soulbench.analysis.tables import write_csv
from soulbench.core.terms import RECONSTRUCTION, SYNTHESIS

GUIDED_OR_REDACTED = ("sample-ng", "feat-ng", "obj-ng", "feat-if", "obj-if")
SAMPLE = ("sample-ft", "sample-ng")
OBJECT_MASKS = ("obj-mk-pa", "obj-mk-ns")
MASKS = ("feat-mk", *OBJECT_MASKS)
QUERIES = ("fuzzy", "neighbor", "singleton")
COLUMNS = ["claim", "statement", "verdict", "effect", "ci_low", "ci_high", "why", "unit"]


def removes(evidence: Evidence, methods: Iterable[str], task: str) -> list[Part]:
    """Return a part a method: its error on the target is past the middle between the two references."""
    return [
        Part.that(f"{name} removes the object in {task}", evidence.removed(name, task)) for name in methods
    ]


def keeps(evidence: Evidence, methods: Iterable[str], task: str, dimension: str) -> list[Part]:
    """Return a part a method: it changes a retained dimension as harmless references do."""
    return [
        Part.that(
            f"{name} keeps {dimension} in {task}", evidence.damaged(name, task, dimension), negated=True
        )
        for name in methods
    ]


def damages(evidence: Evidence, methods: Iterable[str], task: str, dimension: str) -> list[Part]:
    """Return a part a method: it changes a retained dimension visibly more than those."""
    return [
        Part.that(f"{name} damages {dimension} in {task}", evidence.damaged(name, task, dimension))
        for name in methods
    ]


def c1(evidence: Evidence) -> Verdict:
    """Every NG and IF method, in reconstruction.

    The object stays, or A2, utility or the whole output is lost.
    """
    return judge([_fails(evidence, name) for name in GUIDED_OR_REDACTED])


def _fails(evidence: Evidence, method: str) -> Part:
    stays = evidence.removed(method, RECONSTRUCTION)
    ways = [
        Finding(None if stays.holds is None else not stays.holds, stays.effect, stays.unit),
        evidence.collapsed(method, RECONSTRUCTION),
        *(evidence.damaged(method, RECONSTRUCTION, name) for name in ("retained_error", "A2")),
    ]
    return either(f"{method} leaves the object or loses utility", ways)


def c2(evidence: Evidence) -> Verdict:
    """Sample-FT and Sample-NG, in reconstruction: remove the object and damage A2."""
    task = RECONSTRUCTION
    return judge([*removes(evidence, SAMPLE, task), *damages(evidence, SAMPLE, task, "A2")])


def c3(evidence: Evidence) -> Verdict:
    """The three masks remove it and keep A2; Feat-MK damages A3, Obj-MK-* keep it; in reconstruction."""
    task = RECONSTRUCTION
    return judge(
        [
            *removes(evidence, MASKS, task),
            *keeps(evidence, MASKS, task, "A2"),
            *damages(evidence, ["feat-mk"], task, "A3"),
            *keeps(evidence, OBJECT_MASKS, task, "A3"),
        ]
    )


def c4(evidence: Evidence) -> Verdict:
    """Each of the nine methods removes the object in synthesis."""
    return judge(removes(evidence, UNLEARNERS, SYNTHESIS))


def c5(evidence: Evidence) -> Verdict:
    """NG and IF collapse in most cells of synthesis.

    Each Obj-MK-* changes A2 and A3 less than any other method.
    """
    parts = [
        Part.that(f"{name} collapses in synthesis", evidence.collapsed(name, SYNTHESIS))
        for name in GUIDED_OR_REDACTED
    ]
    parts += [best(evidence, name, dimension) for name in OBJECT_MASKS for dimension in ("A2", "A3")]
    return judge(
        parts, "a method that forgets nothing changes nothing, so being best in A2 and A3 is no merit alone"
    )


def best(evidence: Evidence, method: str, dimension: str) -> Part:
    """Return the part that says that a method changes a dimension less than its nearest competitor."""
    others = [
        name
        for name in UNLEARNERS
        if name not in OBJECT_MASKS and (name, SYNTHESIS, dimension, PRIMARY) in evidence.cells
    ]
    label = f"{method} is best in {dimension} in synthesis"
    if not others:
        return Part.that(label, evidence.removed("", SYNTHESIS))
    rival = min(others, key=lambda name: mean_of_requests(evidence.error(name, SYNTHESIS, dimension)))
    margin = evidence.error(rival, SYNTHESIS, dimension) - evidence.error(method, SYNTHESIS, dimension)
    found = evidence.bootstrap.interval(margin)
    return Part(label, found.above(0.0), found, f"grey levels less than {rival}")


def c8(evidence: Evidence) -> Verdict:
    """Where an Obj-MK-* removes the object, the best of the three queries does not bring it back."""
    parts, untested = [], []
    for method in OBJECT_MASKS:
        for task in (RECONSTRUCTION, SYNTHESIS):
            label = f"no query finds the object of {method} again in {task}"
            if evidence.removed(method, task).holds:
                parts.append(Part.that(label, evidence.found_again(method, task, QUERIES), negated=True))
            else:
                untested.append(f"{method} in {task}")
    without = ", ".join(untested)
    note = f"not asked where nothing was removed for certain: {without}" if untested else ""
    return judge(parts, note)


@dataclass(frozen=True)
class Tables:
    """What the claims are judged by."""

    evidence: Evidence
    latent: pd.DataFrame
    jobs: pd.DataFrame
    modules: pd.DataFrame
    alpha: pd.DataFrame
    config: dict[str, Any] = field(repr=False)


def _of_cells(judged: Callable[[Evidence], Verdict]) -> Callable[[Tables], Verdict]:
    return lambda tables: judged(tables.evidence)


CLAIMS: dict[str, tuple[str, Callable[[Tables], Verdict]]] = {
    "C1": ("NG and IF fail: either the object stays or utility is lost", _of_cells(c1)),
    "C2": ("Sample methods remove the object and damage the rest of the image", _of_cells(c2)),
    "C3": (
        "Masking removes the object and keeps the rest; Feat-MK damages its category elsewhere, Obj-MK not",
        _of_cells(c3),
    ),
    "C4": ("In synthesis all methods remove the object", _of_cells(c4)),
    "C5": ("NG and IF collapse in synthesis; Obj-MK are best in A2 and A3", _of_cells(c5)),
    "C6": ("Obj-MK: latent distance large for the target, small elsewhere", claims_latent.c6),
    "C7": ("Little difference between the tasks in latent space", claims_latent.c7),
    "C8": ("The three queries do not bring the object back", _of_cells(c8)),
    "C9": ("Fine-tuning costs about 1/30 of retraining, redaction far less", claims_cost.c9),
    "C10": (
        "Redacting all or the decoder destroys the model, embedders do nothing, the graph is balanced",
        claims_ablation.c10,
    ),
    "C11": ("A larger alpha removes more and damages more", claims_ablation.c11),
}


def judged(tables: Tables) -> pd.DataFrame:
    """Return claims.csv; `unit` says what the effect is."""
    rows = []
    for claim, (statement, judge_claim) in CLAIMS.items():
        found = judge_claim(tables)
        effect = found.effect
        rows.append(
            (claim, statement, found.verdict, effect.mean, effect.low, effect.high, found.why, found.unit)
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def write_claims(config: dict[str, Any], tables_dir: Path, out_csv: Path, log: Callable[[str], Any]) -> None:
    """Judge the paper's claims by the tables and write claims.csv.

    Raises:
        UserError: a table is missing.
    """
    tables_dir = Path(tables_dir)
    names = {
        "latent": "latent",
        "jobs": "timing_jobs",
        "modules": "ablation_modules",
        "alpha": "ablation_alpha",
    }
    frames = {key: read_csv(tables_dir / f"{name}.csv") for key, name in names.items()}
    result = judged(Tables(Evidence.read(config, tables_dir), config=config, **frames))
    write_csv(result, Path(out_csv))
    log("; ".join(f"{row.claim} {row.verdict}" for row in result.itertuples()))
