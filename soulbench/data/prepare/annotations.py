"""Annotations as columns: what the JSON files say, in arrays, with names as numbers."""

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from soulbench.core.errors import UserError
from soulbench.data.prepare.source_files import (
    LONGEST_NAME,
    AttributesRecord,
    ImageRecord,
    ObjectsRecord,
    RelationshipsRecord,
    read_aliases,
    read_records,
)


class Names:
    """Strings numbered in the order of their first appearance; `where` is named if one is no word."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.number: dict[str, int] = {}

    def __call__(self, name: str) -> int:
        """Return the number of a name; a new one is added."""
        found = self.number.get(name)
        if found is None:
            if len(name) > LONGEST_NAME:
                start = f"{self.where}: a name of {len(name)} characters, {name[:40]!r}..."
                raise UserError(f"{start}; at most {LONGEST_NAME} are expected")
            found = self.number[name] = len(self.number)
        return found

    @property
    def all(self) -> list[str]:
        """Return the names in the order of their numbers."""
        return list(self.number)


@dataclass
class Images:
    """The images in the order of `image_data.json`."""

    image_id: np.ndarray  # int64 [I]
    size: np.ndarray  # int64 [I, 2]: width, height
    url: list[str]

    def rows(self) -> dict[int, int]:
        """Return the row of each image id."""
        return {image_id: row for row, image_id in enumerate(self.image_id.tolist())}


@dataclass
class Annotations:
    """All that is annotated; `image` columns are rows of `images`, names are numbers in their `Names`."""

    images: Images
    object_names: Names
    object_image: np.ndarray  # int32 [M]
    object_id: np.ndarray  # int64 [M]
    box: np.ndarray  # float32 [M, 4]: x, y, w, h in pixels
    name: np.ndarray  # int32 [K]: names of all objects, after aliases, in their order, each once an object
    name_object: np.ndarray  # int32 [K]: row of the object
    attribute_names: Names
    attribute: np.ndarray  # int32 [A]
    attribute_object: np.ndarray  # int32 [A]
    predicate_names: Names
    predicate_aliases: dict[str, str]
    predicate: np.ndarray  # int32 [R]: as written
    relationship_image: np.ndarray  # int32 [R]
    subject: np.ndarray  # int32 [R]: row of the object, -1: not there
    object: np.ndarray  # int32 [R]
    ignored: dict[str, int] = field(default_factory=dict)  # what was left out while reading, by reason


def read_annotations(source_dir: Path, log: Callable[[str], object]) -> Annotations:
    """Read the four JSON files of a folder in the Visual Genome layout.

    Entries of images that `image_data.json` does not list, second objects with an id that the image already
    has, empty names, and attributes of unknown objects are left out and counted in `ignored`.
    """
    images = read_images(source_dir)
    rows = images.rows()
    ignored: dict[str, int] = {}
    objects = _read_objects(source_dir, rows, ignored)
    finder = _Finder(objects["object_image"], objects["object_id"], len(images.url))
    attributes = _read_attributes(source_dir, rows, finder, ignored)
    relationships = _read_relationships(source_dir, rows, finder, ignored)
    log(
        f"{source_dir}: {len(rows)} images, {len(objects['object_id'])} objects, "
        f"{len(relationships['predicate'])} relationships, {len(attributes['attribute'])} attributes"
    )
    for reason, number in ignored.items():
        log(f"left out: {number} {reason}")
    return Annotations(images=images, **objects, **attributes, **relationships, ignored=ignored)


def read_images(source_dir: Path) -> Images:
    """Read `image_data.json`; an image listed twice, without size, or none at all is an error."""
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
    return Images(ids, size, [record.url for record in records])


class _Finder:
    """Finds an object's row by image row and object id: ids need not be unique in the whole file."""

    def __init__(self, image: np.ndarray, object_id: np.ndarray, images: int) -> None:
        self.ids = np.unique(object_id)
        self.images = images
        key = self._key(image, object_id)
        self.order = np.argsort(key, kind="stable")
        self.sorted = key[self.order]

    def _key(self, image: np.ndarray, object_id: np.ndarray) -> np.ndarray:
        place = np.searchsorted(self.ids, object_id).astype(np.int64)
        if len(self.ids):
            place = np.where(
                self.ids[np.minimum(place, len(self.ids) - 1)] == object_id, place, len(self.ids)
            )
        return image.astype(np.int64) * (len(self.ids) + 1) + place

    def __call__(self, image: np.ndarray, object_id: np.ndarray) -> np.ndarray:
        """Return rows, int32; -1 where the image has no such object."""
        if not len(self.ids):
            return np.full(len(image), -1, np.int32)
        key = self._key(image, object_id)
        place = np.minimum(np.searchsorted(self.sorted, key), len(self.sorted) - 1)
        return np.where(self.sorted[place] == key, self.order[place], -1).astype(np.int32)


