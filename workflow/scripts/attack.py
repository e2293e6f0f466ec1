"""Make one attack on the models of one method and training seed, for all its requests."""

from soulbench.core import fork_server

fork_server.fork("soulbench.evaluation.attack")

from pathlib import Path

from soulbench.core.log import job
from soulbench.evaluation.attack import AttackCase, attack

with job(snakemake.log[0]) as log:
    attack(
        config=snakemake.params.settings,
        name=snakemake.params.attack,
        method=snakemake.wildcards.method,
        seed=int(snakemake.wildcards.seed),
        requests=snakemake.params.requests,
        cases=[
            AttackCase(
                request=case["request"],
                model=case["model"],
                original=case["original"],
                moments=case["moments"],
                record=Path(case["record"]),
                before=Path(case["before"]),
                shadows={which: list(map(Path, records)) for which, records in case["shadows"].items()},
            )
            for case in snakemake.params.cases
        ],
        data_dir=Path(snakemake.input.packed).parent,
        out_csv=snakemake.output.outcomes,
        out_images=snakemake.output.images,
        out_record=snakemake.output.record,
        source=snakemake.params.source,
        log=log,
    )
