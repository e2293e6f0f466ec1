"""The tables of planted records: completeness, columns, floors and references."""

import shutil

import numpy as np
import pandas as pd
import pytest

from soulbench.analysis.costs import break_even, costs
from soulbench.analysis.evidence import Evidence
from soulbench.analysis.summary import contrasts
from soulbench.analysis.tables import write_tables
from soulbench.core.columns import TABLES
from soulbench.core.damage import DamagedFile
from soulbench.core.errors import UserError
from soulbench.core.records import read_json, write_json
from soulbench.core.tables import read_csv
from soulbench.core.terms import ALL_REQUESTS
from tests.unit.planted_methods import PlantedMethod
from tests.unit.records_factory import Factory, config

#: Tables that other rules write.
OTHERS = {"human", "subset", "requests", "claims", "claim_parts", "timing_claims", "timing_claim_parts"}


def written_tables(folder, settings, planted=None):
    """Write planted records and their tables, and return the tables by name."""
    Factory(folder, settings, planted).write()
    write_tables(settings, folder, lambda line: None)
    return {path.stem: read_csv(path) for path in (folder / "tables").glob("*.csv")}


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    settings = config()
    return written_tables(folder, settings)


def only(table, **values):
    for name, value in values.items():
        table = table[table[name] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_every_table_has_the_columns_of_its_schema(tables):
    assert set(tables) == set(TABLES) - OTHERS
    assert {name: list(table.columns) for name, table in tables.items()} == {
        name: list(TABLES[name]) for name in tables
    }


@pytest.mark.parametrize("harm", ["a line lost", "a digit changed", "no digest"])
def test_a_record_that_is_not_as_it_was_written_is_refused(tmp_path, harm):
    settings = config(bootstrap=50)
    Factory(tmp_path, settings).write()
    folder = tmp_path / "records/obj-ng/r2/seed1"
    content = (folder / "metrics.csv").read_bytes()
    if harm == "a line lost":
        (folder / "metrics.csv").write_bytes(content[: content[:-1].rindex(b"\n") + 1])
    elif harm == "a digit changed":
        at = max(content.rfind(digit) for digit in b"123")
        (folder / "metrics.csv").write_bytes(content[:at] + b"4" + content[at + 1 :])
    else:
        record = read_json(folder / "record.json")
        write_json(folder / "record.json", {key: record[key] for key in record if key != "digests"})
    named = "record.json" if harm == "no digest" else "metrics.csv"
    with pytest.raises(DamagedFile, match=rf"obj-ng/r2/seed1/{named}: damaged .* makes it anew"):
        write_tables(settings, tmp_path, print)


def test_every_missing_record_is_listed(tmp_path):
    settings = config(bootstrap=50)
    Factory(tmp_path, settings).write()
    lost = [
        tmp_path / "records/obj-ng/r2/seed1/metrics.csv",
        tmp_path / "records/feat-if/r3/seed2/queries.csv",
    ]
    for path in lost:
        path.unlink()
    with pytest.raises(UserError, match="2 planned records") as caught:
        write_tables(settings, tmp_path, print)
    assert all(str(path.relative_to(tmp_path)) in str(caught.value) for path in lost)
    assert not (tmp_path / "tables").exists()


def test_the_order_of_the_configuration_does_not_change_the_tables(tmp_path):
    settings = config(bootstrap=50)
    names = ("original", "noop-ft", "retrain", "obj-if")
    contents = []
    for ordered in (names, names[::-1]):
        settings["methods"] = {name: {} for name in ordered}
        written_tables(tmp_path, settings)
        contents.append({path.name: path.read_bytes() for path in (tmp_path / "tables").glob("*.csv")})
    assert contents[0] == contents[1]


def test_records_of_an_earlier_configuration_do_not_count(tmp_path):
    settings = config(bootstrap=50)
    settings["methods"] = {name: {} for name in ("original", "noop-ft", "retrain", "obj-if")}
    expected = written_tables(tmp_path, settings)
    earlier = read_json(tmp_path / "unlearned/obj-if/r1/seed1/model.json")
    earlier["timing"]["seconds"] = 1e6
    # noop-ft has one model for all requests; obj-if has one per request; feat-if is not planned.
    for folder in ("noop-ft/r1", f"obj-if/{ALL_REQUESTS}", "feat-if/r1", "obj-if/r9", "original/r1"):
        write_json(tmp_path / "unlearned" / folder / "seed1" / "model.json", earlier)
        record = tmp_path / "records" / folder / "seed1"
        if not record.exists():
            shutil.copytree(tmp_path / "records" / "obj-if" / "r1" / "seed1", record)
    shutil.copytree(tmp_path / "ablations" / "alpha" / "r1", tmp_path / "ablations" / "alpha" / "r9")
    write_tables(settings, tmp_path, lambda line: None)
    for name, table in expected.items():
        pd.testing.assert_frame_equal(read_csv(tmp_path / "tables" / f"{name}.csv"), table)


def test_a_record_without_its_cost_is_named(tmp_path):
    settings = config(bootstrap=50)
    settings["methods"] = {name: {} for name in ("original", "retrain", "obj-if")}
    Factory(tmp_path, settings).write()
    write_json(tmp_path / "unlearned/obj-if/r1/seed1/model.json", {"seconds": 1.0})
    with pytest.raises(UserError, match=r"obj-if/r1/seed1/model\.json: damaged .not the record of a model"):
        write_tables(settings, tmp_path, lambda line: None)


def test_an_interval_needs_enough_requests(tables):
    few = only(tables["summary"], method="retrain-sample", task="synthesis", dimension="A1", metric="mae")
    assert few["n_requests"] == 2
    assert np.isnan(few["ci_low"])
    assert "points only" in few["note"]
    many = only(tables["summary"], method="obj-mk-pa", task="synthesis", dimension="A1", metric="mae")
    assert many["ci_low"] < many["mean"] < many["ci_high"]
    assert many["n_seeds"] == 2


def test_the_floor_is_the_larger_of_noise_and_noop_and_directions_follow_the_metric(tables):
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


def test_the_floor_of_one_retrained_model_is_another_seed(tables):
    row = only(tables["summary"], method="obj-mk-pa", task="synthesis", dimension="retrain-A2", metric="mae")
    seed = only(tables["summary"], method="reseed", task="synthesis", dimension="A2", metric="mae")
    assert row["floor"] == pytest.approx(seed["mean"])
    assert row["excess"] == pytest.approx(row["mean"] - row["floor"])


def test_collapse_is_flagged(tables):
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


def test_the_spread_of_retrained_models_widens_a_contrast_with_them(tmp_path):
    """Three seeds of the retrained model, whose effects are planted: the interval of its mean alone is as wide."""
    settings = config(bootstrap=2000)
    settings["seeds"] = [1, 2, 3]
    settings["methods"] = {name: {} for name in ("original", "noop-ft", "retrain", "obj-mk-pa")}
    factory = Factory(tmp_path, settings)
    metrics = factory.table("metrics")
    shifted = (metrics["method"] == "retrain") & (metrics["dimension"] == "target_error")
    metrics.loc[shifted, "value"] += 8.0 * metrics.loc[shifted, "seed"]
    table = contrasts(Evidence(settings, metrics, factory.table("queries")))
    key = {"task": "synthesis", "dimension": "target_error", "metric": "mae", "method": "obj-mk-pa"}
    row = only(table, against="retrain", **key)
    noop = only(table, against="noop-ft", **key)
    assert row["ci_high"] - row["ci_low"] > 0.9 * 2 * 4.303 * 8 / 3**0.5
    assert noop["ci_high"] - noop["ci_low"] < 15


def test_a_bank_is_gathered_and_costs_what_its_models_cost(tmp_path):
    settings = config(bootstrap=100)
    settings["references"] = {"bank": {"models": 4, "share": 0.5}}
    settings["methods"] = {
        "original": {},
        "noop-ft": {},
        "retrain": {"seeds": 1, "requests": 2},
        "obj-mk-pa": {},
    }
    tables = written_tables(tmp_path, settings)
    assert tables["timing_jobs"].query("method == 'bank'")["seed"].tolist() == [1, 2, 3, 4]
    assert set(tables["bank"]["request"]) == {"r1", "r2"}
    assert "bank" not in set(tables["summary"]["method"]) | set(tables["scoreboard"]["method"])
    row = only(
        tables["summary"], method="obj-mk-pa", task="synthesis", dimension="target_error", metric="mae"
    )
    assert row["retrain"] == pytest.approx(38, abs=2)
    distances = tables["sod"].query("method == 'obj-mk-pa'")
    assert set(distances["sigma_of"]) == {"retrain"}
    assert len(distances) == 12


def test_paths_follow_the_budget_and_end_where_the_scoreboard_is(tables):
    paths = tables["paths"].set_index(["method", "task"])
    scores = tables["scoreboard"].set_index(["method", "task"])
    masked = paths.loc["obj-mk-pa", "reconstruction"]
    assert masked["budget"].is_monotonic_increasing and len(masked) > 1
    assert masked["described"].sum() == 1
    for key, row in paths[paths["described"]].iterrows():
        assert row["forgotten"] == pytest.approx(scores.loc[key, "forgotten"], abs=1e-5)
        assert row["harm"] == pytest.approx(scores.loc[key, "harm_A2"], abs=1e-5)
    assert (paths.loc["noop-ft", "harm"] == 0).all()
    assert {"original", "retrain"}.isdisjoint(tables["paths"]["method"])


def test_memorised_and_distance_to_retraining(tables):
    assert len(tables["memorised"]) == 12
    assert tables["memorised"]["memorised"].all()
    sod = tables["sod"].groupby(["method", "task"])["sod"].mean()
    assert sod["noop-ft", "synthesis"] > 2 > 0 > sod["obj-ng", "synthesis"]
    assert sod["retrain", "reconstruction"] == 0


def test_a_request_that_was_never_memorised_is_marked(tmp_path):
    settings = config()
    settings["methods"] = {name: {} for name in ("original", "noop-ft", "retrain", "obj-mk-pa")}
    tables = written_tables(tmp_path, settings, {"retrain": PlantedMethod((-0.2, 1.0))})
    by_task = tables["memorised"].groupby("task")["memorised"].sum()
    assert by_task.to_dict() == {"reconstruction": 0, "synthesis": 6}
    scores = tables["scoreboard"].set_index(["method", "task"])
    assert scores.loc[("obj-mk-pa", "reconstruction"), "outcome"] == "undecided"


def test_costs_count_a_shared_model_once_and_both_stages_of_the_original(tables):
    timing = tables["timing"].set_index("method")
    assert timing.loc["noop-ft", "n"] == 2
    assert timing.loc["obj-if", "n"] == 12
    assert timing.loc["original", "seconds"] == 400.0
    assert timing.loc["retrain", "ratio_to_retrain"] == 1.0
    assert timing.loc["obj-if", "family"] == "redaction"


def test_break_even_is_the_first_number_of_requests_that_costs_more_than_one_retraining(tables):
    timing = tables["timing"].set_index("method")
    assert timing.loc[["original", "noop-ft"], ["break_even", "break_even_shared"]].isna().all(axis=None)
    for method in ("obj-mk-pa", "obj-if"):
        row = timing.loc[method]
        retrain, number = timing.loc["retrain", "seconds"], int(row["break_even"])
        assert (number - 1) * row["seconds"] <= retrain < number * row["seconds"]
        assert row["seconds_least"] < row["seconds"] < row["seconds_most"]
    # From the second request on, one retraining for both costs less than one for each.
    assert timing.loc["retrain", "break_even"] == 2


def test_what_all_requests_can_share_is_paid_once():
    assert break_even(100.0, 10.0) == 11
    assert break_even(100.0, 4.0, once=6.0) == 24
    assert 6 + 23 * 4 <= 100 < 6 + 24 * 4
    assert break_even(100.0, 250.0) == break_even(100.0, 1.0, once=200.0) == 1
    assert np.isnan(break_even(float("nan"), 1.0))
    jobs = pd.DataFrame(
        [
            ("retrain", "reference", "retrain", "r1", 1, 100.0, 0.0, 900.0, 400),
            ("ewc-mask", "object", "finetune", "r1", 1, 10.0, 6.0, 900.0, 50),
            ("ewc-mask", "object", "finetune", "r2", 1, 10.0, 6.0, 900.0, 50),
        ],
        columns=list(TABLES["timing_jobs"]),
    )
    timing = costs(jobs).set_index("method")
    assert timing.loc["ewc-mask", "shareable"] == 6.0
    assert timing.loc["ewc-mask", ["break_even", "break_even_shared"]].tolist() == [11, 24]


def test_a_variant_stands_beside_its_base(tmp_path):
    settings = config(bootstrap=50)
    settings["methods"] = {name: {} for name in ("original", "noop-ft", "retrain", "obj-mk-pa", "obj-if")}
    settings["methods"]["obj-mk-pa-input"] = {"variant_of": "obj-mk-pa", "mask_on": "input"}
    methods = list(written_tables(tmp_path, settings)["scoreboard"]["method"].unique())
    assert methods.index("obj-mk-pa-input") == methods.index("obj-mk-pa") + 1
