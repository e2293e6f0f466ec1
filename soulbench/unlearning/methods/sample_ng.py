"""Sample-NG (paper, section 5): negative guidance on the whole target image."""

from dataclasses import dataclass

from soulbench.unlearning.plan import Edit, Plan, Request, Subset

LEVEL, FAMILY, PER_REQUEST = "sample", "finetune", True


@dataclass(frozen=True)
class Parameters:
    """None."""


def plan(request: Request, subset: Subset, parameters: Parameters) -> Plan:
    """The loss of the target image is -(L1 + boxes) and nothing else."""
    return Plan(edits={request.image_id: Edit(negate=True)})
