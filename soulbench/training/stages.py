"""The two trainings that make an original model, and, under a plan, a retrained one."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from soulbench import device as devices
from soulbench.checkpoint import work_folder
from soulbench.joblog import Log
from soulbench.records import provenance, write_json
from soulbench.training.data import Data
from soulbench.training.loop import Stage, fit
from soulbench.training.losses import Objective
from soulbench.training.networks import Networks, new_discriminators
from soulbench.training.plans import Plan

NAMES = {"pretrain": "pre-training", "finetune": "fine-tuning"}


def train_stage(
    data: Data, networks: Networks, which: str, plan: Plan, seed: int, work: Path, log: Log
) -> dict[str, Any]:
    """Run one of the two stages ("pretrain" | "finetune") under a plan; trains in place, returns its facts."""
    settings = data.config["training"]
    rows = data.without(data.train if which == "pretrain" else data.subset, plan)
    stage = Stage(
        name=NAMES[which],
        steps=settings[which]["steps"],
        batch=settings[which]["batch"],
        learning_rate=settings["learning_rate"],
        schedule=settings["schedule"],
        seed=seed,
        frozen_statistics=False,
        masking=settings["masking"],
        checkpoint_seconds=settings["checkpoint_seconds"],
    )
    device = devices.prepare(data.config["device"])
    objective = objective_for(data.config, networks, plan)
    return fit(networks, objective, data.batches(plan), rows, stage, device, work, log)


def objective_for(config: Mapping[str, Any], networks: Networks, plan: Plan) -> Objective:
    """The configured losses on these networks."""
    settings = config["training"]
    return Objective(
        settings["losses"], networks.discriminators, settings["perceptual_weights"], plan.guidance_while
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
        facts = train_stage(data, networks, "pretrain", Plan(), seed, work, log)
        _finish(data, networks, out_model, facts, seed, source)


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
        facts = train_stage(data, networks, "finetune", Plan(), seed, work, log)
        _finish(data, networks, out_model, facts, seed, source)


def _finish(
    data: Data, networks: Networks, out_model: str, facts: Mapping[str, Any], seed: int, source: str
) -> None:
    networks.save(out_model, seed=seed)
    about = origin(data.config, data.config["training"], seed, source)
    write_json(Path(out_model).with_suffix(".json"), {"seed": seed, **facts, **about})


def origin(
    config: Mapping[str, Any], parameters: Mapping[str, Any], seed: int, source: str
) -> dict[str, Any]:
    """Where a result comes from: parameters, seeds, sources, versions, device, commit."""
    seeds = {"base": config["seed"], "training": seed}
    device = devices.describe(devices.prepare(config["device"]))
    return provenance(parameters=parameters, seeds=seeds, source_hash=source, device=device)
