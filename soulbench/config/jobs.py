"""What the models and records of a benchmark depend on: for each kind of job its settings, and the code it reaches.

The rules pass both as `params`, so that a change of either runs a job again. Records hold both as their provenance, by
which `soulbench.exchange` tells whether a record that was made elsewhere is what a job would make here.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from soulbench.config import attacks, metrics, runs, sections
from soulbench.core import plugins, registry
from soulbench.core.arithmetic import NATIVE
from soulbench.core.sources import source_hash

#: Sections of the configuration that every job reads which runs a model.
MODELS = ("seed", "device", "data.image_size", "generator", "training")


class Job(NamedTuple):
    """What the result of a job depends on, besides its inputs.

    Attributes:
        source: hash of the code that it can reach.
        settings: the sections of the configuration that it receives.
    """

    source: str
    settings: dict[str, Any]


def computed(config: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """Return the sections that a job receives which computes with PyTorch, and `arithmetic` with them.

    Native arithmetic is left out: records of versions that knew no other lack the key, and stay valid.
    """
    arithmetic = config["arithmetic"]
    return sections.select(config, *keys) | ({} if arithmetic == NATIVE else {"arithmetic": arithmetic})


def pretraining(config: Mapping[str, Any]) -> Job:
    """Return what pre-training depends on."""
    return _stage(config, other="finetune")


def finetuning(config: Mapping[str, Any]) -> Job:
    """Return what fine-tuning depends on."""
    return _stage(config, other="pretrain")


def _stage(config: Mapping[str, Any], other: str) -> Job:
    """Return what one training stage depends on: all that models do, without the `other` stage's steps."""
    training = [f"training.{key}" for key in config["training"] if key != other]
    keys = [*(key for key in MODELS if key != "training"), *training]
    return Job(source_hash("soulbench.training.stages"), computed(config, *keys))


def unlearning(config: Mapping[str, Any], method: str) -> Job:
    """Return what a configured method depends on."""
    settings = computed(config, *MODELS, "unlearning", f"methods.{method}")
    brought = _plugins(config, "methods", [runs.base_method(config, method)])
    return Job(
        source_hash("soulbench.unlearning.run", runs.method(config, method).source.entry), settings | brought
    )


def _plugins(
    config: Mapping[str, Any], kind: str, names: list[str], brought: Mapping[str, list[str]] | None = None
) -> dict[str, list[str]]:
    """Return the section that a job needs to find the files of some plug-ins; nothing if they are the package's own.

    `brought` is that section for plug-ins of another kind.
    """
    given = runs.plugins(config)
    wanted = {*plugins.bringing(given, kind, names), *(brought or {}).get("plugins", ())}
    needed = [plugin for plugin in given if plugin in wanted]
    return {"plugins": needed} if needed else {}


def bank(config: Mapping[str, Any]) -> Job:
    """Return what a model of the bank of retrained models depends on, besides the requests that it lacks."""
    settings = computed(config, *MODELS, "unlearning.roi_margin")
    return Job(source_hash("soulbench.unlearning.bank"), settings)


def evaluation(config: Mapping[str, Any]) -> Job:
    """Return what the evaluation of a model depends on."""
    settings = computed(config, *MODELS, "unlearning.roi_margin", "human.labels", "evaluation")
    files, brought = _used(config, queries=config["evaluation"]["queries"], metrics=metrics.names(config))
    return Job(source_hash("soulbench.evaluation.run", *files), settings | brought)


def _used(config: Mapping[str, Any], **named: list[str]) -> tuple[list[str], dict[str, list[str]]]:
    """Return the files of some plug-ins, by kind, and the section that a job needs to find them."""
    files, brought = list[str](), dict[str, list[str]]()
    for kind, names in named.items():
        files += [registry.source(kind, name, runs.plugins(config)).entry for name in names]
        brought = _plugins(config, kind, names, brought)
    return files, brought


def attack(config: Mapping[str, Any], name: str, method: str) -> Job:
    """Return what an attack on a method's models depends on; with the method itself, if the attack runs it."""
    keys = [*MODELS, "unlearning", "human.labels", f"attacks.{name}", *attacks.further_settings(config, name)]
    files = [registry.source("attacks", name, runs.plugins(config)).entry]
    brought = _plugins(config, "attacks", [name])
    if attacks.unlearns(config, name, method):
        keys.append(f"methods.{method}")
        files.append(runs.method(config, method).source.entry)
        brought = _plugins(config, "methods", [runs.base_method(config, method)], brought)
    return Job(source_hash("soulbench.evaluation.attack", *files), computed(config, *keys) | brought)


def identity_encoder(config: Mapping[str, Any]) -> Job:
    """Return what the identity encoder depends on."""
    return Job(
        source_hash("soulbench.evaluation.identity_encoder"),
        computed(config, "seed", "data.source", "data.root", "evaluation.identity"),
    )


def ablation(config: Mapping[str, Any]) -> Job:
    """Return what the ablations of obj-if depend on."""
    keys = (*MODELS, "unlearning", "human.labels", "evaluation", "ablations", "methods.obj-if")
    files, brought = _used(config, methods=["obj-if"], metrics=metrics.names(config))
    return Job(source_hash("soulbench.evaluation.ablations", *files), computed(config, *keys) | brought)
