"""Reference: both stages are trained from scratch without any appearance of the people among the targets.

As `retrain`, but these individuals are also left out of the training images that are not part of the request. Where the
data does not say who a target is, only the target is left out.
"""

from dataclasses import dataclass

from soulbench.unlearning.plan import Plan, Request, Subset

LEVEL, FAMILY, PER_REQUEST = "reference", "retrain", True


@dataclass(frozen=True)
class Parameters:
    """This method has no parameters."""


def plan(request: Request, subset: Subset, parameters: Parameters) -> Plan:
    """Leave the targets out, and every other appearance of the people among them."""
    return Plan(edits=subset.leave_out(request.targets + request.elsewhere))
