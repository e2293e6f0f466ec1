"""Reference: both trainings from scratch without the whole image of the request."""

from dataclasses import dataclass

from soulbench.unlearning.plan import Plan, Request, Subset

LEVEL, FAMILY, PER_REQUEST = "reference", "retrain", True


@dataclass(frozen=True)
class Parameters:
    """None."""


def plan(request: Request, subset: Subset, parameters: Parameters) -> Plan:
    """Leave the image out."""
    return Plan(exclude=frozenset({request.image_id}))
