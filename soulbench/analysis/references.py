"""Which requests were memorised, how far each model is from retraining, and what each costs."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from soulbench.analysis import methods as roster
from soulbench.analysis.dimensions import PRIMARY
from soulbench.analysis.evidence import Evidence
from soulbench.analysis.gather import Cell, model_record
from soulbench.analysis.statistics import request_means
from soulbench.analysis.summary import BAND, SIGMA_FLOOR, sigma_of_retraining
from soulbench.core.records import read_json
from soulbench.core.terms import ALL_REQUESTS, RESEED, TASKS

MEMORISED = [
    "request",
    "category",
    "task",
    "error_original",
    "error_retrain",
    "gap",
    "sigma",
    "memorised",
    "clearly",
]
SOD = ["method", "request", "task", "error", "error_retrain", "sigma", "sigma_of", "sod", "inside_band"]
JOBS = ["method", "level", "family", "request", "seed", "seconds", "peak_mib", "steps"]


def memorised(evidence: Evidence, requests: pd.DataFrame) -> pd.DataFrame:
    """Return memorised.csv: how much better the original draws each target than retraining does.

    `memorised`: phi(original) - phi(retrain) > 0; `clearly`: beyond two standard deviations of seeds.
    """
    categories = dict(zip(requests["request"].astype(str), requests["category"], strict=True))
    rows = []
    for task in TASKS:
        sigma = _sigma(evidence, task)[0]
        original = request_means(evidence.error("original", task))
        gaps = request_means(evidence.gap(task))
        for request, error, gap in zip(evidence.cells.requests, original, gaps, strict=True):
            if not np.isnan(gap):
                verdict = (bool(gap > 0), bool(gap > BAND * sigma))
                category = categories.get(request, "")
                rows.append((request, category, task, error, error + gap, gap, sigma, *verdict))
    return pd.DataFrame(rows, columns=MEMORISED)


def _sigma(evidence: Evidence, task: str) -> tuple[float, str]:
    sigma, whose = sigma_of_retraining(evidence, task, PRIMARY)
    return float(np.nanmax([sigma, SIGMA_FLOOR[PRIMARY]])), whose


def distances_to_retraining(evidence: Evidence) -> pd.DataFrame:
    """Return sod.csv: (phi_u - phi_R) / max(sigma_R, floor) by method, request and task.

    Within 2 is inside the band.

    Positive: the target is drawn better than retraining would, so something is remembered; negative: over-
    unlearned.
    """
    rows = []
    for task in TASKS:
        sigma, whose = _sigma(evidence, task)
        retrain = request_means(evidence.error("retrain", task))
        for method in evidence.methods:
            errors = request_means(evidence.error(method, task))
            for request, error, reference in zip(evidence.cells.requests, errors, retrain, strict=True):
                if not np.isnan(error - reference):
                    sod = (reference - error) / sigma
                    rows.append(
                        (method, request, task, error, reference, sigma, whose, sod, bool(abs(sod) <= BAND))
                    )
    return pd.DataFrame(rows, columns=SOD)


def jobs(config: dict[str, Any], results_dir: Path, cells: Iterable[Cell]) -> pd.DataFrame:
    """Return timing_jobs.csv: one row for each model that was made.

    A model that serves every request counts once.
    """
    rows = {}
    for cell in cells:
        method, seed = cell["method"], cell["seed"]
        if method == RESEED:
            continue
        record = model_record(results_dir, cell)
        request = ALL_REQUESTS if not _per_request(results_dir, cell) else cell["request"]
        timing = record.get("timing", record)  # the training stages write their cost flat
        seconds = timing["seconds"] + (_pretraining(results_dir, seed) if method == "original" else 0.0)
        kind = roster.level(config, method), roster.family(config, method)
        rows[method, request, seed] = (
            method,
            *kind,
            request,
            seed,
            seconds,
            timing["peak_mib"],
            timing.get("steps"),
        )
    return pd.DataFrame(list(rows.values()), columns=JOBS)


def _per_request(results_dir: Path, cell: Cell) -> bool:
    """Tell whether a cell's model was made for its request alone."""
    if cell["method"] == "original":
        return False
    return (results_dir / "unlearned" / cell["method"] / cell["request"] / f"seed{cell['seed']}").is_dir()


def _pretraining(results_dir: Path, seed: int) -> float:
    """Return the seconds of the stage that an original model starts from: retraining pays for both, too."""
    record = read_json(results_dir / "models" / "pretrained" / f"seed{seed}.json")
    return record.get("timing", record)["seconds"]


def costs(table: pd.DataFrame) -> pd.DataFrame:
    """Return timing.csv: medians by method, and what retraining for one request costs in their terms."""
    retrain = table.loc[table["method"] == "retrain", "seconds"].median()
    grouped = table.groupby(["method", "family"], sort=False)
    made = grouped.agg(seconds=("seconds", "median"), peak_mib=("peak_mib", "median"), n=("seconds", "size"))
    made = made.reset_index()
    made["ratio_to_retrain"] = made["seconds"] / retrain
    return made
