"""Bad input: each annotation file missing, empty, cut short or wrong, with a message that names it."""

import json

import numpy as np
import pytest
from scenes_factory import config, edge, entry, no_log, write, write_source

from soulbench.core.errors import UserError
from soulbench.data.prepare.annotations import read_annotations
from soulbench.data.prepare.source_files import photograph_name, read_aliases, source_folder
from soulbench.data.prepare.splits import split_file, split_images

JSON_FILES = ["image_data", "objects", "attributes", "relationships"]


@pytest.fixture
def folder(tmp_path):
    objects = {1: [entry(1, "man"), entry(2, "dog")], 2: [entry(3, "man")]}
    return write_source(tmp_path, objects, {1: [edge(1, "on", 2)]}, {1: {1: ["old"]}}, photographs=False)


def refused(folder, *parts):
    with pytest.raises(UserError) as caught:
        read_annotations(folder, no_log)
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize("name", JSON_FILES)
def test_missing(folder, name):
    (folder / f"{name}.json").unlink()
    refused(folder, f"{name}.json: there is no such file")


@pytest.mark.parametrize("name", JSON_FILES)
def test_empty(folder, name):
    (folder / f"{name}.json").write_text("")
    refused(folder, f"{name}.json: the file is empty")


@pytest.mark.parametrize("name", JSON_FILES)
def test_cut_short(folder, name):
    path = folder / f"{name}.json"
    path.write_text(path.read_text()[:-9])
    refused(folder, f"{name}.json: not a whole JSON file", "again")


@pytest.mark.parametrize("name", JSON_FILES)
def test_not_text(folder, name):
    (folder / f"{name}.json").write_bytes(b"[\xff\xfe\x00")
    refused(folder, f"{name}.json")


@pytest.mark.parametrize("name", JSON_FILES)
def test_not_a_list(folder, name):
    write(folder, name, {"1": []})
    refused(folder, f"{name}.json: a list with one record per image is expected")


@pytest.mark.parametrize("name", JSON_FILES)
def test_wrong_record(folder, name):
    write(folder, name, [7])
    refused(folder, f"{name}.json: record 0")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        *[("image_data", key) for key in ("image_id", "width", "height", "url")],
        *[(name, "image_id") for name in JSON_FILES[1:]],
        *[(name, name) for name in JSON_FILES[1:]],
    ],
)
def test_missing_key(folder, name, key):
    records = json.loads((folder / f"{name}.json").read_text())
    del records[1][key]
    write(folder, name, records)
    refused(folder, f"{name}.json: record 1", f"missing required field `{key}`")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        *[("objects", key) for key in ("object_id", "names", "x", "y", "w", "h")],
        *[("relationships", key) for key in ("predicate", "subject", "object")],
        ("attributes", "object_id"),
    ],
)
def test_missing_key_inside(folder, name, key):
    records = json.loads((folder / f"{name}.json").read_text())
    del records[0][name][0][key]
    write(folder, name, records)
    refused(folder, f"{name}.json: record 0", f"missing required field `{key}`", f"{name}[0]")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("names", "man"),
        ("w", "40"),
        ("object_id", 1.5),
        ("object_id", -1),
        ("object_id", 2**63),
        ("x", None),
        ("names", [3]),
    ],
)
def test_wrong_type(folder, key, value):
    write(folder, "objects", [{"image_id": 1, "objects": [entry(1, "man") | {key: value}]}])
    refused(folder, "objects.json: record 0", key)


def test_no_image_at_all(folder):
    write(folder, "image_data", [])
    refused(folder, "image_data.json: no image is listed")


@pytest.mark.parametrize("name", JSON_FILES)
def test_an_image_twice(folder, name):
    records = json.loads((folder / f"{name}.json").read_text())
    write(folder, name, [*records, records[0]])
    refused(folder, f"{name}.json: image 1 is listed more than once")


def test_an_image_without_size(folder):
    records = json.loads((folder / "image_data.json").read_text())
    write(folder, "image_data", [records[0] | {"width": 0}, records[1]])
    refused(folder, "image_data.json: image 1 has width or height 0")


@pytest.mark.parametrize("name", JSON_FILES[1:])
def test_files_of_different_releases(folder, name):
    write(folder, name, [{"image_id": 50, name: []}])
    refused(folder, f"{name}.json: none of its images", "one release")


@pytest.mark.parametrize("name", JSON_FILES[1:])
def test_an_image_in_one_file_only_is_counted(folder, name):
    records = json.loads((folder / f"{name}.json").read_text())
    write(folder, name, [records[0], {"image_id": 50, name: []}])
    ignored = read_annotations(folder, no_log).ignored
    assert ignored[f"images of {name}.json that image_data.json does not list"] == 1
    assert ignored[f"images of image_data.json that {name}.json does not list"] == 1


def test_names_empty_strange_and_endless(folder):
    objects = [entry(1, ["", "  ", "mañana 人"]), entry(2, [])]
    write(folder, "objects", [{"image_id": 1, "objects": objects}])
    annotations = read_annotations(folder, no_log)
    assert annotations.object_names.all == ["mañana 人"]
    assert annotations.ignored["empty object names"] == 2
    write(folder, "objects", [{"image_id": 1, "objects": [entry(1, "x" * 10_000)]}])
    refused(folder, "objects.json: a name of 10000 characters", "at most 1000")


