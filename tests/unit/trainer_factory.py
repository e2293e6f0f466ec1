"""Short training runs of tiny networks, complete or interrupted."""

import torch
from benchmark_factory import ALL_LOSSES, Benchmark, config
from networks_factory import SIZES
from scenes_factory import no_log

from soulbench.core.device import ExecutionContext
from soulbench.core.running_state import WorkFolder
from soulbench.training.dataset import BenchmarkData
from soulbench.training.losses import Objective
from soulbench.training.schedule import Stage
from soulbench.training.trainer import Trainer

CPU = ExecutionContext(torch.device("cpu"))
MASKING = {
    **{"box": 0.35, "feature": 0.25, "hide_image": 0.5, "hide_features": 0.5},
    **{"grey_features": False, "image_node": "dropped", "visual": SIZES["visual"]},
}
STAGE = Stage("fine-tuning", 9, 2, 1e-2, "cosine", 1, False, MASKING, 0.0)
LOSSES = {**ALL_LOSSES["losses"], "perceptual": 0.0}


def tiny(folder):
    """Write the data of a tiny benchmark to a folder and open it."""
    settings = config(training={"losses": LOSSES})
    return BenchmarkData.open(settings, Benchmark(folder, settings).write().data)


def trainer_of(
    data, networks, stage=STAGE, rows=None, batches=None, context=CPU, monitor=None, early_stop=None
):
    """Return a trainer on the subset with all losses but the perceptual one."""
    objective = Objective(LOSSES, networks.discriminators, None)
    rows, batches = data.subset if rows is None else rows, batches or data.batches()
    return Trainer(networks, objective, batches, rows, stage, context, monitor, early_stop)


def train(data, folder, stage=STAGE, networks=None, log=no_log, save_after=(), **more):
    """Train fresh networks; return them and the result."""
    networks = networks or data.networks(1)
    work = WorkFolder(folder, {})
    return networks, trainer_of(data, networks, stage, **more).fit(work, log, save_after=save_after)


def state(networks):
    return {name: value.clone() for name, value in networks.modules().state_dict().items()}


def assert_equal(first, second):
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name


def interrupt_at(step, monkeypatch, stages=1):
    """Make training fail before a step of the so-manieth stage; return what undoes that."""
    original, reached = Trainer.train_step, []

    def failing(trainer, number, micro_batches):
        reached.extend([number] if number == step else [])
        if len(reached) == stages:
            raise KeyboardInterrupt
        return original(trainer, number, micro_batches)

    monkeypatch.setattr(Trainer, "train_step", failing)
    return lambda: monkeypatch.setattr(Trainer, "train_step", original)
