import copy
import shutil
import zipfile

import pytest

from soulbench.config import files, runs, sections
from soulbench.config.checks import check
from soulbench.config.schema import schema, without_null
from soulbench.core.errors import UserError
from soulbench.core.sources import ROOT
from soulbench.core.terms import BANK, RESEED
from tests.unit.scenes_factory import kinds

BASE = files.load(ROOT / "config.yaml")
PRESETS = sorted(path.name for path in (ROOT / "configs").glob("*.yaml"))


def changed(**overlay):
    return files.merge(copy.deepcopy(BASE), overlay)


def test_the_configuration_of_the_demo_is_valid():
    check(BASE)


WRONG = {
    "unknown key": (
        {"training": {"learnig_rate": 1}},
        ["training.learnig_rate", "did you mean learning_rate?"],
    ),
    "unknown section": ({"trainign": {}}, ["trainign: there is no such key (did you mean training?)"]),
    "unknown nested key": (
        {"generator": {"visual": {"backbon": 1}}},
        ["generator.visual.backbon", "did you mean backbone?", "known here: backbone, weights"],
    ),
    "unknown source": (
        {"data": {"source": "locale"}},
        ["data.source: 'locale'", "demo | local", "did you mean local?"],
    ),
    "wrong type": (
        {"training": {"pretrain": {"steps": "many"}}},
        ["training.pretrain.steps: 'many'", "integer >= 0"],
    ),
    "number that YAML reads as text": (
        {"training": {"learning_rate": "2e-3"}},
        ["learning_rate", "written 0.002"],
    ),
    "wrong range": ({"human": {"min_width": 1.5}}, ["human.min_width: 1.5", "number >= 0 and <= 1"]),
    "empty list": ({"human": {"labels": []}}, ["human.labels: []", "at least 1"]),
    "seed twice": ({"seeds": [1, 1]}, ["seeds: [1, 1] names something twice"]),
    "name that is a path": ({"name": "../x"}, ["name: '../x'"]),
    "method twice off": ({"methods": {"retrain": 3}}, ["methods.retrain: 3", "a mapping | null"]),
    "unknown method": (
        {"methods": {"obj-mk-p": {}}},
        ["methods.obj-mk-p", "did you mean obj-mk-pa?", "known: encoder-only", "feat-if"],
    ),
    "badly written id": ({"methods": {"Obj_NG": {}}}, ["methods.Obj_NG", "lower-case"]),
    "variant of nothing": (
        {"methods": {"mine": {"variant_of": "obj-mg"}}},
        ["methods.mine.variant_of", "did you mean obj-ng?"],
    ),
    "variant with a file of its own": (
        {"methods": {"obj-ng": {"variant_of": "feat-ng"}}},
        ["has its own file"],
    ),
    "taken name": ({"methods": {"reseed": {"variant_of": "noop-ft"}}}, ["methods.reseed", "taken"]),
    "no original": ({"methods": {"original": None}}, ["methods.original"]),
    "unknown parameter": (
        {"methods": {"obj-ng": {"guidence": 2.0}}},
        ["methods.obj-ng.guidence", "did you mean guidance?"],
    ),
    "parameter of a wrong type": (
        {"methods": {"obj-ng": {"guidance": "strong"}}},
        ["obj-ng.guidance", "number"],
    ),
    "parameter of no choice": (
        {"methods": {"obj-mk-pa": {"mask_on": "inputs"}}},
        ["methods.obj-mk-pa.mask_on", "target | input | both", "did you mean input?"],
    ),
    "parameter of a variant": (
        {"methods": {"mine": {"variant_of": "obj-ng", "gide": 1}}},
        ["methods.mine.gide: obj-ng has no such parameter"],
    ),
    "unknown query": (
        {"evaluation": {"queries": ["fuzy"]}},
        ["evaluation.queries[0]", "did you mean fuzzy?"],
    ),
    "unknown module": ({"ablations": {"modules": ["grap"]}}, ["ablations.modules[0]", "did you mean graph?"]),
    "decoder against image size": (
        {"data": {"image_size": 128}},
        ["generator.decoder: 5 blocks", "2 * 2^blocks"],
    ),
    "masks larger than images": (
        {"generator": {"mask_size": 128}},
        ["generator.mask_size: masks of 128 pixels", "images of 64", "at most 64"],
    ),
    "more objects than an image may have": (
        {"data": {"objects_per_image": 40}},
        ["data.objects_per_image", "40 objects", "more than 30 are dropped", "at most 30"],
    ),
    "a batch that cannot be shared out": (
        {"training": {"processes": 3}},
        ["training.pretrain.batch: 8 images cannot be shared out", "3 parts", "a multiple of 3"],
    ),
    "average and early stop": (
        {"training": {"ema_decay": 0.9, "early_stop": {"every": 10, "patience": 2}}},
        ["training.early_stop", "training.ema_decay", "allowed: one of them"],
    ),
    "an early stop that never validates": (
        {"training": {"early_stop": {"every": 1000, "patience": 2}}},
        ["training.early_stop.every: 1000 steps", "pre-training has 20", "at most as many"],
    ),
    "a stop without patience": (
        {"training": {"early_stop": {"every": 10}}},
        ["training.early_stop", "patience"],
    ),
    "an average that never moves": ({"training": {"ema_decay": 1.0}}, ["training.ema_decay", "< 1"]),
    "a precision that is none": (
        {"training": {"precision": "float16"}},
        ["training.precision", "float32", "bfloat16"],
    ),
    "mask size": ({"generator": {"mask_size": 12}}, ["generator.mask_size: 12", "power of two"]),
    "local without a folder": ({"data": {"source": "local"}}, ["data.root: null"]),
    "folder that is not there": (
        {"data": {"source": "local", "root": "nowhere"}},
        ["data.root: there is no folder nowhere"],
    ),
    "demo with a folder": ({"data": {"root": "photos"}}, ["data.root: photos", "source: local"]),
    "split file": ({"data": {"split_file": "s.json"}}, ["data.split_file: there is no file s.json"]),
    "split shares": ({"data": {"split_shares": {"val": 0.6, "test": 0.4}}}, ["data.split_shares"]),
    "limits crossed": (
        {"data": {"min_objects": 31}},
        ["data.min_objects: 31 is above data.max_objects (30)"],
    ),
    "vgg without weights": (
        {"generator": {"visual": {"backbone": "vgg16"}}},
        ["generator.visual.weights: null", "imagenet"],
    ),
    "features of another width than the backbone's": (
        {"generator": {"visual": {"backbone": "vgg16", "weights": "imagenet", "features": 64}}},
        ["generator.visual.features: 64", "allowed: 512"],
    ),
    "weights of an untrained backbone": (
        {"generator": {"visual": {"weights": "imagenet"}}},
        ["generator.visual.weights"],
    ),
    "perceptual loss without weights": (
        {"training": {"losses": {"perceptual": 5.0}}},
        ["training.perceptual_weights: null"],
    ),
    "lpips weights": (
        {"evaluation": {"lpips": {"weights": "alex.pth"}}},
        ["evaluation.lpips.weights: there is no file alex.pth", "seeded"],
    ),
    "no requests file": ({"requests": {"file": "wanted.csv"}}, ["requests.file", "wanted.csv"]),
    "more requests than images": ({"requests": {"kinds": {"object": 22}}}, ["human.size", "27 requests"]),
    "development without a bank": (
        {"references": {"bank": None}},
        ["requests.development", "2 development requests", "references.bank is null"],
    ),
    "a small bank": (
        {"references": {"bank": {"models": 2, "share": 0.5}}},
        ["references.bank.models: 2", ">= 4"],
    ),
    "an odd bank": (
        {"references": {"bank": {"models": 5, "share": 0.4}}},
        ["references.bank.models: 5 is odd", "an even number from 4 on"],
    ),
    "a bank that cannot be shared out": (
        {"references": {"bank": {"models": 6, "share": 0.4}}},
        ["references.bank.share: 0.4 of 6 models", "a whole number of models", "0.333333, 0.5"],
    ),
    "snapshots beyond the budget": (
        {"unlearning": {"steps": 25, "snapshots": [6, 30]}},
        ["unlearning.snapshots: 30", "unlearning.steps = 25", "smaller numbers"],
    ),
    "fewer strengths than snapshots": (
        {"unlearning": {"snapshots": [3, 6, 12], "strengths": [10]}},
        ["unlearning.strengths: 1 of redactions, but 3 snapshots"],
    ),
    "a rule for requests that is none": (
        {"requests": {"selection": "first"}},
        ["requests.selection", "varied", "first_instance"],
    ),
    "ablations of a method that is off": ({"methods": {"obj-if": None}}, ["ablations.requests", "obj-if"]),
}


