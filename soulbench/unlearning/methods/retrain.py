"""Gold standard: both stages are trained from scratch without the targets, and with everything else.

A target's node and edges are removed from the graph. Its RoI has the mean colour in the network's input and no weight
in any loss. A person whom a target shows may still be in other images: `retrain-person` leaves them out of those, too.
"""

from dataclasses import dataclass

from soulbench.unlearning.plan import Plan, Request, Subset

LEVEL, FAMILY, PER_REQUEST = "reference", "retrain", True


@dataclass(frozen=True)
class Parameters:
    """This method has no parameters."""


def plan(request: Request, subset: Subset, parameters: Parameters) -> Plan:
    """Leave the targets out."""
    return Plan(edits=subset.leave_out(request.targets))
