# The workflow is in workflow/. This file lets `snakemake` find it from here, with config.yaml as its configuration.
configfile: f"{workflow.basedir}/config.yaml"


include: "workflow/Snakefile"
