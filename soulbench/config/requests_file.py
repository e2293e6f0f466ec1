"""The requests that a user wrote by hand: read and checked without looking at any data."""

import csv
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from soulbench.core.errors import UserError
from soulbench.core.terms import ALL_REQUESTS

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")  # a request's id becomes a folder's name


class RequestRow(NamedTuple):
    """One line of a requests.csv."""

    request: str
    image_id: int
    object_id: int


COLUMNS = RequestRow._fields


def read(config: Mapping[str, Any]) -> list[RequestRow] | None:
    """Read `requests.file`; None where requests are chosen by rule.

    Raises:
        UserError: no such file, missing columns, an id that cannot be one, a number that is none, or a line twice.
    """
    if config["requests"]["file"] is None:
        return None
    path, expected = Path(config["requests"]["file"]), f"a CSV with the columns {', '.join(COLUMNS)}"
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True, strict=True)
            header = reader.fieldnames or ()
            lines = [(reader.line_num, row) for row in reader]
    except (FileNotFoundError, IsADirectoryError, ValueError, csv.Error) as error:
        if isinstance(error, FileNotFoundError):
            raise UserError(f"requests.file: there is no {path}; {expected} is expected") from None
        if isinstance(error, IsADirectoryError):
            raise UserError(f"requests.file: {path} is a folder; {expected} is expected") from None
        raise UserError(f"requests.file: {str(path)!r} is not {expected} ({error})") from None
    missing = [name for name in COLUMNS if name not in header]
    if missing or not lines:
        what = f"the column {missing[0]} is missing" if missing else "no request is in it"
        raise UserError(
            f"{path}: {what}; a header {','.join(COLUMNS)} and one line for each request are expected"
        )
    return list(_checked(path, lines))


def _checked(path: Path, lines: list[tuple[int, dict[str, str]]]) -> Iterator[RequestRow]:
    requests: set[str] = set()
    objects: set[tuple[int, int]] = set()
    for line, cells in lines:
        row = RequestRow(
            (cells["request"] or "").strip(),
            *(_number(f"{path}, line {line}", name, cells[name]) for name in COLUMNS[1:]),
        )
        if not ID.fullmatch(row.request) or row.request == ALL_REQUESTS:
            raise UserError(
                f"{path}, line {line}: {row.request!r} cannot be a request's id; allowed: letters, digits, - and _ "
                f"(and {ALL_REQUESTS!r} is taken)"
            )
        if row.request in requests or row[1:] in objects:
            what = (
                f"request {row.request}"
                if row.request in requests
                else f"image_id {row.image_id}, object_id {row.object_id}"
            )
            raise UserError(f"{path}, line {line}: {what} is there twice; each request is one object, once")
        requests.add(row.request)
        objects.add(row[1:])
        yield row


def _number(where: str, name: str, text: str | None) -> int:
    value = (text or "").strip()
    if not value.isascii() or not value.isdigit() or len(value) > 18:
        raise UserError(f"{where}: {name} is {value!r}; a whole number is expected")
    return int(value)
