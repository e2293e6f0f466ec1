"""The requests that a user wrote by hand: read and checked without any data."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from soulbench.config.reserved import REQUEST_NAMES
from soulbench.core.errors import UserError
from soulbench.core.limits import LARGEST_CSV
from soulbench.core.user_files import Row, read_rows

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")  # a request's id becomes a folder's name


class RequestRow(NamedTuple):
    """One line of a requests.csv."""

    request: str
    image_id: int
    object_id: int


COLUMNS = RequestRow._fields


def read(config: Mapping[str, Any]) -> list[RequestRow] | None:
    """Read `requests.file`; return None if requests are chosen by rule.

    Raises:
        UserError: as `soulbench.core.user_files.read_rows`; or there is no request, an id or a number that is not
            allowed, or a request twice.
    """
    if config["requests"]["file"] is None:
        return None
    path = Path(config["requests"]["file"])
    rows = read_rows(path, COLUMNS, LARGEST_CSV, label=f"requests.file: {path}")
    if not rows:
        raise UserError(
            f"{path}: no request is in it; a header {','.join(COLUMNS)} and one line for each request are expected"
        )
    requests: dict[str, RequestRow] = {}
    objects: dict[tuple[int, int], str] = {}
    for row in rows:
        request = RequestRow(_id(row), row.whole_number("image_id"), row.whole_number("object_id"))
        if request.request in requests:
            raise UserError(f"{row.place}: request {request.request} is there twice; once is expected")
        if request[1:] in objects:
            raise UserError(
                f"{row.place}: image_id {request.image_id}, object_id {request.object_id} is there twice; "
                f"request {objects[request[1:]]} has it; each request is one object, once"
            )
        requests[request.request], objects[request[1:]] = request, request.request
    return list(requests.values())


def _id(row: Row) -> str:
    request = row.fields["request"]
    if request in REQUEST_NAMES or not ID.fullmatch(request):
        reason = f" ({request!r} is taken)" if request in REQUEST_NAMES else ""
        raise UserError(
            f"{row.place}: {request[:120]!r} cannot be a request's id; allowed: letters, digits, - and _, at most 100"
            f"{reason}"
        )
    if _is_another_number(request):
        raise UserError(
            f"{row.place}: {request!r} cannot be a request's id, because tables would read it as a number that is "
            "written differently; allowed: one that begins with a letter"
        )
    return request


def _is_another_number(text: str) -> bool:
    """Return whether a table's reader takes a text for a number and writes that differently: 09, 1e5, inf."""
    try:
        number = float(text)
    except ValueError:
        return False
    return not (math.isfinite(number) and text == str(int(number)))
