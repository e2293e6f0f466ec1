"""The classical preprocessing of Visual Genome on columns: which images, objects and relationships are kept.

The order is sg2im's: small images, object vocabulary, attribute vocabulary, small objects, relationship
vocabulary, counts per image, and last the choice of the objects of each graph.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from soulbench.core.errors import UserError
from soulbench.core.seeds import generator
from soulbench.data.packed import Vocabulary
from soulbench.data.prepare.annotations import Annotations
from soulbench.data.prepare.fates import ImageFate, ObjectFate, RelationshipFate, count_dropped
from soulbench.data.prepare.splits import NO_SPLIT, SPLITS

IMAGE_NODE, IN_IMAGE = "__image__", "__in_image__"


@dataclass
class FilteredObjects:
    """Columns parallel to the annotated objects (M)."""

    fate: np.ndarray  # int8 [M], `ObjectFate`
    category: np.ndarray  # int64 [M], 0: none
    box: np.ndarray  # float32 [M, 4]: x0, y0, x1, y1 in [0, 1]


@dataclass
class FilteredRelationships:
    """Columns parallel to the annotated relationships (R)."""

    fate: np.ndarray  # int8 [R], `RelationshipFate`
    predicate: np.ndarray  # int64 [R], 0: none


@dataclass
class Filtered:
    """What the filters made of the annotations, parallel to the columns of `Annotations`."""

    vocabulary: Vocabulary
    split: np.ndarray  # int8 [I], index into SPLITS
    image_fate: np.ndarray  # int8 [I], `ImageFate`
    objects: FilteredObjects
    relationships: FilteredRelationships
    attribute: np.ndarray  # int64 [A], -1: dropped
    chosen: np.ndarray  # bool [M]: in the graph of its image


def run_filters(config: dict[str, Any], annotations: Annotations, split: np.ndarray) -> Filtered:
    """Apply all filters of `config["data"]` in the classical order.

    Args:
        config: the whole configuration; reads `seed`, `data`.
        annotations: as read, with I images.
        split: index into SPLITS of each image, or NO_SPLIT; int8 [I].

    Raises:
        UserError: a vocabulary is empty, or no image is left.
    """
    thresholds = config["data"]
    image_fate = _image_fates(annotations, split, thresholds["min_image_side"])
    train = (split == SPLITS.index("train")) & (image_fate == ImageFate.KEPT)
    object_names = _object_vocabulary(annotations, train, thresholds["min_object_instances"])
    attribute_names = _attribute_vocabulary(annotations, train, thresholds["min_attribute_instances"])
    objects = _filter_objects(annotations, image_fate, object_names, thresholds["min_object_side"])
    predicate_names, relationships = _filter_relationships(annotations, objects.fate, train, thresholds)
    image_fate = _filter_by_counts(annotations, image_fate, objects.fate, relationships.fate, thresholds)
    dropped = image_fate != ImageFate.KEPT
    objects.fate[dropped[annotations.object_image]] = ObjectFate.IMAGE_DROPPED
    relationships.fate[dropped[annotations.relationship_image]] = RelationshipFate.IMAGE_DROPPED
    if dropped.all():
        raise UserError(
            f"no image is left: {count_dropped(image_fate, ImageFate)}; loosen the thresholds under `data`"
        )
    return Filtered(
        vocabulary=Vocabulary(object_names, predicate_names, attribute_names),
        split=split,
        image_fate=image_fate,
        objects=objects,
        relationships=relationships,
        attribute=_filter_attributes(
            annotations, attribute_names, objects.fate, thresholds["max_attributes"]
        ),
        chosen=_choose_objects(config, annotations, objects.fate, relationships.fate),
    )


def _image_fates(annotations: Annotations, split: np.ndarray, min_side: int) -> np.ndarray:
    small = annotations.images.size.min(axis=1) < min_side
    fates = [ImageFate.NOT_IN_SPLIT_FILE, ImageFate.SMALL]
    return np.select([split == NO_SPLIT, small], fates, ImageFate.KEPT).astype(np.int8)


def _frequent(counts: Mapping[str, int], least: int, kind: str, required: bool = True) -> list[str]:
    """Return the names with at least `least` instances, the most frequent first, ties by name."""
    names = sorted(
        (name for name, count in counts.items() if count >= least), key=lambda name: (-counts[name], name)
    )
    if required and not names:
        most = max(counts.items(), key=lambda item: item[1], default=None)
        frequent = f"the most frequent, {most[0]!r}, has {most[1]}" if most else "there is none at all"
        raise UserError(
            f"the {kind} vocabulary is empty: no {kind} has {least} instances in train ({frequent}); "
            f"lower data.min_{kind}_instances"
        )
    return names


def _count_names(names: list[str], numbers: np.ndarray) -> dict[str, int]:
    return dict(zip(names, np.bincount(numbers, minlength=len(names)).tolist(), strict=True))


def _object_vocabulary(annotations: Annotations, train: np.ndarray, least: int) -> list[str]:
    in_train = train[annotations.object_image[annotations.name_object]]
    counts = _count_names(annotations.object_names.all, annotations.name[in_train])
    return [IMAGE_NODE, *_frequent(counts, least, "object")]


def _attribute_vocabulary(annotations: Annotations, train: np.ndarray, least: int) -> list[str]:
    in_train = train[annotations.object_image[annotations.attribute_object]]
    counts = _count_names(annotations.attribute_names.all, annotations.attribute[in_train])
    return _frequent(counts, least, "attribute", required=False)


def _vocabulary_indices(names: list[str], vocabulary: list[str], missing: int) -> np.ndarray:
    """Return the vocabulary index of each name, and one more element so that an empty list can be indexed."""
    index = {name: number for number, name in enumerate(vocabulary)}
    return np.array([*(index.get(name, missing) for name in names), missing], np.int64)


def _categories(annotations: Annotations, vocabulary: list[str]) -> np.ndarray:
    """Return the first of each object's names that is in the vocabulary, 0 where there is none."""
    index = _vocabulary_indices(annotations.object_names.all, vocabulary, 0)[annotations.name]
    category = np.zeros(len(annotations.object_id), np.int64)
    in_vocabulary = index > 0
    owner, first = np.unique(annotations.name_object[in_vocabulary], return_index=True)
    category[owner] = index[in_vocabulary][first]
    return category


