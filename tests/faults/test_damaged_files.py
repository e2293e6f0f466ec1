"""A result file that was cut, or in which a bit has flipped, is refused; the message names it and its rule."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from soulbench.core.sources import ROOT

sys.path.append(str(ROOT / "tests" / "unit"))  # the factories

from benchmark_factory import Benchmark
from test_model_record import TRAINED

from soulbench.core import checkpoint
from soulbench.core.columns import RECORDS
from soulbench.core.damage import DamagedFile
from soulbench.core.model_record import read_model_record, write_model_record
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import read_csv, write_csv
from soulbench.core.terms import TASKS
from soulbench.data.packed import ARRAYS
from soulbench.evaluation.outputs import REPRESENTATIONS, ModelOutputs
from soulbench.training.dataset import BenchmarkData

META = {"signature": {"embedding": 6}, "seed": 1}


@pytest.fixture
def paths(tmp_path):
    return ResultPaths(str(tmp_path / "results" / "tiny"))


def tensors():
    generator = torch.Generator().manual_seed(0)
    return {
        "weight": torch.randn(3, 2, generator=generator),
        "half": torch.randn(4, generator=generator).bfloat16(),
        "count": torch.tensor(7),
        "none": torch.zeros(0),
    }


def flipped(content, places):
    """Yield the content with one bit flipped, for some places counted in bits."""
    for place in places:
        changed = bytearray(content)
        changed[place // 8] ^= 1 << place % 8
        yield bytes(changed)


def cuts(content, count):
    """Yield the beginnings of a file, the empty one and the one that lacks a byte among them."""
    for length in {*np.linspace(0, len(content) - 1, count).astype(int).tolist()}:
        yield content[:length]


def rewrite(path, content):
    path.unlink()  # a process may have mapped it
    path.write_bytes(content)


def saved_checkpoint(path):
    checkpoint.save(path, tensors(), META)
    return Path(path)


def test_no_flipped_bit_of_a_checkpoint_is_accepted(paths):
    path = saved_checkpoint(paths.original(1))
    content = path.read_bytes()
    for changed in flipped(content, range(0, 8 * len(content), 7)):
        rewrite(path, changed)
        with pytest.raises(
            DamagedFile, match=r"models/original/seed1\.safetensors: damaged .* the rule finetune makes"
        ):
            checkpoint.load(path)


def test_no_cut_checkpoint_is_accepted(paths):
    path = saved_checkpoint(paths.unlearned("obj-ng", "r1", 1))
    content = path.read_bytes()
    for changed in cuts(content, len(content)):
        rewrite(path, changed)
        with pytest.raises(DamagedFile, match=r"model\.safetensors: damaged .* the rule obj-ng makes"):
            checkpoint.load(path)


def test_a_checkpoint_without_a_checksum_is_refused(paths):
    from safetensors.torch import save_file

    path = saved_checkpoint(paths.pretrained(1))
    save_file(tensors(), path, metadata={checkpoint.KEY: "{}"})
    with pytest.raises(DamagedFile, match=r"it holds no checksum.* the rule pretrain makes"):
        checkpoint.load(path)


def outputs():
    rng = np.random.default_rng(0)
    images = {task: rng.integers(0, 256, (2, 3, 4, 4, 3), np.uint8) for task in TASKS}
    objects = {
        (task, name): rng.normal(size=(5, 2)).astype(np.float32) for task in TASKS for name in REPRESENTATIONS
    }
    return ModelOutputs(images, objects)


def same(first, second):
    return all(
        np.array_equal(value, getattr(second, part)[key])
        for part in ("images", "objects")
        for key, value in getattr(first, part).items()
    )


def test_damaged_outputs_are_refused_or_as_they_were(paths):
    path = Path(paths.record("obj-ng", "r1", 1, "outputs.npz"))
    outputs().save(path, [1, 2, 3], ["subset"] * 3, {})
    content, refused = path.read_bytes(), 0
    places = np.random.default_rng(1).integers(0, 8 * len(content), 500).tolist()
    for changed in [*flipped(content, places), *cuts(content, 200)]:
        rewrite(path, changed)
        try:
            assert same(outputs(), ModelOutputs.load(path))
        except DamagedFile as error:
            refused += 1
            assert "outputs.npz: damaged" in str(error) and "the rule evaluate_obj-ng makes" in str(error)
    assert refused > 400


def test_a_cut_record_of_a_model_is_refused(paths):
    path = Path(paths.unlearned("obj-ng", "r1", 1)).with_suffix(".json")
    write_model_record(path, TRAINED)
    content = path.read_bytes().rstrip()
    for changed in cuts(content, len(content)):
        rewrite(path, changed)
        with pytest.raises(DamagedFile, match=r"model\.json: damaged .* the rule obj-ng makes"):
            read_model_record(path)


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory):
    return Benchmark(tmp_path_factory.mktemp("results") / "results" / "tiny").write()


@pytest.fixture
def data(benchmark):
    """Return the folder of the data; it is mended after the test."""
    whole = benchmark.folder / "whole"
    if not whole.exists():
        shutil.copytree(benchmark.data, whole)
    yield benchmark.data
    shutil.rmtree(benchmark.data)
    shutil.copytree(whole, benchmark.data)


PREPARED = {
    "visual.npy": "visual_features",
    "subset.csv": "human_filter",
    "requests.csv": "requests",
    "packed/packed.json": "pack",
    **{f"packed/{name}.npy": "pack" for name in ARRAYS},
}


@pytest.mark.parametrize(("name", "rule"), PREPARED.items(), ids=PREPARED)
def test_a_cut_file_of_the_data_is_refused(benchmark, data, name, rule):
    path = data / name
    content = path.read_bytes().rstrip() if path.suffix == ".json" else path.read_bytes()
    for changed in cuts(content, 12):
        if path.suffix == ".csv" and changed.endswith(b"\n"):
            continue
        rewrite(path, changed)
        with pytest.raises(DamagedFile, match=f"{name}: damaged .* the rule {rule} makes") as caught:
            BenchmarkData.open(benchmark.config, data)
        if rule == "pack":  # Snakemake would not miss a single file of the folder
            assert f"delete {data / 'packed'} and run again" in str(caught.value)


def test_an_array_of_another_length_is_refused(benchmark, data):
    for name, by in {
        "boxes": lambda boxes: boxes[:-1],
        "splits": lambda splits: splits[[0, *range(8)]],
    }.items():
        path = data / "packed" / f"{name}.npy"
        content = path.read_bytes()
        benchmark.change(name, by)
        with pytest.raises(DamagedFile, match=rf"{name}\.npy: damaged \(\d+ entries, \d+ are expected\)"):
            BenchmarkData.open(benchmark.config, data)
        rewrite(path, content)


def test_features_of_another_set_are_refused(benchmark, data):
    features = np.load(data / "visual.npy")
    (data / "visual.npy").unlink()
    np.save(data / "visual.npy", features[:-1])
    with pytest.raises(
        DamagedFile, match=r"visual\.npy: damaged \(shape \(\d+, 5\), \(\d+, 5\) is expected\)"
    ):
        BenchmarkData.open(benchmark.config, data)


@pytest.mark.parametrize(
    ("name", "old", "new", "why"),
    [
        ("requests.csv", "requested,2,", "requested,two,", "line 5: invalid literal"),
        (
            "requests.csv",
            "elsewhere",
            "nowhere",
            "line 3: 'nowhere' is none of requested, attached, elsewhere",
        ),
        ("requests.csv", "attached", "glued", "line 6: 'glued' is none of object, attached, person, group"),
        ("requests.csv", "man", "unicorn", "line 2: 'unicorn' is not in list"),
        ("requests.csv", "image_id", "image", "line 2: no column 'image_id'"),
        ("subset.csv", "3,subset", "99,subset", "line 4: image 99 is not in the packed set"),
        ("subset.csv", "3,subset", "3", "line 4: more or fewer values"),
    ],
)
def test_a_row_of_another_meaning_is_refused_with_its_line(benchmark, data, name, old, new, why):
    path = data / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(DamagedFile, match=rf"{name}: damaged \({why}"):
        BenchmarkData.open(benchmark.config, data)


def test_a_table_that_ends_within_a_line_is_refused(paths):
    path = Path(paths.record("obj-ng", "r1", 1, "metrics.csv"))
    texts = dict.fromkeys(("task", "dimension", "metric", "unit"), ["some text"] * 3)
    write_csv(pd.DataFrame({**texts, "value": [0.5, 1.25, 2.0], "regions": [1, 2, 33]}), path, None)
    assert len(read_csv(path, RECORDS["metrics"])) == 3
    content = path.read_bytes()
    for changed in (cut for cut in cuts(content, len(content)) if not cut.endswith(b"\n")):
        rewrite(path, changed)
        with pytest.raises(DamagedFile, match=r"metrics\.csv: damaged .* the rule evaluate_obj-ng makes"):
            read_csv(path, RECORDS["metrics"])
