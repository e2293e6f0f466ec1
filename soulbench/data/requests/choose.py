"""The objects to be unlearned: named by the user, or drawn by rule."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from soulbench.core.errors import UserError
from soulbench.core.seeds import derive_seed
from soulbench.data.packed import PackedScenes
from soulbench.data.prepare.graphs import Graphs
from soulbench.data.prepare.human import write_csv
from soulbench.data.prepare.selection import is_wide
from soulbench.data.prepare.source_files import source_folder
from soulbench.data.requests.file import check_requests, read_requests

COLUMNS = [
    "request",
    "image_id",
    "object_id",
    "category",
    "x0",
    "y0",
    "x1",
    "y1",
    "width",
    "twin_of",
    "by_rule",
]


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
    """Write `requests.csv`: the user's requests, or `requests.count` drawn from the subset's people.

    Drawn: as many categories, images and individuals as can be, then widths far apart, a twin first where the
    world has one whose other half is in the subset as well.

    Args:
        config: the whole configuration; reads `seed`, `human`, `requests`.
        packed_dir: the packed set.
        graphs_dir: of the vocabulary step.
        subset_csv: of the human filter.
        human_csv: of the human filter.
        source_dir: folder in the Visual Genome layout; its `individuals.csv`, if any, says who is a twin.
        out_csv: request, image_id, object_id, category, x0, y0, x1, y1, width, twin_of (the twin's object_id,
            blank without one), by_rule (False: named by the user).
        log: takes a line of text.

    Raises:
        UserError: a request names what is not there or was filtered out, or there are too few people.
    """
    packed, people = PackedScenes.open(packed_dir), pd.read_csv(human_csv)
    subset = pd.read_csv(subset_csv)
    wanted = read_requests(config)
    known = people.merge(_individuals(source_folder(config, source_dir)), how="left")
    known = known.fillna({"individual": "", "twin": ""})
    inside = known[
        known["image_id"].isin(subset.loc[subset["role"] == "subset", "image_id"]) & is_wide(config, known)
    ]
    if wanted is None:
        chosen = _draw(config, inside)
        chosen.insert(0, "request", [f"r{number}" for number in range(1, len(chosen) + 1)])
    else:
        check_requests(config, wanted, Graphs.open(graphs_dir), packed.image_ids, people)
        chosen = wanted.merge(known, how="left", on=["image_id", "object_id"])
    chosen["twin_of"] = [_twin(row, inside) for row in chosen.itertuples()]
    chosen["by_rule"] = wanted is None
    write_csv(chosen.rename(columns={"label": "category"})[COLUMNS], out_csv)
    for row in chosen.itertuples():
        log(
            f"{row.request}: object {row.object_id} ({row.label}, width {row.width:.2f}) of image "
            f"{row.image_id}"
        )


def _individuals(folder: Path) -> pd.DataFrame:
    """Read who is who in a drawn world; an empty table for photographs, where nobody knows."""
    path = folder / "individuals.csv"
    if path.is_file():
        return pd.read_csv(path, dtype={"individual": str, "twin": str}, keep_default_na=False)
    nobody = pd.DataFrame(columns=["image_id", "object_id", "individual", "twin"])
    return nobody.astype({"image_id": "int64", "object_id": "int64", "individual": str, "twin": str})


def _twin(row: Any, people: pd.DataFrame) -> str:
    """Return the object id of the widest picture of a person's twin under its label, blank without one."""
    if not row.twin:
        return ""
    pictures = people[(people["individual"] == row.twin) & (people["label"] == row.label)]
    return str(pictures.loc[pictures["width"].idxmax(), "object_id"]) if len(pictures) else ""


def _draw(config: dict[str, Any], people: pd.DataFrame) -> pd.DataFrame:
    """Draw requests one by one, each as unlike the earlier ones as can be."""
    count = config["requests"]["count"]
    if len(people) < count:
        raise UserError(
            f"requests.count: {count} are wanted, but the subset has {len(people)} people; lower it, or "
            "raise human.size"
        )
    people = people.assign(draw=[derive_seed(config["seed"], "request", one) for one in people["object_id"]])
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
    """Return what makes a person a worse choice, the weightiest first."""
    peers = people[(people["label"] == row.label) & (people["image_id"] != row.image_id)]
    gap = min((abs(row.width - other.width) for other in chosen), default=0.0)
    return (
        not chosen and not _twin(row, people),
        used["image_id"][row.image_id],
        used["label"][row.label],
        used["individual"][row.individual],
        peers.empty,  # without others of its category there is nothing to be measured on them
        -gap,
        row.draw,
    )
