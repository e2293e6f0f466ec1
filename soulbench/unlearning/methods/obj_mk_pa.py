"""Obj-MK-PA (paper, eq. 7): patch masking, the target's ROI becomes 0 (the mean colour)."""

from dataclasses import dataclass
from typing import Literal

from soulbench.unlearning.plan import Plan, Request, Subset

LEVEL, FAMILY, PER_REQUEST = "object", "finetune", True


@dataclass(frozen=True)
class Parameters:
    """Where the mask goes (release: target, paper: input) and whether the ROI counts (paper: outside)."""

    mask_on: Literal["target", "input", "both"] = "target"
    loss_region: Literal["image", "outside"] = "image"


def plan(request: Request, subset: Subset, parameters: Parameters) -> Plan:
    """Set the target's ROI to the mean colour in the target image."""
    weightless = parameters.loss_region == "outside"
    edit = {"fill": "zero", "mask_on": parameters.mask_on, "weightless": weightless}
    return Plan(edits=subset.target(request, **edit))
