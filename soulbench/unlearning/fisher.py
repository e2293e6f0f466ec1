"""The diagonal of the Fisher information, as far as an image generator has one."""

from typing import Literal

import torch
from torch import Tensor

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
    for piece in task.pieces(which, size=1):
        gradients = torch.autograd.grad(task.loss(piece), list(named.values()), allow_unused=True)
        for name, gradient in zip(named, gradients, strict=True):
            if gradient is not None:
                sums[name] += gradient.square()
        images += 1
    return {name: value / max(images, 1) for name, value in sums.items()}
