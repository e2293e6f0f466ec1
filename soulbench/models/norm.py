"""Batch normalisation over processes and before enlargements; spectral normalisation that leaves weights alone."""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F


class BatchNorm(nn.BatchNorm2d):
    """`nn.BatchNorm2d`, with statistics over all processes of a training, and on values that stand for several.

    PyTorch's `SyncBatchNorm` does the first on GPUs only; this one works wherever processes can add tensors up.
    """

    def forward(self, x: Tensor, repeats: int = 1) -> Tensor:
        """Normalise [N, C, H, W].

        Args:
            x: N may differ from process to process.
            repeats: how often each value will stand in the enlarged map that is meant. A nearest-neighbour
                enlargement leaves mean and variance as they are, so the small map can be normalised in its
                place; only the unbiased variance that is recorded depends on the number of values.
        """
        if not self.training:
            return super().forward(x)
        if dist.is_initialized() and dist.get_world_size() > 1:
            return self._over_processes(x, repeats)
        count = x.numel() // x.shape[1]
        kept = self.running_var * (1 - self.momentum)
        result = super().forward(x)
        if repeats > 1:
            fresh = (self.running_var - kept) * (repeats * (count - 1) / (repeats * count - 1))
            # `data`: autograd holds the buffer, but does not read it when the batch's own statistics were used.
            self.running_var.data.copy_(kept + fresh)
        return result

    def _over_processes(self, x: Tensor, repeats: int) -> Tensor:
        # Imported here: only trainings on several processes need it.
        from torch.distributed.nn.functional import all_reduce

        axes, wide = (0, 2, 3), x.float()
        count = all_reduce(wide.new_tensor(x.numel() // x.shape[1]))
        mean = all_reduce(wide.sum(dim=axes)) / count
        centred = wide - mean[:, None, None]
        # In two passes: the difference of two large sums would lose the variance's digits.
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
    """A convolution by a kernel of spectral norm 1 (Miyato et al., ICLR 2018), by one power iteration a forward pass.

    As `torch.nn.utils.parametrizations.spectral_norm`, but the norm is handed out: who convolves divides the result
    by it. The wide layers' results are a tenth of their weights, and dividing the weights costs a forward and two
    backward passes over them (tests/unit/test_norm.py holds it to PyTorch's).
    """

    def __init__(self, *args: Any, **settings: Any):
        super().__init__(*args, **settings)
        matrix = self._matrix().detach()
        self.register_buffer("left", F.normalize(torch.randn(len(matrix)), dim=0))
        self.register_buffer("right", F.normalize(torch.randn(matrix.shape[1]), dim=0))
        for _ in range(15):  # as PyTorch begins
            self._iterate(matrix)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve [B, C, H, W]."""
        return self.finished(F.conv2d(x, self.weight, padding=self.padding))

    def finished(self, result: Tensor) -> Tensor:
        """What a convolution by `weight` becomes: divided by the norm, with the bias."""
        result = result / self.sigma().to(result.dtype)
        return result if self.bias is None else result + self.bias.to(result.dtype)[:, None, None]

    def sigma(self) -> Tensor:
        """The estimated largest singular value of the kernel, as a matrix; a pass of the training improves it."""
        with torch.autocast(self.weight.device.type, enabled=False):
            matrix = self._matrix()
            if self.training:
                self._iterate(matrix.detach())
            # Clones: the next pass changes the vectors in place before this one is differentiated.
            return self.left.clone() @ (matrix @ self.right.clone())

    def _matrix(self) -> Tensor:
        # Channels last, so that it is a view of a kernel that lies so; a norm does not mind the columns' order.
        return self.weight.permute(0, 2, 3, 1).flatten(1)

    @torch.no_grad()
    def _iterate(self, matrix: Tensor) -> None:
        self.left.copy_(F.normalize(matrix @ self.right, dim=0))
        self.right.copy_(F.normalize(self.left @ matrix, dim=0))
