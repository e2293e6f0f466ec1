"""Evaluate one model for one request: everything that is measured of it, in one job."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from soulbench.core import device as devices
from soulbench.core import registry
from soulbench.core.device import Meter
from soulbench.core.log import Log, Progress
from soulbench.core.records import atomic_path, write_json
from soulbench.core.seeds import generator
from soulbench.core.terms import TASKS, UNITS
from soulbench.data.packed import Scene
from soulbench.data.requests.request import Request
from soulbench.evaluation import latent
from soulbench.evaluation import lpips_backbone as lpips_backbone
from soulbench.evaluation.dimensions import mean_picture_error, places, spread
from soulbench.evaluation.metrics import Comparison, Place
from soulbench.evaluation.outputs import ModelOutputs, OutputGenerator
from soulbench.training.dataset import BenchmarkData
from soulbench.training.stages import origin

ORIGINAL = "original"
AGAINST_ORIGINAL = ("A1", "A2", "A2-rest", "A3", "A3-heldout", "A4")
AGAINST_RETRAINED = ("A1", "A2", "A3", "A4")
#: Outputs whose mutual differences are below this share of the photographs' are called constant.
CONSTANT = 0.25


@dataclass(frozen=True)
class Setting:
    """What all models of a request are judged on: the scenes, their truth, and the regions."""

    request: Request
    rows: list[int]
    scenes: list[Scene]
    roles: list[str]
    truth: np.ndarray
    regions: Mapping[str, list[Place]]

    @classmethod
    def of(cls, data: BenchmarkData, request: Request) -> "Setting":
        """The setting of a request."""
        rows = [*data.subset, *data.heldout]
        scenes = [data.scenes.scene(row) for row in rows]
        roles = ["subset"] * len(data.subset) + ["heldout"] * len(data.heldout)
        margin = data.config["unlearning"]["roi_margin"]
        regions = places(scenes, roles, request, data.scenes.image_size, margin)
        return cls(request, rows, scenes, roles, np.stack([s.pixels for s in scenes]), regions)


@dataclass(frozen=True)
class Case:
    """What is judged for one request.

    Attributes:
        request: its id.
        model: the checkpoint.
        original: folder of the original model's record for this request and seed; None for the original itself,
            which is compared with itself under other noise.
        retrained: folder of the record of the model retrained without the object, where there is one.
        out: folder to write.
    """

    request: str
    model: str
    original: Path | None
    retrained: Path | None
    out: Path


@dataclass(frozen=True)
class Answer:
    """What a model drew for a query: uint8 [1, H, W, 3], or None where the status says why there is none."""

    query: str
    task: str
    status: str
    picture: np.ndarray | None


def evaluate(
    config: Mapping[str, Any],
    method: str,
    seed: int,
    cases: Sequence[Case],
    data_dir: str,
    source: str,
    log: Log,
) -> None:
    """Evaluate a method's models of one seed, request by request; writes one record folder each.

    A record is metrics.csv, latent.csv, queries.csv, outputs.npz and record.json. Requests share a job because
    starting one (PyTorch, LPIPS) takes several times as long as judging a model.
    """
    device = devices.prepare(config["device"])
    data = BenchmarkData.open(config, data_dir)
    compare, networks = comparison(config), data.networks(seed)
    about = origin(config, config["evaluation"], seed, source)
    drawn, loaded = None, None
    with Progress(f"judging {method}", len(cases), log) as progress:
        for case in cases:
            setting = Setting.of(data, data.requests[case.request])
            with Meter(device) as meter:
                if case.model != loaded:
                    networks.load(case.model)
                    artist, loaded = OutputGenerator(networks.generator, config, device), case.model
                    # The original needs one more draw: its floor is the same model under other noise.
                    draws = max(config["evaluation"]["noise_samples"], 2 if case.original is None else 1)
                    drawn = artist.draw_all(data.batches(), setting.rows, draws)
                answers = list(_ask(artist, data, setting))
                tables = _judge(case, drawn, answers, setting, compare)
            for name, rows in tables.items():
                with atomic_path(case.out / f"{name}.csv") as path:
                    pd.DataFrame(rows).to_csv(path, index=False)
            queried = {f"query-{a.query}-{a.task}": a.picture for a in answers if a.picture is not None}
            image_ids = [scene.image_id for scene in setting.scenes]
            drawn.save(case.out / "outputs.npz", image_ids, setting.roles, queried)
            cell = {"method": method, "request": case.request, "seed": seed}
            write_json(case.out / "record.json", {**cell, **meter.timing(0), **about})
            progress.advance(images=len(setting.rows))


def _judge(
    case: Case, drawn: ModelOutputs, answers: Sequence[Answer], setting: Setting, compare: Comparison
) -> dict[str, list[dict[str, Any]]]:
    reference = ModelOutputs.load(case.original / "outputs.npz") if case.original else _next_draw(drawn)
    retrained = ModelOutputs.load(case.retrained / "outputs.npz") if case.retrained else None
    return {
        "metrics": list(metric_rows(drawn, reference, retrained, setting, compare)),
        "latent": list(latent.rows(drawn, reference, latent.groups(setting.scenes, setting.request))),
        "queries": list(_query_rows(answers, setting, compare)),
    }


def comparison(config: Mapping[str, Any]) -> Comparison:
    """The comparison that the configuration asks for."""
    settings = config["evaluation"]
    return Comparison(lpips_backbone.build(settings["lpips"]), settings["changed_threshold"])


def _next_draw(drawn: ModelOutputs) -> ModelOutputs:
    """The same model's drawings under other noise."""
    return ModelOutputs({task: np.roll(p, -1, axis=0) for task, p in drawn.pictures.items()}, drawn.objects)


