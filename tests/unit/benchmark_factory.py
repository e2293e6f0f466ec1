"""A whole benchmark of eight images of 16 x 16 pixels: data folder, configuration and seconds of training."""

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from networks_factory import SIZES
from scenes_factory import ROOT, edge, entry, no_log, write_source
from scenes_factory import config as data_config
from scenes_steps import packing, vocabulary
from torch import Tensor

from soulbench.config import files
from soulbench.core.checkpoint import load
from soulbench.models.visual_features import compute_features
from soulbench.training.stages import finetune, pretrain
from soulbench.unlearning.run import unlearn

SUBSET, HELDOUT = (1, 2, 3, 4, 5), (7, 8)
TARGET = (1, 11)  # image and object
COLUMNS = ("request", "kind", "role", "image_id", "object_id", "category")
#: One man; the woman of the second image; the man of the first image with the dog, and men of two more images, one of
#: which is outside the subset.
REQUESTS = [
    ("r1", "object", "requested", *TARGET, "man"),
    ("r1", "object", "elsewhere", 3, 31, "man"),
    ("r1", "object", "elsewhere", 6, 61, "man"),
    ("r2", "object", "requested", 2, 22, "woman"),
    ("set", "attached", "requested", *TARGET, "man"),
    ("set", "attached", "requested", 3, 31, "man"),
    ("set", "attached", "requested", 6, 61, "man"),
    ("set", "attached", "attached", 1, 13, "dog"),
]

TINY = {
    "name": "tiny",
    "device": "cpu",
    "data": {"image_size": 16},
    "generator": {**SIZES, "decoder": [7, 6, 6]},
    "training": {
        "learning_rate": 1e-2,
        "checkpoint_seconds": 3600,
        "masking": {"hide_image": 0.5},
        "pretrain": {"steps": 4, "batch": 3},
        "finetune": {"steps": 4, "batch": 3},
    },
    "unlearning": {"steps": 4, "snapshots": [2], "strengths": [10], "batch": 3, "learning_rate": 1e-2},
    "evaluation": {"lpips": {"net": "squeeze", "weights": "seeded"}},
    "methods": {"feat-if": {"iterations": 3}, "obj-if": {"iterations": 3}},
}
ALL_LOSSES = {
    "losses": {
        "l1": 1.0,
        "boxes": 1.0,
        "object_class": 0.1,
        "object_gan": 0.1,
        "image_gan": 1.0,
        "feature_matching": 5.0,
        "perceptual": 1.0,
    },
    "perceptual_weights": "seeded",
}


def config(**overlay: Any) -> dict[str, Any]:
    """Return the demo's configuration at the smallest sizes."""
    demo = yaml.safe_load((ROOT / "config.yaml").read_text())
    return files.merge(files.merge(demo, TINY), overlay)


def objects_of(image: int) -> list[dict[str, Any]]:
    """Return a man, a woman, a dog and a tree; the second image has two men, the fourth none."""
    people = [
        entry(10 * image + 1, "dog" if image == 4 else "man", (5, 10, 35, 60)),
        entry(10 * image + 2, "woman", (45, 15, 30, 60)),
        entry(10 * image + 3, "dog", (30, 50, 40, 25)),
        entry(10 * image + 4, "tree", (80, 5, 18, 70)),
    ]
    if image == 2:
        people.append(entry(25, "man", (60, 0, 25, 30)))
    return people


@dataclass
class Benchmark:
    """The folder of a benchmark and its configuration."""

    folder: Path
    config: dict[str, Any] = field(default_factory=config)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def pretrained(self) -> Path:
        return self.folder / "pretrained.safetensors"

    @property
    def original(self) -> Path:
        return self.folder / "original.safetensors"

    def write(self) -> "Benchmark":
        """Write packed scenes, features, subset and requests."""
        numbers = range(1, 9)
        objects = {image: objects_of(image) for image in numbers}
        edges = {
            i: [edge(10 * i + 1, "with", 10 * i + 3), edge(10 * i + 3, "near", 10 * i + 2)] for i in numbers
        }
        source = write_source(self.folder / "source", objects, edges)
        steps = data_config(data={"image_size": self.config["data"]["image_size"]})
        vocabulary(steps, source, self.data)
        packing(steps, source, self.data)
        rng = np.random.default_rng(0)
        self.change("pixels", lambda pixels: rng.integers(0, 256, pixels.shape, np.uint8))
        # No model is trained on held-out images.
        self.change("splits", lambda splits: np.array(["train"] * 6 + ["test"] * 2).astype(splits.dtype.kind))
        roles = [(image, "subset") for image in SUBSET] + [(image, "heldout") for image in HELDOUT]
        self.table("subset", ("image_id", "role"), roles)
        self.table("requests", COLUMNS, REQUESTS)
        return self.features()

    def features(self) -> "Benchmark":
        """Compute the frozen features of the current pixels."""
        compute_features(self.config, self.data, self.data / "visual.npy", no_log)
        return self

    def change(self, array: str, by: Any) -> None:
        """Rewrite one of the packed arrays."""
        path = self.data / "packed" / f"{array}.npy"
        changed = by(np.load(path))
        path.unlink()  # a process may have mapped it
        np.save(path, changed)

    def table(self, name: str, columns: tuple[str, ...], rows: list[tuple]) -> None:
        with (self.data / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([columns, *rows])

    def train(self) -> "Benchmark":
        """Pre-train and fine-tune the original model."""
        pretrain(self.config, self.data, 1, self.pretrained, "source", no_log)
        finetune(self.config, self.data, self.pretrained, 1, self.original, "source", no_log)
        return self

    def unlearn(
        self, method: str, out: Path, request: str = "r1", overlay: dict[str, Any] | None = None
    ) -> dict[str, Tensor]:
        """Run a method, the configuration changed by an overlay; return the model's tensors."""
        settings = files.merge(self.config, overlay or {})
        inputs = (self.data, self.original, self.pretrained)
        unlearn(settings, method, request, 1, *inputs, out, "source", no_log)
        return load(out)[0]
