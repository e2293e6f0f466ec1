"""Configurations that are well-formed and wrong: each ends in an error that names the key, none is accepted."""

import copy
import io
import math
import re
import zipfile

import pytest

from soulbench.config import files
from soulbench.config.checks import check
from soulbench.config.reserved import METHOD_NAMES, RULE_NAMES
from soulbench.core.errors import UserError
from soulbench.core.sources import ROOT

BASE = files.load(ROOT / "config.yaml")
VARIANT = {"variant_of": "noop-ft"}


def leaves(config, *path):
    """Yield the path and the value of every key outside of `methods`."""
    for key, value in config.items():
        if isinstance(value, dict) and key != "methods":
            yield from leaves(value, *path, key)
        elif key != "methods":
            yield (*path, key), value


def overlay(path, value):
    return {path[0]: overlay(path[1:], value)} if path else value


def message(changes):
    """Return the message with which a changed configuration is refused."""
    with pytest.raises(UserError) as caught:
        check(files.merge(copy.deepcopy(BASE), changes))
    return str(caught.value)


KEYS = dict(leaves(BASE))
NUMBERS = {
    path for path, value in KEYS.items() if isinstance(value, (int, float)) and not isinstance(value, bool)
}
INTEGERS = {path for path in NUMBERS if isinstance(KEYS[path], int)} - {
    ("training", "checkpoint_seconds"),
    ("evaluation", "changed_threshold"),
}
ELEMENTS = {("seeds",), ("generator", "decoder"), ("ablations", "alphas")}


@pytest.mark.parametrize("path", sorted(NUMBERS), ids=".".join)
def test_numbers_are_finite(path):
    for value, text in ((math.nan, ".nan"), (math.inf, ".inf"), (-math.inf, "-.inf")):
        assert message(overlay(path, value)).startswith(f"{'.'.join(path)}: {text} is not allowed; allowed: ")


@pytest.mark.parametrize("path", sorted(ELEMENTS), ids=".".join)
def test_numbers_in_lists_are_finite(path):
    for value in (math.nan, math.inf):
        assert f"{'.'.join(path)}[1]: {'.nan' if value != value else '.inf'}" in message(
            overlay(path, [1, value])
        )


@pytest.mark.parametrize("path", sorted(INTEGERS), ids=".".join)
def test_integers_are_integers(path):
    for value in (2.0, 2.5, True, "2"):
        assert re.match(
            rf"{'[.]'.join(path)}: .* is not allowed; allowed: integer", message(overlay(path, value))
        )


@pytest.mark.parametrize("path", sorted(KEYS), ids=".".join)
def test_no_key_takes_what_is_of_no_type_in_a_configuration(path):
    recursive: dict = {}
    recursive["again"] = recursive
    for value in (b"bytes", {1, 2}, object(), recursive, [[[recursive]]], "\ud800", 10**5000, ""):
        assert message(overlay(path, value))


@pytest.mark.parametrize("name", sorted({*METHOD_NAMES, "retrained", "truth"}))
def test_a_method_may_not_have_a_reserved_name(name):
    assert f"methods.{name}: this name is taken" in message({"methods": {name: VARIANT}})


def test_the_reserved_names_of_rules_are_those_of_the_workflow():
    sources = [*ROOT.glob("workflow/**/*.smk"), *ROOT.glob("workflow/Snakefile"), ROOT / "Snakefile"]
    named = {
        name
        for path in sources
        for name in re.findall(r"^ *(?:rule|checkpoint) +(\w+) *:", path.read_text(), re.MULTILINE)
    }
    assert {name for name in named if "_" not in name} == set(RULE_NAMES)


