"""Each file in soulbench/unlearning/methods keeps to the contract; the paper's do what it says. On a tiny benchmark."""

import copy
import itertools
import json
import shutil
from dataclasses import replace

import pytest
import torch
from benchmark_factory import ALL_LOSSES, COLUMNS, REQUESTS, SUBSET, TARGET, Benchmark, config
from scenes_factory import no_log

from soulbench.config import files
from soulbench.core import registry
from soulbench.core.model_record import read_model_record
from soulbench.core.terms import ALL_REQUESTS
from soulbench.data.regions import region
from soulbench.evaluation.run import EvaluationRun, evaluate
from soulbench.training.conditions import noise_for
from soulbench.training.dataset import BenchmarkData
from soulbench.unlearning import contract, redaction
from soulbench.unlearning.contract import same
from soulbench.unlearning.edits import subset_of
from soulbench.unlearning.influence import Redaction
from soulbench.unlearning.plan import Edit, Plan, plan_of
from soulbench.unlearning.redaction import _learning_losses

METHODS = registry.ids("methods")


@pytest.fixture(scope="session")
def trial(benchmark, tmp_path_factory):
    """The package's methods on the tiny benchmark; each is trained once per process."""
    return contract.Trial(benchmark, tmp_path_factory.mktemp("unlearned"))


@pytest.fixture(scope="session")
def runs(trial):
    """Return a function from a method to its tensors and checkpoint."""
    return lambda method: (trial.model(method), trial.path(method))


@pytest.mark.parametrize(
    ("name", "check"),
    [(name, check) for name in METHODS for check in contract.applying(registry.method(name))],
    ids=lambda value: value if isinstance(value, str) else value.rule,
)
def test_a_method_keeps_to_the_contract(trial, name, check):
    check.run(trial, name)


@pytest.mark.parametrize("name", [m for m in METHODS if registry.method(m).family != "none"])
def test_what_the_record_holds_by_family(runs, name):
    record, family = read_model_record(runs(name)[1].with_suffix(".json")), registry.method(name).family
    assert record.source_hash == "source"
    assert (record.solver is not None) == (family == "redaction")
    assert (record.images is not None) == (family != "redaction")
    if family == "redaction":
        assert record.solver.iterations == record.timing.steps
        assert record.solver.residual < 1
    if registry.method(name).trains:
        assert record.images > 0
        own = registry.CLASS in registry.method(name).workers  # a loss of its own
        assert record.losses if own else {"l1", "boxes", "guidance"} <= {*record.losses}


@pytest.mark.parametrize("name", METHODS)
def test_a_plan_for_a_request_knows_no_other_request(benchmark, name):
    """Neither what development requests are for nor what other test requests ask for reaches a method."""
    data = BenchmarkData.open(benchmark.config, benchmark.data)
    code, wanted = registry.method(name), data.requests["r1"]
    exchanged = {"r1": wanted, "r2": replace(data.requests["set"], id="r2"), "d1": data.requests["r2"]}
    plans = [
        plan_of(code, wanted, subset_of(replace(data, requests=requests)), code.parameters())
        for requests in (data.requests, {"r1": wanted}, exchanged)
    ]
    assert plans[0] == plans[1] == plans[2]


def test_updated_statistics_change_at_a_learning_rate_of_0(benchmark, original, tmp_path):
    overlay = {"unlearning": {"learning_rate": 0.0, "norm_statistics": "updated"}}
    tensors = benchmark.unlearn("noop-ft", tmp_path / "model.safetensors", ALL_REQUESTS, overlay)
    changed = {name for name in original if not torch.equal(tensors[name], original[name])}
    assert changed
    statistics = ("running_mean", "running_var", "num_batches_tracked", "left", "right")
    assert all(name.endswith(statistics) for name in changed)


@pytest.mark.parametrize("name", [m for m in METHODS if registry.method(m).family == "redaction"])
def test_a_redaction_changes_its_module_alone(benchmark, original, runs, name):
    tensors, _ = runs(name)
    changed = {key for key in original if not torch.equal(tensors[key], original[key])}
    assert changed
    assert all(key.startswith("generator.graph.") for key in changed)


