"""Generate the demo's data set."""

from soulbench.core.log import job
from soulbench.data.demo.dataset import draw_world

with job(snakemake.log[0]) as log:
    draw_world(config=snakemake.params.settings, out_dir=snakemake.output[0], log=log)
