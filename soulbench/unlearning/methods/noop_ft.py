"""Control: the same fine-tuning as the other methods, but nothing is removed; its changes are no unlearning."""

from dataclasses import dataclass

from soulbench.unlearning.plan import Plan, Request, Subset

LEVEL, FAMILY, PER_REQUEST = "reference", "finetune", False


@dataclass(frozen=True)
class Parameters:
    """This method has no parameters."""


def plan(request: Request, subset: Subset, parameters: Parameters) -> Plan:
    """Fine-tune on the whole subset, unedited."""
    return Plan()
