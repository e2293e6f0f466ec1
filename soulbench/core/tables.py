"""CSV tables: read with the types that their columns are declared to have, written whole or not at all.

A column of text is never taken for numbers, truth or missing values: the ids `007`, `NA` and `true` stay what they are.
The same table has the same bytes on every machine.
"""

import io
from pathlib import Path

import pandas as pd

from soulbench.core.columns import FINDING, NUMBER, TABLES, TEXT, Schema
from soulbench.core.damage import DamagedFile, table_text
from soulbench.core.errors import UserError
from soulbench.core.records import atomic_path

#: For boxes and widths, which are shares of an image's side: a millionth of it is far less than a pixel.
SHARE_FORMAT = "%.6f"
#: For results of any magnitude: ten significant digits, so that numbers which differ only in their last bits are
#: written as the same text.
RESULT_FORMAT = "%.10g"


def write_csv(frame: pd.DataFrame, path: str | Path, float_format: str | None) -> None:
    """Write a table without its index; an interrupted write leaves no file behind.

    Args:
        frame: the table.
        path: the CSV file.
        float_format: `SHARE_FORMAT`, `RESULT_FORMAT`, or None for every digit: the records that tables are made from.
    """
    with atomic_path(path) as part:
        frame.to_csv(part, index=False, lineterminator="\n", float_format=float_format)


def read_csv(
    path: str | Path, schema: Schema | None = None, others: str | None = None, digest: str | None = None
) -> pd.DataFrame:
    """Read a CSV table with the types of its schema.

    Args:
        path: the CSV file.
        schema: the types of its columns; by default those of `TABLES` for the name of the file.
        others: the type of columns that the schema does not have; None if it has all.
        digest: as of `soulbench.core.damage.table_text`.

    Raises:
        UserError: the file is absent, cut short or no table, or has other columns or values than the schema.
    """
    path = Path(path)
    try:
        text = table_text(path, digest)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); a CSV table is expected") from None
    try:
        return _frame(text, TABLES[path.stem] if schema is None else schema, others)
    except (ValueError, OverflowError) as error:  # pandas' own errors are among them
        reason = str(error).strip().partition("\n")[0]
        raise DamagedFile(path, f"not the table it should be: {reason}") from None


def _frame(text: str, schema: Schema, others: str | None) -> pd.DataFrame:
    header = pd.read_csv(io.StringIO(text), nrows=0, dtype=TEXT).columns
    wrong = [f"no column {name}" for name in schema if name not in header]
    wrong += [f"no column {name} is known" for name in header if name not in schema and others is None]
    if wrong:
        raise ValueError(", ".join(wrong))
    types = {name: schema.get(name, others or TEXT) for name in header}
    blank = {name: [""] for name, kind in types.items() if kind in (NUMBER, FINDING)}
    frame = pd.read_csv(io.StringIO(text), dtype=types, keep_default_na=False, na_values=blank)
    complete = frame[[name for name in types if name not in blank]]
    if not isinstance(frame.index, pd.RangeIndex) or complete.isna().to_numpy().any():
        raise ValueError("a line has more or fewer values than there are columns")
    return frame
