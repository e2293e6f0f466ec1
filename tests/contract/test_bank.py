"""A model of the bank: retrained without the objects of several requests."""

import json

import numpy as np
import torch
from scenes_factory import no_log

from soulbench.core.checkpoint import load
from soulbench.unlearning import bank


def trained(benchmark, folder, left_out, number=1):
    path = folder / f"model{number}.safetensors"
    bank.retrain_for_bank(benchmark.config, number, left_out, benchmark.data, path, "source", no_log)
    return load(path)[0]


def equal(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


def test_without_one_request_it_is_the_retrained_model_of_its_seed(benchmark, tmp_path, monkeypatch):
    monkeypatch.setattr(bank, "derive_seed", lambda *axes: 1)
    retrained = benchmark.unlearn("retrain", tmp_path / "retrain.safetensors")
    assert equal(trained(benchmark, tmp_path, ["r1"]), retrained)


def test_what_is_left_out_is_never_seen(benchmark, tmp_path):
    before = trained(benchmark, tmp_path, ["r1", "r2"])
    # The targets are the man of image 1 and the woman of image 2; all else there stays.
    targets = {1: (0.05, 0.1, 0.4, 0.7), 2: (0.45, 0.15, 0.75, 0.75)}

    def scribble(pixels):
        changed, size = pixels.copy(), pixels.shape[1]
        for image, (x0, y0, x1, y1) in targets.items():
            rows, columns = (slice(round(a * size), round(b * size)) for a, b in ((y0, y1), (x0, x1)))
            changed[image - 1, rows, columns] = np.random.default_rng(1).integers(0, 256, changed.shape[-1])
        return changed

    original = np.load(benchmark.data / "packed" / "pixels.npy")
    benchmark.change("pixels", scribble)
    benchmark.features()
    try:
        assert equal(trained(benchmark, tmp_path, ["r1", "r2"]), before)
        assert not equal(trained(benchmark, tmp_path, ["r1"]), before)
    finally:
        benchmark.change("pixels", lambda _: original)
        benchmark.features()


def test_models_of_the_bank_have_seeds_of_their_own(benchmark, tmp_path):
    first, second = (trained(benchmark, tmp_path, ["r1"], number) for number in (1, 2))
    assert not equal(first, second)
    records = [json.loads((tmp_path / f"model{n}.json").read_text()) for n in (1, 2)]
    assert [record["seed"] for record in records] == [1, 2]
    assert records[0]["seeds"]["training"] != records[1]["seeds"]["training"]
    assert all(record["parameters"]["left_out"] == ["r1"] for record in records)
