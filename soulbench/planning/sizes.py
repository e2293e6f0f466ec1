"""How large scenes and splits are: as in prepared data, or else as the configuration bounds them."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from soulbench.core.paths import ResultPaths
from soulbench.core.records import read_json
from soulbench.data.packed import PackedScenes

#: Visual Genome after the filters of configs/visual-genome.yaml, as published: images by split, and its vocabulary.
TRAIN, VALIDATION, TEST = 62_565, 5_506, 5_088
CATEGORIES, PREDICATES = 179, 46


@dataclass(frozen=True)
class Sizes:
    """Sizes of a benchmark's data.

    Attributes:
        objects, triples: of a typical scene, the image node and its edges included.
        slots: objects of the largest scene.
        categories, predicates: sizes of the vocabularies.
        images: of the packed set; train, validation: those of the two splits.
        subset, heldout: images of the fine-tuning subset, and held-out ones.
        prepared: whether all this is read from prepared data.
    """

    objects: float
    triples: float
    slots: int
    categories: int
    predicates: int
    images: int
    train: int
    validation: int
    subset: int
    heldout: int
    prepared: bool = False

    @classmethod
    def of(cls, config: Mapping[str, Any], paths: ResultPaths | None = None) -> Self:
        """Return the sizes of a configured benchmark; `paths` are those of a folder with another name."""
        folder = Path((paths or ResultPaths.of(config)).data())
        if not ((folder / "packed").is_dir() and (folder / "subset.csv").is_file()):
            return cls.bounds(config)
        with (folder / "subset.csv").open(newline="", encoding="utf-8") as file:
            roles = [row["role"] for row in csv.DictReader(file)]
        scenes = PackedScenes.open(folder / "packed")
        return cls.of_scenes(scenes, roles.count("subset"), roles.count("heldout"))

    @classmethod
    def of_scenes(cls, scenes: PackedScenes, subset: int, heldout: int) -> Self:
        """Return the sizes of a packed set; a typical scene is the mean one."""
        splits = np.asarray(scenes.splits)
        return cls(
            objects=float(np.diff(scenes.offsets).mean()),
            triples=float(np.diff(scenes.triple_offsets).mean()),
            slots=scenes.slots,
            categories=len(scenes.vocabulary.objects),
            predicates=len(scenes.vocabulary.predicates),
            images=len(scenes),
            train=int((splits == "train").sum()),
            validation=int((splits == "val").sum()),
            subset=subset,
            heldout=heldout,
            prepared=True,
        )

    @classmethod
    def bounds(cls, config: Mapping[str, Any]) -> Self:
        """Return what a configuration says of data that are not prepared yet.

        Every scene has as many objects as are kept of one, half of them with a relationship. Of one's own folder, all
        listed images are taken to pass the filters.
        """
        data, human = config["data"], config["human"]
        objects = min(data["objects_per_image"], data["max_objects"])
        train, validation, test = _splits(data)
        return cls(
            objects=objects + 1,
            triples=objects + min(data["max_relationships"], (objects + 1) // 2),
            slots=objects + 1,
            categories=CATEGORIES,
            predicates=PREDICATES,
            images=train + validation + test,
            train=train,
            validation=validation,
            subset=train if human["size"] is None else min(human["size"], train),
            heldout=min(human["heldout"], validation + test),
        )


def _splits(data: Mapping[str, Any]) -> tuple[int, int, int]:
    """Return the number of images per split."""
    if data["source"] == "visual_genome":
        return TRAIN, VALIDATION, TEST
    if data["source"] == "demo":
        images = data["demo"]["images"]
    else:
        listed = read_json(Path(data["root"]) / "image_data.json")
        images = len(listed) if isinstance(listed, list) else 0
    validation, test = (round(share * images) for share in data["split_shares"].values())
    return images - validation - test, validation, test