def test_endless_attributes_and_predicates(folder):
    endless = "x" * 10_000
    write(folder, "attributes", [{"image_id": 1, "attributes": [{"object_id": 1, "attributes": [endless]}]}])
    refused(folder, "attributes.json: a name of 10000 characters", "at most 1000")
    write(folder, "attributes", [{"image_id": 1, "attributes": []}])
    write(folder, "relationships", [{"image_id": 1, "relationships": [edge(1, endless, 2)]}])
    refused(folder, "relationships.json: a name of 10000 characters", "at most 1000")


@pytest.mark.parametrize("name", ["object", "relationship"])
def test_an_empty_alias_file_means_no_aliases(folder, name):
    assert read_aliases(folder, name) == {}
    assert read_annotations(folder, no_log).object_names.all == ["man", "dog"]


@pytest.mark.parametrize("name", ["object", "relationship"])
def test_alias_files(folder, name):
    path = folder / f"{name}_alias.txt"
    path.write_text("a, b ,c\n\nd,b\n,e\n")
    assert read_aliases(folder, name) == {"a": "a", "b": "d", "c": "a", "d": "d"}
    path.write_bytes(b"\xff\xfe")
    refused(folder, f"{name}_alias.txt, line 1: not a text in UTF-8")
    path.unlink()
    refused(folder, f"{name}_alias.txt: there is no such file")


def test_photographs_lie_at_the_last_two_components():
    url = "https://cs.stanford.edu/people/rak248/VG_100K_2/1.jpg?x=1"
    assert photograph_name(5, url) == "VG_100K_2/1.jpg"


@pytest.mark.parametrize("url", ["", "1.jpg", "https://a.b/1.jpg", "https://a.b/../1.jpg"])
def test_photograph_addresses_that_lead_nowhere(url):
    with pytest.raises(UserError, match=r"image 5: url .* does not end in folder/file"):
        photograph_name(5, url)


def test_root_must_be_a_folder(tmp_path):
    assert source_folder(config({"root": str(tmp_path)}), tmp_path / "generated") == tmp_path
    assert source_folder(config({"root": None}), tmp_path / "generated") == tmp_path / "generated"
    with pytest.raises(UserError, match=r"data\.root: .*absent is not a folder"):
        source_folder(config({"root": str(tmp_path / "absent")}), tmp_path)


def test_a_random_split_depends_on_the_image_alone():
    ids = np.arange(2000)
    setting = config({"split_shares": {"val": 0.1, "test": 0.2}})
    split = split_images(setting, ids, None)
    assert np.bincount(split) / 2000 == pytest.approx([0.7, 0.1, 0.2], abs=0.03)
    assert split_images(setting, ids[500:600], None).tolist() == split[500:600].tolist()
    with pytest.raises(UserError, match=r"data.split_shares: val and test take 1 of 1"):
        split_images(config({"split_shares": {"val": 0.5, "test": 0.5}}), ids, None)


def test_split_file(tmp_path):
    write(tmp_path, "vg_splits", {"train": [3, 1], "val": [4], "test": []})
    path = split_file(config(), tmp_path)
    assert path == tmp_path / "vg_splits.json"
    assert split_images(config(), np.array([1, 2, 3, 4]), path).tolist() == [0, -1, 0, 1]
    assert split_file(config(), tmp_path / "elsewhere") is None
    assert split_file(config({"split_file": "mine.json"}), tmp_path).name == "mine.json"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"train": [1], "val": [1], "test": []}, "val names image 1, which was named before"),
        ({"train": [1, 1], "val": [], "test": []}, "train names image 1, which was named before"),
        ({"train": [9], "val": [], "test": []}, "train names image 9, which image_data.json does not list"),
        ({"train": ["1"], "val": [], "test": []}, "train is not a list of image ids"),
        ({"train": [1]}, "the keys train, val, test"),
        ([1, 2], "the keys train, val, test"),
    ],
)
def test_bad_split_files(tmp_path, content, message):
    write(tmp_path, "vg_splits", content)
    with pytest.raises(UserError, match=message):
        split_images(config(), np.array([1, 2]), tmp_path / "vg_splits.json")


@pytest.mark.parametrize("text", ["", '{"train": [1], "val"', "\xff"])
def test_split_files_that_are_no_json(tmp_path, text):
    (tmp_path / "vg_splits.json").write_text(text, encoding="latin-1")
    with pytest.raises(
        UserError, match=r"vg_splits\.json: not a whole JSON file|json, line 1: not a text in UTF-8"
    ):
        split_images(config(), np.array([1, 2]), tmp_path / "vg_splits.json")
    (tmp_path / "vg_splits.json").unlink()
    with pytest.raises(UserError, match=r"vg_splits\.json: there is no such file"):
        split_images(config(), np.array([1, 2]), tmp_path / "vg_splits.json")
