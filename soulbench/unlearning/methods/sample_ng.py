"""Sample-NG (paper, section 5): negative guidance on the whole target images."""

from dataclasses import dataclass

from soulbench.unlearning.plan import Edit, Plan, Request, Subset

LEVEL, FAMILY, PER_REQUEST = "sample", "finetune", True


@dataclass(frozen=True)
class Parameters:
    """This method has no parameters."""


def plan(request: Request, subset: Subset, parameters: Parameters) -> Plan:
    """Replace the loss of the target images by -(L1 + boxes)."""
    return Plan(edits=dict.fromkeys(subset.targets(request), Edit(negate=True)))
