"""How far two runs of one configuration may differ: what is compared of each table, and within which tolerance.

Text, counts and answers must be equal. On one machine numbers are, too; on another processor sums have other last
digits, which a training carries on. A tolerance is absolute, in the unit of the number.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from soulbench.core.columns import TABLES
from soulbench.core.terms import IDENTITY_UNITS, LEAK_UNITS, UNITS

#: What depends on the machine and the moment is not compared.
COMPARED = tuple(name for name in TABLES if not name.startswith("timing"))
#: Columns that say what a row is about; the others are compared.
KEYS = {
    *("method", "level", "against", "request", "seed", "role", "image_id", "object_id"),
    *("task", "dimension", "metric", "query", "group", "representation", "distance", "module", "alpha"),
    *("claim", "statement", "operating_point", "part", "budget", "attack"),
}
#: Prose that repeats numbers of its row.
PROSE = {
    "why",
    "note",
    "power",
    "identity_note",
    *(name for name in TABLES["scoreboard"] if name.startswith("harm_note")),
}

#: Unit -> tolerance. The first is one level of 256, and the others are as little: what the analysis takes for rounding
#: (`soulbench.analysis.band.SIGMA_FLOOR`). Between the original and the retrained model lie twenty levels or more.
BY_UNIT: Mapping[str, float] = {
    "grey levels": 1.0,
    "index": 0.01,
    "lpips": 0.01,
    "share": 0.01,
    "share of the way": 0.05,
    "flag": 0.0,
    # On another processor the encoder has other last digits, and one place may be another; the means are compared.
    "identified": 1.0,
    "found": 1.0,
    "reciprocal place": 1.0,
    "identities": 0.0,
    "share identified": 0.05,
    "mean reciprocal place": 0.05,
    "cosine": 0.05,
    "mean cosine": 0.05,
}
#: Unit of one run -> that of a mean over runs, which a row without a seed is.
OF_MEANS = {
    "identified": "share identified",
    "found": "share identified",
    "reciprocal place": "mean reciprocal place",
}
#: Of a number whose unit is none of these, such as a distance between representations: a share of its magnitude, which
#: is one level in twenty, too.
RELATIVE = 0.05
#: Column -> unit, where it is not that of the row; `sod` counts standard deviations, of a grey level at least.
BY_COLUMN: Mapping[str, str] = {
    **dict.fromkeys(("p", "p_holm", "p_least", "rank_biserial", "collapsed_share"), "share"),
    **dict.fromkeys(("forgotten", "forgotten_low", "forgotten_high", "band"), "share of the way"),
    **dict.fromkeys(
        ("error", "error_original", "error_retrain", "sigma", "exact", "difference"), "grey levels"
    ),
    **dict.fromkeys(("identity", "identity_retrain"), "mean reciprocal place"),
    **dict.fromkeys(("identity_kept", "identity_kept_low", "identity_kept_high"), "share of the way"),
    **dict.fromkeys(("accuracy", "chance"), "share"),
    "gallery": "identities",
}
#: Of these columns that unit is meant where a row names no metric, as in bank.csv; elsewhere it is that of the metric.
OF_METRIC = ("difference",)
BY_PREFIX: Mapping[str, str] = dict.fromkeys(("harm", "excess_A1", "excess_sum", "gap", "sod"), "grey levels")
#: Metrics of the diversity, which `UNITS` does not have.
DIVERSITY = {"spread": "grey levels", "noise_spread": "grey levels", "collapsed": "flag"}


def tolerances(rows: pd.DataFrame, column: str, values: np.ndarray) -> np.ndarray:
    """Return the tolerance of each number of a column, in its unit.

    Args:
        rows: the rows, with their keys and, if there is one, their column `unit`.
        column: its name.
        values: its numbers [rows], whose magnitude counts where the unit is unknown.
    """
    prefix = next((unit for start, unit in BY_PREFIX.items() if column.startswith(start)), "")
    own = "" if column in OF_METRIC and "metric" in rows else BY_COLUMN.get(column, prefix)
    units = pd.Series(own, index=rows.index)
    if not units.any():
        if "unit" in rows:
            units = rows["unit"]
        elif "metric" in rows:
            units = rows["metric"].map({**UNITS, **DIVERSITY, **IDENTITY_UNITS, **LEAK_UNITS}).fillna("")
    if "seed" not in rows:
        units = units.replace(OF_MEANS)
    by_text = {text: _of_unit(text) for text in units.unique()}
    known = units.map(by_text).to_numpy(dtype=float)
    return np.where(np.isnan(known), RELATIVE * np.abs(values), known)


def _of_unit(text: str) -> float:
    """Return the tolerance of a unit, such as `grey levels of A2`; NaN if it is unknown."""
    known = [unit for unit in BY_UNIT if text.startswith(unit)]
    return BY_UNIT[max(known, key=len)] if known else float("nan")
