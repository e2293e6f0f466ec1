"""The estimate of a run: its stages follow the plan, its sizes the configuration or the prepared data."""

import types

import pytest
from benchmark_factory import HELDOUT, SUBSET, Benchmark, config

from benchmarks.cost import stage_of
from soulbench.config import attacks, files, runs
from soulbench.core.paths import ResultPaths
from soulbench.core.sources import ROOT
from soulbench.planning import estimate, footprint, machine
from soulbench.planning.counting import Products, Step
from soulbench.planning.sizes import Sizes
from soulbench.planning.stages import Plan, Stage, most_products

DEMO = files.load(ROOT / "config.yaml")


def counter(**parts):
    """Return a counter of given parts; the others take no work."""
    nothing = {
        "step": lambda images, optimiser: Step(0.0, 0),
        "products": lambda images, module: Products(0.0, 0.0, 0),
        "output": 0.0,
        "comparison": 0.0,
        "visual_features": 0.0,
    }
    return types.SimpleNamespace(**{**nothing, **parts})


def stages(settings, taken=None, each_module=True, **parts):
    plan = Plan(settings, Sizes.bounds(settings), counter(**parts), taken, each_module)
    return {stage.name: stage for stage in plan.stages()}


def models(settings, family):
    return {
        runs.checkpoint(settings, *run): run.method
        for run in runs.evaluated(settings)
        if run.method not in ("original", "reseed", "bank")
        and runs.method(settings, run.method).family == family
    }


def test_the_updates_of_all_stages_are_those_of_the_planned_models():
    found = stages(DEMO, step=lambda images, optimiser: Step(images, 0))
    training, unlearning = DEMO["training"], DEMO["unlearning"]
    once = {which: training[which]["steps"] * training[which]["batch"] for which in ("pretrain", "finetune")}
    assert found["pre-training"].work == 2 * once["pretrain"]
    assert found["fine-tuning"].work == 2 * once["finetune"]
    retrained = len(models(DEMO, "retrain")) + len(runs.bank_models(DEMO))
    tuned = models(DEMO, "finetune") | models(DEMO, "one-shot")
    assert found["retraining"] == Stage("retraining", retrained, retrained * sum(once.values()))
    assert found["unlearning"].jobs == len(tuned)
    assert found["unlearning"].work == len(tuned) * unlearning["steps"] * unlearning["batch"]
    assert not any(stage.work for name, stage in found.items() if "ing" not in name and name != "attacks")


def test_attacks_count_the_updates_that_they_make():
    found = stages(DEMO, step=lambda images, optimiser: Step(images, 0))
    attacked = [(run, len(attacks.requests_of(DEMO, run))) for run in attacks.planned(DEMO)]
    relearned = sum(number for run, number in attacked if run.attack == "relearn")
    trained = sum(
        number
        for run, number in attacked
        if run.attack == "sequence" and run.method in models(DEMO, "finetune").values()
    )
    unlearning = DEMO["unlearning"]
    steps = relearned * 4 * 20 + trained * DEMO["attacks"]["sequence"]["orders"] * unlearning["steps"]
    assert trained and found["attacks"].work == steps * unlearning["batch"]


def test_the_products_of_all_solves_are_those_of_the_planned_models():
    parts = {"products": lambda images, module: Products(0.0, 1.0, 0)}
    found, planned = stages(DEMO, **parts), models(DEMO, "redaction")
    chunks = DEMO["human"]["size"] // runs.parameters(DEMO, "obj-if")["chunk"]
    expected = chunks * sum(most_products(runs.parameters(DEMO, method)) for method in planned.values())
    assert (found["redaction"].jobs, found["redaction"].work) == (len(planned), expected)
    fewer = stages(DEMO, {"obj-if": 3.0, "feat-if": 4.0}, **parts)
    assert fewer["redaction"].work == chunks * len(planned) / 2 * 7
    solves = len(runs.ablation_runs(DEMO)) * len({*DEMO["ablations"]["modules"], "graph"})
    assert fewer["ablations"].work == chunks * 3 * solves


