"""The results of a benchmark that travel: of each model, record, ablation and attack the files that tables need.

A result is known by the file with its provenance. Checkpoints stay where they are: no table is made of them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from soulbench.config import attacks, jobs, runs
from soulbench.config.attacks import AttackRun
from soulbench.config.jobs import Job
from soulbench.config.runs import Run
from soulbench.core.paths import RECORD_FILES, ResultPaths, beside
from soulbench.core.terms import ALL_REQUESTS, BANK, RESEED

#: What is planned as if it were a method, but is a model of another stage.
UNTRAINED = ("original", RESEED, BANK)


@dataclass(frozen=True)
class Result:
    """What one job wrote about one model; all paths are below `results/<name>/`.

    Attributes:
        name: the JSON file with its provenance.
        tables: the other files that tables and curves are made of, by the names under which its provenance has them.
        images: files that only figures are made of.
        about: what the provenance says that it is of: method, request, seed.
        job: what it depends on here; the settings are those that its provenance would hold.
        needs: names of the results that it was made from, or compared with.
    """

    name: str
    tables: Mapping[str, str]
    images: tuple[str, ...]
    about: Mapping[str, Any]
    job: Job
    needs: tuple[str, ...] = ()

    @property
    def is_measured(self) -> bool:
        """Whether it is a record, an ablation or an attack. Records of models travel for the sake of these."""
        return self.name.startswith(("records/", "ablations/", "attacks/"))

    @property
    def files(self) -> tuple[str, ...]:
        """The files without which it is not finished."""
        return (self.name, *self.tables.values())


def planned(config: Mapping[str, Any]) -> dict[str, Result]:
    """Return the results of a configured benchmark by name, each after those that it needs."""
    results = [
        *(result for seed in config["seeds"] for result in _stages(config, seed)),
        *(_bank_model(config, number) for number in runs.bank_models(config)),
        *(_unlearned(config, run) for run in runs.evaluated(config) if run.method not in UNTRAINED),
        *_records(config),
        *(_ablation(config, request, seed) for request, seed in runs.ablation_runs(config)),
        *(_attack(config, run) for run in attacks.planned(config)),
    ]
    return {result.name: result for result in results}  # one model may serve several runs


def _inside(config: Mapping[str, Any], path: str) -> str:
    return path.removeprefix(f"{ResultPaths.of(config).root}/")


def _model(config: Mapping[str, Any], checkpoint: str, trained: bool = True, **facts: Any) -> Result:
    """Return the result of a model; one that was not trained has no curves and snapshots."""
    name, curves, snapshots = (
        _inside(config, beside(checkpoint, kind)) for kind in ("json", "curves.csv", "snapshots.npz")
    )
    return Result(name, {"curves": curves} if trained else {}, (snapshots,) if trained else (), **facts)


def _model_name(config: Mapping[str, Any], run: Run) -> str:
    return _inside(config, beside(runs.checkpoint(config, *run), "json"))


def _stages(config: Mapping[str, Any], seed: int) -> Iterator[Result]:
    """Yield the two stages of an original model."""
    paths = ResultPaths.of(config)
    about = {"method": "pretrained", "request": ALL_REQUESTS, "seed": seed}
    first = _model(config, paths.pretrained(seed), about=about, job=jobs.pretraining(config))
    yield first
    about = {**about, "method": "original"}
    job = jobs.finetuning(config)
    yield _model(config, paths.original(seed), about=about, job=job, needs=(first.name,))


def _bank_model(config: Mapping[str, Any], number: int) -> Result:
    source, settings = jobs.bank(config)
    return _model(
        config,
        ResultPaths.of(config).bank(number),
        about={"method": BANK, "request": ALL_REQUESTS, "seed": number},
        job=Job(source, {**settings, "left_out": runs.left_out(config, number)}),
    )


def _unlearned(config: Mapping[str, Any], run: Run) -> Result:
    method, (source, settings) = runs.method(config, run.method), jobs.unlearning(config, run.method)
    started = [] if method.family == "retrain" else [Run("original", *run[1:])]
    started += [Run(BANK, run.request, number) for number in runs.matched(config, run.method, run.request)]
    return _model(
        config,
        runs.checkpoint(config, *run),
        trained=method.trains,
        about={**run._asdict(), "request": run.request if method.per_request else ALL_REQUESTS},
        job=Job(source, {**settings, "method": runs.parameters(config, run.method)}),
        needs=tuple(_model_name(config, other) for other in started),
    )


def _records(config: Mapping[str, Any]) -> Iterator[Result]:
    """Yield the records, those first that others are compared with."""
    paths, job = ResultPaths.of(config), jobs.evaluation(config)
    # Whatever a record is compared with is compared with fewer.
    for run in sorted(runs.evaluated(config), key=lambda run: len(runs.compared(config, run))):
        files = {file: _inside(config, paths.record(*run, file)) for file in RECORD_FILES}
        name, images = files.pop("record.json"), files.pop("outputs.npz")
        others = runs.compared(config, run)
        compared = [_inside(config, paths.record(*other, "record.json")) for other in others]
        needs = (_model_name(config, run), *compared)
        tables = {file.removesuffix(".csv"): path for file, path in files.items()}
        yield Result(name, tables, (images,), run._asdict(), job, needs)


def _ablation(config: Mapping[str, Any], request: str, seed: int) -> Result:
    paths = ResultPaths.of(config)
    tables, images = (
        {name: _inside(config, paths.ablation(name, request, seed, kind)) for name in ("modules", "alpha")}
        for kind in ("csv", "npz")
    )
    return Result(
        _inside(config, paths.ablation("record", request, seed, "json")),
        tables,
        tuple(images.values()),
        {"request": request, "seed": seed},
        jobs.ablation(config),
        (_model_name(config, Run("original", request, seed)),),
    )


def _attack(config: Mapping[str, Any], run: AttackRun) -> Result:
    paths, requests = ResultPaths.of(config), attacks.requests_of(config, run)
    table, images, name = (_inside(config, paths.attack(*run, kind)) for kind in ("csv", "npz", "json"))
    needs = list[str]()
    for request in requests:
        attacked = Run(run.method, request, run.seed)
        for one in (attacked, runs.original_of(config, attacked) or attacked):
            needs += [_model_name(config, one), _inside(config, paths.record(*one, "record.json"))]
        shadows = (one for several in attacks.shadows(config, run, request) for one in several)
        needs += [_inside(config, paths.record(*one, "record.json")) for one in shadows]
    return Result(
        name,
        {attacks.TABLE: table},
        (images,),
        {**run._asdict(), "requests": requests},
        jobs.attack(config, run.attack, run.method),
        tuple(dict.fromkeys(needs)),
    )
