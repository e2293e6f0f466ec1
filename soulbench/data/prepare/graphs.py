"""The filtered graphs on disk: what the vocabulary step hands on to all later ones."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from soulbench.core.records import atomic_path, read_json, write_json
from soulbench.data.prepare.annotations import Annotations
from soulbench.data.prepare.fates import ImageFate, ObjectFate, RelationshipFate, count_dropped
from soulbench.data.prepare.filters import Filtered
from soulbench.data.prepare.splits import SPLITS


@dataclass
class Graphs:
    """Kept images with the objects and relationships of their graphs.

    The `all_*` columns keep every annotated image and object with its fate, so that a request for a dropped
    object can be answered with the filter that dropped it.
    """

    image_id: np.ndarray  # int64 [N]
    image_size: np.ndarray  # int64 [N, 2], as annotated
    split: np.ndarray  # int8 [N]
    photograph: np.ndarray  # str [N]: folder/file below images/
    offset: np.ndarray  # int64 [N + 1]
    object_id: np.ndarray  # int64 [n]
    category: np.ndarray  # int64 [n]
    box: np.ndarray  # float32 [n, 4]
    triple_offset: np.ndarray  # int64 [N + 1]
    triple: np.ndarray  # int64 [t, 3]: subject, predicate, object; ends are counted within the image
    all_image_id: np.ndarray  # int64 [I]
    all_image_fate: np.ndarray  # int8 [I]
    all_object_image: np.ndarray  # int32 [M]
    all_object_id: np.ndarray  # int64 [M]
    all_object_fate: np.ndarray  # int8 [M]

    def save(self, folder: Path, counts: dict[str, Any]) -> None:
        """Write the columns, one file each, and `counts.json`."""
        with atomic_path(folder) as part:
            part.mkdir()
            for name, column in vars(self).items():
                np.save(part / f"{name}.npy", column, allow_pickle=False)
            write_json(part / "counts.json", counts)

    @classmethod
    def open(cls, folder: Path) -> "Graphs":
        """Map the columns of a folder into memory."""
        names = cls.__dataclass_fields__
        return cls(
            **{
                name: np.load(Path(folder) / f"{name}.npy", mmap_mode="r", allow_pickle=False)
                for name in names
            }
        )

    def why_dropped(self, image_id: int, object_id: int) -> str:
        """Return why an object is in no graph: a filter, or no such annotation; "" if it was kept."""
        images = np.flatnonzero(self.all_image_id == image_id)
        if not len(images):
            return "image_data.json lists no such image"
        image_fate = ImageFate.of(self.all_image_fate[images[0]])
        if image_fate != ImageFate.KEPT:
            return f"the image was dropped: {image_fate.reason}"
        objects = np.flatnonzero((self.all_object_id == object_id) & (self.all_object_image == images[0]))
        if not len(objects):
            return "the image has no such object"
        fate = ObjectFate.of(self.all_object_fate[objects[0]])
        return "" if fate == ObjectFate.KEPT else f"the object was dropped: {fate.reason}"


def count_filtered(annotations: Annotations, filtered: Filtered) -> dict[str, Any]:
    """Count what was kept, by split, and what was dropped, by reason.

    The counts by split are taken before the objects of each graph are chosen.
    """
    images = filtered.image_fate == ImageFate.KEPT
    objects = filtered.objects.fate == ObjectFate.KEPT
    relationships = filtered.relationships.fate == RelationshipFate.KEPT
    splits = {}
    for index, name in enumerate(SPLITS):
        rows = images & (filtered.split == index)
        described = rows[annotations.object_image[annotations.attribute_object]] & (filtered.attribute >= 0)
        splits[name] = {
            "images": int(rows.sum()),
            "objects": int((rows[annotations.object_image] & objects).sum()),
            "relationships": int((rows[annotations.relationship_image] & relationships).sum()),
            "attributes": int(described.sum()),
        }
    return {
        "splits": splits,
        "dropped": {
            "images": count_dropped(filtered.image_fate, ImageFate),
            "objects": count_dropped(_final_object_fates(filtered), ObjectFate),
            "relationships": count_dropped(filtered.relationships.fate, RelationshipFate),
        },
        "ignored": annotations.ignored,
    }


def _final_object_fates(filtered: Filtered) -> np.ndarray:
    """Return the fates by the filters, and `NOT_CHOSEN` for kept objects that are in no graph."""
    left_over = (filtered.objects.fate == ObjectFate.KEPT) & ~filtered.chosen
    return np.where(left_over, ObjectFate.NOT_CHOSEN, filtered.objects.fate).astype(np.int8)


def _offsets(image: np.ndarray, images: int) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(np.bincount(image, minlength=images))]).astype(np.int64)


def build_graphs(annotations: Annotations, filtered: Filtered) -> Graphs:
    """Gather, image by image, the chosen objects and the relationships among them, each once."""
    rows = np.flatnonzero(filtered.image_fate == ImageFate.KEPT)
    new_row = np.full(len(filtered.image_fate), -1)  # of each annotated image among the kept ones
    new_row[rows] = np.arange(len(rows))
    objects = np.flatnonzero(filtered.chosen)
    objects = objects[np.argsort(new_row[annotations.object_image[objects]], kind="stable")]
    offset = _offsets(new_row[annotations.object_image[objects]], len(rows))
    node = np.full(len(filtered.chosen) + 1, -1)  # index of each annotated object in its graph
    node[objects] = np.arange(len(objects)) - offset[new_row[annotations.object_image[objects]]]
    triple, triple_image = _triples(annotations, filtered, node, new_row)
    return Graphs(
        image_id=annotations.images.image_id[rows],
        image_size=annotations.images.size[rows],
        split=filtered.split[rows],
        photograph=np.array([annotations.images.photograph[row] for row in rows.tolist()]),
        offset=offset,
        object_id=annotations.object_id[objects],
        category=filtered.objects.category[objects],
        box=filtered.objects.box[objects],
        triple_offset=_offsets(triple_image, len(rows)),
        triple=triple,
        all_image_id=annotations.images.image_id,
        all_image_fate=filtered.image_fate,
        all_object_image=annotations.object_image,
        all_object_id=annotations.object_id,
        all_object_fate=_final_object_fates(filtered),
    )


def _triples(
    annotations: Annotations, filtered: Filtered, node: np.ndarray, new_row: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the triples with both ends in the graph, each once, sorted by image; and the image of each."""
    edges = np.flatnonzero(filtered.relationships.fate == RelationshipFate.KEPT)
    columns = [
        new_row[annotations.relationship_image[edges]],
        node[annotations.subject[edges]],
        filtered.relationships.predicate[edges],
        node[annotations.object[edges]],
    ]
    table = np.stack(columns, axis=1).astype(np.int64)
    table = np.unique(table[(table >= 0).all(axis=1)], axis=0)
    return table[:, 1:], table[:, 0]


def read_counts(folder: Path) -> dict[str, Any]:
    """Read `counts.json` of a graphs folder."""
    return dict(read_json(Path(folder) / "counts.json"))
