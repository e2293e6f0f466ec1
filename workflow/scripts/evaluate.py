"""Evaluate the models of one method and seed, for all its requests."""

from pathlib import Path

from soulbench.core.log import job
from soulbench.evaluation.run import Case, evaluate


def record(case, method):
    """Return the record of another method that a case is compared with; None without one."""
    folder = case["compared"].get(method)
    return folder and Path(folder)


with job(snakemake.log[0]) as log:
    cases = [
        Case(
            case["request"],
            case["model"],
            record(case, "original"),
            record(case, "retrain"),
            Path(case["out"]),
        )
        for case in snakemake.params.cases
    ]
    evaluate(
        snakemake.params.settings,
        snakemake.wildcards.method,
        int(snakemake.wildcards.seed),
        cases,
        Path(snakemake.input.packed).parent,
        snakemake.params.source,
        log,
    )
