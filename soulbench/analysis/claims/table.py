"""The table of the claims: each with its verdict, its parts, and what it would take to decide it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from soulbench.analysis.bootstrap import NOTHING
from soulbench.analysis.claims import ablations, cost, identity, latent, leak, queries, verdicts
from soulbench.analysis.claims.parts import Verdict
from soulbench.analysis.evidence import Evidence
from soulbench.analysis.identity import is_measured
from soulbench.analysis.operating import evidence_at
from soulbench.analysis.scoreboard import answer
from soulbench.core.columns import TABLES
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import RESULT_FORMAT, read_csv, write_csv
from soulbench.core.terms import AS_DESCRIBED


@dataclass(frozen=True)
class Tables:
    """What the claims are evaluated on.

    Attributes:
        points: metrics.csv and queries.csv at each operating point.
        latent: latent.csv.
        jobs: timing_jobs.csv.
        modules: ablation_modules.csv.
        alpha: ablation_alpha.csv.
        config: the configuration.
        point: the operating point at which a claim is judged.
    """

    points: Mapping[str, Evidence]
    latent: pd.DataFrame
    jobs: pd.DataFrame
    modules: pd.DataFrame
    alpha: pd.DataFrame
    config: dict[str, Any] = field(repr=False)
    point: str = AS_DESCRIBED

    @property
    def evidence(self) -> Evidence:
        """The evidence at `point`."""
        return self.points[self.point]


def _of_evidence(claim: Callable[[Evidence], Verdict]) -> Callable[[Tables], Verdict]:
    return lambda tables: claim(tables.evidence)


CLAIMS: dict[str, tuple[str, Callable[[Tables], Verdict]]] = {
    "C1": ("NG and IF fail: either the object stays or utility is lost", _of_evidence(verdicts.c1)),
    "C2": ("Sample methods remove the object and damage the rest of the image", _of_evidence(verdicts.c2)),
    "C3": (
        "Masking removes the object and keeps the rest; Feat-MK damages its category elsewhere, Obj-MK not",
        _of_evidence(verdicts.c3),
    ),
    "C3-described": (
        "C3 with the mask of the paper: on the input, the RoI left out of the loss",
        _of_evidence(lambda evidence: verdicts.c3(evidence, verdicts.DESCRIBED)),
    ),
    "C4": ("In synthesis all methods remove the object", _of_evidence(verdicts.c4)),
    "C5": (
        "Some NG and IF methods collapse in synthesis; of those that remove, Obj-MK are best in A2 and A3",
        _of_evidence(verdicts.c5),
    ),
    "C6": ("Obj-MK: latent distance large for the target, small elsewhere", latent.c6),
    "C7": ("Little difference between the tasks in latent space", latent.c7),
    "C8": ("The three queries do not bring the object back", _of_evidence(queries.c8)),
    "C9": ("Fine-tuning costs about 1/30 of retraining, redaction far less", cost.c9),
    "C10": (
        "Redacting all or the decoder destroys the model, embedders do nothing, the graph is balanced",
        ablations.c10,
    ),
    "C11": ("A larger alpha removes more and damages more", ablations.c11),
    "C12": (
        "Metrics may suggest success while the object stays recognisable",
        _of_evidence(identity.c12),
    ),
    "C13": (
        "The masking methods leak through the difference between the two models",
        _of_evidence(leak.c13),
    ),
}
#: Claims whose numbers rest on seconds, and so on the machine and the moment.
TIMED = ("C9",)
#: Claims on what is measured at every budget: they are judged at every operating point.
BY_BUDGET = ("C1", "C2", "C3", "C3-described", "C4", "C5", "C12", "C13")
#: Claims that depend on the budget as well, but are judged as described alone -> why.
AS_DESCRIBED_ALONE = {
    "C6": "latent distances are not measured at other budgets",
    "C7": "latent distances are not measured at other budgets",
    "C8": "queries are not evaluated at other budgets",
}


def evaluate_claims(tables: Tables) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows of claims.csv, and those of claim_parts.csv, at each operating point.

    The claim on the paper's mask is left out if no configured method has it, that on identity if none is measured.
    """
    claims, parts = [], []
    for claim, (statement, conclusion) in CLAIMS.items():
        if claim == "C3-described" and not verdicts.masking(tables.evidence, verdicts.DESCRIBED):
            continue
        if claim == "C12" and not is_measured(tables.evidence):
            continue
        for point in tables.points if claim in BY_BUDGET else (AS_DESCRIBED,):
            verdict = conclusion(replace(tables, point=point))
            finding = verdict.deciding.finding if verdict.deciding else None
            effect, unit = (finding.effect, finding.unit) if finding else (NOTHING, "")
            words = verdict.verdict, verdict.uncorrected
            ends = effect.mean, effect.low, effect.high, unit
            alone = AS_DESCRIBED_ALONE.get(claim, "")
            why = f"{verdict.why} Judged as described alone: {alone}." if alone else verdict.why
            claims.append((claim, statement, point, *words, *ends, why, verdict.power))
            parts += [(claim, point, *_part_row(*row)) for row in verdict.parts]
    return (
        pd.DataFrame(claims, columns=list(TABLES["claims"])),
        pd.DataFrame(parts, columns=list(TABLES["claim_parts"])),
    )


def _part_row(part: Any, stands: bool | None, adjusted: float, needed: float) -> tuple[Any, ...]:
    finding = part.finding
    effect = finding.effect
    return (
        part.name,
        answer(stands),
        answer(finding.holds),
        effect.mean,
        effect.low,
        effect.high,
        finding.unit,
        finding.threshold,
        finding.p,
        adjusted,
        needed if 0 < needed < np.inf else np.nan,
        effect.requests,
        effect.seeds,
        finding.note,
    )


def write_claims(config: dict[str, Any], results_dir: str | Path, log: Callable[[str], Any]) -> None:
    """Evaluate the paper's claims on the tables; write claims.csv and claim_parts.csv.

    What rests on seconds goes to timing_claims.csv and timing_claim_parts.csv.

    Args:
        config: the resolved configuration.
        results_dir: results/<name>.
        log: called with a line of text.

    Raises:
        UserError: a table is missing.
    """
    paths = ResultPaths(str(results_dir))
    read = [read_csv(paths.table(name)) for name in ("metrics", "queries", "budgets", "selected")]
    tables = Tables(
        points=evidence_at(config, *read),
        latent=read_csv(paths.table("latent")),
        jobs=read_csv(paths.table("timing_jobs")),
        modules=read_csv(paths.table("ablation_modules")),
        alpha=read_csv(paths.table("ablation_alpha")),
        config=config,
    )
    claims, parts = evaluate_claims(tables)
    for name, table in (("claims", claims), ("claim_parts", parts)):
        timed = table["claim"].isin(TIMED)
        write_csv(table[~timed], paths.table(name), RESULT_FORMAT)
        write_csv(table[timed], paths.table(f"timing_{name}"), RESULT_FORMAT)
    texts = [f"{row.claim} {row.operating_point}: {row.verdict}" for row in claims.itertuples()]
    log("; ".join(texts))