OTHER = {
    "doubled seed": ({"seeds": [1, 2, 1]}, "seeds: [1, 2, 1] names something twice (1)"),
    "doubled alpha": (
        {"ablations": {"alphas": [1.0, 1]}},
        "ablations.alphas: [1.0, 1] names something twice",
    ),
    "too few for a group": (
        {"evaluation": {"identity": {"extra_people": 3}}},
        "evaluation.identity.extra_people: 3 people make no group of 5; allowed: 0, or 5 or more",
    ),
    "doubled query": ({"evaluation": {"queries": ["fuzzy", "fuzzy"]}}, "evaluation.queries: "),
    "doubled label": ({"human": {"labels": ["man", "man"]}}, "human.labels: "),
    "no seeds": ({"seeds": []}, "seeds: [] is not allowed; allowed: a list of at least 1"),
    "no decoder": ({"generator": {"decoder": []}}, "generator.decoder: [] is not allowed"),
    "no ablated modules": (
        {"ablations": {"modules": []}},
        "ablations.modules: [], but ablations.requests is 2",
    ),
    "no alphas": ({"ablations": {"alphas": []}}, "ablations.alphas: [], but ablations.requests is 2"),
    "method with a line break": ({"methods": {"mine\n": VARIANT}}, "methods.'mine\\n': an id is text"),
    "method with a long name": ({"methods": {"a" * 65: VARIANT}}, "an id is text of at most 64 characters"),
    "variant of the original": (
        {"methods": {"mine": {"variant_of": "original"}}},
        "methods.mine.variant_of: original does not unlearn",
    ),
    "variant of itself": (
        {"methods": {"mine": {"variant_of": "mine"}}},
        "methods.mine: there is no method 'mine'",
    ),
    "changed original": ({"methods": {"original": {"seeds": 1}}}, "methods.original"),
    "no seeds of a method": (
        {"methods": {"retrain": {"seeds": 0}}},
        "methods.retrain.seeds: 0 is not allowed",
    ),
    "fractional requests": ({"methods": {"retrain": {"requests": 1.0}}}, "methods.retrain.requests: 1.0"),
    "infinite parameter": ({"methods": {"obj-ng": {"guidance": math.inf}}}, "methods.obj-ng.guidance: .inf"),
    "parameter that is no number": (
        {"methods": {"obj-if": {"alpha": math.nan}}},
        "methods.obj-if.alpha: .nan",
    ),
    "truth for a number": ({"methods": {"obj-ng": {"guidance": True}}}, "methods.obj-ng.guidance: true"),
    "fractional iterations": ({"methods": {"obj-if": {"iterations": 2.0}}}, "allowed: integer >= 1"),
    "negative iterations": (
        {"methods": {"obj-if": {"iterations": -1}}},
        "methods.obj-if.iterations: -1 is not",
    ),
    "negative noise": ({"methods": {"obj-mk-ns": {"noise": -0.5}}}, "methods.obj-mk-ns.noise: -0.5 is not"),
    "name with a line break": ({"name": "demo\n"}, "name: 'demo\\n' is not allowed"),
    "name with a separator": ({"name": "a/b"}, "name: 'a/b' is not allowed; allowed: text"),
    "name of a parent": ({"name": ".."}, "name: '..' is not allowed"),
    "name longer than a file's": ({"name": "x" * 256}, "allowed: text of at most 100 characters"),
    "title with an escape": (
        {"report": {"title": "\x1b[31mred"}},
        "report.title: '\\x1b[31mred' is not allowed",
    ),
    "title with a line break": ({"report": {"title": "a\nb"}}, "report.title: "),
    "all losses zero": (
        {"training": {"losses": dict.fromkeys(BASE["training"]["losses"], 0.0)}},
        "training.losses.l1: all losses are zero",
    ),
    "more twins than people": ({"data": {"demo": {"twins": 10}}}, "data.demo.twins: 10 pairs need 20 people"),
    "subset larger than the data": (
        {"human": {"size": 85}},
        "human.size: 85 images, but data.demo.images is 84",
    ),
    "crop without a position": (
        {"generator": {"visual": {"backbone": "vgg16", "weights": "imagenet", "crop": 8}}},
        "generator.visual.crop",
    ),
    "huge width": (
        {"generator": {"graph": {"width": 10**9}}},
        "generator.graph.width: 1000000000 is not allowed",
    ),
    "huge decoder": (
        {"generator": {"decoder": [16_384] * 5}},
        "generator.decoder: the SPADE blocks would take",
    ),
    "huge batch": ({"training": {"pretrain": {"batch": 65_536}}}, "training.pretrain.batch: the maps"),
    "huge discriminator": (
        {"generator": {"discriminators": {"image_filters": 16_384, "image_layers": 8}}},
        "generator.discriminators.image_filters: the image discriminator would take",
    ),
    "huge outputs": (
        {"evaluation": {"noise_samples": 1000}, "human": {"heldout": 1_000_000}},
        "evaluation.noise_samples: a model's outputs would take",
    ),
    "huge number of requests": (
        {"requests": {"kinds": {"group": 10**9}}},
        "requests.kinds.group: 1000000000 is not allowed",
    ),
    "huge number of runs": (
        {"requests": {"kinds": {"object": 10_000}}, "seeds": list(range(100)), "human": {"size": None}},
        "are 17,005,100 runs",
    ),
    "no request at all": (
        {"requests": {"kinds": {"object": 0, "attached": 0, "person": 0, "group": 0}}},
        "requests.kinds.object: 0, as are all other kinds; allowed: at least one request",
    ),
    "nothing that goes along": (
        {"requests": {"with": []}},
        "requests.with: [], but requests.kinds.attached is above 0; allowed: at least one predicate",
    ),
    "the number of requests, as it was": (
        {"requests": {"count": 6}},
        "requests.count: there is no such key; it is requests.kinds now; known here: file, kinds, development, "
        "selection, with",
    ),
    "number as a key": ({1: 2}, "the key 1 is not text"),
    "truth as a key": ({"data": {True: 2}}, "data: the key true is not text"),
    "mixed keys": ({1: 2, "x": 3, None: 4}, "the key null is not text"),
    "number as a parameter": ({"methods": {"obj-ng": {1: 2}}}, "methods.obj-ng: the key 1 is not text"),
    "number as a method": ({"methods": {1: {}}}, "methods: the key 1 is not text"),
    "a list for a section": ({"training": []}, "training: [] is not allowed; allowed: a mapping"),
    "null for a section": ({"data": None}, "data: null is not allowed; allowed: a mapping"),
    "NUL in a path": ({"requests": {"file": "a\0b"}}, "requests.file: 'a\\x00b' is not allowed"),
    "long path": ({"requests": {"file": "x" * 900}}, "File name too long"),
    "endless file": ({"requests": {"file": "/dev/zero"}}, "requests.file: /dev/zero: not a file"),
    "folder for a split file": ({"data": {"split_file": "."}}, "data.split_file: . is a folder"),
    "folder for weights": (
        {"evaluation": {"lpips": {"weights": "."}}},
        "evaluation.lpips.weights: . is a folder",
    ),
}


