"""Distances between object representations of two models (paper, section 6.3), in three groups of objects."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from soulbench.data.packed import Scene
from soulbench.data.requests.request import Request
from soulbench.evaluation.outputs import ModelOutputs


def groups(scenes: Sequence[Scene], request: Request) -> Mapping[str, np.ndarray]:
    """Return masks [N] over the scenes' objects: the targets, others of their images, those of other images."""
    targets = request.images
    target = np.concatenate([np.isin(s.object_ids, targets.get(s.image_id, ())) for s in scenes])
    in_target_image = np.concatenate([np.full(len(s.categories), s.image_id in targets) for s in scenes])
    objects = np.concatenate([s.object_ids for s in scenes])
    real = objects >= 0  # image nodes have negative ids
    return {
        "target": target,
        "same-image": in_target_image & real & ~target,
        "other-images": ~in_target_image & real,
    }


def rows(
    model: ModelOutputs, original: ModelOutputs, masks: Mapping[str, np.ndarray]
) -> Iterator[dict[str, object]]:
    """Return the rows of latent.csv: mean L2 and cosine distance of every group, task and representation.

    1 - cos is computed as half the squared distance of the unit vectors. It is the same number without cancellation:
    equal vectors are at distance 0 exactly.
    """
    for (task, representation), vectors in model.objects.items():
        originals = original.objects[task, representation]
        unit_difference = _unit_vectors(vectors) - _unit_vectors(originals)
        distances = {
            "l2": np.linalg.norm(vectors - originals, axis=1),
            "cosine": (unit_difference**2).sum(axis=1) / 2,
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


def _unit_vectors(vectors: np.ndarray) -> np.ndarray:
    """Return the rows [N, D] scaled to length 1; zero rows stay zero."""
    double = vectors.astype(np.float64)
    return double / np.maximum(np.linalg.norm(double, axis=1, keepdims=True), 1e-12)
