"""Whether a result is what its job would make here, and whether two results are equal."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd

from soulbench.core.damage import table_text
from soulbench.core.differences import differences
from soulbench.core.errors import UserError
from soulbench.core.model_record import read_model_record
from soulbench.core.records import canonical_json, file_hash, read_json, versions
from soulbench.exchange.results import Result

#: Keys of a provenance that tell of the machine and the moment, not of the result.
MACHINE = ("commit", "device", "lock_hash", "timing", "versions")
#: Programs that no number depends on: the sources have a hash of their own.
NEUTRAL = ("python", "snakemake", "soulbench")
#: Keys that say for how many requests and seeds something is done. Each result is the same whatever they are.
PLAN = ("requests", "seeds")
#: The same of an attack, whose results are one for each method and seed.
ATTACKED = ("methods", "seeds")
#: Columns of a record's tables that tell of the machine and the moment.
COST = ["seconds"]


class _Origin(msgspec.Struct):
    """What is compared of a provenance."""

    source_hash: str
    parameters: dict[str, Any]
    versions: dict[str, str]


def problems(result: Result, root: Path) -> Iterator[str]:
    """Yield why a result below a folder is not what its job would make here; nothing if it is.

    Args:
        result: as planned here.
        root: the folder that holds its files: `results/<name>`, or an unpacked archive.
    """
    try:
        if not result.is_measured:
            read_model_record(root / result.name)
        content = read_json(root / result.name)
        origin = msgspec.convert(content, _Origin)
    except (UserError, msgspec.ValidationError) as error:
        yield f"not the record of a result: {error}"
        return
    yield from _several({name: content.get(name) for name in result.about}, result.about)
    if result.is_measured:
        wanted = {name: file_hash(root / path) for name, path in result.tables.items()}
        if content.get("digests") != wanted:
            yield "its tables are not what was written: their digests differ"
            return
    if origin.source_hash != result.job.source:
        # The hash is of syntax trees, which each version of Python writes in its own way.
        pythons = _several({"Python": _minor(origin.versions)}, {"Python": _minor(versions())})
        hashes = f"source hash {origin.source_hash[:12]} there and {result.job.source[:12]} here"
        yield "; ".join(["made by other code", hashes, *pythons])
    yield from _several(_numeric(origin.versions), _numeric(versions()), "versions.")
    here = json.loads(canonical_json(result.job.settings))
    method = str(result.about.get("method"))
    yield from _several(_settings(origin.parameters, method), _settings(here, method))


def _several(found: Mapping[str, Any], wanted: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name in sorted(found.keys() | wanted.keys()):
        yield from differences(found.get(name, "absent"), wanted.get(name, "absent"), prefix + name)


def _numeric(by_package: Mapping[str, str]) -> dict[str, str]:
    """Return the versions that numbers depend on, without the name of the build (`+cpu`)."""
    return {name: text.partition("+")[0] for name, text in by_package.items() if name not in NEUTRAL}


def _minor(by_package: Mapping[str, str]) -> str:
    return ".".join(by_package.get("python", "").split(".")[:2])


def _settings(parameters: Mapping[str, Any], method: str) -> dict[str, Any]:
    """Return a job's settings as they are written in a configuration: all parameters of a method in its entry."""
    settings = dict(parameters)
    if "method" in settings:
        settings["methods"] = {method: settings.pop("method")}
    entries = settings.get("methods") or {}
    settings["methods"] = {name: _without_plan(entry) for name, entry in entries.items()}
    settings["ablations"] = _without_plan(settings.get("ablations"))
    # For which requests an attack is made is part of its result: one job, and one table, is for all of them.
    if attacks := settings.get("attacks"):
        settings["attacks"] = {name: _without_plan(entry, ATTACKED) for name, entry in attacks.items()}
    return settings


def _without_plan(value: Any, plan: tuple[str, ...] = PLAN) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: item for key, item in value.items() if key not in plan}


def conflict(result: Result, here: Path, there: Path) -> str | None:
    """Return how two versions of a result differ in what does not depend on the machine; None if they are equal."""
    unlike = list(_several(_content(result, there), _content(result, here)))
    return "; ".join(unlike[:3]) or None


def _content(result: Result, root: Path) -> dict[str, Any]:
    """Return the content of a result without its cost."""
    content = {key: value for key, value in read_json(root / result.name).items() if key not in MACHINE}
    if result.is_measured:
        content |= {"digests": {name: _table_hash(root / path) for name, path in result.tables.items()}}
    return content


def _table_hash(path: Path) -> str:
    """Return a short hash of a table without its cost."""
    table_text(path)
    text = pd.read_csv(path, dtype=str, keep_default_na=False).drop(columns=COST, errors="ignore")
    return hashlib.sha256(text.to_csv(index=False).encode()).hexdigest()[:12]
