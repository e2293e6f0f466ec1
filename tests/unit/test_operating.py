"""Operating points: the budget that is selected on development requests, and what is judged at it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from soulbench.analysis.claims.table import BY_BUDGET, write_claims
from soulbench.analysis.operating import at_selected, select
from soulbench.analysis.tables import write_tables
from soulbench.config import runs
from soulbench.core.columns import RECORDS, TABLES
from soulbench.core.errors import UserError
from soulbench.core.paths import RECORD_TABLES, ResultPaths
from soulbench.core.records import file_hash, read_json, write_json
from soulbench.core.tables import read_csv
from tests.unit.records_factory import Factory, config

#: Methods that train and one that redacts, all described with their largest budget or their smallest.
METHODS = ("original", "noop-ft", "retrain", "sample-ft", "obj-mk-pa", "obj-if")


def settings(development=2):
    found = config(bootstrap=100)
    found["methods"] = {name: {"seeds": 1, "requests": 2} if name == "retrain" else {} for name in METHODS}
    found["requests"]["development"] = development
    found["references"] = {"bank": {"models": 4, "share": 0.5}}
    found["ablations"]["requests"] = 0
    return found


def tabled(folder, chosen):
    """Return the tables of the records in a folder."""
    write_tables(chosen, folder, lambda line: None)
    for name in ("ablation_modules", "ablation_alpha"):
        assert not len(read_csv(folder / "tables" / f"{name}.csv"))
    return {path.stem: read_csv(path) for path in (folder / "tables").glob("*.csv")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("results")
    Factory(path, settings()).write()
    return path


@pytest.fixture(scope="module")
def tables(folder):
    return tabled(folder, settings())


def development(*rows):
    """Return development.csv of rows of method, budget, described, dimension and excess, in one task."""
    full = [
        (name, budget, is_described, "synthesis", dimension, "mae", 0.0, 0.0, excess)
        for name, budget, is_described, dimension, excess in rows
    ]
    return pd.DataFrame(full, columns=list(TABLES["development"]))


def test_the_budget_with_the_smallest_excess_over_all_dimensions_is_selected():
    table = development(
        ("obj-mk-pa", 6.0, False, "A1", 9.0),
        ("obj-mk-pa", 6.0, False, "A2", 1.0),
        ("obj-mk-pa", 25.0, True, "A1", 3.0),
        ("obj-mk-pa", 25.0, True, "A2", 4.0),
        ("obj-mk-pa", 25.0, True, "A3", np.nan),
        ("obj-if", 1.0, True, "A1", 2.0),
        ("obj-if", 10.0, False, "A1", -1.0),
        ("noop-ft", 25.0, True, "A1", -9.0),
    )
    found = select(config(), table).set_index("method")
    assert list(found.index) == ["obj-mk-pa", "obj-if"]  # references are never selected
    assert found["budget"].to_dict() == {"obj-mk-pa": 25.0, "obj-if": 10.0}
    assert found.loc["obj-if", ["described_budget", "excess_sum", "excess_sum_described"]].tolist() == [
        1,
        -1,
        2,
    ]
    assert set(found["trials"]) == {2}


def test_of_equal_budgets_the_described_one_is_selected():
    table = development(("obj-if", 1.0, True, "A1", 2.0), ("obj-if", 0.1, False, "A1", 2.0))
    assert select(config(), table)["budget"].tolist() == [1.0]


def test_methods_with_different_numbers_of_trials_are_refused():
    table = development(
        ("obj-if", 1.0, True, "A1", 2.0),
        ("obj-mk-pa", 6.0, False, "A1", 2.0),
        ("obj-mk-pa", 25.0, True, "A1", 2.0),
    )
    with pytest.raises(UserError, match=r"different numbers of budgets \(obj-mk-pa 2, obj-if 1\)"):
        select(config(), table)


def test_what_was_measured_at_the_selected_budget_takes_the_place_of_the_described_one():
    metrics = pd.DataFrame(
        [
            (name, "r1", 1, "synthesis", "A2", metric, value, "grey levels", 4)
            for name, value in (("noop-ft", 5.0), ("obj-if", 6.0), ("obj-mk-pa", 7.0), ("sample-ft", 8.0))
            for metric in ("mae", "ssim")
        ],
        columns=["method", "request", "seed", *RECORDS["metrics"]],
    )
    budgets = pd.DataFrame(
        [
            (name, "r1", 1, budget, "synthesis", "A2", "mae", 100 + budget)
            for name, budget in (
                ("noop-ft", 6.0),
                ("noop-ft", 25.0),
                ("obj-mk-pa", 6.0),
                ("obj-mk-pa", 25.0),
                ("obj-if", 10.0),
            )
        ],
        columns=["method", "request", "seed", *RECORDS["budgets"]],
    )
    chosen = pd.DataFrame(
        [
            ("obj-mk-pa", 6.0, 25.0, 0.0, 0.0, 2),
            ("obj-if", 10.0, 1.0, 0.0, 0.0, 2),
            ("sample-ft", 25.0, 25.0, 0.0, 0.0, 2),
        ],
        columns=list(TABLES["selected"]),
    )
    moved, noops = at_selected(config(), metrics, budgets, chosen)
    assert moved.groupby("method")["value"].agg(list).to_dict() == {
        "noop-ft": [5.0, 5.0],
        "obj-if": [110.0],
        "obj-mk-pa": [106.0],
        "sample-ft": [8.0, 8.0],
    }
    assert noops[["method", "value"]].to_numpy().tolist() == [["obj-mk-pa", 106.0]]


def test_everything_on_test_requests_is_judged_at_both_points(folder, tables):
    assert set(tables["selected"]["method"]) == {"sample-ft", "obj-mk-pa", "obj-if"}
    scores = tables["scoreboard"].set_index(["operating_point", "method", "task"])
    assert set(scores.loc["as described"].index.unique("method")) == set(METHODS)
    assert set(scores.loc["selected"].index.unique("method")) == set(tables["selected"]["method"])
    paths = tables["paths"].set_index(["method", "task"])
    for key, row in paths[paths["selected"]].iterrows():
        assert row["forgotten"] == pytest.approx(scores.loc["selected", *key]["forgotten"], abs=1e-5)
        assert row["harm"] == pytest.approx(scores.loc["selected", *key]["harm_A2"], abs=1e-5)
    moved = tables["selected"].query("budget != described_budget")["method"]
    assert len(moved)
    notes = scores.loc["selected"].loc[list(moved), "harm_note_A2"]
    assert notes.str.contains("not measured at this budget").all()
    write_claims(settings(), folder, lambda line: None)
    claims = read_csv(folder / "tables" / "claims.csv").groupby("claim")["operating_point"].agg(list)
    both = [claim for claim, points in claims.items() if points == ["as described", "selected"]]
    assert set(both) == set(BY_BUDGET) & set(claims.index) and len(both) >= 4
    assert set(claims.drop(both).map(tuple)) == {("as described",)}


def test_development_requests_are_in_no_statistic_of_test_requests(tmp_path, tables):
    without = settings(0)
    Factory(tmp_path, without).write()
    alone = tabled(tmp_path, without)
    assert not len(alone["selected"]) and not len(alone["development"])
    assert set(alone["scoreboard"]["operating_point"]) == {"as described"}
    for name in (*RECORD_TABLES, "summary", "contrasts", "memorised", "bank", "sod"):
        pd.testing.assert_frame_equal(tables[name], alone[name])
    described = tables["scoreboard"].query("operating_point == 'as described'").reset_index(drop=True)
    pd.testing.assert_frame_equal(described, alone["scoreboard"])


def scribble(folder, chosen):
    """Put random numbers in place of everything that was measured in some runs."""
    rng = np.random.default_rng(3)
    paths = ResultPaths(str(folder))
    for run in chosen:
        digests = {}
        for name in RECORD_TABLES:
            path = Path(paths.record(*run, f"{name}.csv"))
            frame = read_csv(path, RECORDS[name])
            values = frame["value"].notna()
            frame.loc[values, "value"] = rng.uniform(0, 200, values.sum())
            frame.to_csv(path, index=False)
            digests[name] = file_hash(path)
        record = Path(paths.record(*run, "record.json"))
        write_json(record, {**read_json(record), "digests": digests})


@pytest.mark.parametrize("which", ["test", "development"])
def test_no_test_request_is_seen_before_methods_are_judged(tmp_path, tables, which):
    """What is selected is the same to the bit whatever was measured on test requests; and the other way round."""
    chosen = settings()
    Factory(tmp_path, chosen).write()
    write_tables(chosen, tmp_path, lambda line: None)
    files = {name: tmp_path / "tables" / f"{name}.csv" for name in ("selected", "development", "summary")}
    before = {name: path.read_bytes() for name, path in files.items()}
    scribble(tmp_path, runs.planned(chosen) if which == "test" else runs.development(chosen))
    write_tables(chosen, tmp_path, lambda line: None)
    changed = {name for name, path in files.items() if path.read_bytes() != before[name]}
    assert changed == ({"summary"} if which == "test" else {"selected", "development"})
