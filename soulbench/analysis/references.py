"""Which requests were memorised, how far each model is from retraining, and what each costs."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from soulbench.analysis import methods
from soulbench.analysis.band import BAND, Band
from soulbench.analysis.evidence import Evidence
from soulbench.analysis.statistics import request_means
from soulbench.config import runs
from soulbench.core.columns import TABLES
from soulbench.core.model_record import read_model_record
from soulbench.core.paths import ResultPaths, beside
from soulbench.core.terms import ALL_REQUESTS, BANK, RESEED, TASKS

#: Dimensions in which the bank's models must agree with exact ones.
VALIDATED = ("target_error", "A1", "A2", "A3", "A4")


def memorised(evidence: Evidence, requests: pd.DataFrame) -> pd.DataFrame:
    """Return memorised.csv: how much smaller the original's error on each target is than the retrained model's.

    `memorised`: the retrained model's error minus the original's is above 0; `clearly`: so is its interval, which the
    spread between models decides.
    """
    primary = requests.drop_duplicates("request")  # the first row of a request is its primary target
    categories = dict(zip(primary["request"], primary["category"], strict=True))
    rows = []
    for task in TASKS:
        band = evidence.memory(task)
        gaps, reach = band.gaps((1 + evidence.bootstrap.confidence) / 2)
        errors = request_means(band.inside)
        for request, error, gap, far in zip(evidence.arrays.requests, errors, gaps, reach, strict=True):
            if not np.isnan(gap):
                numbers = (
                    error,
                    error + gap,
                    gap,
                    *((gap - far, gap + far) if np.isfinite(far) else (np.nan,) * 2),
                )
                answers = band.sigma_of, bool(gap > 0), bool(gap > far)
                rows.append((request, categories.get(request, ""), task, *numbers, band.sigma, *answers))
    return pd.DataFrame(rows, columns=list(TABLES["memorised"]))


def distances_to_retraining(evidence: Evidence) -> pd.DataFrame:
    """Return sod.csv: (error of retraining - error of the model) / sigma, by method, request and task.

    Positive: the target is generated better than after retraining, so something is remembered. Negative: more than
    the target was forgotten. Up to two standard deviations count as equal to retraining.
    """
    rows = []
    for task in TASKS:
        band = evidence.band(task)
        retrain = request_means(band.out)
        for method in evidence.methods:
            errors = evidence.error(method, task)
            numbers = zip(
                evidence.arrays.requests, request_means(errors), retrain, band.sod(errors), strict=True
            )
            for request, error, reference, sod in numbers:
                if not np.isnan(sod):
                    inside = bool(abs(sod) <= BAND)
                    rows.append(
                        (method, request, task, error, reference, band.sigma, band.sigma_of, sod, inside)
                    )
    return pd.DataFrame(rows, columns=list(TABLES["sod"]))


def bank_against_exact(evidence: Evidence) -> pd.DataFrame:
    """Return bank.csv: how far the bank's models are from exact ones, which lack one request's targets and no others.

    One row for each request that has an exact model, task and dimension, in grey levels; no rows without a bank. The
    interval of the difference is that of two means of models that spread alike; `within`: it contains 0.
    """
    rows = []
    for task in TASKS if evidence.has_bank else ():
        for dimension in VALIDATED:
            bank = Band(evidence.error("retrain", task, dimension), evidence.retrained(task, dimension), 0.0)
            differences, reach = bank.gaps((1 + evidence.bootstrap.confidence) / 2)
            means = request_means(bank.out), request_means(bank.inside)
            for request, exact, mean, difference, far in zip(
                evidence.arrays.requests, *means, differences, reach, strict=True
            ):
                if not np.isnan(difference):
                    ends = difference - far, difference + far
                    rows.append(
                        (request, task, dimension, exact, mean, difference, *ends, abs(difference) <= far)
                    )
    return pd.DataFrame(rows, columns=list(TABLES["bank"]))


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
            timing.peak_mib,
            timing.steps,
        )
    return pd.DataFrame(list(rows.values()), columns=list(TABLES["timing_jobs"]))


def _pretraining_seconds(paths: ResultPaths, seed: int) -> float:
    return read_model_record(beside(paths.pretrained(seed), "json")).timing.seconds


def costs(jobs: pd.DataFrame) -> pd.DataFrame:
    """Return timing.csv: medians by method, and their ratio to the cost of retraining for one request."""
    exact = jobs["method"] == "retrain"
    retrain = jobs.loc[exact if exact.any() else jobs["method"] == BANK, "seconds"].median()
    grouped = jobs.groupby(["method", "family"], sort=False)
    table = grouped.agg(
        seconds=("seconds", "median"), peak_mib=("peak_mib", "median"), n=("seconds", "size")
    ).reset_index()
    table["ratio_to_retrain"] = table["seconds"] / retrain
    return table
