"""Reader of Visual Genome's file layout: typed, one image at a time, so that memory stays small.

Only the fields that are used are parsed; each file is mapped into memory and its records are decoded one by one.
"""

import codecs
import io
import mmap
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, TypeVar
from urllib.parse import urlparse

import msgspec

from soulbench.core.errors import UserError
from soulbench.core.limits import (
    LARGEST_ANNOTATIONS,
    LARGEST_LIST,
    LONGEST_FILE_NAME,
    LONGEST_NAME,
    LONGEST_URL,
    SEARCHED_FOR_DOUBLED_KEYS,
)
from soulbench.core.user_files import open_file, parse_json, read_text

#: What the vocabulary step reads of a folder; the split file may be absent.
ANNOTATIONS = (
    *("image_data.json", "objects.json", "attributes.json", "relationships.json"),
    *("object_alias.txt", "relationship_alias.txt", "vg_splits.json"),
)
#: Which objects show the same person; most folders have none.
INDIVIDUALS = "individuals.csv"
BYTE_ORDER_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
Record = TypeVar("Record", bound=msgspec.Struct)
#: What an int64 column holds; -1 is the image node's id.
WholeNumber = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class ImageRecord(msgspec.Struct, gc=False):
    """One image of `image_data.json`."""

    image_id: WholeNumber
    width: WholeNumber
    height: WholeNumber
    url: str


class ObjectEntry(msgspec.Struct, gc=False):
    """One object: box in pixels, one or more names."""

    object_id: WholeNumber
    x: float
    y: float
    w: float
    h: float
    names: list[str]


class ObjectsRecord(msgspec.Struct, gc=False):
    """The objects of an image, `objects.json`."""

    image_id: WholeNumber
    objects: list[ObjectEntry]


class AttributeEntry(msgspec.Struct, gc=False):
    """The attributes of an object; Visual Genome also lists objects without any."""

    object_id: WholeNumber
    attributes: list[str] | None = None


class AttributesRecord(msgspec.Struct, gc=False):
    """The objects of an image with their attributes, `attributes.json`."""

    image_id: WholeNumber
    attributes: list[AttributeEntry]


class End(msgspec.Struct, gc=False):
    """Subject or object of a relationship."""

    object_id: WholeNumber


class RelationshipEntry(msgspec.Struct, gc=False):
    """One relationship between two objects of an image."""

    predicate: str
    subject: End
    object: End


class RelationshipsRecord(msgspec.Struct, gc=False):
    """The relationships of an image, `relationships.json`."""

    image_id: WholeNumber
    relationships: list[RelationshipEntry]


def read_records(source_dir: Path, name: str, record: type[Record]) -> Iterator[Record]:
    """Yield the records of `<name>.json`, in the file's order.

    Raises:
        UserError: the file is absent, empty, too large, cut short or not a list, or a record has a wrong form.
    """
    path = Path(source_dir) / f"{name}.json"
    decoder, buffer = msgspec.json.Decoder(record), _mapped(path)
    is_searched = len(buffer) <= SEARCHED_FOR_DOUBLED_KEYS
    for index, row in enumerate(_split(path, buffer)):
        try:
            decoded = decoder.decode(row)
            if is_searched:  # msgspec keeps the last of two
                parse_json(bytes(row).decode())
        except (ValueError, RecursionError) as error:
            raise UserError(f"{path}: record {index} (counted from 0): {_explained(error)}") from None
        yield decoded


