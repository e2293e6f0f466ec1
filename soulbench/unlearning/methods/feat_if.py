"""Feat-IF (paper, section 5): redact the influence of the visual features of every object of the category."""

from soulbench.unlearning.influence_parameters import Parameters
from soulbench.unlearning.plan import Influence, Plan, Request, Subset

LEVEL, FAMILY, PER_REQUEST = "feature", "redaction", True

__all__ = ["FAMILY", "LEVEL", "PER_REQUEST", "Parameters", "plan"]


def plan(request: Request, subset: Subset, parameters: Parameters) -> Plan:
    """The summed influence of the category's objects."""
    objects = subset.instances(request.category).items()
    pairs = tuple((image_id, object_id) for image_id, found in objects for object_id in found)
    return Plan(influence=Influence(pairs, parameters))
