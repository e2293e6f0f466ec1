"""The classical filters: against results worked out by hand, and against the usual form in loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes_factory import config, edge, entry, no_log, write_source
from scenes_reference import preprocess

from soulbench.core.errors import UserError
from soulbench.data.prepare.annotations import read_annotations
from soulbench.data.prepare.fates import ImageFate, ObjectFate, RelationshipFate
from soulbench.data.prepare.filters import run_filters
from soulbench.data.prepare.graphs import build_graphs, count_filtered
from soulbench.data.prepare.splits import split_images
from soulbench.data.prepare.vocabulary import build_vocabulary


def run(folder, setting, split=None):
    annotations = read_annotations(folder, no_log)
    split = (
        split_images(setting, annotations.images.image_id, None)
        if split is None
        else np.array(split, np.int8)
    )
    return annotations, run_filters(setting, annotations, split)


def test_name_is_the_first_in_the_vocabulary_after_aliases(tmp_path):
    objects = {1: [entry(1, ["gentleman", "guy"]), entry(2, "man"), entry(3, ["zebra", "man"])]}
    write_source(tmp_path, objects, aliases="man,guy\n")
    _, filtered = run(tmp_path, config({"min_object_instances": 2}))
    assert filtered.vocabulary.objects == ["__image__", "man"]
    assert filtered.objects.category.tolist() == [1, 1, 1]


def test_vocabulary_is_ordered_by_count_then_by_name(tmp_path):
    objects = {1: [entry(1, "b"), entry(2, "a"), entry(3, "c"), entry(4, "c")]}
    edges = {1: [edge(1, "under", 2), edge(2, "ON ", 1), edge(3, "in", 1), edge(3, " in", 2)]}
    write_source(tmp_path, objects, edges)
    _, filtered = run(tmp_path, config())
    assert filtered.vocabulary.objects == ["__image__", "c", "a", "b"]
    assert filtered.vocabulary.predicates == ["__in_image__", "in", "on", "under"]


def test_only_training_images_are_counted(tmp_path):
    objects = {1: [entry(1, "man"), entry(2, "dog")], 2: [entry(3, "cat"), entry(4, "man")]}
    write_source(tmp_path, objects)
    _, filtered = run(tmp_path, config(), split=[0, 1])
    assert filtered.vocabulary.objects == ["__image__", "dog", "man"]
    assert [ObjectFate.of(code).reason for code in filtered.objects.fate[2:]] == [
        "none of its names in the vocabulary (data.min_object_instances)",
        "kept",
    ]


def test_an_object_at_the_threshold_stays_and_one_pixel_less_goes(tmp_path):
    objects = {
        1: [entry(1, "man", (0, 0, 32, 32)), entry(2, "man", (0, 0, 31, 90)), entry(3, "man", (0, 0, 90, 31))]
    }
    write_source(tmp_path, objects)
    _, filtered = run(tmp_path, config({"min_object_side": 32}))
    assert filtered.objects.fate.tolist() == [0, 3, 3]
    assert filtered.vocabulary.objects == ["__image__", "man"]  # counted before the size filter


def test_small_images_do_not_feed_the_vocabulary(tmp_path):
    objects = {1: [entry(1, "man")], 2: [entry(2, "dog")], 3: [entry(3, "cat")]}
    write_source(tmp_path, objects, size={1: (200, 200), 2: (199, 400), 3: (400, 199)})
    _, filtered = run(tmp_path, config({"min_image_side": 200}))
    assert filtered.vocabulary.objects == ["__image__", "man"]
    assert filtered.image_fate.tolist() == [0, 2, 2]


def test_relationships_count_only_where_both_ends_are_kept(tmp_path):
    objects = {1: [entry(1, "man"), entry(2, "dog"), entry(3, "dog", (0, 0, 1, 50))]}
    edges = {1: [edge(1, "on", 2), edge(1, "near", 3), edge(3, "near", 2), edge(1, "near", 99)]}
    write_source(tmp_path, objects, edges)
    annotations, filtered = run(tmp_path, config())
    assert filtered.vocabulary.predicates == ["__in_image__", "on"]
    assert [RelationshipFate.of(code).reason for code in filtered.relationships.fate] == [
        "kept",
        *["an end was dropped or is not there"] * 3,
    ]
    assert annotations.ignored == {"relationships to objects that are not there": 1}


@pytest.mark.parametrize(("number", "fate"), [(2, 3), (3, 0), (5, 0), (6, 4)])
def test_images_need_as_many_objects_as_asked_for(tmp_path, number, fate):
    objects = {1: [entry(i, "man") for i in range(number)], 2: [entry(50 + i, "man") for i in range(4)]}
    write_source(tmp_path, objects)
    _, filtered = run(tmp_path, config({"min_objects": 3, "max_objects": 5}))
    assert filtered.image_fate.tolist() == [fate, 0]


@pytest.mark.parametrize(("number", "fate"), [(0, 5), (1, 0), (3, 0), (4, 6)])
def test_images_need_as_many_relationships_as_asked_for(tmp_path, number, fate):
    objects = {1: [entry(1, "man"), entry(2, "dog")], 2: [entry(3, "man"), entry(4, "dog")]}
    edges = {1: [edge(1, "on", 2)] * number, 2: [edge(3, "on", 4)]}
    write_source(tmp_path, objects, edges)
    _, filtered = run(tmp_path, config({"min_relationships": 1, "max_relationships": 3}))
    assert [ImageFate.of(code) for code in filtered.image_fate] == [ImageFate.of(fate), ImageFate.KEPT]


def test_alias_train_forgets_the_other_splits_as_the_release_does(tmp_path):
    objects = {1: [entry(1, "man"), entry(2, "dog")], 2: [entry(3, "man"), entry(4, "dog")]}
    edges = {1: [edge(1, "Upon", 2)], 2: [edge(3, "upon", 4), edge(3, "ON", 4), edge(4, "on", 3)]}
    write_source(tmp_path, objects, edges, predicate_aliases="on,upon\n")
    for mode, kept_in_val in (("all", 3), ("train", 1)):
        annotations, filtered = run(tmp_path, config({"alias_predicates": mode}), split=[0, 1])
        assert filtered.vocabulary.predicates == ["__in_image__", "on"]
        assert count_filtered(annotations, filtered)["splits"]["val"]["relationships"] == kept_in_val


def test_attributes_stop_at_the_limit_and_duplicates_count_once(tmp_path):
    objects = {1: [entry(1, "man"), entry(2, "dog", (0, 0, 1, 1))]}
    write_source(
        tmp_path, objects, attributes={1: {1: ["tall", "tall", "old", "wise"], 2: ["wet"], 7: ["lost"]}}
    )
    annotations, filtered = run(tmp_path, config({"max_attributes": 2}))
    assert count_filtered(annotations, filtered)["splits"]["train"]["attributes"] == 2
    assert annotations.ignored == {"attributes of objects that are not there": 1}


def test_boxes_are_clipped_and_those_outside_dropped(tmp_path):
    boxes = [(-10, 40, 60, 80), (100, 0, 50, 50), (20, -90, 50, 80)]
    write_source(tmp_path, {1: [entry(i, "man", box) for i, box in enumerate(boxes)]})
    _, filtered = run(tmp_path, config())
    assert filtered.objects.box[0].tolist() == pytest.approx([0, 0.5, 0.5, 1])
    assert [ObjectFate.of(code).reason for code in filtered.objects.fate[1:]] == [
        "box outside of the image"
    ] * 2


@pytest.mark.parametrize(
    "box", [(10, 10, 0, 40), (10, 10, 40, 0), (10, 10, -5, 40), (0, 0, 0, 0), (1e30, 0, 9, 9)]
)
def test_boxes_of_no_size_are_dropped_whatever_the_threshold(tmp_path, box):
    write_source(tmp_path, {1: [entry(1, "man"), entry(2, "man", box)]})
    for side in (0, 2):
        annotations, filtered = run(tmp_path, config({"min_object_side": side}))
        assert filtered.objects.fate[0] == 0
        assert filtered.objects.fate[1] in (3, 4)
        assert sum(count_filtered(annotations, filtered)["dropped"]["objects"].values()) == 1


def test_graph_keeps_related_objects_first_and_never_changes(tmp_path):
    related = [entry(1, "man"), entry(2, "dog")]
    lonely = {image: [entry(100 * image + i, "tree") for i in range(10)] for image in (1, 2)}
    objects = {1: [*lonely[1], *related], 2: lonely[2]}
    write_source(tmp_path / "a", objects, {1: [edge(1, "near", 2)] * 2})
    write_source(tmp_path / "b", {1: objects[1]}, {1: [edge(1, "near", 2)]})
    setting = config({"objects_per_image": 5})
    graphs = [build_graphs(*run(tmp_path / name, setting)) for name in "ab"]
    first = graphs[0]
    chosen = first.object_id[: first.offset[1]]
    assert len(chosen) == 5
    left = count_filtered(*run(tmp_path / "b", setting))["dropped"]["objects"]
    assert left == {"not chosen for its image's graph (data.objects_per_image)": 7}
    assert {1, 2} <= set(chosen.tolist())
    assert first.triple.tolist() == [[3, 1, 4]]  # twice annotated, once in the graph
    # Whatever else is in the data: the same objects.
    assert graphs[1].object_id.tolist() == chosen.tolist()
    assert first.why_dropped(
        1, int(next(o["object_id"] for o in lonely[1] if o["object_id"] not in chosen))
    ).startswith("the object was dropped: not chosen")


@pytest.mark.parametrize("kind", ["object", "predicate"])
def test_an_empty_vocabulary_names_the_threshold(tmp_path, kind):
    objects = {1: [entry(1, "man"), entry(2, "man"), entry(3, "dog")]}
    write_source(tmp_path, objects, {1: [edge(1, "on", 3)]})
    with pytest.raises(
        UserError, match=rf"{kind} vocabulary is empty.*has [12]\); lower data.min_{kind}_instances"
    ):
        run(tmp_path, config({f"min_{kind}_instances": 3, "min_relationships": 1}))


def test_no_image_left_says_which_filter_took_how_many(tmp_path):
    write_source(tmp_path, {1: [entry(1, "man"), entry(2, "dog")]}, {1: [edge(1, "on", 2)]})
    with pytest.raises(UserError, match=r"no image is left: \{'fewer objects than data.min_objects': 1\}"):
        run(tmp_path, config({"min_objects": 3}))


def test_ids_need_to_be_unique_only_within_an_image(tmp_path):
    objects = {1: [entry(1, "man"), entry(1, "dog"), entry(2, "cat")], 2: [entry(1, "cat"), entry(2, "man")]}
    write_source(tmp_path, objects, {2: [edge(1, "on", 2)]})
    annotations, filtered = run(tmp_path, config())
    assert annotations.ignored == {"objects with an id that their image already has": 1}
    graphs = build_graphs(annotations, filtered)
    cat, man = filtered.vocabulary.objects.index("cat"), filtered.vocabulary.objects.index("man")
    assert graphs.category[graphs.offset[1] :].tolist() == [cat, man]
    assert graphs.triple_offset.tolist() == [0, 0, 1]


NAMES = st.lists(st.sampled_from(["man", "guy", "dog", "cat", "tree"]), min_size=1, max_size=3)
SIDES = st.integers(1, 8)
PREDICATE = st.sampled_from(["on", "ON", " upon", "near", "has", "Has ", "", "  "])


@settings(max_examples=40, deadline=None)
@given(data=st.data(), mode=st.sampled_from(["all", "train"]))
def test_equal_to_the_usual_form(tmp_path_factory, data, mode):
    folder = tmp_path_factory.mktemp("source")
    images = range(1, data.draw(st.integers(3, 6)) + 1)
    objects, edges, attributes = {}, {}, {}
    for image in images:
        number = data.draw(st.integers(1, 5))
        objects[image] = [
            entry(10 * image + i, data.draw(NAMES), (0, 0, data.draw(SIDES), data.draw(SIDES)))
            for i in range(number)
        ]
        end = st.integers(0, number - 1).map(lambda i, image=image: 10 * image + i)
        edges[image] = [
            edge(data.draw(end), data.draw(PREDICATE), data.draw(end)) for _ in range(data.draw(SIDES))
        ]
        attributes[image] = {
            10 * image: data.draw(st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=3))
        }
    sizes = {image: (data.draw(st.integers(8, 12)), 11) for image in images}
    write_source(folder, objects, edges, attributes, "man,guy\n", "on,upon\n", sizes, photographs=False)
    setting = config(
        {
            "min_object_side": 3,
            "min_object_instances": 2,
            "min_attribute_instances": 2,
            "min_predicate_instances": 2,
            "min_objects": 2,
            "max_objects": 4,
            "min_relationships": 1,
            "max_relationships": 5,
            "max_attributes": 1,
            "alias_predicates": mode,
        }
    )
    split = [index % 3 for index in range(len(images))]
    by_split = {
        k: [i for i, s in zip(images, split, strict=True) if s == n]
        for n, k in enumerate(("train", "val", "test"))
    }
    vocabulary, expected = preprocess(folder, setting["data"], by_split)
    try:
        annotations, filtered = run(folder, setting, split)
    except UserError as error:
        empty = not vocabulary["objects"] or not vocabulary["predicates"]
        assert empty or sum(one["images"] for one in expected.values()) == 0, error
        return
    assert filtered.vocabulary.objects[1:] == vocabulary["objects"]
    assert filtered.vocabulary.predicates[1:] == vocabulary["predicates"]
    assert filtered.vocabulary.attributes == vocabulary["attributes"]
    assert count_filtered(annotations, filtered)["splits"] == expected


def test_visual_genome_with_other_numbers_than_published_warns(tmp_path):
    write_source(tmp_path / "source", {1: [entry(1, "man"), entry(2, "dog")]}, {1: [edge(1, "on", 2)]})
    for source, warned in (("visual_genome", True), ("local", False)):
        lines = []
        data = tmp_path / source
        build_vocabulary(
            config({"source": source}), tmp_path / "source", data / "v.json", data / "graphs", lines.append
        )
        assert any("warning" in line and "62565" in line for line in lines) == warned
