"""Whom each box of the packed set shows, and who is asked for: no crop of these may train the identity encoder."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from soulbench.core.seeds import generator
from soulbench.core.terms import REQUESTED
from soulbench.data.crops import Crops
from soulbench.data.packed import PackedScenes

#: Crops of objects that nobody knows by name: so many are more than an encoder is trained on.
MOST_OBJECTS = 20_000
#: Identities of a gallery, the one that is asked for among them.
GALLERY = 100


@dataclass(frozen=True)
class Identities:
    """The crops of a packed set with their identities.

    Attributes:
        crops: of individuals, where these are known by name; else each object has an identity of its own.
        objects: image and object id of each crop.
        known: whether individuals are known.
        reserved: identities that a request asks for, and their twins.
    """

    crops: Crops
    objects: list[tuple[int, int]]
    known: bool
    reserved: frozenset[str]

    @classmethod
    def of(
        cls, packed: PackedScenes, individuals: pd.DataFrame, requests: pd.DataFrame, seed: int
    ) -> "Identities":
        """Return the identities of a packed set.

        Args:
            packed: the packed set.
            individuals: from `soulbench.data.requests.individuals.read_individuals`; empty if nobody is known.
            requests: requests.csv: all its rows count, whatever they are for.
            seed: of the choice where there are more objects than `MOST_OBJECTS`.
        """
        image_of = np.repeat(np.arange(len(packed)), np.diff(packed.offsets))
        ids = zip(packed.image_ids[image_of].tolist(), packed.object_ids.tolist(), strict=True)
        row_of = {pair: row for row, pair in enumerate(ids) if pair[1] >= 0}
        asked = dict.fromkeys(_ids(requests))
        rows, identities, twins = list[int](), list[str](), dict[str, str]()
        for pair, individual, twin in zip(
            _ids(individuals), *_columns(individuals, "individual", "twin"), strict=True
        ):
            if pair in row_of and individual:
                rows.append(row_of[pair])
                identities.append(individual)
                twins |= {individual: twin} if twin else {}
        known = bool(rows)
        if known:
            wanted = {name for name in requests["individual"] if name}
            reserved = wanted | {twins[name] for name in wanted if name in twins}
        else:
            rows = _some(packed, row_of, asked, seed)
            identities = [object_name(*pair) for pair in _pairs(packed, image_of, rows)]
            reserved = {object_name(*pair) for pair in asked}
        chosen = np.array(rows, dtype=np.int64)
        crops = Crops(
            packed.pixels,
            image_of[chosen],
            packed.boxes[chosen],
            [packed.vocabulary.objects[category] for category in packed.categories[chosen].tolist()],
            identities,
            twins,
        )
        return cls(crops, _pairs(packed, image_of, rows), known, frozenset(reserved))


def object_name(image_id: int, object_id: int) -> str:
    """Return the identity of an object that shows nobody who is known."""
    return f"{image_id}/{object_id}"


def asked_for(requests: pd.DataFrame) -> Iterable[tuple[str, tuple[int, int], str]]:
    """Yield request, ids and individual of each object that was asked for; what goes along has no identity."""
    asked = requests[requests["role"] == REQUESTED]
    names, individuals = _columns(asked, "request", "individual")
    yield from zip(names, _ids(asked), individuals, strict=True)


def _ids(table: pd.DataFrame) -> list[tuple[int, int]]:
    return list(zip(table["image_id"].tolist(), table["object_id"].tolist(), strict=True))


def _columns(table: pd.DataFrame, *names: str) -> list[list[str]]:
    return [table[name].tolist() for name in names]


def _pairs(packed: PackedScenes, image_of: np.ndarray, rows: list[int]) -> list[tuple[int, int]]:
    images, objects = packed.image_ids[image_of[rows]], packed.object_ids[rows]
    return list(zip(images.tolist(), objects.tolist(), strict=True))


def _some(
    packed: PackedScenes,
    row_of: dict[tuple[int, int], int],
    asked: Iterable[tuple[int, int]],
    seed: int,
) -> list[int]:
    """Return rows of objects: those asked for, galleries of their categories, and others, `MOST_OBJECTS` of them."""
    wanted = np.array([row_of[pair] for pair in asked if pair in row_of], dtype=np.int64)
    order = generator(seed, "identity-objects").permutation(np.array(list(row_of.values()), dtype=np.int64))
    categories = packed.categories[order]
    galleries = [order[categories == category][:GALLERY] for category in np.unique(packed.categories[wanted])]
    return sorted({*wanted.tolist(), *np.concatenate([order[:MOST_OBJECTS], *galleries]).tolist()})
