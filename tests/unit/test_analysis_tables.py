"""Records in, tables out: completeness, columns, floors and references, from planted records."""

import numpy as np
import pandas as pd
import pytest

from soulbench.analysis.tables import write_tables
from soulbench.core.errors import UserError
from tests.unit.records_factory import Factory, config

COLUMNS = {
    "metrics": "method request seed task dimension metric value unit",
    "summary": "method task dimension metric mean ci_low ci_high n_requests n_seeds floor better",
    "latent": "method request seed task group representation distance value",
    "queries": "method request seed task query status metric value",
    "timing": "method family seconds peak_mib n ratio_to_retrain",
    "ablation_modules": "request seed module parameters seconds residual task dimension metric value",
    "ablation_alpha": "request seed alpha task dimension metric value",
}


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    settings = config()
    cells = Factory(folder, settings).write()
    write_tables(settings, folder, cells, folder / "tables", lambda line: None)
    return {path.stem: pd.read_csv(path) for path in (folder / "tables").glob("*.csv")}


def only(table, **values):
    for name, value in values.items():
        table = table[table[name] == value]
    assert len(table) == 1
    return table.iloc[0]


@pytest.mark.parametrize("name", COLUMNS)
def test_columns(tables, name):
    assert list(tables[name].columns)[: len(COLUMNS[name].split())] == COLUMNS[name].split()


def test_every_missing_record_is_listed(tmp_path):
    settings = config(bootstrap=50)
    cells = Factory(tmp_path, settings).write()
    lost = [
        tmp_path / "records/obj-ng/r2/seed1/metrics.csv",
        tmp_path / "records/feat-if/r3/seed2/queries.csv",
    ]
    for path in lost:
        path.unlink()
    with pytest.raises(UserError, match="2 planned records") as caught:
        write_tables(settings, tmp_path, cells, tmp_path / "tables", print)
    assert all(str(path.relative_to(tmp_path)) in str(caught.value) for path in lost)
    assert not (tmp_path / "tables").exists()


def test_same_records_same_bytes_whatever_the_order_of_the_plan(tmp_path):
    settings = config(bootstrap=50)
    settings["methods"] = {name: {} for name in ("original", "noop-ft", "retrain", "obj-if")}
    cells = Factory(tmp_path, settings).write()
    write_tables(settings, tmp_path, cells, tmp_path / "a", lambda line: None)
    by_method = sorted(cells, key=lambda cell: cell["method"])
    write_tables(settings, tmp_path, by_method, tmp_path / "b", lambda line: None)
    for path in (tmp_path / "a").glob("*.csv"):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_interval_needs_enough_requests(tables):
    few = only(tables["summary"], method="retrain-sample", task="synthesis", dimension="A1", metric="mae")
    assert few["n_requests"] == 2
    assert np.isnan(few["ci_low"])
    assert "points only" in few["note"]
    many = only(tables["summary"], method="obj-mk-pa", task="synthesis", dimension="A1", metric="mae")
    assert many["ci_low"] < many["mean"] < many["ci_high"]
    assert many["n_seeds"] == 2


def test_floor_is_the_larger_of_noise_and_noop_and_directions_follow_the_metric(tables):
    row = only(tables["summary"], method="feat-if", task="reconstruction", dimension="A2", metric="mae")
    assert row["floor"] == max(row["floor_noise"], row["floor_noop"])
    assert row["inside_floor"] == (row["mean"] <= row["floor"])
    assert row["better"] == "lower"
    ssim = only(tables["summary"], method="obj-ng", task="reconstruction", dimension="A2", metric="ssim")
    assert ssim["floor"] == min(ssim["floor_noise"], ssim["floor_noop"])
    assert ssim["better"] == "higher"
    assert not ssim["inside_floor"]
    target = only(tables["summary"], method="obj-ng", task="reconstruction", dimension="A1", metric="mae")
    assert (target["better"], target["paper_better"]) == ("towards retrain", "higher")


def test_oracle_floor_is_another_seed_where_there_is_one_retrained_model(tables):
    row = only(tables["summary"], method="obj-mk-pa", task="synthesis", dimension="retrain-A2", metric="mae")
    seed = only(tables["summary"], method="reseed", task="synthesis", dimension="A2", metric="mae")
    assert row["floor"] == pytest.approx(seed["mean"])
    assert row["excess"] == pytest.approx(row["mean"] - row["floor"])


def test_collapse_is_badged(tables):
    flags = tables["summary"].groupby(["method", "task"])["collapsed"].all()
    assert flags["obj-if", "synthesis"]
    assert not flags["obj-if", "reconstruction"]


def test_contrasts_pair_with_references_of_fewer_seeds(tables):
    key = {"task": "synthesis", "dimension": "target_error", "metric": "mae"}
    row = only(tables["contrasts"], method="obj-ng", against="retrain", **key)
    means = {name: only(tables["summary"], method=name, **key)["mean"] for name in ("obj-ng", "retrain")}
    assert row["difference"] == pytest.approx(means["obj-ng"] - means["retrain"])
    assert row["p"] == 0.03125
    assert row["rank_biserial"] == 1.0
    assert row["p_holm"] >= row["p_least"] > 0.05


def test_memorised_and_distance_to_retraining(tables):
    assert len(tables["memorised"]) == 12
    assert tables["memorised"]["memorised"].all()
    sod = tables["sod"].groupby(["method", "task"])["sod"].mean()
    assert sod["noop-ft", "synthesis"] > 2 > 0 > sod["obj-ng", "synthesis"]
    assert sod["retrain", "reconstruction"] == 0


def test_a_request_that_was_never_memorised_is_told(tmp_path):
    settings = config()
    settings["methods"] = {name: {} for name in ("original", "noop-ft", "retrain", "obj-mk-pa")}
    planted = {"retrain": Factory(tmp_path, settings).planted["retrain"].__class__((-0.2, 1.0))}
    cells = Factory(tmp_path, settings, planted).write()
    write_tables(settings, tmp_path, cells, tmp_path / "tables", lambda line: None)
    table = pd.read_csv(tmp_path / "tables" / "memorised.csv")
    assert table.groupby("task")["memorised"].sum().to_dict() == {"reconstruction": 0, "synthesis": 6}
    scores = pd.read_csv(tmp_path / "tables" / "scoreboard.csv").set_index(["method", "task"])
    assert scores.loc[("obj-mk-pa", "reconstruction"), "outcome"] == "cannot be told"


def test_costs_count_a_shared_model_once_and_both_stages_of_the_original(tables):
    timing = tables["timing"].set_index("method")
    assert timing.loc["noop-ft", "n"] == 2
    assert timing.loc["obj-if", "n"] == 12
    assert timing.loc["original", "seconds"] == 400.0
    assert timing.loc["retrain", "ratio_to_retrain"] == 1.0
    assert timing.loc["obj-if", "family"] == "redaction"


def test_a_variant_stands_beside_its_base(tmp_path):
    settings = config(bootstrap=50)
    settings["methods"] = {name: {} for name in ("original", "noop-ft", "retrain", "obj-mk-pa", "obj-if")}
    settings["methods"]["obj-mk-pa-input"] = {"variant_of": "obj-mk-pa", "mask_on": "input"}
    cells = Factory(tmp_path, settings).write()
    write_tables(settings, tmp_path, cells, tmp_path / "tables", lambda line: None)
    methods = list(pd.read_csv(tmp_path / "tables" / "scoreboard.csv")["method"].unique())
    assert methods.index("obj-mk-pa-input") == methods.index("obj-mk-pa") + 1
