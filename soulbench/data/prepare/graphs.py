"""The filtered graphs on disk: what the vocabulary step hands on to all later ones."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from soulbench.core.records import atomic_path, read_json, write_json
from soulbench.data.prepare.annotations import Annotations
from soulbench.data.prepare.filters import (
    IMAGE_FATES,
    KEPT,
    OBJECT_FATES,
    RELATIONSHIP_FATES,
    Filtered,
    fates,
)
from soulbench.data.prepare.splits import SPLITS


@dataclass
class Graphs:
    """Kept images with the objects and relationships of their graphs.

    The `all_*` columns keep every annotated image and object with its fate, so that a request that names a
    dropped one can be told which filter dropped it.
    """

    image_id: np.ndarray  # int64 [N]
    image_size: np.ndarray  # int64 [N, 2], as annotated
    split: np.ndarray  # int8 [N]
    url: np.ndarray  # str [N]
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

    def fate(self, image_id: int, object_id: int) -> str:
        """Say what became of an annotated object: `kept`, which filter dropped it, or not there at all."""
        rows = np.flatnonzero(self.all_image_id == image_id)
        if not len(rows):
            return "image_data.json lists no such image"
        if self.all_image_fate[rows[0]] != KEPT:
            return f"the image was dropped: {IMAGE_FATES[self.all_image_fate[rows[0]]]}"
        found = np.flatnonzero((self.all_object_id == object_id) & (self.all_object_image == rows[0]))
        if not len(found):
            return "the image has no such object"
        fate = self.all_object_fate[found[0]]
        return "kept" if fate == KEPT else f"the object was dropped: {OBJECT_FATES[fate]}"


def counts(notes: Annotations, kept: Filtered) -> dict[str, Any]:
    """Count what was kept, by split, and dropped, by reason; the splits before the choice of the graphs' objects."""
    images = kept.image_fate == KEPT
    splits = {}
    for index, name in enumerate(SPLITS):
        rows = images & (kept.split == index)
        described = rows[notes.object_image[notes.attribute_object]] & (kept.attribute >= 0)
        splits[name] = {
            "images": int(rows.sum()),
            "objects": int((rows[notes.object_image] & (kept.object_fate == KEPT)).sum()),
            "relationships": int((rows[notes.relationship_image] & (kept.relationship_fate == KEPT)).sum()),
            "attributes": int(described.sum()),
        }
    return {
        "splits": splits,
        "dropped": {
            "images": fates(kept.image_fate, IMAGE_FATES),
            "objects": fates(_object_fates(kept), OBJECT_FATES),
            "relationships": fates(kept.relationship_fate, RELATIONSHIP_FATES),
        },
        "ignored": notes.ignored,
    }


def _object_fates(kept: Filtered) -> np.ndarray:
    """Return the filters' fates, and the last one for what was kept but not chosen for its image's graph."""
    return np.where(
        (kept.object_fate == KEPT) & ~kept.chosen, len(OBJECT_FATES) - 1, kept.object_fate
    ).astype(np.int8)


def _offsets(image: np.ndarray, images: int) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(np.bincount(image, minlength=images))]).astype(np.int64)


def build_graphs(notes: Annotations, kept: Filtered) -> Graphs:
    """Gather, image by image, the chosen objects and the relationships among them, none twice."""
    rows = np.flatnonzero(kept.image_fate == KEPT)
    place = np.full(len(kept.image_fate), -1)
    place[rows] = np.arange(len(rows))
    objects = np.flatnonzero(kept.chosen)
    objects = objects[np.argsort(place[notes.object_image[objects]], kind="stable")]
    offset = _offsets(place[notes.object_image[objects]], len(rows))
    local = np.full(len(kept.chosen) + 1, -1)
    local[objects] = np.arange(len(objects)) - offset[place[notes.object_image[objects]]]
    triple, triple_image = _triples(notes, kept, local, place)
    return Graphs(
        image_id=notes.images.image_id[rows],
        image_size=notes.images.size[rows],
        split=kept.split[rows],
        url=np.array([notes.images.url[row] for row in rows.tolist()]),
        offset=offset,
        object_id=notes.object_id[objects],
        category=kept.category[objects],
        box=kept.box[objects],
        triple_offset=_offsets(triple_image, len(rows)),
        triple=triple,
        all_image_id=notes.images.image_id,
        all_image_fate=kept.image_fate,
        all_object_image=notes.object_image,
        all_object_id=notes.object_id,
        all_object_fate=_object_fates(kept),
    )


def _triples(
    notes: Annotations, kept: Filtered, local: np.ndarray, place: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the triples sorted by image, and each one's image; both ends in the graph, none twice."""
    edges = np.flatnonzero(kept.relationship_fate == KEPT)
    columns = [
        place[notes.relationship_image[edges]],
        local[notes.subject[edges]],
        kept.predicate[edges],
        local[notes.object[edges]],
    ]
    table = np.stack(columns, axis=1).astype(np.int64)
    table = np.unique(table[(table >= 0).all(axis=1)], axis=0)
    return table[:, 1:], table[:, 0]


def read_counts(folder: Path) -> dict[str, Any]:
    """Read `counts.json` of a graphs folder."""
    return dict(read_json(Path(folder) / "counts.json"))
