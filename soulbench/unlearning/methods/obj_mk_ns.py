"""Obj-MK-NS (paper, eq. 7): noise masking, Gaussian noise is added to the targets' RoIs; sampled once per request.

In the release the noise is never applied, so that the method equals Obj-MK-PA; `fill: zero` reproduces that.
"""

from dataclasses import dataclass
from typing import Literal

from soulbench.core.values import NotNegative
from soulbench.unlearning.plan import Plan, Request, Subset

LEVEL, FAMILY, PER_REQUEST = "object", "finetune", True


@dataclass(frozen=True)
class Parameters:
    """Parameters of Obj-MK-NS.

    Attributes:
        noise: standard deviation of the noise, in normalised units.
        fill: "noise" (paper), or "zero" for the mean colour (release).
        mask_on: which copy of the image is masked: the "target" of the loss (release), the "input" (paper), or both.
        loss_region: whether the loss covers the whole "image" (release), or only the pixels "outside" the RoIs (paper).
    """

    noise: NotNegative = 0.5
    fill: Literal["noise", "zero"] = "noise"
    mask_on: Literal["target", "input", "both"] = "target"
    loss_region: Literal["image", "outside"] = "image"


def plan(request: Request, subset: Subset, parameters: Parameters) -> Plan:
    """Add noise to the targets' RoIs."""
    edits = subset.edit_targets(
        request,
        fill=parameters.fill,
        noise=parameters.noise,
        mask_on=parameters.mask_on,
        weightless=parameters.loss_region == "outside",
    )
    return Plan(edits=edits)
