"""3 x 3 convolutions of one map with several kernels, with fewer multiplications where that is faster."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

#: F(4 x 4, 3 x 3) of Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (CVPR 2016), section 4.3:
#: four outputs of one axis from the six inputs that they depend on, with six products instead of twelve.
INPUT_TRANSFORM = [
    [4, 0, -5, 0, 1, 0],
    [0, -4, -4, 1, 1, 0],
    [0, 4, -4, -1, 1, 0],
    [0, -2, -1, 2, 1, 0],
    [0, 2, -1, -2, 1, 0],
    [0, 4, 0, -5, 0, 1],
]
KERNEL_TRANSFORM: list[list[float]] = [
    [1 / 4, 0, 0],
    [-1 / 6, -1 / 6, -1 / 6],
    [-1 / 6, 1 / 6, -1 / 6],
    [1 / 24, 1 / 12, 1 / 6],
    [1 / 24, -1 / 12, 1 / 6],
    [0, 0, 1],
]
OUTPUT_TRANSFORM = [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]
TILE, WINDOW = 4, 6  # side of a tile of outputs, and of the inputs that it depends on

# Faster than a direct convolution on a CPU only from these sizes on (docs/speed.md): enough channels and pixels to pay
# for the transforms, and more output than input channels, because the input's transform costs most.
MIN_CHANNELS, MIN_SIDE, MIN_WIDENING = 64, 16, 1.5


def convolve(x: Tensor, kernels: Sequence[tuple[Tensor, Tensor]]) -> list[Tensor]:
    """Convolve (3 x 3, padding 1) a map with several kernels.

    Args:
        x: [B, C, H, W].
        kernels: weight [K, C, 3, 3] and bias [K] of each.

    Returns:
        One tensor [B, K, H, W] per kernel.
    """
    wide = sum(len(bias) for _, bias in kernels) >= MIN_WIDENING * x.shape[1]
    large = (
        x.shape[1] >= MIN_CHANNELS
        and min(x.shape[2:]) >= MIN_SIDE
        and not (x.shape[2] % TILE or x.shape[3] % TILE)
    )
    # bfloat16 is too coarse for the transforms, and the libraries of GPUs choose an algorithm themselves.
    # On the meta device, what a CPU would do is counted (soulbench/planning/counting.py).
    exact = x.device.type in ("cpu", "meta") and x.dtype != torch.bfloat16
    if wide and large and exact:
        return minimal_filtering(x, kernels)
    return [F.conv2d(x, weight, bias, padding=1) for weight, bias in kernels]


def minimal_filtering(x: Tensor, kernels: Sequence[tuple[Tensor, Tensor]]) -> list[Tensor]:
    """Convolve as `convolve` does, in tiles of 4 x 4: 36 products instead of 144, on one transform of x.

    H and W must be multiples of 4. In float32 the error is about 1e-4 of the result's standard deviation.
    """
    transformed = (_on_both_axes(INPUT_TRANSFORM, x) @ _tiles(x)).view(WINDOW**2, -1, x.shape[1])
    return [_filtered(transformed, x.shape, weight) + bias[:, None, None] for weight, bias in kernels]


def _filtered(transformed: Tensor, shape: torch.Size, weight: Tensor) -> Tensor:
    """Return the convolution of a map of this shape, given its transformed tiles [36, tiles, C]; channels last."""
    count, channels, height, width = shape
    taps = _on_both_axes(KERNEL_TRANSFORM, weight) @ weight.permute(2, 3, 1, 0).reshape(9, -1)
    products = torch.bmm(transformed, taps.view(WINDOW**2, channels, -1)).flatten(1)
    values = (_on_both_axes(OUTPUT_TRANSFORM, weight) @ products).view(
        TILE, TILE, count, height // TILE, width // TILE, -1
    )
    return values.permute(2, 3, 0, 4, 1, 5).reshape(count, height, width, -1).permute(0, 3, 1, 2)


def _on_both_axes(matrix: Sequence[Sequence[float]], like: Tensor) -> Tensor:
    """Return the transform of one axis as a transform of both, on flattened tiles."""
    transform = like.new_tensor(matrix)
    return torch.kron(transform, transform)


def _tiles(x: Tensor) -> Tensor:
    """Return each tile's inputs [36, tiles * C]: a 4 x 4 block of the padded map and two lines of the next blocks."""
    count, channels, height, width = x.shape
    rows, columns = height // TILE, width // TILE
    after = TILE - 1  # so that the padded map is a whole number of blocks
    padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, after, 1, after))
    blocks = padded.view(count, rows + 1, TILE, columns + 1, TILE, channels)
    tall = torch.cat([blocks[:, :-1], blocks[:, 1:, : WINDOW - TILE]], dim=2)
    whole = torch.cat([tall[:, :, :, :-1], tall[:, :, :, 1:, : WINDOW - TILE]], dim=4)
    return whole.permute(2, 4, 0, 1, 3, 5).reshape(WINDOW**2, -1)
