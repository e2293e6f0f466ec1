"""Evaluate the models of a method: every metric, latent distance and query of a run in one job."""

import functools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from torch import nn

from soulbench.config import metrics
from soulbench.core import device as devices
from soulbench.core.columns import RECORDS
from soulbench.core.device import Meter
from soulbench.core.log import Log, Progress
from soulbench.core.records import file_hash, write_json
from soulbench.core.tables import write_csv
from soulbench.core.terms import IDENTITY_UNITS, LEAK, LEAK_UNITS, TASKS
from soulbench.evaluation import collapse, latent, lpips_backbone, update_leak
from soulbench.evaluation.context import RequestContext
from soulbench.evaluation.identity import Identification
from soulbench.evaluation.metrics import ComparedRegion, Comparison
from soulbench.evaluation.outputs import ModelOutputs, OutputGenerator
from soulbench.evaluation.queries import QueryOutput, query_outputs, query_rows
from soulbench.training.dataset import BenchmarkData
from soulbench.training.stages import origin

#: Dimensions against the original and against the retrained model; each is also the name of its regions.
AGAINST_ORIGINAL = ("A1", "A2", "A2-people", "A2-rest", "A3", "A3-heldout", "A4")
AGAINST_RETRAINED = ("A1", "A2", "A3", "A4")
#: Dimension against the true pixels -> its regions.
AGAINST_TRUTH = {"target_error": "A1", "retained_error": "retained", "heldout_error": "heldout"}
#: Columns of metrics.csv that budgets.csv has as well, and the metrics in it: those that take hardly any time.
BUDGET_KEYS = ("task", "dimension", "metric", "value")
BUDGET_METRICS = ("mae", "changed", "collapsed", *IDENTITY_UNITS, *LEAK_UNITS)


@dataclass(frozen=True)
class EvaluationRun:
    """One request for which a method's model is evaluated, and the records to compare it with.

    Attributes:
        request: its id.
        model: the checkpoint.
        original: folder of the original model's record for this request and seed; None for the original itself,
            which is compared with itself under other noise.
        references: folders of the records of the models retrained without the targets, where there are some; each
            with the other requests whose targets that model lacks, too.
        out: folder to write.
        budgets: checkpoints of the method at every budget at which it is judged, `model` among them.
        lacking: the other requests whose targets the evaluated model lacks: a model of the bank.
    """

    request: str
    model: str
    original: Path | None
    references: Mapping[Path, Collection[str]]
    out: Path
    budgets: Mapping[float, str] = field(default_factory=dict)
    lacking: Collection[str] = ()


#: Compared regions by name.
Regions = Mapping[str, Sequence[ComparedRegion]]


class Retrained(NamedTuple):
    """The outputs of a model that was retrained without a request's targets, and the regions in which it is compared.

    A model of the bank lacks the targets of other requests, too: a comparison with it leaves these out.
    """

    outputs: ModelOutputs
    regions: Regions


def evaluate(
    config: Mapping[str, Any],
    method: str,
    seed: int,
    runs: Sequence[EvaluationRun],
    data_dir: str,
    source: str,
    log: Log,
    identity: str | None = None,
) -> None:
    """Evaluate a method's models of one training seed and write one record folder per run.

    A record is metrics.csv, latent.csv, queries.csv, budgets.csv, outputs.npz and record.json. The requests share a
    job because starting one (PyTorch, LPIPS) takes several times as long as evaluating a model.

    Args:
        config: the configuration.
        method: id of the configured method.
        seed: the training seed.
        runs: one per request.
        data_dir: results/<name>/data.
        source: hash of the sources, for the records.
        log: writes a line.
        identity: the identity encoder's checkpoint; None where identities are not measured.
    """
    device = devices.prepare(config["device"])
    data = BenchmarkData.open(config, data_dir)
    compare, networks = comparison(config), data.networks(seed)
    identify = Identification.load(identity) if identity else None
    output_generator = OutputGenerator(networks.generator, config, device)
    provenance = origin(config, config, seed, source)
    # A model that serves all requests generates its outputs once.
    remembered, generated_for = dict[str, ModelOutputs](), None
    with Progress(f"evaluating {method}", len(runs), log) as progress:
        for run in runs:
            context = RequestContext.of(data, data.requests[run.request])
            with Meter(device) as meter:
                if run.model != generated_for:
                    remembered, generated_for = {}, run.model
                # The run's own model comes last: queries are then put to it without loading it again.
                others = [path for path in run.budgets.values() if path != run.model]
                for path in [path for path in (*others, run.model) if path not in remembered]:
                    networks.load(path)
                    remembered[path] = output_generator.generate_all(
                        data.batches(), context.rows, _noise_samples(config, run)
                    )
                put = list(query_outputs(output_generator, data, context))
                tables = _tables(run, remembered, put, context, compare, identify)
            _save(run, tables, remembered[run.model], put, context)
            keys = {"method": method, "request": run.request, "seed": seed}
            # A table that lost whole lines would still be a table: the digests tell.
            digests = {"digests": {name: file_hash(run.out / f"{name}.csv") for name in tables}}
            write_json(run.out / "record.json", {**keys, "timing": meter.timing(0), **digests, **provenance})
            progress.advance(images=len(context.rows))


def _noise_samples(config: Mapping[str, Any], run: EvaluationRun) -> int:
    """Return the configured number; the original needs a second sample to be compared with itself."""
    return max(config["evaluation"]["noise_samples"], 2 if run.original is None else 1)


