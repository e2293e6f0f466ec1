"""Selection of images with people: the fine-tuning subset and the held-out images."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from soulbench.core.errors import UserError
from soulbench.core.seeds import derive_seed


def find_people(
    config: dict[str, Any],
    names: Sequence[str],
    *,
    image_ids: np.ndarray,
    splits: np.ndarray,
    offsets: np.ndarray,
    object_ids: np.ndarray,
    categories: np.ndarray,
    boxes: np.ndarray,
) -> pd.DataFrame:
    """List every object with a human label, in the order of the images.

    Args:
        config: the whole configuration; reads `human.labels`.
        names: object vocabulary.
        image_ids: [N].
        splits: of the images, [N].
        offsets: of each image's objects in the object columns, [N + 1].
        object_ids: [n].
        categories: indices into `names`, [n].
        boxes: x0, y0, x1, y1 in [0, 1], [n, 4].

    Returns:
        image_id, object_id, label, x0, y0, x1, y1, width (share of the image's width), split.

    Raises:
        UserError: the vocabulary has none of the labels, or no kept object has one.
    """
    labels = [name for name in config["human"]["labels"] if name in names]
    if not labels:
        raise UserError(
            f"no image with a human label: none of human.labels ({', '.join(config['human']['labels'])}) is in the "
            f"object vocabulary ({', '.join(names[1:31])}); name labels that are, or lower data.min_object_instances"
        )
    rows = np.flatnonzero(np.isin(categories, [names.index(label) for label in labels]))
    if not len(rows):
        raise UserError(f"no image with a human label: no kept object is called {', '.join(labels)}")
    image = np.searchsorted(offsets, rows, side="right") - 1
    box = boxes[rows].astype(np.float64)
    return pd.DataFrame(
        {
            "image_id": image_ids[image],
            "object_id": object_ids[rows],
            "label": [names[category] for category in categories[rows].tolist()],
            "x0": box[:, 0],
            "y0": box[:, 1],
            "x1": box[:, 2],
            "y1": box[:, 3],
            "width": box[:, 2] - box[:, 0],
            "split": splits[image],
        }
    )


def is_wide(config: dict[str, Any], people: pd.DataFrame) -> pd.Series:
    """Return which people are wide enough (`human.min_width`); bool, parallel to `people`."""
    return people["width"] >= config["human"]["min_width"]


def choose_subset(config: dict[str, Any], people: pd.DataFrame, required: Sequence[int] = ()) -> list[int]:
    """Return the sorted ids of the fine-tuning subset: `human.size` training images (null: all), `required` included.

    `human.selection: labels` takes images with a wide enough object of any label, the labels in turns, so that
    rare labels are represented. `first_instance` is the release's rule: from the first image with a wide enough
    object on, the images with that object's label, in the order of the data.

    Raises:
        UserError: there are fewer such images.
    """
    train = people[people["split"] == "train"]
    wide = train[is_wide(config, train)]
    by_rule = (
        _first_instance(train, wide)
        if config["human"]["selection"] == "first_instance"
        else _in_turns(config, wide)
    )
    size = config["human"]["size"]
    order = list(dict.fromkeys([*required, *by_rule]))
    if len(order) < (size or 1):
        raise UserError(
            f"human.size: {size or 'some'} images are wanted, but only {len(order)} training images have an object "
            f"called {', '.join(config['human']['labels'])} that takes human.min_width = "
            f"{config['human']['min_width']:g} of the image's width; lower one of the two, or bring more images"
        )
    if size is not None and len(required) > size:
        raise UserError(
            f"human.size: {size} images are wanted, but the requests name {len(required)}; raise it"
        )
    return sorted(order[:size])


def _first_instance(train: pd.DataFrame, wide: pd.DataFrame) -> list[int]:
    if wide.empty:
        return []
    first = wide.iloc[0]
    same = train.loc[train["label"] == first["label"], "image_id"].drop_duplicates().tolist()
    return same[same.index(first["image_id"]) :]


def _in_turns(config: dict[str, Any], wide: pd.DataFrame) -> list[int]:
    """Return all images: the labels in turns, the rarest first; those of one label in random order, by seed and id."""
    frame = wide.drop_duplicates(["image_id", "label"]).copy()
    frame["random"] = [derive_seed(config["seed"], "subset", image) for image in frame["image_id"]]
    frame = frame.sort_values("random")
    frame["turn"] = frame.groupby("label").cumcount()
    frame["number"] = frame["label"].map(frame["label"].value_counts())
    ordered = frame.sort_values(["turn", "number", "label"], kind="stable")
    return list(dict.fromkeys(ordered["image_id"].tolist()))


def choose_heldout(config: dict[str, Any], people: pd.DataFrame) -> list[int]:
    """Return at most `human.heldout` images outside the training split with a human label, wide people first."""
    outside = people[people["split"] != "train"]
    wide = is_wide(config, outside)
    order = dict.fromkeys(_in_turns(config, outside[wide]) + _in_turns(config, outside[~wide]))
    return sorted(list(order)[: config["human"]["heldout"]])
