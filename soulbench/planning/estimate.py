"""The estimate of a configured run that `soulbench check` shows: work by stage, hours on this machine, memory, disk."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from soulbench.planning.stages import Stage

#: Share of the speed of a matrix product at which jobs of the demo compute (docs/speed.md, "What a run costs").
EFFICIENCY = 0.2
#: Core-seconds that a job takes to start: it is forked from a process that has imported PyTorch (docs/speed.md).
START_UP = 0.2


def lines(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of the estimate."""
    # Imported here, because nothing else of `soulbench check` needs PyTorch.
    from soulbench.planning import footprint, machine
    from soulbench.planning.counting import WorkCounter
    from soulbench.planning.sizes import Sizes
    from soulbench.planning.stages import Plan

    sizes, device = Sizes.of(config), machine.computing_device(config["device"])
    counter = WorkCounter.of(config, sizes)
    stages = Plan(config, sizes, counter).stages()
    speed = machine.matrix_speed(device)
    seconds = [stage.work / (EFFICIENCY * speed) + stage.jobs * START_UP for stage in stages]
    at_once = machine.cores() if device.type == "cpu" else 1
    unit = "core" if device.type == "cpu" else "GPU"
    read = "as in the prepared data" if sizes.prepared else "at most, before the data are prepared"
    yield f"what it costs, by an estimate (scenes of {sizes.objects:.0f} objects, {read}):"
    yield from table(
        stages, {"TMAC": [s.work / 1e12 for s in stages], f"{unit} hours": [s / 3600 for s in seconds]}
    )
    hours = max(sum(seconds) / at_once, _longest_chain(stages, seconds, config)) / 3600
    here = f"{at_once} {unit}{'s' if at_once > 1 else ''} of this machine ({speed / 1e9:.0f} GMAC/s in float32 each)"
    memory, disk = (part(config, sizes, counter) / 2**30 for part in (footprint.memory, footprint.disk))
    yield f"  about {hours:.1f} h on {here}, {memory:.1f} GiB of memory per job, {disk:.1f} GiB of disk"
    yield "  the work is counted; the hours are right within a factor of two, the memory within a factor of 1.5"


def table(stages: Sequence["Stage"], columns: Mapping[str, Sequence[float]]) -> Iterator[str]:
    """Yield a table by stage: its jobs and numbers, and their sums in the last line."""
    yield f"  {'stage':22}{'jobs':>6}" + "".join(f"{name:>20}" for name in columns)
    for row, stage in enumerate(stages):
        numbers = "".join(f"{values[row]:20,.2f}" for values in columns.values())
        yield f"  {stage.name:22}{stage.jobs:6}{numbers}"
    sums = "".join(f"{sum(values):20,.2f}" for values in columns.values())
    yield f"  {'together':22}{sum(stage.jobs for stage in stages):6}{sums}"


def _longest_chain(stages: Sequence["Stage"], seconds: Sequence[float], config: Mapping[str, Any]) -> float:
    """Return the seconds of the longest chain of jobs that wait for each other, however many cores there are."""
    job = {stage.name: spent / max(stage.jobs, 1) for stage, spent in zip(stages, seconds, strict=True)}
    processes = config["training"]["processes"]
    original = (job["pre-training"] + job["fine-tuning"]) / processes
    unlearned = max(job["unlearning"], job["redaction"], job["ablations"])
    return max(original + unlearned, job["retraining"] / processes) + job["evaluation"] + job["attacks"]
