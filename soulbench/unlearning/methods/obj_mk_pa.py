"""Obj-MK-PA (paper, eq. 7): patch masking, the targets' RoIs are set to 0 (the mean colour)."""

from dataclasses import dataclass
from typing import Literal

from soulbench.unlearning.plan import Plan, Request, Subset

LEVEL, FAMILY, PER_REQUEST = "object", "finetune", True


@dataclass(frozen=True)
class Parameters:
    """Parameters of Obj-MK-PA.

    Attributes:
        mask_on: which copy of the image is masked: the "target" of the loss (release), the "input" (paper), or both.
        loss_region: whether the loss covers the whole "image" (release), or only the pixels "outside" the RoIs (paper).
    """

    mask_on: Literal["target", "input", "both"] = "target"
    loss_region: Literal["image", "outside"] = "image"


def plan(request: Request, subset: Subset, parameters: Parameters) -> Plan:
    """Set the targets' RoIs to the mean colour."""
    weightless = parameters.loss_region == "outside"
    edits = subset.edit_targets(request, fill="zero", mask_on=parameters.mask_on, weightless=weightless)
    return Plan(edits=edits)
