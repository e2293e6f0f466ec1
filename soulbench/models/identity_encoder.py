"""The identity encoder: crops of objects as points on a sphere, where crops of one identity lie close together."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from soulbench.core.seeds import derive_seed
from soulbench.models.sampling import crop

CROP = 32  # pixels per side of the crops that the encoder sees
FEATURES = 64  # length of an embedding
WIDTHS = (32, 64, 128)  # channels of its convolutions, each of which halves the crop
GROUPS = 8


class IdentityEncoder(nn.Module):
    """Three convolutions and a projection. No layer looks at other crops of a batch."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in zip((3, *WIDTHS), WIDTHS, strict=False):
            layers += [
                nn.Conv2d(before, after, 3, stride=2, padding=1),
                nn.GroupNorm(GROUPS, after),
                nn.ReLU(),
            ]
        side = CROP // 2 ** len(WIDTHS)
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(WIDTHS[-1] * side**2, FEATURES))

    @classmethod
    def initialised(cls, seed: int) -> "IdentityEncoder":
        """Return an encoder whose weights depend on the seed alone, not on PyTorch's random state."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(seed, "identity-encoder"))
            return cls()

    def forward(self, crops: Tensor) -> Tensor:
        """Return embeddings [N, FEATURES] of unit length of crops [N, 3, CROP, CROP] in [0, 1]."""
        return F.normalize(self.layers(crops * 2 - 1), dim=1)


def crops_of(images: Tensor, boxes: Tensor) -> Tensor:
    """Return what the encoder sees of boxes [N, 4] in images uint8 [N, H, W, 3]: [N, 3, CROP, CROP] in [0, 1]."""
    return crop(images.movedim(-1, 1).float() / 255, boxes, CROP)


def supervised_contrastive(embeddings: Tensor, identities: Tensor, temperature: float) -> Tensor:
    """Return the supervised contrastive loss (P. Khosla et al., NeurIPS 2020, L_out).

    Args:
        embeddings: [N, D], of unit length.
        identities: [N], each at least twice.
        temperature: by which cosines are divided.
    """
    itself = torch.eye(len(embeddings), dtype=torch.bool)
    logits = (embeddings @ embeddings.T / temperature).masked_fill(itself, float("-inf"))
    log_likelihood = F.log_softmax(logits, dim=1).masked_fill(itself, 0.0)
    same = (identities[:, None] == identities[None]) & ~itself
    return -(log_likelihood * same).sum(dim=1).div(same.sum(dim=1)).mean()
