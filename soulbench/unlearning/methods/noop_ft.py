"""Control: the same fine-tuning as every method, with nothing removed; what it changes is no unlearning."""

from dataclasses import dataclass

from soulbench.unlearning.plan import Plan, Request, Subset

LEVEL, FAMILY, PER_REQUEST = "reference", "finetune", False


@dataclass(frozen=True)
class Parameters:
    """None."""


def plan(request: Request, subset: Subset, parameters: Parameters) -> Plan:
    """Train on the whole subset, unedited."""
    return Plan()
