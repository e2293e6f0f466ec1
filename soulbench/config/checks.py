"""All that can be found wrong with a configuration before any job starts."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from soulbench.config import attacks, bank, messages, metrics, requests_file, runs
from soulbench.config.input_files import FIRST_TENSOR, is_file, is_folder, is_list, is_text, tensor_names
from soulbench.core import registry
from soulbench.core.errors import UserError
from soulbench.core.plugins import KINDS
from soulbench.core.records import read_json
from soulbench.core.values import suggest

Config = Mapping[str, Any]
#: Files of the Visual Genome layout that a folder needs, and others that are read if it has them.
ANNOTATIONS = ("image_data.json", "objects.json", "relationships.json")
MORE_ANNOTATIONS = ("attributes.json",)
INDIVIDUALS = "individuals.csv"
TEXTS = ("object_alias.txt", "relationship_alias.txt", INDIVIDUALS)
#: Values of keys for weights that name no file.
DOWNLOAD, UNTRAINED = "imagenet", "seeded"
#: A reader mends some errors at a time.
MOST_LINES = 40


def check(config: Config) -> None:
    """Check a whole configuration: first against its model, then against the registry and the disk.

    Raises:
        UserError: everything that is wrong with keys and values; or, where those are right, everything that is not
            in the registry or on the disk. One line each.
    """
    lines = messages.errors(config)
    if not lines:
        # What cannot be found cannot be asked for anything else.
        lines = list(_plugins(config)) or [line for find in CHECKS for line in find(config)]
    if lines:
        more = [f"... and {len(lines) - MOST_LINES} more errors"] if len(lines) > MOST_LINES else []
        raise UserError("\n".join(lines[:MOST_LINES] + more))


def _messages(function: Callable[..., Any], *arguments: Any) -> list[str]:
    """Return the message of the error that a call raises, or nothing."""
    try:
        function(*arguments)
    except UserError as error:
        return [str(error)]
    # JSON with a number of thousands of digits, or nested without end; a file that may not be read.
    except (OSError, ValueError, RecursionError) as error:
        return [f"{arguments[-1]} cannot be read ({error})"]
    return []


def _plugins(config: Config) -> Iterator[str]:
    """Every plug-in is a file of a known kind, or an installed package that has some; no name is taken twice."""
    given = runs.plugins(config)
    messages = [
        line for kind in KINDS for line in _messages(registry.ids, kind, given)
    ]  # of a broken one, the same for each kind
    yield from dict.fromkeys(messages)


def _methods(config: Config) -> Iterator[str]:
    """Every entry of `methods` runs an existing file, with parameters that the file has."""
    for name in runs.methods(config):
        where = f"methods.{name}"
        base = runs.base_method(config, name)
        plugins = runs.plugins(config)
        if base == name:
            unknown = _messages(registry.check_id, "methods", name, where, plugins)
        elif name in registry.ids("methods", plugins):
            unknown = [f"{where}.variant_of: {name} has its own file; allowed: another name for the variant"]
        else:
            unknown = _messages(registry.check_id, "methods", base, f"{where}.variant_of", plugins)
        yield from unknown or _messages(runs.parameters, config, name)


def _queries(config: Config) -> Iterator[str]:
    for index, name in enumerate(config["evaluation"]["queries"]):
        where = f"evaluation.queries[{index}]"
        yield from _messages(registry.check_id, "queries", name, where, runs.plugins(config))


def _metrics(config: Config) -> Iterator[str]:
    """Every entry of `evaluation.metrics` has a file with such parameters."""
    for name in metrics.names(config):
        where = "evaluation.metrics"
        unknown = _messages(registry.check_id, "metrics", name, where, runs.plugins(config))
        unknown = unknown or _messages(metrics.metric, config, name)
        yield from unknown or _messages(metrics.parameters, config, name)


def _attacks(config: Config) -> Iterator[str]:
    """Every entry of `attacks` has a file with such parameters, and names methods; those that are off are left out."""
    known = list(config["methods"])
    for name in attacks.names(config):
        where = f"attacks.{name}"
        unknown = _messages(registry.check_id, "attacks", name, "attacks", runs.plugins(config))
        unknown = unknown or _messages(attacks.attack, config, name)
        yield from unknown or _messages(attacks.parameters, config, name)
        for index, method in enumerate(config["attacks"][name].get("methods") or ()):
            if method not in known:
                yield (
                    f"{where}.methods[{index}]: {method} is not under methods{suggest(method, known)}; "
                    f"known: {', '.join(known)}"
                )
            elif not unknown and attacks.lacks_retrained(config, name, method):
                yield (
                    f"{where}.methods[{index}]: {method} is given retrained models, and this attack, which unlearns "
                    "further requests by itself, has none to give; leave it out"
                )


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
    elif not is_file(value):
        what = _no_file(value)
    elif FIRST_TENSOR not in tensor_names(Path(value)):
        what = f"{value} holds no weights of a convolutional network (no tensor {FIRST_TENSOR.decode()})"
    else:
        return
    words = " | ".join((f"{DOWNLOAD} (a download)", "the path of a .safetensors or .pth file", *others))
    yield f"{key}: {what}; allowed: {words}"


def _no_file(path: str) -> str:
    return f"{path} is a folder" if is_folder(path) else f"there is no file {path}"


def _data(config: Config) -> Iterator[str]:
    """The files and folders of the data exist."""
    data = config["data"]
    if data["root"] is not None:
        yield from _root(data["root"], ANNOTATIONS if data["source"] == "local" else ())
    if data["split_file"] is not None and not is_file(data["split_file"]):
        yield f"data.split_file: {_no_file(data['split_file'])}; allowed: the path of a vg_splits.json, or null"
    elif data["split_file"] is not None:
        yield from (f"data.split_file: {line}" for line in _messages(read_json, data["split_file"]))


def _root(root: str, needed: tuple[str, ...]) -> Iterator[str]:
    if not is_folder(root):
        yield f"data.root: {f'{root} is a file' if is_file(root) else f'there is no folder {root}'}; allowed: a folder"
        return
    missing = [name for name in needed if not is_file(f"{root}/{name}")]
    if missing:
        yield f"data.root: {root} lacks {', '.join(missing)}; needed: the Visual Genome layout (docs/data.md)"
    for name in (*ANNOTATIONS, *MORE_ANNOTATIONS):
        if is_file(f"{root}/{name}") and not is_list(Path(root, name)):
            yield f"data.root: {root}/{name} is no whole list in JSON (UTF-8, from [ to ]); copy or make it again"
    for name in TEXTS:
        if is_file(f"{root}/{name}") and not is_text(Path(root, name)):
            yield f"data.root: {root}/{name} is no text in UTF-8; save it as UTF-8"


def _requests(config: Config) -> Iterator[str]:
    """The requests can be read, have folders of their own, and fit in the subset."""
    unreadable = _messages(runs.request_ids, config)
    yield from unreadable
    size = config["human"]["size"]
    if unreadable:
        return
    development = runs.development_ids(config)
    ids = [*runs.request_ids(config), *development]
    count = len(ids)
    if development and config["references"]["bank"] is None:
        where = "requests.development" if config["requests"]["file"] is None else "requests.file"
        yield (
            f"{where}: {len(development)} development requests, but references.bank is null, and what selects a budget "
            "is the distance to retrained models; allowed: none, or a bank"
        )
    by_folded: dict[str, str] = {}
    for name in ids:
        if name != (other := by_folded.setdefault(name.casefold(), name)):
            yield (
                f"requests.file: the ids {other} and {name} differ only in case, so that their folders are one on some "
                "disks; allowed: ids that differ in more"
            )
    if config["requests"]["file"] is None and size is not None and count > size:
        yield (
            f"human.size: {count} requests chosen by rule are meant to be in images of their own, but the subset has "
            f"{size}; allowed: at least {count}, or fewer requests"
        )


def _bank(config: Config) -> Iterator[str]:
    """No two requests name the same: what goes along with an object is looked at where the annotations are read."""
    if config["references"]["bank"] is None or _messages(runs.request_ids, config):
        return
    named = requests_file.read(config) or {}
    objects = {request: [line.words for line in lines] for request, lines in named.items()}
    yield from (f"requests.file: {line}" for line in _messages(bank.check_apart, objects))


def _matched(config: Config) -> Iterator[str]:
    """A reference that is given retrained models needs a bank, which has others to judge it."""
    for name in runs.methods(config) if config["references"]["bank"] is None else ():
        if not _messages(runs.method, config, name) and runs.method(config, name).sees_retrained:
            yield (
                f"methods.{name}: it is given half of a bank's models, and the others judge it, but references.bank is "
                "null; allowed: null, or a bank"
            )


def _individuals(config: Config) -> Iterator[str]:
    """A method that leaves out a whole person needs to know who is who."""
    data = config["data"]
    if data["source"] == "demo" or (data["root"] is not None and is_file(f"{data['root']}/{INDIVIDUALS}")):
        return
    if config["methods"].get("retrain-person") is not None:
        yield f"methods.retrain-person: {INDIVIDUALS} is not in data.root, and only it says who is who; allowed: null"
    if config["requests"]["file"] is None and config["requests"]["kinds"]["person"]:
        yield f"requests.kinds.person: {INDIVIDUALS} is not in data.root, and only it says who is who; allowed: 0"


CHECKS: tuple[Callable[[Config], Iterator[str]], ...] = (
    _methods,
    _queries,
    _metrics,
    _attacks,
    _weights,
    _data,
    _requests,
    _bank,
    _matched,
    _individuals,
)
