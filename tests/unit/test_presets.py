"""The presets are complete and follow the paper and its released code."""

import pytest
import torch

from soulbench.config.checks import check
from soulbench.config.files import load
from soulbench.config.runs import bank_models, out_models, parameters, request_ids
from soulbench.core.sources import ROOT
from soulbench.models.generator import Generator, module_parameters

PAPER = {  # published numbers of sg2im's preprocessing, of the generator and of the trainings
    "data": {
        "source": "visual_genome",
        "image_size": 64,
        "min_image_side": 200,
        "min_object_instances": 2000,
        "min_attribute_instances": 2000,
        "min_object_side": 32,
        "min_predicate_instances": 500,
        "alias_predicates": "all",
        "min_objects": 3,
        "max_objects": 30,
        "min_relationships": 1,
        "max_relationships": 30,
        "max_attributes": 30,
        "objects_per_image": 10,
    },
    "human": {"labels": ["man", "person", "woman", "people", "face", "boy", "girl", "child", "lady"]},
    "generator": {
        "embedding": 128,
        "visual": {"backbone": "vgg16", "weights": "imagenet", "crop": 16, "features": 512},
        "graph": {"layers": 5, "width": 256, "hidden": 512},
        "mask_size": 16,
        "mask_channels": 256,
        "image_channels": 32,
        "spade_hidden": 128,
        "decoder": [1024, 512, 256, 128, 64],
    },
    "training": {
        "learning_rate": 2e-4,
        "optimiser": "adam",
        "schedule": "constant",
        "warmup": 0,
        "losses": {
            "l1": 1.0,
            "boxes": 50.0,
            "object_class": 0.1,
            "object_gan": 0.1,
            "image_gan": 1.0,
            "feature_matching": 5.0,
            "perceptual": 5.0,
        },
        "perceptual_weights": "imagenet",
        "eval_mode_after": 100_000,
        "pretrain": {"steps": 300_000, "batch": 32},
        "finetune": {"steps": 2000, "batch": 50},
    },
    "unlearning": {"batch": 1, "learning_rate": 2e-4, "schedule": "constant", "warmup": 0, "roi_margin": 2},
    "evaluation": {"lpips": {"net": "alex", "weights": "imagenet"}},
}
EPOCHS = 50
OVERLAYS = sorted(
    {*(ROOT / "configs" / "divergences").iterdir()} - {ROOT / "configs/divergences/methods.yaml"}
)


def preset(*names):
    return load(ROOT / "config.yaml", *(ROOT / "configs" / f"{name}.yaml" for name in names))


def part(config, wanted):
    """Cut a configuration down to the keys of another one."""
    if not isinstance(wanted, dict):
        return config
    return {key: part(config[key], value) for key, value in wanted.items()}


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["smoke"],
        ["methods"],
        ["divergences"],
        ["evidence"],
        ["evidence", "evidence/measured"],
        *(["divergences/methods", f"divergences/{path.stem}"] for path in OVERLAYS),
        ["described"],
        ["released"],
        ["visual-genome"],
        ["described", "visual-genome"],
        ["visual-genome", "paper4"],
        ["visual-genome", "released"],
        ["visual-genome", "paper4", "released"],
    ],
    ids=" ".join,
)
def test_presets_are_valid(names):
    check(preset(*names))


@pytest.mark.parametrize("over", [None, "paper4", "released"])
def test_visual_genome_has_the_published_numbers_of_its_own(over):
    own = load(ROOT / "configs" / "visual-genome.yaml")
    # Whatever the demo's sizes become, these stay: all but `roi_margin` are in the preset itself.
    assert part(own | {"unlearning": {**own["unlearning"], "roi_margin": 2}}, PAPER) == PAPER
    config = preset("visual-genome", *filter(None, [over]))
    assert config["unlearning"]["roi_margin"] == 2
    # The release makes 200 iterations, 50 epochs over the window of paper4, whatever the subset.
    images = 4 if over == "released" else config["human"]["size"]
    assert config["unlearning"]["steps"] == EPOCHS * images
    sizes = {section: PAPER[section] for section in ("generator", "training")}
    assert part(config, sizes) == sizes


