# The benchmark: snakemake --cores 8 all. Overlays: --configfile configs/<name>.yaml. Profile: profiles/default.
from snakemake.utils import min_version

min_version("9.20")


configfile: f"{workflow.basedir}/config.yaml"


report: "workflow/report/workflow.rst"


wildcard_constraints:
    request="[A-Za-z0-9_-]+",
    method="[a-z0-9-]+",
    seed=r"\d+",


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/unlearn.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/ablate.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/report.smk"


# Models and records are asked for by themselves: Snakemake would not notice a deleted file that only other jobs read.
rule all:
    default_target: True
    input:
        f"{RESULTS}/report/index.html",
        OPENED,
        sorted({model(*cell) for cell in RUNS}),
        rules.page.input,