@pytest.mark.parametrize(("overlay", "parts"), WRONG.values(), ids=WRONG)
def test_an_error_names_the_key_the_value_and_what_is_allowed(overlay, parts):
    with pytest.raises(UserError) as caught:
        check(changed(**overlay))
    for part in parts:
        assert part in str(caught.value)


def test_a_subset_of_every_image_holds_any_number_of_requests():
    check(changed(human={"size": None}, requests={"kinds": {"object": 500}}))


def test_all_errors_are_reported_at_once():
    with pytest.raises(UserError) as caught:
        check(changed(device="abacus", seed=-1, report={"example_requests": None}))
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        "device",
        "report.example_requests",
        "seed",
    ]


def test_a_missing_key_is_reported():
    config = copy.deepcopy(BASE)
    del config["human"]["size"]
    with pytest.raises(
        UserError, match=r"human\.size: this key is missing; allowed: integer >= 1 and <= 1,000,000 \| null"
    ):
        check(config)


def parts_of(part, key=""):
    yield key, part
    for name, inner in without_null(part).get("properties", {}).items():
        yield from parts_of(inner, f"{key}.{name}" if key else name)


def test_the_schema_describes_every_key_and_forbids_others():
    for key, part in parts_of(schema()):
        assert len(part.get("description", "")) > 5, key
        if "properties" in part:
            assert part["additionalProperties"] is False, key
            assert set(part["required"]) == set(part["properties"]), key


