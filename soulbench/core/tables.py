"""CSV tables: read with a clear error, written whole or not at all, with the same bytes on every machine."""

from pathlib import Path

import pandas as pd

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


def read_csv(path: str | Path) -> pd.DataFrame:
    """Read a CSV table.

    Raises:
        UserError: the file is absent, empty or no table.
    """
    try:
        return pd.read_csv(path)
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such table; run the rule that writes it") from None
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: no table ({error}); delete it and run its rule again") from None
