"""The packed set: all scenes in memory-mapped arrays, which open at once and are shared by processes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import msgspec
import numpy as np

from soulbench.core.damage import DamagedFile, map_array
from soulbench.core.errors import UserError

ARRAYS = (
    "image_ids",
    "splits",
    "pixels",
    "offsets",
    "object_ids",
    "categories",
    "boxes",
    "triple_offsets",
    "triples",
)
FORMAT_VERSION = 1  # of packed.json and the arrays beside it


class Vocabulary(msgspec.Struct):
    """Names in index order; objects[0] is `__image__`, predicates[0] is `__in_image__`."""

    objects: list[str]
    predicates: list[str]
    attributes: list[str]

    @classmethod
    def read(cls, path: Path) -> "Vocabulary":
        """Read a `vocabulary.json`."""
        try:
            return msgspec.json.decode(Path(path).read_bytes(), type=cls)
        except FileNotFoundError:
            raise UserError(f"{path}: there is no such file; the vocabulary step writes it") from None
        except msgspec.DecodeError as error:
            raise DamagedFile(path, f"not a vocabulary: {error}") from None


@dataclass(frozen=True)
class Scene:
    """One image and its graph: `__image__` is the last node, with an `__in_image__` edge from each other."""

    image_id: int
    pixels: np.ndarray  # uint8 [H, W, 3]
    object_ids: np.ndarray  # int64 [n], -1 for the image node
    categories: np.ndarray  # int64 [n]
    boxes: np.ndarray  # float32 [n, 4]: x0, y0, x1, y1 in [0, 1]
    triples: np.ndarray  # int64 [t, 3]: subject, predicate, object
    first_row: int  # of its objects in the columns of all objects


@dataclass(frozen=True)
class Columns:
    """Several scenes as columns: pixels stacked, objects and triples one after the other.

    Attributes:
        image_ids: [B]; pixels: uint8 [B, H, W, 3].
        object_counts, triple_counts: [B], numbers of objects and triples per scene.
        object_ids, categories: [n]; boxes: [n, 4].
        triples: [t, 3], subject and object counted within their scene.
    """

    image_ids: np.ndarray
    pixels: np.ndarray
    object_counts: np.ndarray
    object_ids: np.ndarray
    categories: np.ndarray
    boxes: np.ndarray
    triple_counts: np.ndarray
    triples: np.ndarray

    @classmethod
    def of(cls, scenes: Sequence[Scene]) -> Self:
        """Combine single scenes."""
        return cls(
            image_ids=np.array([scene.image_id for scene in scenes]),
            pixels=np.stack([scene.pixels for scene in scenes]),
            object_counts=np.array([len(scene.categories) for scene in scenes]),
            object_ids=np.concatenate([scene.object_ids for scene in scenes]),
            categories=np.concatenate([scene.categories for scene in scenes]),
            boxes=np.concatenate([scene.boxes for scene in scenes]),
            triple_counts=np.array([len(scene.triples) for scene in scenes]),
            triples=np.concatenate([scene.triples for scene in scenes]),
        )


def _spans(offsets: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of elements of each row, and the indices of all of them."""
    counts = offsets[rows + 1] - offsets[rows]
    ends = np.cumsum(counts)
    return counts, np.repeat(offsets[rows] - (ends - counts), counts) + np.arange(ends[-1])


def _facts(folder: Path) -> tuple[dict[str, Any], Vocabulary]:
    """Return packed.json and the vocabulary in it."""
    path = folder / "packed.json"
    try:
        facts = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        version, vocabulary = facts["format"], msgspec.convert(facts["vocabulary"], Vocabulary)
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file; the rule pack writes it") from None
    except (msgspec.MsgspecError, KeyError) as error:
        raise DamagedFile(path, error, folder) from None
    if version != FORMAT_VERSION:
        raise UserError(f"{path}: format {version!r}, {FORMAT_VERSION} is expected; pack it again")
    return facts, vocabulary


def _check_lengths(arrays: dict[str, np.ndarray], folder: Path) -> None:
    images = len(arrays["image_ids"])
    expected = {"splits": images, "pixels": images, "offsets": images + 1, "triple_offsets": images + 1}
    expected |= dict.fromkeys(("object_ids", "categories", "boxes"), int(arrays["offsets"][-1]))
    expected["triples"] = int(arrays["triple_offsets"][-1])
    for name, count in expected.items():
        if len(arrays[name]) != count:
            why = f"{len(arrays[name])} entries, {count} are expected"
            raise DamagedFile(folder / f"{name}.npy", why, folder)


@dataclass(frozen=True)
class PackedScenes:
    """A packed folder; arrays are mapped read-only."""

    image_size: int
    vocabulary: Vocabulary
    image_ids: np.ndarray  # int64 [N]
    splits: np.ndarray  # str [N]
    pixels: np.ndarray  # uint8 [N, H, W, 3]
    offsets: np.ndarray  # int64 [N + 1], into the object columns
    object_ids: np.ndarray
    categories: np.ndarray
    boxes: np.ndarray
    triple_offsets: np.ndarray  # int64 [N + 1]
    triples: np.ndarray
    rows: dict[int, int]  # of each image id
    facts: dict[str, Any]  # packed.json

    @classmethod
    def open(cls, folder: str | Path) -> "PackedScenes":
        """Open a folder that `soulbench.data.prepare.pack` wrote.

        Raises:
            UserError: the folder is absent, damaged or of another format.
        """
        folder = Path(folder)
        facts, vocabulary = _facts(folder)
        # As plain arrays: every slice of a `memmap` costs microseconds, and a batch takes hundreds.
        arrays = {name: np.asarray(map_array(folder / f"{name}.npy", folder)) for name in ARRAYS}
        _check_lengths(arrays, folder)
        rows = {image_id: row for row, image_id in enumerate(arrays["image_ids"].tolist())}
        return cls(facts["image_size"], vocabulary, **arrays, rows=rows, facts=facts)

    @cached_property
    def slots(self) -> int:
        """Return the largest number of objects of a scene, the image node included."""
        return int(np.diff(self.offsets).max())

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.image_ids)

    def find(self, image_id: int) -> int:
        """Return the row of an image.

        Raises:
            UserError: the set has no such image.
        """
        try:
            return self.rows[int(image_id)]
        except KeyError:
            raise UserError(f"image {image_id} is not in the packed set of {len(self)} images") from None

    def scene(self, row: int) -> Scene:
        """Return the scene at a row."""
        first, last = int(self.offsets[row]), int(self.offsets[row + 1])
        return Scene(
            image_id=int(self.image_ids[row]),
            pixels=self.pixels[row],
            object_ids=self.object_ids[first:last],
            categories=self.categories[first:last],
            boxes=self.boxes[first:last],
            triples=self.triples[self.triple_offsets[row] : self.triple_offsets[row + 1]],
            first_row=first,
        )

    def gather(self, rows: Sequence[int]) -> tuple[Columns, np.ndarray]:
        """Return the scenes at some rows (at least one), and the rows of their objects in the object columns."""
        chosen = np.asarray(rows)
        object_counts, object_rows = _spans(self.offsets, chosen)
        triple_counts, triples = _spans(self.triple_offsets, chosen)
        columns = Columns(
            image_ids=self.image_ids[chosen],
            pixels=self.pixels[chosen],
            object_counts=object_counts,
            object_ids=self.object_ids[object_rows],
            categories=self.categories[object_rows],
            boxes=self.boxes[object_rows],
            triple_counts=triple_counts,
            triples=self.triples[triples],
        )
        return columns, object_rows
