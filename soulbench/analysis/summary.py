"""summary.csv and contrasts.csv: no bare mean, every number with its references and its floor."""

from typing import Any

import numpy as np
import pandas as pd

from soulbench.analysis import dimensions as dictionary
from soulbench.analysis.dimensions import (
    AGAINST_RETRAIN,
    CHANGES,
    as_distance,
    better,
    is_similarity,
    paper_better,
)
from soulbench.analysis.evidence import COLLAPSED, Evidence
from soulbench.analysis.statistics import (
    Interval,
    holm,
    mean_of_requests,
    request_means,
    signed_rank,
    spread_over_seeds,
)
from soulbench.core.terms import RESEED

# |SOD| within this many standard deviations of the retrained models counts as equal to retraining.
BAND = 2.0
# A standard deviation below this cannot be told from rounding: one grey level, and as little in the other
# metrics.
SIGMA_FLOOR = {"mae": 1.0, "ssim": 0.01, "lpips": 0.01, "changed": 0.01}
AGAINST = ("noop-ft", "retrain")
ERRORS = ("target_error", "retained_error", "heldout_error")


def floors(evidence: Evidence, task: str, dimension: str, metric: str) -> dict[str, float]:
    """Return the noise floors of a cell, in the metric's own units, each NaN where it was not measured.

    noise: the original against itself under other noise (F_z); seed: against another training seed (F_s);
    noop: against fine-tuning with nothing removed (F_noop). Of an `retrain-*` dimension, retrained against
    retrained (F_R), or F_s of the same dimension where there is one retrained model a request.
    Of an error against the truth: F_noop.
    """
    cells = evidence.cells
    if dimension in AGAINST_RETRAIN:
        own = cells["retrain", task, dimension, metric]
        own[:, :1] = np.nan  # the first seed's is the oracle itself
        seed = cells[RESEED, task, dimension.removeprefix("retrain-"), metric]
        return {"retrained": mean_of_requests(own), "seed": mean_of_requests(seed)}
    if dimension in ERRORS:
        return {"noop": mean_of_requests(cells["noop-ft", task, dimension, metric])}
    if dimension not in CHANGES:
        return {}
    names = {"noise": "original", "seed": RESEED, "noop": "noop-ft"}
    return {key: mean_of_requests(cells[name, task, dimension, metric]) for key, name in names.items()}


def floor_of(found: dict[str, float], metric: str) -> float:
    """Return the one floor to print: the most different of noise and noop; of an oracle, retrained else seed.

    F_s is kept apart there: a method that starts from the original owes less change than another training.
    """
    if "retrained" in found:
        return found["seed"] if np.isnan(found["retrained"]) else found["retrained"]
    values = [found[key] for key in ("noise", "noop") if key in found and not np.isnan(found[key])]
    return (min if is_similarity(metric) else max)(values) if values else float("nan")


def sigma_of_retraining(evidence: Evidence, task: str, metric: str) -> tuple[float, str]:
    """Return the standard deviation between training seeds of the target's error, and whose it is.

    Pooled over requests; of retrained models where they have two seeds, else of the original ones.
    """
    for name in ("retrain", "original"):
        errors = evidence.error(name, task, metric=metric)
        several = (~np.isnan(errors)).sum(axis=1) > 1
        if several.any():
            return float(np.sqrt(np.nanvar(errors[several], axis=1, ddof=1).mean())), name
    return float("nan"), "none"


def inside(
    mean: float, retrain: float, floor: float, sigma: float, dimension: str, metric: str
) -> bool | None:
    """Tell whether a mean is within its floor; of the fidelity, within the band around retraining.

    None elsewhere.
    """
    if dimension == "target_error":
        scale = np.nanmax([sigma, SIGMA_FLOOR.get(metric, 0.0)])
        return None if np.isnan(retrain) else bool(abs(mean - retrain) <= BAND * scale)
    if np.isnan(floor):
        return None
    return bool(as_distance(metric, mean) <= as_distance(metric, floor))


