"""Feat-IF (paper, section 5): redact the influence of the visual features of all objects of the targets' categories."""

from soulbench.unlearning.influence_parameters import Parameters
from soulbench.unlearning.plan import Influence, Plan, Request, Subset

LEVEL, FAMILY, PER_REQUEST = "feature", "redaction", True

__all__ = ["FAMILY", "LEVEL", "PER_REQUEST", "Parameters", "plan"]


def plan(request: Request, subset: Subset, parameters: Parameters) -> Plan:
    """Remove the summed influence of the objects of the targets' categories."""
    instances = subset.instances(request.categories).items()
    objects = tuple((image_id, object_id) for image_id, object_ids in instances for object_id in object_ids)
    return Plan(influence=Influence(objects, parameters))
