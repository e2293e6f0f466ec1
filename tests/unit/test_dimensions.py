"""Which regions each dimension compares, on scenes written by hand."""

import numpy as np
import pytest
from scenes_by_hand import SIZE, scene

from soulbench.core.terms import ATTACHED
from soulbench.data.requests.request import Request, RequestedObject
from soulbench.evaluation.dimensions import MIN_VISIBLE, compared_regions, mean_image_error, spread
from soulbench.evaluation.metrics import ComparedRegion

MAN, DOG, TREE = 1, 2, 3
REQUEST = Request("r1", "object", (RequestedObject(10, 100, MAN),))
PEOPLE = (MAN,)
MARGIN = 2
ROI = (2, 2, 10, 10)  # the target's box and the margin


SCENES = [
    scene(9, (90, MAN, (0, 0, 4, 8)), (91, DOG, (8, 8, 16, 16)), (92, MAN, (4, 4, 8, 8))),
    scene(
        10,
        (101, DOG, (8, 8, 16, 16)),  # overlaps the RoI in a corner
        (100, MAN, (4, 4, 8, 8)),  # the target
        (102, MAN, (12, 0, 16, 4)),  # another man
        (103, DOG, (3, 3, 9, 9)),  # hidden almost wholly by the RoI
    ),
    scene(11, (110, MAN, (1, 1, 3, 3)), (111, TREE, (5, 5, 7, 7))),
]
ROLES = ["subset", "subset", "heldout"]


@pytest.fixture(scope="module")
def regions():
    return compared_regions(SCENES, ROLES, REQUEST, PEOPLE, SIZE, MARGIN)


def test_every_dimension_has_regions(regions):
    assert {*regions} == {"A1", "A2", "A2-people", "A2-rest", "A3", "A3-heldout", "A4", "retained", "heldout"}


def test_a1_is_the_targets_roi(regions):
    assert regions["A1"] == [ComparedRegion(1, ROI)]


def test_a2_is_the_retained_objects_without_the_roi(regions):
    dog, man = ComparedRegion(1, (8, 8, 16, 16), (ROI,)), ComparedRegion(1, (12, 0, 16, 4), (ROI,))
    assert regions["A2"] == [dog, man]
    assert regions["A2-people"] == [man]
    assert regions["A2-rest"] == [ComparedRegion(1, (0, 0, SIZE, SIZE), (ROI,))]


def test_a3_is_the_category_in_other_images(regions):
    assert regions["A3"] == [ComparedRegion(0, (0, 0, 4, 8)), ComparedRegion(0, (4, 4, 8, 8))]
    assert regions["A3-heldout"] == [ComparedRegion(2, (1, 1, 3, 3))]


def test_a4_is_other_categories_in_other_images_of_the_subset(regions):
    assert regions["A4"] == [ComparedRegion(0, (8, 8, 16, 16))]


def test_whole_images_exclude_the_target_image(regions):
    assert regions["retained"] == [ComparedRegion(0, (0, 0, SIZE, SIZE))]
    assert regions["heldout"] == [ComparedRegion(2, (0, 0, SIZE, SIZE))]


@pytest.mark.parametrize(
    ("box", "share"), [((2, 10, 6, 11), 1.0), ((2, 2, 10, 13), 3 / 11), ((2, 2, 10, 12), 2 / 10)]
)
def test_objects_hidden_by_the_roi_are_not_compared(box, share):
    hidden = scene(10, (100, MAN, (4, 4, 8, 8)), (101, DOG, box))
    regions = compared_regions([hidden], ["subset"], REQUEST, PEOPLE, SIZE, MARGIN)
    assert bool(regions["A2"]) == (share >= MIN_VISIBLE)


def test_a_single_object_leaves_the_other_dimensions_empty():
    regions = compared_regions(
        [scene(10, (100, MAN, (4, 4, 8, 8)))], ["subset"], REQUEST, PEOPLE, SIZE, MARGIN
    )
    assert {name for name, listed in regions.items() if listed} == {"A1", "A2-rest"}


