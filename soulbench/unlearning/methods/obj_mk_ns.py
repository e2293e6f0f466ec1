"""Obj-MK-NS (paper, eq. 7): noise masking, Gaussian noise is added to the target's ROI, drawn once a request.

As released the noise is never applied and the method equals Obj-MK-PA; that is `fill: zero`.
"""

from dataclasses import dataclass
from typing import Literal

from soulbench.core.values import NotNegative
from soulbench.unlearning.plan import Plan, Request, Subset

LEVEL, FAMILY, PER_REQUEST = "object", "finetune", True


@dataclass(frozen=True)
class Parameters:
    """Deviation of the noise in normalised units; where it goes and whether the ROI counts, as in Obj-MK-PA."""

    noise: NotNegative = 0.5
    fill: Literal["noise", "zero"] = "noise"
    mask_on: Literal["target", "input", "both"] = "target"
    loss_region: Literal["image", "outside"] = "image"


def plan(request: Request, subset: Subset, parameters: Parameters) -> Plan:
    """Add noise to the target's ROI in the target image."""
    weightless = parameters.loss_region == "outside"
    edit = {"fill": parameters.fill, "mask_on": parameters.mask_on, "weightless": weightless}
    return Plan(edits=subset.target(request, noise=parameters.noise, **edit))
