"""A request: one object that a model is to forget."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Request:
    """A request: forget this object of this image.

    Attributes:
        id: as in requests.csv.
        image_id, object_id: as in the annotations.
        category: index in the vocabulary.
    """

    id: str
    image_id: int
    object_id: int
    category: int
