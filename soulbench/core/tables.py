"""CSV tables: written whole or not at all, and read with a message that names the file."""

from pathlib import Path

import pandas as pd

from soulbench.core.errors import UserError
from soulbench.core.records import atomic_path


def write_csv(frame: pd.DataFrame, path: str | Path, float_format: str | None = None) -> None:
    """Write a table, whole or not at all.

    Args:
        frame: the rows; its index is not written.
        path: the CSV file.
        float_format: of floating-point columns, such as `%.10g`; None writes every digit.
    """
    with atomic_path(path) as part:
        frame.to_csv(part, index=False, float_format=float_format, lineterminator="\n")


def read_csv(path: str | Path) -> pd.DataFrame:
    """Read a CSV table.

    Raises:
        UserError: the file is absent, empty or not a table.
    """
    try:
        return pd.read_csv(path)
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such table; run the rule that writes it") from None
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: no table ({error}); delete it and run its rule again") from None
