"""A training that was killed and is run again with anything changed ends like one that was never killed.

Each case changes one setting, or one file that the job reads, between the kill and the next run. The end, weights or
error message, is compared to the bit with that of a clean run of the changed job.
"""

import copy
import functools
import random
import shutil
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from soulbench.core.sources import ROOT

sys.path.append(str(ROOT / "tests" / "unit"))  # the factories

from benchmark_factory import COLUMNS, Benchmark, config
from scenes_factory import no_log
from trainer_factory import LOSSES, interrupt_at

from soulbench.config import files, schema
from soulbench.core import checkpoint, registry
from soulbench.core.errors import UserError
from soulbench.training import trainer
from soulbench.training.monitor import TrainingMonitor
from soulbench.training.stages import finetune, pretrain
from soulbench.unlearning.run import unlearn

STAGE = {"steps": 2, "batch": 2}
BASE = config(
    training={
        "losses": LOSSES,
        "perceptual_weights": "seeded",
        "checkpoint_seconds": 0.0,
        "masking": {"hide_image": 0.5},
        "pretrain": STAGE,
        "finetune": STAGE,
    },
    unlearning={"steps": 3, "snapshots": [1], "batch": 2},
)
METHOD = "obj-mk-ns"
JOBS = ("finetune", METHOD, "retrain")


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    """Save the state after every step, and take no snapshots."""
    monkeypatch.setattr(trainer, "CHECK_EVERY", 1)
    monkeypatch.setattr(TrainingMonitor, "_tensorboard", lambda monitor: None)
    monkeypatch.setattr(TrainingMonitor, "snapshot", lambda *arguments, **more: None)
    monkeypatch.setattr(TrainingMonitor, "save", lambda *arguments: None)


class Job:
    """A training job in a folder of its own, with the data and models that it reads."""

    def __init__(self, folder: Path, name: str):
        self.name, self.benchmark = name, Benchmark(folder, copy.deepcopy(BASE))
        self.out = folder / "out" / "model.safetensors"
        self.lines: list[str] = []

    def copied(self, folder: Path) -> "Job":
        shutil.copytree(self.benchmark.folder, folder)
        return Job(folder, self.name)

    def run(self, source: str = "source") -> None:
        settings, data = self.benchmark.config, self.benchmark.data
        original, pretrained = self.benchmark.original, self.benchmark.pretrained
        out = (self.out, source, self.lines.append)
        if self.name == "finetune":
            finetune(settings, data, pretrained, 1, *out)
        else:
            unlearn(settings, self.name, "r1", 1, data, original, pretrained, *out)

    def end(self, **arguments: str) -> Any:
        """Return how the job ends: the model's tensors, or an error message."""
        try:
            self.run(**arguments)
        except UserError as error:
            return str(error).replace(str(self.benchmark.folder), "")
        return checkpoint.load(self.out)[0]

    def resumed_at(self) -> list[str]:
        return [line for line in self.lines if "goes on at" in line]


def equal(first: Any, second: Any) -> bool:
    if isinstance(first, str) or isinstance(second, str):
        return first == second
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture(scope="session")
def killed(tmp_path_factory):
    """Return one job of each kind that was killed after its first step, in the second stage of a retrained model."""
    folder = tmp_path_factory.mktemp("killed")
    with pytest.MonkeyPatch.context() as patch:
        fast.__wrapped__(patch)
        trained = Benchmark(folder / "trained", copy.deepcopy(BASE)).write()
        pretrain(BASE, trained.data, 1, trained.pretrained, "source", no_log)
        finetune(BASE, trained.data, trained.pretrained, 1, trained.original, "source", no_log)
        jobs = {name: Job(trained.folder, name).copied(folder / name) for name in JOBS}
        for name, job in jobs.items():
            undo = interrupt_at(1, patch, stages=2 if name == "retrain" else 1)
            with pytest.raises(KeyboardInterrupt):
                job.run()
            undo()
            assert job.out.with_suffix(".work").is_dir()
    return jobs


def at(path: tuple) -> Any:
    """Return the setting or section at a path."""
    return functools.reduce(lambda section, key: section[key], path, BASE)


def leaves(section: Any, path: tuple = ()) -> Iterator[tuple]:
    """Yield the path of every setting of a section; a list is one setting."""
    if isinstance(section, dict) and section:
        for key, value in section.items():
            yield from leaves(value, (*path, key))
    else:
        yield path


def other_value(value: Any, part: dict[str, Any]) -> Any:
    """Return another value that a part of the schema allows."""
    if value is None:
        part = schema.without_null(part)
        if "properties" in part:
            return {name: other_value(1, inner) for name, inner in part["properties"].items()}
        return {"number": 0.5, "integer": 1, "string": "seeded"}[part["type"]]
    if "anyOf" in part:
        return None
    if "enum" in part:
        return next(text for text in part["enum"] if text != value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, list):
        return [number + 1 for number in value]
    doubled = 2 * value or 0.5
    return doubled if doubled <= part.get("maximum", doubled) else type(value)(value / 2)


def other_parameter(value: Any, hint: Any) -> Any:
    """Return another value of a method's parameter."""
    choices = typing.get_args(hint)
    return next(text for text in choices if text != value) if value in choices else 2 * value


