"""3 x 3 convolutions of one map by several kernels, with fewer multiplications where that is faster."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

#: F(4 x 4, 3 x 3) of Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (CVPR 2016), section 4.3:
#: four values of one axis from the six that they see, with six products instead of twelve.
OF_INPUT = [
    [4, 0, -5, 0, 1, 0],
    [0, -4, -4, 1, 1, 0],
    [0, 4, -4, -1, 1, 0],
    [0, -2, -1, 2, 1, 0],
    [0, 2, -1, -2, 1, 0],
    [0, 4, 0, -5, 0, 1],
]
OF_KERNEL = [
    [1 / 4, 0, 0],
    [-1 / 6, -1 / 6, -1 / 6],
    [-1 / 6, 1 / 6, -1 / 6],
    [1 / 24, 1 / 12, 1 / 6],
    [1 / 24, -1 / 12, 1 / 6],
    [0, 0, 1],
]
OF_OUTPUT = [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]
TILE, SEEN = 4, 6

# What it takes to be faster than a direct convolution on a CPU (docs/speed.md): products that are worth the
# transforms, and more of what comes out than of what goes in, for the input's transform costs most.
CHANNELS, SIDE, WIDENING = 64, 16, 1.5


def convolve(x: Tensor, kernels: Sequence[tuple[Tensor, Tensor]]) -> list[Tensor]:
    """Convolve (3 x 3, padding 1) a map with several kernels.

    Args:
        x: [B, C, H, W].
        kernels: weight [K, C, 3, 3] and bias [K] of each.

    Returns:
        [B, K, H, W] for each kernel.
    """
    wide = sum(len(bias) for _, bias in kernels) >= WIDENING * x.shape[1]
    large = (
        x.shape[1] >= CHANNELS and min(x.shape[2:]) >= SIDE and not (x.shape[2] % TILE or x.shape[3] % TILE)
    )
    # Half the bits are too few for the transforms, and GPUs' libraries choose for themselves.
    exact = x.device.type == "cpu" and x.dtype != torch.bfloat16
    if wide and large and exact:
        return minimal_filtering(x, kernels)
    return [F.conv2d(x, weight, bias, padding=1) for weight, bias in kernels]


def minimal_filtering(x: Tensor, kernels: Sequence[tuple[Tensor, Tensor]]) -> list[Tensor]:
    """As `convolve`, in tiles of 4 x 4: 36 products where a direct convolution has 144, on one transform of x.

    Sides must be multiples of 4. In float32 results are within some 1e-4 of their deviation of the exact ones.
    """
    transformed = (_on_both_axes(OF_INPUT, x) @ _tiles(x)).view(SEEN**2, -1, x.shape[1])
    return [_filtered(transformed, x.shape, weight) + bias[:, None, None] for weight, bias in kernels]


def _filtered(transformed: Tensor, shape: torch.Size, weight: Tensor) -> Tensor:
    """The convolution of a map of this shape from its tiles' transforms [36, tiles, C], channels last."""
    count, channels, height, width = shape
    taps = _on_both_axes(OF_KERNEL, weight) @ weight.permute(2, 3, 1, 0).reshape(9, -1)
    products = torch.bmm(transformed, taps.view(SEEN**2, channels, -1)).flatten(1)
    values = (_on_both_axes(OF_OUTPUT, weight) @ products).view(
        TILE, TILE, count, height // TILE, width // TILE, -1
    )
    return values.permute(2, 3, 0, 4, 1, 5).reshape(count, height, width, -1).permute(0, 3, 1, 2)


def _on_both_axes(matrix: list[list[float]], like: Tensor) -> Tensor:
    made = like.new_tensor(matrix)
    return torch.kron(made, made)


def _tiles(x: Tensor) -> Tensor:
    """What each tile sees, [36, tiles * C]: 4 x 4 blocks of the padded map, and the next ones' first two lines."""
    count, channels, height, width = x.shape
    rows, columns = height // TILE, width // TILE
    rest = TILE - 1  # so that the padded map is a whole number of blocks
    padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, rest, 1, rest))
    blocks = padded.view(count, rows + 1, TILE, columns + 1, TILE, channels)
    tall = torch.cat([blocks[:, :-1], blocks[:, 1:, : SEEN - TILE]], dim=2)
    whole = torch.cat([tall[:, :, :, :-1], tall[:, :, :, 1:, : SEEN - TILE]], dim=4)
    return whole.permute(2, 4, 0, 1, 3, 5).reshape(SEEN**2, -1)
