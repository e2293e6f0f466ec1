"""Which requests were memorised, and how far each model is from retraining."""

import numpy as np
import pandas as pd

from soulbench.analysis.band import BAND, Band
from soulbench.analysis.evidence import Evidence
from soulbench.analysis.statistics import request_means
from soulbench.core.columns import TABLES
from soulbench.core.terms import TASKS

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
