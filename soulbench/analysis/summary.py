"""summary.csv and contrasts.csv: every mean with its interval, its references and its floor."""

from typing import Any

import numpy as np
import pandas as pd

from soulbench.analysis import methods
from soulbench.analysis.band import BAND
from soulbench.analysis.bootstrap import FEWEST_COLUMNS, RETRAINED, SEEDS
from soulbench.analysis.dimensions import (
    AGAINST_RETRAIN,
    CHANGES,
    DIMENSIONS,
    ERRORS,
    FACTS,
    as_distance,
    better,
    is_similarity,
    paper_better,
)
from soulbench.analysis.evidence import COLLAPSED, Evidence
from soulbench.analysis.pairs import difference
from soulbench.analysis.statistics import holm_of_tested, mean_of_requests
from soulbench.core.columns import TABLES
from soulbench.core.terms import RESEED

AGAINST = ("noop-ft", "retrain")


def floors(evidence: Evidence, task: str, dimension: str, metric: str) -> dict[str, float]:
    """Return the floors of a dimension and metric, in the metric's unit, each NaN if it was not measured.

    Of a change: `noise`, the original against itself under other noise (F_z); `seed`, against another training seed
    (F_s); `noop`, against fine-tuning with nothing removed (F_noop).
    Of a `retrain-*` dimension: `retrained`, one retrained model against another (F_R); `seed`, F_s of the same regions.
    Of an error: `noop`.
    """
    arrays = evidence.arrays
    if dimension in AGAINST_RETRAIN:
        retrained = evidence.retrained(task, dimension, metric)
        seed = arrays[RESEED, task, dimension.removeprefix("retrain-"), metric]
        return {"retrained": mean_of_requests(retrained), "seed": mean_of_requests(seed)}
    if dimension in ERRORS:
        return {"noop": mean_of_requests(arrays["noop-ft", task, dimension, metric])}
    if dimension not in CHANGES:
        return {}
    methods = {"noise": "original", "seed": RESEED, "noop": "noop-ft"}
    return {floor: mean_of_requests(arrays[name, task, dimension, metric]) for floor, name in methods.items()}


def main_floor(measured: dict[str, float], metric: str) -> float:
    """Return the floor that a mean is compared with.

    Of a `retrain-*` dimension it is F_R, or F_s if there is only one retrained model per request. Elsewhere it is the
    more different of `noise` and `noop`, without `seed`: a method starts from the original, so it should change less
    than another training run does.
    """
    if "retrained" in measured:
        return measured["seed"] if np.isnan(measured["retrained"]) else measured["retrained"]
    values = [
        measured[name] for name in ("noise", "noop") if name in measured and not np.isnan(measured[name])
    ]
    return (min if is_similarity(metric) else max)(values) if values else float("nan")


def inside_floor(
    mean: float, retrain: float, floor: float, sigma: float, dimension: str, metric: str
) -> bool | None:
    """Tell whether a mean is within its floor; None if it has none.

    The target's error has a band around the retrained model's mean instead.
    """
    if dimension == "target_error":
        return None if np.isnan(retrain) else bool(abs(mean - retrain) <= BAND * sigma)
    if np.isnan(floor):
        return None
    return bool(as_distance(metric, mean) <= as_distance(metric, floor))


def _row(evidence: Evidence, key: tuple[str, str, str, str], collapsed: bool) -> dict[str, Any]:
    _, task, dimension, metric = key
    interval = evidence.bootstrap.interval(evidence.arrays[key])
    retrain = mean_of_requests(evidence.retrained(task, dimension, metric))
    measured_floors = floors(evidence, task, dimension, metric)
    floor = main_floor(measured_floors, metric)
    sigma = evidence.band(task, metric).sigma if dimension == "target_error" else np.nan
    needed = evidence.bootstrap.min_requests
    note = f"points only: {interval.requests} requests, {needed} needed" if interval.requests < needed else ""
    if not note and interval.seeds < FEWEST_COLUMNS:
        note = "for these seeds"
    return {
        **dict(zip(("method", "task", "dimension", "metric"), key, strict=True)),
        "mean": interval.mean,
        "ci_low": interval.low,
        "ci_high": interval.high,
        "n_requests": interval.requests,
        "n_seeds": interval.seeds,
        "floor": floor,
        "better": better(dimension, metric),
        "paper_better": paper_better(dimension, metric),
        "retrain": retrain,
        "excess": interval.mean - (floor if dimension in AGAINST_RETRAIN else retrain),
        "floor_noise": measured_floors.get("noise", np.nan),
        "floor_seed": measured_floors.get("seed", np.nan),
        "floor_noop": measured_floors.get("noop", np.nan),
        "inside_floor": inside_floor(interval.mean, retrain, floor, sigma, dimension, metric),
        "collapsed": collapsed,
        "note": note,
    }


def summarise(evidence: Evidence) -> pd.DataFrame:
    """Return summary.csv: one row for each method, task, dimension and metric (columns: docs/metrics.md)."""
    rows = []
    for key in evidence.arrays:
        flags = evidence.arrays[*key[:2], "diversity", "collapsed"]
        rows.append(_row(evidence, key, bool(mean_of_requests(flags) > COLLAPSED)))
    return pd.DataFrame(rows)


def _reference(evidence: Evidence, key: tuple[str, str, str, str], against: str) -> np.ndarray:
    """Return the same measurement of a reference, [requests, columns]."""
    return evidence.retrained(*key[1:]) if against == "retrain" else evidence.arrays[against, *key[1:]]


def _contrast(evidence: Evidence, key: tuple[str, str, str, str], against: str) -> dict[str, Any]:
    axis = RETRAINED if against == "retrain" else SEEDS  # a bank's seeds are its own
    found = difference(evidence, evidence.arrays[key], _reference(evidence, key, against), axis)
    interval = found.interval
    return {
        **dict(zip(("method", "task", "dimension", "metric"), key, strict=True)),
        "against": against,
        "difference": interval.mean,
        "ci_low": interval.low,
        "ci_high": interval.high,
        "n_requests": interval.requests,
        "p": found.p,
        "rank_biserial": found.rank_biserial,
    }


def contrasts(evidence: Evidence) -> pd.DataFrame:
    """Return contrasts.csv: paired differences to noop-ft and retrain, with tests and effect sizes.

    With n requests no p is below 2^(1 - n), and after Holm's correction over m methods none below m times that, which
    is `p_least`.
    """
    rows = [
        _contrast(evidence, key, against)
        for key in evidence.arrays
        for against in AGAINST
        if key[0] not in (against, "original", RESEED)
        and key[2] in DIMENSIONS
        and key[3] not in FACTS
        and not np.isnan(_reference(evidence, key, against)).all()
    ]
    if not rows:
        return pd.DataFrame(columns=list(TABLES["contrasts"]))
    table = pd.DataFrame(rows)
    # Methods beyond the paper are a family of their own (soulbench.analysis.scoreboard).
    beyond = table["method"].map(lambda method: methods.group(evidence.config, method) == methods.BEYOND)
    family = table.groupby(["task", "dimension", "metric", "against", beyond.rename("beyond")])["p"]
    table["p_holm"] = family.transform(lambda p: holm_of_tested(p.to_numpy()))
    table["p_least"] = (family.transform("count") * 2.0 ** (1 - table["n_requests"])).clip(upper=1.0)
    return table
