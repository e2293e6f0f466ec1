"""What a model draws and how it represents objects: the raw material of an evaluation, kept beside the records."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from soulbench.core.records import atomic_path
from soulbench.core.terms import TASKS
from soulbench.data.batches import Batch, SceneBatches
from soulbench.models.generator import Generator
from soulbench.training.generation import generate_images

CHUNK = 16  # graphs that are drawn at once
REPRESENTATIONS = {"input": "before_graph", "graph": "after_graph"}


@dataclass(frozen=True)
class ModelOutputs:
    """ModelOutputs and object representations of some scenes.

    Attributes:
        pictures: by task, uint8 [draws, M, H, W, 3]; 8 bits, as pictures are delivered, for every model alike.
        objects: by (task, representation), float32 [N, D], in the order of the scenes' objects.
    """

    pictures: Mapping[str, np.ndarray]
    objects: Mapping[tuple[str, str], np.ndarray]

    def save(
        self, path: Path, image_ids: Sequence[int], roles: Sequence[str], more: Mapping[str, np.ndarray]
    ) -> None:
        """Write outputs.npz: per task the first draw, `task-draws` the others, `latent-task-representation`, more."""
        arrays = {task: drawn[0] for task, drawn in self.pictures.items()}
        arrays |= {f"{task}-draws": drawn[1:] for task, drawn in self.pictures.items()}
        arrays |= {f"latent-{task}-{name}": values for (task, name), values in self.objects.items()}
        with atomic_path(path) as part:
            np.savez_compressed(part, image_ids=np.array(image_ids), roles=np.array(roles), **arrays, **more)

    @classmethod
    def load(cls, path: str | Path) -> "ModelOutputs":
        """Read what `save` wrote."""
        with np.load(path) as file:
            pictures = {task: np.concatenate([file[task][None], file[f"{task}-draws"]]) for task in TASKS}
            objects = {
                (task, name): file[f"latent-{task}-{name}"] for task in TASKS for name in REPRESENTATIONS
            }
        return cls(pictures, objects)


class OutputGenerator:
    """Draws scenes with a model, under noise that depends on the image and the draw only.

    Args:
        model: the generator; put in eval mode.
        settings: the whole configuration (seed, generator.synthesis).
        device: where to draw.
    """

    def __init__(self, model: Generator, settings: Mapping[str, Any], device: torch.device):
        self.model, self.settings, self.device = model.to(device).eval(), settings, device

    def draw(self, batch: Batch, task: str, number: int = 0) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return pictures uint8 [B, H, W, 3] and both object representations [N, D]."""
        pictures, drawing = generate_images(self.model, batch, task, self.settings, number)
        return pictures, {
            name: getattr(drawing, field).cpu().numpy() for name, field in REPRESENTATIONS.items()
        }

    def draw_all(self, batches: SceneBatches, rows: Sequence[int], draws: int) -> ModelOutputs:
        """Draw all scenes in both tasks; representations are those of the first draw."""
        pictures, objects = {}, {}
        for task in TASKS:
            parts = [[self.draw(batch, task, d) for batch in _chunks(batches, rows)] for d in range(draws)]
            pictures[task] = np.stack([np.concatenate([p for p, _ in part]) for part in parts])
            for name in REPRESENTATIONS:
                objects[task, name] = np.concatenate([vectors[name] for _, vectors in parts[0]])
        return ModelOutputs(pictures, objects)


def _chunks(batches: SceneBatches, rows: Sequence[int]) -> Iterator[Batch]:
    for start in range(0, len(rows), CHUNK):
        yield batches.batch(rows[start : start + CHUNK])
