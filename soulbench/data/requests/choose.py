"""The objects to be unlearned: named by the user, or chosen by rule."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from soulbench.core.columns import TABLES
from soulbench.core.errors import UserError
from soulbench.core.seeds import derive_seed
from soulbench.core.tables import SHARE_FORMAT, read_csv, write_csv
from soulbench.data.packed import PackedScenes
from soulbench.data.prepare.graphs import Graphs
from soulbench.data.prepare.selection import is_wide
from soulbench.data.prepare.source_files import source_folder
from soulbench.data.requests.file import check_requests, read_requests
from soulbench.data.requests.individuals import read_individuals


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
    """Write `requests.csv`: the user's requests, or `requests.count` people of the subset, chosen by rule.

    The rule prefers images, categories and individuals that no request has yet, then widths far from those of the
    other requests. The first request is one of two twins where both are in the subset.

    Args:
        config: the whole configuration; reads `seed`, `human`, `requests`.
        packed_dir: the packed set.
        graphs_dir: written by the vocabulary step.
        subset_csv: written by the human filter.
        human_csv: written by the human filter.
        source_dir: folder with Visual Genome's file layout; its `individuals.csv`, if any, lists the twins.
        out_csv: request, image_id, object_id, category, x0, y0, x1, y1, width, twin_of (the twin's object_id,
            blank without one), by_rule (False: named by the user).
        log: called with a line of text.

    Raises:
        UserError: a request names an object that does not exist or was filtered out, or there are too few people.
    """
    packed, people = PackedScenes.open(packed_dir), read_csv(human_csv)
    subset = read_csv(subset_csv)
    named = read_requests(config)
    individuals = read_individuals(source_folder(config, source_dir))
    people = people.merge(individuals, how="left", on=["image_id", "object_id"])
    people = people.fillna({"individual": "", "twin": ""})
    in_subset = people["image_id"].isin(subset.loc[subset["role"] == "subset", "image_id"])
    candidates = people[in_subset & is_wide(config, people)]
    if named is None:
        chosen = _choose(config, candidates)
        chosen.insert(0, "request", [f"r{number}" for number in range(1, len(chosen) + 1)])
    else:
        check_requests(config, named, Graphs.open(graphs_dir), packed.image_ids, people)
        chosen = named.merge(people, how="left", on=["image_id", "object_id"])
    chosen["twin_of"] = [_twin(row, candidates) for row in chosen.itertuples()]
    chosen["by_rule"] = named is None
    write_csv(chosen.rename(columns={"label": "category"})[list(TABLES["requests"])], out_csv, SHARE_FORMAT)
    for row in chosen.itertuples():
        log(
            f"{row.request}: object {row.object_id} ({row.label}, width {row.width:.2f}) of image "
            f"{row.image_id}"
        )


def _twin(row: Any, people: pd.DataFrame) -> str:
    """Return the object id of the widest object of a person's twin with the same label, blank without one."""
    if not row.twin:
        return ""
    twins = people[(people["individual"] == row.twin) & (people["label"] == row.label)]
    return str(twins.loc[twins["width"].idxmax(), "object_id"]) if len(twins) else ""


def _choose(config: dict[str, Any], people: pd.DataFrame) -> pd.DataFrame:
    """Choose requests one by one, each as different from the earlier ones as possible."""
    count = config["requests"]["count"]
    if len(people) < count:
        raise UserError(
            f"requests.count: {count} are wanted, but the subset has {len(people)} people; lower it, or raise "
            "human.size"
        )
    seeds = [derive_seed(config["seed"], "request", object_id) for object_id in people["object_id"]]
    people = people.assign(random=seeds)
    chosen: list[Any] = []
    used: dict[str, Counter[Any]] = {name: Counter() for name in ("label", "image_id", "individual")}
    for _ in range(count):
        taken = {row.object_id for row in chosen}
        best = min(
            (row for row in people.itertuples() if row.object_id not in taken),
            key=lambda row: _rank(row, chosen, used, people),
        )
        chosen.append(best)
        for name, counter in used.items():
            counter[getattr(best, name)] += 1
    return people.loc[[row.Index for row in chosen]].reset_index(drop=True)


def _rank(
    row: Any, chosen: list[Any], used: dict[str, Counter[Any]], people: pd.DataFrame
) -> tuple[Any, ...]:
    """Return the sort key of a candidate, the most important criterion first; the smallest key is chosen."""
    peers = people[(people["label"] == row.label) & (people["image_id"] != row.image_id)]
    gap = min((abs(row.width - other.width) for other in chosen), default=0.0)
    return (
        not chosen and not _twin(row, people),
        used["image_id"][row.image_id],
        used["label"][row.label],
        used["individual"][row.individual],
        peers.empty,  # A3 is measured on other images of the category; here there is none
        -gap,
        row.random,
    )
