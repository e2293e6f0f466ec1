"""Two processes learn what one learns with the same batches, and read each other's checkpoints."""

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
# A short training run with a small rate: Adam's first steps turn a rounding error in a tiny gradient into a whole step.
TRAINING = {"losses": LOSSES, "learning_rate": 1e-4, "pretrain": {"steps": 3, "batch": 4}}
#: Mean distance of the weights of two training runs, relative to the distance from their common start. Measured: 3e-5,
#: 8e-5; 1e-3 if a mean over objects is taken in each process alone, 2e-2 without synchronised batch statistics.
NEAR = 3e-4


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory):
    return Benchmark(tmp_path_factory.mktemp("tiny"), config(training=TRAINING)).write()


def pretrained(benchmark, out, processes, log=no_log, **changed):
    settings = config(training={**TRAINING, "processes": processes, **changed})
    arguments = {
        "config": settings,
        "data_dir": str(benchmark.data),
        "seed": 1,
        "out_model": str(out),
        "source": "s",
    }
    run("soulbench.training.stages:pretrain", arguments, processes, log)
    return load(out)[0]


def test_two_processes_follow_one_with_the_whole_batch(benchmark, tmp_path):
    lines = []
    alone = pretrained(benchmark, tmp_path / "one" / "m.safetensors", 1)
    together = pretrained(benchmark, tmp_path / "two" / "m.safetensors", 2, lines.append)
    assert any("pre-training: 3 of 3" in line for line in lines)
    assert {*alone} == {*together}
    start = pretrained(benchmark, tmp_path / "none" / "m.safetensors", 1, pretrain={"steps": 0, "batch": 4})
    for part in ("generator.", "discriminators."):
        one, two, initial = (
            torch.cat([value.float().flatten() for name, value in model.items() if name.startswith(part)])
            for model in (alone, together, start)
        )
        moved = (one - initial).abs()
        # Means only: if a gradient is pure rounding (a bias that a norm cancels), Adam turns it into a whole step.
        assert moved.mean() > 1e-4
        assert (two - one).abs().mean() < NEAR * moved.mean()


def test_one_process_reads_the_checkpoint_of_two(benchmark, tmp_path):
    from soulbench.training.dataset import BenchmarkData

    pretrained(benchmark, tmp_path / "m.safetensors", 2)
    settings = config(training=TRAINING)
    networks = BenchmarkData.open(settings, benchmark.data).networks(2)
    networks.load(tmp_path / "m.safetensors")
    tensors = load(tmp_path / "m.safetensors")[0]
    assert all(torch.equal(value, tensors[name]) for name, value in networks.modules().state_dict().items())


def test_an_error_in_a_process_reaches_the_user(benchmark, tmp_path):
    with pytest.raises(UserError, match="cannot be split into 6 micro-batches"):
        pretrained(benchmark, tmp_path / "m.safetensors", 2, accumulate=3, pretrain={"steps": 3, "batch": 4})
