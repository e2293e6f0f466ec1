"""Evaluate a method's models of one training seed."""

from pathlib import Path

from soulbench.core.log import job
from soulbench.evaluation.run import EvaluationRun, evaluate


def record_folder(outputs):
    """Return the folder of the record that an outputs.npz belongs to; None without one."""
    return Path(outputs).parent if outputs else None


with job(snakemake.log[0]) as log:
    evaluate(
        config=snakemake.params.settings,
        method=snakemake.params.method,
        seed=int(snakemake.wildcards.seed),
        runs=[
            EvaluationRun(
                request=case["request"],
                model=case["model"],
                original=record_folder(case["compared"].get("original")),
                retrained=record_folder(case["compared"].get("retrain")),
                out=Path(case["out"]),
            )
            for case in snakemake.params.cases
        ],
        data_dir=snakemake.params.data,
        source=snakemake.params.source,
        log=log,
    )
