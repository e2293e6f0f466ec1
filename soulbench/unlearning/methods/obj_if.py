"""Obj-IF (paper, section 4.2 and appendix A): redact the influence of the target's visual feature."""

from soulbench.unlearning.influence_parameters import Parameters
from soulbench.unlearning.plan import Influence, Plan, Request, Subset

LEVEL, FAMILY, PER_REQUEST = "object", "redaction", True

__all__ = ["FAMILY", "LEVEL", "PER_REQUEST", "Parameters", "plan"]


def plan(request: Request, subset: Subset, parameters: Parameters) -> Plan:
    """Remove the influence of the target."""
    target = (request.image_id, request.object_id)
    return Plan(influence=Influence((target,), parameters))
