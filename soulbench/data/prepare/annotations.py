"""The content of the JSON files as columns: arrays, with names as numbers."""

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from soulbench.core.errors import UserError
from soulbench.core.limits import LONGEST_NAME
from soulbench.data.prepare.source_files import (
    AttributesRecord,
    ImageRecord,
    ObjectsRecord,
    RelationshipsRecord,
    photograph_name,
    read_aliases,
    read_records,
)


class Names:
    """Strings, numbered in the order of their first appearance.

    Args:
        path: the file that they come from, for messages.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.number: dict[str, int] = {}

    def __call__(self, name: str) -> int:
        """Return the number of a name; a new one is added."""
        number = self.number.get(name)
        if number is None:
            if len(name) > LONGEST_NAME:
                start = f"{self.path}: a name of {len(name)} characters, {name[:40]!r}..."
                raise UserError(f"{start}; at most {LONGEST_NAME} are expected")
            number = self.number[name] = len(self.number)
        return number

    @property
    def all(self) -> list[str]:
        """Return the names in the order of their numbers."""
        return list(self.number)


@dataclass
class Images:
    """The images in the order of `image_data.json`."""

    image_id: np.ndarray  # int64 [I]
    size: np.ndarray  # int64 [I, 2]: width, height
    photograph: list[str]  # folder/file below images/

    def rows(self) -> dict[int, int]:
        """Return the row of each image id."""
        return {image_id: row for row, image_id in enumerate(self.image_id.tolist())}


@dataclass
class Annotations:
    """All annotations; `image` columns are rows of `images`, names are numbers in their `Names`."""

    images: Images
    object_names: Names
    object_image: np.ndarray  # int32 [M]
    object_id: np.ndarray  # int64 [M]
    box: np.ndarray  # float32 [M, 4]: x, y, w, h in pixels
    name: np.ndarray  # int32 [K]: names of all objects, after aliases, in their order, each once per object
    name_object: np.ndarray  # int32 [K]: row of the object
    attribute_names: Names
    attribute: np.ndarray  # int32 [A]
    attribute_object: np.ndarray  # int32 [A]
    predicate_names: Names
    predicate_aliases: dict[str, str]
    predicate: np.ndarray  # int32 [R]: as written
    relationship_image: np.ndarray  # int32 [R]
    subject: np.ndarray  # int32 [R]: row of the object, -1: no such object
    object: np.ndarray  # int32 [R]
    ignored: dict[str, int] = field(default_factory=dict)  # entries left out while reading, by reason


def read_annotations(source_dir: Path, log: Callable[[str], object]) -> Annotations:
    """Read the four JSON files of a folder with Visual Genome's file layout.

    Entries of images that `image_data.json` does not list, second objects with an id that the image already
    has, empty names, and attributes of unknown objects are left out and counted in `ignored`.
    """
    images = read_images(source_dir)
    rows = images.rows()
    ignored: dict[str, int] = {}
    objects = _read_objects(source_dir, rows, ignored)
    find_rows = _RowFinder(objects["object_image"], objects["object_id"])
    attributes = _read_attributes(source_dir, rows, find_rows, ignored)
    relationships = _read_relationships(source_dir, rows, find_rows, ignored)
    log(
        f"{source_dir}: {len(rows)} images, {len(objects['object_id'])} objects, "
        f"{len(relationships['predicate'])} relationships, {len(attributes['attribute'])} attributes"
    )
    for reason, number in ignored.items():
        log(f"left out: {number} {reason}")
    return Annotations(images=images, **objects, **attributes, **relationships, ignored=ignored)


def read_images(source_dir: Path) -> Images:
    """Read `image_data.json`.

    Raises:
        UserError: no image is listed, or one is listed twice, has no size, or a url that names no photograph.
    """
    records = list(read_records(source_dir, "image_data", ImageRecord))
    if not records:
        raise UserError(f"{source_dir}/image_data.json: no image is listed")
    ids = np.array([record.image_id for record in records], np.int64)
    values, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        raise UserError(
            f"{source_dir}/image_data.json: image {values[counts > 1][0]} is listed more than once"
        )
    size = np.array([(record.width, record.height) for record in records], np.int64)
    if (size <= 0).any():
        bad = ids[(size <= 0).any(axis=1)][0]
        raise UserError(
            f"{source_dir}/image_data.json: image {bad} has width or height 0 or below; pixels are expected"
        )
    return Images(ids, size, [photograph_name(record.image_id, record.url) for record in records])


class _RowFinder:
    """Finds an object's row by image row and object id: ids need not be unique in the whole file."""

    def __init__(self, image: np.ndarray, object_id: np.ndarray) -> None:
        self.ids = np.unique(object_id)
        key = self._key(image, object_id)
        self.order = np.argsort(key, kind="stable")
        self.sorted = key[self.order]

    def _key(self, image: np.ndarray, object_id: np.ndarray) -> np.ndarray:
        """Return one number for each pair; an id that no object has gets a number of its own."""
        rank = np.searchsorted(self.ids, object_id).astype(np.int64)
        if len(self.ids):
            is_listed = self.ids[np.minimum(rank, len(self.ids) - 1)] == object_id
            rank = np.where(is_listed, rank, len(self.ids))
        return image.astype(np.int64) * (len(self.ids) + 1) + rank

    def __call__(self, image: np.ndarray, object_id: np.ndarray) -> np.ndarray:
        """Return rows, int32; -1 where the image has no such object."""
        if not len(self.ids):
            return np.full(len(image), -1, np.int32)
        key = self._key(image, object_id)
        position = np.minimum(np.searchsorted(self.sorted, key), len(self.sorted) - 1)
        return np.where(self.sorted[position] == key, self.order[position], -1).astype(np.int32)


