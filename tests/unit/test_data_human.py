"""The human filter and the requests: who is chosen, and what cannot be."""

import json

import pandas as pd
import pytest
from scenes_factory import config, edge, entry, kinds, write_source
from scenes_steps import everything, vocabulary

from soulbench.core.errors import UserError

WIDE, NARROW = (0, 0, 50, 60), (0, 0, 20, 60)


@pytest.fixture
def source(tmp_path):
    """Images 1-4: men and women; 5: a narrow boy; 6: nobody; 7: to be dropped; 8, 9: not for training."""
    objects = {
        1: [entry(10, "man", WIDE), entry(11, "dog"), entry(12, "dog", (0, 0, 1, 9))],
        2: [entry(20, "woman", (0, 0, 80, 60)), entry(21, "dog")],
        3: [entry(30, "man", (10, 0, 60, 60)), entry(31, "woman", NARROW)],
        4: [entry(40, "man", WIDE), entry(41, "dog")],
        5: [entry(50, "boy", NARROW), entry(51, "dog")],
        6: [entry(60, "dog"), entry(61, "dog")],
        7: [entry(70, "man", WIDE)],
        8: [entry(80, "woman", WIDE), entry(81, "dog")],
        9: [entry(90, "man", NARROW), entry(91, "dog")],
    }
    folder = write_source(tmp_path / "source", objects, {1: [edge(10, "on", 11)]})
    split = {"train": [1, 2, 3, 4, 5, 6, 7], "val": [8], "test": [9]}
    (folder / "vg_splits.json").write_text(json.dumps(split))
    return folder


def setting(human=None, requests=None, data=None):
    return config({"min_objects": 2} | (data or {}), {"size": 3, "heldout": 5} | (human or {}), requests)


def table(folder, name):
    return pd.read_csv(folder / f"{name}.csv", keep_default_na=False)


def test_every_human_object_is_listed(source, tmp_path):
    everything(setting(), source, tmp_path)
    people = table(tmp_path, "human").set_index("object_id")
    assert people.index.tolist() == [10, 20, 30, 31, 40, 50, 80, 90]
    assert people.loc[30, ["image_id", "label", "width", "split"]].tolist() == [3, "man", 0.6, "train"]
    assert people.loc[30, ["x0", "y0", "x1", "y1"]].tolist() == [0.1, 0, 0.7, 0.75]


def test_subset_takes_wide_people_of_all_labels_from_train(source, tmp_path):
    for size in (2, 4):
        everything(setting({"size": size}), source, tmp_path / str(size))
    roles = table(tmp_path / "2", "subset")
    subset = roles.loc[roles["role"] == "subset", "image_id"].tolist()
    assert 2 in subset  # the only wide woman: rare labels come first
    assert len(subset) == 2
    assert roles.loc[roles["role"] == "heldout", "image_id"].tolist() == [8, 9]
    roles = table(tmp_path / "4", "subset")
    assert roles.loc[roles["role"] == "subset", "image_id"].tolist() == [1, 2, 3, 4]


def test_a_subset_without_a_size_is_every_image_that_fits(source, tmp_path):
    everything(setting({"size": None}), source, tmp_path / "wide")
    everything(setting({"size": None, "min_width": 0.0}), source, tmp_path / "any")
    for name, expected in (("wide", [1, 2, 3, 4]), ("any", [1, 2, 3, 4, 5])):
        roles = table(tmp_path / name, "subset")
        assert roles.loc[roles["role"] == "subset", "image_id"].tolist() == expected
    with pytest.raises(UserError, match=r"human.size: some images are wanted, but only 0 training images"):
        vocabulary(setting({"size": None, "min_width": 0.9}), source, tmp_path / "none")


def test_heldout_prefers_wide_people(source, tmp_path):
    everything(setting({"heldout": 1}), source, tmp_path)
    roles = table(tmp_path, "subset")
    assert roles.loc[roles["role"] == "heldout", "image_id"].tolist() == [8]


