"""Reference: both stages are trained from scratch without the whole target images."""

from dataclasses import dataclass

from soulbench.unlearning.plan import Plan, Request, Subset

LEVEL, FAMILY, PER_REQUEST = "reference", "retrain", True


@dataclass(frozen=True)
class Parameters:
    """This method has no parameters."""


def plan(request: Request, subset: Subset, parameters: Parameters) -> Plan:
    """Leave the target images out."""
    return Plan(exclude=frozenset(request.images))
