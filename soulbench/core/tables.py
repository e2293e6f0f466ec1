"""CSV tables: read with a clear error, written whole or not at all, with the same bytes on every machine."""

import io
from pathlib import Path

import pandas as pd

from soulbench.core.damage import DamagedFile, table_text
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


def read_csv(path: str | Path) -> pd.DataFrame:
    """Read a CSV table.

    Raises:
        UserError: the file is absent, cut or no table.
    """
    text = table_text(path)
    try:
        return pd.read_csv(io.StringIO(text))
    except (pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        raise DamagedFile(path, f"no table: {error}") from None
