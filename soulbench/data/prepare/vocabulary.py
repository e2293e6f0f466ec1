"""The vocabulary step: annotations in, vocabulary and filtered graphs out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from soulbench.core.records import write_json
from soulbench.data.packed import Vocabulary
from soulbench.data.prepare.annotations import read_annotations
from soulbench.data.prepare.filters import run_filters
from soulbench.data.prepare.graphs import build_graphs, count_filtered
from soulbench.data.prepare.human import check_people
from soulbench.data.prepare.source_files import source_folder
from soulbench.data.prepare.splits import split_file, split_images

# Images by split, object and predicate vocabulary that sg2im and SIMSG report for Visual Genome.
PUBLISHED = ({"train": 62_565, "val": 5_506, "test": 5_088}, 179, 46)
Log = Callable[[str], object]


def build_vocabulary(
    config: dict[str, Any], source_dir: Path, out_json: Path, out_graphs: Path, log: Log
) -> None:
    """Read the annotations, apply every filter, and write the vocabulary and the kept graphs.

    Args:
        config: the whole configuration; reads `seed`, `data`, `human`.
        source_dir: folder with Visual Genome's file layout (`data.root` replaces it where it is set).
        out_json: `vocabulary.json`.
        out_graphs: folder of arrays, see `soulbench.data.prepare.graphs`.
        log: called with a line of text.

    Raises:
        UserError: unusable annotations, an empty vocabulary, no image left, too few people for the subset.
    """
    folder = source_folder(config, source_dir)
    annotations = read_annotations(folder, log)
    split = split_images(config, annotations.images.image_id, split_file(config, folder))
    filtered = run_filters(config, annotations, split)
    graphs, counts = build_graphs(annotations, filtered), count_filtered(annotations, filtered)
    _log_counts(counts, filtered.vocabulary, log)
    if config["data"]["source"] == "visual_genome":
        _compare_with_published(counts, filtered.vocabulary, log)
    check_people(config, graphs, filtered.vocabulary, folder)
    graphs.save(out_graphs, counts)
    write_json(out_json, msgspec.to_builtins(filtered.vocabulary))


def _log_counts(counts: dict[str, Any], vocabulary: Vocabulary, log: Log) -> None:
    for split, numbers in counts["splits"].items():
        log(f"{split}: " + ", ".join(f"{number} {what}" for what, number in numbers.items()))
    for what, reasons in counts["dropped"].items():
        dropped = "; ".join(f"{number} {reason}" for reason, number in reasons.items())
        log(f"dropped {what}: {dropped or 'none'}")
    log(
        f"vocabulary: {len(vocabulary.objects)} objects, {len(vocabulary.predicates)} predicates, "
        f"{len(vocabulary.attributes)} attributes"
    )


def _compare_with_published(counts: dict[str, Any], vocabulary: Vocabulary, log: Log) -> None:
    """Warn if the numbers differ from the published ones: the files or the thresholds are not the same."""
    images = {split: numbers["images"] for split, numbers in counts["splits"].items()}
    numbers = (images, len(vocabulary.objects), len(vocabulary.predicates))
    if numbers != PUBLISHED:
        log(f"warning: images, object and predicate vocabulary are {numbers}; published are {PUBLISHED}")
