"""The requests that a user wrote by hand: read and checked without any data."""

import csv
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from soulbench.config.reserved import REQUEST_NAMES
from soulbench.core.errors import UserError

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")  # a request's id becomes a folder's name


class RequestRow(NamedTuple):
    """One line of a requests.csv."""

    request: str
    image_id: int
    object_id: int


COLUMNS = RequestRow._fields
LINES = f"a header {','.join(COLUMNS)} and one line for each request are expected"
EXPECTED = f"a CSV with the columns {', '.join(COLUMNS)}"


def read(config: Mapping[str, Any]) -> list[RequestRow] | None:
    """Read `requests.file`; return None if requests are chosen by rule.

    Raises:
        UserError: no such file, a missing column, an id or a number that is not allowed, or a request twice.
    """
    if config["requests"]["file"] is None:
        return None
    path = Path(config["requests"]["file"])
    header, lines = _read(path)
    for name in COLUMNS:
        if header.count(name) != 1:
            raise UserError(
                f"{path}: the column {name} is {'there twice' if name in header else 'missing'}; {LINES}"
            )
    if not lines:
        raise UserError(f"{path}: no request is in it; {LINES}")
    return list(_checked(path, lines))


def _read(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Return the header, and each row with its line number."""
    if _is_special(path):
        raise UserError(f"requests.file: {path} is no regular file; {EXPECTED} is expected")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True, strict=True)
            return list(reader.fieldnames or ()), [(reader.line_num, row) for row in reader]
    except FileNotFoundError:
        raise UserError(f"requests.file: there is no {path}; {EXPECTED} is expected") from None
    except IsADirectoryError:
        raise UserError(f"requests.file: {path} is a folder; {EXPECTED} is expected") from None
    except OSError as error:
        raise UserError(
            f"requests.file: {path} cannot be read ({error.strerror}); {EXPECTED} is expected"
        ) from None
    except (ValueError, csv.Error) as error:
        raise UserError(f"requests.file: {str(path)!r} is not {EXPECTED} ({error})") from None


def _is_special(path: Path) -> bool:
    """Return whether a path is a device or a pipe, which one might read for ever."""
    try:
        return path.exists() and not path.is_file() and not path.is_dir()
    except (OSError, ValueError):
        return False


def _checked(path: Path, lines: list[tuple[int, dict[str, str]]]) -> Iterator[RequestRow]:
    requests: set[str] = set()
    objects: set[tuple[int, int]] = set()
    for line, values in lines:
        where = f"{path}, line {line}"
        request = (values["request"] or "").strip()
        row = RequestRow(request, *(_number(where, name, values[name]) for name in COLUMNS[1:]))
        if request in REQUEST_NAMES or not ID.fullmatch(request):
            reason = f" ({request!r} is taken)" if request in REQUEST_NAMES else ""
            raise UserError(
                f"{where}: {request!r} cannot be a request's id; allowed: letters, digits, - and _, at most 100{reason}"
            )
        if request in requests or row[1:] in objects:
            what = f"request {request}"
            if request not in requests:
                what = f"image_id {row.image_id}, object_id {row.object_id}"
            raise UserError(f"{where}: {what} is there twice; each request is one object, once")
        requests.add(request)
        objects.add(row[1:])
        yield row


def _number(where: str, name: str, text: str | None) -> int:
    value = (text or "").strip()
    if not value.isascii() or not value.isdigit() or len(value) > 18:
        raise UserError(f"{where}: {name} is {value!r}; a whole number is expected")
    return int(value)
