"""The mask head: from an object vector to a small mask of the object inside its box."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from soulbench.models.norm import BatchNorm

#: From this side on, nine small products are faster than one convolution of the enlarged map (measured on a CPU).
MIN_SIDE = 4


class MaskHead(nn.Module):
    """Maps object vectors [N, G] to masks [N, size, size] in (0, 1); each layer doubles the side.

    Args:
        width: G.
        channels: of all hidden layers.
        size: side of the masks, a power of two.
    """

    def __init__(self, width: int, channels: int, size: int):
        super().__init__()
        widths = [width, *[channels] * (size.bit_length() - 1)]
        self.norms = nn.ModuleList(BatchNorm(before) for before in widths[:-1])
        self.convolutions = nn.ModuleList(nn.Conv2d(before, channels, 3, padding=1) for before in widths[:-1])
        self.out = nn.Conv2d(channels, 1, 1)

    def forward(self, vectors: Tensor) -> Tensor:
        """Return one mask [size, size] per object vector [G]."""
        x = vectors[:, :, None, None]
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            assert isinstance(convolution, nn.Conv2d) and convolution.bias is not None
            # Enlarging changes neither mean nor variance, so the small map can be normalised.
            x = convolve_enlarged(norm(x, repeats=4), convolution.weight, convolution.bias).relu()
        return self.out(x).sigmoid().squeeze(1)


def convolve_enlarged(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Convolve (3 x 3, padding 1) the nearest-neighbour enlargement of x without computing the enlarged map.

    On one axis, x[i] becomes two neighbouring values of the enlarged map. The window of the first is x[i-1], x[i],
    x[i], that of the second x[i], x[i], x[i+1]. With the kernel k and the differences d[i] = x[i] - x[i-1], the two
    results are

        s x[i] - k[0] d[i]   and   s x[i] + k[2] d[i+1],   where s = k[0] + k[1] + k[2].

    That takes three products for two results instead of six, and on both axes nine for four instead of thirty-six
    (minimal filtering as in Winograd's algorithms; Lavin and Gray, CVPR 2016).

    Args:
        x: [N, C, h, w].
        weight: [K, C, 3, 3].
        bias: [K].

    Returns:
        [N, K, 2h, 2w].
    """
    count, channels, height, width = x.shape
    if min(height, width) < MIN_SIDE:
        return F.conv2d(F.interpolate(x, scale_factor=2, mode="nearest"), weight, bias, padding=1)
    taps = _differences(_differences(weight.permute(2, 3, 1, 0)).transpose(0, 1)).transpose(0, 1)
    x = x.permute(0, 2, 3, 1)
    tall = F.pad(x, (0, 0, 0, 0, 1, 1)).diff(dim=1)
    wide = F.pad(x, (0, 0, 1, 1)).diff(dim=2)
    corners = F.pad(tall, (0, 0, 1, 1)).diff(dim=2)

    def rows(values: Tensor) -> Tensor:
        return values.reshape(-1, channels)

    middle = torch.addmm(bias, rows(x), taps[2, 2])
    beside = torch.stack([torch.addmm(middle, rows(wide[:, :, b : b + width]), taps[2, b]) for b in (0, 1)])
    above = torch.stack([rows(tall[:, a : a + height]) @ taps[a, 2] for a in (0, 1)])
    corner = torch.stack([rows(corners[:, a : a + height, b : b + width]) for a in (0, 1) for b in (0, 1)])
    phases = torch.baddbmm((above[:, None] + beside).flatten(0, 1), corner, taps[:2, :2].flatten(0, 1))
    result = phases.view(2, 2, count, height, width, -1).permute(2, 3, 0, 4, 1, 5)
    return result.reshape(count, 2 * height, 2 * width, -1).permute(0, 3, 1, 2)


def _differences(taps: Tensor) -> Tensor:
    """Return the factors of d[i], d[i+1] and x[i] for a kernel's values [3, ...] on one axis."""
    return torch.stack([-taps[0], taps[2], taps.sum(dim=0)])
