"""What became of an image, an object or a relationship: kept, or the reason why it was dropped."""

from enum import IntEnum
from typing import Self

import numpy as np


class Fate(IntEnum):
    """A code that fits into an int8 column, with its reason in words."""

    reason: str

    def __new__(cls, code: int, reason: str) -> Self:
        """Make the member; `code` is its value."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.reason = reason
        return member

    @classmethod
    def of(cls, code: int) -> Self:
        """Return the fate with this code."""
        return next(fate for fate in cls if fate == code)


class ImageFate(Fate):
    """Fates of images."""

    KEPT = 0, "kept"
    NOT_IN_SPLIT_FILE = 1, "not in the split file"
    SMALL = 2, "a side under data.min_image_side"
    FEW_OBJECTS = 3, "fewer objects than data.min_objects"
    MANY_OBJECTS = 4, "more objects than data.max_objects"
    FEW_RELATIONSHIPS = 5, "fewer relationships than data.min_relationships"
    MANY_RELATIONSHIPS = 6, "more relationships than data.max_relationships"


class ObjectFate(Fate):
    """Fates of objects."""

    KEPT = 0, "kept"
    IMAGE_DROPPED = 1, "its image was dropped"
    NO_CATEGORY = 2, "none of its names in the vocabulary (data.min_object_instances)"
    SMALL = 3, "width or height under data.min_object_side"
    OUTSIDE = 4, "box outside of the image"
    NOT_CHOSEN = 5, "not chosen for its image's graph (data.objects_per_image)"


class RelationshipFate(Fate):
    """Fates of relationships."""

    KEPT = 0, "kept"
    IMAGE_DROPPED = 1, "its image was dropped"
    END_DROPPED = 2, "an end was dropped or is not there"
    NO_PREDICATE = 3, "predicate not in the vocabulary (data.min_predicate_instances)"


def count_dropped(codes: np.ndarray, fates: type[Fate]) -> dict[str, int]:
    """Count how often each reason for dropping occurs; reasons that do not occur are left out."""
    counts = np.bincount(codes, minlength=len(fates)).tolist()
    return {fate.reason: counts[fate] for fate in fates if fate != 0 and counts[fate]}
