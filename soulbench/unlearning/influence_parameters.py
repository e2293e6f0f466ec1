"""Parameters that both influence-function methods share (paper, appendix A; GIF, Wu et al., WWW 2023)."""

from dataclasses import dataclass
from typing import Literal

from soulbench.core.terms import Module
from soulbench.core.values import Natural, NotNegative, Positive


@dataclass(frozen=True)
class Parameters:
    """How the parameter change is solved for and applied: theta' = theta + alpha h.

    Attributes:
        alpha: how far the change is applied.
        module: which parameters are redacted (`soulbench.models.generator.MODULES`).
        edit: whose visual feature is set to zero: the requested object's, or all nodes' (release).
        hessian: images whose learning loss is curved: the subset, or the target image alone (release).
        solver: damped conjugate gradients, or the LiSSA recursion.
        iterations, tolerance: of the solver; it stops at a relative residual below the tolerance.
        damping: added to the diagonal of H (conjugate gradients: as a share of its largest curvature). The
            Hessian of an L1 loss has negative eigenvalues; from a share of 1 on the damped one has none. On the
            demo's first models a share of 0.1 was solved with a small residual and a step a thousand times as long,
            along one such direction.
        chunk: images whose loss is curved at once: a product with H needs memory for so many. Within one chunk the
            gradient's graph is kept from product to product; with several it is built anew.
        scale: divides H in the LiSSA recursion.
        discrepancy: of the ROI between drawing and photograph: 1 - mean SSIM, or the release's 1 - sum.
        reverse: True reverses the sign (release).
    """

    alpha: NotNegative = 1.0
    module: Module = "graph"
    edit: Literal["object", "all"] = "object"
    hessian: Literal["subset", "image"] = "subset"
    solver: Literal["cg", "lissa"] = "cg"
    iterations: Natural = 25
    tolerance: NotNegative = 0.05
    damping: NotNegative = 1.1
    chunk: Natural = 16
    scale: Positive = 100.0
    discrepancy: Literal["mean", "sum"] = "mean"
    reverse: bool = False
