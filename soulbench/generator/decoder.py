"""SPADE decoder (Park et al., CVPR 2019) on a layout that is never painted.

A layout is a sum over the objects of an image of (object vector) x (placed mask): its rank is the number of objects,
about ten, while it has hundreds of channels. A 3 x 3 convolution is linear, so it can be applied to the object
vectors first (nine small matrix products an object) and then spread by the shifted masks. The result is the same as
painting the layout and convolving it (tests/unit/test_decoder.py), at a fraction of the cost.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

LEAK = 0.2


@dataclass(frozen=True)
class Layout:
    """The layout of a batch in factors, at one resolution.

    Attributes:
        vectors: [B, O, D] object vectors, zero in unused slots.
        shifted: [B, O * 9, H * W] placed masks (zero in unused slots) under the nine shifts of a 3 x 3 kernel.
        picture: [B, C, H, W] channels of the image branch, joined in the residual path only.
    """

    vectors: Tensor
    shifted: Tensor
    picture: Tensor

    @classmethod
    def at(cls, size: int, vectors: Tensor, masks: Tensor, picture: Tensor) -> "Layout":
        """The layout at size x size (nearest neighbour, as SPADE resizes its condition).

        Args:
            vectors, picture: as the attributes, `picture` at full resolution.
            masks: [B, O, S, S] placed masks at full resolution.
        """
        step = masks.shape[-1] // size
        shifted = F.unfold(masks[..., ::step, ::step], 3, padding=1)
        return cls(vectors, shifted, picture[..., ::step, ::step])


def spread(layout: Layout, weight: Tensor, bias: Tensor) -> Tensor:
    """Convolve the painted layout with a 3 x 3 kernel (padding 1) without painting it.

    Args:
        layout: at the resolution of the result.
        weight: [K, D, 3, 3]; bias: [K].

    Returns:
        [B, K, H, W].
    """
    kernels = torch.einsum("bod,kdt->bkot", layout.vectors, weight.flatten(2))
    result = kernels.flatten(2) @ layout.shifted
    return result.view(len(kernels), -1, *layout.picture.shape[2:]) + bias[:, None, None]


class SpadeBlock(nn.Module):
    """Residual block with two SPADE-normalised convolutions and a learned shortcut where the widths differ.

    SPADE turns the layout into hidden channels and those into gamma and beta: x (1 + gamma) + beta. The hidden
    channels of all of a block's normalisations are convolved from the layout in one go, by `condition`.
    """

    def __init__(self, before: int, after: int, layout_width: int, picture_width: int, hidden: int):
        super().__init__()
        middle = min(before, after)
        modulated = {"in": before, "middle": middle} | ({"shortcut": before} if before != after else {})
        self.norm_in, self.norm_middle = (
            nn.BatchNorm2d(before, affine=False),
            nn.BatchNorm2d(middle, affine=False),
        )
        self.condition = nn.Conv2d(layout_width, len(modulated) * hidden, 3, padding=1)
        self.modulate = nn.ModuleDict(
            {name: nn.Conv2d(hidden, 2 * channels, 3, padding=1) for name, channels in modulated.items()}
        )
        self.conv_in = spectral_norm(nn.Conv2d(before + picture_width, middle, 3, padding=1))
        self.conv_out = spectral_norm(nn.Conv2d(middle, after, 3, padding=1))
        if "shortcut" in modulated:
            self.shortcut = spectral_norm(nn.Conv2d(before, after, 1, bias=False))

    def forward(self, x: Tensor, layout: Layout) -> Tensor:
        """Map [B, before, H, W] to [B, after, H, W] under a layout of the same resolution."""
        shared = spread(layout, self.condition.weight, self.condition.bias).relu()
        hidden = dict(zip(self.modulate, shared.chunk(len(self.modulate), dim=1), strict=True))
        # The shortcut and the first convolution normalise the same x: one BatchNorm serves them.
        normalised = self.norm_in(x)
        if "shortcut" in hidden:
            x = self.shortcut(self._modulated("shortcut", normalised, hidden))
        joined = torch.cat([self._modulated("in", normalised, hidden), layout.picture], dim=1)
        middle = self.norm_middle(self.conv_in(F.leaky_relu(joined, LEAK)))
        return x + self.conv_out(F.leaky_relu(self._modulated("middle", middle, hidden), LEAK))

    def _modulated(self, name: str, normalised: Tensor, hidden: dict[str, Tensor]) -> Tensor:
        gamma, beta = self.modulate[name](hidden[name]).chunk(2, dim=1)
        return torch.addcmul(normalised + beta, normalised, gamma)


class Decoder(nn.Module):
    """SPADE blocks from a 2 x 2 seed of zeros to the image, doubling the resolution before each."""

    def __init__(self, widths: list[int], layout_width: int, picture_width: int, hidden: int):
        super().__init__()
        befores = [1, *widths[:-1]]
        self.blocks = nn.ModuleList(
            SpadeBlock(before, after, layout_width, picture_width, hidden)
            for before, after in zip(befores, widths, strict=True)
        )
        self.out = nn.Sequential(
            nn.Conv2d(widths[-1], widths[-1], 3, padding=1), nn.LeakyReLU(LEAK), nn.Conv2d(widths[-1], 3, 1)
        )

    def forward(self, vectors: Tensor, masks: Tensor, picture: Tensor) -> Tensor:
        """Return images [B, 3, S, S] in normalised pixel space; no squashing at the end.

        Args: as in `Layout.at`.
        """
        x = vectors.new_zeros(len(vectors), 1, 2, 2)
        for block in self.blocks:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
            x = block(x, Layout.at(x.shape[-1], vectors, masks, picture))
        return self.out(x)
