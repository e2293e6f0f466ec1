"""The planned runs (method, request, seed) of a configuration, and the checkpoint of each."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

from soulbench.config import requests_file
from soulbench.config.reserved import ENTRY_KEYS
from soulbench.core import registry
from soulbench.core.paths import ResultPaths
from soulbench.core.terms import ALL_REQUESTS, RESEED


class Run(NamedTuple):
    """What one record is about."""

    method: str
    request: str
    seed: int


def methods(config: Mapping[str, Any]) -> list[str]:
    """Return the names of the methods that are switched on, in the order of the configuration."""
    return [name for name, entry in config["methods"].items() if entry is not None]


def base_method(config: Mapping[str, Any], name: str) -> str:
    """Return the id of the method whose code a configured method runs: its own, unless it is a variant."""
    return config["methods"][name].get("variant_of", name)


def method(config: Mapping[str, Any], name: str) -> registry.Method:
    """Return the registry's entry of a configured method."""
    return registry.method(base_method(config, name))


def parameters(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return all parameters of a configured method, defaults included, checked.

    Raises:
        UserError: as `registry.parameters`.
    """
    entry = config["methods"][name]
    given = {key: value for key, value in entry.items() if key not in ENTRY_KEYS}
    return dataclasses.asdict(
        registry.parameters("methods", base_method(config, name), given, f"methods.{name}")
    )


def request_ids(config: Mapping[str, Any]) -> list[str]:
    """Return the ids of the requests: r1, r2, ... where they are chosen by rule, else the file's."""
    listed = requests_file.read(config)
    if listed is None:
        return [f"r{number}" for number in range(1, config["requests"]["count"] + 1)]
    return [row.request for row in listed]


def requests_of(config: Mapping[str, Any], name: str) -> list[str]:
    """Return the requests that a configured method is run for."""
    return request_ids(config)[: config["methods"][name].get("requests")]


def seeds_of(config: Mapping[str, Any], name: str) -> list[int]:
    """Return the training seeds that a configured method is run for."""
    return config["seeds"][: config["methods"][name].get("seeds")]


def planned(config: Mapping[str, Any]) -> list[Run]:
    """Return all runs: each method for its requests and seeds, and `reseed` if there are several seeds."""
    planned_runs = [
        Run(name, request, seed)
        for name in methods(config)
        for request in requests_of(config, name)
        for seed in seeds_of(config, name)
    ]
    if len(config["seeds"]) > 1:
        planned_runs += [
            Run(RESEED, request, seed) for request in request_ids(config) for seed in config["seeds"]
        ]
    return planned_runs


def next_seed(config: Mapping[str, Any], seed: int) -> int:
    """Return the seed whose original model is the `reseed` of a seed: the next one, and after the last the first."""
    seeds = config["seeds"]
    return seeds[(seeds.index(seed) + 1) % len(seeds)]


def retrain_seed(config: Mapping[str, Any], run: Run) -> int | None:
    """Return the seed of the retrained model that a run is compared with; None if it is compared with none.

    Retrained models are themselves compared with the original model, so the original is not compared with them.
    """
    first = config["seeds"][0]
    is_retrained = config["methods"].get("retrain") is not None and run.request in requests_of(
        config, "retrain"
    )
    is_reference = run.method in ("original", RESEED) or (run.method == "retrain" and run.seed == first)
    return first if is_retrained and not is_reference else None


def compared(config: Mapping[str, Any], run: Run) -> dict[str, Run]:
    """Return the runs, by method, that a run is compared with: the original and, if planned, the retrained model."""
    seeds = {
        "original": None if run.method == "original" else run.seed,
        "retrain": retrain_seed(config, run),
    }
    return {other: Run(other, run.request, seed) for other, seed in seeds.items() if seed is not None}


def ablation_runs(config: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Return the requests and seeds of the ablations."""
    ablations = config["ablations"]
    return [
        (request, seed)
        for request in request_ids(config)[: ablations["requests"]]
        for seed in config["seeds"][: ablations["seeds"]]
    ]


def checkpoint(
    config: Mapping[str, Any], name: str, request: str, seed: int | str, paths: ResultPaths | None = None
) -> str:
    """Return the path of the model that a run evaluates; `request` and `seed` may be Snakemake's wildcards."""
    paths = paths or ResultPaths.of(config)
    if name == "original":
        return paths.original(seed)
    if name == RESEED:
        return paths.original(next_seed(config, int(seed)))
    return paths.unlearned(name, request if method(config, name).per_request else ALL_REQUESTS, seed)
