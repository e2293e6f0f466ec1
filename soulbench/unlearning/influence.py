"""Influence functions: the parameter change that training without an object's visual feature would have caused.

theta' = theta + alpha h, (H + damping) h = v, v = (g_kept - g_removed) / n (GIF, Wu et al., WWW 2023; Koh and Liang,
ICML 2017). H is the Hessian of the learning loss, a mean over n images, and the removed term is one of its n terms. The
two g are gradients of the discrepancy between the generated and the true RoI, with the object's visual feature kept
and set to zero. H is never formed: a product with it takes two passes of automatic differentiation (Pearlmutter,
1994). All passes use the same noise and hide the same pixels.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from soulbench.core.errors import UserError
from soulbench.core.log import Log, Progress
from soulbench.core.model_record import Solver
from soulbench.data.batches import Batch, to_pixels
from soulbench.models.generator import Condition, Generator, module_parameters
from soulbench.models.sampling import crop
from soulbench.models.ssim import structural_similarity
from soulbench.training.losses import Objective, total
from soulbench.unlearning.influence_parameters import Parameters

Product = Callable[[Tensor], Tensor]
CROP = 64  # side in pixels of the RoI crops whose discrepancy is differentiated, as in the evaluation


@dataclass(frozen=True)
class Solution:
    """The solution of (H + damping) h = v.

    Attributes:
        step: [P] the parameter change h.
        residual: |v - (H + damping) h| / |v|.
        iterations: products with H that the solver used.
        converged: whether the residual is at most the tolerance.
        damping: value that was added to the diagonal of H.
    """

    step: Tensor
    residual: float
    iterations: int
    converged: bool
    damping: float


class Redaction:
    """Gradients and Hessian-vector products of a generator with respect to the parameters of one module.

    Args:
        model: in eval mode; `apply` alone changes its parameters.
        module: as in `ablations.modules`.
    """

    def __init__(self, model: Generator, module: str):
        self.model = model
        named = dict(model.named_parameters())
        self.parameters = {name: named[name] for name in module_parameters(model, module)}

    @property
    def size(self) -> int:
        """Number P of redacted values."""
        return sum(p.numel() for p in self.parameters.values())

    def gradient(self, loss: Tensor, create_graph: bool = False) -> Tensor:
        """Return the gradient [P] of a loss; zero where the loss does not depend on a parameter."""
        tensors = list(self.parameters.values())
        parts = torch.autograd.grad(loss, tensors, create_graph=create_graph, allow_unused=True)
        return _flat(tensors, parts)

    def hessian(self, *losses: Callable[[], Tensor]) -> Product:
        """Return the product with the Hessian of a sum of losses, as a function of the vector.

        For a single loss, the graph of its gradient is built once and kept. For several, the graphs are rebuilt one
        after the other for every product, so that no more than one is in memory.
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
        """Return the derivative of a gradient along a vector [P]; `keep` keeps the gradient's graph."""
        if not gradient.requires_grad:
            return torch.zeros_like(vector)
        tensors = list(self.parameters.values())
        parts = torch.autograd.grad(gradient @ vector, tensors, retain_graph=keep, allow_unused=True)
        return _flat(tensors, parts)

    @torch.no_grad()
    def apply(self, step: Tensor) -> None:
        """Add a step [P] to the parameters in place."""
        sizes = [p.numel() for p in self.parameters.values()]
        for parameter, part in zip(self.parameters.values(), step.split(sizes), strict=True):
            parameter.add_(part.view_as(parameter))


def _flat(parameters: Sequence[Tensor], gradients: Sequence[Tensor | None]) -> Tensor:
    """Return gradients as one vector [P]; a parameter without a gradient has zeros there."""
    return torch.cat(
        [
            (torch.zeros_like(p) if g is None else g).flatten()
            for p, g in zip(parameters, gradients, strict=True)
        ]
    )


def discrepancy(
    model: Generator, batch: Batch, condition: Condition, objects: Sequence[int], reduction: str
) -> Tensor:
    """Return 1 - SSIM between the generated and the true RoI, summed over objects.

    Args:
        model: the generator.
        batch: the scenes.
        condition: what the generator sees of them.
        objects: indices into the batch's objects.
        reduction: of SSIM's map: "mean" over the crop, or the release's "sum".
    """
    chosen = torch.as_tensor(objects, device=batch.boxes.device)
    generated = to_pixels(model(batch, condition).images)[batch.image_of[chosen]]
    true = to_pixels(batch.targets)[batch.image_of[chosen]]
    boxes = batch.boxes[chosen]
    similarity = structural_similarity(crop(generated, boxes, CROP), crop(true, boxes, CROP))
    value = similarity.mean(dim=(1, 2, 3)) if reduction == "mean" else similarity.sum(dim=(1, 2, 3))
    return (1 - value).sum()


def difference_of_gradients(
    redaction: Redaction, batch: Batch, condition: Condition, objects: Sequence[int], settings: Parameters
) -> Tensor:
    """Return g_kept - g_removed [P], the gradients summed over objects.

    Args:
        redaction: of the model.
        batch: the scenes.
        condition: with the objects' visual features given.
        objects: indices into the batch's objects.
        settings: the method's parameters.
    """
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
    """Return the generator's loss on a batch under a fixed condition."""
    return total(objective(model(batch, condition), batch, condition).generator)


def solve(product: Product, v: Tensor, settings: Parameters, log: Log) -> Solution:
    """Solve (H + damping) h = v by damped conjugate gradients or by LiSSA.

    Args:
        product: returns H times a vector [P].
        v: [P], the right-hand side.
        settings: the method's parameters.
        log: takes a line.

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
    """Solve by SciPy's conjugate gradients; the damping is a multiple of the largest curvature of H.

    Returns:
        The step, the products with H, and the value added to the diagonal.
    """
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
    """Solve by the recursion h <- v + (1 - damping) h - H h / scale (Agarwal et al., 2017).

    At its fixed point h / scale solves (H + damping scale) x = v.

    Returns:
        As `_conjugate_gradients`.
    """
    h = v.clone()
    for _ in range(settings.iterations):
        h = v + (1 - settings.damping) * h - product(h) / settings.scale
        progress.advance()
    return h / settings.scale, settings.iterations, settings.damping * settings.scale


def largest_curvature(product: Product, start: Tensor, iterations: int = 6) -> float:
    """Estimate the largest absolute eigenvalue of H by power iteration from the vector `start`."""
    vector, eigenvalue = start / start.norm(), 0.0
    for _ in range(iterations):
        product_with_vector = product(vector)
        eigenvalue = float(product_with_vector.norm())
        if eigenvalue == 0:
            return 0.0
        vector = product_with_vector / eigenvalue
    return eigenvalue


def summary(solution: Solution, redaction: Redaction) -> Solver:
    """Return what a model's record holds of a solution."""
    return Solver(
        residual=solution.residual,
        iterations=solution.iterations,
        converged=solution.converged,
        damping=solution.damping,
        step_norm=float(solution.step.norm()),
        parameters=redaction.size,
    )
