"""The demo's data set: rendered images and their annotations in Visual Genome's file layout."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from soulbench.core.records import atomic_path
from soulbench.core.seeds import generator
from soulbench.data.demo.annotators import OBJECT_ALIASES, PREDICATE_ALIASES, Annotator, alias_lines
from soulbench.data.demo.backgrounds import BACKGROUNDS
from soulbench.data.demo.composition import PEOPLE_PER_IMAGE, render_scene
from soulbench.data.demo.people import Person, sample_people
from soulbench.data.demo.scene import RenderedScene

# Kinds of images (`composition.KINDS`) and their shares; those of the last row are there for the filters to drop.
SHARES = {"one": 0.31, "pair": 0.13, "portrait": 0.07, "crowd": 0.07, "scenery": 0.09}
GROUPS = {"group of 3": 0.05, "group of 4": 0.05, "group of 5": 0.05}
FILTERED = {"small": 0.05, "sparse": 0.05, "silent": 0.04, "crowded": 0.02, "tangled": 0.02}
STANDING = ("one", "pair", *GROUPS)  # images of standing people, who are assigned in turns of their own
STRANGERS = 9  # people of the crowds, who are in no other images
OUTDOORS = ("park", "garden")  # backgrounds where the flowers of a crowded image can grow


def generate_dataset(config: dict[str, Any], out_dir: Path, log: Callable[[str], object]) -> None:
    """Write the data set into `out_dir`: four JSON files, two alias files, the images, and `individuals.csv`.

    Everything follows from `config["seed"]` and `config["data"]["demo"]`. `individuals.csv` (image_id, object_id,
    individual, twin) names the individual that each object shows; only requests are made from it.
    """
    settings, seed = config["data"]["demo"], config["seed"]
    people = sample_people(generator(seed, "demo people"), settings["individuals"], settings["twins"])
    with atomic_path(out_dir) as folder:
        (folder / "images" / "VG_100K").mkdir(parents=True)
        scenes = render_scenes(people, settings["images"], seed)
        _write(folder, scenes, Annotator(generator(seed, "demo annotators")))
    log(
        f"rendered {settings['images']} images of {len(people)} people, among them {settings['twins']} pairs of twins"
    )


def _kinds(count: int, shares: Mapping[str, float], rng: np.random.Generator) -> list[str]:
    """Return the kind of each image, in fixed shares and random order."""
    bounds = np.round(np.cumsum(list(shares.values())) / sum(shares.values()) * count).astype(int)
    kinds = [
        kind for kind, number in zip(shares, np.diff(bounds, prepend=0), strict=True) for _ in range(number)
    ]
    return [kinds[index] for index in rng.permutation(count)]


class _Assignment:
    """Assigns people and a background to each image, so that everybody is shown about equally often."""

    def __init__(self, people: list[Person], strangers: list[Person], rng: np.random.Generator) -> None:
        self.people, self.strangers, self.rng = people, strangers, rng
        self.queues: dict[bool, list[Person]] = {True: [], False: []}  # by whether the people stand
        self.unused: dict[str, list[str]] = {}  # backgrounds by name of the person

    def choose_people(self, kind: str) -> list[Person]:
        """Return the people of an image; everyone is chosen once before anyone is chosen again."""
        number = PEOPLE_PER_IMAGE.get(kind, 1)
        if kind == "crowd":
            return [self.strangers[index] for index in self.rng.permutation(STRANGERS)[:number]]
        queue = self.queues[kind in STANDING]
        while len(set(queue)) < number:
            queue += [self.people[index] for index in self.rng.permutation(len(self.people))]
        chosen = list(dict.fromkeys(queue))[:number]
        for person in chosen:
            queue.remove(person)
        return chosen

    def choose_background(self, kind: str, people: list[Person]) -> str:
        """Return a background that the first person does not have yet, so that no two images are alike."""
        if kind == "crowded":
            return str(self.rng.choice(OUTDOORS))
        unused = self.unused.get(people[0].name, []) if people else []
        if not unused:
            unused = [list(BACKGROUNDS)[index] for index in self.rng.permutation(len(BACKGROUNDS))]
        if people:
            self.unused[people[0].name] = unused[1:]
        return unused[0]


def render_scenes(
    people: list[Person], count: int, seed: int, shares: Mapping[str, float] = SHARES | GROUPS | FILTERED
) -> Iterator[RenderedScene]:
    """Yield so many images of some people, one at a time: a canvas takes megabytes.

    Args:
        people: those who are known by name; crowds show others.
        count: number of images.
        seed: of everything random.
        shares: of each kind of images.
    """
    rng, strangers = (
        generator(seed, "demo casting"),
        sample_people(generator(seed, "demo strangers"), STRANGERS, 0),
    )
    assignment = _Assignment(people, strangers, rng)
    for index, kind in enumerate(_kinds(count, shares, rng)):
        chosen = assignment.choose_people(kind)
        background = assignment.choose_background(kind, chosen)
        yield render_scene(kind, background, chosen, generator(seed, "demo picture", index))


def _write(folder: Path, scenes: Iterable[RenderedScene], annotator: Annotator) -> None:
    """Write images and annotations; the first image has id 1."""
    records: dict[str, list[dict[str, Any]]] = {"image_data": []}
    individuals: list[tuple[int, int, str, str]] = []
    for image_id, scene in enumerate(scenes, start=1):
        url = f"https://example.org/VG_100K/{image_id}.png"
        scene.canvas.image().save(folder / "images" / "VG_100K" / f"{image_id}.png")
        size = {"width": scene.width, "height": scene.height}
        records["image_data"].append(
            {"image_id": image_id, "url": url, **size, "coco_id": None, "flickr_id": None}
        )
        objects = annotator.objects(scene)
        annotated = {
            "objects": objects,
            "attributes": annotator.attributes(scene, objects),
            "relationships": annotator.relationships(scene, objects),
        }
        for name, entries in annotated.items():
            records.setdefault(name, []).append({"image_id": image_id, name: entries})
        for item, record in zip(scene.items, objects, strict=False):
            if item.person:
                individuals.append((image_id, record["object_id"], item.person.name, item.person.twin))
    for name, rows in records.items():
        (folder / f"{name}.json").write_text(json.dumps(rows), encoding="utf-8")
    (folder / "object_alias.txt").write_text(alias_lines(OBJECT_ALIASES), encoding="utf-8")
    (folder / "relationship_alias.txt").write_text(alias_lines(PREDICATE_ALIASES), encoding="utf-8")
    with (folder / "individuals.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(
            [("image_id", "object_id", "individual", "twin"), *individuals]
        )