def cases() -> Iterator[Any]:
    """Yield every setting of the sections that each job reads, with another value of it."""
    sections = {
        "finetune": [("seed",), ("generator",), ("training",)],
        METHOD: [("unlearning",)],
        "retrain": [("training", "pretrain"), ("training", "finetune")],
    }
    for job, prefixes in sections.items():
        for prefix in prefixes:
            for path in leaves(at(prefix), prefix):
                value = at(path)
                yield pytest.param(
                    job, path, other_value(value, schema.part_at(path)), id=f"{job} {'.'.join(path)}"
                )
    parameters = registry.method(METHOD).parameters
    hints = typing.get_type_hints(parameters)
    for name, value in vars(parameters()).items():
        path = ("methods", METHOD, name)
        yield pytest.param(METHOD, path, other_parameter(value, hints[name]), id=f"{METHOD} {name}")


def overlay(path: tuple, value: Any) -> dict[str, Any]:
    return {path[0]: overlay(path[1:], value)} if path else value


@pytest.mark.parametrize(("name", "path", "value"), [*cases()])
def test_another_setting_gives_what_a_clean_run_gives(killed, tmp_path, name, path, value):
    resumed, clean = (killed[name].copied(tmp_path / place) for place in ("resumed", "clean"))
    shutil.rmtree(clean.out.parent)
    for job in (resumed, clean):
        job.benchmark.config = files.merge(job.benchmark.config, overlay(path, value))
    assert equal(resumed.end(), clean.end())


@pytest.mark.parametrize("name", JOBS)
def test_nothing_changed_goes_on(killed, tmp_path, name):
    resumed, clean = (killed[name].copied(tmp_path / place) for place in ("resumed", "clean"))
    shutil.rmtree(clean.out.parent)
    assert equal(resumed.end(), clean.end())
    earlier = ["pre-training: goes on at 2 of 2"] if name == "retrain" else []
    stage = "unlearning: goes on at 1 of 3" if name == METHOD else "fine-tuning: goes on at 1 of 2"
    assert resumed.resumed_at() == [*earlier, stage]
    assert not clean.resumed_at()
    assert not resumed.out.with_suffix(".work").exists()


def test_the_log_says_what_differs(killed, tmp_path):
    job = killed["finetune"].copied(tmp_path / "job")
    job.benchmark.config["training"]["losses"] = {**LOSSES, "l1": 5.0}
    job.run()
    assert not job.resumed_at()
    line = next(line for line in job.lines if "put aside" in line)
    assert "parameters.training.losses.l1 is 1.0 there and 5.0 here" in line


def edited(array: str, by: Any) -> Any:
    return lambda benchmark: benchmark.change(array, by)


def other_features(benchmark: Benchmark) -> None:
    path = benchmark.data / "visual.npy"
    changed = np.load(path) + 1
    path.unlink()
    np.save(path, changed)


def other_start(benchmark: Benchmark) -> None:
    """Perturb a weight of both models that a job may start from."""
    name = "generator.decoder.out.0.weight"
    for path in (benchmark.pretrained, benchmark.original):
        tensors, meta = checkpoint.load(path)
        checkpoint.save(path, tensors | {name: tensors[name] + 0.01}, meta)


def fewer_images(benchmark: Benchmark) -> None:
    rows = [(image, "subset") for image in (4, 3, 2, 1)] + [(7, "heldout")]
    benchmark.table("subset", ("image_id", "role"), rows)


def another_target(benchmark: Benchmark) -> None:
    rows = [(name, "object", "requested", *ids, "woman") for name, ids in (("r1", (3, 32)), ("r2", (2, 22)))]
    benchmark.table("requests", COLUMNS, rows)


def swapped(values: np.ndarray) -> np.ndarray:
    return np.concatenate([values[1:2], values[:1], values[2:]])


FILES = {
    "pixels": edited("pixels", lambda pixels: 255 - pixels),
    "categories": edited("categories", swapped),
    "boxes": edited("boxes", lambda boxes: boxes * np.float32(0.9)),
    "triples": edited("triples", lambda triples: np.concatenate([triples[:1] * [1, 0, 1], triples[1:]])),
    "visual features": other_features,
    "subset": fewer_images,
    "starting weights": other_start,
    "requests": another_target,
}
#: What a method reads beside that.
OF_REQUEST = ("starting weights", "requests", "pixels")
#: What a job does not read changes nothing.
UNREAD = [("finetune", "requests"), ("retrain", "starting weights")]


@pytest.mark.parametrize(
    ("name", "file"),
    [
        *(("finetune", file) for file in FILES if file != "requests"),
        *((METHOD, file) for file in OF_REQUEST),
        *UNREAD,
    ],
)
def test_another_file_gives_what_a_clean_run_gives(killed, tmp_path, name, file):
    resumed, clean = (killed[name].copied(tmp_path / place) for place in ("resumed", "clean"))
    shutil.rmtree(clean.out.parent)
    for job in (resumed, clean):
        FILES[file](job.benchmark)
    assert equal(resumed.end(), clean.end())
    assert bool(resumed.resumed_at()) == ((name, file) in UNREAD)


def test_other_sources_start_anew(killed, tmp_path):
    job = killed["finetune"].copied(tmp_path / "job")
    job.run(source="other")
    assert not job.resumed_at()


@pytest.mark.parametrize("name", ["finetune", "retrain"])
def test_a_damaged_state_is_put_aside_and_training_starts_anew(killed, tmp_path, name):
    job, clean = (killed[name].copied(tmp_path / place) for place in ("resumed", "clean"))
    shutil.rmtree(clean.out.parent)
    for path in job.out.with_suffix(".work").glob("*.safetensors"):
        content = bytearray(path.read_bytes())
        content[random.Random(0).randrange(len(content) // 2, len(content))] ^= 1
        path.write_bytes(content)
    assert equal(job.end(), clean.end())
    assert not job.resumed_at()
    assert any("damaged (its checksum is that of another content)" in line for line in job.lines)
