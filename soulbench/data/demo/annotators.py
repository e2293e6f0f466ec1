"""Annotators of the demo: they write Visual Genome's format, with the carelessness of real annotations."""

from typing import Any

import numpy as np

from soulbench.data.demo.scene import Item, RenderedScene

OBJECT_ALIASES = {
    "tree": ("trees", "oak", "pine tree"),
    "man": ("guy", "gentleman"),
    "woman": ("women", "female"),
    "car": ("automobile", "cars"),
    "dog": ("puppy", "doggy"),
    "road": ("street", "roadway"),
    "sea": ("ocean", "water"),
    "ball": ("beach ball",),
}
PREDICATE_ALIASES = {
    "on": ("on top of", "standing on"),
    "next to": ("beside", "by"),
    "in front of": ("in front", "before"),
    "holding": ("holds", "carrying"),
    "wearing": ("wears", "dressed in"),
    "behind": ("at the back of",),
    "above": ("over",),
}
SECOND_NAMES = {
    "boy": "child",
    "girl": "child",
    "man": "person",
    "woman": "person",
    "sea": "waves",
}
RARE_NAMES = (
    "kite",
    "crow",
    "cactus",
    "fountain",
    "statue",
    "signpost",
    "bucket",
    "ladder",
    "kettle",
    "anchor",
    "rake",
    "drum",
)
RARE_PREDICATES = ("leaning against", "painted like", "twice as far as")


class Annotator:
    """Turns rendered scenes into the records of the JSON files; ids are unique in the whole data set."""

    def __init__(self, rng: np.random.Generator, first_id: int = 1000) -> None:
        self.rng = rng
        self.next_object = self.next_relationship = first_id

    def _chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def _names(self, name: str) -> list[str]:
        """Return what an annotator writes: the name or an alias, now and then two names or a rare one first."""
        written = name
        if name in OBJECT_ALIASES and self._chance(0.3):
            written = str(self.rng.choice(OBJECT_ALIASES[name]))
        if name in SECOND_NAMES and self._chance(0.15):
            return [written, SECOND_NAMES[name]]
        return [f"{name} no. {self.next_object}", written] if self._chance(0.04) else [written]

    def _predicate(self, predicate: str) -> str:
        if predicate in PREDICATE_ALIASES and self._chance(0.3):
            predicate = str(self.rng.choice(PREDICATE_ALIASES[predicate]))
        return (
            predicate.upper() if self._chance(0.12) else f" {predicate}" if self._chance(0.05) else predicate
        )

    def _object(self, names: list[str], box: tuple[int, int, int, int]) -> dict[str, Any]:
        self.next_object += 1
        x, y, w, h = box
        ids: dict[str, Any] = {"object_id": self.next_object, "merged_object_ids": [], "synsets": []}
        return {**ids, "names": names, "x": x, "y": y, "w": w, "h": h}

    def _careless_box(self, item: Item) -> tuple[int, int, int, int]:
        """Return the box, now and then with a border outside of the image."""
        x, y, w, h = item.box
        return (x - 3, y, w + 6, h) if x == 0 and self._chance(0.1) else item.box

    def objects(self, scene: RenderedScene) -> list[dict[str, Any]]:
        """Return the scene's objects in its order, then invented ones with rare names or tiny boxes."""
        records = [self._object(self._names(item.name), self._careless_box(item)) for item in scene.items]
        if self._chance(0.2):
            side = min(scene.width, scene.height) // 5
            records.append(self._object([str(self.rng.choice(RARE_NAMES))], (4, 4, side, side)))
        for name in self.rng.choice(["flower", "ball", "dog", "hat"], int(self.rng.integers(3))):
            x, y = (int(self.rng.integers(10, side - 30)) for side in (scene.width, scene.height))
            records.append(self._object([str(name)], (x, y, int(self.rng.integers(6, 28)), 14)))
        return records

    def attributes(self, scene: RenderedScene, objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the objects that have attributes, with these."""
        pairs = zip(scene.items, objects, strict=False)
        return [{**record, "attributes": list(item.attributes)} for item, record in pairs if item.attributes]

    def _relationship(self, subject: dict[str, Any], predicate: str, other: dict[str, Any]) -> dict[str, Any]:
        self.next_relationship += 1
        ends = {"subject": subject, "object": other}
        return {"relationship_id": self.next_relationship, "predicate": predicate, "synsets": [], **ends}

    def relationships(self, scene: RenderedScene, objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the scene's relationships, some twice, some with rare predicates or an object that does not exist."""
        records = []
        for subject, predicate, other in scene.relations:
            repeats = 2 if self._chance(0.08) else 1
            for _ in range(repeats):
                records.append(
                    self._relationship(objects[subject], self._predicate(predicate), objects[other])
                )
        if records and self._chance(0.1):
            rare = str(self.rng.choice(RARE_PREDICATES))
            records.append(self._relationship(records[0]["subject"], rare, records[0]["object"]))
        if records and self._chance(0.1):
            missing = {**records[0]["object"], "object_id": 999_000 + self.next_relationship}
            records.append(self._relationship(records[0]["subject"], "on", missing))
        return records


def alias_lines(aliases: dict[str, tuple[str, ...]]) -> str:
    """Return the text of an alias file: one line per term, the term first."""
    return "".join(f"{term},{','.join(others)}\n" for term, others in aliases.items())
