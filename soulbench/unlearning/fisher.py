"""The diagonal of the Fisher information, as far as an image generator has one."""

import copy
from contextlib import nullcontext
from typing import Literal

import torch
from torch import Tensor

from soulbench.models.generator import Generator
from soulbench.unlearning.task import Task


def diagonal(task: Task, which: Literal["forget", "retain"]) -> dict[str, Tensor]:
    """Return the mean over images of the squared gradient of the loss, by parameter of the model.

    It is the diagonal of the empirical Fisher information (Kirkpatrick et al., PNAS 2017, with the loss in place of a
    negative log-likelihood): how much the loss on these images depends on each weight.

    Args:
        task: gives the model and the images.
        which: the images and spatial weights, as in `Task.pieces`.
    """
    named = {name: p for name, p in task.model.named_parameters() if p.requires_grad}
    sums, images = {name: torch.zeros_like(p) for name, p in named.items()}, 0
    # The retained images are the same for all requests, but for the weights on their target images.
    with task.sharing() if which == "retain" else nullcontext():
        for piece in task.pieces(which, size=1):
            gradients = torch.autograd.grad(task.loss(piece), list(named.values()), allow_unused=True)
            for name, gradient in zip(named, gradients, strict=True):
                if gradient is not None:
                    sums[name] += gradient.square()
            images += 1
    return {name: value / max(images, 1) for name, value in sums.items()}


def noise(task: Task, *draw: object, floor: float = 1e-2) -> dict[str, Tensor]:
    """Return noise for each parameter, smaller where the retained data need it: (F / mean F + floor)^(-1/4) n.

    n is drawn from N(0, 1). After Golatkar et al., CVPR 2020.

    Args:
        task: gives the model, the images and the random numbers.
        draw: which noise is drawn.
        floor: least importance, in units of the mean: it bounds the noise on weights that nothing depends on.
    """
    fisher = diagonal(task, "retain")
    mean = torch.cat([value.flatten() for value in fisher.values()]).mean().clamp(min=1e-30)
    random = task.random("noise", *draw)
    return {
        name: torch.randn(value.shape, generator=random).to(value) * (value / mean + floor).pow(-0.25)
        for name, value in fisher.items()
    }


def noisy(task: Task, sigma: float) -> Generator:
    """Return a copy of the original model with `sigma` times such noise."""
    model, drawn = copy.deepcopy(task.original), noise(task)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in drawn:
                parameter.add_(drawn[name], alpha=sigma)
    return model