@pytest.mark.parametrize(
    ("settings", "noise_samples"), [({}, [0, 0]), ({"noise": "fresh"}, [0, 1])], ids=["same", "fresh"]
)
def test_the_passes_of_a_redaction_see_the_same_or_fresh_noise(
    benchmark, tmp_path, monkeypatch, settings, noise_samples
):
    drawn = []

    def drawing(image_ids, size, base_seed, noise_sample):
        drawn.append((image_ids, noise_sample))
        return noise_for(image_ids, size, base_seed, noise_sample)

    monkeypatch.setattr(redaction, "noise_for", drawing)
    benchmark.unlearn("obj-if", tmp_path / "model.safetensors", "r1", {"methods": {"obj-if": settings}})
    assert drawn == [((1,), sample) for sample in noise_samples]


def test_the_switches_of_the_right_side_reach_the_model(benchmark, tmp_path):
    lissa = {"solver": "lissa", "iterations": 2, "scale": 1000.0, "damping": 0.0}
    models = [
        benchmark.unlearn(
            "obj-if", tmp_path / f"{n}.safetensors", "r1", {"methods": {"obj-if": lissa | more}}
        )
        for n, more in enumerate(({}, {"right_side": "minuend"}, {"noise": "fresh"}))
    ]
    assert not any(same(*pair) for pair in itertools.combinations(models, 2))


def test_a_hessian_in_chunks_equals_the_whole(benchmark, tmp_path):
    """With the adversarial losses, which are means over objects: the chunks' means must add up to that of all."""
    adversarial = {"object_class": 0.1, "object_gan": 0.1, "image_gan": 1.0, "feature_matching": 5.0}
    settings = files.merge(benchmark.config, {"training": {"losses": adversarial}})
    data = BenchmarkData.open(settings, benchmark.data)
    products = []
    for chunk in (16, 2):
        networks = data.networks(1)
        networks.modules().eval()
        losses = list(_learning_losses(data, networks, data.subset, chunk, 1, torch.device("cpu")))
        assert len(losses) == (1 if chunk == 16 else 3)
        redaction = Redaction(networks.generator, "graph")
        vector = torch.randn(redaction.size, generator=torch.Generator().manual_seed(0))
        products.append(redaction.hessian(*losses)(vector))
    assert products[0].norm() > 0
    assert (products[0] - products[1]).norm() < 1e-5 * products[0].norm()


VARIANTS = {
    "obj-mk-pa": [{"mask_on": "input"}, {"mask_on": "both"}, {"loss_region": "outside"}],
    "obj-mk-ns": [{"fill": "zero"}, {"mask_on": "input"}, {"noise": 1.0}],
    "feat-mk": [{"instances": "first"}, {"loss_region": "outside"}],
    "obj-ng": [{"guidance": 2.0}, {"guidance_while": "hidden"}],
    "feat-ng": [{"guidance_while": "hidden"}, {"instances": "first"}],
    "obj-if": [
        {"solver": "lissa", "iterations": 2, "scale": 1000.0},
        {"edit": "all"},
        {"hessian": "image"},
        {"discrepancy": "sum", "reverse": True},
        {"module": "first_convolution"},
    ],
}


@pytest.mark.parametrize(
    ("name", "changed"), [(name, changed) for name, variants in VARIANTS.items() for changed in variants]
)
def test_every_parameter_changes_the_model(benchmark, runs, tmp_path, name, changed):
    overlay = {"methods": {name: changed}}
    variant = benchmark.unlearn(name, tmp_path / "variant.safetensors", "r1", overlay)
    assert not same(variant, runs(name)[0])


def test_released_noise_masking_equals_patch_masking(benchmark, runs, tmp_path):
    released = {"methods": {"obj-mk-ns": {"fill": "zero"}}}
    assert same(
        benchmark.unlearn("obj-mk-ns", tmp_path / "model.safetensors", "r1", released), runs("obj-mk-pa")[0]
    )


def copied(benchmark, folder):
    """Return a copy of the benchmark in a folder of its own."""
    shutil.copytree(benchmark.folder, folder)
    return Benchmark(folder, copy.deepcopy(benchmark.config))


