"""A training run that is killed again and again, at random moments, ends with the bits of an undisturbed one."""

import multiprocessing
import random
import signal
import time

import torch
from benchmark_factory import Benchmark, config
from scenes_factory import no_log
from trainer_factory import MASKING

from soulbench.core.checkpoint import load
from soulbench.core.device import ExecutionContext
from soulbench.core.running_state import WorkFolder
from soulbench.training import trainer as trainer_module
from soulbench.training.dataset import BenchmarkData
from soulbench.training.losses import Objective
from soulbench.training.schedule import Stage
from soulbench.training.stages import monitor_for
from soulbench.training.trainer import Trainer

KILLS = 20
LOSSES = {
    **dict.fromkeys(("l1", "boxes", "object_gan", "image_gan", "feature_matching"), 1.0),
    **{"object_class": 0.1, "perceptual": 0.0},
}
STAGE = Stage("fine-tuning", 50, 2, 1e-3, "cosine", 1, False, MASKING, 0.0, ema_decay=0.9)


def train(settings, data_dir, folder):
    """Train to the end; runs in a process of its own, which may be killed."""
    trainer_module.CHECK_EVERY = 2  # the state is saved after every second step, so kills often hit a save
    torch.set_num_threads(1)
    data = BenchmarkData.open(settings, data_dir)
    networks = data.networks(1)
    objective = Objective(LOSSES, networks.discriminators, None)
    monitor = monitor_for(data, data.subset, folder / "m")
    monitor.tensorboard_dir = None
    context = ExecutionContext(torch.device("cpu"))
    Trainer(networks, objective, data.batches(), data.subset, STAGE, context, monitor).fit(
        WorkFolder(folder / "work", {}), no_log
    )
    networks.save(folder / "model.safetensors")
    monitor.save(folder / "model.safetensors")


def test_a_run_killed_twenty_times_ends_with_the_same_bits(tmp_path):
    settings = config(training={"losses": LOSSES})
    written = Benchmark(tmp_path / "tiny", settings).write()
    whole, part = tmp_path / "whole", tmp_path / "part"
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["test_unbreakable"])

    def start(folder):
        process = context.Process(target=train, args=(settings, written.data, folder))
        process.start()
        return process

    began = time.monotonic()
    undisturbed = start(whole)
    undisturbed.join()
    assert undisturbed.exitcode == 0
    length = time.monotonic() - began
    moments, killed = random.Random(0), 0
    while killed < KILLS:
        victim = start(part)
        victim.join(moments.uniform(0.02, 0.25) * length)
        if victim.exitcode is not None:  # it finished before the kill, so it has to start again
            assert victim.exitcode == 0
            (part / "model.safetensors").unlink()
            (part / "work" / "fine-tuning.safetensors").unlink()
            continue
        victim.kill()
        victim.join()
        assert victim.exitcode == -signal.SIGKILL
        killed += 1
    last = start(part)
    last.join()
    assert last.exitcode == 0
    first, second = (load(folder / "model.safetensors")[0] for folder in (whole, part))
    assert {*first} == {*second}
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    snapshots = [(folder / "model.snapshots.npz").read_bytes() for folder in (whole, part)]
    assert snapshots[0] == snapshots[1]
