"""A full disk, a limit of file sizes and a read-only folder: a message with file and remedy, and no half files."""

import contextlib
import copy
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from soulbench.core.sources import ROOT

sys.path.append(str(ROOT / "tests" / "unit"))  # the factories

from benchmark_factory import Benchmark, config
from scenes_factory import no_log

from soulbench.core import checkpoint
from soulbench.core.errors import UserError
from soulbench.core.log import job
from soulbench.core.records import atomic_path, new_array, write_json
from soulbench.core.tables import write_csv
from soulbench.core.terms import TASKS
from soulbench.evaluation.outputs import REPRESENTATIONS, ModelOutputs
from soulbench.training import trainer
from soulbench.training.stages import finetune, pretrain

NUMBERS = np.random.default_rng(0).random(20_000)  # 160 kB, however they are packed


def save_outputs(path):
    images = {task: (255 * NUMBERS[:19_200]).astype(np.uint8).reshape(2, 50, 8, 8, 3) for task in TASKS}
    ModelOutputs(images, {(task, name): NUMBERS for task in TASKS for name in REPRESENTATIONS}).save(
        path, [1], ["subset"], {}
    )


def reserve(path):
    with atomic_path(path) as part:
        new_array(part, (NUMBERS.size,), NUMBERS.dtype)


WRITERS = {
    "model.safetensors": lambda path: checkpoint.save(path, {"a": torch.from_numpy(NUMBERS)}, {}),
    "record.json": lambda path: write_json(path, {"values": NUMBERS.tolist()}),
    "metrics.csv": lambda path: write_csv(pd.DataFrame({"value": NUMBERS}), path, None),
    "outputs.npz": save_outputs,
    "visual.npy": reserve,
}


@contextlib.contextmanager
def largest_file(size):
    """Limit the size of files that this process writes, in bytes."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("name", WRITERS)
def test_a_limit_of_the_file_size(tmp_path, name):
    with (
        largest_file(4096),
        pytest.raises(UserError, match=rf"{name}: cannot be written \(File too large\); allow larger"),
    ):
        WRITERS[name](tmp_path / name)
    assert not list(tmp_path.iterdir())


class Disk:
    """A small file system in memory."""

    def __init__(self, folder: Path, size: str):
        self.folder, self.error = folder, None
        folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip("only root can mount a small disk")

    def remount(self, options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", self.folder], check=True)

    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.rglob("*") if path.is_file())


@pytest.fixture
def disk(tmp_path):
    """Return a disk of 64 kB."""
    small = Disk(tmp_path / "disk", "64k")
    yield small
    subprocess.run(["umount", "--lazy", small.folder], check=True)


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk(disk, name):
    with pytest.raises(
        UserError, match=rf"{name}: cannot be written \(No space left on device\); make room there"
    ):
        WRITERS[name](disk.folder / name)
    assert not list(disk.folder.iterdir())


@pytest.mark.parametrize("name", WRITERS)
def test_a_read_only_folder(disk, name):
    disk.remount("ro")
    with pytest.raises(
        UserError, match=rf"{name}: cannot be written \(Read-only file system\); make the folder writable"
    ):
        WRITERS[name](disk.folder / "new" / name)


def test_a_log_on_a_full_disk(disk, capsys):
    path = disk.folder / "logs" / "finetune" / "seed1.log"
    with pytest.raises(SystemExit), job(path) as log:
        (disk.folder / "other").write_bytes(bytes(64 * 1024 - 8192))
        for _ in range(1000):
            log("a line of text")
    assert (
        f"finetune seed1: error: the disk is full ({path}): make room and run again"
        in capsys.readouterr().err
    )


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    settings = config(
        training={"checkpoint_seconds": 0.0, "pretrain": {"steps": 1}, "finetune": {"steps": 3}}
    )
    benchmark = Benchmark(tmp_path_factory.mktemp("tiny"), settings).write()
    pretrain(settings, benchmark.data, 1, benchmark.pretrained, "source", no_log)
    return benchmark


def fine_tuned(benchmark, folder, lines=None):
    out = folder / "original.safetensors"
    log = no_log if lines is None else lines.append
    finetune(copy.deepcopy(benchmark.config), benchmark.data, benchmark.pretrained, 1, out, "source", log)
    return checkpoint.load(out)[0]


def test_training_on_a_full_disk_goes_on_once_there_is_room(pretrained, disk, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "CHECK_EVERY", 1)
    with pytest.raises(UserError, match=r"cannot be written \(No space left on device\); make room there"):
        fine_tuned(pretrained, disk.folder)
    assert not any(name.endswith((".safetensors", ".json", ".csv", ".npz")) for name in disk.files())
    disk.remount("size=64m")
    assert all(
        torch.equal(value, other)
        for value, other in zip(
            fine_tuned(pretrained, disk.folder).values(),
            fine_tuned(pretrained, tmp_path / "elsewhere").values(),
            strict=True,
        )
    )


def test_training_into_a_read_only_folder(pretrained, disk):
    disk.remount("ro")
    with pytest.raises(UserError, match=r"original\.work: cannot be written \(Read-only file system\)"):
        fine_tuned(pretrained, disk.folder)
