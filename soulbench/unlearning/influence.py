"""Influence functions: the change of parameters that the removal of an object's visual feature would have caused.

theta' = theta + alpha h, (H + damping) h = v, v = (g_kept - g_removed) / n (GIF, Wu et al., WWW 2023; Koh and Liang,
ICML 2017). H is the Hessian of the learning loss, a mean over n images, of which the removed term is one; g are the
gradients of the ROI's discrepancy between drawing and photograph with the object's visual feature kept and set to
zero. H is never formed: products with it are two passes of
automatic differentiation (Pearlmutter, 1994). All passes see the same noise and the same hidden pixels.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from soulbench.core.errors import UserError
from soulbench.core.log import Log, Progress
from soulbench.data.batches import Batch, to_pixels
from soulbench.models.generator import Generator, module_parameters
from soulbench.models.sampling import crop
from soulbench.models.ssim import structural_similarity
from soulbench.training.conditions import Condition
from soulbench.training.losses import Objective, total
from soulbench.unlearning.influence_parameters import Parameters

Product = Callable[[Tensor], Tensor]
CROP = 64  # pixels a side of the ROI crops whose discrepancy is differentiated, as in the evaluation


@dataclass(frozen=True)
class Solution:
    """A solved linear system.

    Attributes:
        step: [P] the parameter change h.
        residual: |v - (H + damping) h| / |v|.
        iterations: products with H that the solver used.
        converged: whether the residual is below the tolerance.
        damping: what was added to the diagonal.
    """

    step: Tensor
    residual: float
    iterations: int
    converged: bool
    damping: float


class Redaction:
    """Gradients and Hessian-vector products of a generator with respect to one module's parameters.

    Args:
        model: in eval mode; its parameters are not changed.
        module: as `ablations.modules` names it.
    """

    def __init__(self, model: Generator, module: str):
        self.model = model
        named = dict(model.named_parameters())
        self.parameters = {name: named[name] for name in module_parameters(model, module)}

    @property
    def size(self) -> int:
        """Number of redacted values."""
        return sum(p.numel() for p in self.parameters.values())

    def gradient(self, loss: Tensor, create_graph: bool = False) -> Tensor:
        """Gradient [P] of a loss; zero where the loss does not depend on a parameter."""
        tensors = list(self.parameters.values())
        parts = torch.autograd.grad(loss, tensors, create_graph=create_graph, allow_unused=True)
        return torch.cat(
            [(torch.zeros_like(p) if g is None else g).flatten() for p, g in zip(tensors, parts, strict=True)]
        )

    def hessian(self, *losses: Callable[[], Tensor]) -> Product:
        """Products with the Hessian of the sum of some losses.

        Of one loss the first gradient's graph is built once and kept. Of several it is built anew for every product,
        one after the other: then no more than one of them is in memory.
        """
        if len(losses) == 1:
            gradient = self.gradient(losses[0](), create_graph=True)
            return lambda vector: self._product(gradient, vector, keep=True)

        def product(vector: Tensor) -> Tensor:
            result = torch.zeros_like(vector)
            for loss in losses:
                result += self._product(self.gradient(loss(), create_graph=True), vector, keep=False)
            return result

        return product

    def _product(self, gradient: Tensor, vector: Tensor, keep: bool) -> Tensor:
        """The derivative of a gradient along a vector [P]."""
        if not gradient.requires_grad:
            return torch.zeros_like(vector)
        tensors = list(self.parameters.values())
        parts = torch.autograd.grad(gradient @ vector, tensors, retain_graph=keep, allow_unused=True)
        return torch.cat(
            [(torch.zeros_like(p) if g is None else g).flatten() for p, g in zip(tensors, parts, strict=True)]
        )

    @torch.no_grad()
    def apply(self, step: Tensor) -> None:
        """Add a step [P] to the parameters in place."""
        sizes = [p.numel() for p in self.parameters.values()]
        for parameter, part in zip(self.parameters.values(), step.split(sizes), strict=True):
            parameter += part.view_as(parameter)


def discrepancy(
    model: Generator, batch: Batch, condition: Condition, objects: Sequence[int], how: str
) -> Tensor:
    """Summed discrepancy of the objects' crops between drawing and photograph: 1 - SSIM.

    Args:
        objects: indices into the batch's objects.
        how: "mean" over the crop, or the release's "sum".
    """
    chosen = torch.as_tensor(objects, device=batch.boxes.device)
    drawn = to_pixels(model(batch, condition).images)[batch.image_of[chosen]]
    true = to_pixels(batch.targets)[batch.image_of[chosen]]
    boxes = batch.boxes[chosen]
    similarity = structural_similarity(crop(drawn, boxes, CROP), crop(true, boxes, CROP))
    value = similarity.mean(dim=(1, 2, 3)) if how == "mean" else similarity.sum(dim=(1, 2, 3))
    return (1 - value).sum()


def difference_of_gradients(
    redaction: Redaction, batch: Batch, condition: Condition, objects: Sequence[int], settings: Parameters
) -> Tensor:
    """V = g_kept - g_removed [P] over the objects (indices into the batch's objects)."""
    removed = condition.features.clone()
    if settings.edit == "all":
        removed[:] = 0
    else:
        removed[torch.as_tensor(objects, device=removed.device)] = 0
    kept_loss = discrepancy(redaction.model, batch, condition, objects, settings.discrepancy)
    g_kept = redaction.gradient(kept_loss)
    edited = replace(condition, features=removed)
    g_removed = redaction.gradient(discrepancy(redaction.model, batch, edited, objects, settings.discrepancy))
    return g_removed - g_kept if settings.reverse else g_kept - g_removed


def learning_loss(objective: Objective, model: Generator, batch: Batch, condition: Condition) -> Tensor:
    """The generator's loss on a batch, under one fixed condition."""
    return total(objective(model(batch, condition), batch, condition).generator)


def solve(product: Product, v: Tensor, settings: Parameters, log: Log) -> Solution:
    """Solve (H + damping) h = v by damped conjugate gradients or by LiSSA; reports the residual.

    Raises:
        UserError: the solver diverged; a step that is not finite would destroy the model.
    """
    if not v.any():
        return Solution(torch.zeros_like(v), 0.0, 0, True, settings.damping)
    with Progress(f"solving by {settings.solver}", settings.iterations, log) as progress:
        solver = {"cg": _conjugate_gradients, "lissa": _lissa}[settings.solver]
        step, iterations, damping = solver(product, v, settings, progress)
    if not step.isfinite().all():
        raise UserError(
            f"the influence on module {settings.module} is not finite after {iterations} steps of "
            f"{settings.solver}; a larger damping{' or scale' if settings.solver == 'lissa' else ''} may help"
        )
    residual = float((v - product(step) - damping * step).norm() / v.norm())
    return Solution(step, residual, iterations, residual <= settings.tolerance, damping)


def _conjugate_gradients(
    product: Product, v: Tensor, settings: Parameters, progress: Progress
) -> tuple[Tensor, int, float]:
    """SciPy's conjugate gradients; damping is a share of the largest curvature that power iteration finds."""
    # Imported here: only this solver needs it, and every job pays for its imports.
    from scipy.sparse.linalg import LinearOperator, cg

    damping = settings.damping * largest_curvature(product, v)
    count = 0

    def apply(vector: np.ndarray) -> np.ndarray:
        nonlocal count
        count += 1
        progress.advance()
        tensor = torch.from_numpy(vector).to(v)
        return (product(tensor) + damping * tensor).double().cpu().numpy()

    operator = LinearOperator((len(v), len(v)), matvec=apply, dtype=np.float64)
    solution, _ = cg(operator, v.double().cpu().numpy(), rtol=settings.tolerance, maxiter=settings.iterations)
    return torch.from_numpy(solution).to(v), count, damping


def _lissa(
    product: Product, v: Tensor, settings: Parameters, progress: Progress
) -> tuple[Tensor, int, float]:
    """H <- v + (1 - damp) h - H h / scale (Agarwal et al., 2017); h / scale solves (H + damp scale) h = v."""
    h = v.clone()
    for _ in range(settings.iterations):
        h = v + (1 - settings.damping) * h - product(h) / settings.scale
        progress.advance()
    return h / settings.scale, settings.iterations, settings.damping * settings.scale


def largest_curvature(product: Product, start: Tensor, iterations: int = 6) -> float:
    """Estimate of the largest absolute eigenvalue of H by power iteration."""
    vector, size = start / start.norm(), 0.0
    for _ in range(iterations):
        image = product(vector)
        size = float(image.norm())
        if size == 0:
            return 0.0
        vector = image / size
    return size


def summary(solution: Solution, redaction: Redaction) -> Mapping[str, float | int | bool]:
    """What the records say of a solution."""
    return {
        "residual": solution.residual,
        "iterations": solution.iterations,
        "converged": solution.converged,
        "damping": solution.damping,
        "step_norm": float(solution.step.norm()),
        "parameters": redaction.size,
    }