@pytest.mark.parametrize(
    ("over", "image_node"), [(None, "kept"), ("paper4", "kept"), ("released", "dropped")]
)
def test_presets_of_the_paper_follow_simsg(over, image_node):
    config = preset("visual-genome", *filter(None, [over]))
    assert config["generator"]["synthesis"]["image_node"] == image_node
    assert config["training"]["masking"]["grey_features"]
    assert config["training"]["eval_mode_after"] == 100_000


def test_paper4_is_a_window_of_four_behind_one_target():
    config, plain = preset("visual-genome", "paper4"), preset("visual-genome")
    assert config["human"] | {"heldout": 0} == {
        "labels": ["man"],
        "min_width": 0.4,
        "size": 4,
        "selection": "first_instance",
        "heldout": 0,
    }
    assert config["requests"] == plain["requests"] | {
        "kinds": {"object": 1, "attached": 0, "person": 0, "group": 0},
        "development": 0,
        "selection": "first_instance",  # S1 is the target
    }
    assert (plain["requests"]["selection"], plain["human"]["selection"]) == ("varied", "labels")


@pytest.mark.parametrize("names", [[], ["visual-genome"], ["described"], ["released"]], ids=" ".join)
def test_every_request_has_references_of_the_bank(names):
    config = preset(*names)
    for request in request_ids(config):
        assert len(out_models(config, request)) == len(bank_models(config)) / 2 >= 2


def test_photographs_have_six_requests_two_seeds_and_a_bank():
    config = preset("photos")
    assert (len(request_ids(config)), len(config["seeds"])) == (6, 2)
    assert config["references"]["bank"] == {"models": 4, "share": 0.5}


@pytest.mark.parametrize("names", [["described"], ["described", "visual-genome"]], ids=" ".join)
def test_described_follows_the_papers_text(names):
    config = preset(*names)
    unlearning, images = config["unlearning"], config["human"]["size"]
    assert unlearning["steps"] * unlearning["batch"] == EPOCHS * images
    assert (unlearning["start"], unlearning["norm_statistics"]) == ("original", "frozen")
    masks = {name: parameters(config, name) for name in ("feat-mk", "obj-mk-pa", "obj-mk-ns")}
    for (
        mask
    ) in masks.values():  # eq. 7: the masked image is the input, and the loss is of the unmasked regions
        assert (mask["mask_on"], mask["loss_region"]) == ("input", "outside")
    assert (masks["obj-mk-ns"]["fill"], masks["obj-mk-ns"]["noise"]) == ("noise", 0.5)
    assert masks["feat-mk"]["instances"] == parameters(config, "feat-ng")["instances"] == "all"
    for name in ("feat-ng", "obj-ng"):
        assert parameters(config, name)["guidance_while"] == "always"
    for name in ("feat-if", "obj-if"):
        influence = parameters(config, name)
        assert (
            influence | {"module": "graph", "edit": "object", "hessian": "subset", "reverse": False}
            == influence
        )


@pytest.mark.parametrize("name", ["described", "released"])
def test_presets_of_the_methods_are_of_the_demos_size(name):
    config, demo = preset(name), preset()
    for section in ("human", "references", "seeds", "evaluation"):
        kept = {key: value for key, value in config.items() if key == section}
        if section == "evaluation":  # the release has three queries
            kept[section] = kept[section] | {"queries": demo[section]["queries"]}
        assert kept[section] == demo[section]
    assert config["requests"]["kinds"] == demo["requests"]["kinds"]
    images = config["unlearning"]["steps"] * config["unlearning"]["batch"]
    assert images <= 4 * demo["unlearning"]["steps"] * demo["unlearning"]["batch"]


