# Lookups that the rules share; no rules here.
import os
import shutil
import sys

from snakemake.exceptions import WorkflowError

# soulbench is used from its folder: here, and in the scripts' processes.
sys.path.insert(0, workflow.basedir)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [workflow.basedir, os.environ.get("PYTHONPATH")]))

from soulbench.config import files, runs, sections
from soulbench.config.checks import check
from soulbench.core.errors import UserError
from soulbench.core.registry import module_name
from soulbench.core.sources import source_hash
from soulbench.core.terms import ALL_REQUESTS, RESEED

try:
    # Snakemake keeps the second of a key that is written twice, and does not report it. As a module, the configuration
    # comes from another workflow, whose files are its own matter.
    if not workflow.modifier.skip_configfile:
        files.load(*[path for path in workflow.configfiles if os.path.isfile(path)])
    check(config)
except UserError as error:
    raise WorkflowError(f"the configuration is wrong\n{error}") from None

RESULTS = f"results/{config['name']}"
DATA = f"{RESULTS}/data"
RUNS = runs.planned(config)
# What every job that opens models and scenes needs.
OPENED = [
    f"{DATA}/packed",
    f"{DATA}/visual.npy",
    f"{DATA}/subset.csv",
    f"{DATA}/requests.csv",
]
MODELS = ["seed", "device", "data.image_size", "generator", "training"]
GPU = int(
    config["device"] == "gpu" or (config["device"] == "auto" and shutil.which("nvidia-smi") is not None)
)

# Of pre-training, fine-tuning and retraining, which may share out their batches; each process has its own GPU.
PROCESSES = config["training"]["processes"]


def settings(*keys):
    """The part of the configuration that a job is given, and that reruns it when it changes."""
    return sections.select(config, *keys)


def stage(other):
    """What one stage of the training depends on: all that models do, without the other stage's steps."""
    training = [f"training.{key}" for key in config["training"] if key != other]
    return settings(*[key for key in MODELS if key != "training"], *training)


def all_but_report():
    """The configuration without what only the page shows."""
    return [key for key in config if key != "report"]


def original(seed):
    return f"{RESULTS}/models/original/seed{seed}.safetensors"


def model(method, request, seed):
    """The checkpoint that stands for a cell."""
    if method == "original":
        return original(seed)
    if method == RESEED:
        return original(runs.next_seed(config, int(seed)))
    owner = request if runs.method(config, method).per_request else ALL_REQUESTS
    return f"{RESULTS}/unlearned/{method}/{owner}/seed{seed}/model.safetensors"


def record(method, request, seed):
    """The folder of a cell's record."""
    return f"{RESULTS}/records/{method}/{request}/seed{seed}"


def beside(checkpoint, kind):
    """What a training wrote beside its checkpoint: `curves.csv` or `film.npz`."""
    return f"{checkpoint.removesuffix('.safetensors')}.{kind}"


def learned(seed, kind):
    """What both trainings of an original model wrote."""
    pretrained = f"{RESULTS}/models/pretrained/seed{seed}.safetensors"
    return [beside(pretrained, kind), beside(original(seed), kind)]


def unlearned(seed, kind):
    """What the methods that fine-tune wrote, for all of their requests; one that serves every request has one file."""
    paths = [
        beside(model(method, request, seed), kind)
        for method in runs.methods(config)
        if runs.method(config, method).family == "finetune"
        for request in runs.requests_of(config, method)
    ]
    return list(dict.fromkeys(paths))