def _images_once(
    source_dir: Path, name: str, record: Any, rows: dict[int, int], ignored: dict[str, int]
) -> Any:
    """Yield (image row, record); count unknown images, refuse one listed twice and a strange file."""
    seen, unknown = bytearray(len(rows)), 0
    for entry in read_records(source_dir, name, record):
        row = rows.get(entry.image_id)
        if row is None:
            unknown += 1
            continue
        if seen[row]:
            raise UserError(f"{source_dir}/{name}.json: image {entry.image_id} is listed more than once")
        seen[row] = 1
        yield row, entry
    if not any(seen):
        raise UserError(
            f"{source_dir}/{name}.json: none of its images is listed in image_data.json; files of one "
            "release belong together"
        )
    _count(ignored, f"images of {name}.json that image_data.json does not list", unknown)
    _count(ignored, f"images of image_data.json that {name}.json does not list", len(seen) - sum(seen))


def _count(ignored: dict[str, int], reason: str, number: int) -> None:
    if number:
        ignored[reason] = ignored.get(reason, 0) + int(number)


def _column(values: array, kind: type) -> np.ndarray:
    return np.frombuffer(values, values.typecode).astype(kind) if len(values) else np.zeros(0, kind)


def _read_objects(source_dir: Path, rows: dict[int, int], ignored: dict[str, int]) -> dict[str, Any]:
    aliases = read_aliases(source_dir, "object")
    names = Names(f"{source_dir}/objects.json")
    image, ids, boxes = array("i"), array("q"), array("d")
    name, owner = array("i"), array("i")
    duplicate = empty = 0
    for row, record in _images_once(source_dir, "objects", ObjectsRecord, rows, ignored):
        seen = set()
        for entry in record.objects:
            if entry.object_id in seen:
                duplicate += 1
                continue
            seen.add(entry.object_id)
            for written in dict.fromkeys(aliases.get(one, one) for one in entry.names):
                if written.strip():
                    name.append(names(written))
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
    source_dir: Path, rows: dict[int, int], find: _Finder, ignored: dict[str, int]
) -> dict[str, Any]:
    names = Names(f"{source_dir}/attributes.json")
    image, ids, attribute = array("i"), array("q"), array("i")
    for row, record in _images_once(source_dir, "attributes", AttributesRecord, rows, ignored):
        for entry in record.attributes:
            for written in dict.fromkeys(entry.attributes or ()):
                image.append(row)
                ids.append(entry.object_id)
                attribute.append(names(written))
    owner = find(_column(image, np.int32), _column(ids, np.int64))
    _count(ignored, "attributes of objects that are not there", (owner < 0).sum())
    kept = owner >= 0
    return {
        "attribute_names": names,
        "attribute": _column(attribute, np.int32)[kept],
        "attribute_object": owner[kept],
    }


def _read_relationships(
    source_dir: Path, rows: dict[int, int], find: _Finder, ignored: dict[str, int]
) -> dict[str, Any]:
    names = Names(f"{source_dir}/relationships.json")
    image, predicate, subject, other = array("i"), array("i"), array("q"), array("q")
    for row, record in _images_once(source_dir, "relationships", RelationshipsRecord, rows, ignored):
        for entry in record.relationships:
            image.append(row)
            predicate.append(names(entry.predicate))
            subject.append(entry.subject.object_id)
            other.append(entry.object.object_id)
    images = _column(image, np.int32)
    ends = {
        "subject": find(images, _column(subject, np.int64)),
        "object": find(images, _column(other, np.int64)),
    }
    _count(
        ignored,
        "relationships to objects that are not there",
        ((ends["subject"] < 0) | (ends["object"] < 0)).sum(),
    )
    found = {"predicate": _column(predicate, np.int32), "relationship_image": images, **ends}
    return {"predicate_names": names, "predicate_aliases": read_aliases(source_dir, "relationship"), **found}
