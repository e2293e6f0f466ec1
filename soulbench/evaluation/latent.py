"""Distances between object representations of two models (paper, section 6.3), in three groups of objects."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from soulbench.data.packed import Scene
from soulbench.data.requests.request import Request
from soulbench.evaluation.outputs import ModelOutputs


def groups(scenes: Sequence[Scene], request: Request) -> Mapping[str, np.ndarray]:
    """Masks [N] over the scenes' objects: the target, others of its image, those of other images."""
    image = np.concatenate([np.full(len(s.categories), s.image_id) for s in scenes])
    objects = np.concatenate([s.object_ids for s in scenes])
    here = image == request.image_id
    target = here & (objects == request.object_id)
    real = objects >= 0
    return {"target": target, "same-image": here & real & ~target, "other-images": ~here & real}


def rows(
    model: ModelOutputs, original: ModelOutputs, masks: Mapping[str, np.ndarray]
) -> Iterator[dict[str, object]]:
    """Mean L2 and cosine distance of every group, task and representation, as rows of latent.csv.

    1 - cos is computed as half the square of the distance on the unit sphere, the same number without the
    cancellation: vectors that are equal are at distance 0, not at what rounding leaves.
    """
    for (task, representation), vectors in model.objects.items():
        others = original.objects[task, representation]
        apart = _directions(vectors) - _directions(others)
        distances = {
            "l2": np.linalg.norm(vectors - others, axis=1),
            "cosine": (apart**2).sum(axis=1) / 2,
        }
        for group, mask in masks.items():
            for name, values in distances.items():
                value = values[mask].mean() if mask.any() else np.nan
                yield {
                    "task": task,
                    "group": group,
                    "representation": representation,
                    "distance": name,
                    "value": value,
                }


def _directions(vectors: np.ndarray) -> np.ndarray:
    """Rows [N, D] of length 1; zero where they have none."""
    wide = vectors.astype(np.float64)
    return wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)
