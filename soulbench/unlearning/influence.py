"""Influence functions: the parameter change that training without an object's visual feature would have caused.

theta' = theta + alpha h, (H + damping) h = v, v = (g_kept - g_removed) / n (GIF, Wu et al., WWW 2023; Koh and Liang,
ICML 2017). H is the Hessian of the learning loss, a mean over n images, and the removed term is one of its n terms. The
two g are gradients of the discrepancy between the generated and the true RoI, with the object's visual feature kept
and set to zero. H is never formed: a product with it takes two passes of automatic differentiation (Pearlmutter,
1994). By default, all passes use the same noise; they hide the same pixels.
"""

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

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
from soulbench.unlearning.krylov import KrylovBasis, Product
from soulbench.unlearning.second_order import LeanSecondDerivatives

Loss = Callable[[], Tensor]
CROP = 64  # side in pixels of the RoI crops whose discrepancy is differentiated, as in the evaluation


@dataclass(frozen=True)
class Solution:
    """The solution of (H + damping) h = v.

    Attributes:
        step: [P] the parameter change h.
        residual: `|v - (H + damping) h| / |v|`.
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
    """Gradients and Hessian-vector products of a generator with respect to the parameters of some modules.

    Args:
        model: in eval mode; `apply` alone changes its parameters.
        modules: as in `ablations.modules`; parameters that several of them have count once.
    """

    def __init__(self, model: Generator, *modules: str):
        self.model = model
        chosen = {name for module in modules for name in module_parameters(model, module)}
        self.parameters = {name: p for name, p in model.named_parameters() if name in chosen}

    @property
    def size(self) -> int:
        """Number P of redacted values."""
        return sum(p.numel() for p in self.parameters.values())

    def split(self, vector: Tensor) -> dict[str, Tensor]:
        """Return a vector [P] as one tensor per parameter, by name."""
        parts = vector.split([p.numel() for p in self.parameters.values()])
        return {n: part.view_as(p) for (n, p), part in zip(self.parameters.items(), parts, strict=True)}

    def join(self, tensors: Mapping[str, Tensor | None]) -> Tensor:
        """Return the tensors of this redaction's parameters as one vector [P]; zeros for None."""
        named = ((tensors[name], p) for name, p in self.parameters.items())
        return torch.cat([(torch.zeros_like(p) if one is None else one).flatten() for one, p in named])

    def gradient(self, loss: Tensor) -> Tensor:
        """Return the gradient [P] of a loss; zero where the loss does not depend on a parameter."""
        return self.join(self.gradients(loss))

    def gradients(self, loss: Tensor, create_graph: bool = False) -> dict[str, Tensor | None]:
        """Return the gradient of a loss by parameter; None where the loss does not depend on it."""
        tensors = list(self.parameters.values())
        parts = torch.autograd.grad(loss, tensors, create_graph=create_graph, allow_unused=True)
        return dict(zip(self.parameters, parts, strict=True))

    def hessian(self, *losses: Loss) -> "Hessian":
        """Return the Hessian of a sum of losses."""
        return Hessian(self, losses)

    @contextlib.contextmanager
    def applied(self, step: Tensor) -> Iterator[None]:
        """Apply a step [P] in a block, and restore every bit of the parameters afterwards."""
        before = {name: value.detach().clone() for name, value in self.parameters.items()}
        self.apply(step)
        yield
        with torch.no_grad():
            for name, value in self.parameters.items():
                value.copy_(before[name])

    @torch.no_grad()
    def apply(self, step: Tensor) -> None:
        """Add a step [P] to the parameters in place."""
        for name, part in self.split(step).items():
            self.parameters[name].add_(part)


class Hessian:
    """Products with the Hessian of a sum of losses, and with its blocks that belong to single modules.

    For a single loss, the graph of its gradient is built once, for the products of all blocks. For several, the graphs
    are rebuilt one after the other for every product, so that no more than one is in memory.

    Args:
        whole: of all modules whose blocks are asked for.
        losses: each computes one of the terms.
    """

    def __init__(self, whole: Redaction, losses: Sequence[Loss]):
        self.whole, self.losses = whole, losses
        self._kept = _with_graph(whole, losses[0]) if len(losses) == 1 else None

    def __call__(self, vector: Tensor) -> Tensor:
        """Return the product with a vector [P]."""
        return self.block(self.whole)(vector)

    def block(self, part: Redaction) -> Product:
        """Return the product with the rows and columns of a redaction's parameters."""

        def product(vector: Tensor) -> Tensor:
            result = torch.zeros_like(vector)
            for gradients in self._gradients(part):
                result += _derivative(part, gradients, vector, keep=self._kept is not None)
            return result

        return product

    def _gradients(self, part: Redaction) -> Iterable[Mapping[str, Tensor | None]]:
        if self._kept is not None:
            return [self._kept]
        return (_with_graph(part, loss) for loss in self.losses)


def _with_graph(part: Redaction, loss: Loss) -> dict[str, Tensor | None]:
    """Return the gradients of a loss with their graph."""
    with LeanSecondDerivatives():
        return part.gradients(loss(), create_graph=True)


