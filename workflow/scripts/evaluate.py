"""Judge a method's models of one seed."""

from pathlib import Path

from soulbench.core.log import job
from soulbench.evaluation.run import Case, evaluate


def folder(outputs):
    """The record that an outputs.npz belongs to."""
    return Path(outputs).parent if outputs else None


with job(snakemake.log[0]) as log:
    cases = [
        Case(
            case["request"],
            case["model"],
            folder(case["compared"].get("original")),
            folder(case["compared"].get("retrain")),
            Path(case["out"]),
        )
        for case in snakemake.params.cases
    ]
    seed = int(snakemake.wildcards.seed)
    given = snakemake.params
    evaluate(given.settings, given.method, seed, cases, given.data, given.source, log)
