"""Feat-MK (paper, section 5; eq. 7): mask every object of the target's category."""

from dataclasses import dataclass
from typing import Literal

from soulbench.unlearning.plan import Plan, Request, Subset

LEVEL, FAMILY, PER_REQUEST = "feature", "finetune", True


@dataclass(frozen=True)
class Parameters:
    """Where the mask goes (release: target, paper: input), whether the ROI counts (paper: outside), instances."""

    mask_on: Literal["target", "input", "both"] = "target"
    loss_region: Literal["image", "outside"] = "image"
    instances: Literal["all", "first"] = "all"


def plan(request: Request, subset: Subset, parameters: Parameters) -> Plan:
    """Set the category's ROIs to the mean colour in every image."""
    weightless = parameters.loss_region == "outside"
    edit = {"fill": "zero", "mask_on": parameters.mask_on, "weightless": weightless}
    return Plan(edits=subset.category(request, parameters.instances, **edit))
