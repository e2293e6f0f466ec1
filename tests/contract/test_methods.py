"""What every method keeps to, a new one's file included: nothing here names a method that need not be named."""

import shutil

import numpy as np
import pytest
import torch
from conftest import Bench, configured, silent, trained
from safetensors.torch import load_file

from soulbench import registry
from soulbench.records import read_json
from soulbench.training.data import Data
from soulbench.training.unlearn import unlearn

METHODS = [name for name in registry.ids("methods") if name != "original"]


def run(bench: Bench, method: str, out, request: str = "r1", **sections):
    """Run a method; returns its tensors."""
    owner = request if registry.method(method).per_request else "any"
    config = configured(**sections)
    unlearn(
        config,
        method,
        owner,
        1,
        bench.data,
        bench.original,
        bench.pretrained,
        out / "m.safetensors",
        "s",
        silent,
    )
    return load_file(out / "m.safetensors")


def same(first: dict, second: dict) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("method", METHODS)
def test_it_changes_the_model_and_the_same_way_every_time(bench, method, tmp_path):
    before = bench.original.read_bytes()
    first, second = (run(bench, method, tmp_path / name) for name in "ab")
    assert same(first, second)
    assert not same(first, load_file(bench.original))
    assert bench.original.read_bytes() == before
    assert all(value.isfinite().all() for value in first.values())


@pytest.mark.parametrize("method", [m for m in METHODS if registry.method(m).per_request])
def test_another_request_gives_another_model(bench, method, tmp_path):
    assert not same(run(bench, method, tmp_path / "a"), run(bench, method, tmp_path / "b", request="r2"))


@pytest.mark.parametrize("method", METHODS)
def test_its_record_says_what_it_cost_and_where_it_comes_from(bench, method, tmp_path):
    run(bench, method, tmp_path)
    record = read_json(tmp_path / "m.json")
    assert record["timing"]["seconds"] > 0 and record["timing"]["peak_mib"] > 0
    assert record["family"] == registry.method(method).family
    assert record["source_hash"] == "s" and record["seeds"]["training"] == 1
    if record["family"] == "redaction":
        assert 0 <= record["solver"]["residual"] < 1


@pytest.mark.parametrize("method", METHODS)
def test_a_plan_stays_within_the_subset(bench, method):
    data = Data.open(bench.config, bench.data)
    code = registry.method(method)
    plan = code.plan(data.requests["r1"], data.view(), code.parameters())
    images = {int(data.scenes.image_ids[row]) for row in data.subset}
    assert set(plan.edits) | set(plan.exclude) <= images


def test_fine_tuning_at_learning_rate_0_is_the_identity(bench, tmp_path):
    tuned = run(bench, "noop-ft", tmp_path, unlearning={"learning_rate": 0.0})
    assert same(tuned, load_file(bench.original))


def test_retraining_never_reads_the_object(bench, tmp_path):
    """Other pixels in the ROI and another label change nothing in a model that was retrained without the object."""
    changed = tmp_path / "data"
    shutil.copytree(bench.data, changed)
    data = Data.open(bench.config, changed)
    request = data.requests["r1"]
    row = data.scenes.find(request.image_id)
    x0, y0, x1, y1 = data.view().roi(request.image_id, request.object_id)
    pixels = np.load(changed / "packed" / "pixels.npy")
    pixels[row, y0:y1, x0:x1] = 255 - pixels[row, y0:y1, x0:x1]
    np.save(changed / "packed" / "pixels.npy", pixels)
    scene = data.scenes.scene(row)
    target = scene.first_row + scene.object_ids.tolist().index(request.object_id)
    for name, value in (("packed/categories", 1), ("visual", 7.0)):
        array = np.load(changed / f"{name}.npy")
        assert not np.all(array[target] == value)
        array[target] = value
        np.save(changed / f"{name}.npy", array)
    other = Bench(bench.config, changed, bench.pretrained, bench.original)
    assert same(run(bench, "retrain", tmp_path / "a"), run(other, "retrain", tmp_path / "b"))
    assert not same(run(bench, "noop-ft", tmp_path / "c"), run(other, "noop-ft", tmp_path / "d"))


def test_a_request_reads_no_other_request(bench, tmp_path):
    """A method gets the original and the data; what became of another request is not to be found in its inputs."""
    run(bench, "obj-ng", tmp_path / "other", request="r2")
    assert same(run(bench, "obj-mk-pa", tmp_path / "a"), run(bench, "obj-mk-pa", tmp_path / "b"))


def test_all_losses_together(data, tmp_path):
    losses = dict.fromkeys(("object_class", "object_gan", "image_gan", "feature_matching"), 1.0)
    whole = {"training": {"losses": losses}}
    config = configured(**whole)
    bench = trained(config, data, tmp_path)
    tensors = load_file(bench.original)
    assert any(key.startswith("discriminators.image") for key in tensors)
    tuned = run(bench, "obj-mk-pa", tmp_path / "m", **whole)
    assert not same(
        {k: v for k, v in tuned.items() if k.startswith("discriminators")},
        {k: v for k, v in tensors.items() if k.startswith("discriminators")},
    )
