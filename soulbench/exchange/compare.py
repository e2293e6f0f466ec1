"""Is my run the same? The tables of a run against published ones, cell by cell."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from soulbench.core.columns import NUMBER, TABLES
from soulbench.core.errors import UserError
from soulbench.core.tables import read_csv
from soulbench.exchange.published import tables
from soulbench.exchange.tolerances import COMPARED, KEYS, PROSE, tolerances

#: Tells rows with equal keys apart.
COUNT = "#"
HERE, THERE = "_here", "_published"


@dataclass(frozen=True)
class Difference:
    """A cell that differs by more than its tolerance.

    Attributes:
        where: table, row and column.
        here, published: the values.
        excess: the difference in tolerances; infinite where it is not a number.
    """

    where: str
    here: Any
    published: Any
    excess: float

    def __str__(self) -> str:
        times = f", {self.excess:.3g} times its tolerance" if np.isfinite(self.excess) else ""
        return f"{self.where}: {_shown(self.here)} here, {_shown(self.published)} published{times}"


@dataclass(frozen=True)
class TableComparison:
    """How one table compares.

    Attributes:
        name: of the table.
        equal, within: numbers of cells that are equal, and that differ within their tolerance.
        different: the other cells.
        missing, added: rows that only the published table has, or only the run.
    """

    name: str
    equal: int
    within: int
    different: tuple[Difference, ...]
    missing: int
    added: int

    @property
    def same(self) -> bool:
        """Whether the table is the same within the tolerances."""
        return not (self.different or self.missing or self.added)


def compare(run: Path, published: Path, factor: float = 1.0) -> list[TableComparison]:
    """Compare every published table with that of a run; those whose names begin with `timing` are left out.

    Args:
        run: `results/<name>`, or another place of tables (`soulbench.exchange.published.tables`).
        published: such a place.
        factor: of all tolerances; 0 asks for equal numbers.

    Raises:
        UserError: a table is absent from the run, damaged, or of other columns.
    """
    with tables(run) as here, tables(published) as there:
        names = [name for name in COMPARED if name in there]
        if absent := [name for name in names if name not in here]:
            raise UserError(f"{run}: there is no table {', '.join(absent)}, which is published; run its rule")
        return [_compared(name, read_csv(here[name]), read_csv(there[name]), factor) for name in names]


def _compared(name: str, here: pd.DataFrame, there: pd.DataFrame, factor: float) -> TableComparison:
    keys = [column for column in here if column in KEYS]
    here, there = _numbered(here, keys), _numbered(there, keys)
    rows = here.merge(there, how="outer", on=[*keys, COUNT], suffixes=(HERE, THERE), indicator=True)
    sides = rows["_merge"].value_counts()
    both = rows[rows["_merge"] == "both"]
    equal, within, different = 0, 0, list[Difference]()
    for column, kind in TABLES[name].items():
        if column in KEYS or column in PROSE:
            continue
        mine, theirs = both[column + HERE], both[column + THERE]
        same = (mine == theirs).fillna(False).to_numpy(dtype=bool) | (mine.isna() & theirs.isna()).to_numpy()
        excess = np.where(same, 0.0, np.inf)
        if kind == NUMBER:
            units = both.rename(columns={f"unit{THERE}": "unit"})
            allowed = factor * tolerances(units, column, theirs.to_numpy())
            excess = _excess((mine - theirs).abs().to_numpy(), allowed, same)
        equal += int(same.sum())
        within += int(((excess <= 1) & ~same).sum())
        different += [
            Difference(
                _where(name, both.iloc[row], keys, column), mine.iloc[row], theirs.iloc[row], excess[row]
            )
            for row in np.flatnonzero(excess > 1)
        ]
    worst = tuple(sorted(different, key=lambda cell: -cell.excess))
    return TableComparison(name, equal, within, worst, int(sides["right_only"]), int(sides["left_only"]))


def _numbered(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Number the rows that have equal keys, in their order."""
    numbers = table.groupby(keys, dropna=False).cumcount() if keys else pd.Series(range(len(table)))
    return table.assign(**{COUNT: numbers})


def _excess(difference: np.ndarray, allowed: np.ndarray, same: np.ndarray) -> np.ndarray:
    """Return differences in tolerances; infinite where only one of two numbers is there, or nothing is allowed."""
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = difference / allowed
    excess[np.isnan(excess)] = np.inf
    return np.where(same, 0.0, excess)


def _where(name: str, row: pd.Series, keys: list[str], column: str) -> str:
    return f"{name}.csv, {' '.join(str(row[key]) for key in keys)}: {column}"


def _shown(value: Any) -> str:
    return "nothing" if pd.isna(value) else f"{value:.6g}" if isinstance(value, float) else repr(str(value))


def summary(compared: list[TableComparison]) -> Iterator[tuple[str, ...]]:
    """Yield the rows of an overview: a header, then one for each table."""
    yield ("table", "equal", "within tolerance", "different", "rows missing", "rows added")
    for table in compared:
        counts = (table.equal, table.within, len(table.different), table.missing, table.added)
        yield (table.name, *map(str, counts))