def _unit_boxes(annotations: Annotations) -> np.ndarray:
    """Return x0, y0, x1, y1 as shares of the image's width and height, clipped to [0, 1]."""
    size = np.tile(annotations.images.size[annotations.object_image], 2)
    start, extent = annotations.box[:, :2], annotations.box[:, 2:]
    with np.errstate(over="ignore", invalid="ignore"):  # absurd boxes become NaN and are dropped as outside
        corners = np.concatenate([start, start + extent], axis=1)
        return np.clip(corners / size, 0, 1).astype(np.float32)


def _filter_objects(
    annotations: Annotations, image_fate: np.ndarray, vocabulary: list[str], min_side: int
) -> FilteredObjects:
    category, box = _categories(annotations, vocabulary), _unit_boxes(annotations)
    conditions = {
        ObjectFate.IMAGE_DROPPED: (image_fate != ImageFate.KEPT)[annotations.object_image],
        ObjectFate.NO_CATEGORY: category == 0,
        ObjectFate.SMALL: annotations.box[:, 2:].min(axis=1, initial=np.inf) < min_side,
        ObjectFate.OUTSIDE: ~(box[:, 2:] > box[:, :2]).all(axis=1),
    }
    fate = np.select(list(conditions.values()), list(conditions), ObjectFate.KEPT)
    return FilteredObjects(fate.astype(np.int8), category, box)


def _filter_relationships(
    annotations: Annotations, object_fate: np.ndarray, train: np.ndarray, thresholds: dict[str, Any]
) -> tuple[list[str], FilteredRelationships]:
    """Return the predicate vocabulary and what became of each relationship."""
    object_kept = np.append(object_fate == ObjectFate.KEPT, False)  # index -1: the end is not there
    ends_kept = object_kept[annotations.subject] & object_kept[annotations.object]
    counted = ends_kept & train[annotations.relationship_image]
    names = _normalised_predicates(annotations, counted, thresholds["alias_predicates"])
    required, least = thresholds["min_relationships"] > 0, thresholds["min_predicate_instances"]
    vocabulary = [IN_IMAGE, *_frequent(Counter(names[counted].tolist()), least, "predicate", required)]
    index = {name: number for number, name in enumerate(vocabulary)}
    predicate = np.array([index.get(name, 0) for name in names.tolist()], np.int64)
    fates = [RelationshipFate.END_DROPPED, RelationshipFate.NO_PREDICATE]
    fate = np.select([~ends_kept, predicate == 0], fates, RelationshipFate.KEPT)
    return vocabulary, FilteredRelationships(fate.astype(np.int8), predicate)


