"""The pictures that attacks bring back, from planted ones."""

import re

import numpy as np
import pytest
from PIL import Image

from soulbench import figures
from soulbench.analysis.tables import write_tables
from soulbench.config import sections
from soulbench.core.paths import ResultPaths
from soulbench.core.terms import TASKS
from soulbench.figures import attack_images
from tests.unit.images_factory import write_images
from tests.unit.records_factory import Factory, config

ATTACKS = {"graph-query": {}, "embedding-query": {"methods": ["obj-mk-pa"], "requests": 2}}


def settings():
    found = config(bootstrap=50)
    return found | {"attacks": ATTACKS}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    Factory(folder, settings()).write()
    write_images(folder, settings())
    write_tables(settings() | {"attacks": {}}, folder, lambda line: None)
    return ResultPaths(str(folder))


def plot(paths, stem):
    lines, figure = [], figures.get("attack_images")
    figure.plot(sections.select(settings(), *figure.config_keys), paths, stem, lines.append)
    svg = stem.with_suffix(".svg").read_text(encoding="utf-8")
    return re.sub(r"<[^>]+>", " ", svg), lines


def test_every_attacked_model_has_a_row_and_every_attack_two_columns_a_task(results, tmp_path):
    text, lines = plot(results, tmp_path / "figure")
    for phrase in ("truth", "original", "control", "obj-mk-pa", "best query", "optimised", "no attack"):
        assert phrase in text
    # The truth, the original, ten methods and the control.
    assert lines == ["r1 (man), 13 rows of 8 pictures"]
    with Image.open(tmp_path / "figure.png") as image:
        assert np.asarray(image.convert("L")).std() > 5


def test_the_least_and_the_greatest_budget_are_shown(results):
    [run] = [
        run
        for run in attack_images._attacked(settings())
        if run.attack == "graph-query" and run.method == "obj-mk-pa"
    ]
    found = attack_images._pictures(results, run, "r2")
    assert {*found} == {*TASKS}
    for before, after in found.values():
        assert before.std() == 0
        assert after.std() > 50
    assert attack_images._pictures(results, run, "r99") == dict.fromkeys(TASKS, (None, None))


def test_the_figure_reads_the_first_seed(results):
    inputs = figures.get("attack_images").inputs(settings(), results)
    attacked = [path for path in inputs if "/attacks/" in path]
    assert attacked
    assert all(path.endswith("seed1.npz") for path in attacked)
