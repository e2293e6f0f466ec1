"""The data of a benchmark as training, unlearning and evaluation open it."""

import csv
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from soulbench.data.batches import EditedScene, SceneBatches
from soulbench.data.packed import PackedScenes
from soulbench.data.requests.request import Request
from soulbench.training.losses import uses_discriminators
from soulbench.training.networks import Networks, build


@dataclass(frozen=True)
class Changes:
    """What an unlearning method changes in training; nothing by default.

    Attributes:
        exclude: ids of images that are left out.
        edited: scenes that replace the packed ones, by row of the packed set.
        guidance_while: whether negative guidance acts always, or only on hidden pixels (as in the release).
    """

    exclude: frozenset[int] = frozenset()
    edited: Mapping[int, EditedScene] = field(default_factory=dict)
    guidance_while: Literal["always", "hidden"] = "always"


#: Training as configured, without any method.
UNCHANGED = Changes()


@dataclass(frozen=True)
class BenchmarkData:
    """The packed scenes, their visual features, their roles, and the requests.

    Attributes:
        config: the whole configuration.
        scenes: the packed set.
        visual: [N, F] frozen visual features of all its objects, memory-mapped.
        train, validation: rows of the packed set in these splits.
        subset, heldout: rows of the fine-tuning subset and of the held-out images.
        requests: by id, in the order of requests.csv.
    """

    config: Mapping[str, Any]
    scenes: PackedScenes
    visual: np.ndarray
    train: list[int]
    validation: list[int]
    subset: list[int]
    heldout: list[int]
    requests: Mapping[str, Request]

    @classmethod
    def open(cls, config: Mapping[str, Any], data_dir: str | Path) -> "BenchmarkData":
        """Open `results/<name>/data`."""
        folder = Path(data_dir)
        scenes = PackedScenes.open(folder / "packed")
        roles = _table(folder / "subset.csv")
        rows = {
            role: [scenes.find(int(entry["image_id"])) for entry in roles if entry["role"] == role]
            for role in ("subset", "heldout")
        }
        splits = np.asarray(scenes.splits)
        return cls(
            config=config,
            scenes=scenes,
            visual=np.load(folder / "visual.npy", mmap_mode="r"),
            train=np.flatnonzero(splits == "train").tolist(),
            validation=np.flatnonzero(splits == "val").tolist(),
            subset=rows["subset"],
            heldout=rows["heldout"],
            requests=_requests(folder / "requests.csv", scenes.vocabulary.objects),
        )

    def networks(self, seed: int) -> Networks:
        """Initialise networks of the configured sizes for this vocabulary."""
        vocabulary = {
            "objects": self.scenes.vocabulary.objects,
            "predicates": self.scenes.vocabulary.predicates,
        }
        adversarial = uses_discriminators(self.config["training"]["losses"])
        images = np.ascontiguousarray(self.scenes.image_ids)
        data = f"{len(images)} images, {hashlib.sha256(images.tobytes()).hexdigest()[:12]}"
        return build(self.config["generator"], vocabulary, seed, adversarial, data)

    def batches(self, changes: Changes = UNCHANGED) -> SceneBatches:
        """Return a source of batches, with the edited scenes instead of the packed ones."""
        return SceneBatches(self.scenes, self.visual, changes.edited)

    def without(self, rows: list[int], changes: Changes) -> list[int]:
        """Return those of `rows` whose images the changes do not exclude."""
        return [row for row in rows if int(self.scenes.image_ids[row]) not in changes.exclude]


def _requests(path: Path, objects: list[str]) -> dict[str, Request]:
    return {
        row["request"]: Request(
            row["request"], int(row["image_id"]), int(row["object_id"]), objects.index(row["category"])
        )
        for row in _table(path)
    }


def _table(path: Path) -> list[dict[str, str]]:
    """Read a small CSV file; importing pandas would take longer than reading it."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
