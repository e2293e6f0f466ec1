"""A whole benchmark of eight images of 16 x 16 pixels, made in seconds: what methods are checked on.

Each image shows a man, a woman, a dog and a tree; the second image has two men, the fourth none. Pixels are random, so
that there is something to memorise. The models are trained in a few steps: enough to change, not to be good.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from soulbench.config import files, runs
from soulbench.core.checkpoint import load
from soulbench.core.paths import at_step
from soulbench.core.records import write_json
from soulbench.data.packed import FORMAT_VERSION
from soulbench.models.visual_features import compute_features
from soulbench.training.schedule import kept_steps
from soulbench.training.stages import finetune, pretrain
from soulbench.unlearning.bank import retrain_for_bank
from soulbench.unlearning.run import unlearn

SUBSET, HELDOUT = (1, 2, 3, 4, 5), (7, 8)
TARGET = (1, 11)  # image and object
REQUEST_COLUMNS = ("request", "kind", "role", "image_id", "object_id", "category")
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
VOCABULARY = {
    "objects": ["__image__", "dog", "man", "tree", "woman"],
    "predicates": ["__in_image__", "near", "with"],
    "attributes": [],
}
#: Boxes in the image: x0, y0, x1, y1 in [0, 1].
FIRST, SECOND_MAN = (0.05, 0.125, 0.4, 0.875), (0.6, 0.0, 0.85, 0.375)
WOMAN, DOG, TREE = (0.45, 0.1875, 0.75, 0.9375), (0.3, 0.625, 0.7, 0.9375), (0.8, 0.0625, 0.98, 0.9375)
WHOLE = (0.0, 0.0, 1.0, 1.0)

SIZES = {
    "embedding": 6,
    "visual": {"backbone": "projection", "weights": None, "crop": 4, "features": 5},
    "graph": {"layers": 2, "width": 7, "hidden": 9},
    "synthesis": {"layernorm": True, "boxes": "truth", "image_node": "dropped"},
    "mask_size": 4,
    "mask_channels": 5,
    "image_channels": 3,
    "spade_hidden": 4,
    "decoder": [7, 6, 6],
    "discriminators": {
        "object_filters": 4,
        "object_hidden": 6,
        "image_filters": 4,
        "image_layers": 2,
        "image_scales": 2,
    },
}
TINY = {
    "name": "tiny",
    "device": "cpu",
    "data": {"image_size": 16},
    "generator": SIZES,
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


@dataclass
class Workbench:
    """The folder of the benchmark and its configuration.

    Attributes:
        folder: where it is written.
        config: a whole configuration; `tiny` makes one.
    """

    folder: Path
    config: dict[str, Any]

    @property
    def data(self) -> Path:
        """The folder of the prepared data."""
        return self.folder / "data"

    @property
    def pretrained(self) -> Path:
        """The checkpoint of the pre-trained model."""
        return self.folder / "pretrained.safetensors"

    @property
    def original(self) -> Path:
        """The checkpoint of the original model."""
        return self.folder / "original.safetensors"

    def write(self) -> "Workbench":
        """Write packed scenes, features, subset and requests."""
        packed, size = self.data / "packed", self.config["data"]["image_size"]
        packed.mkdir(parents=True)
        facts = {"format": FORMAT_VERSION, "image_size": size, "vocabulary": VOCABULARY}
        write_json(packed / "packed.json", facts)
        arrays = _graphs(range(1, 9))
        arrays["pixels"] = np.random.default_rng(0).integers(0, 256, (8, size, size, 3), np.uint8)
        # No model is trained on held-out images.
        arrays["splits"] = np.array(["train"] * 6 + ["test"] * 2)
        for name, array in arrays.items():
            np.save(packed / f"{name}.npy", array, allow_pickle=False)
        roles = [(image, "subset") for image in SUBSET] + [(image, "heldout") for image in HELDOUT]
        self.table("subset", ("image_id", "role"), roles)
        self.table("requests", REQUEST_COLUMNS, REQUESTS)
        return self.features()

    def features(self) -> "Workbench":
        """Compute the frozen features of the current pixels."""
        compute_features(self.config, self.data, self.data / "visual.npy", _no_log)
        return self

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Write a CSV table of the data."""
        with (self.data / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([columns, *rows])

    def train(self) -> "Workbench":
        """Pre-train and fine-tune the original model, keeping states for what replays its training."""
        data, pretrained, original = map(str, (self.data, self.pretrained, self.original))
        kept = {
            which: [at_step(path, step) for step in kept_steps(self.config["training"][which]["steps"])]
            for which, path in (("pretrain", pretrained), ("finetune", original))
        }
        pretrain(self.config, data, 1, pretrained, "source", _no_log, kept["pretrain"])
        finetune(self.config, data, pretrained, 1, original, "source", _no_log, kept["finetune"])
        return self

    def unlearn(
        self, method: str, out: Path, request: str = "r1", overlay: Mapping[str, Any] | None = None
    ) -> dict[str, Tensor]:
        """Run a method, the configuration changed by an overlay; return the model's tensors."""
        # A method that the configuration has not, or has switched off, runs with its defaults.
        entry = {} if self.config["methods"].get(method) is None else self.config["methods"][method]
        settings = files.merge(self.config, {"methods": {method: entry}})
        settings = files.merge(settings, overlay or {})
        data, original, pretrained = str(self.data), str(self.original), str(self.pretrained)
        retrained = [str(out.with_name("retrained.safetensors"))]
        if runs.method(settings, method).sees_retrained:
            retrain_for_bank(self.config, 1, [request], data, retrained[0], "source", _no_log)
        paths = (data, original, pretrained, str(out))
        unlearn(settings, method, request, 1, *paths, "source", _no_log, retrained)
        return load(out)[0]


def tiny(config: Mapping[str, Any], **overlay: Any) -> dict[str, Any]:
    """Return a benchmark's configuration at the smallest sizes."""
    return files.merge(files.merge(config, TINY), overlay)


def _graphs(images: Sequence[int]) -> dict[str, np.ndarray]:
    """Return the arrays of the scene graphs: `man with dog`, `dog near woman`, and the image node's edges."""
    objects = [_objects(image) for image in images]
    triples = [
        [(0, 2, 2), (2, 1, 1), *((i, 0, len(own) - 1) for i in range(len(own) - 1))] for own in objects
    ]
    flat = [one for own in objects for one in own]
    names = VOCABULARY["objects"]
    return {
        "image_ids": np.array(images),
        "offsets": np.cumsum([0, *map(len, objects)]),
        "object_ids": np.array([number for number, _, _ in flat]),
        "categories": np.array([names.index(name) for _, name, _ in flat]),
        "boxes": np.array([box for _, _, box in flat], np.float32),
        "triple_offsets": np.cumsum([0, *map(len, triples)]),
        "triples": np.array([triple for own in triples for triple in own]),
    }


def _objects(image: int) -> list[tuple[int, str, tuple[float, ...]]]:
    """Return id, category and box of an image's objects, the image node last."""
    found: list[tuple[int, str, tuple[float, ...]]] = [
        (10 * image + 1, "dog" if image == 4 else "man", FIRST),
        (10 * image + 2, "woman", WOMAN),
        (10 * image + 3, "dog", DOG),
        (10 * image + 4, "tree", TREE),
    ]
    if image == 2:
        found.append((25, "man", SECOND_MAN))
    return [*found, (-1, "__image__", WHOLE)]


def _no_log(line: str) -> None:
    """Take a line and forget it."""
