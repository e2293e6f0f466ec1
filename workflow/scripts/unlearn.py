"""Run one method for one request and seed."""

from soulbench.core import fork_server

fork_server.fork("soulbench.unlearning.run")

from pathlib import Path

from soulbench.core.log import job
from soulbench.core.processes import run
from soulbench.core.terms import ALL_REQUESTS

with job(snakemake.log[0]) as log:
    arguments = {
        "config": snakemake.params.settings,
        "method": snakemake.params.method,
        "request": snakemake.wildcards.get("request", ALL_REQUESTS),
        "seed": int(snakemake.wildcards.seed),
        "data_dir": Path(snakemake.input.packed).parent,
        "original": snakemake.input.get("original"),
        "pretrained": snakemake.input.get("pretrained"),
        "out_model": snakemake.output.model,
        "source": snakemake.params.source,
        "retrained": [*snakemake.input.get("retrained", [])],
    }
    run("soulbench.unlearning.run:unlearn", arguments, snakemake.params.processes, log)
