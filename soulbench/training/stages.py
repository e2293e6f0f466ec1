"""The two trainings that make an original model, and, under the changes of a method, a retrained one."""

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch.distributed as dist

from soulbench.core import device as devices
from soulbench.core.checkpoint import work_folder
from soulbench.core.device import Workplace
from soulbench.core.log import Log
from soulbench.core.records import provenance, write_json
from soulbench.training.dataset import UNCHANGED, Changes, Data
from soulbench.training.early_stop import EarlyStop
from soulbench.training.losses import Objective
from soulbench.training.monitor import Watch
from soulbench.training.networks import Networks, new_discriminators
from soulbench.training.schedule import Stage
from soulbench.training.trainer import fit

FILMED_IMAGES = 4  # of the subset, drawn as a training goes on
NAMES = {"pretrain": "pre-training", "finetune": "fine-tuning"}


def train_stage(
    data: Data,
    networks: Networks,
    which: str,
    changes: Changes,
    seed: int,
    work: Path,
    log: Log,
    watch: Watch | None = None,
) -> dict[str, Any]:
    """Run one of the two stages ("pretrain" | "finetune") in place, under the changes of a method; return its facts."""
    settings = data.config["training"]
    rows = data.without(data.train if which == "pretrain" else data.subset, changes)
    stage = stage_of(settings[which] | {"name": NAMES[which]}, settings, seed)
    workplace = Workplace.of(data.config)
    objective = objective_for(data.config, networks, changes)
    # Fine-tuning is there to memorise the subset, which other images cannot judge.
    early = None
    if which == "pretrain":
        early = EarlyStop.of(data.batches(), data.validation, settings["early_stop"])
    return fit(networks, objective, data.batches(changes), rows, stage, workplace, work, log, watch, early)


def stage_of(own: Mapping[str, Any], training: Mapping[str, Any], seed: int, frozen: bool = False) -> Stage:
    """A stage of its own name, steps and batch (and rate and schedule), and of the common settings."""
    names = [field.name for field in fields(Stage)]
    settings = {**training, **own, "seed": seed, "frozen_statistics": frozen}
    return Stage(**{name: settings[name] for name in names})


def watch_of(data: Data, rows: list[int], model: str | Path) -> Watch:
    """What watches the training of a checkpoint; of several processes the first."""
    first = not dist.is_initialized() or dist.get_rank() == 0
    return Watch.of(data.batches(), rows, data.config, model, first)


def objective_for(config: Mapping[str, Any], networks: Networks, changes: Changes) -> Objective:
    """The configured losses on these networks."""
    settings = config["training"]
    return Objective(
        settings["losses"], networks.discriminators, settings["perceptual_weights"], changes.guidance_while
    )


def between_stages(data: Data, networks: Networks, seed: int) -> Networks:
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
    data = Data.open(config, data_dir)
    networks = data.networks(seed)
    with work_folder(out_model) as work:
        watch = watch_of(data, data.subset[:FILMED_IMAGES], out_model)
        facts = train_stage(data, networks, "pretrain", UNCHANGED, seed, work, log, watch)
        _finish(data, networks, out_model, facts, seed, source, watch)


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
    data = Data.open(config, data_dir)
    networks = data.networks(seed)
    networks.load(pretrained)
    networks = between_stages(data, networks, seed)
    with work_folder(out_model) as work:
        watch = watch_of(data, data.subset[:FILMED_IMAGES], out_model)
        facts = train_stage(data, networks, "finetune", UNCHANGED, seed, work, log, watch)
        _finish(data, networks, out_model, facts, seed, source, watch)


def _finish(
    data: Data,
    networks: Networks,
    out_model: str,
    facts: Mapping[str, Any],
    seed: int,
    source: str,
    watch: Watch,
) -> None:
    if watch.batch is None:  # another process than the first
        return
    networks.save(out_model, seed=seed)
    watch.save(out_model)
    about = origin(data.config, data.config["training"], seed, source)
    write_json(Path(out_model).with_suffix(".json"), {"seed": seed, **facts, **about})


def origin(
    config: Mapping[str, Any], parameters: Mapping[str, Any], seed: int, source: str
) -> dict[str, Any]:
    """Where a result comes from: parameters, seeds, sources, versions, device, commit."""
    seeds = {"base": config["seed"], "training": seed}
    device = devices.describe(devices.prepare(config["device"]))
    return provenance(parameters=parameters, seeds=seeds, source_hash=source, device=device)
