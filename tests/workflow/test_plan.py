"""The planned jobs of the demo and of every preset."""

import zipfile
from unittest.mock import Mock

import pytest
from snakemake_runs import forked

from soulbench.analysis import methods
from soulbench.config import attacks, files, runs
from soulbench.core import registry
from soulbench.core.paths import rule_of
from soulbench.core.sources import ROOT
from soulbench.planning.counting import Products, Step
from soulbench.planning.sizes import Sizes
from soulbench.planning.stages import Plan

FIGURES = {
    "tradeoff",
    "budgets",
    "identity",
    "metrics",
    "qualitative",
    "qualitative_more",
    "latent",
    "queries",
    "qualitative_queries",
    "attack_success",
    "attack_images",
    "module_time",
    "alpha",
    "modules",
    "training",
    "relearn",
    "sequence",
    "snapshots",
    "attacks",
    "forgets_leaks",
    "compression",
    "leak_gallery",
}
ABLATION_FIGURES = {"module_time", "alpha", "modules"}


def evaluations(jobs):
    return sum(number for rule, number in jobs.items() if rule.startswith("evaluate_"))


def figures(jobs):
    return {rule.removeprefix("figure_") for rule in jobs if rule.startswith("figure_")}


def test_the_demo_has_a_job_for_each_model_and_one_for_its_records(plan):
    config = files.load(ROOT / "config.yaml")
    requests, seeds = len(runs.request_ids(config)) + len(runs.development_ids(config)), len(config["seeds"])
    jobs = plan().jobs
    assert jobs["pretrain"] == jobs["finetune"] == seeds
    assert jobs["obj-mk-pa"] == jobs["sample-ng"] == requests * seeds
    assert jobs["noop-ft"] == seeds
    assert jobs["retrain"] == 2
    assert jobs["bank"] == 4
    assert jobs["retrain-sample"] == 2
    assert jobs["retrain-person"] == 1
    evaluated = {(run.method, run.seed) for run in runs.evaluated(config)}
    assert evaluations(jobs) == len(evaluated) == 13 * seeds + 2 + 3 + 4
    assert jobs["ablate"] == 2
    assert figures(jobs) == FIGURES
    assert "original" not in jobs


def test_the_estimate_counts_the_jobs_that_are_planned(plan):
    config = files.load(ROOT / "config.yaml")
    counter = Mock(output=0.0, comparison=0.0, visual_features=0.0)
    counter.step.return_value, counter.products.return_value = Step(0.0, 0), Products(0.0, 0.0, 0)
    stages = Plan(config, Sizes.bounds(config), counter).stages()
    assert sum(stage.jobs for stage in stages) + 1 == sum(
        plan().jobs.values()
    )  # the target `all` is one, too


def test_the_rules_of_a_method_are_named_by_its_id(plan):
    rules = set(plan((ROOT / "configs" / "methods.yaml").read_text()).jobs)
    assert set(registry.ids("methods")) - {"original"} <= rules
    assert {f"evaluate_{name}" for name in registry.ids("methods")} <= rules
    # All but three of those beyond the paper are off in the demo.
    beyond = set(registry.ids("methods")) & set(plan().jobs) - {"original", *methods.ORDER}
    assert beyond == {"ssd", "neggrad-plus", "leak-aware"}


def test_a_variant_and_a_method_that_is_off(plan):
    jobs = plan(
        "methods: {feat-ng: null, variant: {variant_of: obj-mk-pa, mask_on: input, requests: 2, seeds: 1}}"
    ).jobs
    assert "feat-ng" not in jobs
    assert jobs["variant"] == 2 + 2  # test and development requests


def test_one_seed_and_one_request(plan):
    jobs = plan(
        "seeds: [3]\nrequests: {kinds: {object: 1, attached: 0, person: 0, group: 0}}\nablations: {requests: 1}"
    ).jobs
    assert evaluations(jobs) == 21
    assert jobs["ablate"] == 1


