"""Gold standard: both stages are trained from scratch without the object.

Its node and edges are removed from the graph. Its RoI has the mean colour in the network's input and no weight in any
loss.
"""

from dataclasses import dataclass

from soulbench.unlearning.plan import Plan, Request, Subset

LEVEL, FAMILY, PER_REQUEST = "reference", "retrain", True


@dataclass(frozen=True)
class Parameters:
    """This method has no parameters."""


def plan(request: Request, subset: Subset, parameters: Parameters) -> Plan:
    """Hide the target's RoI from network and losses, and remove its node."""
    removed = (request.object_id,)
    edits = subset.edit_target(request, fill="zero", mask_on="both", weightless=True, removed=removed)
    return Plan(edits=edits)
