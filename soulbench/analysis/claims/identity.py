"""Claim C12: metrics may suggest that an object is gone while whom it shows is still recognised."""

from soulbench.analysis import identity
from soulbench.analysis.bootstrap import RETRAINED
from soulbench.analysis.claims.parts import Part, Verdict, all_of, any_of, untested
from soulbench.analysis.claims.verdicts import concluded
from soulbench.analysis.evidence import Evidence
from soulbench.analysis.findings import Finding
from soulbench.analysis.methods import UNLEARNERS
from soulbench.analysis.statistics import paired
from soulbench.core.terms import IDENTITY, TASKS

LABEL = "some method that changes and removes the object leaves the individual recognisable in"


def c12(evidence: Evidence) -> Verdict:
    """Conclude on C12: in either task, at least one method misleads. No method is chosen: `any_of` corrects for all."""
    ways = [
        misleads(evidence, name, task)
        for task in TASKS
        for name in UNLEARNERS
        if not identity.not_measured(evidence, task)
        and (name, task, IDENTITY, identity.PRIMARY) in evidence.arrays
    ]
    if not ways:
        return concluded(evidence, [Part(LABEL, untested(identity.not_measured(evidence, TASKS[0])))])
    return concluded(evidence, [Part(f"{LABEL} {' or '.join(TASKS)}", any_of(ways))])


def misleads(evidence: Evidence, method: str, task: str) -> Finding:
    """Tell whether A1 is large and the target removed by its error, while the individual is identified too often.

    Too often: more often than by the models that never saw it.
    """
    over = identity.excess(evidence, method, task, IDENTITY, identity.PRIMARY)
    unit = f"of the mean reciprocal place beyond the out models ({method}, {task})"
    return all_of(
        [large(evidence, method, task), evidence.removed(method, task), Finding.above(over, 0.0, unit)]
    )


def large(evidence: Evidence, method: str, task: str) -> Finding:
    """Tell whether A1 is nearer to the retrained models' than to those of noop-ft at its budget, or beyond."""
    own, noop, retrained = paired(
        evidence.error(method, task, "A1"), evidence.noop(method, task, "A1"), evidence.retrained(task, "A1")
    )
    mean = evidence.bootstrap.mean
    beyond = mean(own) - mean(noop) * 0.5 - mean(retrained, RETRAINED) * 0.5
    unit = f"grey levels of A1 beyond the midpoint of noop-ft and retraining ({method}, {task})"
    return Finding.above(evidence.bootstrap.interval(beyond), 0.0, unit)
