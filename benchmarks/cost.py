"""What a run costs by stage: its multiply-adds and, once it has run, its core-seconds.

    python benchmarks/cost.py [--config configs/smoke.yaml ...] [--folder results/smoke]

The configuration is config.yaml under the files of `--config`, as `snakemake --configfile` takes them. Its work is
counted as `soulbench check` does (soulbench/planning), but each module's products for itself. Where the run's folder
has records and logs, the products of each redaction are those that its solver took, and two columns are added: the
core-seconds of the jobs, and these times the speed of a matrix product on one core, which is
measured in the same command. That product is a machine's work at full speed, in the unit of the counted work: it
depends much less on the machine than seconds do, and counted over spent work is how well a stage uses the machine.
"""

import argparse
import statistics
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from soulbench.config import files, runs
from soulbench.core.log import logged_core_seconds
from soulbench.core.model_record import read_model_record
from soulbench.core.paths import ResultPaths, beside
from soulbench.planning import machine
from soulbench.planning.counting import WorkCounter
from soulbench.planning.estimate import table
from soulbench.planning.sizes import Sizes
from soulbench.planning.stages import Plan, most_products, redactions

ROOT = Path(__file__).resolve().parents[1]
#: The first folder or name of a job's log -> its stage; every other job prepares data.
STAGES = {
    "pretrain": "pre-training",
    "finetune": "fine-tuning",
    "bank": "retraining",
    "evaluate": "evaluation",
    **dict.fromkeys(("tables", "claims", "figures", "page"), "tables, figures, page"),
}
FAMILIES = {
    **dict.fromkeys(("retrain", "replay"), "retraining"),
    **dict.fromkeys(("finetune", "one-shot"), "unlearning"),
    "redaction": "redaction",
}


def stage_of(config: Mapping[str, Any], job: tuple[str, ...]) -> str | None:
    """Return the stage of a job, given the parts of its log's path; None if the configuration has no such job."""
    if job[0] != "unlearn":
        kinds = {"ablate": "ablations", "attack": "attacks"}
        return kinds.get(job[0].partition("_")[0]) or STAGES.get(job[0], "data")
    return FAMILIES[runs.method(config, job[1]).family] if job[1] in runs.methods(config) else None


def spent(config: Mapping[str, Any], paths: ResultPaths) -> dict[str, float]:
    """Return the core-seconds by stage of the jobs that are done."""
    seconds: dict[str, float] = defaultdict(float)
    logs = Path(paths.log()).parent
    for log in sorted(logs.rglob("*.log")):
        stage = stage_of(config, log.relative_to(logs).with_suffix("").parts)
        if stage is not None:
            seconds[stage] += logged_core_seconds(log) or 0.0
    return seconds


def products(config: Mapping[str, Any], paths: ResultPaths) -> dict[str, float]:
    """Return how many products a solve took, by method: the mean over the models that are there."""
    found = {}
    for name, parameters in redactions(config).items():
        planned = [run for run in runs.evaluated(config) if run.method == name]
        records = [Path(beside(runs.checkpoint(config, *run, paths=paths), "json")) for run in planned]
        steps = [read_model_record(path).timing.steps for path in records if path.is_file()]
        if steps:
            others = most_products(parameters) - parameters["iterations"]
            found[name] = statistics.mean(steps) + others
    return found


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", nargs="*", default=[])
    parser.add_argument("--folder", help="of the run; results/<name> if it is not given")
    chosen = parser.parse_args()
    config = files.load(ROOT / "config.yaml", *chosen.config)
    paths = ResultPaths(chosen.folder) if chosen.folder else ResultPaths.of(config)
    sizes = Sizes.of(config, paths)
    counter = WorkCounter.of(config, sizes)
    stages = Plan(config, sizes, counter, products(config, paths), each_module=True).stages()
    columns = {"TMAC": [stage.work / 1e12 for stage in stages]}
    seconds = spent(config, paths)
    if seconds:
        speed = machine.matrix_speed(machine.computing_device("cpu"))
        used = [seconds[stage.name] for stage in stages]
        columns |= {"core-seconds": used, "TMAC at full speed": [speed * value / 1e12 for value in used]}
        print(f"a matrix product: {speed / 1e9:.1f} GMAC/s on one core, in float32")
    print("\n".join(table(stages, columns)))


if __name__ == "__main__":
    main()
