"""SPADE decoder (Park et al., CVPR 2019) on a layout that is never painted.

A layout is a sum over the objects of an image of (object vector) x (placed mask): its rank is the number of objects,
about ten, while it has hundreds of channels. A 3 x 3 convolution is linear, so it can be applied to the object
vectors first (nine small matrix products an object) and then spread by the shifted masks. The result is the same as
painting the layout and convolving it (tests/unit/test_decoder.py), at a fraction of the cost.

Maps lie channels last in memory, which is what the products give and what convolutions are fastest on.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from soulbench.models.norm import BatchNorm, SpectralConv2d
from soulbench.models.winograd import convolve

LEAK = 0.2


@dataclass(frozen=True)
class Layout:
    """The layout of a batch in factors, at one resolution.

    Attributes:
        vectors: [B, O, D] object vectors, zero in unused slots.
        shifted: [B, H * W, O * 9] placed masks (zero in unused slots) under the nine shifts of a 3 x 3 kernel.
        picture: [B, C, H, W] channels of the image branch, joined in the residual path only.
    """

    vectors: Tensor
    shifted: Tensor
    picture: Tensor

    @classmethod
    def at(cls, vectors: Tensor, masks: Tensor, picture: Tensor) -> "Layout":
        """The layout at the resolution of the picture (nearest neighbour, as SPADE resizes its condition).

        Args:
            vectors, picture: as the attributes.
            masks: [B, O, S, S] placed masks at full resolution.
        """
        step = masks.shape[-1] // picture.shape[-1]
        return cls(vectors, F.unfold(masks[..., ::step, ::step], 3, padding=1).transpose(1, 2), picture)


def spread(layout: Layout, weight: Tensor, bias: Tensor, parts: int) -> list[Tensor]:
    """Convolve the painted layout with a 3 x 3 kernel (padding 1) without painting it.

    Args:
        layout: at the resolution of the result.
        weight: [parts * K, D, 3, 3]; bias: [parts * K].

    Returns:
        `parts` times [B, K, H, W], each a map of its own.
    """
    count, objects, width = layout.vectors.shape
    # The weight as it lies, channels last; what is turned are the kernels of the few objects.
    taps = weight.permute(0, 2, 3, 1).reshape(-1, width)
    kernels = (layout.vectors @ taps.T).view(count, objects, parts, -1, 9).permute(2, 0, 1, 4, 3)
    maps = [
        torch.baddbmm(own_bias, layout.shifted, own_kernels)
        for own_bias, own_kernels in zip(bias.chunk(parts), kernels.flatten(2, 3), strict=True)
    ]
    return [one.view(count, *layout.picture.shape[2:], -1).permute(0, 3, 1, 2) for one in maps]


class SpadeBlock(nn.Module):
    """Residual block with two SPADE-normalised convolutions and a learned shortcut where the widths differ.

    SPADE turns the layout into hidden channels and those into gamma and beta: x (1 + gamma) + beta.
    """

    def __init__(self, before: int, after: int, layout_width: int, picture_width: int, hidden: int):
        super().__init__()
        middle = min(before, after)
        modulated = {"in": before, "middle": middle} | ({"shortcut": before} if before != after else {})
        self.norm_in, self.norm_middle = BatchNorm(before, affine=False), BatchNorm(middle, affine=False)
        self.condition = nn.Conv2d(layout_width, len(modulated) * hidden, 3, padding=1)
        self.modulate = nn.ModuleDict(
            {name: nn.Conv2d(hidden, 2 * channels, 3, padding=1) for name, channels in modulated.items()}
        )
        self.conv_in = SpectralConv2d(before + picture_width, middle, 3, padding=1)
        self.conv_out = SpectralConv2d(middle, after, 3, padding=1)
        if "shortcut" in modulated:
            self.shortcut = SpectralConv2d(before, after, 1, bias=False)

    def forward(self, x: Tensor, layout: Layout) -> Tensor:
        """Map [B, before, H / 2, W / 2] to [B, after, H, W] under a layout of the latter resolution."""
        hidden = self._hidden(layout)
        # The shortcut and the first convolution normalise the same enlarged x: one BatchNorm of the small one serves.
        normalised = _enlarged(self.norm_in(x, repeats=4))
        straight = self._straight(normalised, hidden["shortcut"]) if "shortcut" in hidden else _enlarged(x)
        joined = torch.cat([self._modulated("in", normalised, hidden["in"]), layout.picture], dim=1)
        inner = self.norm_middle(self.conv_in(F.leaky_relu_(joined, LEAK)))
        inner = self._modulated("middle", inner, hidden["middle"])
        return straight + self.conv_out(F.leaky_relu_(inner, LEAK))

    def _hidden(self, layout: Layout) -> dict[str, Tensor]:
        """What each normalisation makes gamma and beta of."""
        maps = spread(layout, self.condition.weight, self.condition.bias, len(self.modulate))
        return {name: hidden.relu() for name, hidden in zip(self.modulate, maps, strict=True)}

    def _gamma_and_beta(self, name: str) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Kernels and biases of 1 + gamma and of beta."""
        (gamma, beta), (one, zero) = (
            values.chunk(2) for values in (self.modulate[name].weight, self.modulate[name].bias)
        )
        return (gamma, one + 1), (beta, zero)

    def _modulated(self, name: str, normalised: Tensor, hidden: Tensor) -> Tensor:
        gamma, beta = convolve(hidden, self._gamma_and_beta(name))
        return torch.addcmul(beta, normalised, gamma)

    def _straight(self, normalised: Tensor, hidden: Tensor) -> Tensor:
        """The shortcut of the modulated input."""
        weight = self.shortcut.weight
        after, before = weight.shape[:2]
        pixels = hidden.numel() // hidden.shape[1]
        if pixels * (before - after) < before * after:
            return self.shortcut(self._modulated("shortcut", normalised, hidden))
        # It is linear, so beta's kernel can be combined with it: half as wide, worth its making on large maps.
        gamma, (beta, bias) = self._gamma_and_beta("shortcut")
        combined = torch.einsum("kc,chij->khij", weight.flatten(1), beta)
        scale, shift = convolve(hidden, [gamma, (combined, weight.flatten(1) @ bias)])
        return self.shortcut.finished(F.conv2d(normalised * scale, weight) + shift)


def _enlarged(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")


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
        # Kernels as their results shall lie: one map with its channels first turns all that follow.
        self.to(memory_format=torch.channels_last)

    def forward(self, vectors: Tensor, masks: Tensor, picture: Tensor) -> Tensor:
        """Return images [B, 3, S, S] in normalised pixel space; no squashing at the end.

        Args:
            vectors, masks: as in `Layout.at`.
            picture: [B, C, S, S] channels of the image branch.
        """
        # Each from the one above it: the gradient of a step wider than 2 would be spread over a map of mostly zeros.
        pictures = [picture.contiguous(memory_format=torch.channels_last)]
        for _ in self.blocks[1:]:
            pictures.append(pictures[-1][..., ::2, ::2])
        x = vectors.new_zeros(len(vectors), 1, 2, 2)
        for block, seen in zip(self.blocks, reversed(pictures), strict=True):
            x = block(x, Layout.at(vectors, masks, seen))
        return self.out(x)
