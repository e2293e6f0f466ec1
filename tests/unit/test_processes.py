"""Two processes learn what one learns with the same batch; their checkpoints are each other's."""

import pytest
import torch
from benchmark_factory import Benchmark, config
from scenes_factory import no_log

from soulbench.core.checkpoint import load
from soulbench.core.errors import UserError
from soulbench.core.processes import run

LOSSES = {
    **dict.fromkeys(("l1", "boxes", "object_gan", "image_gan", "feature_matching"), 1.0),
    **{"object_class": 0.1, "perceptual": 0.0},
}
# A short training at a small rate: Adam's first steps turn a rounding error in a gradient near 0 into a whole step.
TRAINING = {"losses": LOSSES, "learning_rate": 1e-4, "pretrain": {"steps": 3, "batch": 4}}
#: Mean distance of two trainings as a share of the way that one has come. Measured: 3e-5 and 8e-5; 1e-3 where a mean
#: over objects is one over a process's own, 2e-2 without common statistics.
NEAR = 3e-4


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return Benchmark(tmp_path_factory.mktemp("tiny"), config(training=TRAINING)).write()


def pretrained(world, out, processes, log=no_log, **changed):
    settings = config(training={**TRAINING, "processes": processes, **changed})
    arguments = {
        "config": settings,
        "data_dir": str(world.data),
        "seed": 1,
        "out_model": str(out),
        "source": "s",
    }
    run("soulbench.training.stages:pretrain", arguments, processes, log)
    return load(out)[0]


def test_two_processes_follow_one_with_the_whole_batch(world, tmp_path):
    lines = []
    alone = pretrained(world, tmp_path / "one" / "m.safetensors", 1)
    together = pretrained(world, tmp_path / "two" / "m.safetensors", 2, lines.append)
    assert any("pre-training: 3 of 3" in line for line in lines)
    assert {*alone} == {*together}
    start = pretrained(world, tmp_path / "none" / "m.safetensors", 1, pretrain={"steps": 0, "batch": 4})
    for part in ("generator.", "discriminators."):
        one, two, begun = (
            torch.cat([value.float().flatten() for name, value in model.items() if name.startswith(part)])
            for model in (alone, together, start)
        )
        way = (one - begun).abs()
        # Not of each: where a gradient is nothing but rounding (a bias that a norm takes away), Adam makes it a step.
        assert way.mean() > 1e-4
        assert (two - one).abs().mean() < NEAR * way.mean()


def test_the_checkpoint_of_either_opens_in_the_other(world, tmp_path):
    from soulbench.training.dataset import BenchmarkData

    pretrained(world, tmp_path / "m.safetensors", 2)
    settings = config(training=TRAINING)
    networks = BenchmarkData.open(settings, world.data).networks(2)
    networks.load(tmp_path / "m.safetensors")
    found = load(tmp_path / "m.safetensors")[0]
    assert all(torch.equal(value, found[name]) for name, value in networks.modules().state_dict().items())


def test_what_is_wrong_in_a_process_is_said(world, tmp_path):
    with pytest.raises(UserError, match="cannot be split into 6 micro-batches"):
        pretrained(world, tmp_path / "m.safetensors", 2, accumulate=3, pretrain={"steps": 3, "batch": 4})