@pytest.mark.parametrize(("changes", "text"), OTHER.values(), ids=OTHER)
def test_an_error_names_what_is_wrong(changes, text):
    assert text in message(changes)


def test_a_configuration_that_is_no_mapping_is_refused():
    for value in ([], None, 3):
        with pytest.raises(UserError, match=r"the configuration: .* is not allowed; allowed: a mapping"):
            check(value)


def test_errors_of_many_kinds_are_reported_at_once_and_sorted():
    lines = message({"seed": -1, "device": "abacus", "typo": 1, "human": {"size": 2.0}, 5: 5}).splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "the key 5 is not text; allowed",
        "device",
        "human.size",
        "seed",
        "typo",
    ]


def test_thousands_of_errors_are_counted():
    lines = message({"seeds": [-1] * 900}).splitlines()
    assert len(lines) == 41 and lines[-1] == "... and 860 more errors"


def damaged_archive():
    """Return an archive with the wanted name, which does not unpack."""
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("net/data.pkl", b"features.0.weight")
        content = bytearray(file.getvalue())
    at = content.index(b"data.pkl") + len(b"data.pkl")
    content[at : at + 4] = b"\xff" * 4
    return bytes(content)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("text.pth", b"not a checkpoint"),
        ("empty.pth", b""),
        ("damaged.pth", damaged_archive()),
        ("cut.safetensors", (1000).to_bytes(8, "little") + b'{"a":'),
        ("noise.safetensors", b"\xff" * 100),
    ],
)
def test_a_file_without_weights_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    weights = str(tmp_path / name)
    assert f"evaluation.lpips.weights: {weights} holds no weights" in message(
        {"evaluation": {"lpips": {"weights": weights}}}
    )
    visual = {"backbone": "vgg16", "weights": weights}
    assert "generator.visual.weights" in message({"generator": {"visual": visual}})
    training = {"losses": {"perceptual": 1.0}, "perceptual_weights": weights}
    assert "training.perceptual_weights" in message({"training": training})


def test_a_file_for_a_folder_is_refused(tmp_path):
    (tmp_path / "file").touch()
    root = str(tmp_path / "file")
    assert f"data.root: {root} is a file" in message({"data": {"source": "local", "root": root}})


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("all-requests,1,2", "'all-requests' cannot be a request's id"),
        ("a" * 101 + ",1,2", "cannot be a request's id"),
        ("a,1.5,2", "image_id is '1.5'; a whole number is expected"),
        ("a,1", "line 2: 2 fields; 3 are expected"),
        ("a\0,1,2", "line 2: not a text in UTF-8"),
    ],
)
def test_a_broken_line_of_the_requests_is_refused(tmp_path, text, error):
    (tmp_path / "r.csv").write_text(f"request,image_id,object_id\n{text}\n")
    assert error in message({"requests": {"file": str(tmp_path / "r.csv")}})


def test_a_requests_file_that_is_a_folder_is_refused(tmp_path):
    assert f"requests.file: {tmp_path}: not a file" in message({"requests": {"file": str(tmp_path)}})


def test_a_column_twice_is_refused(tmp_path):
    (tmp_path / "r.csv").write_text("request,request,image_id,object_id\na,b,1,2\n")
    assert "the column request is there twice" in message({"requests": {"file": str(tmp_path / "r.csv")}})