def test_a_graph_that_does_not_fit_in_a_chunk_is_built_for_each_product():
    def solve(chunk):
        changed = files.merge(DEMO, {"methods": {"obj-if": {"chunk": chunk}}})
        plan = Plan(changed, Sizes.bounds(changed), counter(products=products), {"obj-if": 10.0})
        return plan.solve("obj-if")

    def products(images, module):
        return Products(2.0 * images, 3.0 * images, 0)

    difference = 2 * 2.0
    assert solve(16) == 16 * (2.0 + 10 * 3.0) + difference
    assert solve(8) == 16 * 10 * (2.0 + 3.0) + difference


def test_the_modules_of_the_ablation_are_counted_one_by_one_if_asked():
    asked = []

    def products(images, module):
        asked.append(module)
        return Products(0.0, 1.0, 0)

    stages(DEMO, each_module=False, products=products)
    assert set(asked) == {"graph"}
    stages(DEMO, each_module=True, products=products)
    assert set(asked) == {"graph", *DEMO["ablations"]["modules"]}


def test_outputs_are_generated_once_for_a_model_and_seed():
    images = len(("reconstruction", "synthesis")) * (DEMO["human"]["size"] + DEMO["human"]["heldout"])
    planned = runs.evaluated(DEMO)
    once = {(runs.checkpoint(DEMO, *run), run.method) for run in planned}
    own = sum(method == "original" for _, method in once)  # a second noise sample
    queries = 2 * (1 + len(DEMO["evaluation"]["queries"])) * len(planned)
    found = stages(DEMO, output=1.0)["evaluation"]
    assert found.work == (len(once) + own) * images + queries
    assert found.jobs == len({(run.method, run.seed) for run in planned})


def test_attacks_cost_what_their_files_say_for_each_model_and_request():
    changed = DEMO | {"attacks": {"compression": {"bits": [8], "pruned": [], "requests": 2, "seeds": 1}}}
    planned = attacks.planned(changed)
    models = sum(len(attacks.requests_of(changed, run)) for run in planned)
    found = stages(changed, output=1.0)["attacks"]
    assert found == Stage("attacks", len(planned), models * 2 * 2)  # two tasks, at 32 and at 8 bits
    assert stages(DEMO | {"attacks": {}}, output=1.0)["attacks"] == Stage("attacks", 0)


def test_an_attack_that_trains_costs_its_steps_and_one_that_does_not_say_its_jobs(tmp_path):
    text = 'BUDGET, METRICS, JUDGED = "steps", {"found": ("share", "greater")}, "found"\n'
    text += "def attack(models, parameters):\n    return iter(())\n"
    work = 'def work(parameters):\n    return {"steps": 5}\n'
    (tmp_path / "silent.py").write_text(text)
    (tmp_path / "training.py").write_text(text + work)
    changed = DEMO | {"plugins": [str(tmp_path / f"{name}.py") for name in ("silent", "training")]}
    entry = {"methods": ["obj-if"], "requests": 1, "seeds": 1}
    for name, steps in (("silent", 0), ("training", 5)):
        one = changed | {"attacks": {name: entry}}
        models = sum(len(attacks.requests_of(one, run)) for run in attacks.planned(one))
        found = stages(one, step=lambda images, optimiser: Step(images, 0))["attacks"]
        assert found.jobs > 1 and found.work == models * steps * DEMO["unlearning"]["batch"]


def test_early_stop_validates():
    changed = files.merge(DEMO, {"training": {"early_stop": {"every": 10, "patience": 3}}})
    work = [stages(settings, output=1.0)["pre-training"].work for settings in (DEMO, changed)]
    assert work[1] - work[0] == 2 * 2 * Sizes.bounds(changed).validation > 0


def test_sizes_before_the_data_are_prepared():
    sizes = Sizes.bounds(DEMO)
    assert (sizes.images, sizes.subset, sizes.heldout, sizes.prepared) == (84, 16, 8, False)
    assert sizes.train + sizes.validation < sizes.images
    whole = Sizes.bounds(files.merge(DEMO, {"human": {"size": None}}))
    assert whole.subset == whole.train
    published = Sizes.bounds(files.load(ROOT / "config.yaml", ROOT / "configs" / "visual-genome.yaml"))
    assert published.images == 73_159


