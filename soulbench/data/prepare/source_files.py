"""Reader of the Visual Genome layout: typed, one image at a time, never a file's worth of Python objects.

Only the fields that are used are parsed; each file is mapped into memory and its records decoded one by one.
"""

import contextlib
import mmap
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, TypeVar
from urllib.parse import urlparse

import msgspec

from soulbench.core.errors import UserError

LONGEST_NAME = 1000  # characters; what is longer is a damaged file, not a word
Record = TypeVar("Record", bound=msgspec.Struct)
Whole = Annotated[
    int, msgspec.Meta(ge=0, le=2**63 - 1)
]  # what an int64 column holds; -1 is the image node's id


class ImageRecord(msgspec.Struct, gc=False):
    """One image of `image_data.json`."""

    image_id: Whole
    width: Whole
    height: Whole
    url: str


class ObjectEntry(msgspec.Struct, gc=False):
    """One object: box in pixels, one or more names."""

    object_id: Whole
    x: float
    y: float
    w: float
    h: float
    names: list[str]


class ObjectsRecord(msgspec.Struct, gc=False):
    """The objects of an image, `objects.json`."""

    image_id: Whole
    objects: list[ObjectEntry]


class AttributeEntry(msgspec.Struct, gc=False):
    """The attributes of an object; the release lists objects without any, too."""

    object_id: Whole
    attributes: list[str] | None = None


class AttributesRecord(msgspec.Struct, gc=False):
    """The described objects of an image, `attributes.json`."""

    image_id: Whole
    attributes: list[AttributeEntry]


class End(msgspec.Struct, gc=False):
    """Subject or object of a relationship."""

    object_id: Whole


class RelationshipEntry(msgspec.Struct, gc=False):
    """One relationship between two objects of an image."""

    predicate: str
    subject: End
    object: End


class RelationshipsRecord(msgspec.Struct, gc=False):
    """The relationships of an image, `relationships.json`."""

    image_id: Whole
    relationships: list[RelationshipEntry]


def read_records(source_dir: Path, name: str, record: type[Record]) -> Iterator[Record]:
    """Yield the records of `<name>.json`, in the file's order.

    Raises:
        UserError: the file is absent, empty, cut short or not a list, or a record has a wrong form.
    """
    path = Path(source_dir) / f"{name}.json"
    decoder = msgspec.json.Decoder(record)
    with _mapped(path) as buffer:
        rows = _split(path, buffer)
        for index, row in enumerate(rows):
            try:
                yield decoder.decode(row)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise UserError(f"{path}: record {index} (counted from 0): {_explained(error)}") from None
        del rows


@contextlib.contextmanager
def _mapped(path: Path) -> Iterator[Any]:
    """Map a file read-only, so that its bytes are shared and need no memory of their own."""
    try:
        with path.open("rb") as file:
            if path.stat().st_size == 0:
                raise UserError(f"{path}: the file is empty; a list of images in JSON is expected")
            yield mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError:
        raise UserError(
            f"{path}: there is no such file; the Visual Genome layout has image_data, objects, attributes "
            "and "
            "relationships.json, two alias files and images/"
        ) from None


def _split(path: Path, buffer: Any) -> list[msgspec.Raw]:
    """Cut a file's list into the undecoded texts of its records."""
    try:
        return msgspec.json.decode(buffer, type=list[msgspec.Raw])
    except msgspec.ValidationError as error:
        raise UserError(f"{path}: a list with one record an image is expected: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a whole JSON file ({error}); download or copy it again") from None


def _explained(error: Exception) -> str:
    """Return msgspec's message without its notation for the record itself."""
    return str(error).replace("`$.", "`").replace("- at `$`", "").strip()


def read_aliases(source_dir: Path, name: str) -> dict[str, str]:
    """Read an alias file: each line maps all of its comma-separated terms to the first; later lines win."""
    path = Path(source_dir) / f"{name}_alias.txt"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file; without aliases, make it an empty one") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not a text file in UTF-8 ({error}); download or copy it again") from None
    aliases: dict[str, str] = {}
    for line in lines:
        terms = [term.strip() for term in line.split(",")]
        aliases |= {term: terms[0] for term in terms if term and terms[0]}
    return aliases


def photograph_path(source_dir: Path, url: str) -> Path:
    """Return where a photograph lies: below `images/`, at the last two components of its address."""
    parts = PurePosixPath(urlparse(url).path).parts[-2:]
    if len(parts) < 2 or ".." in parts or "/" in parts:
        raise UserError(f"image_data.json: url {url!r} does not end in folder/file, as in .../VG_100K/2.jpg")
    return Path(source_dir) / "images" / parts[0] / parts[1]


def source_folder(config: dict[str, Any], drawn_or_downloaded: Path) -> Path:
    """Return the folder with the layout: `data.root` where one is named, else the one the workflow filled.

    Raises:
        UserError: `data.root` is no folder.
    """
    root = config["data"]["root"]
    if config["data"]["source"] == "demo" or root is None:
        return Path(drawn_or_downloaded)
    if not Path(root).is_dir():
        raise UserError(f"data.root: {root} is not a folder; name one in the Visual Genome layout")
    return Path(root)
