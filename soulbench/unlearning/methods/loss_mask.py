"""Loss-Mask: the target's RoI is grey at the input and has no weight in the loss, so nothing teaches a patch.

Beside Obj-MK-PA it separates forgetting from learning the grey patch.
Source: this project.
Formula: L(theta; 1 - W_r), where the network sees the mean colour on the target's RoI.
"""

from dataclasses import dataclass

from soulbench.unlearning.plan import Plan, Request, Subset

LEVEL, FAMILY, PER_REQUEST = "object", "finetune", True


@dataclass(frozen=True)
class Parameters:
    """This method has no parameters."""


def plan(request: Request, subset: Subset, parameters: Parameters) -> Plan:
    """Leave the targets' RoIs out of what is seen and of what is learned; their nodes stay."""
    return Plan(edits=subset.edit_targets(request, fill="zero", mask_on="input", weightless=True))
