"""Frozen visual features of RoI crops. They do not change during training, so they are computed once per data set."""

from collections.abc import Mapping
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
from soulbench.models.sampling import crop, pixel_corners

CHUNK = 32  # images at a time; VGG16 is twice as fast with 32 as with 1, and no faster with more


class VisualFeatures(nn.Module):
    """RoI crop -> frozen backbone -> feature vector.

    The backbone is VGG16's convolutions without the last pooling (SIMSG), which maps a 16 x 16 crop to one position
    of 512 channels. Where its weights are not available, it is a seeded random projection of the crop's pixels, which
    preserves distances between crops (Johnson and Lindenstrauss) and so distinguishes individuals.

    Args:
        settings: `generator.visual` of the configuration.
    """

    def __init__(self, settings: Mapping[str, Any]):
        super().__init__()
        self.size = settings["crop"]
        if settings["backbone"] == "vgg16":
            convolutional = convolutions("vgg16", settings["weights"] or "imagenet")[:-1]
            self.backbone = nn.Sequential(convolutional, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        else:
            self.backbone = nn.Sequential(nn.Flatten(), _projection(3 * self.size**2, settings["features"]))
        self.requires_grad_(False).eval()

    @torch.no_grad()
    def forward(self, images: Tensor, boxes: Tensor) -> Tensor:
        """Return features [N, F] of boxes [N, 4] in normalised images [N, 3, H, W], one image per box."""
        return self.backbone(crop(images, boxes, self.size, pixel_corners))

    def of_scene(self, image: Tensor, boxes: Tensor) -> Tensor:
        """Return features [n, F] of boxes [n, 4] in one normalised image [3, H, W]."""
        return self(image.expand(len(boxes), *image.shape), boxes)


def _projection(inputs: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(inputs, outputs, bias=False)
    generator = torch.Generator().manual_seed(derive_seed(0, "visual-projection", inputs, outputs))
    layer.weight = nn.Parameter(torch.randn(outputs, inputs, generator=generator) / inputs**0.5)
    return layer


def compute_features(config: Mapping[str, Any], data_dir: str | Path, out_npy: str | Path, log: Log) -> None:
    """Compute the features of all objects of the packed set: float32 [N, F], in packed order.

    They are written into a memory-mapped file, because Visual Genome's take 1.6 GB.

    Args:
        config: the configuration (generator.visual).
        data_dir: `results/<name>/data`.
        out_npy: the file to write.
        log: takes a line.
    """
    settings = config["generator"]["visual"]
    scenes, extractor = PackedScenes.open(Path(data_dir) / "packed"), VisualFeatures(settings)
    with atomic_path(out_npy) as path, Progress("visual features", len(scenes), log) as progress:
        features = new_array(path, (len(scenes.object_ids), settings["features"]), np.float32)
        for first in range(0, len(scenes), CHUNK):
            columns, rows = scenes.gather(range(first, min(first + CHUNK, len(scenes))))
            images = normalise(torch.from_numpy(columns.pixels))
            per_box = images.repeat_interleave(torch.from_numpy(columns.object_counts), dim=0)
            features[rows] = extractor(per_box, torch.from_numpy(columns.boxes)).numpy()
            for _ in columns.object_counts:
                progress.advance(images=1)
        features.flush()
