"""The demo world's annotators: they write in Visual Genome's format, and as carelessly as people do."""

from typing import Any

import numpy as np

from soulbench.data.demo.stage import Item, Stage

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
    "lady": "woman",
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
    """Turns stages into the records of the JSON files; ids run through the whole world."""

    def __init__(self, rng: np.random.Generator, first_id: int = 1000) -> None:
        self.rng = rng
        self.next_object = self.next_relationship = first_id

    def _chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def _names(self, name: str) -> list[str]:
        """Return what an annotator calls it: an alias, a rare word first, or two names."""
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

    def _loose(self, item: Item) -> tuple[int, int, int, int]:
        """Return the box, now and then with a border that lies outside of the picture."""
        x, y, w, h = item.box
        return (x - 3, y, w + 6, h) if x == 0 and self._chance(0.1) else item.box

    def objects(self, stage: Stage) -> list[dict[str, Any]]:
        """Return the stage's objects in its order, then what only annotators see: rare and tiny things."""
        found = [self._object(self._names(item.name), self._loose(item)) for item in stage.items]
        if self._chance(0.2):
            side = min(stage.width, stage.height) // 5
            found.append(self._object([str(self.rng.choice(RARE_NAMES))], (4, 4, side, side)))
        for name in self.rng.choice(["flower", "ball", "dog", "hat"], int(self.rng.integers(3))):
            x, y = (int(self.rng.integers(10, side - 30)) for side in (stage.width, stage.height))
            found.append(self._object([str(name)], (x, y, int(self.rng.integers(6, 28)), 14)))
        return found

    def attributes(self, stage: Stage, objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the objects that somebody described, with their attributes."""
        pairs = zip(stage.items, objects, strict=False)
        return [{**record, "attributes": list(item.attributes)} for item, record in pairs if item.attributes]

    def _relationship(self, subject: dict[str, Any], predicate: str, other: dict[str, Any]) -> dict[str, Any]:
        self.next_relationship += 1
        ends = {"subject": subject, "object": other}
        return {"relationship_id": self.next_relationship, "predicate": predicate, "synsets": [], **ends}

    def relationships(self, stage: Stage, objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the stage's relationships, some twice, some rare, some about an object that nobody drew."""
        found = []
        for subject, predicate, other in stage.relations:
            repeats = 2 if self._chance(0.08) else 1
            for _ in range(repeats):
                found.append(self._relationship(objects[subject], self._predicate(predicate), objects[other]))
        if found and self._chance(0.1):
            rare = str(self.rng.choice(RARE_PREDICATES))
            found.append(self._relationship(found[0]["subject"], rare, found[0]["object"]))
        if found and self._chance(0.1):
            ghost = {**found[0]["object"], "object_id": 999_000 + self.next_relationship}
            found.append(self._relationship(found[0]["subject"], "on", ghost))
        return found


def alias_lines(aliases: dict[str, tuple[str, ...]]) -> str:
    """Return the text of an alias file: a line a term, the term first."""
    return "".join(f"{term},{','.join(others)}\n" for term, others in aliases.items())
