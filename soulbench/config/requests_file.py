"""The requests that a user wrote by hand: read and checked without any data."""

import functools
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from soulbench.config.reserved import REQUEST_NAMES
from soulbench.core.errors import UserError
from soulbench.core.limits import LARGEST_CSV
from soulbench.core.terms import DEVELOPMENT, ELSEWHERE, SETS, TEST
from soulbench.core.user_files import Row, read_rows

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")  # a request's id becomes a folder's name
COLUMNS = ("request", "image_id", "object_id")
#: Columns that a file may have; `kind` and `role` are those of the requests.csv that a run writes. In `set`, blank is
#: `test`.
OPTIONAL = ("with", "individual", "kind", "role", "set")


class Line(NamedTuple):
    """One line of a request: an object, or a person in every appearance.

    Attributes:
        place: file and line, for messages.
        image_id, object_id: of the object; None if the line names a person alone.
        individual: name of the person, blank if the line has none.
        along: predicates; what they lead to from the object goes along with it.
        kind: of the request, as far as the user wrote it; it is checked.
        set: one of `soulbench.core.terms.SETS`.
    """

    place: str
    image_id: int | None
    object_id: int | None
    individual: str = ""
    along: tuple[str, ...] = ()
    kind: str = ""
    set: str = TEST

    @property
    def key(self) -> tuple[Any, ...]:
        """Return what the line asks for: two objects are one whatever goes along with them."""
        return (self.individual,) if self.image_id is None else (self.image_id, self.object_id)

    @property
    def words(self) -> str:
        """Return the same in words."""
        if self.image_id is None:
            return f"individual {self.individual}"
        return f"object {self.object_id} of image {self.image_id}"


def read(config: Mapping[str, Any]) -> dict[str, list[Line]] | None:
    """Read `requests.file`: the lines of each request; None if requests are chosen by rule.

    Lines whose role is `elsewhere` are left out, so that the requests.csv of a run can be read. Every question about
    the plan asks for the requests, so a file is parsed again only after it has changed.

    Raises:
        UserError: as `soulbench.core.user_files.read_rows`; or there is no test request, an id, a number or a set that
            is not allowed, an object twice in a request, the lines of a request apart or in different sets, the same
            request twice, or an image or a person in requests of both sets.
    """
    if config["requests"]["file"] is None:
        return None
    path = Path(config["requests"]["file"])
    try:
        facts = path.stat()
        state = (facts.st_mtime_ns, facts.st_size)
    except (OSError, ValueError):  # parsing says what is wrong
        state = (0, 0)
    return {request: [*lines] for request, lines in _parsed(path, *state).items()}


@functools.lru_cache(maxsize=4)
def _parsed(path: Path, changed: int, size: int) -> dict[str, list[Line]]:
    """Parse a file whose time of change and size tell it from earlier ones of its path; errors are those of `read`."""
    rows = read_rows(path, COLUMNS, LARGEST_CSV, OPTIONAL, label=f"requests.file: {path}")
    rows = [row for row in rows if row.fields.get("role") != ELSEWHERE]
    if not rows:
        raise UserError(
            f"{path}: no request is in it; a header {','.join(COLUMNS)} and a line for each object are expected"
        )
    requests: dict[str, list[Line]] = {}
    last = ""
    for row in rows:
        request, line = _id(row), _line(row)
        lines = requests.setdefault(request, [])
        if lines and request != last:
            raise UserError(
                f"{row.place}: request {request} is there already; its lines must follow one another"
            )
        if line.key in [earlier.key for earlier in lines]:
            raise UserError(
                f"{row.place}: {_words(line)} is there twice in request {request}; once is expected"
            )
        if lines and line.set != lines[0].set:
            raise UserError(
                f"{row.place}: request {request} is {line.set} here, but {lines[0].set} before; one set is expected"
            )
        lines.append(line)
        last = request
    _refuse_twice(requests)
    if not any(lines[0].set == TEST for lines in requests.values()):
        raise UserError(
            f"{path}: all requests are in the set {DEVELOPMENT}; at least one of {TEST} is expected"
        )
    written = [
        (request, line.set, line.place, _contents(line)) for request in requests for line in requests[request]
    ]
    refuse_overlap(written)
    return requests


def refuse_overlap(written: Iterable[tuple[str, str, str, Iterable[str]]]) -> None:
    """Refuse test and development requests that share anything.

    Args:
        written: of each object its request, set, place for messages, and the image and the person that it shows, in
            words.

    Raises:
        UserError: two requests of different sets share an image or a person.
    """
    owners: dict[str, tuple[str, str]] = {}
    for request, kind, place, contents in written:
        for content in contents:
            owner, other = owners.setdefault(content, (request, kind))
            if other != kind:
                raise UserError(
                    f"{place}: the {other} request {owner} and the {kind} request {request} share {content}; "
                    f"{TEST} and {DEVELOPMENT} requests must have different images and different people"
                )


def _contents(line: Line) -> list[str]:
    image = [] if line.image_id is None else [f"image {line.image_id}"]
    return image + ([f"individual {line.individual}"] if line.individual else [])


def _id(row: Row) -> str:
    request = row.fields["request"]
    if request in REQUEST_NAMES or not ID.fullmatch(request):
        reason = f" ({request!r} is taken)" if request in REQUEST_NAMES else ""
        raise UserError(
            f"{row.place}: {request[:120]!r} cannot be a request's id; allowed: letters, digits, - and _, at most 100"
            f"{reason}"
        )
    return request


def _line(row: Row) -> Line:
    fields = row.fields
    along = tuple(filter(None, (predicate.strip() for predicate in fields.get("with", "").split(";"))))
    name = fields.get("set", "") or TEST
    if name not in SETS:
        raise UserError(
            f"{row.place}: set is {name[:40]!r}; allowed: {' | '.join(SETS)}, or nothing for {TEST}"
        )
    more = fields.get("individual", ""), along, fields.get("kind", ""), name
    if fields["image_id"] or fields["object_id"] or not more[0]:
        return Line(row.place, row.whole_number("image_id"), row.whole_number("object_id"), *more)
    if along:
        raise UserError(
            f"{row.place}: with is {fields['with'][:40]!r} beside a whole person; a line for each object of the person "
            "is expected, or nothing in this column"
        )
    return Line(row.place, None, None, *more)


def _words(line: Line) -> str:
    if line.image_id is None:
        return f"individual {line.individual}"
    return f"image_id {line.image_id}, object_id {line.object_id}"


def _refuse_twice(requests: Mapping[str, list[Line]]) -> None:
    """Refuse two requests for the same; requests that share objects are looked at where their kinds are known."""
    known: dict[Any, str] = {}
    for request, lines in requests.items():
        content = frozenset((line.key, line.along) for line in lines)
        if content in known:
            raise UserError(
                f"{lines[0].place}: {_words(lines[0])} is there twice; request {known[content]} asks for the same; "
                "each request must differ from the others"
            )
        known[content] = request
