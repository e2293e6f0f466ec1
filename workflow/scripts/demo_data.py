"""Generate the demo's data set."""

from soulbench.core import fork_server

fork_server.fork("soulbench.data.demo.dataset")

from soulbench.core.log import job
from soulbench.data.demo.dataset import generate_dataset

with job(snakemake.log[0]) as log:
    generate_dataset(config=snakemake.params.settings, out_dir=snakemake.output[0], log=log)
