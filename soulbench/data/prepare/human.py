"""The human filter: human-labelled objects, fine-tuning subset, held-out images, and their counts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from soulbench.core.records import write_json
from soulbench.core.tables import SHARE_FORMAT, write_csv
from soulbench.data.packed import PackedScenes, Vocabulary
from soulbench.data.prepare.graphs import Graphs
from soulbench.data.prepare.selection import choose_heldout, choose_subset, find_people, is_wide
from soulbench.data.prepare.source_files import source_folder
from soulbench.data.prepare.splits import SPLITS
from soulbench.data.requests.catalogue import Catalogue
from soulbench.data.requests.choose import check_kinds
from soulbench.data.requests.individuals import read_individuals
from soulbench.data.requests.named import check_for_bank, named_sets, required_images


def check_people(config: dict[str, Any], graphs: Graphs, vocabulary: Vocabulary, source_dir: Path) -> None:
    """Check, before photographs are decoded, that the filtered graphs suffice for subset and requests.

    Args:
        config: the whole configuration; reads `seed`, `human`, `requests`, `references.bank`.
        graphs: what the filters kept.
        vocabulary: of these graphs.
        source_dir: folder with Visual Genome's file layout.

    Raises:
        UserError: no human label, too few images for the subset, an impossible request, or fewer candidates of a kind
            than requests are wanted.
    """
    people = find_people(
        config,
        vocabulary.objects,
        image_ids=graphs.image_id,
        splits=pd.Series(SPLITS).to_numpy()[graphs.split],
        offsets=graphs.offset,
        object_ids=graphs.object_id,
        categories=graphs.category,
        boxes=graphs.box,
    )
    usable = frozenset(graphs.image_id.tolist())
    catalogue = Catalogue(config, graphs, vocabulary, usable, people, read_individuals(source_dir))
    subset = choose_subset(config, people, required_images(config, catalogue))
    sets = named_sets(config, catalogue)
    if sets is None:
        check_kinds(config, catalogue, frozenset(subset))
    else:
        check_for_bank(config, sets)


def filter_humans(
    config: dict[str, Any],
    graphs_dir: Path,
    packed_dir: Path,
    source_dir: Path,
    out_human_csv: Path,
    out_subset_csv: Path,
    out_summary_json: Path,
    log: Callable[[str], object],
) -> None:
    """Choose subset and held-out images from the packed set; write how much every step kept and dropped.

    Args:
        config: the whole configuration; reads `seed`, `human`, `requests.file`, `data.source`, `data.root`.
        graphs_dir: written by the vocabulary step.
        packed_dir: the packed set.
        source_dir: folder with Visual Genome's file layout (`data.root` replaces it where it is set).
        out_human_csv: every human-labelled object of the packed graphs.
        out_subset_csv: image_id, role (`subset` or `heldout`).
        out_summary_json: counts by split and reason, images with each human label.
        log: called with a line of text.

    Raises:
        UserError: no human label, too few images for the subset, or an impossible request.
    """
    packed = PackedScenes.open(packed_dir)
    people = find_people(
        config,
        packed.vocabulary.objects,
        image_ids=packed.image_ids,
        splits=packed.splits,
        offsets=packed.offsets,
        object_ids=packed.object_ids,
        categories=packed.categories,
        boxes=packed.boxes,
    )
    individuals = read_individuals(source_folder(config, source_dir))
    usable = frozenset(packed.image_ids.tolist())
    graphs = Graphs.open(graphs_dir)
    catalogue = Catalogue(config, graphs, packed.vocabulary, usable, people, individuals)
    subset = choose_subset(config, people, required_images(config, catalogue))
    heldout = choose_heldout(config, people)
    roles = [(image, "subset") for image in subset] + [(image, "heldout") for image in heldout]
    write_csv(people, out_human_csv, SHARE_FORMAT)
    write_csv(pd.DataFrame(roles, columns=["image_id", "role"]), out_subset_csv, SHARE_FORMAT)
    write_json(out_summary_json, _summary(config, packed, people, len(subset), len(heldout)))
    log(
        f"{len(people)} human-labelled objects; subset: {len(subset)} training images; held out: "
        f"{len(heldout)}"
    )
    if len(heldout) < config["human"]["heldout"]:
        log(f"human.heldout: {config['human']['heldout']} images are wanted, only {len(heldout)} exist")


def _summary(
    config: dict[str, Any], packed: PackedScenes, people: pd.DataFrame, subset: int, heldout: int
) -> dict[str, Any]:
    """Return the counts of the filters and of the packed set, and images by human label and split."""
    pairs = people.drop_duplicates(["image_id", "label"])
    by_label = {
        label: {split: int(((pairs["label"] == label) & (pairs["split"] == split)).sum()) for split in SPLITS}
        for label in config["human"]["labels"]
    }
    return {
        **packed.facts["counts"],
        "vocabulary": {
            "objects": len(packed.vocabulary.objects),
            "predicates": len(packed.vocabulary.predicates),
            "attributes": len(packed.vocabulary.attributes),
        },
        "packed": {
            "images": {split: int((packed.splits == split).sum()) for split in SPLITS},
            "objects": len(packed.object_ids) - len(packed),
            "bad_photographs": packed.facts["bad_photographs"],
            "treated_photographs": packed.facts["treated_photographs"],
        },
        "human": {
            "images_by_label": by_label,
            "images": int(people["image_id"].nunique()),
            "objects": len(people),
            "wide_enough": int(is_wide(config, people).sum()),
            "subset": subset,
            "heldout": heldout,
        },
    }
