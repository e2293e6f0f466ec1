"""Reader of Visual Genome's file layout: typed, one image at a time, so that memory stays small.

Only the fields that are used are parsed; each file is mapped into memory and its records are decoded one by one.
"""

import codecs
import mmap
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, BinaryIO, TypeVar
from urllib.parse import urlparse

import msgspec

from soulbench.core.errors import UserError

LONGEST_NAME = 1000  # characters; a longer name is a sign of a damaged file
LONGEST_URL = 2000  # characters; urls become a column whose rows all take the room of the longest one
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
        UserError: the file is absent, empty, cut short or not a list, or a record has a wrong form.
    """
    path = Path(source_dir) / f"{name}.json"
    decoder = msgspec.json.Decoder(record)
    for index, row in enumerate(_split(path, _mapped(path))):
        try:
            yield decoder.decode(row)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UserError(f"{path}: record {index} (counted from 0): {_explained(error)}") from None


def _mapped(path: Path) -> mmap.mmap:
    """Map a file read-only: processes share its bytes, which need no memory of their own."""
    with _opened(
        path,
        "Visual Genome's file layout has image_data, objects, attributes and relationships.json, two alias "
        "files and images/",
    ) as file:
        if path.stat().st_size == 0:
            raise UserError(f"{path}: the file is empty; a list of images in JSON is expected")
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _opened(path: Path, expected: str) -> BinaryIO:
    """Open a file of the layout in binary mode.

    Raises:
        UserError: it is absent, no file, or must not be read; `expected` ends the message.
    """
    try:
        if path.exists() and not path.is_file():
            raise UserError(f"{path}: not a file; {expected}")
        return path.open("rb")
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file; {expected}") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); {expected}") from None


def _split(path: Path, buffer: Any) -> list[msgspec.Raw]:
    """Cut a file's list into the undecoded texts of its records."""
    try:
        return msgspec.json.decode(buffer, type=list[msgspec.Raw])
    except msgspec.ValidationError as error:
        raise UserError(f"{path}: a list with one record per image is expected: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if buffer[:3].startswith(BYTE_ORDER_MARKS):
            raise UserError(
                f"{path}: starts with a byte-order mark; JSON in UTF-8 without one is expected"
            ) from None
        raise UserError(f"{path}: not a whole JSON file ({error}); download or copy it again") from None


def _explained(error: Exception) -> str:
    """Return msgspec's message without its notation for the record itself."""
    return str(error).replace("`$.", "`").replace("- at `$`", "").strip()


def read_aliases(source_dir: Path, name: str) -> dict[str, str]:
    """Read an alias file: each line maps all of its comma-separated terms to the first; later lines win.

    Raises:
        UserError: the file is absent, not text in UTF-8, or has a term that is too long.
    """
    path = Path(source_dir) / f"{name}_alias.txt"
    with _opened(path, "without aliases, make it an empty one") as file:
        try:
            # A byte-order mark would become part of the first term.
            lines = file.read().decode("utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise UserError(
                f"{path}: not a text file in UTF-8 ({error}); download or copy it again"
            ) from None
    aliases: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        terms = [term.strip() for term in line.split(",")]
        if max(map(len, terms)) > LONGEST_NAME:
            raise UserError(f"{path}, line {number}: a term of more than {LONGEST_NAME} characters")
        aliases |= {term: terms[0] for term in terms if term and terms[0]}
    return aliases


def photograph_path(source_dir: Path, image_id: int, url: str) -> Path:
    """Return the path of a photograph: below `images/`, at the last two components of its url.

    Raises:
        UserError: the url is too long, no url, or does not end in folder/file.
    """
    shown, expected = f"image {image_id}: url {url[:80]!r}", "as in .../VG_100K/2.jpg"
    if len(url) > LONGEST_URL:
        raise UserError(
            f"image_data.json: {shown}... has {len(url)} characters; at most {LONGEST_URL} are expected, {expected}"
        )
    try:
        parts = PurePosixPath(urlparse(url).path).parts[-2:]
    except ValueError as error:
        raise UserError(
            f"image_data.json: {shown} is no url ({error}); one that ends in folder/file is expected, {expected}"
        ) from None
    if len(parts) < 2 or ".." in parts or "/" in parts:
        raise UserError(f"image_data.json: {shown} does not end in folder/file, {expected}")
    return Path(source_dir) / "images" / parts[0] / parts[1]


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