def test_released_makes_the_same_of_the_methods_on_every_data_set():
    demo, genome, window = (
        preset(*names)
        for names in (["released"], ["visual-genome", "released"], ["visual-genome", "paper4", "released"])
    )
    for name in ("feat-ng", "feat-mk", "feat-if", "obj-ng", "obj-mk-pa", "obj-mk-ns", "obj-if"):
        both = [parameters(config, name) | {"chunk": 0} for config in (demo, genome, window)]
        assert both[0] == both[1] == both[2]
    same = ("start", "steps", "batch", "learning_rate", "norm_statistics", "schedule", "warmup")
    for key in same:
        assert demo["unlearning"][key] == genome["unlearning"][key] == window["unlearning"][key]
    assert window["human"]["selection"] == "first_instance"
    assert window["unlearning"]["steps"] == EPOCHS * window["human"]["size"]


def test_each_further_run_of_the_divergences_differs_in_one_value():
    methods, found = preset("divergences/methods"), set()
    for path in OVERLAYS:
        config = preset("divergences/methods", f"divergences/{path.stem}")
        sections = [key for key in config if config[key] != methods[key] and key != "name"]
        assert len(sections) == 1
        found.add(config["name"])
        assert {**config, sections[0]: methods[sections[0]], "name": methods["name"]} == methods
    assert len(found) == len(OVERLAYS) == 4


def test_released_switches_every_defect_on_that_a_value_can():
    config, plain = preset("visual-genome", "released"), preset("visual-genome")
    assert config["data"]["alias_predicates"] == "train"
    assert config["requests"]["selection"] == "first_instance"
    assert config["generator"]["synthesis"] == {
        "layernorm": False,
        "boxes": "truth",
        "image_node": "dropped",
    }
    assert not config["training"]["keep_image_discriminator"]
    assert config["training"]["masking"] == {
        "box": 0.35,
        "feature": 0.25,
        "hide_image": 0,
        "hide_features": 0,
        "grey_features": True,
    }
    assert config["unlearning"]["start"] == "pretrained"
    assert config["unlearning"]["norm_statistics"] == "updated"
    assert parameters(config, "obj-mk-ns") | {"noise": 0} == parameters(config, "obj-mk-pa") | {
        "fill": "zero",
        "noise": 0,
    }
    assert (
        parameters(config, "feat-ng")["guidance_while"]
        == parameters(config, "obj-ng")["guidance_while"]
        == "hidden"
    )
    assert parameters(config, "feat-ng")["instances"] == parameters(config, "feat-mk")["instances"] == "first"
    influence = parameters(config, "obj-if")
    assert influence["reverse"] and not parameters(config, "feat-if")["reverse"]
    assert influence | {"reverse": False} == parameters(config, "feat-if")
    unlike = {key for key, value in parameters(plain, "obj-if").items() if influence[key] != value}
    assert unlike == {
        *("module", "edit", "hessian", "solver", "iterations", "damping", "scale", "discrepancy", "reverse"),
        *("right_side", "noise"),
    }


def test_the_release_redacts_two_weight_matrices_of_593920_values():
    with torch.device("meta"):
        model = Generator(preset("visual-genome")["generator"], 179, 46)
    named = dict(model.named_parameters())
    chosen = [named[name] for name in module_parameters(model, "first_convolution")]
    assert [tuple(one.shape) for one in chosen] == [(512, 648), (512, 512)]
    assert sum(one.numel() for one in chosen) == 593_920


def test_what_has_been_run_of_evidence_is_a_part_of_it():
    whole, part = preset("evidence"), preset("evidence", "evidence/measured")
    assert {"methods"} <= {key for key in whole if whole[key] != part[key]} <= {"seeds", "methods", "attacks"}
    assert part["seeds"] == whole["seeds"][: len(part["seeds"])]
    for key in ("methods", "attacks"):
        left = {name: entry for name, entry in part[key].items() if entry is not None}
        assert left.keys() <= {name for name, entry in whole[key].items() if entry is not None}
        for name, entry in left.items():  # a method may have been run for fewer seeds
            seeds = whole[key][name].get("seeds")
            assert {**entry, "seeds": seeds} == {**whole[key][name], "seeds": seeds}
            assert entry.get("seeds") == seeds or entry["seeds"] < (seeds or len(whole["seeds"]))