def _records_by_row(
    source_dir: Path, name: str, record_type: type[Any], rows: dict[int, int], ignored: dict[str, int]
) -> Iterator[tuple[int, Any]]:
    """Yield (image row, record); count the images that only one of the two files lists.

    Raises:
        UserError: an image is listed twice, or no image is one of `image_data.json`.
    """
    listed, unknown = bytearray(len(rows)), 0
    for record in read_records(source_dir, name, record_type):
        row = rows.get(record.image_id)
        if row is None:
            unknown += 1
            continue
        if listed[row]:
            raise UserError(f"{source_dir}/{name}.json: image {record.image_id} is listed more than once")
        listed[row] = 1
        yield row, record
    if not any(listed):
        raise UserError(
            f"{source_dir}/{name}.json: none of its images is listed in image_data.json; files of one "
            "release belong together"
        )
    _count(ignored, f"images of {name}.json that image_data.json does not list", unknown)
    _count(ignored, f"images of image_data.json that {name}.json does not list", len(listed) - sum(listed))


def _count(ignored: dict[str, int], reason: str, number: int) -> None:
    if number:
        ignored[reason] = ignored.get(reason, 0) + int(number)


def _column(values: array, kind: type) -> np.ndarray:
    if not len(values):
        return np.zeros(0, kind)
    with np.errstate(over="ignore"):  # a box beyond float32 becomes infinite; the filters drop it
        return np.frombuffer(values, values.typecode).astype(kind)


def _read_objects(source_dir: Path, rows: dict[int, int], ignored: dict[str, int]) -> dict[str, Any]:
    aliases = read_aliases(source_dir, "object")
    names = Names(f"{source_dir}/objects.json")
    image, ids, boxes = array("i"), array("q"), array("d")
    name, owner = array("i"), array("i")
    duplicate = empty = 0
    for row, record in _records_by_row(source_dir, "objects", ObjectsRecord, rows, ignored):
        ids_of_image = set()
        for entry in record.objects:
            if entry.object_id in ids_of_image:
                duplicate += 1
                continue
            ids_of_image.add(entry.object_id)
            for object_name in dict.fromkeys(aliases.get(written, written) for written in entry.names):
                if object_name.strip():
                    name.append(names(object_name))
                    owner.append(len(ids))
                else:
                    empty += 1
            image.append(row)
            ids.append(entry.object_id)
            boxes.extend((entry.x, entry.y, entry.w, entry.h))
    _count(ignored, "objects with an id that their image already has", duplicate)
    _count(ignored, "empty object names", empty)
    return {
        "object_names": names,
        "object_image": _column(image, np.int32),
        "object_id": _column(ids, np.int64),
        "box": _column(boxes, np.float32).reshape(-1, 4),
        "name": _column(name, np.int32),
        "name_object": _column(owner, np.int32),
    }


def _read_attributes(
    source_dir: Path, rows: dict[int, int], find_rows: _RowFinder, ignored: dict[str, int]
) -> dict[str, Any]:
    names = Names(f"{source_dir}/attributes.json")
    image, ids, attribute = array("i"), array("q"), array("i")
    for row, record in _records_by_row(source_dir, "attributes", AttributesRecord, rows, ignored):
        for entry in record.attributes:
            for attribute_name in dict.fromkeys(entry.attributes or ()):
                image.append(row)
                ids.append(entry.object_id)
                attribute.append(names(attribute_name))
    owner = find_rows(_column(image, np.int32), _column(ids, np.int64))
    _count(ignored, "attributes of objects that are not there", (owner < 0).sum())
    has_owner = owner >= 0
    return {
        "attribute_names": names,
        "attribute": _column(attribute, np.int32)[has_owner],
        "attribute_object": owner[has_owner],
    }


def _read_relationships(
    source_dir: Path, rows: dict[int, int], find_rows: _RowFinder, ignored: dict[str, int]
) -> dict[str, Any]:
    names = Names(f"{source_dir}/relationships.json")
    image, predicate, subject, other = array("i"), array("i"), array("q"), array("q")
    for row, record in _records_by_row(source_dir, "relationships", RelationshipsRecord, rows, ignored):
        for entry in record.relationships:
            image.append(row)
            predicate.append(names(entry.predicate))
            subject.append(entry.subject.object_id)
            other.append(entry.object.object_id)
    images = _column(image, np.int32)
    ends = {
        "subject": find_rows(images, _column(subject, np.int64)),
        "object": find_rows(images, _column(other, np.int64)),
    }
    _count(
        ignored,
        "relationships to objects that are not there",
        ((ends["subject"] < 0) | (ends["object"] < 0)).sum(),
    )
    return {
        "predicate_names": names,
        "predicate_aliases": read_aliases(source_dir, "relationship"),
        "predicate": _column(predicate, np.int32),
        "relationship_image": images,
        **ends,
    }
