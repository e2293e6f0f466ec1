"""The classical preprocessing of Visual Genome on columns: what is kept, and why the rest is not.

The order is sg2im's: small images, object vocabulary, attribute vocabulary, small objects, relationship
vocabulary, counts per image, and last the choice of each graph's objects.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from soulbench.core.errors import UserError
from soulbench.core.seeds import generator
from soulbench.data.prepare.annotations import Annotations
from soulbench.data.prepare.splits import NO_SPLIT

IMAGE_NODE, IN_IMAGE = "__image__", "__in_image__"
KEPT, GONE_WITH_IMAGE = 0, 1
IMAGE_FATES = (
    "kept",
    "not in the split file",
    "a side under data.min_image_side",
    "fewer objects than data.min_objects",
    "more objects than data.max_objects",
    "fewer relationships than data.min_relationships",
    "more relationships than data.max_relationships",
)
OBJECT_FATES = (
    "kept",
    "its image was dropped",
    "none of its names in the vocabulary (data.min_object_instances)",
    "width or height under data.min_object_side",
    "box outside of the image",
    "not chosen for its image's graph (data.objects_per_image)",
)
RELATIONSHIP_FATES = (
    "kept",
    "its image was dropped",
    "an end was dropped or is not there",
    "predicate not in the vocabulary (data.min_predicate_instances)",
)


@dataclass
class Filtered:
    """What the filters made of the annotations, parallel to their columns; fates index the tuples above."""

    split: np.ndarray  # int8 [I], index into SPLITS
    objects: list[str]  # vocabulary, index order
    predicates: list[str]
    attributes: list[str]
    image_fate: np.ndarray  # int8 [I]
    object_fate: np.ndarray  # int8 [M]
    relationship_fate: np.ndarray  # int8 [R]
    category: np.ndarray  # int64 [M], 0: none
    predicate: np.ndarray  # int64 [R], 0: none
    attribute: np.ndarray  # int64 [A], -1: dropped
    box: np.ndarray  # float32 [M, 4]: x0, y0, x1, y1 in [0, 1]
    chosen: np.ndarray  # bool [M]: in its image's graph


def run_filters(config: dict[str, Any], notes: Annotations, split: np.ndarray) -> Filtered:
    """Apply all filters of `config["data"]` in the classical order; `split` is that of each image.

    Raises:
        UserError: a vocabulary is empty, or no image is left.
    """
    data = config["data"]
    image_fate = _small_images(notes, split, data["min_image_side"])
    train = (split == 0) & (image_fate == KEPT)
    objects = _object_vocabulary(notes, train, data["min_object_instances"])
    attributes = _attribute_vocabulary(notes, train, data["min_attribute_instances"])
    category, box = _categories(notes, objects), _unit_boxes(notes)
    object_fate = _object_fates(notes, image_fate, category, box, data["min_object_side"])
    ends = _ends_kept(notes, object_fate)
    written = _written_predicates(notes, ends & train[notes.relationship_image], data["alias_predicates"])
    predicates = [
        IN_IMAGE,
        *_vocabulary(
            Counter(written[ends & train[notes.relationship_image]].tolist()),
            data["min_predicate_instances"],
            "predicate",
            needed=data["min_relationships"] > 0,
        ),
    ]
    predicate = np.array([_index(predicates).get(one, 0) for one in written.tolist()], np.int64)
    relationship_fate = np.select([~ends, predicate == 0], [2, 3], KEPT).astype(np.int8)
    image_fate = _count_filter(notes, image_fate, object_fate == KEPT, relationship_fate == KEPT, data)
    object_fate[(image_fate != KEPT)[notes.object_image]] = GONE_WITH_IMAGE
    relationship_fate[(image_fate != KEPT)[notes.relationship_image]] = GONE_WITH_IMAGE
    if not (image_fate == KEPT).any():
        raise UserError(
            f"no image is left: {fates(image_fate, IMAGE_FATES)}; loosen the thresholds under `data`"
        )
    attribute = _attributes(notes, attributes, object_fate == KEPT, data["max_attributes"])
    chosen = _choose(config, notes, object_fate == KEPT, relationship_fate == KEPT)
    return Filtered(
        split,
        objects,
        predicates,
        attributes,
        image_fate,
        object_fate,
        relationship_fate,
        category,
        predicate,
        attribute,
        box,
        chosen,
    )


def fates(fate: np.ndarray, names: tuple[str, ...]) -> dict[str, int]:
    """Count each fate that occurs but `kept`."""
    counts = np.bincount(fate, minlength=len(names))
    return {name: int(count) for name, count in zip(names[1:], counts[1:], strict=True) if count}


def _small_images(notes: Annotations, split: np.ndarray, side: int) -> np.ndarray:
    small = notes.images.size.min(axis=1) < side
    return np.select([split == NO_SPLIT, small], [1, 2], KEPT).astype(np.int8)


def _vocabulary(counts: Mapping[str, int], least: int, kind: str, needed: bool = True) -> list[str]:
    """Return the names that occur often enough: most frequent first, ties by name."""
    kept = sorted(
        (name for name, count in counts.items() if count >= least), key=lambda name: (-counts[name], name)
    )
    if needed and not kept:
        most = max(counts.items(), key=lambda item: item[1], default=None)
        found = f"the most frequent, {most[0]!r}, has {most[1]}" if most else "there is none at all"
        raise UserError(
            f"the {kind} vocabulary is empty: no {kind} has {least} instances in train ({found}); "
            f"lower data.min_{kind}_instances"
        )
    return kept


def _index(names: list[str]) -> dict[str, int]:
    return {name: index for index, name in enumerate(names)}


def _counts(names: list[str], numbers: np.ndarray) -> dict[str, int]:
    return dict(zip(names, np.bincount(numbers, minlength=len(names)).tolist(), strict=True))


def _object_vocabulary(notes: Annotations, train: np.ndarray, least: int) -> list[str]:
    in_train = train[notes.object_image[notes.name_object]]
    return [IMAGE_NODE, *_vocabulary(_counts(notes.object_names.all, notes.name[in_train]), least, "object")]


def _attribute_vocabulary(notes: Annotations, train: np.ndarray, least: int) -> list[str]:
    in_train = train[notes.object_image[notes.attribute_object]]
    return _vocabulary(
        _counts(notes.attribute_names.all, notes.attribute[in_train]), least, "attribute", needed=False
    )


def _numbers(names: list[str], vocabulary: list[str], missing: int) -> np.ndarray:
    """Return each name's vocabulary index, and one element more so that an empty list can be indexed."""
    index = _index(vocabulary)
    return np.array([*(index.get(name, missing) for name in names), missing], np.int64)


