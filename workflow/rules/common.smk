# What the rules share: the plan, the paths and the functions that they call. No rules are defined here.
import os
import shutil
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from soulbench.config import attacks, files, jobs, requests_file, runs, sections
from soulbench.config.checks import check
from soulbench.core import arithmetic, fork_server, lock
from soulbench.core.errors import UserError
from soulbench.core.file_states import file_state, folder_state
from soulbench.core.paths import (
    MOMENTS,
    RECORD_FILES,
    RECORD_TABLES,
    SOURCE,
    ResultPaths,
    at_budget,
    at_step,
    beside,
)
from soulbench.core.sources import source_hash
from soulbench.core.terms import ALL_REQUESTS, BANK, RESEED
from soulbench.data.prepare.download import FILES
from soulbench.data.prepare.source_files import ANNOTATIONS, INDIVIDUALS
from soulbench.training.schedule import kept_steps

# Before Snakemake checks its lock: that of a killed run is removed.
lock.register_run(Path.cwd(), workflow.is_main_process)
fork_server.allow(workflow.is_main_process)

try:
    # Snakemake keeps the second of a key that is written twice, and does not report it. As a module, the configuration
    # comes from another workflow, whose files are its own matter.
    if not workflow.modifier.skip_configfile:
        files.load(*[path for path in workflow.configfiles if Path(path).is_file()])
    check(config)
except UserError as error:
    raise WorkflowError(f"the configuration is wrong\n{error}") from None

# Before jobs start: the libraries that they load read it from the environment.
arithmetic.restrict(config)
if workflow.is_main_process and (warning := arithmetic.warning(config)) is not None:
    logger.warning(warning)

PATHS = ResultPaths.of(config)
RUNS = runs.evaluated(config)

# The prepared data, which every job that runs a model reads. Its folder is that of `packed`.
PREPARED = {
    "packed": PATHS.data("packed"),
    "visual": PATHS.data("visual.npy"),
    "subset": PATHS.data("subset.csv"),
    "requests": PATHS.data("requests.csv"),
}
GRAPHS = PATHS.data("graphs")

# What the monitor writes beside a checkpoint.
MONITORED = {"curves": "curves.csv", "snapshots": "snapshots.npz"}

# Sections of the configuration that several rules read: the plan, and the statistics.
PLAN = ["name", "seeds", "requests", "methods", "references", "ablations"]
STATISTICS = [*PLAN, "seed", "analysis", "attacks", "evaluation.metrics"]

GPU = int(
    config["device"] == "gpu" or (config["device"] == "auto" and shutil.which("nvidia-smi") is not None)
)

# Trained models may come from other runs (docs/cluster.md). Snakemake mentions every rule of which that is true.
CACHED = "SNAKEMAKE_OUTPUT_CACHE" in os.environ

# Pre-training, fine-tuning and retraining share out their batches among so many processes, each on its own GPU.
PROCESSES = config["training"]["processes"]


def settings(*keys):
    """Return the sections of the configuration that a job reads; it is rerun when they change."""
    return sections.select(config, *keys)


def configuration_text(wildcards):
    """Return the whole configuration as YAML, which the page shows."""
    return yaml.safe_dump(settings(*config), sort_keys=False, allow_unicode=True)


def model(method, request, seed):
    """Return the checkpoint of the model that a run evaluates."""
    return runs.checkpoint(config, method, request, seed)


def requests_of(method):
    """Return the requests for which a method, or the comparison of training seeds, is evaluated."""
    return list(dict.fromkeys(run.request for run in RUNS if run.method == method))


def source_files():
    """Return what the data rules wait for: the demo's folder, or the downloads. The user's folder is there."""
    folder = PATHS.data(SOURCE)
    if config["data"]["root"] is not None:
        return []
    if config["data"]["source"] == "demo":
        return [folder]
    return [f"{folder}/{name}.done" for name in FILES]


# Files of the user are no inputs: their paths may have braces, Snakemake would not notice an older file in their place,
# and there may be a hundred thousand photographs. Their states are `params`, found only where a job of the rule is planned.


def annotation_states(wildcards):
    """Return the states of the annotations in the user's folder, and of the split file."""
    paths = [*map(in_root, ANNOTATIONS), config["data"]["split_file"]]
    return [file_state(path) for path in paths]


def photographs_state(wildcards):
    """Return the state of the photographs in the user's folder."""
    return None if config["data"]["root"] is None else folder_state(in_root("images"))


def individuals_state(wildcards):
    """Return the state of the list of individuals in the user's folder, which need not have one."""
    return file_state(in_root(INDIVIDUALS))


def requested_individuals_state(wildcards):
    """Return the same if a request asks for a whole person, whose images are then part of the subset."""
    lines = [line for lines in (requests_file.read(config) or {}).values() for line in lines]
    return individuals_state(wildcards) if any(line.individual for line in lines) else None


def in_root(name):
    """Return the path of a file in the user's folder; None without such a folder."""
    return None if config["data"]["root"] is None else f"{config['data']['root']}/{name}"


def seed_of(wildcards):
    """Return the training seed of a job: among its parameters, it tells cached models of different seeds apart."""
    return int(wildcards.seed)


def kept_states(stage):
    """Return the states, under their name, that a training stage keeps on its way; nothing if no method replays it.

    Snakemake's cache between workflows takes no output that is an empty list.
    """
    if not runs.is_replayed(config):
        return {}
    path = {"pretrain": PATHS.pretrained, "finetune": PATHS.original}[stage]("{seed}")
    return {"states": [at_step(path, step) for step in kept_steps(config["training"][stage]["steps"])]}


