"""Requests chosen by rule: of each kind as many as are wanted, as different as possible or in the order of the data."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from soulbench.core.errors import UserError
from soulbench.core.seeds import derive_seed
from soulbench.core.terms import ATTACHED, KINDS, Kind
from soulbench.data.requests.catalogue import GROUP, Catalogue, Member, Person

#: Objects that A3 needs, over the requests, to be judged; a request with so many of its own is as good as one with
#: more.
ENOUGH = 3

#: Places at which queries should find something to relabel.
ROOM = 2

#: What a kind needs, for the message if there is too little of it.
NEEDED = {
    "object": "people who are wide enough (human.min_width)",
    "attached": "such people from whom a relationship of requests.with leads to an object",
    "person": "such people who are known (individuals.csv) and appear in two or more training images",
    "group": f"such people in images of {GROUP} or more",
}


@dataclass(frozen=True)
class Candidate:
    """A possible request.

    Attributes:
        person: whom the primary target shows.
        members: its objects, the primary target first.
        misfit: the lower, the better an example of its kind: an object request is better off outside of groups, and
            a person's appearances are better off in the subset.
    """

    person: Person
    members: tuple[Member, ...]
    misfit: int = 0


def check_kinds(config: dict[str, Any], catalogue: Catalogue, subset: frozenset[int]) -> None:
    """Check that the subset has as many candidates of each kind as requests are wanted; what they share comes later.

    Args:
        config: the whole configuration; reads `requests`.
        catalogue: the objects.
        subset: ids of the images of the fine-tuning subset.

    Raises:
        UserError: there are fewer of a kind.
    """
    for kind, wanted in config["requests"]["kinds"].items():
        count = sum(1 for _ in _candidates(kind, config, catalogue, subset)) if wanted else 0
        if count < wanted:
            raise _too_few(config, kind, str(count))


def _too_few(config: dict[str, Any], kind: Kind, count: str) -> UserError:
    return UserError(
        f"requests.kinds.{kind}: {config['requests']['kinds'][kind]} are wanted, but the subset has too few "
        f"{NEEDED[kind]}: {count}; lower it, or raise human.size"
    )


def choose_sets(
    config: dict[str, Any],
    catalogue: Catalogue,
    subset: frozenset[int],
    twin: Callable[[Person], str],
    room: Callable[[int, int], int],
) -> dict[str, list[Member]]:
    """Choose requests one by one; the kinds take turns, so that the first ones are of different kinds.

    The test requests come first, r1, r2, ...; then the development requests, d1, d2, ..., of the same kinds in turns
    and by the same rule, among those that share no image and no individual with a test request. A budget that is
    selected on strangers says little of people who are known, so strangers are the last resort.

    No two requests share an object. The rule `varied` prefers good examples of a kind, people who are known, people
    whom no request asks for yet, nor for their twin (a sample of people is no larger for being asked twice about one,
    and models that lack the twin do not tell whether it is still drawn), images that no request has yet, categories
    that other images of the subset have often enough, and objects that queries can be asked about; then categories
    that no request has yet, and widths far from those of the other requests. The first request is one of two twins
    where both are in the subset. The rule `first_instance` prefers images that no request has yet, and takes the first
    candidate in the order of the data.

    Args:
        config: the whole configuration; reads `seed`, `requests`.
        catalogue: the objects.
        subset: ids of the images of the fine-tuning subset; the primary targets are in them.
        twin: returns the object id of a person's twin in the subset, blank without one.
        room: returns for image and object id at how many kinds of places queries find something to relabel.

    Raises:
        UserError: there are too few candidates of a kind, or for development.
    """
    kinds, used = config["requests"]["kinds"], Counter[Any]()
    development = config["requests"]["development"]
    pools = {kind: list(_candidates(kind, config, catalogue, subset)) for kind in KINDS if kinds[kind]}
    in_subset = [one for one in catalogue.persons if one.image_id in subset]
    of_label = Counter(one.label for one in in_subset)
    of_image = Counter((one.label, one.image_id) for one in in_subset)
    position = {one: number for number, one in enumerate(catalogue.persons)}
    chosen: list[Candidate] = []
    sets: dict[str, list[Member]] = {}

    def rank(candidate: Candidate) -> tuple[Any, ...]:
        """Return the sort key of a candidate, the most important criterion first; the smallest key is chosen."""
        person, images = candidate.person, {member.image_id for member in candidate.members}
        others = of_label[person.label] - sum(of_image[person.label, image] for image in images)
        places = room(person.image_id, person.object_id)
        gap = min((abs(person.width - other.person.width) for other in chosen), default=0.0)
        return (
            not chosen and not twin(person),
            candidate.misfit,
            not person.individual and bool(catalogue.appearances),
            used["individual", person.individual] if person.individual else 0,
            sum(used["image", image] for image in images),
            (others < ENOUGH) + (places < ROOM),
            used["label", person.label],
            -min(others, ENOUGH),
            -places,
            -gap,
            derive_seed(config["seed"], "request", person.object_id),
        )

    def in_order(candidate: Candidate) -> tuple[int, int]:
        """Return the sort key by the order of the data."""
        images = {member.image_id for member in candidate.members}
        return sum(used["image", image] for image in images), position[candidate.person]

    key = in_order if config["requests"]["selection"] == "first_instance" else rank

    def take(request: str, candidates: list[Candidate]) -> None:
        best = min(candidates, key=key)
        chosen.append(best)
        sets[request] = list(best.members)
        used.update(("object", member.ids) for member in best.members)
        used.update(("image", image) for image in {member.image_id for member in best.members})
        used["label", best.person.label] += 1
        used.update(("individual", name) for name in {best.person.individual, best.person.twin} - {""})

    def left_of(kind: Kind) -> list[Candidate]:
        return [one for one in pools[kind] if not any(used["object", member.ids] for member in one.members)]

    for number, kind in enumerate(_turns(kinds), 1):
        left = left_of(kind)
        if not left:
            raise _too_few(config, kind, f"{len(pools[kind])}, some of them in other requests")
        take(f"r{number}", left)
    tested = catalogue.shown(member for one in chosen for member in one.members)
    turns = list(pools)
    for number in range(1, development + 1):
        apart = {
            kind: [one for one in left_of(kind) if not catalogue.shown(one.members) & tested]
            for kind in turns
        }
        known = {kind: [one for one in ones if one.person.individual] for kind, ones in apart.items()}
        free = known if any(known.values()) else apart
        # A kind whose people are all in test requests is passed over.
        first = next((position for position, kind in enumerate(turns) if free[kind]), None)
        if first is None:
            raise UserError(
                f"requests.development: {development} are wanted, but only {number - 1} can be chosen whose images and "
                "people no test request has; lower it or requests.kinds, or raise human.size"
            )
        take(f"d{number}", free[turns[first]])
        turns = turns[first + 1 :] + turns[: first + 1]
    return sets


def _turns(kinds: dict[Kind, int]) -> Iterator[Kind]:
    """Yield the kind of each request: the kinds in turns, until each has had its number."""
    for turn in range(max(kinds.values())):
        yield from (kind for kind in KINDS if turn < kinds[kind])


def _candidates(
    kind: Kind, config: dict[str, Any], catalogue: Catalogue, subset: frozenset[int]
) -> Iterator[Candidate]:
    """Yield the possible requests of a kind whose primary target is a wide enough person of the subset."""
    wide = [one for one in catalogue.persons if one.wide and one.image_id in subset]
    if kind == "person":
        shown = [[one for one in ones if one in wide] for ones in catalogue.appearances.values()]
        wide = [ones[0] for ones in shown if ones]
    for person in wide:
        primary = Member(person.image_id, person.object_id)
        in_group = catalogue.people_in[person.image_id] >= GROUP
        if kind == "object":
            yield Candidate(person, (primary,), int(in_group))
        elif kind == "group" and in_group:
            yield Candidate(person, (primary,))
        elif kind == "attached" and (ids := catalogue.led_to(*primary.ids, config["requests"]["with"])):
            yield Candidate(person, (primary, *(Member(person.image_id, one, ATTACHED) for one in ids)))
        elif kind == "person" and (others := catalogue.elsewhere([primary])):
            outside = sum(one.image_id not in subset for one in others)
            members = (primary, *(Member(*one.ids) for one in others))
            yield Candidate(person, members, 2 * outside - len(others))