def test_sizes_of_prepared_data(tmp_path):
    benchmark = Benchmark(tmp_path / "results" / "tiny", config()).write()
    sizes = Sizes.of(benchmark.config, ResultPaths(str(benchmark.folder)))
    assert (sizes.images, sizes.subset, sizes.heldout) == (8, len(SUBSET), len(HELDOUT))
    assert sizes.objects == pytest.approx(5 + 1 / 8)  # four objects and the image node; one image has five
    assert sizes.slots == 6
    assert sizes.prepared


def test_memory_and_disk_grow_with_what_is_kept():
    def sized(settings, saved):
        parts = {"step": lambda images, optimiser: Step(0.0, saved * images)}
        counted = counter(parameters=lambda: (10**6, 0), bytes_of_checkpoint=lambda: 4 * 10**6, **parts)
        sizes = Sizes.bounds(settings)
        return footprint.memory(settings, sizes, counted), footprint.disk(settings, sizes, counted)

    memory, disk = sized(DEMO, 10**6)
    halves = files.merge(DEMO, {"training": {"precision": "bfloat16"}})
    assert sized(DEMO, 2 * 10**6)[0] - memory == pytest.approx(1.6 * 4 * 8 * 10**6)
    assert sized(halves, 2 * 10**6)[0] == pytest.approx(memory)
    fewer = files.merge(DEMO, {"methods": {"obj-mk-pa": None}})
    assert disk - sized(fewer, 0)[1] > 12 * 4 * 10**6


def test_the_disk_holds_the_models_at_further_budgets_and_kept_states():
    size = 4 * 10**6

    def disk(overlay):
        settings = files.merge(DEMO, overlay)
        return footprint.disk(settings, Sizes.bounds(settings), counter(bytes_of_checkpoint=lambda: size))

    def more(key, extra):
        changed = {"unlearning": {key: [*DEMO["unlearning"][key], extra]}}
        return disk(changed) - disk({})

    assert more("snapshots", 49) == len(models(DEMO, "finetune")) * size
    redacted = len(models(DEMO, "redaction")) + len(models(DEMO, "one-shot"))
    assert more("strengths", 2000) == redacted * size

    def one_state_more(which, overlay):
        steps = [{"training": {which: {"steps": steps}}} for steps in (64, 65)]
        return [disk(files.merge(one, overlay)) for one in steps]

    seeds = len(DEMO["seeds"])
    replayed = {"methods": {"rewind": {}}}
    less, most = one_state_more("pretrain", {})
    assert most == less
    less, most = one_state_more("finetune", replayed)
    assert most - less == seeds * 4 * size  # weights, two moments and Muon's momenta
    early = {"training": {"optimiser": "adam", "early_stop": {"every": 10, "patience": 3}}}
    less, most = one_state_more("pretrain", files.merge(replayed, early))
    assert most - less == seeds * 4 * size  # weights, two moments and the best weights


def test_the_time_ends_with_the_longest_chain_however_many_cores_there_are(monkeypatch):
    names = [
        "pre-training",
        "fine-tuning",
        "retraining",
        "unlearning",
        "redaction",
        "evaluation",
        "ablations",
        "attacks",
    ]
    rows = [Stage(name, 2) for name in names]
    seconds = [20.0, 40.0, 70.0, 2.0, 4.0, 6.0, 0.0, 8.0]
    assert estimate._longest_chain(rows, seconds, DEMO) == 35 + 3 + 4
    assert estimate._longest_chain(rows, [20.0, 60.0, *seconds[2:]], DEMO) == 10 + 30 + 2 + 3 + 4


def test_a_matrix_product_is_measured(monkeypatch):
    monkeypatch.setattr(machine, "MEASURED_SECONDS", 0.05)
    assert machine.matrix_speed(machine.computing_device("cpu")) > 1e8
    assert machine.cores() >= 1


def test_the_jobs_of_every_family_and_attack_have_a_stage():
    config = files.load(ROOT / "config.yaml", ROOT / "configs" / "methods.yaml")
    known = {stage.name for stage in Plan(config, Sizes.bounds(config), counter()).stages()}
    jobs = [("unlearn", name) for name in runs.methods(config) if name != "original"]
    jobs += [(f"attack_{name}",) for name in attacks.names(config)]
    jobs += [(name,) for name in ("pretrain", "bank", "evaluate", "ablate_alpha", "vocabulary", "page")]
    assert {stage_of(config, job) for job in jobs} == known - {"fine-tuning"}
