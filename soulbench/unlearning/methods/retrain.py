"""Gold standard: both trainings from scratch with the object left out.

Its node and edges leave the graph; its ROI is the mean colour in what the network sees and weighs nothing in any loss.
"""

from dataclasses import dataclass

from soulbench.unlearning.plan import Plan, Request, Subset

LEVEL, FAMILY, PER_REQUEST = "reference", "retrain", True


@dataclass(frozen=True)
class Parameters:
    """None."""


def plan(request: Request, subset: Subset, parameters: Parameters) -> Plan:
    """Hide the target's ROI everywhere and drop its node."""
    removed = (request.object_id,)
    return Plan(edits=subset.target(request, fill="zero", mask_on="both", weightless=True, removed=removed))
