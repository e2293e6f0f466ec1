"""Pre-train a model on the whole training split."""

from soulbench.core import fork_server

fork_server.fork("soulbench.training.stages")

from pathlib import Path

from soulbench.core.log import job
from soulbench.core.processes import run

with job(snakemake.log[0]) as log:
    config = snakemake.params.settings
    arguments = {
        "config": config,
        "data_dir": Path(snakemake.input.packed).parent,
        "seed": int(snakemake.wildcards.seed),
        "out_model": snakemake.output.model,
        "source": snakemake.params.source,
        "kept": [*snakemake.output.get("states", [])],
    }
    run("soulbench.training.stages:pretrain", arguments, config["training"]["processes"], log)
