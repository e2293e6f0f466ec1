"""All that can be known to be wrong with a configuration before any job starts."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from soulbench.config import runs
from soulbench.config.schema import check_schema
from soulbench.core import registry
from soulbench.core.errors import UserError
from soulbench.core.terms import RESEED

Config = Mapping[str, Any]
ANNOTATIONS = ("image_data.json", "objects.json", "relationships.json")
DOWNLOAD = "imagenet"
UNTRAINED = "seeded"
VGG16_FEATURES = 512


def check(config: Config) -> None:
    """Check a whole configuration.

    Raises:
        UserError: the schema is broken (all places at once), or the first of the cross checks that fails.
    """
    check_schema(config)
    for one in CHECKS:
        one(config)


def _ids(config: Config) -> None:
    """Every entry of `methods` runs an existing file, and every query exists."""
    entries = config["methods"]
    for name, entry in entries.items():
        if entry is None:
            continue
        where = f"methods.{name}"
        if name == RESEED:
            raise UserError(
                f"{where}: this name is taken by the comparison of training seeds; choose another"
            )
        if "variant_of" not in entry:
            registry.check_id("methods", name, where)
        elif name in registry.ids("methods"):
            raise UserError(f"{where}.variant_of: {name} has its own file; give the variant another name")
        else:
            registry.check_id("methods", entry["variant_of"], f"{where}.variant_of")
    if entries.get("original") != {}:
        raise UserError("methods.original: everything is compared with it; allowed: {}")
    for position, name in enumerate(config["evaluation"]["queries"]):
        registry.check_id("queries", name, f"evaluation.queries[{position}]")


def _parameters(config: Config) -> None:
    for name in runs.methods(config):
        runs.parameters(config, name)


def _generator(config: Config) -> None:
    sizes, side = config["generator"], config["data"]["image_size"]
    blocks = len(sizes["decoder"])
    if side != 2 * 2**blocks:
        raise UserError(
            f"generator.decoder: {blocks} blocks make pictures of {2 * 2**blocks} pixels a side, "
            f"but data.image_size is {side}; allowed: image_size = 2 * 2^blocks"
        )
    mask = sizes["mask_size"]
    if mask & (mask - 1) or mask < 2:
        raise UserError(f"generator.mask_size: {mask} is not allowed; allowed: a power of two, 2 or more")
    if mask > side:
        raise UserError(
            f"generator.mask_size: masks of {mask} pixels a side do not show in pictures of {side} "
            f"(data.image_size); allowed: at most {side}"
        )
    kept, most = config["data"]["objects_per_image"], config["data"]["max_objects"]
    if kept > most:
        raise UserError(
            f"data.objects_per_image: the generator would make room for {kept} objects, but images with more than "
            f"{most} are dropped (data.max_objects); allowed: at most {most}"
        )


def _pieces(config: Config) -> None:
    """Every process has as many whole pieces of a batch as the others."""
    training = config["training"]
    for which in ("pretrain", "finetune"):
        pieces, batch = training["processes"] * training["accumulate"], training[which]["batch"]
        if batch % pieces:
            raise UserError(
                f"training.{which}.batch: {batch} images cannot be shared out to training.processes x "
                f"training.accumulate = {pieces} pieces; allowed: a multiple of {pieces}"
            )


def _early_stop(config: Config) -> None:
    """One thing takes the last weights' place, and it has something to choose from."""
    training, early = config["training"], config["training"]["early_stop"]
    if early is None:
        return
    if training["ema_decay"] is not None:
        raise UserError(
            "training.early_stop: it keeps the best weights, and training.ema_decay a mean of all; "
            "allowed: one of them, and null for the other"
        )
    steps = training["pretrain"]["steps"]
    if early["every"] > steps:
        raise UserError(
            f"training.early_stop.every: {early['every']} steps, but pre-training has {steps}, so it would never look; "
            "allowed: at most as many"
        )


def _weights(config: Config) -> None:
    """Trained networks need weights that are there; an untrained one takes none."""
    visual, losses = config["generator"]["visual"], config["training"]["losses"]
    if visual["backbone"] == "vgg16":
        _weight_file("generator.visual.weights", visual["weights"])
        if visual["features"] != VGG16_FEATURES:
            raise UserError(
                f"generator.visual.features: {visual['features']}, but the backbone vgg16 has {VGG16_FEATURES}; "
                f"allowed: {VGG16_FEATURES}"
            )
    elif visual["weights"] is not None:
        raise UserError(
            "generator.visual.weights: the backbone `projection` is untrained; allowed: null, or backbone: vgg16"
        )
    if losses["perceptual"]:
        _weight_file("training.perceptual_weights", config["training"]["perceptual_weights"])
    if config["evaluation"]["lpips"]["weights"] != UNTRAINED:
        _weight_file("evaluation.lpips.weights", config["evaluation"]["lpips"]["weights"], f" | {UNTRAINED}")


def _weight_file(key: str, value: str | None, others: str = "") -> None:
    if value != DOWNLOAD and (value is None or not Path(value).is_file()):
        what = "null" if value is None else f"there is no file {value}"
        raise UserError(f"{key}: {what}; allowed: {DOWNLOAD} (a download) | the path of a file{others}")


def _data(config: Config) -> None:
    data = config["data"]
    source, root = data["source"], data["root"]
    if source == "demo" and root is not None:
        raise UserError(
            f"data.root: {root}, but data.source is demo, which is drawn; allowed: null, or source: local"
        )
    if source == "local" and root is None:
        raise UserError(
            "data.root: null; data.source is local and needs its folder (the Visual Genome layout)"
        )
    if root is not None:
        _layout(Path(root), ANNOTATIONS if source == "local" else ())
    if data["split_file"] is not None and not Path(data["split_file"]).is_file():
        raise UserError(f"data.split_file: there is no file {data['split_file']}; allowed: a path, or null")
    shares = data["split_shares"]
    if shares["val"] + shares["test"] >= 1:
        raise UserError("data.split_shares: val and test leave no images to train on; allowed: a sum below 1")
    for what in ("objects", "relationships"):
        low, high = data[f"min_{what}"], data[f"max_{what}"]
        if low > high:
            raise UserError(
                f"data.min_{what}: {low} is above data.max_{what} ({high}); allowed: at most that"
            )


def _layout(root: Path, needed: tuple[str, ...]) -> None:
    if not root.is_dir():
        raise UserError(f"data.root: there is no folder {root}")
    missing = [name for name in needed if not (root / name).is_file()]
    if missing:
        raise UserError(
            f"data.root: {root} lacks {', '.join(missing)}; needed: the Visual Genome layout (docs/data.md)"
        )


def _requests(config: Config) -> None:
    """The requests can be read, and fit in the subset."""
    requests, size = runs.request_ids(config), config["human"]["size"]
    if size is not None and len(requests) > size:
        raise UserError(
            f"human.size: a subset of {size} images cannot hold {len(requests)} requests; "
            f"allowed: at least {len(requests)}, or fewer requests"
        )


def _ablations(config: Config) -> None:
    if config["ablations"]["requests"] and config["methods"].get("obj-if") is None:
        raise UserError(
            "ablations.requests: the ablations are of obj-if, which is off; allowed: 0, or obj-if: {}"
        )


CHECKS: tuple[Callable[[Config], None], ...] = (
    _ids,
    _parameters,
    _generator,
    _pieces,
    _early_stop,
    _weights,
    _data,
    _requests,
    _ablations,
)
