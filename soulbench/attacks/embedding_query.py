"""White-box query: can the target's representation be found with which the unlearned model still draws it?

The attacker holds the weights and the target's true pixels. They keep the weights and the scene graph, and optimise
what enters for the target alone: its category's embedding and its projected visual feature, until the target's RoI is
as in the photograph. So concepts come back that were erased from text-to-image models (Pham et al., "Circumventing
Concept Erasure Methods for Text-to-Image Generative Models", ICLR 2024). An expressive decoder can draw what it never
saw: what counts is how much better this works than with models that never saw the target.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from soulbench.core.device import moved
from soulbench.core.terms import TASKS
from soulbench.core.values import Bounds, Positive
from soulbench.evaluation import box_crops
from soulbench.evaluation.attacked import Attacked, Outcome
from soulbench.models.generator import Generator
from soulbench.training.adam import Adam
from soulbench.training.conditions import noise_for, task_condition

#: What the budget counts.
BUDGET = "steps"
#: Metric -> unit, and the side on which the attacker is better off.
METRICS = {"error": ("grey levels", "smaller")}
#: The metric of the verdict, at its greatest budget.
JUDGED = "error"


@dataclass(frozen=True)
class Parameters:
    """Adam's steps after which the target's error is measured, ascending, and its learning rate."""

    steps: Annotated[tuple[int, ...], Bounds(minimum=1)] = (0, 5, 10, 20, 40)
    rate: Positive = 0.1

    def __post_init__(self) -> None:
        if list(self.steps) != sorted({*self.steps}) or self.steps[0] < 0:
            raise ValueError(f"steps: {list(self.steps)}; allowed: ascending numbers from 0 on, each once")


def work(parameters: Parameters) -> dict[str, float]:
    """Return what is done of one model for one request: a step of a single image costs three times its output."""
    return {"outputs": 3 * len(TASKS) * parameters.steps[-1]}


def attack(models: Sequence[Attacked], parameters: Parameters) -> Iterator[Outcome]:
    """Yield the target's error after each number of steps, in both tasks.

    In synthesis the visual feature is no input, so the embedding alone is optimised.
    """
    for model in models:
        model.load()
        for task in TASKS:
            yield from _optimised(model, task, parameters)


def _optimised(model: Attacked, task: str, parameters: Parameters) -> Iterator[Outcome]:
    """Yield the outcomes of one task; the weights stay as they are."""
    generator, scene = model.networks.generator, model.scene
    batch = model.data.batches().collate([scene], [model.visual])
    noise = noise_for(batch.image_ids, batch.images.shape[-1], model.config["seed"], 0)
    condition = task_condition(batch, task, noise, model.config["generator"]["synthesis"])
    batch, condition = moved(batch, model.device), moved(condition, model.device)
    x0, y0, x1, y1 = model.context.regions["A1"][0].region
    width = generator.object_embedding.embedding_dim
    shifts = [torch.zeros(width, device=model.device, requires_grad=True) for _ in range(2)]
    optimiser, last = Adam(shifts), parameters.steps[-1]
    with _shifted(generator, model.target, shifts):
        for step in range(last + 1):
            if step in parameters.steps:
                image = model.generate([scene], [model.visual], task)
                [crop] = box_crops.crops(image, [scene.boxes[model.target]])
                shown = crop if step in (0, last) else None
                yield Outcome(model.request.id, task, step, "error", model.error(image)[0], image=shown)
            if step < last:
                difference = generator(batch, condition).images - batch.targets
                optimiser.zero_grad()
                difference[:, :, y0:y1, x0:x1].abs().mean().backward(inputs=shifts)
                optimiser.step(parameters.rate)


@contextmanager
def _shifted(generator: Generator, target: int, shifts: Sequence[Tensor]) -> Iterator[None]:
    """While it lasts, add shifts [E] to the target's category embedding and to its projected visual feature."""

    def hook(shift: Tensor) -> Callable[[torch.nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
        def add(module: torch.nn.Module, given: tuple[Tensor, ...], output: Tensor) -> Tensor:
            return output.index_add(0, torch.tensor([target], device=output.device), shift[None])

        return add

    entries = (generator.object_embedding, generator.visual_projection)
    handles = [entry.register_forward_hook(hook(shift)) for entry, shift in zip(entries, shifts, strict=True)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
