"""What requests are made from: the kept objects, the people among them, who they are, and where relationships lead."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from soulbench.core.terms import ATTACHED, ELSEWHERE, REQUESTED, Kind
from soulbench.data.packed import Vocabulary
from soulbench.data.prepare.graphs import Graphs
from soulbench.data.prepare.selection import is_wide
from soulbench.data.prepare.splits import SPLITS

#: So many people make a group.
GROUP = 3


class Member(NamedTuple):
    """An object of a request; `role` is one of `soulbench.core.terms.ROLES`."""

    image_id: int
    object_id: int
    role: str = REQUESTED

    @property
    def ids(self) -> tuple[int, int]:
        """Return image and object id."""
        return self.image_id, self.object_id

    @property
    def words(self) -> str:
        """Return the same in words."""
        return f"object {self.object_id} of image {self.image_id}"


class Person(NamedTuple):
    """A person in an image.

    Attributes:
        image_id, object_id: as in the annotations.
        label: the category's name.
        width: share of the image's width.
        individual, twin: who it is, and the individual's twin; blank if that is not known.
        wide: whether the width suffices (`human.min_width`).
        train: whether the image is in the training split.
    """

    image_id: int
    object_id: int
    label: str
    width: float
    individual: str
    twin: str
    wide: bool
    train: bool


@dataclass(frozen=True)
class Catalogue:
    """The objects of the kept images.

    Attributes:
        config: the whole configuration; `human` is read.
        graphs: what the filters kept.
        vocabulary: of these graphs.
        images: ids of the images that can be used; fewer than in `graphs` if photographs were skipped.
        people: from `soulbench.data.prepare.selection.find_people`.
        individuals: from `soulbench.data.requests.individuals.read_individuals`.
    """

    config: dict[str, Any]
    graphs: Graphs
    vocabulary: Vocabulary
    images: frozenset[int]
    people: pd.DataFrame
    individuals: pd.DataFrame

    @cached_property
    def persons(self) -> list[Person]:
        """Return the people, in the order of the images."""
        table = self.people.merge(self.individuals, how="left", on=["image_id", "object_id"])
        table = table.fillna({"individual": "", "twin": ""})
        table = table.assign(wide=is_wide(self.config, table), train=table["split"] == "train")
        return [Person(*row) for row in zip(*(table[name].tolist() for name in Person._fields), strict=True)]

    @cached_property
    def _persons_by_ids(self) -> dict[tuple[int, int], Person]:
        return {(one.image_id, one.object_id): one for one in self.persons}

    def person(self, image_id: int, object_id: int) -> Person | None:
        """Return the person that an object shows; None if it is none."""
        return self._persons_by_ids.get((image_id, object_id))

    @cached_property
    def people_in(self) -> Counter[int]:
        """Return the number of people by image."""
        return Counter(one.image_id for one in self.persons)

    @cached_property
    def appearances(self) -> dict[str, list[Person]]:
        """Return, by individual, where they appear in training images: wide ones, by usual label, widest first."""
        known = [one for one in self.persons if one.individual and one.train]
        usual = Counter((one.individual, one.label) for one in known)
        found: dict[str, list[Person]] = {}
        for one in sorted(
            known, key=lambda one: (not one.wide, -usual[one.individual, one.label], -one.width)
        ):
            found.setdefault(one.individual, []).append(one)
        return found

    def individual(self, member: Member) -> str:
        """Return who a member is, blank if it is no person or if that is not known."""
        person = self.person(*member.ids)
        return person.individual if person else ""

    def shown(self, members: Iterable[Member]) -> frozenset[str]:
        """Return the images and the known individuals of some members, in words."""
        listed = list(members)
        people = {name for one in listed if (name := self.individual(one))}
        return frozenset(
            [*(f"image {one.image_id}" for one in listed), *(f"individual {name}" for name in people)]
        )

    def led_to(self, image_id: int, object_id: int, predicates: Sequence[str]) -> list[int]:
        """Return the ids of the objects that relationships with these predicates lead to from an object."""
        row = self._row(image_id)
        ids = self._ids(row)
        triples = self.graphs.triple[
            self.graphs.triple_offset[row] : self.graphs.triple_offset[row + 1]
        ].tolist()
        names = self.vocabulary.predicates
        ends = [end for start, name, end in triples if ids[start] == object_id and names[name] in predicates]
        return [ids[end] for end in dict.fromkeys(ends) if ids[end] != object_id]

    def split(self, image_id: int) -> str:
        """Return the split of a kept image."""
        return SPLITS[int(self.graphs.split[self._row(image_id)])]

    def _row(self, image_id: int) -> int:
        return int(np.flatnonzero(self.graphs.image_id == image_id)[0])

    def _ids(self, row: int) -> list[int]:
        ids: list[int] = self.graphs.object_id[self.graphs.offset[row] : self.graphs.offset[row + 1]].tolist()
        return ids

    def elsewhere(self, members: Sequence[Member]) -> list[Member]:
        """Return the appearances, in other objects of training images, of the individuals who are asked for."""
        taken = {member.ids for member in members}
        names = dict.fromkeys(self.individual(member) for member in members if member.role == REQUESTED)
        people = [one for name in names for one in self.appearances.get(name, ())]
        found = [Member(one.image_id, one.object_id, ELSEWHERE) for one in people]
        return [member for member in found if member.ids not in taken]

    def kind(self, members: Sequence[Member]) -> Kind:
        """Return what the objects of a request are together.

        A person: all appearances, and more than one, of individuals who are known. Attached: something goes along. A
        group: one or some of at least `GROUP` people in one image, but not all. An object: anything else.
        """
        asked = [member for member in members if member.role == REQUESTED]
        if len(asked) > 1 and all(map(self.individual, asked)) and not self.elsewhere(members):
            return "person"
        if any(member.role == ATTACHED for member in members):
            return "attached"
        images = {member.image_id for member in asked}
        people = max(self.people_in[image] for image in images)
        return "group" if len(images) == 1 and people >= GROUP and people > len(asked) else "object"

    def rows(self, members: Sequence[Member]) -> pd.DataFrame:
        """Return the rows of requests.csv that describe some members: role, individual, ids, category, box, width."""
        rows = []
        for member in members:
            image = self._row(member.image_id)
            index = int(self.graphs.offset[image]) + self._ids(image).index(member.object_id)
            label = self.vocabulary.objects[self.graphs.category[index]]
            x0, y0, x1, y1 = self.graphs.box[index].astype(np.float64).tolist()
            rows.append((member.role, self.individual(member), *member.ids, label, x0, y0, x1, y1, x1 - x0))
        names = ("role", "individual", "image_id", "object_id", "category", "x0", "y0", "x1", "y1", "width")
        return pd.DataFrame(rows, columns=names)
