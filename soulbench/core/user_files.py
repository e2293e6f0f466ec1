"""Files that people bring: read whole or refused, with the file, the line and what would be right."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from soulbench.core.errors import UserError
from soulbench.core.limits import LONGEST_NAME


class Row(NamedTuple):
    """A row of a CSV.

    Attributes:
        place: file and line, for messages.
        fields: text by column, without spaces around it.
    """

    place: str
    fields: dict[str, str]

    def whole_number(self, column: str) -> int:
        """Return a field as a whole number, 0 or above; `09` is 9.

        Raises:
            UserError: it is none, or has more than 18 digits.
        """
        text = self.fields[column]
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            raise UserError(f"{self.place}: {column} is {text[:40]!r}; a whole number is expected")
        return int(text)


def open_file(path: Path, expected: str, label: str = "") -> BinaryIO:
    """Open a regular file in binary mode.

    Args:
        path: the file.
        expected: what is expected, for the end of a message.
        label: the file's name in messages, if not its path.

    Raises:
        UserError: it is absent, no regular file, or must not be read.
    """
    label = label or str(path)
    try:
        if path.exists() and not path.is_file():  # a pipe or a device, which one might read for ever
            raise UserError(f"{label}: not a file; {expected}")
        return path.open("rb")
    except FileNotFoundError:
        raise UserError(f"{label}: there is no such file; {expected}") from None
    except OSError as error:
        raise UserError(f"{label}: cannot be read ({error.strerror}); {expected}") from None


def read_text(path: Path, expected: str, most_bytes: int, label: str = "") -> str:
    """Read a text in UTF-8, with or without a byte-order mark; arguments as in `open_file`.

    Raises:
        UserError: as `open_file`; or it is larger, in another encoding, or has a NUL, as UTF-16 does.
    """
    label = label or str(path)
    with open_file(path, expected, label) as file:
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise UserError(f"{label}: larger than {most_bytes:,} bytes; {expected}")
    try:
        text, end = data.decode("utf-8-sig"), data.find(b"\0")
    except UnicodeDecodeError as error:
        text, end = "", error.start
    if end >= 0:
        line = data.count(b"\n", 0, end) + 1
        raise UserError(f"{label}, line {line}: not a text in UTF-8; save it in this encoding; {expected}")
    return text


def read_rows(
    path: Path, columns: tuple[str, ...], most_bytes: int, optional: tuple[str, ...] = (), label: str = ""
) -> list[Row]:
    """Read a CSV with a header that names these columns, in any order and among others; blank lines are left out.

    Args:
        path: the file.
        columns: those that it must have.
        most_bytes: its largest size.
        optional: columns that it may have, once.
        label: the file's name in messages, if not its path.

    Raises:
        UserError: as `read_text`; or a column is missing or there twice, a line has another number of fields than the
            header, a quote is open at its end, or a field is too long.
    """
    label = label or str(path)
    expected = f"a CSV with the columns {', '.join(columns)} is expected"
    text = read_text(path, expected, most_bytes, label)
    lines = _lines(csv.reader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True), label)
    _, header = next(lines, (label, []))
    for name in (*columns, *optional):
        if header.count(name) > 1 or (name in columns and name not in header):
            what = "there twice" if name in header else "missing"
            raise UserError(f"{label}: the column {name} is {what}; {expected}")
    rows = []
    for place, fields in lines:
        if len(fields) != len(header):
            raise UserError(f"{place}: {len(fields)} fields; {len(header)} are expected, as in the header")
        rows.append(Row(place, dict(zip(header, fields, strict=True))))
    return rows


def _lines(reader: Any, label: str) -> Iterator[tuple[str, list[str]]]:
    """Yield place and fields of each line that is not blank."""
    while True:
        before = reader.line_num
        place = f"{label}, line {before + 1}"
        try:
            fields = [field.strip() for field in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            raise UserError(f"{place}: {error}; a line of a CSV is expected") from None
        if reader.line_num > before + 1:
            raise UserError(f"{place}: a quote is open at its end; one line for each row is expected")
        if any(len(field) > LONGEST_NAME for field in fields):
            raise UserError(f"{place}: a field of more than {LONGEST_NAME} characters")
        if fields not in ([], [""]):
            yield place, fields


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object's members; `object_pairs_hook` of the standard library, which keeps the last of two.

    Raises:
        ValueError: a key is there twice.
    """
    members = dict(pairs)
    if len(members) != len(pairs):
        keys = [key for key, _ in pairs]
        doubled = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {doubled[:40]!r} is there twice in one object")
    return members


def parse_json(text: str) -> Any:
    """Parse JSON strictly.

    Raises:
        ValueError: no JSON; NaN or Infinity, which JSON does not have; a doubled key; brackets nested too deeply.
    """
    try:
        return json.loads(text, object_pairs_hook=unique_keys, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("brackets are nested too deeply") from None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not allowed in JSON")
