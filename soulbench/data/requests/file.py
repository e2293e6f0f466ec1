"""Requests that a user wrote by hand, checked against what the filters kept."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from soulbench.core.errors import UserError
from soulbench.data.prepare.graphs import Graphs
from soulbench.data.prepare.selection import is_wide

COLUMNS = ("request", "image_id", "object_id")
ID_CHARACTERS = r"[A-Za-z0-9][A-Za-z0-9_-]*"  # a request's id becomes a folder's name
RESERVED = "any"


def read_requests(config: dict[str, Any]) -> pd.DataFrame | None:
    """Read `requests.file`; None where requests are drawn by rule.

    Returns:
        request (str), image_id, object_id (int64).

    Raises:
        UserError: no such file, no such columns, empty or repeated cells, numbers that are none.
    """
    if config["requests"]["file"] is None:
        return None
    path = Path(config["requests"]["file"])
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True)
    except FileNotFoundError:
        raise UserError(
            f"requests.file: there is no {path}; a CSV with the columns {', '.join(COLUMNS)} is expected"
        ) from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a CSV with the columns {', '.join(COLUMNS)} ({error})") from None
    missing = [name for name in COLUMNS if name not in frame]
    if missing or frame.empty:
        what = f"the column {missing[0]} is missing" if missing else "no request is in it"
        raise UserError(f"{path}: {what}; a header {','.join(COLUMNS)} and a line a request are expected")
    frame = frame[list(COLUMNS)].apply(lambda column: column.str.strip())
    _check_cells(path, frame)
    return frame.astype({"image_id": "int64", "object_id": "int64"})


def _check_cells(path: Path, frame: pd.DataFrame) -> None:
    for line, row in enumerate(frame.itertuples(index=False), start=2):
        for name in ("image_id", "object_id"):
            value = getattr(row, name)
            if not value.isascii() or not value.isdigit() or len(value) > 18:
                raise UserError(f"{path}, line {line}: {name} is {value!r}; a whole number is expected")
    odd = frame["request"][~frame["request"].str.fullmatch(ID_CHARACTERS) | (frame["request"] == RESERVED)]
    if len(odd):
        raise UserError(
            f"{path}, line {odd.index[0] + 2}: {odd.iloc[0]!r} cannot be a request's id; letters, digits, - "
            "and _ can "
            f"(and {RESERVED!r} is taken)"
        )
    for names in (["request"], ["image_id", "object_id"]):
        twice = frame[frame.duplicated(names)]
        if len(twice):
            what = ", ".join(f"{name} {twice.iloc[0][name]}" for name in names)
            raise UserError(
                f"{path}, line {twice.index[0] + 2}: {what} is there twice; each request is one object, once"
            )


def check_requests(
    config: dict[str, Any],
    wanted: pd.DataFrame | None,
    graphs: Graphs,
    image_ids: np.ndarray,
    people: pd.DataFrame,
) -> None:
    """Check that each requested object is a wide enough, human-labelled object of a training graph.

    Args:
        config: the whole configuration.
        wanted: of `read_requests`.
        graphs: what the filters kept.
        image_ids: images that are still there; fewer than in `graphs` where photographs were skipped.
        people: of `soulbench.data.prepare.selection.find_people`.

    Raises:
        UserError: it is not; says which filter left it out.
    """
    if wanted is None:
        return
    known = {
        (row.image_id, row.object_id): row for row in people.assign(wide=is_wide(config, people)).itertuples()
    }
    for request, image_id, object_id in wanted[list(COLUMNS)].values.tolist():
        reason = _reason(config, graphs, known, set(image_ids.tolist()), image_id, object_id)
        if reason:
            raise UserError(
                f"{config['requests']['file']}: request {request} names object {object_id} of image "
                f"{image_id}: {reason}"
            )


def _reason(
    config: dict[str, Any],
    graphs: Graphs,
    known: dict[Any, Any],
    images: set[int],
    image_id: int,
    object_id: int,
) -> str:
    """Return why an object cannot be requested, "" if it can."""
    fate = graphs.fate(image_id, object_id)
    if fate != "kept":
        return fate
    if image_id not in images:
        return "its photograph is missing or broken and was skipped"
    if (image_id, object_id) not in known:
        labels = ", ".join(config["human"]["labels"])
        return f"the human filter left it out: its label is not one of human.labels ({labels})"
    person = known[image_id, object_id]
    if not person.wide:
        return f"the human filter left it out: its width {person.width:.3f} is under human.min_width"
    if person.split != "train":
        return f"its image is in {person.split}; only what a model was trained on can be unlearned"
    return ""