def test_first_instance_is_the_releases_rule(source, tmp_path):
    everything(
        setting({"selection": "first_instance", "min_width": 0.55, "size": 2, "labels": ["man"]}),
        source,
        tmp_path,
    )
    roles = table(tmp_path, "subset")
    assert roles.loc[roles["role"] == "subset", "image_id"].tolist() == [3, 4]


def test_summary_counts_every_step(source, tmp_path):
    (source / "images" / "VG_100K" / "4.png").unlink()
    everything(setting(data={"bad_photographs": "skip"}), source, tmp_path)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["splits"]["train"] == {"images": 6, "objects": 12, "relationships": 1, "attributes": 0}
    assert summary["splits"]["val"]["images"] == 1
    assert summary["dropped"]["images"] == {"fewer objects than data.min_objects": 1}
    assert summary["dropped"]["objects"] == {
        "its image was dropped": 1,
        "width or height under data.min_object_side": 1,
    }
    assert summary["packed"]["images"] == {"train": 5, "val": 1, "test": 1}
    assert summary["packed"]["bad_photographs"] == ["images/VG_100K/4.png"]
    assert summary["human"]["images_by_label"]["man"] == {"train": 2, "val": 0, "test": 1}
    assert (summary["human"]["subset"], summary["human"]["heldout"]) == (3, 2)


def test_too_few_images_are_found_before_packing(source, tmp_path):
    with pytest.raises(UserError, match=r"human.size: 5 images are wanted, but only 4 training images"):
        vocabulary(setting({"size": 5}), source, tmp_path)
    assert not (tmp_path / "graphs").exists()


def test_no_human_label(source, tmp_path):
    with pytest.raises(
        UserError, match=r"no image with a human label: none of human.labels \(child\).*dog, man"
    ):
        vocabulary(setting({"labels": ["child"]}), source, tmp_path)


def test_skipped_photographs_are_in_no_subset(source, tmp_path):
    (source / "images" / "VG_100K" / "4.png").write_bytes(b"x")
    with pytest.raises(UserError, match=r"only 3 training images"):
        everything(setting({"size": 4}, data={"bad_photographs": "skip"}), source, tmp_path)


def write_requests(tmp_path, *rows, header="request,image_id,object_id"):
    path = tmp_path / "mine.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return {"file": str(path)}


def test_requests_of_the_user(source, tmp_path):
    wanted = write_requests(tmp_path, "him, 4, 40", "her,2,20")
    everything(setting({"size": 2}, wanted), source, tmp_path)
    found = table(tmp_path, "requests")
    assert found.columns.tolist() == [
        "request",
        "set",
        "kind",
        "role",
        "individual",
        "image_id",
        "object_id",
        "category",
        "x0",
        "y0",
        "x1",
        "y1",
        "width",
        "twin_of",
        "by_rule",
    ]
    assert found["request"].tolist() == ["him", "her"]
    assert found["category"].tolist() == ["man", "woman"]
    assert found["by_rule"].tolist() == [False, False]
    roles = table(tmp_path, "subset")
    assert roles.loc[roles["role"] == "subset", "image_id"].tolist() == [
        2,
        4,
    ]  # what is requested is in the subset


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("r,99,10", "image_data.json lists no such image"),
        ("r,1,99", "the image has no such object"),
        ("r,7,70", "the image was dropped: fewer objects than data.min_objects"),
        ("r,1,12", "the object was dropped: width or height under data.min_object_side"),
        ("r,1,11", r"the human filter left it out: its label is not one of human.labels \(man"),
        ("r,5,50", "the human filter left it out: its width 0.200 is under human.min_width"),
        ("r,8,80", "its image is in val"),
    ],
)
def test_a_request_for_what_is_not_there_says_which_filter(source, tmp_path, row, reason):
    with pytest.raises(UserError, match=rf"mine.csv, line 2: request r names object .*: {reason}"):
        vocabulary(setting(requests=write_requests(tmp_path, row)), source, tmp_path)


