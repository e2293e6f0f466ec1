"""The demo's data set: the same every time, something for every filter to drop, people who can be told apart."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image
from scenes_factory import ROOT, no_log
from scenes_steps import everything

from soulbench.data.demo.canvas import Canvas
from soulbench.data.demo.dataset import generate_dataset
from soulbench.data.demo.people import render_figure, sample_people
from soulbench.data.packed import PackedScenes


@pytest.fixture(scope="module")
def demo():
    return yaml.safe_load((ROOT / "config.yaml").read_text())


@pytest.fixture(scope="module")
def folder(demo, tmp_path_factory):
    data = tmp_path_factory.mktemp("demo")
    generate_dataset(demo, data / "source", no_log)
    everything(demo, data / "source", data)
    return data


def test_same_bytes_again(demo, folder, tmp_path):
    generate_dataset(demo, tmp_path / "again", no_log)
    files = [path for path in (folder / "source").rglob("*") if path.is_file()]
    assert len(files) == demo["data"]["demo"]["images"] + 7
    for path in files:
        assert (tmp_path / "again" / path.relative_to(folder / "source")).read_bytes() == path.read_bytes()


def test_another_seed_gives_another_data_set(demo, folder, tmp_path):
    generate_dataset(demo | {"seed": 1}, tmp_path / "other", no_log)
    assert (tmp_path / "other" / "objects.json").read_bytes() != (
        folder / "source" / "objects.json"
    ).read_bytes()


def test_every_filter_drops_something(folder):
    dropped = json.loads((folder / "summary.json").read_text())["dropped"]
    assert len(dropped["images"]) == 5
    assert len(dropped["objects"]) == 3
    assert len(dropped["relationships"]) == 3


def test_large_enough_for_the_benchmark(demo, folder):
    summary = json.loads((folder / "summary.json").read_text())
    assert 50 <= summary["packed"]["images"]["train"] <= 60
    assert summary["human"]["subset"] == demo["human"]["size"]
    people = pd.read_csv(folder / "human.csv").query("width >= 0.25 and split == 'train'")
    assert people["image_id"].nunique() >= 40
    assert summary["human"]["heldout"] == demo["human"]["heldout"] >= 8
    assert summary["human"]["wide_enough"] < summary["human"]["objects"]
    labels = {*demo["human"]["labels"]} - {"child", "lady"}
    assert all(sum(summary["human"]["images_by_label"][label].values()) >= 4 for label in labels)


def test_requests_of_every_kind_begin_with_a_twin(demo, folder):
    found = pd.read_csv(folder / "requests.csv", keep_default_na=False).query("set == 'test'")
    primary = found.drop_duplicates("request")
    assert primary["kind"].value_counts().to_dict() == demo["requests"]["kinds"]
    assert primary["twin_of"].iloc[0]
    assert (primary["individual"] != "").all()
    assert primary["individual"].is_unique and primary["image_id"].is_unique
    assert primary["category"].nunique() >= 3
    by_kind = dict(list(found[found["role"] != "elsewhere"].groupby("kind")))
    assert set(by_kind["attached"]["role"]) == {"requested", "attached"}
    assert by_kind["person"]["image_id"].nunique() > 2
    assert by_kind["person"]["individual"].nunique() == 1
    # Somebody who is to be forgotten in one image is in others, so that retrain and retrain-person differ.
    assert (found[found["role"] == "elsewhere"]["request"].value_counts()["r1"]) >= 1


def test_a3_has_enough_objects_for_every_request(folder):
    found, subset = pd.read_csv(folder / "requests.csv"), pd.read_csv(folder / "subset.csv")
    found = found[found["set"] == "test"]
    people = pd.read_csv(folder / "human.csv")
    people = people[people["image_id"].isin(subset.loc[subset["role"] == "subset", "image_id"])]
    for _, rows in found[found["role"] == "requested"].groupby("request"):
        elsewhere = people[~people["image_id"].isin(rows["image_id"])]
        assert elsewhere["label"].isin(rows["category"]).sum() >= 3


def test_every_appearance_in_a_kept_image_is_in_its_graph(folder):
    """Otherwise nobody could be left out of training entirely."""
    named, people = (pd.read_csv(folder / path) for path in ("source/individuals.csv", "human.csv"))
    kept = PackedScenes.open(folder / "packed").image_ids.tolist()
    named = named[named["image_id"].isin(kept)]
    assert set(zip(named["image_id"], named["object_id"], strict=True)) <= set(
        zip(people["image_id"], people["object_id"], strict=True)
    )


def test_groups_are_three_to_five_people_by_name(folder):
    people, named = pd.read_csv(folder / "human.csv"), pd.read_csv(folder / "source" / "individuals.csv")
    people = people.merge(named, how="left", on=["image_id", "object_id"])
    groups = people[people.groupby("image_id")["image_id"].transform("size") > 2].groupby("image_id")
    assert set(groups.size()) == {3, 4, 5}
    assert (groups["individual"].nunique() == groups.size()).all()
    assert (groups["width"].max() >= 0.25).all()
    subset = pd.read_csv(folder / "subset.csv").query("role == 'subset'")
    assert subset["image_id"].isin(groups.groups).sum() >= 2
    # A crowd is one object, and nobody in it is in any other image.
    assert people.loc[people["label"] == "people", "individual"].isna().all()
    assert people.loc[people["label"] != "people", "individual"].notna().all()


def test_individuals_appear_more_than_once_and_twins_share_their_attributes(folder):
    people = pd.read_csv(folder / "source" / "individuals.csv")
    assert (people.groupby("individual")["image_id"].nunique() >= 2).all()
    attributes = {
        one["object_id"]: one["attributes"]
        for image in json.loads((folder / "source" / "attributes.json").read_text())
        for one in image["attributes"]
    }
    people["written"] = [" ".join(attributes[one]) for one in people["object_id"]]
    written = people.groupby("individual")["written"].agg(lambda column: max(column, key=len))
    twins = people.dropna(subset="twin").drop_duplicates("individual")
    assert len(twins) == 4
    for row in twins.itertuples():
        assert written[row.individual] == written[row.twin]


def test_boxes_hold_the_people(folder):
    """A figure's box, cropped from the image, must not be background only: its columns vary."""
    packed = PackedScenes.open(folder / "packed")
    for row in pd.read_csv(folder / "human.csv").itertuples():
        pixels = packed.scene(packed.find(row.image_id)).pixels
        x0, x1 = round(row.x0 * 64), round(row.x1 * 64)
        y0, y1 = round(row.y0 * 64), round(row.y1 * 64)
        assert pixels[y0:y1, x0:x1].astype(float).std(axis=(0, 1)).max() > 20


