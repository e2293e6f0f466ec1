"""Is the requested individual still drawn? Identification among others of the category, in generated images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch
from torch import Tensor

from soulbench.core import checkpoint
from soulbench.core.terms import IDENTITIES, LEAST_ACCURACY
from soulbench.data.packed import Scene
from soulbench.models.identity_encoder import IdentityEncoder, crops_of

WEIGHTS, PROTOTYPES = "encoder.", "prototypes"


class Subject(msgspec.Struct, frozen=True):
    """A region in which somebody is looked for.

    Attributes:
        request: id of the request.
        dimension: one of `soulbench.core.terms.IDENTITIES`.
        image_id, object_id: whose box the region is.
        gallery: rows of the prototypes: the one who is looked for first, then the others of the category.
        twin: the row of the twin of the one who is looked for; None without one in the gallery.
    """

    request: str
    dimension: str
    image_id: int
    object_id: int
    gallery: list[int]
    twin: int | None


def place(cosines: np.ndarray) -> int:
    """Return the place of the first of some cosines, from 1; whoever is as near is placed before it."""
    return 1 + int((cosines[1:] >= cosines[0]).sum())


@dataclass(frozen=True)
class Identification:
    """Looks for the individuals of requests in a model's outputs.

    The score of an identity is the cosine of a region's embedding with the identity's prototype, the mean embedding of
    its true crops (J. Snell et al., NeurIPS 2017).

    Attributes:
        encoder: trained without anybody who is asked for.
        prototypes: [G, D], of unit length.
        subjects: whom to look for where.
        accuracy: share of the true crops of unseen people that the encoder identifies.
    """

    encoder: IdentityEncoder
    prototypes: Tensor
    subjects: Sequence[Subject]
    accuracy: float

    @classmethod
    def load(cls, path: str | Path) -> "Identification":
        """Read what `soulbench.evaluation.identity_encoder` wrote.

        Raises:
            UserError: the file is absent or damaged.
        """
        tensors, meta = checkpoint.load(path)
        encoder = IdentityEncoder()
        weights = {name.removeprefix(WEIGHTS): t for name, t in tensors.items() if name.startswith(WEIGHTS)}
        encoder.load_state_dict(weights)
        subjects = msgspec.convert(meta["subjects"], list[Subject])
        return cls(encoder.eval().requires_grad_(False), tensors[PROTOTYPES], subjects, meta["accuracy"])

    def measured(
        self, request: str, scenes: Sequence[Scene], images: np.ndarray
    ) -> Iterator[tuple[str, str, float, int]]:
        """Yield dimension, metric, value and number of regions, averaged over regions and noise samples.

        `accuracy` and `gallery`, the mean number of identities, say what the numbers are worth; with too small an
        accuracy there are no others. `rank1`: whether the one who is looked for is first. `mrr`: reciprocal of the
        place. `margin`: cosine to the one who is looked for minus cosine to the twin; only where there is a twin.

        Args:
            request: its id.
            scenes: the scenes of the images; who is in others is not looked for.
            images: outputs, uint8 [noise samples, M, H, W, 3].
        """
        rows = {scene.image_id: index for index, scene in enumerate(scenes)}
        for dimension in IDENTITIES:
            wanted = [
                subject
                for subject in self.subjects
                if (subject.request, subject.dimension) == (request, dimension) and subject.image_id in rows
            ]
            if not wanted:
                continue
            yield dimension, "accuracy", self.accuracy, len(wanted)
            size = float(np.mean([len(subject.gallery) for subject in wanted]))
            yield dimension, "gallery", size, len(wanted)
            if self.accuracy >= LEAST_ACCURACY:
                yield from self._found(dimension, wanted, [rows[s.image_id] for s in wanted], scenes, images)

    def _found(
        self,
        dimension: str,
        wanted: Sequence[Subject],
        rows: Sequence[int],
        scenes: Sequence[Scene],
        images: np.ndarray,
    ) -> Iterator[tuple[str, str, float, int]]:
        boxes = [_box(scenes[row], subject) for row, subject in zip(rows, wanted, strict=True)]
        found: dict[str, list[float]] = {"rank1": [], "mrr": [], "margin": []}
        for sample in images:
            cosines = self.cosines(sample[rows], np.stack(boxes))
            for subject, scores in zip(wanted, cosines, strict=True):
                rank = place(scores[subject.gallery])
                found["rank1"].append(float(rank == 1))
                found["mrr"].append(1 / rank)
                if subject.twin is not None:
                    found["margin"].append(float(scores[subject.gallery[0]] - scores[subject.twin]))
        for metric, values in found.items():
            if values:
                yield dimension, metric, float(np.mean(values)), len(values) // len(images)

    @torch.no_grad()
    def cosines(self, images: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """Return the cosines [N, G] of boxes float32 [N, 4] in images uint8 [N, H, W, 3] with all prototypes."""
        embeddings = self.encoder(crops_of(torch.from_numpy(images), torch.from_numpy(boxes)))
        return (embeddings.double() @ self.prototypes.double().T).numpy()


def _box(scene: Scene, subject: Subject) -> np.ndarray:
    return scene.boxes[scene.object_ids.tolist().index(subject.object_id)]