def test_a_set_is_not_retained_anywhere():
    """A man with his dog, and another appearance of him, in an image of the subset and in one that is not compared."""
    targets = (
        RequestedObject(10, 102, MAN),
        RequestedObject(9, 90, MAN),
        RequestedObject(77, 770, MAN),
        RequestedObject(10, 101, DOG, ATTACHED),
    )
    another = scene(12, (120, DOG, (0, 0, 4, 4)), (121, MAN, (4, 4, 8, 8)))
    request = Request("r1", "attached", targets)
    regions = compared_regions([*SCENES, another], [*ROLES, "subset"], request, PEOPLE, SIZE, MARGIN)
    rois = {1: ((10, 0, 16, 6), (6, 6, 16, 16)), 0: ((0, 0, 6, 10),)}
    assert regions["A1"] == [ComparedRegion(image, roi) for image in (1, 0) for roi in rois[image]]
    assert {(one.image_index, one.exclude) for one in regions["A2-rest"]} == {*rois.items()}
    assert all(one.exclude == rois[one.image_index] for one in regions["A2"])
    assert {one.region for one in regions["A2"]} == {(4, 4, 8, 8), (3, 3, 9, 9), (8, 8, 16, 16)}
    assert [one.region for one in regions["A2-people"]] == [(4, 4, 8, 8), (4, 4, 8, 8)]
    assert regions["A3"] == [ComparedRegion(3, (4, 4, 8, 8))]
    assert regions["A4"] == [
        ComparedRegion(3, (0, 0, 4, 4))
    ]  # a dog: only what was asked for has its category in A3
    assert regions["retained"] == [ComparedRegion(3, (0, 0, SIZE, SIZE))]


def test_what_a_model_lacks_besides_is_not_compared_anywhere(regions):
    """Objects of other requests: a man in another image, and a dog in the target image, whose RoIs hide others."""
    lacking = {9: [92], 10: [101], 77: [770]}
    found = compared_regions(SCENES, ROLES, REQUEST, PEOPLE, SIZE, MARGIN, lacking)
    of_man, of_dog = (2, 2, 10, 10), (6, 6, 16, 16)
    assert found["A1"] == regions["A1"]
    assert found["A2"] == [ComparedRegion(1, (12, 0, 16, 4), (ROI, of_dog))]
    assert found["A2-people"] == found["A2"]
    assert found["A2-rest"] == [ComparedRegion(1, (0, 0, SIZE, SIZE), (ROI, of_dog))]
    assert found["A3"] == [ComparedRegion(0, (0, 0, 4, 8), (of_man,))]
    assert found["A4"] == [ComparedRegion(0, (8, 8, 16, 16), (of_man,))]
    assert found["retained"] == [ComparedRegion(0, (0, 0, SIZE, SIZE), (of_man,))]
    assert (found["heldout"], found["A3-heldout"]) == (regions["heldout"], regions["A3-heldout"])
    everything = {9: [90, 91, 92], 10: [101, 102, 103]}
    none = compared_regions(SCENES, ROLES, REQUEST, PEOPLE, SIZE, MARGIN, everything)
    assert not none["A2"] + none["A3"] + none["A4"]


def test_spread():
    images = np.stack([np.full((2, 2, 3), level, dtype=np.uint8) for level in (0, 10, 40)])
    assert spread(images) == pytest.approx((10 + 40 + 30) / 3)
    assert spread(images[[0, 0]]) == 0
    assert spread(images[:1]) == 0


def test_the_error_of_the_mean_image():
    images = np.stack([np.full((2, 2, 3), level, dtype=np.uint8) for level in (0, 10, 50)])
    assert mean_image_error(images) == pytest.approx((20 + 10 + 30) / 3)
    assert mean_image_error(images[:1]) == 0
