"""How far two runs of one configuration may differ: what is compared of each table, and within which tolerance.

Text, counts and answers must be equal. On one machine numbers are, too; on another processor sums have other last
digits, which a training carries on. A tolerance is absolute, in the unit of the number.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from soulbench.core.columns import TABLES
from soulbench.core.terms import UNITS

#: What depends on the machine and the moment is not compared.
COMPARED = tuple(name for name in TABLES if not name.startswith("timing"))
#: Columns that say what a row is about; the others are compared.
KEYS = {
    *("method", "level", "against", "request", "seed", "role", "image_id", "object_id"),
    *("task", "dimension", "metric", "query", "group", "representation", "distance", "module", "alpha"),
    *("claim", "statement"),
}
#: Prose that repeats numbers of its row.
PROSE = {"why", "note"}

#: Unit -> tolerance. Each is what the analysis takes for rounding (`soulbench.analysis.summary.SIGMA_FLOOR`): one grey
#: level of 256, a hundredth of an index, of a distance or of a share.
BY_UNIT: Mapping[str, float] = {
    "grey levels": 1.0,
    "index": 0.01,
    "lpips": 0.01,
    "share": 0.01,
    "flag": 0.0,
}
#: Column -> unit, where it is not that of the row's metric; `sod` counts standard deviations of at least a grey level.
BY_COLUMN: Mapping[str, str] = {
    **dict.fromkeys(("p", "p_holm", "p_least", "rank_biserial", "collapsed_share"), "share"),
    **dict.fromkeys(("forgotten", "forgotten_low", "forgotten_high"), "share"),
    **dict.fromkeys(("error", "error_original", "error_retrain", "gap", "sigma", "sod"), "grey levels"),
    **dict.fromkeys(("x0", "y0", "x1", "y1", "width"), "flag"),
}
BY_PREFIX: Mapping[str, str] = {"harm": "grey levels"}
#: Metrics of the diversity, which `UNITS` does not have.
DIVERSITY = {"spread": "grey levels", "collapsed": "flag"}
#: Of a number whose unit is none of these, such as a distance between representations: a share of its magnitude.
RELATIVE = 0.01


def tolerances(rows: pd.DataFrame, column: str, values: np.ndarray) -> np.ndarray:
    """Return the tolerance of each number of a column, in its unit.

    Args:
        rows: the rows, with their keys and, if there is one, their column `unit`.
        column: its name.
        values: its numbers [rows], whose magnitude counts where the unit is unknown.
    """
    prefix = next((unit for start, unit in BY_PREFIX.items() if column.startswith(start)), None)
    unit = BY_COLUMN.get(column, prefix)
    if unit is not None:
        return np.full(len(rows), BY_UNIT[unit])
    if "unit" in rows:
        units = rows["unit"]
    elif "metric" in rows:
        units = rows["metric"].map({**UNITS, **DIVERSITY})
    else:
        units = pd.Series("", index=rows.index)
    known = units.map(dict(BY_UNIT)).to_numpy(dtype=float, na_value=np.nan)
    return np.where(np.isnan(known), RELATIVE * np.abs(values), known)
