"""Models of a tiny benchmark under attack, without a workflow."""

import torch

from soulbench.core.paths import MOMENTS, beside
from soulbench.core.terms import TASKS
from soulbench.evaluation.attacked import Attacked
from soulbench.evaluation.context import RequestContext
from soulbench.evaluation.outputs import OutputGenerator
from soulbench.training.dataset import BenchmarkData


def attacked(benchmark, checkpoints, method="original", requests=None, config=None):
    """Return models under attack, one per request.

    Args:
        benchmark: the tiny benchmark, with an original model.
        checkpoints: by request.
        method: the configured method.
        requests: all requests of the attack; None for those of `checkpoints`.
        config: another configuration than the benchmark's.
    """
    config = config or benchmark.config
    data, device = BenchmarkData.open(config, benchmark.data), torch.device("cpu")
    networks = data.networks(config["seed"])
    networks.load(benchmark.original)
    record = benchmark.folder / "records" / "original"
    if not (record / "outputs.npz").is_file():
        record.mkdir(parents=True, exist_ok=True)
        rows = [*data.subset, *data.heldout]
        outputs = OutputGenerator(networks.generator, config, device).generate_all(data.batches(), rows, 1)
        outputs.save(record / "outputs.npz", rows, ["subset"] * len(rows), {})
    return [
        Attacked(
            method=method,
            seed=1,
            checkpoint=str(checkpoint),
            original=str(benchmark.original),
            moments=beside(str(benchmark.original), MOMENTS),
            requests=tuple(requests or checkpoints),
            record=record,
            before=record,
            context=RequestContext.of(data, data.requests[request]),
            data=data,
            networks=networks,
            device=device,
        )
        for request, checkpoint in checkpoints.items()
    ]


def values(outcomes, request, metric, task=TASKS[0]):
    """Return the values of a metric by budget."""
    return {
        one.budget: one.value
        for one in outcomes
        if (one.request, one.metric, one.task) == (request, metric, task)
    }
