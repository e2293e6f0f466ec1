"""A table of a run as text for one's paper: some of its rows and columns, as LaTeX or Markdown."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from soulbench.core.columns import TABLES
from soulbench.core.errors import UserError
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import read_csv
from soulbench.core.values import suggest
from soulbench.report.compact import DIGITS


def selected(
    run: Path, name: str, columns: Sequence[str] = (), where: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Return some of the rows and columns of a table.

    Args:
        run: results/<name>.
        name: of the table, as `summary`.
        columns: to keep, in this order; by default all.
        where: column -> the text that it must have.

    Raises:
        UserError: there is no such table or column.
    """
    if name not in TABLES:
        raise UserError(f"there is no table {name!r}{suggest(name, TABLES)}; tables: {', '.join(TABLES)}")
    frame = read_csv(ResultPaths(str(run)).table(name), others="str")
    wanted = dict(where or {})
    for column in (*columns, *wanted):
        if column not in frame:
            known = ", ".join(frame.columns)
            raise UserError(
                f"{name} has no column {column!r}{suggest(column, frame.columns)}; columns: {known}"
            )
    for column, value in wanted.items():
        frame = frame[frame[column].astype(str) == value]
    return frame[list(columns)] if columns else frame


def _cell(value: Any) -> str:
    """Return a value as text; numbers with four significant digits, as on the page."""
    if pd.isna(value):
        return ""
    return f"{value:.{DIGITS}g}" if isinstance(value, float) else str(value)


def as_markdown(frame: pd.DataFrame) -> str:
    """Return a table in GitHub's Markdown."""
    rows = [list(map(_cell, row)) for row in frame.astype(object).to_numpy().tolist()]
    lines = [list(frame.columns), ["---"] * len(frame.columns), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def as_latex(frame: pd.DataFrame) -> str:
    """Return a table as LaTeX's `tabular`, with the rules of booktabs."""
    text: str = frame.to_latex(index=False, escape=True, na_rep="", float_format=f"%.{DIGITS}g")
    return text.rstrip("\n")


FORMATS: Mapping[str, Callable[[pd.DataFrame], str]] = {"markdown": as_markdown, "latex": as_latex}
