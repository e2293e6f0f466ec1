"""SPADE decoder (Park et al., CVPR 2019) that convolves the layout without materialising it.

A layout is a sum over the objects of an image of (object vector) x (mask). Its rank is the number of objects, about
ten, although it has hundreds of channels. A 3 x 3 convolution is linear, so it can be applied to the object vectors
first (nine small matrix products per object), and the results are multiplied by the shifted masks. This equals the
convolution of the whole layout (tests/unit/test_decoder.py) at a fraction of its cost.

Feature maps are channels last in memory: the matrix products return them so, and convolutions are fastest on them.
"""

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from soulbench.models.norm import BatchNorm, SpectralConv2d
from soulbench.models.winograd import convolve

LEAK = 0.2  # slope of the leaky ReLUs
#: Below this number, one product for all channels and a copy to channels last is two to four times as fast as products
#: that come out channels last: these would have narrow results.
FEW_CHANNELS = 128


@dataclass(frozen=True)
class Layout:
    """The factors of a batch's layout at one resolution, and the image features that go with it.

    Attributes:
        vectors: [B, O, D] object vectors, zero in unused slots.
        shifted_masks: [B, H * W, O * 9] masks (zero in unused slots) under the nine shifts of a 3 x 3 kernel.
        image_features: [B, C, H, W] from the image branch; they enter the residual path only.
    """

    vectors: Tensor
    shifted_masks: Tensor
    image_features: Tensor

    @classmethod
    def at(cls, vectors: Tensor, masks: Tensor, image_features: Tensor) -> "Layout":
        """Return the layout at the resolution of the image features (nearest neighbour, as SPADE resizes it).

        Args:
            vectors: [B, O, D] object vectors.
            masks: [B, O, S, S] masks at full resolution.
            image_features: [B, C, H, W].
        """
        step = masks.shape[-1] // image_features.shape[-1]
        shifted_masks = F.unfold(masks[..., ::step, ::step], 3, padding=1).transpose(1, 2)
        return cls(vectors, shifted_masks, image_features)


def convolve_layout(layout: Layout, weight: Tensor, bias: Tensor, parts: int) -> list[Tensor]:
    """Convolve the layout with a 3 x 3 kernel (padding 1) without materialising it.

    Args:
        layout: at the resolution of the result.
        weight: [parts * K, D, 3, 3].
        bias: [parts * K].
        parts: number of results that the output channels are split into.

    Returns:
        `parts` tensors [B, K, H, W], each with memory of its own.
    """
    count, objects, width = layout.vectors.shape
    size = layout.image_features.shape[2:]
    # The weight is channels last in memory, so this reshape copies nothing; only the small kernels below are permuted.
    taps = weight.permute(0, 2, 3, 1).reshape(-1, width)
    kernels = (layout.vectors @ taps.T).view(count, objects, parts, -1, 9)
    if len(bias) < FEW_CHANNELS:
        rows = kernels.flatten(2, 3).transpose(1, 2).flatten(2)
        channels = torch.baddbmm(bias[:, None], rows, layout.shifted_masks.transpose(1, 2))
        few = channels.view(count, -1, *size).chunk(parts, dim=1)
        return [values.contiguous(memory_format=torch.channels_last) for values in few]
    maps = [
        torch.baddbmm(part_bias, layout.shifted_masks, part_kernels)
        for part_bias, part_kernels in zip(
            bias.chunk(parts), kernels.permute(2, 0, 1, 4, 3).flatten(2, 3), strict=True
        )
    ]
    return [values.view(count, *size, -1).permute(0, 3, 1, 2) for values in maps]


