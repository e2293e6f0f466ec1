"""LPIPS (Zhang et al., CVPR 2018), version 0.1, on a backbone that the configuration names."""

import contextlib
import io
import warnings
from collections.abc import Mapping

import lpips
import torch
from torch import Tensor, nn

from soulbench.models.backbones import convolutions, weights_label

ARCHITECTURES = {"alex": "alex", "squeeze": "squeeze", "vgg": "vgg16"}


def build(settings: Mapping[str, str]) -> nn.Module:
    """Return the distance of package `lpips`, its backbone filled from `settings`.

    The package brings the calibrated linear layers; the backbone's weights come through
    `soulbench.models.backbones.convolutions`, which can read them from a path or leave them untrained.

    Args:
        settings: `evaluation.lpips` of the configuration: net and weights.
    """
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # torchvision's, of a keyword that the package still uses
        distance = lpips.LPIPS(net=settings["net"], version="0.1", pnet_rand=True, verbose=False)
    backbone = convolutions(ARCHITECTURES[settings["net"]], settings["weights"])
    # The package cuts torchvision's backbone into slices but keeps the layers' numbers as names.
    slices = [part for name, part in distance.net.named_children() if name.startswith("slice")]
    slices += list(getattr(distance.net, "slices", []))
    with torch.no_grad():
        for part in slices:
            for name, layer in part.named_children():
                layer.load_state_dict(backbone[int(name)].state_dict())
    return distance.eval().requires_grad_(False)


def label(settings: Mapping[str, str]) -> str:
    """How the distance is named wherever it is shown."""
    return f"LPIPS ({settings['net']}, {weights_label(settings['weights'])})"


def between(distance: nn.Module, first: Tensor, second: Tensor) -> Tensor:
    """Distances [N] between pictures [N, 3, H, W] in [0, 1]."""
    return distance(first, second, normalize=True).flatten()
