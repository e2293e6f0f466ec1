"""Which regions each dimension compares, on scenes made by hand."""

import numpy as np
import pytest
from scenes_by_hand import SIZE, scene

from soulbench.data.requests.request import Request
from soulbench.evaluation.dimensions import MIN_VISIBLE, mean_picture_error, places, spread
from soulbench.evaluation.metrics import Place

MAN, DOG, TREE = 1, 2, 3
REQUEST = Request("r1", 10, 100, MAN)
MARGIN = 2
ROI = (2, 2, 10, 10)  # the target's box and the margin


SCENES = [
    scene(9, (90, MAN, (0, 0, 4, 8)), (91, DOG, (8, 8, 16, 16)), (92, MAN, (4, 4, 8, 8))),
    scene(
        10,
        (101, DOG, (8, 8, 16, 16)),  # overlaps the ROI in a corner
        (100, MAN, (4, 4, 8, 8)),  # the target
        (102, MAN, (12, 0, 16, 4)),  # another man
        (103, DOG, (3, 3, 9, 9)),  # all but hidden behind the ROI
    ),
    scene(11, (110, MAN, (1, 1, 3, 3)), (111, TREE, (5, 5, 7, 7))),
]
ROLES = ["subset", "subset", "heldout"]


@pytest.fixture(scope="module")
def found():
    return places(SCENES, ROLES, REQUEST, SIZE, MARGIN)


def test_every_dimension_is_there(found):
    assert {*found} == {"A1", "A2", "A2-rest", "A3", "A3-heldout", "A4", "retained", "heldout"}


def test_a1_is_the_targets_roi(found):
    assert found["A1"] == [Place(1, ROI)]


def test_a2_is_the_retained_objects_without_the_roi(found):
    assert found["A2"] == [Place(1, (8, 8, 16, 16), ROI), Place(1, (12, 0, 16, 4), ROI)]
    assert found["A2-rest"] == [Place(1, (0, 0, SIZE, SIZE), ROI)]


def test_a3_is_the_category_in_other_images(found):
    assert found["A3"] == [Place(0, (0, 0, 4, 8)), Place(0, (4, 4, 8, 8))]
    assert found["A3-heldout"] == [Place(2, (1, 1, 3, 3))]


def test_a4_is_other_categories_in_other_images_of_the_subset(found):
    assert found["A4"] == [Place(0, (8, 8, 16, 16))]


def test_whole_images_leave_the_target_image_out(found):
    assert found["retained"] == [Place(0, (0, 0, SIZE, SIZE))]
    assert found["heldout"] == [Place(2, (0, 0, SIZE, SIZE))]


@pytest.mark.parametrize(
    ("box", "share"), [((2, 10, 6, 11), 1.0), ((2, 2, 10, 13), 3 / 11), ((2, 2, 10, 12), 2 / 10)]
)
def test_objects_of_which_too_little_is_visible_say_nothing(box, share):
    hidden = scene(10, (100, MAN, (4, 4, 8, 8)), (101, DOG, box))
    found = places([hidden], ["subset"], REQUEST, SIZE, MARGIN)
    assert bool(found["A2"]) == (share >= MIN_VISIBLE)


def test_a_lonely_target_leaves_empty_dimensions():
    found = places([scene(10, (100, MAN, (4, 4, 8, 8)))], ["subset"], REQUEST, SIZE, MARGIN)
    assert {name for name, here in found.items() if here} == {"A1", "A2-rest"}


def test_spread():
    pictures = np.stack([np.full((2, 2, 3), level, dtype=np.uint8) for level in (0, 10, 40)])
    assert spread(pictures) == pytest.approx((10 + 40 + 30) / 3)
    assert spread(pictures[[0, 0]]) == 0
    assert spread(pictures[:1]) == 0


def test_the_error_of_the_mean_picture():
    pictures = np.stack([np.full((2, 2, 3), level, dtype=np.uint8) for level in (0, 10, 50)])
    assert mean_picture_error(pictures, pictures) == pytest.approx((20 + 10 + 30) / 3)
    assert mean_picture_error(pictures[:1], pictures) == pytest.approx(20)
