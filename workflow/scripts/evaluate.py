"""Evaluate the models of one method and training seed, for all its requests."""

from soulbench.core import fork_server

fork_server.fork("soulbench.evaluation.run", "soulbench.evaluation.lpips_package")

from pathlib import Path

from soulbench.core.log import job
from soulbench.evaluation.run import EvaluationRun, evaluate

with job(snakemake.log[0]) as log:
    evaluate(
        config=snakemake.params.settings,
        method=snakemake.params.method,
        seed=int(snakemake.wildcards.seed),
        runs=[
            EvaluationRun(
                request=case["request"],
                model=case["model"],
                original=case["original"] and Path(case["original"]),
                references={Path(folder): lacking for folder, lacking in case["references"].items()},
                out=Path(case["out"]),
                budgets=case["budgets"],
                lacking=case["lacking"],
            )
            for case in snakemake.params.cases
        ],
        data_dir=Path(snakemake.input.packed).parent,
        source=snakemake.params.source,
        log=log,
        identity=snakemake.input.identity or None,
    )
