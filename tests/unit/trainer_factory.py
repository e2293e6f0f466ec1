"""Short trainings of tiny networks, whole or killed."""

import torch
from benchmark_factory import ALL_LOSSES, Benchmark, config
from scenes_factory import no_log

from soulbench.core.device import ExecutionContext
from soulbench.training import trainer as loop
from soulbench.training.dataset import BenchmarkData
from soulbench.training.losses import Objective
from soulbench.training.schedule import Stage
from soulbench.training.trainer import fit

CPU = ExecutionContext(torch.device("cpu"))
MASKING = {"box": 0.35, "feature": 0.25, "hide_image": 0.5, "hide_features": 0.5}
STAGE = Stage("fine-tuning", 9, 2, 1e-2, "cosine", 1, False, MASKING, 0.0)
LOSSES = {**ALL_LOSSES["losses"], "perceptual": 0.0}


def tiny(folder):
    """The data of a tiny benchmark, written to a folder."""
    settings = config(training={"losses": LOSSES})
    return BenchmarkData.open(settings, Benchmark(folder, settings).write().data)


def train(
    data, folder, stage=STAGE, networks=None, rows=None, batches=None, log=no_log, early=None, seen=None
):
    networks = networks or data.networks(1)
    objective = Objective(LOSSES, networks.discriminators, None)
    batches = batches or data.batches()
    facts = fit(networks, objective, batches, rows or data.subset, stage, CPU, folder, log, seen, early)
    return networks, facts


def state(networks):
    return {name: value.clone() for name, value in networks.modules().state_dict().items()}


def assert_equal(first, second):
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name


def killed_at(step, monkeypatch):
    """Make the training die before a step."""
    original = loop._Run.step

    def dying(run, number, batch):
        if number == step:
            raise KeyboardInterrupt
        return original(run, number, batch)

    monkeypatch.setattr(loop._Run, "step", dying)
    return lambda: monkeypatch.setattr(loop._Run, "step", original)
