"""What the views Explore and Compare show: every measurement by request, the plane, and the pairs of methods."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from soulbench.analysis import methods
from soulbench.analysis.arrays import natural_order
from soulbench.analysis.bootstrap import Interval
from soulbench.analysis.budgets import Budgets
from soulbench.analysis.dimensions import DIMENSIONS, PRIMARY, is_similarity
from soulbench.analysis.evidence import NEGLIGIBLE, Evidence
from soulbench.analysis.pairs import TESTED, pairs
from soulbench.analysis.scoreboard import RETAINED
from soulbench.config import runs
from soulbench.config.metrics import measured, units
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import read_csv
from soulbench.core.terms import ELSEWHERE, RESEED, RETRAINED, TASKS
from soulbench.figures import metric_name

ALL_KINDS = "all"


def measurements(config: dict[str, Any], paths: ResultPaths) -> dict[str, Any]:
    """Return everything that both views need, except for images."""
    metrics, queries, budgets = (read_csv(paths.table(name)) for name in ("metrics", "queries", "budgets"))
    scores, requests = read_csv(paths.table("scoreboard")), read_csv(paths.data("requests.csv"))
    selected = read_csv(paths.table("selected")).set_index("method")["budget"].to_dict()
    evidence = Evidence(config, metrics, queries)
    requests = requests[requests["request"].isin(evidence.arrays.requests)]
    described = [_request(rows) for _, rows in requests.groupby("request", sort=False)]
    described = sorted(described, key=lambda request: natural_order(request["id"]))
    by_kind = {ALL_KINDS: [request["id"] for request in described]}
    for request in described:
        by_kind.setdefault(request["kind"], []).append(request["id"])
    shown: list[dict[str, Any]] = [
        {"id": metric, "name": metric_name(config, metric), "unit": unit, "similarity": is_similarity(metric)}
        for metric, unit in units(config).items()
    ]
    return {
        "tasks": TASKS,
        "metrics": shown,
        "dimensions": [
            {"id": name, "words": DIMENSIONS[name].words, "better": DIMENSIONS[name].better}
            for name in TESTED
        ],
        "primary": PRIMARY,
        "retained": RETAINED,
        # Of a metric that the configuration adds, its file says what means nothing.
        "negligible": NEGLIGIBLE | {metric.id: metric.least for metric in measured(config)},
        "confidence": config["analysis"]["confidence"],
        "fewest": config["analysis"]["min_requests"],
        "seeds": config["seeds"],
        "methods": [
            _method(config, name, scores) | {"selected": selected.get(name)}
            for name in methods.ordered(config, evidence.methods)
        ],
        "requests": described,
        "kinds": by_kind,
        "values": _values(evidence, [metric["id"] for metric in shown]),
        "sigma": {task: {m["id"]: evidence.band(task, m["id"]).sigma for m in shown} for task in TASKS},
        "plane": {
            kind: _plane(
                config, *[frame[frame["request"].isin(names)] for frame in (metrics, queries, budgets)]
            )
            for kind, names in by_kind.items()
        },
        "pairs": _pairs(pairs(evidence)),
    }


def _request(rows: pd.DataFrame) -> dict[str, Any]:
    """Return a request with the boxes of its targets, those of the primary target's image."""
    first = rows.iloc[0]
    targets = rows[rows["role"] != ELSEWHERE]
    boxes = targets[targets["image_id"] == first["image_id"]]
    return {
        "id": first["request"],
        "kind": first["kind"],
        "category": first["category"],
        "image": int(first["image_id"]),
        "images": int(targets["image_id"].nunique()),
        "targets": len(targets),
        "boxes": boxes[["x0", "y0", "x1", "y1"]].to_numpy(),
    }


def _method(config: dict[str, Any], name: str, scores: pd.DataFrame) -> dict[str, Any]:
    """Return a method with its outcomes by operating point and task."""
    rows = scores[scores["method"] == name]
    outcomes = rows.groupby("operating_point")[["task", "outcome"]]
    return {
        "id": name,
        # What colours it: of the methods beyond the paper their group, whatever their level.
        "level": methods.shown_group(config, name).replace(" ", "-"),
        "reference": methods.level(config, name) == "reference",
        "badge": methods.NOT_ALLOWED if methods.group(config, name) == methods.ORACLE else "",
        "family": methods.family(config, name),
        "described": runs.described_budget(config, name),
        "outcomes": {point: dict(found.to_numpy().tolist()) for point, found in outcomes},
    }


def _values(evidence: Evidence, metrics: list[str]) -> dict[str, Any]:
    """Return all measurements by method, task, dimension and metric: for each request those of all seeds."""
    values: dict[str, Any] = {}
    for task in TASKS:
        for dimension in TESTED:
            for metric in metrics:
                arrays = {
                    name: evidence.arrays[name, task, dimension, metric]
                    for name in (*evidence.methods, RESEED)
                }
                arrays[RETRAINED] = evidence.retrained(task, dimension, metric)
                for name, array in arrays.items():
                    if not np.isnan(array).all():
                        by_dimension = values.setdefault(name, {}).setdefault(task, {})
                        rows = [row[~np.isnan(row)] for row in array]
                        by_dimension.setdefault(dimension, {})[metric] = rows
    return values


def _plane(
    config: dict[str, Any], metrics: pd.DataFrame, queries: pd.DataFrame, budgets: pd.DataFrame
) -> dict[str, Any]:
    """Return the points of some requests by task, metric and method, with the half width of the band."""
    evidence = Evidence(config, metrics, queries)
    at = Budgets(evidence, budgets)
    return {
        task: {
            metric: {
                "band": evidence.band(task, metric).half_width,
                "points": {
                    name: _path(at, name, task, metric) for name in methods.ordered(config, evidence.methods)
                },
            }
            for metric in units(config)
        }
        for task in TASKS
    }


def _path(at: Budgets, method: str, task: str, metric: str) -> list[dict[str, Any]]:
    """Return the points of a method, at its smallest budget first; without a budget, the one that it has."""
    described = runs.described_budget(at.evidence.config, method)
    further = [budget for budget in at.measured.get(method, []) if budget != described]
    points = []
    for budget in sorted([*further, described], key=lambda value: value or 0.0):
        key = None if budget == described else budget
        share = at.forgotten(method, key, task, metric)
        harm = {name: at.harm(method, key, task, name, metric) for name in RETAINED}
        if not np.isnan(share.mean):
            points.append(
                {
                    "budget": budget,
                    "n": share.requests,
                    "forgotten": _ends(share),
                    "harm": {name: _ends(interval) for name, interval in harm.items()},
                }
            )
    return points


def _ends(interval: Interval) -> list[float]:
    """Return mean and ends; the mean alone where there are no ends."""
    ends = [interval.low, interval.high]
    return [interval.mean] if np.isnan(ends).any() else [interval.mean, *ends]


def _pairs(table: pd.DataFrame) -> Mapping[str, Any]:
    """Return the pairs by task and dimension, each as the list that compare.js reads."""
    numbers = ["difference", "ci_low", "ci_high", "n_requests", "p", "p_holm", "comparisons", "p_least"]
    found: dict[str, Any] = {}
    for (task, dimension), rows in table.groupby(["task", "dimension"], sort=False):
        found.setdefault(str(task), {})[str(dimension)] = rows[["a", "b", *numbers]].to_numpy(dtype=object)
    return found
