"""The configured queries: the primary target's image under altered scene graphs (paper, section 6.4)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from soulbench.config import runs as planned_runs
from soulbench.core import registry
from soulbench.core.seeds import generator
from soulbench.core.terms import NO_QUERY, TASKS
from soulbench.data.packed import Scene
from soulbench.evaluation.context import RequestContext
from soulbench.evaluation.metrics import ComparedRegion, Comparison
from soulbench.evaluation.outputs import OutputGenerator
from soulbench.training.dataset import BenchmarkData


@dataclass(frozen=True)
class QueryOutput:
    """What a model generates for a query.

    Attributes:
        query: its id.
        task: the task.
        status: `ok`, or why the query does not apply.
        image: uint8 [1, H, W, 3]; None if the query does not apply.
    """

    query: str
    task: str
    status: str
    image: np.ndarray | None


def query_outputs(
    output_generator: OutputGenerator, data: BenchmarkData, context: RequestContext
) -> Iterator[QueryOutput]:
    """Generate the primary target's image from the unaltered scene graph and under every query, in both tasks."""
    scene = context.scenes[context.regions["A1"][0].image_index]
    batches = data.batches()
    visual = data.visual[scene.first_row : scene.first_row + len(scene.categories)]
    target = scene.object_ids.tolist().index(context.request.primary.object_id)
    for query in (NO_QUERY, *data.config["evaluation"]["queries"]):
        altered: Scene | str = scene
        if query != NO_QUERY:
            # Seeded by the request alone: every model gets the same altered graph.
            rng = generator(data.config["seed"], "attack", query, context.request.id)
            names = data.scenes.vocabulary.objects
            file = registry.module("queries", query, planned_runs.plugins(data.config))
            altered = file.rewrite(scene, target, names, rng)
        for task in TASKS:
            if isinstance(altered, str):
                yield QueryOutput(query, task, f"not applicable: {altered}", None)
            else:
                image, _ = output_generator.generate(batches.collate([altered], [visual]), task)
                yield QueryOutput(query, task, "ok", image)


def query_rows(
    outputs: Sequence[QueryOutput], context: RequestContext, compare: Comparison
) -> Iterator[dict[str, Any]]:
    """Return the rows of queries.csv: the error of the primary target's RoI under every query."""
    target = context.regions["A1"][0]
    truth = context.truth[[target.image_index]]
    for output in outputs:
        row = {"task": output.task, "query": output.query, "status": output.status}
        if output.image is None:
            yield {**row, "metric": "mae", "value": None}
            continue
        for metric, value in compare(output.image, truth, [ComparedRegion(0, target.region)]).items():
            yield {**row, "metric": metric, "value": value}
