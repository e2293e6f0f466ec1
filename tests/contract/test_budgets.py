"""One training, several budgets: models on the way, and what is measured of them."""

import pandas as pd
import pytest
import torch
from scenes_factory import no_log

from soulbench.config import runs
from soulbench.core.checkpoint import load
from soulbench.core.paths import at_budget
from soulbench.evaluation.run import BUDGET_METRICS, EvaluationRun, evaluate
from soulbench.training.networks import Networks


def assert_equal(first, second):
    """Compare the tensors of two checkpoints bit by bit."""
    first, second = load(first)[0], load(second)[0]
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name


@pytest.mark.parametrize("method", ["obj-mk-pa", "noop-ft"])
def test_fine_tuning_on_the_way_is_a_shorter_fine_tuning(benchmark, tmp_path, method):
    request = "r1" if method == "obj-mk-pa" else "all-requests"
    path, shorter = tmp_path / "model.safetensors", tmp_path / "shorter" / "model.safetensors"
    benchmark.unlearn(method, path, request)
    shorter.parent.mkdir()
    benchmark.unlearn(
        method, shorter, request, {"unlearning": {"steps": 2, "snapshots": [], "strengths": []}}
    )
    assert runs.further_budgets(benchmark.config, method) == [2]
    assert_equal(at_budget(str(path), 2), shorter)


def test_a_redaction_of_another_strength_is_one_with_another_alpha(benchmark, tmp_path):
    path, stronger = tmp_path / "model.safetensors", tmp_path / "stronger" / "model.safetensors"
    benchmark.unlearn("obj-if", path)
    stronger.parent.mkdir()
    benchmark.unlearn("obj-if", stronger, "r1", {"methods": {"obj-if": {"alpha": 10.0}}})
    assert runs.further_budgets(benchmark.config, "obj-if") == [10]
    assert_equal(at_budget(str(path), 10), stronger)


def test_retrained_models_have_no_budget(benchmark, tmp_path):
    path = tmp_path / "model.safetensors"
    benchmark.unlearn("retrain", path)
    assert runs.described_budget(benchmark.config, "retrain") is None
    assert [file.name for file in tmp_path.glob("*.safetensors")] == ["model.safetensors"]


def test_every_budget_is_evaluated_and_each_model_loaded_once(benchmark, tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    benchmark.unlearn("obj-mk-pa", path)
    loaded, load_networks = [], Networks.load
    monkeypatch.setattr(
        Networks, "load", lambda self, path: loaded.append(str(path)) or load_networks(self, path)
    )
    original = EvaluationRun("r1", benchmark.original, None, {}, tmp_path / "original")
    evaluate(benchmark.config, "original", 1, [original], benchmark.data, "source", no_log)
    budgets = {2.0: at_budget(str(path), 2), 4.0: str(path)}
    own = EvaluationRun("r1", str(path), original.out, {original.out: []}, tmp_path / "own", budgets)
    shorter = EvaluationRun("r1", budgets[2.0], original.out, {original.out: []}, tmp_path / "shorter")
    for run in (own, shorter):
        evaluate(benchmark.config, "obj-mk-pa", 1, [run], benchmark.data, "source", no_log)
    assert loaded == [str(benchmark.original), budgets[2.0], str(path), budgets[2.0]]
    table = pd.read_csv(own.out / "budgets.csv")
    keys = ["task", "dimension", "metric"]
    for budget, run in ((2.0, shorter), (4.0, own)):
        expected = pd.read_csv(run.out / "metrics.csv")
        expected = expected[expected["metric"].isin(BUDGET_METRICS)]
        found = table[table["budget"] == budget].set_index(keys)["value"]
        pd.testing.assert_series_equal(found, expected.set_index(keys)["value"])
    assert pd.read_csv(shorter.out / "budgets.csv").empty
    assert pd.read_csv(original.out / "budgets.csv").empty
