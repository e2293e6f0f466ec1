"""What a model generates and how it represents objects: what all measurements are made of."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from soulbench.core.damage import DamagedFile, read_arrays
from soulbench.core.device import place
from soulbench.core.records import atomic_path
from soulbench.core.terms import TASKS
from soulbench.data.batches import Batch, SceneBatches
from soulbench.models.generator import Generator
from soulbench.training.generation import generate_images

CHUNK = 16  # scene graphs that are generated at once
#: Name of a representation -> field of the generator's output.
REPRESENTATIONS = {"input": "before_graph", "graph": "after_graph"}


@dataclass(frozen=True)
class ModelOutputs:
    """The images that a model generates for some scenes, and its object representations.

    Attributes:
        images: by task, uint8 [noise samples, M, H, W, 3].
        objects: by (task, representation), float32 [N, D], in the order of the scenes' objects.
    """

    images: Mapping[str, np.ndarray]
    objects: Mapping[tuple[str, str], np.ndarray]

    def save(
        self,
        path: Path,
        image_ids: Sequence[int],
        roles: Sequence[str],
        query_images: Mapping[str, np.ndarray],
    ) -> None:
        """Write outputs.npz.

        Its arrays: `image_ids` and `roles` of the scenes; for each task the first noise sample under the task's name
        and the others under `{task}-samples`; `latent-{task}-{representation}`; and the images of the queries.

        Args:
            path: the file.
            image_ids: of the scenes.
            roles: `subset` or `heldout` for each scene.
            query_images: uint8 [1, H, W, 3] under the names that they get in the file.
        """
        arrays = {task: images[0] for task, images in self.images.items()}
        arrays |= {f"{task}-samples": images[1:] for task, images in self.images.items()}
        arrays |= {f"latent-{task}-{name}": values for (task, name), values in self.objects.items()}
        arrays |= query_images
        with atomic_path(path) as part:
            np.savez_compressed(part, image_ids=np.array(image_ids), roles=np.array(roles), **arrays)

    @classmethod
    def load(cls, path: str | Path) -> "ModelOutputs":
        """Read what `save` wrote, without the images of the queries.

        Raises:
            UserError: the file is absent or damaged.
        """
        arrays = read_arrays(path)
        try:
            images = {task: np.concatenate([arrays[task][None], arrays[f"{task}-samples"]]) for task in TASKS}
            objects = {
                (task, name): arrays[f"latent-{task}-{name}"] for task in TASKS for name in REPRESENTATIONS
            }
        except (KeyError, ValueError) as error:
            raise DamagedFile(path, f"no outputs of a model: {error}") from None
        return cls(images, objects)


class OutputGenerator:
    """Generates images with a model, under noise that depends only on the image and the noise sample.

    Args:
        model: the generator; put in eval mode.
        config: the whole configuration (seed, generator.synthesis).
        device: where to generate.
    """

    def __init__(self, model: Generator, config: Mapping[str, Any], device: torch.device):
        self.model, self.config, self.device = place(model, device).eval(), config, device

    def generate(self, batch: Batch, task: str, sample: int = 0) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return images uint8 [B, H, W, 3] and both object representations [N, D] of one noise sample."""
        images, output = generate_images(self.model, batch, task, self.config, sample)
        return images, {name: getattr(output, field).cpu().numpy() for name, field in REPRESENTATIONS.items()}

    def generate_all(self, batches: SceneBatches, rows: Sequence[int], samples: int) -> ModelOutputs:
        """Return the outputs for some rows of the packed set, in both tasks.

        The representations are those of the first noise sample.
        """
        images, objects = {}, {}
        for task in TASKS:
            chunks = [
                [self.generate(batch, task, sample) for batch in _chunks(batches, rows)]
                for sample in range(samples)
            ]
            images[task] = np.stack([np.concatenate([part for part, _ in chunk]) for chunk in chunks])
            for name in REPRESENTATIONS:
                objects[task, name] = np.concatenate([vectors[name] for _, vectors in chunks[0]])
        return ModelOutputs(images, objects)


def _chunks(batches: SceneBatches, rows: Sequence[int]) -> Iterator[Batch]:
    for start in range(0, len(rows), CHUNK):
        yield batches.batch(rows[start : start + CHUNK])
