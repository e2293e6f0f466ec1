"""Obj-Cut: fine-tune on scene graphs without the targets; their RoIs have no weight in the loss."""

from dataclasses import dataclass

from soulbench.unlearning.plan import Plan, Request, Subset

LEVEL, FAMILY, PER_REQUEST = "object", "finetune", True


@dataclass(frozen=True)
class Parameters:
    """Parameters of Obj-Cut.

    Attributes:
        roi_counts: whether the pixels of the RoIs stay in the loss.
    """

    roi_counts: bool = False


def plan(request: Request, subset: Subset, parameters: Parameters) -> Plan:
    """Remove the targets' nodes and edges from the graphs of their images."""
    weightless = not parameters.roi_counts
    return Plan(edits=subset.edit_targets(request, remove=True, weightless=weightless))
