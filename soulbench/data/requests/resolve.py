"""The requests of a run: named by the user, or chosen by rule."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from soulbench.config import runs
from soulbench.core.columns import TABLES
from soulbench.core.tables import SHARE_FORMAT, read_csv, write_csv
from soulbench.core.terms import ATTACHED, DEVELOPMENT, TEST
from soulbench.data.packed import PackedScenes
from soulbench.data.prepare.graphs import Graphs
from soulbench.data.prepare.source_files import source_folder
from soulbench.data.requests.catalogue import Catalogue, Member, Person
from soulbench.data.requests.choose import choose_sets
from soulbench.data.requests.individuals import read_individuals
from soulbench.data.requests.named import check_for_bank, named_sets
from soulbench.data.scene_graph import hops, objects


def resolve_requests(
    config: dict[str, Any],
    packed_dir: Path,
    graphs_dir: Path,
    subset_csv: Path,
    human_csv: Path,
    source_dir: Path,
    out_csv: Path,
    log: Callable[[str], object],
) -> None:
    """Write `requests.csv`: the user's requests, or those that are chosen by rule.

    Args:
        config: the whole configuration; reads `seed`, `human`, `requests`, `references.bank`, `data.source`,
            `data.root`.
        packed_dir: the packed set.
        graphs_dir: written by the vocabulary step.
        subset_csv: written by the human filter.
        human_csv: written by the human filter.
        source_dir: folder with Visual Genome's file layout; its `individuals.csv`, if any, says who is who.
        out_csv: one row for each object: request, set (test or development), kind, role, individual (blank if that is
            not known), image_id, object_id, category, x0, y0, x1, y1, width, twin_of (the object_id of the individual's
            twin, blank without one), by_rule (False: named by the user). A request's rows stand together, the primary
            target first.
        log: called with a line of text.

    Raises:
        UserError: a request of the user is impossible, or there are too few people.
    """
    packed, subset = PackedScenes.open(packed_dir), read_csv(subset_csv)
    individuals = read_individuals(source_folder(config, source_dir))
    usable = frozenset(packed.image_ids.tolist())
    graphs, people = Graphs.open(graphs_dir), read_csv(human_csv)
    catalogue = Catalogue(config, graphs, packed.vocabulary, usable, people, individuals)
    in_subset = frozenset(subset.loc[subset["role"] == "subset", "image_id"].tolist())
    candidates = [one for one in catalogue.persons if one.wide and one.image_id in in_subset]

    @cache
    def room(image_id: int, object_id: int) -> int:
        """Return at how many of these places an object can be relabelled: one edge away, two edges, without a path."""
        scene = packed.scene(packed.find(image_id))
        reached = hops(scene, scene.object_ids.tolist().index(object_id))
        return len({1, 2} & set(reached.values())) + (len(reached) < len(objects(scene)))

    def twin(person: Person) -> str:
        """Return the object id of the widest object of a person's twin with the same label, blank without one."""
        twins = [one for one in candidates if one.individual == person.twin and one.label == person.label]
        return str(max(twins, key=lambda one: one.width).object_id) if person.twin and twins else ""

    sets = named_sets(config, catalogue)
    by_rule = sets is None
    if sets is None:
        sets = choose_sets(config, catalogue, in_subset, twin, room)
    else:
        check_for_bank(config, sets)
    development = runs.development_ids(config)
    tables = [_rows(catalogue, request, members, twin, log) for request, members in sets.items()]
    table = pd.concat(tables, ignore_index=True).assign(by_rule=by_rule)
    table["set"] = [DEVELOPMENT if name in development else TEST for name in table["request"]]
    write_csv(table[list(TABLES["requests"])], out_csv, SHARE_FORMAT)


def _rows(
    catalogue: Catalogue,
    request: str,
    members: Sequence[Member],
    twin: Callable[[Person], str],
    log: Callable[[str], object],
) -> pd.DataFrame:
    """Return the rows of a request, and say in the log what it is."""
    kind, elsewhere = catalogue.kind(members), catalogue.elsewhere(members)
    rows = catalogue.rows([*members, *elsewhere]).assign(request=request, kind=kind)
    people = [catalogue.person(*member.ids) for member in members]
    rows["twin_of"] = [twin(person) if person else "" for person in people] + [""] * len(elsewhere)
    targets = "; ".join(
        f"{'with ' if row.role == ATTACHED else ''}object {row.object_id} ({row.category}, width {row.width:.2f}) of "
        f"image {row.image_id}"
        for row in rows[: len(members)].itertuples()
    )
    who = rows["individual"][0] or "nobody who is known"
    log(f"{request} ({kind}; {who}, also in {len(elsewhere)} other training images): {targets}")
    return rows