def with_target_replaced(benchmark, folder, whole_image=False, ids=TARGET):
    """Return a copy of the benchmark in which an object, or its whole image, looks different and has other labels."""
    other = copied(benchmark, folder)
    data = BenchmarkData.open(benchmark.config, benchmark.data)
    row = data.scenes.find(ids[0])
    scene = data.scenes.scene(row)
    index = scene.object_ids.tolist().index(ids[1])
    x0, y0, x1, y1 = region(scene.boxes[index].tolist(), 16, benchmark.config["unlearning"]["roi_margin"])
    if whole_image:
        x0, y0, x1, y1 = 0, 0, 16, 16

    def repaint(pixels):
        pixels[row, y0:y1, x0:x1] = 255 - pixels[row, y0:y1, x0:x1]
        return pixels

    def relabel(categories):
        first = scene.first_row
        chosen = range(first, first + len(scene.categories) - 1) if whole_image else [first + index]
        for row_of_object in chosen:
            categories[row_of_object] = (
                categories[row_of_object] % (len(data.scenes.vocabulary.objects) - 1) + 1
            )
        return categories

    other.change("pixels", repaint)
    other.change("categories", relabel)
    name = data.scenes.vocabulary.objects[
        BenchmarkData.open(benchmark.config, other.data).scenes.scene(row).categories[index]
    ]
    rows = [(*row[:-1], name) if row[3:5] == ids else row for row in REQUESTS]
    other.table("requests", COLUMNS, rows)
    other.features()
    assert name != data.scenes.vocabulary.objects[scene.categories[index]]
    return other


def test_retraining_never_reads_the_object(benchmark, runs, tmp_path):
    other = with_target_replaced(benchmark, tmp_path / "other")
    assert same(other.unlearn("retrain", tmp_path / "model.safetensors"), runs("retrain")[0])
    # The other methods do read it, so the replacement makes a difference.
    assert not same(other.unlearn("noop-ft", tmp_path / "noop.safetensors", ALL_REQUESTS), runs("noop-ft")[0])
    out = tmp_path / "sample.safetensors"
    replaced = other.unlearn("retrain-sample", out, "r2")
    assert not same(replaced, benchmark.unlearn("retrain-sample", out, "r2"))


def test_retraining_without_the_sample_never_reads_the_image(benchmark, runs, tmp_path):
    other = with_target_replaced(benchmark, tmp_path / "other", whole_image=True)
    assert same(other.unlearn("retrain-sample", tmp_path / "model.safetensors"), runs("retrain-sample")[0])
    assert not same(other.unlearn("retrain", tmp_path / "retrain.safetensors"), runs("retrain")[0])


def test_fine_tuning_without_the_sample_never_reads_the_image(benchmark, runs, tmp_path):
    other = with_target_replaced(benchmark, tmp_path / "other", whole_image=True)
    assert same(other.unlearn("sample-ft", tmp_path / "model.safetensors"), runs("sample-ft")[0])


def test_all_losses_together(benchmark, tmp_path):
    """Adversarial and perceptual losses in both stages and a method, with and without a fresh image discriminator."""
    overlay = {**ALL_LOSSES, "pretrain": {"steps": 2}, "finetune": {"steps": 2}}
    models = {}
    for keep in (True, False):
        setting = config(training={**overlay, "keep_image_discriminator": keep}, unlearning={"steps": 3})
        other = copied(benchmark, tmp_path / str(keep))
        other.config = setting
        other.train()
        tensors = other.unlearn("obj-mk-pa", tmp_path / f"{keep}.safetensors")
        assert all(value.isfinite().all() for value in tensors.values())
        record = json.loads(other.original.with_suffix(".json").read_text())
        assert {*ALL_LOSSES["losses"], "guidance", "discriminators"} == {*record["losses"]}
        case = EvaluationRun("r1", other.original, None, {}, tmp_path / f"record-{keep}")
        evaluate(setting, "original", 1, [case], other.data, "source", no_log)
        assert (case.out / "metrics.csv").is_file()
        models[keep] = other
    first, second = (models[keep].pretrained.read_bytes() for keep in (True, False))
    assert first == second
    assert models[True].original.read_bytes() != models[False].original.read_bytes()


def test_unlearning_can_start_from_the_pretrained_model(benchmark, runs, tmp_path):
    overlay = {"unlearning": {"start": "pretrained"}}
    assert not same(
        benchmark.unlearn("noop-ft", tmp_path / "model.safetensors", ALL_REQUESTS, overlay),
        runs("noop-ft")[0],
    )


def test_unlearning_takes_adam_whatever_the_original_was_trained_with(benchmark, runs, tmp_path):
    overlay = {"training": {"optimiser": "muon"}}
    tensors = benchmark.unlearn("noop-ft", tmp_path / "model.safetensors", ALL_REQUESTS, overlay)
    assert same(tensors, runs("noop-ft")[0])


