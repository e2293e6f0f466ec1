"""The demo's data: a small drawn world, written as a folder in the Visual Genome layout."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from soulbench.core.errors import UserError
from soulbench.core.records import atomic_path
from soulbench.core.seeds import generator
from soulbench.data.demo.annotators import OBJECT_ALIASES, PREDICATE_ALIASES, Annotator, alias_lines
from soulbench.data.demo.backgrounds import PLACES
from soulbench.data.demo.composition import CAST, draw_picture
from soulbench.data.demo.people import Person, draw_people
from soulbench.data.demo.stage import Stage

# What is in the pictures: shares of their number. The second row is there for the filters to drop.
SHARES = {"one": 0.39, "pair": 0.17, "portrait": 0.08, "group": 0.08, "scenery": 0.10}
FILTERED = {"small": 0.05, "sparse": 0.05, "silent": 0.04, "crowded": 0.02, "tangled": 0.02}
STANDING = ("one", "pair")  # these pictures have turns of their own
OUTDOORS = ("park", "garden")  # where so many flowers can grow that a picture is crowded


def draw_world(config: dict[str, Any], out_dir: Path, log: Callable[[str], object]) -> None:
    """Draw the world into `out_dir`: four JSON files, two alias files, the pictures, and `individuals.csv`.

    Everything follows from `config["seed"]` and `config["data"]["demo"]`. `individuals.csv` (image_id,
    object_id, individual, twin) says who is who; no other source has such a file and nothing needs it but the
    twin request.
    """
    settings, seed = config["data"]["demo"], config["seed"]
    if 2 * settings["twins"] > settings["individuals"]:
        raise UserError(
            f"data.demo.twins: {settings['twins']} pairs need {2 * settings['twins']} people, "
            f"but data.demo.individuals is {settings['individuals']}"
        )
    people = draw_people(generator(seed, "demo people"), settings["individuals"], settings["twins"])
    with atomic_path(out_dir) as folder:
        (folder / "images" / "VG_100K").mkdir(parents=True)
        stages = _draw_pictures(people, settings["images"], seed)
        _write(folder, stages, Annotator(generator(seed, "demo annotators")))
    log(f"drew {len(stages)} pictures of {len(people)} people, {settings['twins']} pairs of them twins")


def _kinds(count: int, rng: np.random.Generator) -> list[str]:
    """Return the kind of each picture, in drawn order, in fixed shares."""
    shares = SHARES | FILTERED
    bounds = np.round(np.cumsum(list(shares.values())) / sum(shares.values()) * count).astype(int)
    kinds = [
        kind for kind, number in zip(shares, np.diff(bounds, prepend=0), strict=True) for _ in range(number)
    ]
    return [kinds[index] for index in rng.permutation(count)]


class _Casting:
    """Gives each picture its people and its place; all are seen standing about equally often."""

    def __init__(self, people: list[Person], rng: np.random.Generator) -> None:
        self.people, self.rng = people, rng
        self.turns: dict[bool, list[Person]] = {True: [], False: []}
        self.unseen: dict[str, list[str]] = {}

    def cast(self, kind: str) -> list[Person]:
        """Return the people of a picture; everyone has had a turn before anyone has another."""
        number, standing = min(CAST.get(kind, 1), len(self.people)), kind in STANDING
        turn = self.turns[standing]
        while len(turn) < number:
            turn += [self.people[index] for index in self.rng.permutation(len(self.people))]
        chosen, self.turns[standing] = turn[:number], turn[number:]
        return chosen

    def place(self, kind: str, cast: list[Person]) -> str:
        """Return where it is taken: where the first person was not seen yet, so that no two are alike."""
        if kind == "crowded":
            return str(self.rng.choice(OUTDOORS))
        left = self.unseen.get(cast[0].name, []) if cast else []
        if not left:
            left = [list(PLACES)[index] for index in self.rng.permutation(len(PLACES))]
        if cast:
            self.unseen[cast[0].name] = left[1:]
        return left[0]


def _draw_pictures(people: list[Person], count: int, seed: int) -> list[Stage]:
    rng = generator(seed, "demo casting")
    casting, stages = _Casting(people, rng), []
    for index, kind in enumerate(_kinds(count, rng)):
        cast = casting.cast(kind)
        place = casting.place(kind, cast)
        stages.append(draw_picture(kind, place, cast, generator(seed, "demo picture", index)))
    return stages


def _write(folder: Path, stages: list[Stage], annotator: Annotator) -> None:
    """Write pictures and annotations; the first image has id 1."""
    records: dict[str, list[dict[str, Any]]] = {"image_data": []}
    individuals: list[tuple[int, int, str, str]] = []
    for image_id, stage in enumerate(stages, start=1):
        url = f"https://example.org/VG_100K/{image_id}.png"
        stage.canvas.picture().save(folder / "images" / "VG_100K" / f"{image_id}.png")
        size = {"width": stage.width, "height": stage.height}
        records["image_data"].append(
            {"image_id": image_id, "url": url, **size, "coco_id": None, "flickr_id": None}
        )
        objects = annotator.objects(stage)
        annotated = {
            "objects": objects,
            "attributes": annotator.attributes(stage, objects),
            "relationships": annotator.relationships(stage, objects),
        }
        for name, found in annotated.items():
            records.setdefault(name, []).append({"image_id": image_id, name: found})
        for item, record in zip(stage.items, objects, strict=False):
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
