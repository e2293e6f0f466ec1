"""Requests that a user wrote, checked against what the filters kept."""

from collections.abc import Mapping
from typing import Any

from soulbench.config import bank, requests_file
from soulbench.config.requests_file import Line
from soulbench.core.errors import UserError
from soulbench.core.terms import ATTACHED, REQUESTED
from soulbench.core.values import suggest
from soulbench.data.requests.catalogue import Catalogue, Member


def named_sets(config: dict[str, Any], catalogue: Catalogue) -> dict[str, list[Member]] | None:
    """Return the objects of each request of `requests.file`, the primary target first.

    Returns:
        By request; None where requests are chosen by rule.

    Raises:
        UserError: as `soulbench.config.requests_file.read`; a request does not begin with a person of a training image
            who is wide enough; an object that no training graph has, or that is not the individual it is said to be; an
            individual whom no training image shows; predicates that lead nowhere; a request of another kind than it
            says; two requests of one kind that share an object; or a test and a development request that share an
            image or an individual.
    """
    lines = requests_file.read(config)
    if lines is None:
        return None
    sets = {request: _members(catalogue, request, one) for request, one in lines.items()}
    _check_kinds(catalogue, lines, sets)
    requests_file.refuse_overlap(
        (request, lines[request][0].set, lines[request][0].place, sorted(catalogue.shown(members)))
        for request, members in sets.items()
    )
    return sets


def check_for_bank(config: dict[str, Any], sets: Mapping[str, list[Member]]) -> None:
    """Check that no two requests share an object where a bank of retrained models needs to tell them apart.

    Args:
        config: the whole configuration; reads `references.bank`, `requests.file`.
        sets: the objects of each request.

    Raises:
        UserError: two requests share one.
    """
    if config["references"]["bank"] is None:
        return
    try:
        bank.check_apart({request: [one.words for one in members] for request, members in sets.items()})
    except UserError as error:
        raise UserError(f"{config['requests']['file']}: {error}") from None


def required_images(config: dict[str, Any], catalogue: Catalogue) -> list[int]:
    """Return the images that the requests of `requests.file` put into the subset; none where there is no such file.

    A whole person puts only those images there in which the person is wide enough.
    """
    sets = named_sets(config, catalogue) or {}
    explicit = {line.key for lines in (requests_file.read(config) or {}).values() for line in lines}
    images = [
        member.image_id
        for members in sets.values()
        for member in members
        if member.ids in explicit or getattr(catalogue.person(*member.ids), "wide", False)
    ]
    return list(dict.fromkeys(images))


def _members(catalogue: Catalogue, request: str, lines: list[Line]) -> list[Member]:
    found: dict[tuple[int, int], Member] = {}
    along: list[Member] = []
    for number, line in enumerate(lines):
        if line.image_id is None or line.object_id is None:
            members = _whole(catalogue, request, line, number == 0)
        else:
            _check_object(catalogue, request, line, number == 0)
            role = REQUESTED if catalogue.person(line.image_id, line.object_id) else ATTACHED
            members = [Member(line.image_id, line.object_id, role)]
            along += _along(catalogue, line)
        found |= {member.ids: member for member in members if member.ids not in found}
    # What is named goes first: the first object of the first line is the primary target.
    return list((found | {member.ids: member for member in along if member.ids not in found}).values())


def _whole(catalogue: Catalogue, request: str, line: Line, primary: bool) -> list[Member]:
    people = catalogue.appearances.get(line.individual)
    if people is None:
        raise UserError(
            f"{line.place}: request {request} names the individual {line.individual!r}, whom no training image "
            f"shows{suggest(line.individual, catalogue.appearances)}; known: "
            f"{', '.join(list(catalogue.appearances)[:30]) or 'nobody; individuals.csv says who is who'}"
        )
    if primary and not people[0].wide:
        raise UserError(
            f"{line.place}: request {request} names the individual {line.individual!r}: the human filter left every "
            f"appearance out: the widest, {people[0].width:.3f}, is under human.min_width"
        )
    return [Member(one.image_id, one.object_id) for one in people]


def _along(catalogue: Catalogue, line: Line) -> list[Member]:
    assert line.image_id is not None and line.object_id is not None
    if not line.along:
        return []
    ids = catalogue.led_to(line.image_id, line.object_id, line.along)
    if not ids:
        raise UserError(
            f"{line.place}: no relationship {' or '.join(map(repr, line.along))} leads from object {line.object_id} of "
            f"image {line.image_id} to another object; known predicates: "
            f"{', '.join(catalogue.vocabulary.predicates[1:31])}; leave the column with empty if nothing goes along"
        )
    return [Member(line.image_id, object_id, ATTACHED) for object_id in ids]


def _check_object(catalogue: Catalogue, request: str, line: Line, primary: bool) -> None:
    reason = _reason(catalogue, line, primary)
    if reason:
        raise UserError(
            f"{line.place}: request {request} names object {line.object_id} of image {line.image_id}: {reason}"
        )


def _reason(catalogue: Catalogue, line: Line, primary: bool) -> str:
    """Return why an object cannot be requested, "" if it can; the first object of a request has to be a person."""
    assert line.image_id is not None and line.object_id is not None
    dropped = catalogue.graphs.why_dropped(line.image_id, line.object_id)
    if dropped:
        return dropped
    if line.image_id not in catalogue.images:
        return "its photograph is missing or broken and was skipped"
    split = catalogue.split(line.image_id)
    if split != "train":
        return f"its image is in {split}; only training images can be unlearned"
    person = catalogue.person(line.image_id, line.object_id)
    if primary and person is None:
        labels = ", ".join(catalogue.config["human"]["labels"])
        return f"the human filter left it out: its label is not one of human.labels ({labels})"
    if primary and person and not person.wide:
        return f"the human filter left it out: its width {person.width:.3f} is under human.min_width"
    known = person.individual if person else ""
    if line.individual and line.individual != known:
        return f"it is {known or 'nobody known'}, not {line.individual}; leave the column individual empty, or the ids"
    return ""


def _check_kinds(
    catalogue: Catalogue, lines: Mapping[str, list[Line]], sets: Mapping[str, list[Member]]
) -> None:
    owners: dict[tuple[str, int, int], str] = {}
    for request, members in sets.items():
        place, kind = lines[request][0].place, catalogue.kind(members)
        for line in lines[request]:
            if line.kind not in ("", kind):
                raise UserError(
                    f"{line.place}: kind is {line.kind!r}, but request {request} is of the kind {kind}"
                )
        for member in members:
            owner = owners.setdefault((kind, *member.ids), request)
            if owner != request:
                raise UserError(
                    f"{place}: requests {owner} and {request} are both of the kind {kind} and share object "
                    f"{member.object_id} of image {member.image_id}; only requests of different kinds may share objects"
                )
