"""Has a model collapsed? Constant outputs, outputs worse than the mean image, or features farther from photographs'."""

from collections.abc import Iterator
from typing import cast

import numpy as np
import torch
from torch import nn
from torch.nn.functional import interpolate, normalize

from soulbench.core.seeds import derive_seed
from soulbench.evaluation.dimensions import mean_image_error, spread
from soulbench.evaluation.metrics import CHUNK, CROP

#: Outputs are called constant if they differ from each other by less than this share of what the photographs do.
CONSTANT = 0.25
RESAMPLES = 200
#: Metrics of the dimension `diversity` -> unit.
UNITS = {
    "spread": "grey levels",
    "noise_spread": "grey levels",
    "kid": "kernel distance",
    "kid_low": "kernel distance",
    "kid_high": "kernel distance",
    "kid_mean_image": "kernel distance",
    "collapsed": "flag",
}


class CollapseTest:
    """Compares a model's outputs for some scene graphs with the photographs of these.

    Args:
        distance: LPIPS (`soulbench.evaluation.lpips_backbone`), whose backbone gives the features.
        truth: the photographs, uint8 [M, H, W, 3].
    """

    def __init__(self, distance: nn.Module, truth: np.ndarray):
        self.distance, self.truth = distance, truth
        self.features = features(distance, truth)
        mean = np.rint(truth.mean(axis=0, keepdims=True)).astype(np.uint8)
        constant = features(distance, mean).repeat(len(truth), axis=0)
        self.mean_image = kid(constant, self.features)[0]

    def __call__(self, samples: np.ndarray) -> Iterator[tuple[str, float]]:
        """Return each metric with its value; `noise_spread` only if there are several noise samples.

        Args:
            samples: outputs, uint8 [noise samples, M, H, W, 3].
        """
        images = samples[0]
        error = float(np.abs(images.astype(np.int16) - self.truth).mean())
        spreads = spread(images), spread(self.truth)
        value, low, high = kid(features(self.distance, images), self.features)
        yield "spread", spreads[0]
        if len(samples) > 1:
            yield "noise_spread", float(np.mean([spread(samples[:, i]) for i in range(len(images))]))
        yield "kid", value
        yield "kid_low", low
        yield "kid_high", high
        yield "kid_mean_image", self.mean_image
        constant, wrong = spreads[0] < CONSTANT * spreads[1], error > mean_image_error(self.truth)
        yield "collapsed", float(constant or wrong or low > self.mean_image)


@torch.no_grad()
def features(distance: nn.Module, images: np.ndarray) -> np.ndarray:
    """Return the features of images uint8 [M, H, W, 3], [M, D]: those that LPIPS compares, averaged over the image.

    Images are resized to 64 x 64, as regions are for LPIPS. The features of each layer have unit length at every place
    and are divided by the root of the number of layers, so no vector is longer than 1.
    """
    backbone, scaling = (cast(nn.Module, part) for part in (distance.net, distance.scaling_layer))
    parts = []
    for start in range(0, len(images), CHUNK):
        batch = torch.tensor(images[start : start + CHUNK]).movedim(-1, 1).float() / 127.5 - 1
        batch = interpolate(batch, (CROP, CROP), mode="bilinear", antialias=True)
        batch = batch.contiguous(memory_format=torch.channels_last)
        layers = backbone(scaling(batch))
        means = [normalize(layer).mean(dim=(2, 3)) for layer in layers]
        parts.append(torch.cat(means, dim=1).double().numpy() / np.sqrt(len(means)))
    return np.concatenate(parts)


def kid(generated: np.ndarray, real: np.ndarray) -> tuple[float, float, float]:
    """Return the kernel inception distance of paired features [M, D], and its 95 % interval.

    It is the unbiased squared maximum mean discrepancy under the kernel (x . y + 1)^3 (M. Binkowski et al., ICLR
    2018), without the pairs of an output and the photograph of its own graph. Blocks of the bootstrap are images, each
    with its photograph; a pair of an image with itself never counts.
    """
    number = len(generated)
    if number < 2:
        return np.nan, np.nan, np.nan
    pairs = _kernel(generated, generated) + _kernel(real, real)
    pairs -= _kernel(generated, real) + _kernel(real, generated)
    np.fill_diagonal(pairs, 0.0)
    random = np.random.default_rng(derive_seed(0, "kid"))
    weights = random.multinomial(number, np.full(number, 1 / number), size=RESAMPLES).astype(float)
    counts = number**2 - np.square(weights).sum(axis=1)
    resamples = (weights @ pairs * weights).sum(axis=1)[counts > 0] / counts[counts > 0]
    low, high = np.quantile(resamples, [0.025, 0.975])
    return float(pairs.sum() / (number * (number - 1))), float(low), float(high)


def _kernel(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return (first @ second.T + 1.0) ** 3
