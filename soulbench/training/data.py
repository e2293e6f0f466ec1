"""The data of a benchmark as training and evaluation open it."""

import csv
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from soulbench.generator.visual import VisualFeatures
from soulbench.scenes.batches import SceneBatches
from soulbench.scenes.packed import PackedScenes
from soulbench.seeds import derive_seed
from soulbench.training.edits import edited_scenes
from soulbench.training.losses import uses_discriminators
from soulbench.training.networks import Networks, build
from soulbench.training.plans import Plan, Request, Subset


@dataclass(frozen=True)
class Data:
    """Packed scenes, their visual features, and which of them play which part.

    Attributes:
        config: the whole configuration.
        scenes: the packed set; visual: [rows, F] features of all objects, memory-mapped.
        train, validation: rows of these splits; subset, held_out: of the fine-tuning subset and the held-out images.
        requests: by id.
    """

    config: Mapping[str, Any]
    scenes: PackedScenes
    visual: np.ndarray
    train: list[int]
    validation: list[int]
    subset: list[int]
    held_out: list[int]
    requests: Mapping[str, Request]

    @classmethod
    def open(cls, config: Mapping[str, Any], data_dir: str | Path) -> "Data":
        """Open `results/<name>/data`."""
        folder = Path(data_dir)
        scenes = PackedScenes.open(folder / "packed")
        roles = _table(folder / "subset.csv")
        rows = {
            role: [scenes.find(int(entry["image_id"])) for entry in roles if entry["role"] == role]
            for role in ("subset", "held_out")
        }
        return cls(
            config,
            scenes,
            np.load(folder / "visual.npy", mmap_mode="r"),
            *(np.flatnonzero(np.asarray(scenes.splits) == split).tolist() for split in ("train", "val")),
            rows["subset"],
            rows["held_out"],
            _requests(folder / "requests.csv", scenes.vocabulary.objects),
        )

    def networks(self, seed: int) -> Networks:
        """Fresh networks of the configured sizes for this vocabulary."""
        vocabulary = {
            "objects": self.scenes.vocabulary.objects,
            "predicates": self.scenes.vocabulary.predicates,
        }
        adversarial = uses_discriminators(self.config["training"]["losses"])
        images = np.ascontiguousarray(self.scenes.image_ids)
        data = f"{len(images)} images, {hashlib.sha256(images.tobytes()).hexdigest()[:12]}"
        return build(self.config["generator"], vocabulary, seed, adversarial, data)

    def view(self) -> Subset:
        """The fine-tuning subset as methods see it."""
        scenes = {int(scene.image_id): scene for scene in map(self.scenes.scene, self.subset)}
        return Subset(scenes, self.scenes.image_size, self.config["unlearning"]["roi_margin"])

    def batches(self, plan: Plan, *axes: object) -> SceneBatches:
        """Batches under a plan; `axes` (method's code, request, ...) seed what the plan draws."""
        extractor = VisualFeatures(self.config["generator"]["visual"]) if plan.edits else None
        seed = derive_seed(self.config["seed"], "edits", *axes)
        return SceneBatches(
            self.scenes, self.visual, edited_scenes(plan.edits, self.scenes, self.visual, extractor, seed)
        )

    def without(self, rows: list[int], plan: Plan) -> list[int]:
        """Rows whose images the plan does not exclude."""
        return [row for row in rows if int(self.scenes.image_ids[row]) not in plan.exclude]


def _requests(path: Path, objects: list[str]) -> dict[str, Request]:
    return {
        row["request"]: Request(
            row["request"], int(row["image_id"]), int(row["object_id"]), objects.index(row["category"])
        )
        for row in _table(path)
    }


def _table(path: Path) -> list[dict[str, str]]:
    """Rows of a small CSV file; pandas would take longer to import than to read it."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
