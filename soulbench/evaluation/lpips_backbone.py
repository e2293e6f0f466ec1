"""LPIPS (Zhang et al., CVPR 2018), version 0.1, on a backbone that the configuration names."""

import contextlib
import io
import warnings
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from soulbench.models.backbones import convolutions

ARCHITECTURES = {"alex": "alex", "squeeze": "squeeze", "vgg": "vgg16"}


def build(settings: Mapping[str, str]) -> nn.Module:
    """Return the LPIPS distance of package `lpips` on the configured backbone.

    The package brings the calibrated linear layers. `soulbench.models.backbones.convolutions` gives the backbone's
    weights: it reads them from a path or leaves them untrained.

    Args:
        settings: `evaluation.lpips` of the configuration: net and weights.
    """
    from soulbench.evaluation.lpips_package import lpips

    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # torchvision's, about a keyword that the package still uses
        distance = lpips.LPIPS(net=settings["net"], version="0.1", pnet_rand=True, verbose=False)
    backbone = convolutions(ARCHITECTURES[settings["net"]], settings["weights"])
    # The package splits torchvision's backbone into slices; the layers keep their numbers as names.
    slices = [part for name, part in distance.net.named_children() if name.startswith("slice")]
    slices += list(getattr(distance.net, "slices", []))
    with torch.no_grad():
        for part in slices:
            for name, layer in part.named_children():
                layer.load_state_dict(backbone[int(name)].state_dict())
    return distance.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def between(distance: nn.Module, first: Tensor, second: Tensor) -> Tensor:
    """Return the distances [N] between images [N, 3, H, W] in [0, 1]."""
    # Channels last, pooling and convolutions take half the time; the values are the same but for rounding.
    first, second = (images.contiguous(memory_format=torch.channels_last) for images in (first, second))
    return distance(first, second, normalize=True).flatten()