def test_a_request_whose_photograph_was_skipped(source, tmp_path):
    (source / "images" / "VG_100K" / "4.png").write_bytes(b"x")
    with pytest.raises(UserError, match=r"object 40 of image 4: its photograph is missing or broken"):
        everything(
            setting(requests=write_requests(tmp_path, "r,4,40"), data={"bad_photographs": "skip"}),
            source,
            tmp_path,
        )


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (["r,one,10"], "line 2: image_id is 'one'; a whole number"),
        (["r,1,10", "s,1,"], "line 3: object_id is ''; a whole number"),
        (["r,1,-4"], "line 2: object_id is '-4'"),
        (["r,1,10", "s,4,40", "r,2,20"], "line 4: request r is there already"),
        (["r,1,10", "r,1,10"], "line 3: image_id 1, object_id 10 is there twice in request r"),
        (["r,1,10", "s,1,10"], "line 3: image_id 1, object_id 10 is there twice"),
        (["a/b,1,10"], "line 2: 'a/b' cannot be a request's id"),
        (["../x,1,10"], "line 2: '../x' cannot be a request's id"),
        (["all-requests,1,10"], "line 2: 'all-requests' cannot be a request's id"),
        ([",1,10"], "line 2: '' cannot be a request's id"),
        ([], "no request is in it"),
    ],
)
def test_bad_request_files(source, tmp_path, rows, reason):
    with pytest.raises(UserError) as caught:
        vocabulary(setting(requests=write_requests(tmp_path, *rows)), source, tmp_path)
    assert reason in str(caught.value)


def test_request_files_that_are_none(source, tmp_path):
    with pytest.raises(UserError, match=r"the column object_id is missing"):
        vocabulary(
            setting(requests=write_requests(tmp_path, "r,1", header="request,image_id")), source, tmp_path
        )
    with pytest.raises(UserError, match=r"absent\.csv: there is no such file"):
        vocabulary(setting(requests={"file": str(tmp_path / "absent.csv")}), source, tmp_path)
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(UserError, match=r"the column request is missing"):
        vocabulary(setting(requests={"file": str(tmp_path / "empty.csv")}), source, tmp_path)


def test_more_requests_than_images(source, tmp_path):
    wanted = write_requests(tmp_path, "a,1,10", "b,2,20", "c,3,30")
    with pytest.raises(UserError, match=r"human.size: 2 images are wanted, but the requests name 3"):
        vocabulary(setting({"size": 2}, wanted), source, tmp_path)


def test_requests_chosen_by_rule_spread_over_images_and_categories(source, tmp_path):
    everything(setting({"size": 4}, {"kinds": kinds(object=3)}), source, tmp_path)
    found = table(tmp_path, "requests")
    assert found["request"].tolist() == ["r1", "r2", "r3"]
    assert found["image_id"].is_unique
    assert set(found["category"].tolist()[:2]) == {"man", "woman"}
    assert found["by_rule"].all()


def test_a_twin_comes_first_and_names_the_other(source, tmp_path):
    (source / "individuals.csv").write_text(
        "image_id,object_id,individual,twin\n1,10,p1,\n3,30,p2,p3\n4,40,p3,p2\n8,80,p4,\n"
    )
    everything(setting({"size": 4}, {"kinds": kinds(object=2)}), source, tmp_path)
    found = table(tmp_path, "requests")
    assert {int(found["object_id"][0]), int(found["twin_of"][0])} == {30, 40}


def test_too_few_people_to_choose_from(source, tmp_path):
    with pytest.raises(
        UserError, match=r"requests.kinds.object: 9 are wanted, but the subset has too few people"
    ):
        vocabulary(setting({"size": 2}, {"kinds": kinds(object=9)}), source, tmp_path)
