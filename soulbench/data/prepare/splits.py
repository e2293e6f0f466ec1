"""The split: which images are for training, validation and test."""

from pathlib import Path
from typing import Any

import numpy as np

from soulbench.core.errors import UserError
from soulbench.core.limits import LARGEST_LIST
from soulbench.core.seeds import derive_seed
from soulbench.core.user_files import parse_json, read_text

SPLITS = ("train", "val", "test")
NO_SPLIT = -1
EXPECTED = "an object with the keys train, val, test is expected, each a list of image ids"


def split_file(config: dict[str, Any], source_dir: Path) -> Path | None:
    """Return `data.split_file`, else `vg_splits.json` of the folder; None: the split is chosen at random."""
    if config["data"]["split_file"] is not None:
        return Path(config["data"]["split_file"])
    of_folder = Path(source_dir) / "vg_splits.json"
    return of_folder if of_folder.is_file() else None


def split_images(config: dict[str, Any], image_ids: np.ndarray, path: Path | None) -> np.ndarray:
    """Return each image's index into `SPLITS`, int8; `NO_SPLIT` where the split file does not name it."""
    if path is not None:
        return _from_file(path, image_ids)
    return _at_random(config["seed"], config["data"]["split_shares"], image_ids)


def _at_random(seed: int, shares: dict[str, float], image_ids: np.ndarray) -> np.ndarray:
    """Choose the split of each image from seed and id alone, so that no image moves when others come or go."""
    taken = shares["val"] + shares["test"]
    if taken >= 1:
        raise UserError(f"data.split_shares: val and test take {taken:g} of 1; train needs a part, too")
    position = np.array([derive_seed(seed, "split", image) / 2**63 for image in image_ids.tolist()])
    # val lies at the low end, test at the high end: changing one share leaves the other alone.
    in_test = position >= 1 - shares["test"]
    return np.where(position < shares["val"], 1, np.where(in_test, 2, 0)).astype(np.int8)


def _from_file(path: Path, image_ids: np.ndarray) -> np.ndarray:
    """Read sg2im's format: an object with one list of image ids per split."""
    content = _read(path)
    if not isinstance(content, dict) or set(content) != set(SPLITS):
        raise UserError(f"{path}: {EXPECTED}")
    row = {image: index for index, image in enumerate(image_ids.tolist())}
    split = np.full(len(image_ids), NO_SPLIT, np.int8)
    for index, name in enumerate(SPLITS):
        for image in _ids(path, name, content[name]):
            if image not in row:
                raise UserError(f"{path}: {name} names image {image}, which image_data.json does not list")
            if split[row[image]] != NO_SPLIT:
                raise UserError(f"{path}: {name} names image {image}, which was named before; once is enough")
            split[row[image]] = index
    return split


def _read(path: Path) -> Any:
    try:
        return parse_json(read_text(path, EXPECTED, LARGEST_LIST))
    except UserError:
        raise
    except (
        ValueError
    ) as error:  # with line and column, unless it is a constant, a key or a number of 5000 digits
        raise UserError(f"{path}: not a whole JSON file ({error}); {EXPECTED}") from None


def _ids(path: Path, name: str, ids: Any) -> list[int]:
    if not isinstance(ids, list):
        raise UserError(f"{path}: {name} is not a list of image ids (whole numbers)")
    for position, image in enumerate(ids):
        if type(image) is not int:
            raise UserError(
                f"{path}: {name} is not a list of image ids (whole numbers): entry {position} (counted from 0) is "
                f"{str(image)[:40]!r}"
            )
    return ids
