"""Train one model of the bank."""

from soulbench.core import fork_server

fork_server.fork("soulbench.unlearning.bank")

from pathlib import Path

from soulbench.core.log import job
from soulbench.core.processes import run

with job(snakemake.log[0]) as log:
    arguments = {
        "config": snakemake.params.settings,
        "number": int(snakemake.wildcards.number),
        "left_out": snakemake.params.left_out,
        "data_dir": Path(snakemake.input.packed).parent,
        "out_model": snakemake.output.model,
        "source": snakemake.params.source,
    }
    run("soulbench.unlearning.bank:retrain_for_bank", arguments, snakemake.params.processes, log)