@pytest.mark.parametrize("name", PRESETS)
def test_presets_break_nothing_that_can_be_checked_here(name, tmp_path, monkeypatch):
    # The release's choice of images needs more people than the demo has.
    below = [ROOT / "configs" / "visual-genome.yaml"] if name == "paper4.yaml" else []
    config = files.merge(BASE, files.load(*below, ROOT / "configs" / name))
    if config["data"]["source"] == "local":
        for file in ("image_data", "objects", "relationships"):
            (tmp_path / f"{file}.json").write_text("[]")
        config["data"]["root"] = str(tmp_path)
    if config["evaluation"]["lpips"]["weights"] not in ("imagenet", "seeded"):
        config["evaluation"]["lpips"]["weights"] = str(tmp_path / "image.pth")
        with zipfile.ZipFile(tmp_path / "image.pth", "w") as weights:
            weights.writestr("image/data.pkl", "features.0.weight")
    check(config)


def test_the_photographs_preset_is_ten_lines():
    assert len((ROOT / "configs" / "photos.yaml").read_text().splitlines()) <= 10


def test_overlays_merge_mappings_and_replace_lists(tmp_path):
    (tmp_path / "a.yaml").write_text("a: {x: 1, y: [1, 2]}\nb: 1\n")
    (tmp_path / "b.yaml").write_text("a: {y: [3]}\nb: null\n")
    assert files.load(tmp_path / "a.yaml", tmp_path / "b.yaml") == {"a": {"x": 1, "y": [3]}, "b": None}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "line 1: not YAML"),
        ("- 1", "must be a mapping"),
        ("", "must be a mapping"),
        ("a: 1\nb: 2\na: 3", "line 3: the key a is written twice"),
        ("a: {b: {c: 1, c: 2}}", "line 1: the key c is written twice"),
        ("yes: 1", "the key `yes` is not text"),
        ("1: 1", "the key `1` is not text"),
        ("null: 1", "the key `null` is not text"),
        ("[1, 2]: 1", "the key that is a list or a mapping is not text"),
        ("a: &x [*x]", "the alias \\*x stands within the value that it repeats"),
        ("a: &x {b: {c: *x}}", "the alias \\*x stands within"),
        ("a: !!python/object:os.system x", "the tag .* is not allowed"),
        ("a: !!timestamp tomorrow", "the tag .* is not allowed"),
        ("a: 2024-13-45", "not YAML: month"),
        ("a: " + "9" * 5000, "not YAML"),
        ("a: " + "[" * 5000, "nested too deeply"),
        ("a: " + "x" * 1_000_000, "larger than 1,000,000 bytes"),
        ("a: 1\n---\nb: 1", "another document"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused(tmp_path, text, message):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(UserError, match=rf"a\.yaml.*{message}"):
        files.load(tmp_path / "a.yaml")


def test_runs_are_methods_times_their_requests_and_seeds():
    config = changed(
        seeds=[1, 2, 3],
        requests={"kinds": kinds(object=2)},
        methods={
            **dict.fromkeys(BASE["methods"]),
            "original": {},
            "retrain": {"seeds": 1, "requests": 2},
            "obj-ng": {"requests": 1},
        },
        references={"bank": {"models": 4, "share": 0.5}},
    )
    planned = runs.planned(config)
    assert [run for run in planned if run.method == "retrain"] == [
        ("retrain", "r1", 1),
        ("retrain", "r2", 1),
    ]
    assert [run.seed for run in planned if run.method == "obj-ng"] == [1, 2, 3]
    assert {run.request for run in planned if run.method == "obj-ng"} == {"r1"}
    assert sum(run.method == "reseed" for run in planned) == 6
    assert [run.seed for run in planned if run.method == BANK] == [1, 2, 3, 4] * 2
    assert len(planned) == 6 + 2 + 3 + 6 + 8


def test_one_seed_has_no_reseeded_original():
    assert not any(run.method == RESEED for run in runs.planned(changed(seeds=[4])))


def test_the_last_seed_is_followed_by_the_first():
    config = changed(seeds=[5, 3, 8])
    assert [runs.next_seed(config, seed) for seed in (5, 3, 8)] == [3, 8, 5]


def references(config, *run):
    return [tuple(reference) for reference in runs.references(config, runs.Run(*run))]


def test_without_a_bank_each_run_is_compared_with_the_first_retrained_model_but_not_in_circles():
    config = changed(
        seeds=[7, 8], methods={"retrain": {"requests": 1, "seeds": 2}}, references={"bank": None}
    )
    first = [("retrain", "r1", 7)]
    assert references(config, "obj-ng", "r1", 8) == first
    assert references(config, "obj-ng", "r2", 8) == []
    assert references(config, "retrain", "r1", 7) == []
    assert references(config, "retrain", "r1", 8) == first
    assert references(config, "original", "r1", 7) == []
    assert references(config, RESEED, "r1", 7) == []


def test_with_a_bank_each_run_is_compared_with_the_models_that_lack_its_request():
    config = changed(references={"bank": {"models": 6, "share": 0.5}})
    first, second, third = runs.out_models(config, "r2")
    assert references(config, "obj-ng", "r2", 1) == [(BANK, "r2", n) for n in (first, second, third)]
    assert references(config, "retrain", "r2", 1) == [(BANK, "r2", n) for n in (first, second, third)]
    assert references(config, BANK, "r2", third) == [(BANK, "r2", first), (BANK, "r2", second)]
    assert references(config, BANK, "r2", first) == []
    assert references(config, "original", "r2", 1) == []
    for number in runs.bank_models(config):
        assert ("r2" in runs.left_out(config, number)) == (number in (first, second, third))


def test_methods_with_budgets_and_their_references_run_for_development_requests():
    config = changed(
        seeds=[1, 2],
        requests={"kinds": kinds(object=2), "development": 2},
        methods={
            **dict.fromkeys(BASE["methods"]),
            "original": {},
            "retrain": {},
            "noop-ft": {},
            "obj-if": {"seeds": 1},
        },
        references={"bank": {"models": 4, "share": 0.5}},
    )
    found = runs.development(config)
    assert {run.request for run in found} == {"d1", "d2"}
    seeds = {
        name: [run.seed for run in found if run[:2] == (name, "d2")]
        for name in ("original", "noop-ft", "obj-if")
    }
    assert seeds == {"original": [1, 2], "noop-ft": [1, 2], "obj-if": [1]}
    assert {run.method for run in found} == {*seeds, BANK}
    assert runs.evaluated(config) == runs.planned(config) + found
    without = changed(**{"requests": {"kinds": kinds(object=2), "development": 0}})
    more = changed(requests={"kinds": kinds(object=2), "development": 2})
    assert all(runs.out_models(without, name) == runs.out_models(more, name) for name in ("r1", "r2"))
    assert all(len(runs.out_models(more, name)) == 2 for name in ("d1", "d2"))
    assert any("d1" in runs.left_out(more, number) for number in runs.bank_models(more))


def test_a_file_names_the_requests(tmp_path):
    path = tmp_path / "wanted.csv"
    path.write_text("request,image_id,object_id\nanna,1,2\nbob_2,3,4\n")
    assert runs.request_ids(changed(requests={"file": str(path)})) == ["anna", "bob_2"]


def test_a_variant_runs_other_parameters_of_the_same_code():
    config = changed(methods={"mine": {"variant_of": "obj-mk-pa", "mask_on": "input", "seeds": 1}})
    check(config)
    assert runs.method(config, "mine").id == "obj-mk-pa"
    assert runs.parameters(config, "mine")["mask_on"] == "input"
    assert runs.parameters(config, "obj-mk-pa")["mask_on"] == "target"


def test_a_selection_holds_the_named_parts_whatever_their_order():
    part = sections.select({"b": {"y": 1, "x": {"z": 2, "a": 1}}, "c": 3, "d": 4}, "c", "b.x")
    assert part == {"b": {"x": {"a": 1, "z": 2}}, "c": 3}
    assert repr(part) == repr(sections.select({"c": 3, "b": {"x": {"a": 1, "z": 2}}}, "b.x", "c"))


def test_a_local_folder_without_annotations_is_refused(tmp_path):
    shutil.copy(ROOT / "README.md", tmp_path / "objects.json")
    with pytest.raises(UserError, match=r"lacks image_data\.json, relationships\.json"):
        check(changed(data={"source": "local", "root": str(tmp_path)}))