def _normalised_predicates(annotations: Annotations, counted: np.ndarray, mode: str) -> np.ndarray:
    """Return the predicate of each relationship, lower-cased, stripped and with aliases replaced.

    With mode `train` this applies only where `counted`: sg2im changes the training relationships that it counts
    and forgets the others, which then match the vocabulary only if they were written that way.
    """
    raw = annotations.predicate_names.all
    aliases = annotations.predicate_aliases
    normal = [aliases.get(name, name) for name in (name.lower().strip() for name in raw)]
    normalised = np.array([*normal, ""], object)[annotations.predicate]
    if mode == "all":
        return normalised
    return np.where(counted, normalised, np.array([*raw, ""], object)[annotations.predicate])


def _filter_by_counts(
    annotations: Annotations,
    image_fate: np.ndarray,
    object_fate: np.ndarray,
    relationship_fate: np.ndarray,
    thresholds: dict[str, Any],
) -> np.ndarray:
    """Drop images with too few or too many kept objects or relationships."""
    images = len(image_fate)
    objects = annotations.object_image[object_fate == ObjectFate.KEPT]
    relationships = annotations.relationship_image[relationship_fate == RelationshipFate.KEPT]
    object_count = np.bincount(objects, minlength=images)
    relationship_count = np.bincount(relationships, minlength=images)
    conditions = {
        ImageFate.FEW_OBJECTS: object_count < thresholds["min_objects"],
        ImageFate.MANY_OBJECTS: object_count > thresholds["max_objects"],
        ImageFate.FEW_RELATIONSHIPS: relationship_count < thresholds["min_relationships"],
        ImageFate.MANY_RELATIONSHIPS: relationship_count > thresholds["max_relationships"],
    }
    fate = np.select(list(conditions.values()), list(conditions), ImageFate.KEPT)
    return np.where(image_fate != ImageFate.KEPT, image_fate, fate).astype(np.int8)


def _filter_attributes(
    annotations: Annotations, vocabulary: list[str], object_fate: np.ndarray, most: int
) -> np.ndarray:
    """Return attribute indices; -1 for those of dropped objects, not in the vocabulary, or beyond `most` per object."""
    index = _vocabulary_indices(annotations.attribute_names.all, vocabulary, -1)[annotations.attribute]
    index[object_fate[annotations.attribute_object] != ObjectFate.KEPT] = -1
    count: Counter[int] = Counter()
    for row in np.flatnonzero(index >= 0).tolist():
        owner = int(annotations.attribute_object[row])
        count[owner] += 1
        if count[owner] > most:
            index[row] = -1
    return index


def _choose_objects(
    config: dict[str, Any], annotations: Annotations, object_fate: np.ndarray, relationship_fate: np.ndarray
) -> np.ndarray:
    """Choose the objects of each graph, those with relationships first; depends on seed and image id alone."""
    related = np.zeros(len(object_fate), bool)
    kept = relationship_fate == RelationshipFate.KEPT
    related[annotations.subject[kept]] = related[annotations.object[kept]] = True
    chosen, most = object_fate == ObjectFate.KEPT, config["data"]["objects_per_image"]
    count = np.bincount(annotations.object_image[chosen], minlength=len(annotations.images.image_id))
    order = np.flatnonzero(chosen & (count > most)[annotations.object_image])
    borders = np.flatnonzero(np.diff(annotations.object_image[order])) + 1
    for rows in np.split(order, borders) if len(order) else ():
        image_id = int(annotations.images.image_id[annotations.object_image[rows[0]]])
        rank = generator(config["seed"], "graph objects", image_id).random(len(rows)) - related[rows]
        chosen[rows[np.argsort(rank, kind="stable")[most:]]] = False
    return chosen
