"""The planned runs (method, request, seed) of a configuration, and the checkpoint of each."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

from soulbench.config import bank, requests_file
from soulbench.config.reserved import ENTRY_KEYS
from soulbench.core import registry
from soulbench.core.paths import ResultPaths
from soulbench.core.terms import ALL_REQUESTS, BANK, DEVELOPMENT, RESEED, TEST


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


def plugins(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the configured plug-ins; none where a job received no such section."""
    return tuple(config.get("plugins", ()))


def method(config: Mapping[str, Any], name: str) -> registry.Method:
    """Return the registry's entry of a configured method."""
    return registry.method(base_method(config, name), plugins(config))


def parameters(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return all parameters of a configured method, defaults included, checked.

    Raises:
        UserError: as `registry.parameters`.
    """
    entry = config["methods"][name]
    given = {key: value for key, value in entry.items() if key not in ENTRY_KEYS}
    base, where = base_method(config, name), f"methods.{name}"
    return dataclasses.asdict(registry.parameters("methods", base, given, where, plugins(config)))


def request_ids(config: Mapping[str, Any]) -> list[str]:
    """Return the ids of the test requests: r1, r2, ... where they are chosen by rule, else the file's."""
    return _request_ids(config, TEST, "r", sum(config["requests"]["kinds"].values()))


def development_ids(config: Mapping[str, Any]) -> list[str]:
    """Return the ids of the development requests: d1, d2, ... where they are chosen by rule, else the file's."""
    return _request_ids(config, DEVELOPMENT, "d", config["requests"]["development"])


def _request_ids(config: Mapping[str, Any], which: str, letter: str, number: int) -> list[str]:
    listed = requests_file.read(config)
    if listed is None:
        return [f"{letter}{count}" for count in range(1, number + 1)]
    return [request for request, lines in listed.items() if lines[0].set == which]


def requests_of(config: Mapping[str, Any], name: str) -> list[str]:
    """Return the test requests that a configured method is run for."""
    return request_ids(config)[: config["methods"][name].get("requests")]


def seeds_of(config: Mapping[str, Any], name: str) -> list[int]:
    """Return the training seeds that a configured method is run for."""
    return config["seeds"][: config["methods"][name].get("seeds")]


def described_budget(config: Mapping[str, Any], name: str) -> float | None:
    """Return the budget that a method is described with: its optimiser steps, a redaction's alpha, or strength 1.

    None for what has no budget: references other than `noop-ft`.
    """
    family = method(config, name).family
    if family == "finetune":
        return float(config["unlearning"]["steps"])
    if family == "one-shot":
        return 1.0
    return float(parameters(config, name)["alpha"]) if family == "redaction" else None


def further_budgets(config: Mapping[str, Any], name: str) -> list[float]:
    """Return the other budgets at which a configured method is judged, in ascending order."""
    described, settings = described_budget(config, name), config["unlearning"]
    if described is None:
        return []
    if method(config, name).family == "finetune":
        return sorted(map(float, settings["snapshots"]))
    return sorted(described * strength for strength in settings["strengths"])


def is_replayed(config: Mapping[str, Any]) -> bool:
    """Tell whether a method repeats the training of the original model, both stages of which then keep states."""
    return any(method(config, name).family == "replay" for name in methods(config))


def planned(config: Mapping[str, Any]) -> list[Run]:
    """Return the runs of the test requests, which all statistics are made of.

    Each method for its requests and seeds, `reseed` if there are several seeds, and the bank's models.
    """
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
    planned_runs += [
        Run(BANK, request, number) for request in request_ids(config) for number in bank_models(config)
    ]
    return planned_runs


def development(config: Mapping[str, Any]) -> list[Run]:
    """Return the runs of the development requests: of every method that has a budget, and of what it is compared with.

    They serve to select budgets, and no other number.
    """
    requests = development_ids(config)
    names = [
        name for name in methods(config) if name == "original" or described_budget(config, name) is not None
    ]
    own = [
        Run(name, request, seed) for name in names for request in requests for seed in seeds_of(config, name)
    ]
    return own + [Run(BANK, request, number) for request in requests for number in bank_models(config)]


def evaluated(config: Mapping[str, Any]) -> list[Run]:
    """Return all runs: those of the test requests, then those of the development requests."""
    return [*planned(config), *development(config)]


def bank_models(config: Mapping[str, Any]) -> range:
    """Return the numbers of the bank's models, from 1; none without a bank."""
    settings = config["references"]["bank"]
    return range(1, 1 + (settings["models"] if settings else 0))


def out_models(config: Mapping[str, Any], request: str) -> tuple[int, ...]:
    """Return the numbers of the bank's models that never saw the objects of a request."""
    return _without(config)[request]


def matched(config: Mapping[str, Any], name: str, request: str) -> tuple[int, ...]:
    """Return the numbers of the out models that a configured method is given: none, unless it is such a reference.

    They are the first half of the request's out models; the others judge it.
    """
    if config["methods"].get(name) is None or not method(config, name).sees_retrained:
        return ()
    numbers = out_models(config, request)
    return numbers[: len(numbers) // 2]


def left_out(config: Mapping[str, Any], number: int) -> list[str]:
    """Return the requests whose objects a model of the bank is trained without."""
    return [request for request, numbers in _without(config).items() if number in numbers]


def lacking(config: Mapping[str, Any], run: Run) -> list[str]:
    """Return the requests, besides its own, whose objects the model of a run is trained without."""
    if run.method != BANK:
        return []
    return [request for request in left_out(config, int(run.seed)) if request != run.request]


def _without(config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    # Those that select come last, so that they change nothing of the others'.
    requests = [*request_ids(config), *development_ids(config)]
    rows = bank.design(config["seed"], len(requests), **config["references"]["bank"])
    return dict(zip(requests, rows, strict=True))


def references(config: Mapping[str, Any], run: Run) -> list[Run]:
    """Return the retrained models that a run is compared with; none for the original model, which they start from.

    With a bank, these are its models without the request's objects, but for those that the run was matched to. Of these
    models themselves, each is compared with the ones before it, so that every pair is compared once. Without a bank, it
    is the method `retrain` of the first seed, where that is planned.
    """
    if run.method in ("original", RESEED):
        return []
    if bank_models(config):
        seen = matched(config, run.method, run.request)
        numbers = [number for number in out_models(config, run.request) if number not in seen]
        return [Run(BANK, run.request, n) for n in numbers if run.method != BANK or n < run.seed]
    exact = Run("retrain", run.request, config["seeds"][0])
    is_planned = config["methods"].get("retrain") is not None and run.request in requests_of(
        config, "retrain"
    )
    return [exact] if is_planned and run != exact else []


def shown_reference(config: Mapping[str, Any], request: str) -> Run | None:
    """Return the retrained model whose images stand beside those of all methods; None if there is none."""
    return next(iter(references(config, Run("noop-ft", request, config["seeds"][0]))), None)


def next_seed(config: Mapping[str, Any], seed: int) -> int:
    """Return the seed whose original model is the `reseed` of a seed: the next one, and after the last the first."""
    seeds = config["seeds"]
    return seeds[(seeds.index(seed) + 1) % len(seeds)]


def original_of(config: Mapping[str, Any], run: Run) -> Run | None:
    """Return the original model that a run is compared with: that of its seed; None for the original itself."""
    if run.method == "original":
        return None
    return Run("original", run.request, config["seeds"][0] if run.method == BANK else run.seed)


def compared(config: Mapping[str, Any], run: Run) -> list[Run]:
    """Return all runs that a run is compared with."""
    original = original_of(config, run)
    return [*([original] if original else []), *references(config, run)]


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
    if name == BANK:
        return paths.bank(seed)
    return paths.unlearned(name, request if method(config, name).per_request else ALL_REQUESTS, seed)
