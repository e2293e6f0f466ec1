"""What each model and each method costs, and after how many requests one retraining would have been cheaper."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from soulbench.analysis import methods
from soulbench.config import runs
from soulbench.core.columns import TABLES
from soulbench.core.model_record import read_model_record
from soulbench.core.paths import ResultPaths, beside
from soulbench.core.terms import ALL_REQUESTS, BANK, RESEED


def training_runs(config: dict[str, Any], paths: ResultPaths, planned: Iterable[runs.Run]) -> pd.DataFrame:
    """Return timing_jobs.csv: one row for each model of the planned runs.

    A model that serves every request counts once, whatever else lies on the disk.
    """
    rows = {}
    for method, request, seed in planned:
        if method == RESEED:
            continue
        checkpoint = runs.checkpoint(config, method, request, seed, paths)
        if checkpoint in rows:
            continue
        timing = read_model_record(beside(checkpoint, "json")).timing
        # Retraining runs both stages, so its cost is compared with that of both.
        earlier = _pretraining_seconds(paths, seed) if method == "original" else 0.0
        rows[checkpoint] = (
            method,
            methods.level(config, method),
            methods.family(config, method),
            request if method != BANK and runs.method(config, method).per_request else ALL_REQUESTS,
            seed,
            timing.seconds + earlier,
            timing.shareable,
            timing.peak_mib,
            timing.steps,
        )
    return pd.DataFrame(list(rows.values()), columns=list(TABLES["timing_jobs"]))


def _pretraining_seconds(paths: ResultPaths, seed: int) -> float:
    return read_model_record(beside(paths.pretrained(seed), "json")).timing.seconds


def retraining(jobs: pd.DataFrame) -> pd.Series:
    """Return the seconds of retrained models: of exact ones or, where there are none, of the bank's.

    Args:
        jobs: timing_jobs.csv.
    """
    exact = jobs["method"] == "retrain"
    return jobs.loc[exact if exact.any() else jobs["method"] == BANK, "seconds"]


def costs(jobs: pd.DataFrame) -> pd.DataFrame:
    """Return timing.csv: medians by method, their ratio to retraining for one request, and where retraining pays.

    `break_even` counts requests that are served one by one, as they are here; `break_even_shared` pays what is
    `shareable` once for all of them. Both are blank for what serves no single request: the original, `noop-ft` and
    the bank.

    Args:
        jobs: timing_jobs.csv.
    """
    retrain, rows = retraining(jobs).median(), []
    for (method, family), own in jobs.groupby(["method", "family"], sort=False):
        seconds, shareable = own["seconds"].median(), own["shareable"].median()
        serves = method != BANK and (own["request"] != ALL_REQUESTS).all()
        rows.append(
            {
                "method": method,
                "family": family,
                "seconds": seconds,
                "seconds_least": own["seconds"].min(),
                "seconds_most": own["seconds"].max(),
                "shareable": shareable,
                "peak_mib": own["peak_mib"].median(),
                "n": len(own),
                "ratio_to_retrain": seconds / retrain,
                "break_even": break_even(retrain, seconds) if serves else np.nan,
                "break_even_shared": (
                    break_even(retrain, seconds - shareable, shareable) if serves else np.nan
                ),
            }
        )
    return pd.DataFrame(rows, columns=list(TABLES["timing"]))


def break_even(retrain: float, seconds: float, once: float = 0.0) -> float:
    """Return the smallest number of requests that cost more, one after another, than retraining once without them all.

    Args:
        retrain: seconds of one retraining, however many objects it leaves out.
        seconds: of the method, for each request.
        once: seconds that the method needs once, before its first request.

    Returns:
        A whole number of at least 1; NaN if there is none, or if nothing was retrained.
    """
    if not (np.isfinite(retrain) and seconds > 0):
        return float("nan")
    return float(max(1, np.floor((retrain - once) / seconds) + 1))
