"""Rewind: back to the last kept state before the target's image was first seen; from there without the target: exact.

Source: Bourtoule et al., "Machine Unlearning" (SISA), IEEE S&P 2021.
Adapted: a model has one shard, and its slices are the steps of pre-training and fine-tuning, of which the states after
1, 2, 4, ... steps are kept. What it leaves out is what `retrain` leaves out, and its model is equal to the bit.
What it saves is the place in the order: training goes over its images many times, so that an image is first seen within
the first epoch. Where pre-training shows it, nearly everything is repeated; where not, fine-tuning alone is.
Formula: theta = replay of steps k + 1, k + 2, ... without the target, k the last kept step before the image.
"""

from dataclasses import dataclass

from soulbench.unlearning.plan import Plan, Request, Subset

LEVEL, FAMILY, PER_REQUEST = "object", "replay", True


@dataclass(frozen=True)
class Parameters:
    """This method has no parameters."""


def plan(request: Request, subset: Subset, parameters: Parameters) -> Plan:
    """Leave the targets out."""
    return Plan(edits=subset.leave_out(request.targets))
