"""The queries on hand-made graphs."""

from dataclasses import replace

import numpy as np
import pytest
from scenes_by_hand import scene

from soulbench.core import registry

NAMES = ["__image__", "man", "dog", "person", "people", "tree"]
MAN, DOG, PERSON, PEOPLE, TREE = 1, 2, 3, 4, 5
BOX = (1, 1, 5, 5)


def graph(categories, edges):
    """Return a scene of objects 0, 1, ... with these directed edges, besides those to the image node."""
    plain = scene(1, *((10 + i, category, BOX) for i, category in enumerate(categories)))
    among = np.array([(s, 1, o) for s, o in edges], dtype=np.int64).reshape(-1, 3)
    return replace(plain, triples=np.concatenate([among, plain.triples]))


def rewrite(query, scene, target=0, names=NAMES, seed=0):
    return registry.module("queries", query).rewrite(scene, target, names, np.random.default_rng(seed))


def changed(before, after):
    """Return the indices of the relabelled objects; everything else must be equal."""
    for name in ("image_id", "pixels", "object_ids", "boxes", "triples", "first_row"):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
    return np.flatnonzero(before.categories != after.categories).tolist()


# 0 - 1 - 2 - 3 in both directions of edges, 4 apart, 5 - 6 apart
CHAIN = graph([MAN, DOG, TREE, DOG, TREE, DOG, MAN], [(0, 1), (2, 1), (2, 3), (5, 6)])
REACHED = {"neighbor": {2}, "neighbor-1hop": {1}, "singleton": {4, 5, 6}}


@pytest.mark.parametrize("query", REACHED)
def test_one_of_the_right_objects_is_relabelled(query):
    relabelled = set()
    for seed in range(60):
        altered = rewrite(query, CHAIN, seed=seed)
        (index,) = changed(CHAIN, altered)
        assert altered.categories[index] in range(1, len(NAMES))
        relabelled.add(index)
    assert relabelled == REACHED[query]


@pytest.mark.parametrize("query", REACHED)
def test_new_labels_are_all_others_of_the_vocabulary_but_never_the_image_nodes(query):
    labels = set()
    for seed in range(200):
        altered = rewrite(query, CHAIN, seed=seed)
        (index,) = changed(CHAIN, altered)
        if CHAIN.categories[index] == (TREE if query == "neighbor" else DOG):
            labels.add(int(altered.categories[index]))
    label = TREE if query == "neighbor" else DOG
    assert labels == {*range(1, len(NAMES))} - {label}


@pytest.mark.parametrize(("query", "target"), [("neighbor", 3), ("neighbor-1hop", 3), ("singleton", 4)])
def test_hops_are_counted_from_the_target(query, target):
    allowed = {("neighbor", 3): {1}, ("neighbor-1hop", 3): {2}, ("singleton", 4): {0, 1, 2, 3, 5, 6}}
    for seed in range(20):
        (index,) = changed(CHAIN, rewrite(query, CHAIN, target, seed=seed))
        assert index in allowed[query, target]


def test_hops_are_those_of_the_shortest_path():
    triangle = graph([MAN, DOG, TREE], [(0, 1), (1, 2), (0, 2)])
    assert rewrite("neighbor", triangle) == "no object is 2 hops from the target"


NOT_APPLICABLE = {
    "alone": ("neighbor", graph([MAN], []), "no object is 2 hops from the target"),
    "only direct": ("neighbor", graph([MAN, DOG], [(0, 1)]), "no object is 2 hops from the target"),
    "no edge": ("neighbor-1hop", graph([MAN, DOG], []), "no object is 1 hop from the target"),
    "all reached": ("singleton", graph([MAN, DOG], [(1, 0)]), "every object has a path to the target"),
    "only the image": ("singleton", graph([MAN], []), "every object has a path to the target"),
    "no general label": ("fuzzy", graph([DOG], []), "there is no label more general than dog"),
    "most general": ("fuzzy", graph([PEOPLE], []), "there is no label more general than people"),
}


@pytest.mark.parametrize(("query", "unaltered", "reason"), NOT_APPLICABLE.values(), ids=NOT_APPLICABLE)
def test_a_query_that_does_not_apply_gives_the_reason(query, unaltered, reason):
    assert rewrite(query, unaltered) == reason


@pytest.mark.parametrize("name", ["man", "woman", "boy", "girl", "lady", "child"])
def test_fuzzy_generalises_every_kind_of_person(name):
    names = ["__image__", name, "dog", "person"]
    unaltered = graph([DOG, MAN, MAN], [(0, 1)])
    altered = rewrite("fuzzy", unaltered, target=1, names=names)
    assert changed(unaltered, altered) == [1]
    assert names[altered.categories[1]] == "person"


def test_fuzzy_generalises_a_person_to_people():
    unaltered = graph([PERSON, MAN], [])
    altered = rewrite("fuzzy", unaltered)
    assert changed(unaltered, altered) == [0]
    assert altered.categories[0] == PEOPLE


def test_fuzzy_needs_the_general_name_in_the_vocabulary():
    assert rewrite("fuzzy", graph([MAN], []), names=["__image__", "man"]) == "the vocabulary has no person"
