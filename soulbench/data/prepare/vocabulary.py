"""The vocabulary step: annotations in, vocabulary and filtered graphs out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from soulbench.core.records import write_json
from soulbench.data.packed import Vocabulary
from soulbench.data.prepare.annotations import read_annotations
from soulbench.data.prepare.filters import run_filters
from soulbench.data.prepare.graphs import build_graphs, counts
from soulbench.data.prepare.human import check_people
from soulbench.data.prepare.source_files import source_folder
from soulbench.data.prepare.splits import split_file, split_images

# Images by split, object and predicate vocabulary that sg2im and SIMSG report for Visual Genome.
PUBLISHED = ({"train": 62_565, "val": 5_506, "test": 5_088}, 179, 46)
Log = Callable[[str], object]


def build_vocabulary(
    config: dict[str, Any], source_dir: Path, out_json: Path, out_graphs: Path, log: Log
) -> None:
    """Read the annotations, apply every filter, and write the vocabulary and the graphs that are left.

    Args:
        config: the whole configuration; reads `seed`, `data`, `human`.
        source_dir: folder in the Visual Genome layout (`data.root` takes its place where it is set).
        out_json: `vocabulary.json`.
        out_graphs: folder of arrays, see `soulbench.data.prepare.graphs`.
        log: takes a line of text.

    Raises:
        UserError: unusable annotations, an empty vocabulary, no image left, too few people for the subset.
    """
    folder = source_folder(config, source_dir)
    notes = read_annotations(folder, log)
    kept = run_filters(config, notes, split_images(config, notes.images.image_id, split_file(config, folder)))
    graphs, counted = build_graphs(notes, kept), counts(notes, kept)
    vocabulary = Vocabulary(kept.objects, kept.predicates, kept.attributes)
    for split, number in counted["splits"].items():
        log(f"{split}: " + ", ".join(f"{count} {what}" for what, count in number.items()))
    for what, reasons in counted["dropped"].items():
        log(
            f"dropped {what}: "
            + ("; ".join(f"{count} {reason}" for reason, count in reasons.items()) or "none")
        )
    log(
        f"vocabulary: {len(kept.objects)} objects, {len(kept.predicates)} predicates, "
        f"{len(kept.attributes)} attributes"
    )
    if config["data"]["source"] == "visual_genome":
        _compare_with_published(counted, vocabulary, log)
    check_people(config, graphs, vocabulary.objects)
    graphs.save(out_graphs, counted)
    write_json(out_json, msgspec.to_builtins(vocabulary))


def _compare_with_published(counted: dict[str, Any], vocabulary: Vocabulary, log: Log) -> None:
    """Warn where Visual Genome gives other numbers than published: other files, or other thresholds."""
    images = {split: number["images"] for split, number in counted["splits"].items()}
    found = (images, len(vocabulary.objects), len(vocabulary.predicates))
    if found != PUBLISHED:
        log(f"warning: images, object and predicate vocabulary are {found}; published is {PUBLISHED}")
