"""The individuals of a data set: which objects show the same person, and who is whose twin."""

from pathlib import Path

import pandas as pd

from soulbench.core.errors import UserError
from soulbench.core.limits import LARGEST_CSV
from soulbench.core.user_files import read_rows
from soulbench.data.prepare.source_files import INDIVIDUALS

COLUMNS = ("image_id", "object_id", "individual", "twin")


def read_individuals(source_dir: Path) -> pd.DataFrame:
    """Read `individuals.csv`: image_id, object_id (int64), individual, twin (str, blank without one).

    The demo has such a file; for most photographs there is none, and the table is empty.

    Raises:
        UserError: as `soulbench.core.user_files.read_rows`; or an id is no whole number, or an object is listed twice.
    """
    path = Path(source_dir) / INDIVIDUALS
    people: dict[tuple[int, int], tuple[str, str]] = {}
    for row in read_rows(path, COLUMNS, LARGEST_CSV) if path.is_symlink() or path.exists() else ():
        ids = row.whole_number("image_id"), row.whole_number("object_id")
        if ids in people:
            raise UserError(
                f"{row.place}: image_id {ids[0]}, object_id {ids[1]} is listed twice; once is expected"
            )
        people[ids] = row.fields["individual"], row.fields["twin"]
    table = pd.DataFrame([(*ids, *names) for ids, names in people.items()], columns=COLUMNS)
    return table.astype({"image_id": "int64", "object_id": "int64", "individual": str, "twin": str})
