"""Success against budget, on planted errors."""

import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from soulbench import figures
from soulbench.analysis.attack_success import success
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import RESULT_FORMAT, write_csv
from soulbench.core.terms import TASKS
from tests.unit.records_factory import config

BUDGETS = (0, 1, 2, 4, 8)
#: Errors by budget. The original shows the target (10), the control does not (30): halfway lies 20.
ERRORS = {
    "original": (10, 10, 9, 9, 9),
    "retrain": (30, 29, 28, 27, 26),
    "obj-mk-pa": (31, 25, 19, 18, 12),
    "sample-ng": (60, 55, 55, 54, 54),
}


def rows(errors=ERRORS, attack="graph-query", requests=("r1", "r2"), seeds=(1, 2), tasks=TASKS):
    table = pd.DataFrame(
        [
            (method, request, seed, attack, task, budget, "error", "grey levels", error, "ok")
            for method, curve in errors.items()
            for request in requests
            for seed in seeds
            for task in tasks
            for budget, error in zip(BUDGETS, curve, strict=True)
        ],
        columns=[
            "method",
            "request",
            "seed",
            "attack",
            "task",
            "budget",
            "metric",
            "unit",
            "value",
            "status",
        ],
    )
    means = table[table["method"] == "retrain"].groupby(["request", "task", "budget"])["value"].mean()
    return table.join(means.rename("control"), on=["request", "task", "budget"])


def shares(table, method, task="synthesis"):
    found = success(table, "graph-query")
    own = found[(found["method"] == method) & (found["task"] == task)]
    return dict(zip(own["budget"], own["share"], strict=True))


def test_an_attack_succeeds_from_the_budget_that_brings_the_target_back():
    assert shares(rows(), "obj-mk-pa") == {0: 0, 1: 0, 2: 1, 4: 1, 8: 1}
    assert {*shares(rows(), "original").values()} == {1}
    assert {*shares(rows(), "retrain").values()} == {0}
    assert {*shares(rows(), "sample-ng").values()} == {0}


def test_what_came_back_once_is_not_forgotten_again():
    curve = {**ERRORS, "obj-mk-pa": (31, 12, 40, 40, 40)}
    assert shares(rows(curve), "obj-mk-pa") == {0: 0, 1: 1, 2: 1, 4: 1, 8: 1}


def test_requests_and_seeds_are_averaged():
    table = rows()
    table.loc[
        (table["method"] == "obj-mk-pa") & (table["request"] == "r1") & (table["seed"] == 1), "value"
    ] = 50
    assert shares(table, "obj-mk-pa")[8] == pytest.approx((0.5 + 1) / 2)


def test_a_request_that_was_not_memorised_is_left_out():
    table = rows()
    table.loc[(table["method"] == "original") & (table["request"] == "r1"), "value"] = 35
    found = success(table, "graph-query")
    assert {*found["requests"]} == {1}
    table.loc[table["method"] == "original", "value"] = 35
    assert success(table, "graph-query").empty


def plotted(table, folder):
    """Write the table and plot the figure; return the text in it and its pixels."""
    settings, paths = config(), ResultPaths(str(folder))
    settings["attacks"] = {"graph-query": {}, "embedding-query": {"methods": ["obj-mk-pa"]}}
    (folder / "tables").mkdir()
    write_csv(table, paths.table("attacks"), RESULT_FORMAT)
    figure = figures.get("attack_success")
    assert figure.applies(settings)
    figure.plot(
        {key: settings[key] for key in figure.config_keys}, paths, folder / "figure", lambda line: None
    )
    svg = (folder / "figure.svg").read_text(encoding="utf-8")
    return re.sub(r"<[^>]+>", " ", svg), np.asarray(Image.open(folder / "figure.png"))


def test_the_figure_shows_each_attack_with_its_control(tmp_path):
    text, pixels = plotted(pd.concat([rows(), rows(attack="embedding-query", requests=("r1",))]), tmp_path)
    for phrase in ("obj-mk-pa", "never saw the target", "queries", "steps", "graph-query: 2 requests"):
        assert phrase in text
    assert "embedding-query: 1 request whose" in text
    assert pixels.std() > 5


def test_without_a_memorised_request_the_figure_is_empty_not_an_error(tmp_path):
    table = rows()
    table.loc[table["method"] == "original", "value"] = 35
    assert "no request whose target" in plotted(table, tmp_path)[0]


def test_without_these_attacks_there_is_no_such_figure():
    settings = config()
    settings["attacks"] = {"compression": {}, "graph-query": None}
    assert not figures.get("attack_success").applies(settings)