def unlearning_start(method):
    """Return the checkpoints and moments, by name, that a method starts from. Retraining starts from scratch, a replay from a state."""
    family = runs.method(config, method).family
    if family == "retrain":
        return {}
    start = {"original": PATHS.original("{seed}")}
    if family == "replay":
        states = [path for stage in ("pretrain", "finetune") for path in kept_states(stage)["states"]]
        return {**start, "pretrained": PATHS.pretrained("{seed}"), "states": states}
    if config["unlearning"]["start"] == "pretrained":
        start["pretrained"] = PATHS.pretrained("{seed}")
    if runs.method(config, method).sees_retrained:
        start["retrained"] = lambda wildcards: [
            PATHS.bank(number) for number in runs.matched(config, method, wildcards.request)
        ]
    if config["unlearning"]["optimiser"] == "resumed" and family == "finetune":
        start["moments"] = beside(start[config["unlearning"]["start"]], MOMENTS)
    return start


def unlearning_job(method):
    """Return what names a job of a method in logs: one job per request, or one for all requests."""
    return method, "{request}" if runs.method(config, method).per_request else ALL_REQUESTS, "seed{seed}"


def unlearning_outputs(method):
    """Return the files, by name, that a method writes. What is not trained is one step: there is nothing to monitor."""
    path = model(method, "{request}", "{seed}")
    outputs = {"model": path, "record": beside(path, "json")}
    if runs.method(config, method).trains:
        outputs |= {name: beside(path, suffix) for name, suffix in MONITORED.items()}
    if budgets := runs.further_budgets(config, method):
        outputs["budgets"] = [at_budget(path, budget) for budget in budgets]
    return outputs


def unlearning_processes(method):
    """Return the number of processes that a method trains on. Only retraining shares out its batches."""
    return PROCESSES if runs.method(config, method).retrains else 1


def identity_checkpoint():
    """Return the checkpoint of the identity encoder; none where identities are not measured."""
    return [] if config["evaluation"]["identity"] is None else PATHS.identity()


def evaluation_cases(method, wildcards):
    """Return what one evaluation job does: for each request the model, the records to compare with, the new record."""
    seed = int(wildcards.seed)
    return [
        {
            "request": request,
            "model": model(method, request, seed),
            **compared_records(runs.Run(method, request, seed)),
            "budgets": models_at_budgets(method, request, seed),
            "lacking": runs.lacking(config, runs.Run(method, request, seed)),
            "out": PATHS.record(method, request, seed),
        }
        for request in requests_of(method)
    ]


def models_at_budgets(method, request, seed):
    """Return the checkpoints of a method at all budgets at which it is judged; none for what has no budget."""
    if method in (RESEED, BANK) or (described := runs.described_budget(config, method)) is None:
        return {}
    path = model(method, request, seed)
    further = {budget: at_budget(path, budget) for budget in runs.further_budgets(config, method)}
    return dict(sorted({**further, described: path}.items()))


def compared_records(run):
    """Return the records of the original model (None for itself) and of the retrained models that a run is compared with."""
    original = runs.original_of(config, run)
    references = {PATHS.record(*other): runs.lacking(config, other) for other in runs.references(config, run)}
    return {"original": original and PATHS.record(*original), "references": references}


def evaluated_models(method, wildcards):
    """Return the checkpoints that one evaluation job reads."""
    cases = evaluation_cases(method, wildcards)
    return [path for case in cases for path in [case["model"], *case["budgets"].values()]]


def compared_outputs(method, wildcards):
    """Return the outputs of other models that one evaluation job compares with."""
    return [
        f"{folder}/outputs.npz"
        for case in evaluation_cases(method, wildcards)
        for folder in [case["original"], *case["references"]]
        if folder is not None
    ]


def attack_cases(attack, wildcards):
    """Return what one attack job does: for each request the model, the original one, moments, and both records."""
    run = attacks.AttackRun(attack, wildcards.method, int(wildcards.seed))
    start = unlearning_start(run.method) if attacks.unlearns(config, attack, run.method) else {}
    moments = start["moments"].format(seed=run.seed) if "moments" in start else None
    cases = []
    for request in attacks.requests_of(config, run):
        attacked = runs.Run(run.method, request, run.seed)
        original = runs.original_of(config, attacked) or attacked
        cases.append(
            {
                "request": request,
                "model": model(*attacked),
                "original": model(*original),
                "moments": moments,
                "record": PATHS.record(*attacked),
                "before": PATHS.record(*original),
                "shadows": {
                    which: [PATHS.record(*other) for other in others]
                    for which, others in attacks.shadows(config, run, request)._asdict().items()
                },
            }
        )
    return cases


def attacked_files(attack, wildcards):
    """Return the checkpoints and outputs that one attack job reads."""
    files = set()
    for case in attack_cases(attack, wildcards):
        records = [
            case["record"],
            case["before"],
            *(one for others in case["shadows"].values() for one in others),
        ]
        files |= {case[key] for key in ("model", "original", "moments") if case[key] is not None}
        files |= {f"{record}/outputs.npz" for record in records}
    return sorted(files)


def gathered_files():
    """Return every file that the tables are made of; a missing one is made first, or stops the workflow."""
    files = {PATHS.record(*run, file) for run in RUNS for file in RECORD_FILES if file != "outputs.npz"}
    # The cost of a model is in the record beside its checkpoint; a reseeded one is an original model of another seed.
    files |= {beside(model(*run), "json") for run in RUNS if run.method != RESEED}
    files |= {
        PATHS.ablation(name, *run, "csv")
        for run in runs.ablation_runs(config)
        for name in ("modules", "alpha")
    }
    files |= {PATHS.attack(*run, suffix) for run in attacks.planned(config) for suffix in ("csv", "json")}
    return sorted(files)
