"""Feat-MK (paper, section 5; eq. 7): mask every object of the targets' categories."""

from dataclasses import dataclass
from typing import Literal

from soulbench.unlearning.plan import Plan, Request, Subset

LEVEL, FAMILY, PER_REQUEST = "feature", "finetune", True


@dataclass(frozen=True)
class Parameters:
    """Parameters of Feat-MK.

    Attributes:
        mask_on: which copy of the image is masked: the "target" of the loss (release), the "input" (paper), or both.
        loss_region: whether the loss covers the whole "image" (release), or only the pixels "outside" the RoIs (paper).
        instances: "all" objects of the category, or only the "first" one of each image.
    """

    mask_on: Literal["target", "input", "both"] = "target"
    loss_region: Literal["image", "outside"] = "image"
    instances: Literal["all", "first"] = "all"


def plan(request: Request, subset: Subset, parameters: Parameters) -> Plan:
    """Set the categories' RoIs to the mean colour in every image."""
    weightless = parameters.loss_region == "outside"
    edit = {"fill": "zero", "mask_on": parameters.mask_on, "weightless": weightless}
    return Plan(edits=subset.edit_categories(request, parameters.instances, **edit))
