"""Sample-FT (paper, section 5): fine-tune on the subset without the target images."""

from dataclasses import dataclass

from soulbench.unlearning.plan import Plan, Request, Subset

LEVEL, FAMILY, PER_REQUEST = "sample", "finetune", True


@dataclass(frozen=True)
class Parameters:
    """This method has no parameters."""


def plan(request: Request, subset: Subset, parameters: Parameters) -> Plan:
    """Leave the target images out."""
    return Plan(exclude=frozenset(request.images))
