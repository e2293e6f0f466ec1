"""Frozen visual features of RoI crops. They do not change during training, so they are computed once a data set."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from soulbench.core.log import Log, Progress
from soulbench.core.records import atomic_path, new_array
from soulbench.core.seeds import derive_seed
from soulbench.data.batches import normalise
from soulbench.data.packed import PackedScenes
from soulbench.models.backbones import convolutions
from soulbench.models.sampling import crop

CHUNK = 32  # images at a time; VGG16 is twice as fast with 32 as with one, and no faster with more


class VisualFeatures(nn.Module):
    """RoI crop -> frozen backbone -> feature vector.

    The backbone is VGG16's convolutions without the last pool (SIMSG), which shrinks a 16 x 16 crop to one position of
    512 channels, or, where no weights can be had, a seeded random projection of the crop's pixels, which keeps
    distances between crops (Johnson and Lindenstrauss) and therefore tells individuals apart.

    Args:
        settings: `generator.visual` of the configuration.
    """

    def __init__(self, settings: dict[str, Any]):
        super().__init__()
        self.size = settings["crop"]
        if settings["backbone"] == "vgg16":
            backbone = convolutions("vgg16", settings["weights"] or "imagenet")[:-1]
            self.backbone = nn.Sequential(backbone, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        else:
            self.backbone = nn.Sequential(nn.Flatten(), _projection(3 * self.size**2, settings["features"]))
        self.requires_grad_(False).eval()

    @torch.no_grad()
    def forward(self, images: Tensor, boxes: Tensor) -> Tensor:
        """Return features [N, F] of boxes [N, 4] in images [N, 3, H, W] (normalised), one image a box."""
        return self.backbone(crop(images, boxes, self.size))

    def of_scene(self, image: Tensor, boxes: Tensor) -> Tensor:
        """Return features [n, F] of all boxes of one image [3, H, W]."""
        return self(image.expand(len(boxes), *image.shape), boxes)


def _projection(inputs: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(inputs, outputs, bias=False)
    generator = torch.Generator().manual_seed(derive_seed(0, "visual-projection", inputs, outputs))
    layer.weight = nn.Parameter(torch.randn(outputs, inputs, generator=generator) / inputs**0.5)
    return layer


def compute_features(config: dict[str, Any], data_dir: str, out_npy: str, log: Log) -> None:
    """Compute the features of every object of the packed set: float32 [rows, F], in packed order.

    They go straight into a mapped file: Visual Genome's take 1.6 GB.
    """
    settings = config["generator"]["visual"]
    scenes, extractor = PackedScenes.open(Path(data_dir) / "packed"), VisualFeatures(settings)
    with atomic_path(out_npy) as path, Progress("visual features", len(scenes), log) as progress:
        features = new_array(path, (len(scenes.object_ids), settings["features"]), np.float32)
        for first in range(0, len(scenes), CHUNK):
            columns, places = scenes.gather(range(first, min(first + CHUNK, len(scenes))))
            images = normalise(torch.from_numpy(columns.pixels))
            one_each = images.repeat_interleave(torch.from_numpy(columns.object_counts), dim=0)
            features[places] = extractor(one_each, torch.from_numpy(columns.boxes)).numpy()
            for _ in columns.object_counts:
                progress.advance(images=1)
        features.flush()
