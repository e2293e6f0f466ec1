"""A request: the objects that a model is to forget together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from soulbench.core.terms import ELSEWHERE, REQUESTED, Kind


@dataclass(frozen=True)
class RequestedObject:
    """An object of a request.

    Attributes:
        image_id, object_id: as in the annotations.
        category: index in the vocabulary.
        role: one of `soulbench.core.terms.ROLES`.
    """

    image_id: int
    object_id: int
    category: int
    role: str = REQUESTED


@dataclass(frozen=True)
class Request:
    """A request: forget these objects.

    Attributes:
        id: as in requests.csv.
        kind: what the objects are together.
        targets: the objects to forget; the first is the primary target.
        elsewhere: other appearances, in training images, of the individuals whom the targets show. They are retained.
    """

    id: str
    kind: Kind
    targets: tuple[RequestedObject, ...]
    elsewhere: tuple[RequestedObject, ...] = ()

    @classmethod
    def of(cls, name: str, kind: Kind, objects: Sequence[RequestedObject]) -> "Request":
        """Return a request from its objects, the primary target first."""
        targets = tuple(one for one in objects if one.role != ELSEWHERE)
        return cls(name, kind, targets, tuple(one for one in objects if one.role == ELSEWHERE))

    @property
    def primary(self) -> RequestedObject:
        """Return the primary target."""
        return self.targets[0]

    @property
    def categories(self) -> tuple[int, ...]:
        """Return the categories of the targets that were asked for; what goes along with them does not count."""
        return tuple(dict.fromkeys(one.category for one in self.targets if one.role == REQUESTED))

    @property
    def images(self) -> dict[int, tuple[int, ...]]:
        """Return the ids of the targets by target image, that of the primary target first."""
        return by_image(self.targets)


def by_image(objects: Iterable[RequestedObject]) -> dict[int, tuple[int, ...]]:
    """Return the ids of objects by image, in the order of their first appearance."""
    ids: dict[int, tuple[int, ...]] = {}
    for one in objects:
        ids[one.image_id] = (*ids.get(one.image_id, ()), one.object_id)
    return ids