def test_plans_edit_the_images_that_the_specification_names(benchmark):
    data = BenchmarkData.open(benchmark.config, benchmark.data)
    request, subset = data.requests["r1"], subset_of(data)

    def plan(name, **changed):
        code = registry.method(name)
        return code.plan(request, subset, replace(code.parameters(), **changed))

    with_men = {1, 2, 3, 5}
    assert plan("noop-ft") == Plan()
    assert plan("sample-ft").exclude == plan("retrain-sample").exclude == {1}
    assert plan("sample-ng").edits[1].negate
    assert {*plan("sample-ng").edits} == {*plan("obj-ng").edits} == {*plan("obj-mk-pa").edits} == {1}
    assert {*plan("feat-ng").edits} == {*plan("feat-mk").edits} == with_men
    assert [len(plan("feat-mk", instances=which).edits[2].regions) for which in ("all", "first")] == [2, 1]
    assert plan("obj-if").influence.objects == ((1, 11),)
    assert {image for image, _ in plan("feat-if").influence.objects} == with_men
    assert len(plan("feat-if").influence.objects) == 5
    hidden = {"fill": "zero", "mask_on": "both", "weightless": True, "removed": (11,)}
    assert plan("retrain").edits == {1: Edit(regions=(subset.roi(1, 11),), **hidden)}
    assert with_men < {*SUBSET}


def test_plans_of_a_set_edit_all_its_images(benchmark):
    """A man and his dog, men of two more images; one of these is outside the subset, and only training saw it."""
    data = BenchmarkData.open(benchmark.config, benchmark.data)
    request, subset = data.requests["set"], subset_of(data)
    assert [one.object_id for one in request.targets] == [11, 31, 61, 13]

    def plan(name):
        code = registry.method(name)
        return code.plan(request, subset, code.parameters())

    assert plan("sample-ft").exclude == plan("retrain-sample").exclude == {1, 3, 6}
    for name in ("sample-ng", "obj-ng", "obj-mk-pa", "obj-mk-ns"):
        assert {*plan(name).edits} == {1, 3}
    assert plan("obj-mk-pa").edits[1].regions == (subset.roi(1, 11), subset.roi(1, 13))
    assert plan("obj-if").influence.objects == ((1, 11), (1, 13), (3, 31))
    men = {(1, 11), (2, 21), (2, 25), (3, 31), (5, 51)}
    assert {*plan("feat-if").influence.objects} == men  # no dogs: what goes along names no category
    assert {image: edit.removed for image, edit in plan("retrain").edits.items()} == {
        1: (11, 13),
        3: (31,),
        6: (61,),
    }


def test_retraining_without_the_person_leaves_every_appearance_out(benchmark):
    data = BenchmarkData.open(benchmark.config, benchmark.data)
    request, subset = data.requests["r1"], subset_of(data)
    left_out = registry.method("retrain-person").plan(request, subset, None).edits
    assert {image: edit.removed for image, edit in left_out.items()} == {1: (11,), 3: (31,), 6: (61,)}
    assert left_out[1] == registry.method("retrain").plan(request, subset, None).edits[1]
    assert left_out[6].regions == (subset.roi(6, 61),)
    assert all(
        (edit.fill, edit.mask_on, edit.weightless) == ("zero", "both", True) for edit in left_out.values()
    )


@pytest.mark.parametrize("method", ["retrain", "retrain-person"])
def test_who_is_left_out_elsewhere_is_never_read(benchmark, runs, tmp_path, method):
    """The man of image 6, outside the subset: `retrain` reads him there, `retrain-person` does not."""
    other = with_target_replaced(benchmark, tmp_path / "other", ids=(6, 61))
    tensors = other.unlearn(method, tmp_path / "model.safetensors")
    assert same(tensors, runs(method)[0]) == (method == "retrain-person")


def test_noise_is_sampled_once_per_request(benchmark, runs, tmp_path):
    other = copied(benchmark, tmp_path / "other")
    rows = [(name, "object", "requested", *TARGET, "man") for name in ("r1", "r3")]
    other.table("requests", COLUMNS, rows)
    for name, noisy in (("obj-mk-ns", True), ("obj-mk-pa", False)):
        assert same(other.unlearn(name, tmp_path / "r1.safetensors", "r1"), runs(name)[0])
        assert same(other.unlearn(name, tmp_path / "r3.safetensors", "r3"), runs(name)[0]) != noisy
