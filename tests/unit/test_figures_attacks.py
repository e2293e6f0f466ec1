"""The figures of attacks from planted tables: what is plotted, with and without a bank, and with little measured."""

import re

import numpy as np
import pandas as pd
import pytest

from soulbench import figures
from soulbench.config import attacks, sections
from soulbench.core.columns import TABLES
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import write_csv
from soulbench.core.terms import TASKS
from soulbench.figures.sequence import come_back
from tests.unit.records_factory import config

METHODS = ("obj-mk-pa", "sample-ft")
STEPS = (0, 2, 5, 10, 20)


def settings(bank=True):
    """Return a configuration with both attacks."""
    loaded = config()
    loaded["attacks"] = {"relearn": {}, "sequence": {}}
    loaded["references"] = {"bank": {"models": 4, "share": 0.5} if bank else None}
    return loaded


def row(method, request, seed, attack, task, budget, metric, value):
    return (method, request, seed, attack, task, budget, metric, "grey levels", value, np.nan, "ok")


def curves(loaded):
    """Relearning of two requests: what is only hidden comes back, what was never seen does not."""
    starts = {"original": 12.0, attacks.control(loaded): 40.0, "obj-mk-pa": 45.0, "sample-ft": 41.0}
    slopes = {"original": 0.0, attacks.control(loaded): 0.05, "obj-mk-pa": 1.4, "sample-ft": 0.1}
    for method, request, seed, task in (
        (method, request, seed, task)
        for method in starts
        for request in ("r1", "r2")
        for seed in (1, 2)
        for task in TASKS
    ):
        other = 3.0 * (request == "r2") + seed
        kinds = ("retained", "category", "view" if request == "r1" else "crop", "object")
        for number, kind in enumerate(kinds):
            for step in STEPS:
                value = starts[method] + other - slopes[method] * step - 0.4 * number * step
                yield row(method, request, seed, "relearn", task, step, f"error-{kind}", value)


def sequences(loaded, size=3):
    """Sequences of requests: those of obj-mk-pa come back."""
    requests = [f"r{number}" for number in range(1, size + 1)]
    for task in TASKS:
        for request in requests:
            for method in ("original", attacks.control(loaded), *METHODS):
                for done in range(size + 1):
                    rest = 12.0 + (0.8 * done if method in METHODS else 0.0)
                    yield row(method, request, 1, "sequence", task, done, "rest", rest)
        for method, back in zip(METHODS, (4.0, -0.5), strict=True):
            for place, request in enumerate(requests, 1):
                for done in range(size + 1):
                    error = 10.0 if done < place else 40.0 - back * (done - place)
                    yield row(method, request, 1, "sequence", task, done, f"error-{place}", error)


def plotted(tmp_path, name, rows, loaded):
    """Plot a figure from planted rows; return the SVG's text."""
    paths = ResultPaths(str(tmp_path))
    frame = pd.DataFrame(rows, columns=list(TABLES["attacks"]))
    (tmp_path / "tables").mkdir(exist_ok=True)
    write_csv(frame, paths.table("attacks"), float_format=None)
    figure = figures.get(name)
    figure.plot(sections.select(loaded, *figure.config_keys), paths, tmp_path / name, lambda line: None)
    return (tmp_path / f"{name}.svg").read_text()


@pytest.mark.parametrize("bank", [True, False])
@pytest.mark.parametrize(("name", "rows"), [("relearn", curves), ("sequence", sequences)])
def test_they_show_every_method_and_the_control(tmp_path, name, rows, bank):
    loaded = settings(bank)
    svg = plotted(tmp_path, name, list(rows(loaded)), loaded)
    assert all(method in svg for method in METHODS)
    shown = "never saw the target" if name == "relearn" else attacks.control(loaded)
    assert shown in svg
    assert plotted(tmp_path, name, list(rows(loaded)), loaded) == svg


@pytest.mark.parametrize("name", ["relearn", "sequence"])
def test_they_say_where_nothing_is_measured(tmp_path, name):
    loaded = settings()
    nothing = [row("original", "r1", 1, name, task, 1, "rest", 1.0) for task in TASKS]
    svg = plotted(tmp_path, name, nothing, loaded)
    assert ("not measured" if name == "relearn" else "No method here unlearns") in svg


@pytest.mark.parametrize("name", ["relearn", "sequence"])
def test_without_the_attack_there_is_no_such_figure(name):
    loaded = settings()
    assert figures.get(name).applies(loaded)
    loaded["attacks"][name] = None
    assert not figures.get(name).applies(loaded)


def test_what_comes_back_by_place_and_step():
    rows = pd.DataFrame(list(sequences(settings())), columns=list(TABLES["attacks"]))
    found = come_back(rows[(rows["method"] == "obj-mk-pa") & (rows["task"] == TASKS[0])])
    expected = [[0, 4, 8], [np.nan, 0, 4], [np.nan, np.nan, 0]]
    np.testing.assert_allclose(found, expected)
    assert come_back(rows[rows["method"] == "original"]).size == 0


def test_attacks_that_were_made_for_fewer_requests_say_so(tmp_path):
    paths, loaded, figure = ResultPaths(str(tmp_path)), settings(), figures.get("attacks")
    numbers = dict.fromkeys(TABLES["leaks"], 0.0) | {"excess": 9.0, "excess_low": 7.0, "excess_high": 11.0}
    words = {"method": "obj-mk-pa", "metric": "error", "unit": "grey levels", "leaks": "yes", "n_seeds": 1}
    rows = [
        {**numbers, **words, "leaks_uncorrected": "yes", "attack": name, "task": task, "n_requests": requests}
        for name, requests in (("compression", 24), ("relearn", 6))
        for task in TASKS
    ]
    write_csv(pd.DataFrame(rows), paths.table("leaks"), float_format=None)
    figure.plot(sections.select(loaded, *figure.config_keys), paths, tmp_path / "attacks", lambda line: None)
    words = " ".join(re.sub(r"<[^>]+>", " ", (tmp_path / "attacks.svg").read_text()).split())
    assert "relearn n = 6" in words and words.count("n = ") == 1 and "over 24 requests" in words
