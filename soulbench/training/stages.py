"""The two trainings that make an original model, and, under the changes of a method, a retrained one."""

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch.distributed as dist

from soulbench.core import device as devices
from soulbench.core.checkpoint import work_folder
from soulbench.core.device import ExecutionContext
from soulbench.core.log import Log
from soulbench.core.records import provenance, write_json
from soulbench.training.dataset import UNCHANGED, BenchmarkData, Changes
from soulbench.training.early_stop import EarlyStop
from soulbench.training.losses import Objective
from soulbench.training.monitor import TrainingMonitor
from soulbench.training.networks import Networks, new_discriminators
from soulbench.training.schedule import Stage
from soulbench.training.trainer import fit

SNAPSHOT_IMAGES = 4  # of the subset, drawn as a training goes on
NAMES = {"pretrain": "pre-training", "finetune": "fine-tuning"}


def train_stage(
    data: BenchmarkData,
    networks: Networks,
    which: str,
    changes: Changes,
    seed: int,
    work: Path,
    log: Log,
    monitor: TrainingMonitor | None = None,
) -> dict[str, Any]:
    """Run one of the two stages ("pretrain" | "finetune") in place, under the changes of a method; return its facts."""
    settings = data.config["training"]
    rows = data.without(data.train if which == "pretrain" else data.subset, changes)
    stage = stage_of(settings[which] | {"name": NAMES[which]}, settings, seed)
    context = ExecutionContext.of(data.config)
    objective = objective_for(data.config, networks, changes)
    # Fine-tuning is there to memorise the subset, which other images cannot judge.
    early = None
    if which == "pretrain":
        early = EarlyStop.of(data.batches(), data.validation, settings["early_stop"])
    return fit(networks, objective, data.batches(changes), rows, stage, context, work, log, monitor, early)


def stage_of(own: Mapping[str, Any], training: Mapping[str, Any], seed: int, frozen: bool = False) -> Stage:
    """A stage of its own name, steps and batch (and rate and schedule), and of the common settings."""
    names = [field.name for field in fields(Stage)]
    settings = {**training, **own, "seed": seed, "frozen_statistics": frozen}
    return Stage(**{name: settings[name] for name in names})


def monitor_for(data: BenchmarkData, rows: list[int], model: str | Path) -> TrainingMonitor:
    """What watches the training of a checkpoint; of several processes the first."""
    first = not dist.is_initialized() or dist.get_rank() == 0
    return TrainingMonitor.of(data.batches(), rows, data.config, model, first)


def objective_for(config: Mapping[str, Any], networks: Networks, changes: Changes) -> Objective:
    """The configured losses on these networks."""
    settings = config["training"]
    return Objective(
        settings["losses"], networks.discriminators, settings["perceptual_weights"], changes.guidance_while
    )


def between_stages(data: BenchmarkData, networks: Networks, seed: int) -> Networks:
    """What fine-tuning starts from: the image discriminator is kept, or made anew as the release does."""
    if data.config["training"]["keep_image_discriminator"] or networks.discriminators is None:
        return networks
    categories = len(data.scenes.vocabulary.objects)
    fresh = new_discriminators(data.config["generator"], categories, seed, "finetune-discriminators")
    fresh.object.load_state_dict(networks.discriminators.object.state_dict())
    return replace(networks, discriminators=fresh)


def pretrain(
    config: Mapping[str, Any], data_dir: str, seed: int, out_model: str, source: str, log: Log
) -> None:
    """Pre-train on the whole training split; writes the checkpoint and its facts beside it (.json)."""
    data = BenchmarkData.open(config, data_dir)
    networks = data.networks(seed)
    with work_folder(out_model) as work:
        monitor = monitor_for(data, data.subset[:SNAPSHOT_IMAGES], out_model)
        facts = train_stage(data, networks, "pretrain", UNCHANGED, seed, work, log, monitor)
        _finish(data, networks, out_model, facts, seed, source, monitor)


def finetune(
    config: Mapping[str, Any],
    data_dir: str,
    pretrained: str,
    seed: int,
    out_model: str,
    source: str,
    log: Log,
) -> None:
    """Fine-tune a pre-trained model on the human subset: the original model."""
    data = BenchmarkData.open(config, data_dir)
    networks = data.networks(seed)
    networks.load(pretrained)
    networks = between_stages(data, networks, seed)
    with work_folder(out_model) as work:
        monitor = monitor_for(data, data.subset[:SNAPSHOT_IMAGES], out_model)
        facts = train_stage(data, networks, "finetune", UNCHANGED, seed, work, log, monitor)
        _finish(data, networks, out_model, facts, seed, source, monitor)


def _finish(
    data: BenchmarkData,
    networks: Networks,
    out_model: str,
    facts: Mapping[str, Any],
    seed: int,
    source: str,
    monitor: TrainingMonitor,
) -> None:
    if monitor.batch is None:  # another process than the first
        return
    networks.save(out_model, seed=seed)
    monitor.save(out_model)
    about = origin(data.config, data.config["training"], seed, source)
    write_json(Path(out_model).with_suffix(".json"), {"seed": seed, **facts, **about})


def origin(
    config: Mapping[str, Any], parameters: Mapping[str, Any], seed: int, source: str
) -> dict[str, Any]:
    """Where a result comes from: parameters, seeds, sources, versions, device, commit."""
    seeds = {"base": config["seed"], "training": seed}
    device = devices.describe(devices.prepare(config["device"]))
    return provenance(parameters=parameters, seeds=seeds, source_hash=source, device=device)
