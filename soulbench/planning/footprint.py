"""What a run takes of memory, in its largest job, and of the disk."""

from collections.abc import Mapping
from typing import Any

from soulbench.config import runs
from soulbench.core.terms import TASKS
from soulbench.evaluation.outputs import REPRESENTATIONS
from soulbench.planning.counting import WorkCounter
from soulbench.planning.sizes import Sizes
from soulbench.planning.stages import redactions, unlearned_models
from soulbench.training.monitor import SNAPSHOT_SHARES
from soulbench.training.schedule import kept_steps
from soulbench.training.stages import SNAPSHOT_IMAGES

#: Bytes of a job's process before it trains: interpreter, PyTorch and torchvision.
PROCESS = 600 * 2**20
#: Peak of a step over the values saved for its backward pass: gradients of maps, copies, fragments of the heap.
TRANSIENT = 1.6
WEIGHT = 4  # bytes; weights, gradients and moments are in float32


def memory(config: Mapping[str, Any], sizes: Sizes, counter: WorkCounter) -> float:
    """Return the bytes of the largest job: of a training step or of a redaction, on the CPU or on the GPU."""
    training, unlearning = config["training"], config["unlearning"]
    parts = training["processes"] * training["accumulate"]
    steps = [
        counter.step(max(1, min(stage["batch"], images) // share), training["optimiser"]).saved
        for stage, images, share in (
            (training["pretrain"], sizes.train, parts),
            (training["finetune"], sizes.subset, parts),
            (unlearning, sizes.subset, training["accumulate"]),
        )
    ]
    value = 4 if training["precision"] == "float32" else 2
    trained, frozen = counter.parameters()
    moments = 2 + (training["ema_decay"] is not None)
    needed = [(2 + moments) * trained * WEIGHT + TRANSIENT * value * max(steps)]
    for parameters in redactions(config).values():
        images = sizes.subset if parameters["hessian"] == "subset" else 1
        saved = counter.products(max(1, min(parameters["chunk"], images)), parameters["module"]).saved
        needed.append(2 * trained * WEIGHT + TRANSIENT * 4 * saved)
    return PROCESS + frozen * WEIGHT + max(needed)


def disk(config: Mapping[str, Any], sizes: Sizes, counter: WorkCounter) -> float:
    """Return the bytes of a finished run below its results folder, without downloads and the source's photographs.

    Checkpoints, those at further budgets too, kept states, outputs, snapshots and the packed set count. Outputs and
    snapshots are compressed when written; they are counted as they are, which is the most.
    """
    pixels = 3 * config["data"]["image_size"] ** 2
    planned = runs.evaluated(config)
    models = {runs.checkpoint(config, *run) for run in planned}
    scenes = sizes.subset + sizes.heldout
    width = config["generator"]["embedding"]
    widths = {"input": 2 * width + 4, "graph": config["generator"]["graph"]["width"] + width}
    assert widths.keys() == REPRESENTATIONS.keys()
    samples = config["evaluation"]["noise_samples"]
    outputs = len(TASKS) * scenes * (samples * pixels + sizes.objects * sum(widths.values()) * WEIGHT)
    snapshots = len(SNAPSHOT_SHARES) * len(TASKS) * SNAPSHOT_IMAGES * pixels
    features = sizes.objects * config["generator"]["visual"]["features"] * WEIGHT
    # What a method leaves at a further budget is a checkpoint, without snapshots of its own.
    at_budgets = sum(
        number * len(runs.further_budgets(config, name)) for name, number in unlearned_models(config).items()
    )
    return (
        sizes.images * (pixels + features)
        + len(planned) * outputs
        + (len(models) + len(config["seeds"])) * (counter.bytes_of_checkpoint() + snapshots)
        # Adam's two moments, beside the models of both training stages.
        + 2 * len(config["seeds"]) * 2 * counter.bytes_of_checkpoint()
        + (at_budgets + len(config["seeds"]) * _kept(config)) * counter.bytes_of_checkpoint()
    )


def _kept(config: Mapping[str, Any]) -> int:
    """Return how many times the size of a checkpoint the states take that both stages of one original model keep."""
    if not runs.is_replayed(config):
        return 0
    training = config["training"]
    states = {which: len(kept_steps(training[which]["steps"])) for which in ("pretrain", "finetune")}
    # The weights and Adam's two moments; Muon's momenta, averages, and the best weights of an early stop, if there are.
    parts = 3 + (training["optimiser"] == "muon") + (training["ema_decay"] is not None)
    best = training["early_stop"] is not None  # only pre-training stops early
    return sum(states.values()) * parts + states["pretrain"] * best