def _row(evidence: Evidence, key: tuple[str, str, str, str], collapsed: bool) -> dict[str, Any]:
    _, task, dimension, metric = key
    found: Interval = evidence.bootstrap.interval(evidence.cells[key])
    retrain = mean_of_requests(evidence.cells["retrain", task, dimension, metric])
    noise = floors(evidence, task, dimension, metric)
    floor = floor_of(noise, metric)
    sigma, _ = sigma_of_retraining(evidence, task, metric) if dimension == "target_error" else (np.nan, "")
    few = found.requests < evidence.bootstrap.min_requests
    return {
        **dict(zip(("method", "task", "dimension", "metric"), key, strict=True)),
        "mean": found.mean,
        "ci_low": found.low,
        "ci_high": found.high,
        "n_requests": found.requests,
        "n_seeds": found.seeds,
        "floor": floor,
        "better": better(dimension, metric),
        "paper_better": paper_better(dimension, metric),
        "retrain": retrain,
        "excess": found.mean - (floor if dimension in AGAINST_RETRAIN else retrain),
        "floor_noise": noise.get("noise", np.nan),
        "floor_seed": noise.get("seed", np.nan),
        "floor_noop": noise.get("noop", np.nan),
        "inside_floor": inside(found.mean, retrain, floor, sigma, dimension, metric),
        "collapsed": collapsed,
        "note": f"points only: {found.requests} requests, {evidence.bootstrap.min_requests} needed"
        if few
        else "",
    }


def summarise(evidence: Evidence) -> pd.DataFrame:
    """Return summary.csv: one row for each method, task, dimension and metric; its columns.

    Docs/metrics.md.
    """
    rows, badges = [], {}
    for key in evidence.cells:
        method, task = key[:2]
        if (method, task) not in badges:
            flags = evidence.cells[method, task, "diversity", "collapsed"]
            badges[method, task] = bool(mean_of_requests(flags) > COLLAPSED)
        if key in evidence.cells:
            rows.append(_row(evidence, key, badges[method, task]))
    return pd.DataFrame(rows)


def _contrast(evidence: Evidence, key: tuple[str, str, str, str], against: str) -> dict[str, Any]:
    _, task, dimension, metric = key
    reference = spread_over_seeds(evidence.cells[against, task, dimension, metric])
    difference = evidence.cells[key] - reference
    found = evidence.bootstrap.interval(difference)
    tested = found.requests >= evidence.bootstrap.min_requests
    p_value, effect = signed_rank(request_means(difference)) if tested else (np.nan, np.nan)
    return {
        **dict(zip(("method", "task", "dimension", "metric"), key, strict=True)),
        "against": against,
        "difference": found.mean,
        "ci_low": found.low,
        "ci_high": found.high,
        "n_requests": found.requests,
        "p": p_value,
        "rank_biserial": effect,
    }


def contrasts(evidence: Evidence) -> pd.DataFrame:
    """Return contrasts.csv: paired differences to noop-ft and retrain, with tests and effect sizes.

    With n requests no p is below 2^(1 - n); after Holm over m methods none below m times that (`p_least`).
    """
    rows = [
        _contrast(evidence, key, against)
        for key in evidence.cells
        for against in AGAINST
        if key[0] not in (against, "original", RESEED)
        and key[2] in dictionary.DIMENSIONS
        and key in evidence.cells
        and (against, *key[1:]) in evidence.cells
    ]
    table = pd.DataFrame(rows, columns=list(rows[0]) if rows else None)
    if table.empty:
        return table
    family = table.groupby(["task", "dimension", "metric", "against"])["p"]
    table["p_holm"] = family.transform(lambda p: holm_of_tested(p.to_numpy()))
    table["p_least"] = (family.transform("count") * 2.0 ** (1 - table["n_requests"])).clip(upper=1.0)
    return table


def holm_of_tested(p_values: np.ndarray) -> np.ndarray:
    """Return Holm's adjustment of the p values that are there; NaN stays NaN and does not count."""
    adjusted = np.full(len(p_values), np.nan)
    tested = ~np.isnan(p_values)
    adjusted[tested] = holm(p_values[tested])
    return adjusted
