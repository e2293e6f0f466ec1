"""The data steps on real annotations and photographs."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scenes_factory import config, kinds, no_log
from scenes_reference import preprocess
from scenes_steps import everything, vocabulary

from soulbench.core.errors import UserError
from soulbench.data.packed import PackedScenes
from soulbench.data.prepare.annotations import read_annotations
from soulbench.data.prepare.filters import run_filters
from soulbench.data.prepare.graphs import count_filtered
from soulbench.data.prepare.splits import split_images

SPEC = {  # thresholds of the specification, but for the vocabularies
    "min_image_side": 200,
    "min_object_side": 32,
    "min_objects": 3,
    "max_objects": 30,
    "min_relationships": 1,
    "max_relationships": 30,
    "max_attributes": 30,
    "min_object_instances": 10,
    "min_attribute_instances": 10,
    "min_predicate_instances": 5,
}
SPLITS = {"train": list(range(1, 85)), "val": list(range(85, 93)), "test": list(range(93, 101))}


@pytest.mark.parametrize("mode", ["all", "train"])
def test_visual_genome_sample_as_the_classical_script_has_it(shared, tmp_path, mode):
    folder = shared / "data" / "vg_sample"
    setting = config(SPEC | {"alias_predicates": mode})
    (tmp_path / "splits.json").write_text(json.dumps(SPLITS))
    annotations = read_annotations(folder, no_log)
    filtered = run_filters(
        setting, annotations, split_images(setting, annotations.images.image_id, tmp_path / "splits.json")
    )
    names, expected = preprocess(folder, setting["data"], SPLITS)
    assert filtered.vocabulary.objects[1:] == names["objects"]
    assert filtered.vocabulary.predicates[1:] == names["predicates"]
    assert filtered.vocabulary.attributes == names["attributes"]
    assert count_filtered(annotations, filtered)["splits"] == expected


def test_missing_photographs_are_counted_before_work_starts(shared, tmp_path):
    setting = config(
        SPEC | {"root": str(shared / "data" / "vg_sample")},
        {"labels": ["man", "woman"]},
    )
    with pytest.raises(
        UserError, match=r"photographs missing: .*VG_100K/3\.jpg.* more; .*bad_photographs: skip"
    ):
        everything(setting, tmp_path, tmp_path)


def test_photographs_that_are_there_are_packed(shared, tmp_path):
    root = shared / "data" / "vg_sample"
    setting = config(
        SPEC
        | {
            "root": str(root),
            "bad_photographs": "skip",
            "min_objects": 1,
            "min_relationships": 0,
            "max_objects": 99,
        },
        {"labels": ["man", "woman", "chair", "tree"], "min_width": 0.01},
    )
    everything(setting, tmp_path, tmp_path)
    packed = PackedScenes.open(tmp_path / "packed")
    assert packed.image_ids.tolist() == [1, 2, 4, 5]
    assert len(packed.facts["bad_photographs"]) > 80
    with Image.open(root / "images" / "VG_100K" / "4.jpg") as image:
        plain = np.asarray(image.convert("RGB").resize((16, 16), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(packed.scene(packed.find(4)).pixels - plain).mean() < 2


def test_coco_sample_end_to_end(shared, tmp_path):
    root = shared / "data" / "coco_sample"
    setting = config(
        SPEC | {"root": str(root), "min_object_instances": 4, "split_shares": {"val": 0.1, "test": 0.1}},
        {"labels": ["person"], "size": 24, "heldout": 6},
        {"kinds": kinds(object=6)},
    )
    everything(setting, tmp_path, tmp_path)
    packed = PackedScenes.open(tmp_path / "packed")
    assert 80 <= len(packed) <= 128
    subset = pd.read_csv(tmp_path / "subset.csv")
    assert (subset["role"] == "subset").sum() == 24
    assert (subset["role"] == "heldout").sum() == 6
    requests = pd.read_csv(tmp_path / "requests.csv")
    assert (requests["category"] == "person").all()
    assert requests["image_id"].isin(subset["image_id"]).all()
    assert requests["twin_of"].isna().all()
    widths = requests["width"].sort_values().to_numpy()
    assert widths[0] < 0.35
    assert widths[-1] > 0.8
    for row in requests.itertuples():
        assert row.object_id in packed.scene(packed.find(row.image_id)).object_ids


def test_nothing_is_written_into_the_source(shared, tmp_path):
    root = shared / "data" / "coco_sample"
    before = sorted(path.name for path in root.iterdir())
    vocabulary(config({"root": str(root)}, {"labels": ["person"]}), tmp_path, tmp_path)
    assert sorted(path.name for path in root.iterdir()) == before
