# The workflow is in workflow/. This file lets `snakemake` find it from here, with config.yaml as its configuration.
from snakemake.exceptions import WorkflowError

from soulbench.config import files
from soulbench.core.errors import UserError

CONFIG = f"{workflow.basedir}/config.yaml"
# Of a file that it cannot read, Snakemake shows where it stumbled, but not what is wrong.
try:
    files.load(CONFIG)
except UserError as error:
    raise WorkflowError(f"the configuration is wrong\n{error}") from None


configfile: CONFIG


include: "workflow/Snakefile"


# Snakemake forgets the default target of a file that is included.
workflow.default_target = "all"