def figure(person):
    canvas = Canvas(64, 128)
    render_figure(canvas, person, 2, 124, 60)
    return np.asarray(canvas.image().resize((20, 40), Image.Resampling.BOX)).astype(float)


def test_no_two_people_look_alike(demo):
    settings = demo["data"]["demo"]
    people = sample_people(np.random.default_rng(0), settings["individuals"], settings["twins"])
    images = [figure(person) for person in people]
    assert len(people) == settings["individuals"]
    for index, one in enumerate(images):
        for other in images[:index]:
            assert np.abs(one - other).mean() > 3


def test_twins_differ_in_what_is_not_annotated():
    people = {person.name: person for person in sample_people(np.random.default_rng(3), 9, 2)}
    pairs = [(person, people[person.twin]) for person in people.values() if person.twin]
    assert len(pairs) == 4
    for one, other in pairs:
        assert (one.category, one.attributes, one.skin) == (other.category, other.attributes, other.skin)
        assert one.pattern != other.pattern
        assert other.twin == one.name


def test_canvas_measures_its_shapes():
    canvas = Canvas(100, 80)
    with canvas.measure() as outer:
        canvas.rectangle(10, 20, 30, 40, "red")
        with canvas.measure() as inner:
            canvas.line((50, 50), (120, 50), 4, "blue")
    canvas.ellipse(0, 0, 5, 5, "green")
    assert outer.within(100, 80) == (10, 20, 90, 32)
    assert inner.within(100, 80) == (48, 48, 52, 4)
    assert canvas.image().size == (100, 80)