def _mapped(path: Path) -> mmap.mmap:
    """Map a file read-only: processes share its bytes, which need no memory of their own."""
    with open_file(
        path,
        "Visual Genome's file layout has image_data, objects, attributes and relationships.json, two alias "
        "files and images/",
    ) as file:
        size = path.stat().st_size
        if size == 0:
            raise UserError(f"{path}: the file is empty; a list of images in JSON is expected")
        if size > LARGEST_ANNOTATIONS:
            raise UserError(f"{path}: {size:,} bytes; at most {LARGEST_ANNOTATIONS:,} are expected")
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _split(path: Path, buffer: mmap.mmap) -> list[msgspec.Raw]:
    """Cut a file's list into the undecoded texts of its records."""
    try:
        return msgspec.json.decode(buffer, type=list[msgspec.Raw])
    except msgspec.ValidationError as error:
        raise UserError(f"{path}: a list with one record per image is expected: {error}") from None
    except (ValueError, RecursionError) as error:
        if buffer[:3].startswith(BYTE_ORDER_MARKS):
            raise UserError(
                f"{path}: starts with a byte-order mark; JSON in UTF-8 without one is expected"
            ) from None
        raise UserError(
            f"{path}: not a whole JSON file ({_explained(error)}{_found(error, buffer)}); download or copy it again"
        ) from None


def _found(error: Exception, buffer: mmap.mmap) -> str:
    """Return what stands where msgspec stopped, "" if it does not say where."""
    place = re.search(r"\(byte (\d+)\)", str(error))
    return f": {buffer[int(place[1]) : int(place[1]) + 20]!r}" if place else ""


def _explained(error: Exception) -> str:
    """Return an error's message without msgspec's notation for the record itself."""
    if isinstance(error, RecursionError):
        return "brackets are nested too deeply"
    return str(error).replace("`$.", "`").replace("- at `$`", "").strip()


def read_aliases(source_dir: Path, name: str) -> dict[str, str]:
    """Read an alias file: each line maps all of its comma-separated terms to the first; later lines win.

    Raises:
        UserError: the file is absent, too large, not text in UTF-8, or has a term that is too long.
    """
    path = Path(source_dir) / f"{name}_alias.txt"
    text = read_text(path, "lines of names; without aliases, make it an empty file", LARGEST_LIST)
    aliases: dict[str, str] = {}
    for number, line in enumerate(io.StringIO(text, newline=None), start=1):
        terms = [term.strip() for term in line.split(",")]
        if max(map(len, terms)) > LONGEST_NAME:
            raise UserError(f"{path}, line {number}: a term of more than {LONGEST_NAME} characters")
        aliases |= {term: terms[0] for term in terms if term and terms[0]}
    return aliases


def photograph_name(image_id: int, url: str) -> str:
    """Return where a photograph lies below `images/`: the last two components of its url, folder/file.

    Raises:
        UserError: the url is too long, no url, or does not end in folder/file.
    """
    shown, expected = f"image_data.json: image {image_id}: url {url[:80]!r}", "as in .../VG_100K/2.jpg"
    if len(url) > LONGEST_URL:
        raise UserError(
            f"{shown}... has {len(url)} characters; at most {LONGEST_URL} are expected, {expected}"
        )
    try:
        parts = PurePosixPath(urlparse(url).path).parts[-2:]
    except ValueError as error:
        raise UserError(
            f"{shown} is no url ({error}); one that ends in folder/file is expected, {expected}"
        ) from None
    if len(parts) < 2 or ".." in parts or "/" in parts or any("\0" in part for part in parts):
        raise UserError(f"{shown} does not end in folder/file, {expected}")
    if any(len(part.encode()) > LONGEST_FILE_NAME for part in parts):
        raise UserError(
            f"{shown}... ends in a name of more than {LONGEST_FILE_NAME} bytes, which no file can have; shorten it"
        )
    return "/".join(parts)


def source_folder(config: dict[str, Any], generated_or_downloaded: Path) -> Path:
    """Return the folder with the annotations: `data.root` where it is set, else the one that the workflow filled.

    Raises:
        UserError: `data.root` is no folder.
    """
    root = config["data"]["root"]
    if config["data"]["source"] == "demo" or root is None:
        return Path(generated_or_downloaded)
    if not Path(root).is_dir():
        raise UserError(f"data.root: {root} is not a folder; name one with Visual Genome's file layout")
    return Path(root)