def _tables(
    run: EvaluationRun,
    generated: Mapping[str, ModelOutputs],
    put: Sequence[QueryOutput],
    context: RequestContext,
    compare: Comparison,
    identify: Identification | None,
) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each table of a record; `generated` has the outputs of its checkpoints."""
    outputs = generated[run.model]
    original = ModelOutputs.load(run.original / "outputs.npz") if run.original else _other_noise(outputs)
    references = [
        Retrained(
            ModelOutputs.load(folder / "outputs.npz"), context.regions_without({*run.lacking, *lacking})
        )
        for folder, lacking in run.references.items()
    ]
    rows = functools.partial(
        metric_rows,
        original=original,
        references=references,
        context=context,
        collapsed=collapse_test(context, compare),
        identify=identify,
        regions=context.regions_without(run.lacking),
    )
    return {
        "metrics": list(rows(outputs, compare=compare)),
        "latent": list(latent.rows(outputs, original, latent.groups(context.scenes, context.request))),
        "queries": list(query_rows(put, context, compare)),
        "budgets": [
            {"budget": budget, **{key: row[key] for key in BUDGET_KEYS}}
            for budget, path in run.budgets.items()
            for row in rows(generated[path], compare=compare.of_pixels())
            if row["metric"] in BUDGET_METRICS
        ],
    }


def _save(
    run: EvaluationRun,
    tables: Mapping[str, list[dict[str, Any]]],
    outputs: ModelOutputs,
    put: Sequence[QueryOutput],
    context: RequestContext,
) -> None:
    """Write the tables of a record and its outputs.npz."""
    for name, rows in tables.items():
        write_csv(pd.DataFrame(rows, columns=list(RECORDS[name])), run.out / f"{name}.csv", float_format=None)
    query_images = {f"query-{q.query}-{q.task}": q.image for q in put if q.image is not None}
    image_ids = [scene.image_id for scene in context.scenes]
    outputs.save(run.out / "outputs.npz", image_ids, context.roles, query_images)


def comparison(config: Mapping[str, Any]) -> Comparison:
    """Return the comparison that the configuration asks for."""
    settings = config["evaluation"]
    further = [(metric, metrics.parameters(config, metric.id)) for metric in metrics.measured(config)]
    return Comparison(lpips_backbone.build(settings["lpips"]), settings["changed_threshold"], further)


def _other_noise(outputs: ModelOutputs) -> ModelOutputs:
    """Return the same outputs with each noise sample in place of the one before it."""
    rolled = {task: np.roll(images, -1, axis=0) for task, images in outputs.images.items()}
    return ModelOutputs(rolled, outputs.objects)


def metric_rows(
    outputs: ModelOutputs,
    original: ModelOutputs,
    references: Sequence[Retrained],
    context: RequestContext,
    compare: Comparison,
    collapsed: collapse.CollapseTest | None = None,
    identify: Identification | None = None,
    regions: Regions | None = None,
) -> Iterator[dict[str, Any]]:
    """Return the rows of metrics.csv: every dimension and metric in both tasks, averaged over the noise samples.

    Where several models were retrained without the object, the distance from them is the mean over all; all metrics
    but MAE and the changed share are computed for the first one only, because they take most of an evaluation's time.
    The regions are those of the context, and the test for collapse that of the comparison, where none are given.
    """
    collapsed = collapsed or collapse_test(context, compare)
    retained = context.retained
    own = regions or context.regions
    for task in TASKS:
        images = outputs.images[task]
        truth = np.broadcast_to(context.truth, images.shape)
        comparisons = [(name, [(original.images[task], own[name])]) for name in AGAINST_ORIGINAL]
        comparisons += [
            (f"retrain-{name}", [(one.outputs.images[task], one.regions[name]) for one in references])
            for name in AGAINST_RETRAINED
        ]
        comparisons += [(name, [(truth, own[where])]) for name, where in AGAINST_TRUTH.items()]
        for dimension, others in comparisons:
            compared = [(samples, listed) for samples, listed in others if listed]
            # The original has a noise sample more than the others; the first ones are of the same noise.
            results = [
                (compare if number == 0 else compare.pixels)(image, other, listed)
                for number, (samples, listed) in enumerate(compared)
                for image, other in zip(images, samples, strict=False)
            ]
            count = max((len(listed) for _, listed in compared), default=0)
            for metric in results[0] if results else ():
                value = float(np.mean([result[metric] for result in results if metric in result]))
                yield _metric_row(task, dimension, metric, value, compare.units[metric], count)
        for metric, value in collapsed(images[:, retained]) if collapsed else ():
            yield _metric_row(task, "diversity", metric, value, collapse.UNITS[metric], len(retained))
        leak = update_leak.measured(images, original.images[task], context)
        for metric, value in leak.items():
            yield _metric_row(task, LEAK, metric, value, LEAK_UNITS[metric], len(context.request.targets))
        if identify is not None:
            for found in identify.measured(context.request.id, context.scenes, images):
                dimension, metric, value, count = found
                yield _metric_row(task, dimension, metric, value, IDENTITY_UNITS[metric], count)


def collapse_test(context: RequestContext, compare: Comparison) -> collapse.CollapseTest | None:
    """Return the test for collapse on the retained images; None if only pixels are compared."""
    return _collapse_test(compare.distance, context) if compare.distance else None


@functools.lru_cache(maxsize=1)
def _collapse_test(distance: nn.Module, context: RequestContext) -> collapse.CollapseTest:
    """Return the test against the photographs without the target, whose features all models of a request share."""
    return collapse.CollapseTest(distance, context.truth[context.retained])


def _metric_row(
    task: str, dimension: str, metric: str, value: float, unit: str, regions: int
) -> dict[str, Any]:
    row = {"task": task, "dimension": dimension, "metric": metric, "value": value, "unit": unit}
    return {**row, "regions": regions}
