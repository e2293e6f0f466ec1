"""Claim C13: whoever compares the models before and after finds what a masking method deleted."""

from dataclasses import replace

from soulbench.analysis.claims.parts import Part, Verdict, untested
from soulbench.analysis.claims.verdicts import RELEASED, concluded, masking
from soulbench.analysis.evidence import Evidence
from soulbench.analysis.update_leak import stands_out
from soulbench.core.terms import LEAK, TASKS

UNIT = "of the AUC beyond models that never saw the target"


def c13(evidence: Evidence) -> Verdict:
    """Conclude on C13: the target stands out after each masking method, more than after retraining without it."""
    return concluded(
        evidence,
        [_stands_out(evidence, name, task) for name in masking(evidence, RELEASED) for task in TASKS],
    )


def _stands_out(evidence: Evidence, method: str, task: str) -> Part:
    label = f"the target stands out between the models before and after {method} in {task}"
    if (method, task, LEAK, "auc") not in evidence.arrays:
        return Part(label, untested("the update leak is not measured"))
    return Part(label, replace(stands_out(evidence, method, task), unit=UNIT))
