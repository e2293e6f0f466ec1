"""Obj-IF (paper, section 4.2 and appendix A): redact the influence of the targets' visual features."""

from soulbench.unlearning.influence_parameters import Parameters
from soulbench.unlearning.plan import Influence, Plan, Request, Subset

LEVEL, FAMILY, PER_REQUEST = "object", "redaction", True

__all__ = ["FAMILY", "LEVEL", "PER_REQUEST", "Parameters", "plan"]


def plan(request: Request, subset: Subset, parameters: Parameters) -> Plan:
    """Remove the summed influence of the targets."""
    targets = tuple((image_id, one) for image_id, ids in subset.targets(request).items() for one in ids)
    return Plan(influence=Influence(targets, parameters))