class SpadeBlock(nn.Module):
    """Residual block of two convolutions with SPADE, and a learned shortcut where the widths differ.

    SPADE maps the layout to hidden channels, and these to gamma and beta; it returns x (1 + gamma) + beta.

    Args:
        before, after: channels of the input and of the output.
        layout_width: channels of the layout.
        image_width: channels of the image features.
        hidden: hidden channels of each SPADE normalisation.
    """

    def __init__(self, before: int, after: int, layout_width: int, image_width: int, hidden: int):
        super().__init__()
        middle = min(before, after)
        modulated = {"in": before, "middle": middle} | ({"shortcut": before} if before != after else {})
        self.norm_in, self.norm_middle = BatchNorm(before, affine=False), BatchNorm(middle, affine=False)
        self.condition = nn.Conv2d(layout_width, len(modulated) * hidden, 3, padding=1)
        self.modulate = nn.ModuleDict(
            {name: nn.Conv2d(hidden, 2 * channels, 3, padding=1) for name, channels in modulated.items()}
        )
        self.conv_in = SpectralConv2d(before + image_width, middle, 3, padding=1)
        self.conv_out = SpectralConv2d(middle, after, 3, padding=1)
        if "shortcut" in modulated:
            self.shortcut = SpectralConv2d(before, after, 1, bias=False)

    def forward(self, x: Tensor, layout: Layout) -> Tensor:
        """Map [B, before, H / 2, W / 2] to [B, after, H, W], the resolution of the layout."""
        hidden = self._hidden(layout)
        # The shortcut and the first convolution normalise the same enlarged x, so one BatchNorm before the enlargement
        # serves both.
        normalised = _enlarge(self.norm_in(x, repeats=4))
        residual = self._shortcut(normalised, hidden["shortcut"]) if "shortcut" in hidden else _enlarge(x)
        joined = torch.cat([self._modulate("in", normalised, hidden["in"]), layout.image_features], dim=1)
        inner = self.norm_middle(self.conv_in(F.leaky_relu_(joined, LEAK)))
        inner = self._modulate("middle", inner, hidden["middle"])
        return residual + self.conv_out(F.leaky_relu_(inner, LEAK))

    def _hidden(self, layout: Layout) -> dict[str, Tensor]:
        """Return the hidden channels of each SPADE normalisation."""
        assert self.condition.bias is not None
        maps = convolve_layout(layout, self.condition.weight, self.condition.bias, len(self.modulate))
        return {name: hidden.relu() for name, hidden in zip(self.modulate, maps, strict=True)}

    def _gamma_and_beta(self, name: str) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Return kernel and bias of 1 + gamma, and kernel and bias of beta."""
        convolution = self.modulate[name]
        assert isinstance(convolution, nn.Conv2d) and convolution.bias is not None
        gamma_weight, beta_weight = convolution.weight.chunk(2)
        gamma_bias, beta_bias = convolution.bias.chunk(2)
        return (gamma_weight, gamma_bias + 1), (beta_weight, beta_bias)

    def _modulate(self, name: str, normalised: Tensor, hidden: Tensor) -> Tensor:
        gamma, beta = convolve(hidden, self._gamma_and_beta(name))
        return torch.addcmul(beta, normalised, gamma)

    def _shortcut(self, normalised: Tensor, hidden: Tensor) -> Tensor:
        """Return the shortcut's 1 x 1 convolution of the modulated input."""
        weight = self.shortcut.weight
        after, before = weight.shape[:2]
        pixels = hidden.numel() // hidden.shape[1]
        if pixels * (before - after) < before * after:
            return self.shortcut(self._modulate("shortcut", normalised, hidden))
        # The shortcut is linear, so its kernel can be multiplied into beta's. The result has as many channels as the
        # output, about half as many as the input, which saves more than the product costs on large maps.
        gamma, (beta, bias) = self._gamma_and_beta("shortcut")
        combined = torch.einsum("kc,chij->khij", weight.flatten(1), beta)
        scale, shift = convolve(hidden, [gamma, (combined, weight.flatten(1) @ bias)])
        return self.shortcut.divide_by_norm(F.conv2d(normalised * scale, weight) + shift)


def _enlarge(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")


class Decoder(nn.Module):
    """SPADE blocks from a 2 x 2 map of zeros to the image; each block doubles the resolution.

    Args:
        widths: output channels of the blocks.
        layout_width, image_width, hidden: as in `SpadeBlock`.
    """

    def __init__(self, widths: list[int], layout_width: int, image_width: int, hidden: int):
        super().__init__()
        self.blocks = nn.ModuleList(
            SpadeBlock(before, after, layout_width, image_width, hidden)
            for before, after in itertools.pairwise([1, *widths])
        )
        convolutions = [nn.Conv2d(widths[-1], widths[-1], 3, padding=1), nn.Conv2d(widths[-1], 3, 1)]
        for convolution in convolutions:  # as in SIMSG
            nn.init.kaiming_normal_(convolution.weight)
        self.out = nn.Sequential(convolutions[0], nn.LeakyReLU(LEAK), convolutions[1])
        # Kernels too: a single map with its channels first would make all that follow channels first.
        self.to(memory_format=torch.channels_last)

    def forward(self, vectors: Tensor, masks: Tensor, image_features: Tensor) -> Tensor:
        """Return images [B, 3, S, S] in normalised pixel space; no activation bounds them.

        Args:
            vectors: [B, O, D] object vectors.
            masks: [B, O, S, S] masks.
            image_features: [B, C, S, S] from the image branch.
        """
        # Halved step by step: the gradient of a larger stride would need a full-size map of mostly zeros.
        pyramid = [image_features.contiguous(memory_format=torch.channels_last)]
        for _ in self.blocks[1:]:
            pyramid.append(pyramid[-1][..., ::2, ::2])
        x = vectors.new_zeros(len(vectors), 1, 2, 2)
        for block, features in zip(self.blocks, reversed(pyramid), strict=True):
            x = block(x, Layout.at(vectors, masks, features))
        return self.out(x)
