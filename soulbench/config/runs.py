"""The configuration: read, merged with overlays, and expanded into the cells that a benchmark consists of."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from soulbench.core import registry
from soulbench.core.errors import UserError

RESERVED = ("seeds", "requests", "variant_of")
ANY = "any"  # stands for the request of a model that serves all of them
RESEED = "reseed"  # the original model of the next seed, compared as if it were a method


class Cell(NamedTuple):
    """One model and one request: what an evaluation job judges."""

    method: str
    request: str
    seed: int


def load(*paths: str | Path) -> dict[str, Any]:
    """Read configuration files; later ones change what earlier ones say, as `--configfile` does.

    Raises:
        UserError: a file is absent or no YAML mapping.
    """
    config: dict[str, Any] = {}
    for path in paths:
        try:
            read = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UserError(f"{path}: there is no such configuration file") from None
        except yaml.YAMLError as error:
            raise UserError(f"{path}: not YAML: {error}") from None
        if not isinstance(read, dict):
            raise UserError(f"{path}: must be a mapping of keys, as config.yaml is")
        config = merge(config, read)
    return config


def merge(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with the values of `overlay`: mappings are merged, everything else is replaced."""
    merged = dict(base)
    for key, value in overlay.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def methods(config: Mapping[str, Any]) -> list[str]:
    """Return the ids that are switched on, in the order of the configuration."""
    return [name for name, entry in config["methods"].items() if entry is not None]


def code_of(config: Mapping[str, Any], name: str) -> str:
    """Return the id of the method whose file a configured method runs; itself, unless it is a variant."""
    return config["methods"][name].get("variant_of", name)


def method(config: Mapping[str, Any], name: str) -> registry.Method:
    """Return what the registry knows of a configured method."""
    return registry.method(code_of(config, name))


def resolved(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return all parameters of a configured method, defaults included, checked.

    Raises:
        UserError: as `registry.parameters`.
    """
    entry = config["methods"][name]
    given = {key: value for key, value in entry.items() if key not in RESERVED}
    return dataclasses.asdict(registry.parameters("methods", code_of(config, name), given, f"methods.{name}"))


def request_ids(config: Mapping[str, Any]) -> list[str]:
    """Return the ids of the requests: r1, r2, ... where they are drawn, else the file's."""
    # Imported here: every training job reads the configuration, and pandas costs it a second.
    from soulbench.data.requests.file import read_requests

    wanted = read_requests(dict(config))
    if wanted is None:
        return [f"r{number}" for number in range(1, config["requests"]["count"] + 1)]
    return wanted["request"].tolist()


def requests_of(config: Mapping[str, Any], name: str) -> list[str]:
    """Return the requests that a configured method is run for."""
    return request_ids(config)[: config["methods"][name].get("requests")]


def seeds_of(config: Mapping[str, Any], name: str) -> list[int]:
    """Return the training seeds that a configured method is run for."""
    return config["seeds"][: config["methods"][name].get("seeds")]


def cells(config: Mapping[str, Any]) -> list[Cell]:
    """Return all that is evaluated: each method for its requests and seeds, and the reseeded originals."""
    planned = [
        Cell(name, request, seed)
        for name in methods(config)
        for request in requests_of(config, name)
        for seed in seeds_of(config, name)
    ]
    if len(config["seeds"]) > 1:
        planned += [
            Cell(RESEED, request, seed) for request in request_ids(config) for seed in config["seeds"]
        ]
    return planned


def next_seed(config: Mapping[str, Any], seed: int) -> int:
    """Return the seed whose original model stands for a reseeded one; the last is followed by the first."""
    seeds = config["seeds"]
    return seeds[(seeds.index(seed) + 1) % len(seeds)]


def oracle_seed(config: Mapping[str, Any], cell: Cell) -> int | None:
    """Return the seed of the retrained model that a cell is compared with; None where there is none.

    Retrained models are themselves compared with the original, so the original is not compared with them.
    """
    first = config["seeds"][0]
    planned = config["methods"].get("retrain") is not None and cell.request in requests_of(config, "retrain")
    itself = cell.method == "retrain" and cell.seed == first
    return first if planned and not itself and cell.method not in ("original", RESEED) else None


def ablation_cells(config: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Return the requests and seeds of the ablations."""
    chosen = config["ablations"]
    return [
        (request, seed)
        for request in request_ids(config)[: chosen["requests"]]
        for seed in config["seeds"][: chosen["seeds"]]
    ]


def select(config: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """Return the part of the configuration under some keys (`seed`, `data.image_size`), in a fixed order.

    It is all that a job is given: what it lacks cannot matter to it, and what matters cannot be missed.
    """
    part: dict[str, Any] = {}
    for key in sorted(keys):
        *parents, last = key.split(".")
        source, target = config, part
        for parent in parents:
            source, target = source[parent], target.setdefault(parent, {})
        target[last] = _sorted(source[last])
    return part


def _sorted(value: Any) -> Any:
    """Return mappings in key order: an overlay may reorder them, which is no change."""
    return {key: _sorted(value[key]) for key in sorted(value)} if isinstance(value, Mapping) else value
