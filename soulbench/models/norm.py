"""Batch normalisation across processes and before enlargements; spectral normalisation of results, not weights."""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F

from soulbench.core.device import full_precision


class BatchNorm(nn.BatchNorm2d):
    """`nn.BatchNorm2d` with statistics over all processes, and on maps that are enlarged afterwards.

    PyTorch's `SyncBatchNorm` works on GPUs only; this one works wherever `all_reduce` does.
    """

    # Always there: this class is never built without running statistics or momentum.
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor
    momentum: float

    def forward(self, x: Tensor, repeats: int = 1) -> Tensor:
        """Normalise [N, C, H, W].

        Args:
            x: N may differ between processes.
            repeats: how often each value occurs in the enlarged map that is to be normalised. Nearest-neighbour
                enlargement changes neither mean nor variance, so the small map can be normalised before it; only
                the unbiased running variance depends on the number of values.
        """
        if not self.training:
            return super().forward(x)
        if dist.is_initialized() and dist.get_world_size() > 1:
            return self._over_processes(x, repeats)
        count = x.numel() // x.shape[1]
        old = self.running_var * (1 - self.momentum)
        result = super().forward(x)
        if repeats > 1:
            new = (self.running_var - old) * (repeats * (count - 1) / (repeats * count - 1))
            # `data`: autograd saved the buffer, but does not read it when the statistics are the batch's.
            self.running_var.data.copy_(old + new)
        return result

    def _over_processes(self, x: Tensor, repeats: int) -> Tensor:
        # Imported here: only training on several processes needs it.
        from torch.distributed.nn.functional import all_reduce

        axes, wide = (0, 2, 3), x.float()
        count = all_reduce(wide.new_tensor(x.numel() // x.shape[1]))
        mean = all_reduce(wide.sum(dim=axes)) / count
        centred = wide - mean[:, None, None]
        # In two passes: a difference of two large sums would lose digits of the variance.
        variance = all_reduce(centred.square().sum(dim=axes)) / count
        with torch.no_grad():
            values = count * repeats
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (values / (values - 1)), self.momentum)
        result = centred * (variance + self.eps).rsqrt()[:, None, None]
        if self.affine:
            result = result * self.weight[:, None, None] + self.bias[:, None, None]
        return result.to(x.dtype)


class SpectralConv2d(nn.Conv2d):
    """A convolution whose kernel has spectral norm 1 (Miyato et al., ICLR 2018); one power iteration per forward pass.

    The iteration updates the right singular vector, then the left one, from random left ones on: as SIMSG, and as
    `torch.nn.utils.spectral_norm`. But the result is divided by the norm instead of the weight. In wide layers the
    result has a tenth as many values as the weight, and dividing the weight would cost one forward and two backward
    passes over it. tests/unit/test_norm.py compares this class with PyTorch's.
    """

    left: Tensor  # singular vectors of the kernel as a matrix
    right: Tensor

    def __init__(self, *args: Any, **settings: Any):
        super().__init__(*args, **settings)
        matrix = self._matrix().detach()
        self.register_buffer("left", F.normalize(torch.randn(len(matrix)), dim=0))
        # Training computes it from `left` before its first use; an untrained network in eval mode needs it, too.
        self.register_buffer("right", F.normalize(self.left @ matrix, dim=0))

    def forward(self, x: Tensor) -> Tensor:
        """Convolve [B, C, H, W]."""
        return self.divide_by_norm(F.conv2d(x, self.weight, padding=self.padding))

    def divide_by_norm(self, result: Tensor) -> Tensor:
        """Divide a convolution by `weight` by the spectral norm and add the bias."""
        result = result / self.sigma().to(result.dtype)
        return result if self.bias is None else result + self.bias.to(result.dtype)[:, None, None]

    def sigma(self) -> Tensor:
        """Return the estimated largest singular value of the kernel; in training mode, iterate once before."""
        with full_precision(self.weight.device):
            matrix = self._matrix()
            if self.training:
                self._iterate(matrix.detach())
            # Clones: the next forward pass changes the vectors in place, perhaps before the backward pass of this one.
            return self.left.clone() @ (matrix @ self.right.clone())

    def _matrix(self) -> Tensor:
        # A view, as the kernel is channels last in memory; the order of columns does not change the norm.
        return self.weight.permute(0, 2, 3, 1).flatten(1)

    @torch.no_grad()
    def _iterate(self, matrix: Tensor) -> None:
        self.right.copy_(F.normalize(self.left @ matrix, dim=0))
        self.left.copy_(F.normalize(matrix @ self.right, dim=0))