def _derivative(
    part: Redaction, gradients: Mapping[str, Tensor | None], vector: Tensor, keep: bool
) -> Tensor:
    """Return the derivative of gradients along a vector [P]; `keep` keeps their graph."""
    along = part.split(vector)
    outputs = {name: g for name in along if (g := gradients[name]) is not None and g.requires_grad}
    if not outputs:
        return torch.zeros_like(vector)
    parts = torch.autograd.grad(
        list(outputs.values()),
        list(part.parameters.values()),
        [along[name] for name in outputs],
        retain_graph=keep,
        allow_unused=True,
    )
    return part.join(dict(zip(part.parameters, parts, strict=True)))


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


@dataclass(frozen=True)
class RightSide:
    """What (H + damping) h = v is solved for.

    Attributes:
        v: [P], the right-hand side.
        start: [P], what the LiSSA recursion starts from; equal to v unless v is the minuend alone.
    """

    v: Tensor
    start: Tensor

    def map(self, function: Callable[[Tensor], Tensor]) -> "RightSide":
        """Return both vectors under a function."""
        return RightSide(function(self.v), function(self.start))


def right_side(
    redaction: Redaction,
    batch: Batch,
    conditions: tuple[Condition, Condition],
    objects: Sequence[int],
    settings: Parameters,
) -> RightSide:
    """Return the difference g_kept - g_removed of gradients summed over objects, as the method's parameters ask for it.

    Args:
        redaction: of the model.
        batch: the scenes.
        conditions: of the pass that keeps the visual features, and of the one that removes them; both give all.
        objects: indices into the batch's objects.
        settings: the method's parameters.
    """
    kept, other = conditions
    features = other.features.clone()
    if settings.edit == "all":
        features[:] = 0
    else:
        features[torch.as_tensor(objects, device=features.device)] = 0
    removed = replace(other, features=features)
    minuend, subtrahend = (
        redaction.gradient(discrepancy(redaction.model, batch, condition, objects, settings.discrepancy))
        for condition in ((removed, kept) if settings.reverse else (kept, removed))
    )
    difference = minuend - subtrahend
    return RightSide(minuend if settings.right_side == "minuend" else difference, difference)


def learning_loss(objective: Objective, model: Generator, batch: Batch, condition: Condition) -> Tensor:
    """Return the generator's loss on a batch under a fixed condition."""
    return total(objective(model(batch, condition), batch, condition).generator)


def solve(product: Product, side: RightSide, settings: Parameters, log: Log) -> Solution:
    """Solve (H + damping) h = v by damped conjugate gradients or by LiSSA.

    Args:
        product: returns H times a vector [P].
        side: v, and where LiSSA starts.
        settings: the method's parameters.
        log: takes a line.

    Raises:
        UserError: the solver diverged; a step that is not finite would destroy the model.
    """
    if not side.v.any():
        return Solution(torch.zeros_like(side.v), 0.0, 0, True, settings.damping)
    with Progress(f"solving by {settings.solver}", settings.iterations, log) as progress:
        solver = {"cg": _conjugate_gradients, "lissa": _lissa}[settings.solver]
        step, residual, iterations, damping = solver(product, side, settings, progress)
    if not step.isfinite().all():
        raise UserError(
            f"the influence on module {settings.module} is not finite after {iterations} steps of "
            f"{settings.solver}; a larger damping{' or scale' if settings.solver == 'lissa' else ''} may help"
        )
    return Solution(step, residual, iterations, residual <= settings.tolerance, damping)


def _conjugate_gradients(
    product: Product, side: RightSide, settings: Parameters, progress: Progress
) -> tuple[Tensor, float, int, float]:
    """Solve in the Krylov space of H and v; the damping is a multiple of the largest curvature in it.

    A further product is made until it changes the largest curvature by no more than the tolerance, and the residual is
    at most the tolerance.

    Returns:
        The step, its relative residual, the products with H, and the value added to the diagonal.
    """
    basis, curvature = KrylovBasis(product, side.v), 0.0
    while True:
        basis.extend()
        progress.advance()
        if not math.isfinite(basis.beside[-1]):
            return torch.full_like(side.v, math.nan), math.nan, basis.size, math.nan
        before, curvature = curvature, basis.curvature()
        damping = settings.damping * curvature
        step, residual = basis.solve(damping)
        solved = max(residual, 1 - before / curvature if curvature else 0.0) <= settings.tolerance
        if solved or basis.complete or basis.size == settings.iterations:
            return step, residual, basis.size, damping


def _lissa(
    product: Product, side: RightSide, settings: Parameters, progress: Progress
) -> tuple[Tensor, float, int, float]:
    """Solve by the recursion h <- v + (1 - damping) h - H h / scale (Agarwal et al., 2017).

    At its fixed point h / scale solves (H + damping scale) x = v.

    Returns:
        As `_conjugate_gradients`; the residual takes one product more.
    """
    h, v = side.start, side.v
    for _ in range(settings.iterations):
        h = v + (1 - settings.damping) * h - product(h) / settings.scale
        progress.advance()
    step, damping = h / settings.scale, settings.damping * settings.scale
    residual = float((v - product(step) - damping * step).norm() / v.norm())
    return step, residual, settings.iterations, damping


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