def _categories(notes: Annotations, vocabulary: list[str]) -> np.ndarray:
    """Return the first of each object's names that is in the vocabulary, 0 where there is none."""
    number = _numbers(notes.object_names.all, vocabulary, 0)[notes.name]
    category = np.zeros(len(notes.object_id), np.int64)
    known = number > 0
    owner, first = np.unique(notes.name_object[known], return_index=True)
    category[owner] = number[known][first]
    return category


def _unit_boxes(notes: Annotations) -> np.ndarray:
    """Return x0, y0, x1, y1 as shares of the image's width and height, clipped to [0, 1]."""
    size = np.tile(notes.images.size[notes.object_image], 2)
    corners = np.concatenate([notes.box[:, :2], notes.box[:, :2] + notes.box[:, 2:]], axis=1)
    return np.clip(corners / size, 0, 1).astype(np.float32)


def _object_fates(
    notes: Annotations, image_fate: np.ndarray, category: np.ndarray, box: np.ndarray, side: int
) -> np.ndarray:
    conditions = [
        (image_fate != KEPT)[notes.object_image],
        category == 0,
        notes.box[:, 2:].min(axis=1, initial=np.inf) < side,
        (box[:, 2:] <= box[:, :2]).any(axis=1),
    ]
    return np.select(conditions, range(1, 5), KEPT).astype(np.int8)


def _ends_kept(notes: Annotations, object_fate: np.ndarray) -> np.ndarray:
    kept = np.append(object_fate == KEPT, False)  # index -1: the end is not there
    return kept[notes.subject] & kept[notes.object]


def _written_predicates(notes: Annotations, touched: np.ndarray, mode: str) -> np.ndarray:
    """Return each relationship's predicate, lower-cased, stripped and aliased.

    With `train` only where `touched`: sg2im changes the training relationships that it counts and forgets the
    others, which then match the vocabulary only if they were written that way.
    """
    raw = notes.predicate_names.all
    tidy = [notes.predicate_aliases.get(one, one) for one in (name.lower().strip() for name in raw)]
    if mode == "all":
        return np.array([*tidy, ""], object)[notes.predicate]
    return np.where(
        touched, np.array([*tidy, ""], object)[notes.predicate], np.array([*raw, ""], object)[notes.predicate]
    )


def _count_filter(
    notes: Annotations,
    image_fate: np.ndarray,
    objects: np.ndarray,
    relationships: np.ndarray,
    data: dict[str, Any],
) -> np.ndarray:
    """Drop images with too few or too many kept objects or relationships."""
    images = len(image_fate)
    number = np.bincount(notes.object_image[objects], minlength=images)
    edges = np.bincount(notes.relationship_image[relationships], minlength=images)
    conditions = [
        image_fate != KEPT,
        number < data["min_objects"],
        number > data["max_objects"],
        edges < data["min_relationships"],
        edges > data["max_relationships"],
    ]
    return np.select(conditions, [image_fate, 3, 4, 5, 6], KEPT).astype(np.int8)


def _attributes(notes: Annotations, vocabulary: list[str], kept: np.ndarray, most: int) -> np.ndarray:
    """Return attribute numbers, -1 for unknown ones, dropped objects', and those beyond `most` an object."""
    number = _numbers(notes.attribute_names.all, vocabulary, -1)[notes.attribute]
    number[~kept[notes.attribute_object]] = -1
    place: Counter[int] = Counter()
    for row in np.flatnonzero(number >= 0).tolist():
        owner = int(notes.attribute_object[row])
        place[owner] += 1
        if place[owner] > most:
            number[row] = -1
    return number


def _choose(
    config: dict[str, Any], notes: Annotations, objects: np.ndarray, relationships: np.ndarray
) -> np.ndarray:
    """Choose the objects of each graph, related ones first; a function of seed and image id alone."""
    related = np.zeros(len(objects), bool)
    related[notes.subject[relationships]] = related[notes.object[relationships]] = True
    chosen, most = objects.copy(), config["data"]["objects_per_image"]
    number = np.bincount(notes.object_image[objects], minlength=len(notes.images.url))
    order = np.flatnonzero(objects & (number > most)[notes.object_image])
    for rows in np.split(order, np.flatnonzero(np.diff(notes.object_image[order])) + 1) if len(order) else ():
        image_id = int(notes.images.image_id[notes.object_image[rows[0]]])
        rank = generator(config["seed"], "graph objects", image_id).random(len(rows)) - related[rows]
        chosen[rows[np.argsort(rank, kind="stable")[most:]]] = False
    return chosen
