"""Requests that a user wrote, checked against what the filters kept."""

from typing import Any

import numpy as np
import pandas as pd

from soulbench.config import requests_file
from soulbench.config.requests_file import COLUMNS
from soulbench.core.errors import UserError
from soulbench.data.prepare.graphs import Graphs
from soulbench.data.prepare.selection import is_wide


def read_requests(config: dict[str, Any]) -> pd.DataFrame | None:
    """Read `requests.file` as a table: request (str), image_id, object_id (int64).

    None where requests are chosen by rule.
    """
    rows = requests_file.read(config)
    return None if rows is None else pd.DataFrame(rows, columns=COLUMNS)


def check_requests(
    config: dict[str, Any],
    requests: pd.DataFrame | None,
    graphs: Graphs,
    image_ids: np.ndarray,
    people: pd.DataFrame,
) -> None:
    """Check that each requested object is a wide enough, human-labelled object of a training graph.

    Args:
        config: the whole configuration.
        requests: from `read_requests`.
        graphs: what the filters kept.
        image_ids: images that can still be used; fewer than in `graphs` if photographs were skipped.
        people: from `soulbench.data.prepare.selection.find_people`.

    Raises:
        UserError: one is not; the message names the filter that left it out.
    """
    if requests is None:
        return
    by_ids = {
        (row.image_id, row.object_id): row for row in people.assign(wide=is_wide(config, people)).itertuples()
    }
    for request, image_id, object_id in requests[list(COLUMNS)].values.tolist():
        reason = _reason(config, graphs, by_ids, set(image_ids.tolist()), image_id, object_id)
        if reason:
            raise UserError(
                f"{config['requests']['file']}: request {request} names object {object_id} of image "
                f"{image_id}: {reason}"
            )


def _reason(
    config: dict[str, Any],
    graphs: Graphs,
    people: dict[Any, Any],
    images: set[int],
    image_id: int,
    object_id: int,
) -> str:
    """Return why an object cannot be requested, "" if it can."""
    dropped = graphs.why_dropped(image_id, object_id)
    if dropped:
        return dropped
    if image_id not in images:
        return "its photograph is missing or broken and was skipped"
    if (image_id, object_id) not in people:
        labels = ", ".join(config["human"]["labels"])
        return f"the human filter left it out: its label is not one of human.labels ({labels})"
    person = people[image_id, object_id]
    if not person.wide:
        return f"the human filter left it out: its width {person.width:.3f} is under human.min_width"
    if person.split != "train":
        return f"its image is in {person.split}; only training images can be unlearned"
    return ""
