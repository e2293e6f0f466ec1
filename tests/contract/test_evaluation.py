"""What an evaluation writes: every file and column, the same bytes every time, for the original and for a method."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import silent

from soulbench.evaluation.ablations import ablate_alpha, ablate_modules
from soulbench.evaluation.run import Case, evaluate

FILES = ("metrics.csv", "latent.csv", "leakage.csv", "outputs.npz")
COLUMNS = {
    "metrics": ["task", "dimension", "metric", "value", "unit"],
    "latent": ["task", "group", "representation", "distance", "value"],
    "leakage": ["task", "attack", "status", "metric", "value"],
}
DIMENSIONS = {"A1", "A2", "A2-rest", "A3", "A4", "fidelity", "utility", "heldout", "diversity"}


@pytest.fixture(scope="module")
def records(bench, tmp_path_factory):
    """The original's record, and its copy's: a method that did nothing, compared with original and retrained."""
    folder = tmp_path_factory.mktemp("records")
    first, second = folder / "original", folder / "copy"
    cases = [Case("r1", str(bench.original), None, None, first)]
    evaluate(bench.config, "original", 1, cases, bench.data, "s", silent)
    cases = [Case("r1", str(bench.original), first, first, second)]
    evaluate(bench.config, "copy", 1, cases, bench.data, "s", silent)
    return folder


def values(path: Path, **chosen) -> pd.Series:
    table = pd.read_csv(path)
    for column, value in chosen.items():
        table = table[table[column] == value]
    assert len(table), chosen
    return table["value"]


@pytest.mark.parametrize("name", COLUMNS)
def test_columns(records, name):
    for method in ("original", "copy"):
        assert list(pd.read_csv(records / method / f"{name}.csv")) == COLUMNS[name]


def test_every_dimension_and_metric_is_there_in_both_tasks(records):
    table = pd.read_csv(records / "copy" / "metrics.csv")
    for _, part in table.groupby("task"):
        assert set(part["dimension"]) >= DIMENSIONS | {"oracle-A1", "oracle-A2"}
        assert set(part.loc[part["dimension"] == "A1", "metric"]) == {"ssim", "lpips", "mae", "changed"}
    assert set(table["task"]) == {"reconstruction", "synthesis"}


def test_an_unchanged_model_is_at_no_distance(records):
    path = records / "copy" / "metrics.csv"
    for dimension in ("A1", "A2", "A4", "oracle-A1"):
        assert (values(path, dimension=dimension, metric="mae") == 0).all()
        assert values(path, dimension=dimension, metric="ssim").to_list() == pytest.approx(
            [1.0, 1.0], abs=1e-5
        )
    assert (values(records / "copy" / "latent.csv", distance="l2") == 0).all()


def test_the_originals_own_distance_is_that_of_other_noise(records):
    assert (values(records / "original" / "metrics.csv", dimension="A1", metric="mae") > 0).all()


def test_no_query_is_the_fidelity_of_the_target(records):
    for task in ("reconstruction", "synthesis"):
        plain = values(records / "copy" / "leakage.csv", task=task, attack="none", metric="mae").item()
        outputs = np.load(records / "copy" / "outputs.npz")
        assert f"query-none-{task}" in outputs.files
        # Fidelity is averaged over two noise draws, a query is asked under the first.
        fidelity = values(
            records / "copy" / "metrics.csv", task=task, dimension="fidelity", metric="mae"
        ).item()
        assert plain == pytest.approx(fidelity, abs=2.0)


def test_the_same_bytes_again(bench, records, tmp_path):
    again = tmp_path / "again"
    cases = [Case("r1", str(bench.original), records / "original", records / "original", again)]
    evaluate(bench.config, "copy", 1, cases, bench.data, "s", silent)
    for name in FILES[:3]:
        assert (again / name).read_bytes() == (records / "copy" / name).read_bytes()
    with np.load(again / "outputs.npz") as new, np.load(records / "copy" / "outputs.npz") as old:
        assert new.files == old.files
        assert all(np.array_equal(new[key], old[key]) for key in new.files)


def test_ablations_take_their_redactions_back(bench, tmp_path):
    """Modules in either order give the same rows: each starts from the original model."""
    tables = []
    for order in (["decoder", "graph"], ["graph", "decoder"]):
        config = {**bench.config, "ablations": {**bench.config["ablations"], "modules": order}}
        out = tmp_path / f"{order[0]}.csv"
        ablate_modules(config, "r1", 1, bench.data, bench.original, out, silent)
        tables.append(
            pd.read_csv(out).drop(columns="seconds").sort_values(["module", "task", "dimension", "metric"])
        )
    pd.testing.assert_frame_equal(*(table.reset_index(drop=True) for table in tables))


def test_a_larger_alpha_moves_the_model_further(bench, tmp_path):
    config = {**bench.config, "ablations": {**bench.config["ablations"], "alphas": [0.0, 1.0, 1000.0]}}
    ablate_alpha(config, "r1", 1, bench.data, bench.original, tmp_path / "alpha.csv", silent)
    table = pd.read_csv(tmp_path / "alpha.csv")
    moved = table[(table["dimension"] == "A1") & (table["metric"] == "mae")].groupby("alpha")["value"].mean()
    assert moved[0.0] == 0
    assert moved[1000.0] > moved[1.0]
    assert np.load(tmp_path / "alpha.npz")["1.0/synthesis"].shape[1:] == (16, 16, 3)