def metric_rows(
    drawn: ModelOutputs,
    original: ModelOutputs,
    retrained: ModelOutputs | None,
    setting: Setting,
    compare: Comparison,
) -> Iterator[dict[str, Any]]:
    """Rows of metrics.csv: every dimension and metric in both tasks, averaged over the noise draws."""
    for task in TASKS:
        pictures = drawn.pictures[task]
        truth = np.broadcast_to(setting.truth, pictures.shape)
        jobs = [(name, original.pictures[task], name) for name in AGAINST_ORIGINAL]
        if retrained is not None:
            jobs += [(f"retrain-{name}", retrained.pictures[task], name) for name in AGAINST_RETRAINED]
        jobs += [
            ("target_error", truth, "A1"),
            ("retained_error", truth, "retained"),
            ("heldout_error", truth, "heldout"),
        ]
        for dimension, references, regions in jobs:
            pairs = zip(pictures, references, strict=False)
            results = [compare(picture, other, setting.regions[regions]) for picture, other in pairs]
            for metric in results[0]:
                value = float(np.mean([result[metric] for result in results]))
                yield {
                    "task": task,
                    "dimension": dimension,
                    "metric": metric,
                    "value": value,
                    "unit": UNITS[metric],
                }
        yield from _diversity(task, pictures[0], setting)


def _diversity(task: str, pictures: np.ndarray, setting: Setting) -> Iterator[dict[str, Any]]:
    """Whether the model still answers different graphs differently, and better than one fixed picture would."""
    retained = [place.picture for place in setting.regions["retained"]]
    drawn, truth = pictures[retained], setting.truth[retained]
    error = float(np.abs(drawn.astype(np.int16) - truth).mean())
    spreads = spread(drawn), spread(truth)
    collapsed = spreads[0] < CONSTANT * spreads[1] or error > mean_picture_error(truth, truth)
    rows = (("spread", spreads[0], "grey levels"), ("collapsed", float(collapsed), "flag"))
    for metric, value, unit in rows:
        yield {"task": task, "dimension": "diversity", "metric": metric, "value": value, "unit": unit}


def _ask(artist: OutputGenerator, data: BenchmarkData, setting: Setting) -> Iterator[Answer]:
    """Ask the unaltered query ("none") and every query, in both tasks."""
    place = setting.regions["A1"][0]
    scene = setting.scenes[place.picture]
    batches = data.batches()
    visual = data.visual[scene.first_row : scene.first_row + len(scene.categories)]
    target = scene.object_ids.tolist().index(setting.request.object_id)
    for query in ("none", *data.config["evaluation"]["queries"]):
        asked: Scene | str = scene
        if query != "none":
            # Seeded by the request alone: every model gets the same altered graph.
            rng = generator(data.config["seed"], "attack", query, setting.request.id)
            names = data.scenes.vocabulary.objects
            asked = registry.module("queries", query).rewrite(scene, target, names, rng)
        for task in TASKS:
            if isinstance(asked, str):
                yield Answer(query, task, f"not applicable: {asked}", None)
            else:
                picture, _ = artist.draw(batches.collate([asked], [visual]), task)
                yield Answer(query, task, "ok", picture)


def _query_rows(answers: Sequence[Answer], setting: Setting, compare: Comparison) -> Iterator[dict[str, Any]]:
    """Rows of queries.csv: fidelity of the target's ROI in every answer."""
    place = setting.regions["A1"][0]
    truth = setting.truth[[place.picture]]
    for answer in answers:
        row = {"task": answer.task, "query": answer.query, "status": answer.status}
        if answer.picture is None:
            yield {**row, "metric": "mae", "value": None}
            continue
        for metric, value in compare(answer.picture, truth, [Place(0, place.region)]).items():
            yield {**row, "metric": metric, "value": value}
