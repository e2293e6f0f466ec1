"""All that can be found wrong with a configuration before any job starts."""

import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from soulbench.config import messages, runs
from soulbench.core import registry
from soulbench.core.errors import UserError

Config = Mapping[str, Any]
ANNOTATIONS = ("image_data.json", "objects.json", "relationships.json")
#: Values of keys for weights that name no file.
DOWNLOAD, UNTRAINED = "imagenet", "seeded"
#: A reader mends some errors at a time.
MOST_LINES = 40
#: First bytes of a file that `torch.save` wrote before PyTorch 1.6.
LEGACY_TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."


def check(config: Config) -> None:
    """Check a whole configuration: first against its model, then against the registry and the disk.

    Raises:
        UserError: everything that is wrong with keys and values; or, where those are right, everything that is not
            in the registry or on the disk. One line each.
    """
    lines = messages.errors(config)
    if not lines:
        lines = [line for find in CHECKS for line in find(config)]
    if lines:
        more = [f"... and {len(lines) - MOST_LINES} more errors"] if len(lines) > MOST_LINES else []
        raise UserError("\n".join(lines[:MOST_LINES] + more))


def _messages(function: Callable[..., Any], *arguments: Any) -> list[str]:
    """Return the message of the UserError that a call raises, or nothing."""
    try:
        function(*arguments)
    except UserError as error:
        return [str(error)]
    return []


def _methods(config: Config) -> Iterator[str]:
    """Every entry of `methods` runs an existing file, with parameters that the file has."""
    for name in runs.methods(config):
        where = f"methods.{name}"
        base = runs.base_method(config, name)
        if base == name:
            unknown = _messages(registry.check_id, "methods", name, where)
        elif name in registry.ids("methods"):
            unknown = [f"{where}.variant_of: {name} has its own file; allowed: another name for the variant"]
        else:
            unknown = _messages(registry.check_id, "methods", base, f"{where}.variant_of")
        yield from unknown or _messages(runs.parameters, config, name)


def _queries(config: Config) -> Iterator[str]:
    for index, name in enumerate(config["evaluation"]["queries"]):
        yield from _messages(registry.check_id, "queries", name, f"evaluation.queries[{index}]")


def _weights(config: Config) -> Iterator[str]:
    """Trained networks have weights that can be read."""
    visual, training = config["generator"]["visual"], config["training"]
    if visual["backbone"] == "vgg16":
        yield from _weight_file("generator.visual.weights", visual["weights"])
    if training["losses"]["perceptual"]:
        yield from _weight_file("training.perceptual_weights", training["perceptual_weights"])
    yield from _weight_file("evaluation.lpips.weights", config["evaluation"]["lpips"]["weights"], UNTRAINED)


def _weight_file(key: str, value: str | None, *others: str) -> Iterator[str]:
    if value in (DOWNLOAD, *others):
        return
    if value is None:
        what = "null"
    elif not _is_file(value):
        what = _no_file(value)
    elif not _is_checkpoint(Path(value)):
        what = f"{value} holds no weights"
    else:
        return
    words = " | ".join((f"{DOWNLOAD} (a download)", "the path of a .safetensors or .pth file", *others))
    yield f"{key}: {what}; allowed: {words}"


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_file()
    except (OSError, ValueError):  # a name that is too long, a folder that may not be entered
        return False


def _is_folder(path: str) -> bool:
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):
        return False


def _no_file(path: str) -> str:
    return f"{path} is a folder" if _is_folder(path) else f"there is no file {path}"


def _is_checkpoint(path: Path) -> bool:
    """Return whether a file begins as its suffix promises; PyTorch would take seconds to import."""
    try:
        with path.open("rb") as file:
            start = file.read(len(LEGACY_TORCH))
        if path.suffix != ".safetensors":
            return start == LEGACY_TORCH or zipfile.is_zipfile(path)
        # Eight bytes with the length of a JSON header, and the header.
        header = int.from_bytes(start[:8], "little")
        return start[8:9] == b"{" and header <= path.stat().st_size - 8
    except OSError:
        return False


def _data(config: Config) -> Iterator[str]:
    """The files and folders of the data exist."""
    data = config["data"]
    if data["root"] is not None:
        yield from _root(data["root"], ANNOTATIONS if data["source"] == "local" else ())
    if data["split_file"] is not None and not _is_file(data["split_file"]):
        yield f"data.split_file: {_no_file(data['split_file'])}; allowed: the path of a vg_splits.json, or null"


def _root(root: str, needed: tuple[str, ...]) -> Iterator[str]:
    if not _is_folder(root):
        yield f"data.root: {f'{root} is a file' if _is_file(root) else f'there is no folder {root}'}; allowed: a folder"
        return
    missing = [name for name in needed if not _is_file(f"{root}/{name}")]
    if missing:
        yield f"data.root: {root} lacks {', '.join(missing)}; needed: the Visual Genome layout (docs/data.md)"


def _requests(config: Config) -> Iterator[str]:
    """The requests can be read, and fit in the subset."""
    unreadable = _messages(runs.request_ids, config)
    yield from unreadable
    size = config["human"]["size"]
    if unreadable or size is None:
        return
    count = len(runs.request_ids(config))
    if count > size:
        yield (
            f"human.size: a subset of {size} images cannot hold {count} requests; "
            f"allowed: at least {count}, or fewer requests"
        )


CHECKS: tuple[Callable[[Config], Iterator[str]], ...] = (_methods, _queries, _weights, _data, _requests)
