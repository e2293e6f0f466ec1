"""The individuals of a data set: which objects show the same person, and who is whose twin."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from soulbench.core.errors import UserError

COLUMNS = ("image_id", "object_id", "individual", "twin")


def read_individuals(source_dir: Path) -> pd.DataFrame:
    """Read `individuals.csv`: image_id, object_id (int64), individual, twin (str, blank without one).

    The demo has such a file; for most photographs there is none, and the table is empty.

    Raises:
        UserError: the file is no such table, an id is no whole number, or an object is listed twice.
    """
    path = Path(source_dir) / "individuals.csv"
    rows = list(_rows(path)) if path.exists() else []
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.astype({"image_id": "int64", "object_id": "int64", "individual": str, "twin": str})


def _rows(path: Path) -> Iterator[tuple[int, int, str, str]]:
    expected = f"a CSV with the columns {', '.join(COLUMNS)}"
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            header = reader.fieldnames or ()
            lines = [(reader.line_num, row) for row in reader]
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read ({error}); {expected} is expected") from None
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise UserError(f"{path}: the column {missing[0]} is missing; {expected} is expected")
    objects: set[tuple[int, int]] = set()
    for number, row in lines:
        line = f"{path}, line {number}"
        ids = _whole(line, "image_id", row["image_id"]), _whole(line, "object_id", row["object_id"])
        if ids in objects:
            raise UserError(
                f"{line}: image_id {ids[0]}, object_id {ids[1]} is listed twice; once is expected"
            )
        objects.add(ids)
        yield *ids, row["individual"] or "", row["twin"] or ""


def _whole(line: str, name: str, text: str | None) -> int:
    value = (text or "").strip()
    if not value.isascii() or not value.isdigit() or len(value) > 18:
        raise UserError(f"{line}: {name} is {value[:40]!r}; a whole number is expected")
    return int(value)