def test_every_attack_has_a_job_for_each_method_and_seed(plan):
    config = files.load(ROOT / "config.yaml")
    planned = attacks.planned(config)
    jobs = plan().jobs
    for name in attacks.names(config):
        assert jobs[f"attack_{name}"] == sum(run.attack == name for run in planned) > 0


def test_without_attacks_there_are_no_jobs_and_figures_of_them(plan):
    jobs = plan("attacks: {compression: null}").jobs
    assert "attack_compression" not in jobs
    assert "compression" not in figures(jobs)
    assert {"attacks", "forgets_leaks"} <= figures(
        jobs
    )  # the update leak and the queries are measured all the same


def test_without_a_target_all_is_planned(plan, tmp_path):
    assert forked(tmp_path, "--dry-run").jobs == plan().jobs


def test_without_ablations_there_are_no_figures_of_them(plan):
    jobs = plan("ablations: {requests: 0}").jobs
    assert "ablate" not in jobs
    assert figures(jobs) == FIGURES - ABLATION_FIGURES


def documented():
    """Return the rows of the table of presets in docs/data.md: configuration files, then numbers."""
    text = (ROOT / "docs" / "data.md").read_text().partition("| preset |")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()[2:]]
    return [
        pytest.param(row[0].replace("`", "").split(" + "), list(map(int, row[1:])), id=row[0]) for row in rows
    ]


def numbers(jobs):
    """Return what the columns of that table count."""
    retrained = sum(jobs.get(rule, 0) for rule in ("bank", "retrain", "retrain-person", "retrain-sample"))
    unlearned = sum(n for rule, n in jobs.items() if f"evaluate_{rule}" in jobs) - retrained  # variants, too
    counts = [
        jobs.get("download", 0),
        jobs["pretrain"],
        jobs["finetune"],
        retrained,
        unlearned,
        evaluations(jobs),
        jobs.get("ablate", 0),
        sum(number for rule, number in jobs.items() if rule.startswith("attack_")),
    ]
    return [*counts, sum(jobs.values())]


@pytest.mark.parametrize(("presets", "expected"), documented())
def test_presets_plan_as_many_jobs_as_the_documentation_says(plan, presets, expected):
    files = [ROOT / "configs" / f"{name}.yaml" for name in presets if name != "demo"]
    run = plan(files[0], *map(str, files[1:])) if files else plan()
    assert run.status == 0, run.text
    assert numbers(run.jobs) == expected
    assert run.jobs["page"] == 1


def test_every_preset_is_in_the_documentation():
    named = {name for row in documented() for name in row.values[0]}
    # photos.yaml has another test here; docs/divergences.md describes divergences.yaml
    assert named == {path.stem for path in (ROOT / "configs").glob("*.yaml")} - {"photos", "divergences"} | {
        "demo"
    }


def test_a_folder_of_the_user_plans_a_page(plan, tmp_path):
    for name in ("image_data", "objects", "relationships", "attributes"):
        (tmp_path / f"{name}.json").write_text("[]")
    overlay = (ROOT / "configs" / "photos.yaml").read_text()
    overlay = overlay.replace("root: photographs", f"root: {tmp_path}")
    with zipfile.ZipFile(tmp_path / "squeeze.pth", "w") as weights:
        weights.writestr("squeeze/data.pkl", "features.0.weight")
    overlay = overlay.replace("squeezenet1_1.pth", str(tmp_path / "squeeze.pth"))
    run = plan(overlay)
    assert run.status == 0, run.text
    assert run.jobs["page"] == 1
    assert "demo_data" not in run.jobs


def test_a_damaged_file_names_the_rule_that_makes_it(plan):
    rows = [
        line.split("\t") for line in plan("", "--summary").text.splitlines() if line.startswith("results/")
    ]
    named = {path: rule_of(path) for path, *_ in rows}
    assert len(named) > 100
    assert {path: rule for path, _, rule, *_ in rows if named[path] not in (None, rule)} == {}
    unnamed = {rule for path, _, rule, *_ in rows if named[path] is None}
    assert unnamed == {"demo_data", "page", *(f"figure_{name}" for name in FIGURES)}
