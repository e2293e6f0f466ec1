"""The training of the identity encoder: crops of one identity closer together than crops of any two."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from soulbench.core.log import Log, Progress
from soulbench.core.seeds import generator
from soulbench.data.crops import Crops
from soulbench.models.identity_encoder import IdentityEncoder, crops_of, supervised_contrastive
from soulbench.training.adam import Adam

TEMPERATURE = 0.1
#: Of Adam; it falls to zero along a cosine.
LEARNING_RATE = 2e-3
PER_IDENTITY = 4  # crops of an identity in a batch
#: Generated images are blurred, shifted and paler than photographs; an encoder that was never shown such crops would
#: take them for strangers.
SHIFT, SCALE = 0.08, 0.1  # of a box, as a share of its sides
BRIGHTNESS, CONTRAST = 0.1, 0.2
BLUR = 2.0  # greatest standard deviation in pixels of the crop
NOISE = 0.04


def train_encoder(
    crops: Crops, chosen: Sequence[int], steps: int, batch: int, seed: int, log: Log
) -> IdentityEncoder:
    """Train an encoder from scratch by the supervised contrastive loss.

    Args:
        crops: crops.
        chosen: indices of those that it is trained on. An identity with a single crop is shown twice, altered in two
            ways, which is instance discrimination (Z. Wu et al., CVPR 2018).
        steps: number of updates.
        batch: crops per step.
        seed: of weights, order and alterations.
        log: takes a line.
    """
    encoder, rng = IdentityEncoder.initialised(seed), generator(seed, "identity-training")
    if len({crops.identities[index] for index in chosen}) < 2:
        log("nobody to be told apart: the encoder is not trained, and its accuracy says what that is worth")
        return encoder.eval()
    optimiser = Adam(encoder.parameters())
    with Progress("identity encoder", total=steps, log=log) as progress:
        for step, (indices, identities) in enumerate(_batches(crops, chosen, steps, batch, rng)):
            loss = supervised_contrastive(encoder(altered(crops, indices, rng)), identities, TEMPERATURE)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step(LEARNING_RATE * (1 + np.cos(np.pi * step / steps)) / 2)
            progress.advance(images=len(indices), loss=float(loss.detach()))
    return encoder.eval()


def _batches(
    crops: Crops, chosen: Sequence[int], steps: int, batch: int, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, Tensor]]:
    """Yield the indices of the crops of each step, and their identities as numbers.

    Every identity is taken once before any is taken again. A twin comes with its twin: what they differ in is learned
    where both are in a batch.
    """
    by_identity: dict[str, list[int]] = {}
    for index in chosen:
        by_identity.setdefault(crops.identities[index], []).append(index)
    several = any(len(indices) > 1 for indices in by_identity.values())
    size = PER_IDENTITY if several else 2
    count = min(len(by_identity), max(2, batch // size))
    names, queue = list(by_identity), list[str]()
    for _ in range(steps):
        taken: list[str] = []
        while len(taken) < count:
            queue = queue or [names[index] for index in rng.permutation(len(names))]
            name = queue.pop()
            taken += [
                one for one in (name, crops.twins.get(name, "")) if one in by_identity and one not in taken
            ]
        picked = [_pick(by_identity[name], size, rng) for name in taken]
        yield np.concatenate(picked), torch.arange(len(taken)).repeat_interleave(size)


def _pick(indices: list[int], count: int, rng: np.random.Generator) -> np.ndarray:
    """Return so many of the indices in random order, each once before any twice."""
    rounds = -(-count // len(indices))
    return np.concatenate([rng.permutation(indices) for _ in range(rounds)])[:count]


def altered(crops: Crops, indices: Sequence[int] | np.ndarray, rng: np.random.Generator) -> Tensor:
    """Return some crops [N, 3, CROP, CROP], each shifted, scaled, blurred, brighter or darker, and noisy."""
    indices = np.asarray(indices)
    boxes, count = crops.boxes[indices].astype(np.float64), len(indices)
    sides = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    shift = np.tile(rng.uniform(-SHIFT, SHIFT, (count, 2)), 2)
    grow = np.tile(rng.uniform(-SCALE, SCALE, (count, 2)) / 2, 2) * [-1, -1, 1, 1]
    boxes = torch.from_numpy((boxes + sides * (shift + grow)).astype(np.float32))
    seen = crops_of(torch.from_numpy(crops.pixels[crops.image_of[indices]]), boxes)
    seen = blurred(seen, torch.from_numpy(rng.uniform(0, BLUR, count).astype(np.float32)))
    gain, offset = (
        torch.from_numpy(rng.uniform(-reach, reach, (count, 1, 1, 1)).astype(np.float32))
        for reach in (CONTRAST, BRIGHTNESS)
    )
    mean = seen.mean(dim=(1, 2, 3), keepdim=True)
    noise = torch.from_numpy(rng.standard_normal(tuple(seen.shape), np.float32))
    return ((seen - mean) * (1 + gain) + mean + offset + NOISE * noise).clamp(0, 1)


def blurred(crops: Tensor, deviations: Tensor) -> Tensor:
    """Return crops [N, 3, S, S] after a Gaussian blur of the given standard deviations [N] in pixels."""
    pixels = torch.arange(crops.shape[-1], dtype=torch.float32)
    distance = (pixels[:, None] - pixels[None]) ** 2
    weights = torch.exp(-distance / (2 * deviations.clamp(min=0.1)[:, None, None] ** 2))
    weights = weights / weights.sum(dim=2, keepdim=True)
    return torch.einsum("nij,ncjk,nlk->ncil", weights, crops, weights)
