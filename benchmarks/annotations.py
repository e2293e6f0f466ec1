"""The vocabulary step on generated annotations of Visual Genome's size, with a known outcome.

    python benchmarks/annotations.py [--images 108077] [--folder DIR]

Each image has 35 objects, 21 relationships, and 26 objects with attributes. Rare names and small boxes come at fixed
intervals, so that the numbers of kept objects and relationships are known beforehand; the script checks them.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from soulbench.data.prepare.graphs import read_counts
from soulbench.data.prepare.vocabulary import build_vocabulary

ROOT = Path(__file__).resolve().parents[1]

OBJECTS, RELATIONSHIPS, DESCRIBED = 35, 21, 26
CATEGORIES, PREDICATES = 178, 45  # as in the published outcome
LABELS = ("man", "woman")


def category(number: int) -> str:
    """Return the name of an object: a human label, a frequent name or, one in ten, a name of no other object."""
    if number % 10 == 9:
        return f"rare thing {number}"
    turn = number % CATEGORIES
    return LABELS[turn] if turn < len(LABELS) else f"thing{turn}"


def is_kept(number: int) -> bool:
    """Return whether the filters keep an object: its name is frequent, and it is not small (one in seven is)."""
    return number % 10 != 9 and number % 7 != 6


def describe(number: int) -> dict[str, Any]:
    """Return one object's record, including Visual Genome's fields that are not read."""
    name = category(number)
    written = f"{name} alias" if number % 3 == 0 else name
    side = 31 if number % 7 == 6 else 150
    box = {"x": number % 300, "y": number % 200, "w": side, "h": 120}
    return {
        "synsets": [f"{name}.n.01"],
        "object_id": number,
        "merged_object_ids": [],
        "names": [written],
        **box,
    }


def objects(image: int) -> dict[str, Any]:
    """Return an image's record in objects.json."""
    first = image * OBJECTS
    records = [describe(first + index) for index in range(OBJECTS)]
    return {"image_id": image, "objects": records, "image_url": f"https://example.org/VG_100K/{image}.jpg"}


def relationships(image: int) -> dict[str, Any]:
    """Return an image's record in relationships.json: each object to its neighbour."""
    records = []
    for index in range(RELATIONSHIPS):
        number = image * OBJECTS + index
        predicate = f"relation{number % PREDICATES}"
        ends = {"subject": describe(number), "object": describe(number + 1)}
        written = predicate.upper() if number % 4 == 0 else predicate
        records.append({"predicate": written, "relationship_id": number, "synsets": ["along.r.01"], **ends})
    return {"image_id": image, "relationships": records}


def attributes(image: int) -> dict[str, Any]:
    """Return an image's record in attributes.json."""
    numbers = range(image * OBJECTS, image * OBJECTS + DESCRIBED)
    return {
        "image_id": image,
        "attributes": [{**describe(n), "attributes": [f"quality{n % 80}"]} for n in numbers],
    }


def image_data(image: int) -> dict[str, Any]:
    """Return an image's record in image_data.json."""
    url = f"https://example.org/VG_100K/{image}.jpg"
    return {"image_id": image, "url": url, "width": 500, "height": 375, "coco_id": None, "flickr_id": None}


def write(folder: Path, images: int) -> int:
    """Write the annotation files, one record at a time; return their size in bytes."""
    for make in (image_data, objects, attributes, relationships):
        with (folder / f"{make.__name__}.json").open("w", encoding="utf-8") as file:
            file.writelines(_rows(make, images))
    names = [*LABELS, *(f"thing{turn}" for turn in range(len(LABELS), CATEGORIES))]
    (folder / "object_alias.txt").write_text("".join(f"{name},{name} alias\n" for name in names))
    (folder / "relationship_alias.txt").write_text("on,on top of\n")
    return sum(path.stat().st_size for path in folder.iterdir())


def _rows(make: Any, images: int) -> Iterator[str]:
    for image in range(1, images + 1):
        yield ("[" if image == 1 else ", ") + json.dumps(make(image))
    yield "]"


def expected(images: int) -> dict[str, int]:
    """Return the numbers that must be kept, from the intervals alone."""
    counts = {"images": images, "objects": 0, "relationships": 0}
    for image in range(1, images + 1):
        kept = [is_kept(image * OBJECTS + index) for index in range(OBJECTS)]
        counts["objects"] += sum(kept)
        counts["relationships"] += sum(kept[index] and kept[index + 1] for index in range(RELATIONSHIPS))
    return counts


def main() -> None:
    """Generate the annotations, measure the vocabulary step, check its counts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=108_077)
    parser.add_argument(
        "--folder", type=Path, help="where the annotations go and stay; a temporary one otherwise"
    )
    chosen = parser.parse_args()
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    share = chosen.images / 108_077
    config["data"] |= {"source": "local", "root": None, "min_object_instances": max(1, int(2000 * share))}
    config["data"] |= {"min_predicate_instances": max(1, int(500 * share)), "min_attribute_instances": 1}
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.folder or Path(temporary) / "source"
        if not (folder / "relationships.json").is_file():
            folder.mkdir(parents=True, exist_ok=True)
            print(f"{write(folder, chosen.images) / 1e9:.2f} GB of annotations", flush=True)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started, processor = time.perf_counter(), time.process_time()
        build_vocabulary(
            config, folder, Path(temporary) / "vocabulary.json", Path(temporary) / "graphs", print
        )
        seconds, busy = time.perf_counter() - started, time.process_time() - processor
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        splits = read_counts(Path(temporary) / "graphs")["splits"].values()
    counts = {what: sum(split[what] for split in splits) for what in ("images", "objects", "relationships")}
    assert counts == expected(chosen.images), (counts, expected(chosen.images))
    print(
        f"{seconds:.1f} s ({busy:.1f} processor seconds), peak {peak / 2**20:.2f} GiB, {before / 2**20:.2f} before"
    )


if __name__ == "__main__":
    main()
