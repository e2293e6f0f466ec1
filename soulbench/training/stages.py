"""The two stages that train an original model or, under the changes of a method, a retrained one."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch.distributed as dist

from soulbench.core import device as devices
from soulbench.core.device import ExecutionContext
from soulbench.core.log import Log
from soulbench.core.model_record import ModelRecord, write_model_record
from soulbench.core.paths import MOMENTS, beside
from soulbench.core.records import provenance
from soulbench.core.running_state import WorkFolder, work_folder
from soulbench.core.terms import ALL_REQUESTS
from soulbench.training.dataset import UNCHANGED, BenchmarkData, Changes
from soulbench.training.early_stop import EarlyStop
from soulbench.training.losses import Objective
from soulbench.training.masking import masking_of
from soulbench.training.monitor import TrainingMonitor
from soulbench.training.networks import Networks, new_discriminators
from soulbench.training.schedule import Stage, kept_steps
from soulbench.training.trainer import Trainer, TrainingResult

SNAPSHOT_IMAGES = 4  # of the subset
NAMES = {"pretrain": "pre-training", "finetune": "fine-tuning"}


def train_stage(
    data: BenchmarkData,
    networks: Networks,
    which: str,
    changes: Changes,
    seed: int,
    work: WorkFolder,
    log: Log,
    monitor: TrainingMonitor | None = None,
    keep: bool = False,
    moments: str | None = None,
    kept: Mapping[int, str] | None = None,
    start: str | None = None,
) -> TrainingResult:
    """Run one of the two stages in place.

    Args:
        data: the benchmark's data.
        networks: hold the initial weights, and afterwards the trained ones.
        which: "pretrain" or "finetune".
        changes: what a method changes in training.
        seed: training seed.
        work: keeps the running state.
        log: takes a line.
        monitor: records losses and snapshots; None for neither.
        keep: whether another stage follows in the same job (`Trainer.fit`).
        moments: the file to which Adam's moments at the end are written; None for none.
        kept: by number of steps, the files to which the state after them is written; None for none.
        start: a file that the same stage of another training kept, from which this one goes on; None for none.
    """
    settings, (rows, stage) = data.config["training"], seen_in(data, which, changes, seed)
    context = ExecutionContext.of(data.config)
    objective = objective_for(data.config, networks, changes)
    # Fine-tuning is meant to memorise the subset, and the loss on other images cannot tell when that is done.
    early_stop = None
    if which == "pretrain":
        early_stop = EarlyStop.of(data.batches(), data.validation, settings["early_stop"])
    trainer = Trainer(networks, objective, data.batches(changes), rows, stage, context, monitor, early_stop)
    if start is not None:
        trainer.rewind(start, log)
    result = trainer.fit(work, log, keep, keep_after=kept or ())
    if context.rank == 0:
        for step, path in (kept or {}).items():
            work.kept(step).replace(path)
    if moments is not None:
        trainer.save_moments(moments)
    return result


def seen_in(data: BenchmarkData, which: str, changes: Changes, seed: int) -> tuple[list[int], Stage]:
    """Return the rows that a stage trains on under changes, and its settings; arguments as of `train_stage`."""
    settings = data.config["training"]
    specific = settings[which] | {"name": NAMES[which], "masking": masking_of(data.config)}
    if which == "finetune" and settings["eval_mode_after"] is not None:
        specific["eval_mode_after"] = max(0, settings["eval_mode_after"] - settings["pretrain"]["steps"])
    rows = data.without(data.train if which == "pretrain" else data.subset, changes)
    return rows, stage_of(specific, settings, seed)


def stage_of(
    specific: Mapping[str, Any], training: Mapping[str, Any], seed: int, frozen: bool = False
) -> Stage:
    """Return a stage's settings.

    Args:
        specific: its name, steps and batch, and whatever else differs from the common settings.
        training: the common settings, the `training` section of the configuration.
        seed: training seed.
        frozen: whether BatchNorm's running statistics stay as they are.
    """
    names = [field.name for field in fields(Stage)]
    settings = {**training, **specific, "seed": seed, "frozen_statistics": frozen}
    return Stage(**{name: settings[name] for name in names})


def monitor_for(data: BenchmarkData, rows: list[int], model: str | Path) -> TrainingMonitor:
    """Return the monitor of the training run that writes the checkpoint `model`; its snapshots show `rows`."""
    first = not dist.is_initialized() or dist.get_rank() == 0
    return TrainingMonitor.of(data.batches(), rows, data.config, model, first)


def objective_for(config: Mapping[str, Any], networks: Networks, changes: Changes) -> Objective:
    """Return the configured losses on these networks."""
    settings = config["training"]
    return Objective(
        settings["losses"], networks.discriminators, settings["perceptual_weights"], changes.guidance_while
    )


def between_stages(data: BenchmarkData, networks: Networks, seed: int) -> Networks:
    """Return what fine-tuning starts from: the image discriminator is kept, or initialised anew as in the release."""
    if data.config["training"]["keep_image_discriminator"] or networks.discriminators is None:
        return networks
    categories = len(data.scenes.vocabulary.objects)
    fresh = new_discriminators(data.config["generator"], categories, seed, "finetune-discriminators")
    fresh.object.load_state_dict(networks.discriminators.object.state_dict())
    return replace(networks, discriminators=fresh)


def pretrain(
    config: Mapping[str, Any],
    data_dir: str,
    seed: int,
    out_model: str,
    source: str,
    log: Log,
    kept: Sequence[str] = (),
) -> None:
    """Pre-train on the whole training split; write the checkpoint, its moments, record, curves and snapshots.

    Args:
        config: the whole configuration.
        data_dir: `results/<name>/data`.
        seed: training seed.
        out_model: the checkpoint to write.
        source: hash of the sources, for the record.
        log: takes a line.
        kept: files for the states that methods replay from (`soulbench.training.schedule.kept_steps`); none for none.
    """
    data = BenchmarkData.open(config, data_dir)
    _train_and_save(data, data.networks(seed), "pretrain", seed, out_model, source, log, kept)


def finetune(
    config: Mapping[str, Any],
    data_dir: str,
    pretrained: str,
    seed: int,
    out_model: str,
    source: str,
    log: Log,
    kept: Sequence[str] = (),
) -> None:
    """Fine-tune a pre-trained model on the human subset, which makes the original model.

    Args:
        pretrained: checkpoint of a pre-trained model; the others as in `pretrain`.
    """
    data = BenchmarkData.open(config, data_dir)
    networks = data.networks(seed)
    networks.load(pretrained)
    networks = between_stages(data, networks, seed)
    _train_and_save(data, networks, "finetune", seed, out_model, source, log, kept)


def _train_and_save(
    data: BenchmarkData,
    networks: Networks,
    which: str,
    seed: int,
    out_model: str,
    source: str,
    log: Log,
    kept: Sequence[str],
) -> None:
    made_by = origin(data.config, data.config, seed, source)
    with work_folder(out_model, made_by) as work:
        monitor = monitor_for(data, data.subset[:SNAPSHOT_IMAGES], out_model)
        moments = beside(str(out_model), MOMENTS)
        steps = kept_steps(data.config["training"][which]["steps"]) if kept else []
        states = dict(zip(steps, kept, strict=True))
        arguments = (data, networks, which, UNCHANGED, seed, work, log, monitor)
        result = train_stage(*arguments, moments=moments, kept=states)
        if monitor.batch is None:  # not the first of several processes
            return
        networks.save(out_model, seed=seed)
        monitor.save(out_model)
        record = ModelRecord(
            method="pretrained" if which == "pretrain" else "original",
            request=ALL_REQUESTS,
            seed=seed,
            level="reference",
            family="none",
            timing=result.timing,
            images=result.images,
            losses=result.losses,
            **made_by,
        )
        write_model_record(Path(out_model).with_suffix(".json"), record)


def origin(
    config: Mapping[str, Any], parameters: Mapping[str, Any], seed: int, source: str
) -> dict[str, Any]:
    """Return where a result comes from: parameters, seeds, sources, versions, device, commit."""
    seeds = {"base": config["seed"], "training": seed}
    device = devices.describe(devices.prepare(config["device"]))
    return provenance(parameters=parameters, seeds=seeds, source_hash=source, device=device)
