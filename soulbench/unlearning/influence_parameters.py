"""The parameters of both influence-function methods (paper, appendix A; GIF, Wu et al., WWW 2023)."""

from dataclasses import dataclass
from typing import Literal

from soulbench.core.terms import Module
from soulbench.core.values import Natural, NotNegative, Positive


@dataclass(frozen=True)
class Parameters:
    """How the parameter change h is solved for and applied: theta' = theta + alpha h.

    Attributes:
        alpha: factor of the parameter change: the strength of the redaction.
        module: which part of the generator is redacted.
        edit: whose visual features are set to zero: the requested "object"'s, or those of "all" nodes (release).
        hessian: whose learning loss the Hessian is of: that of the "subset", or of the target "image" (release).
        solver: "cg" for damped conjugate gradients, "lissa" for the LiSSA recursion.
        iterations: products with the Hessian H, at most.
        tolerance: relative residual at which conjugate gradients stop, once a further product changes the largest
            curvature by no more than this share; and below which a solution counts as converged.
        damping: added to the diagonal of the Hessian H; with conjugate gradients, as a multiple of the largest
            curvature of H that the products show. The Hessian of an L1 loss has negative eigenvalues, and H plus the
            damping has none if this is at least 1. On early models of the demo 0.1 gave a small residual, but a step a
            thousand times as long, along a direction of negative curvature.
        chunk: images per pass of automatic differentiation, which bounds the memory. If one chunk holds all images,
            the graph of the first gradient is kept between products with H, otherwise it is rebuilt for each.
        scale: divides H in the LiSSA recursion.
        discrepancy: between the generated and the true RoI: 1 - the "mean" of SSIM's map, or 1 - its "sum" (release).
        reverse: whether the sign of the parameter change is reversed (release).
        right_side: v of the linear system: the "difference" of the two gradients, or its "minuend" alone (release).
            LiSSA starts from the difference in both cases.
        noise: the input noise of the passes with and without the visual features: the "same", so that the edit alone
            makes the difference, or "fresh" in the second one (release).
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
    right_side: Literal["difference", "minuend"] = "difference"
    noise: Literal["same", "fresh"] = "same"
