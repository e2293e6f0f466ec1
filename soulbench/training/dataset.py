"""The data of a benchmark as training, unlearning and evaluation open it."""

import csv
import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np

from soulbench.core.damage import DamagedFile, map_array, table_text
from soulbench.core.terms import KINDS, ROLES, Kind
from soulbench.data.batches import EditedScene, SceneBatches
from soulbench.data.packed import PackedScenes
from soulbench.data.requests.request import Request, RequestedObject
from soulbench.training.losses import uses_discriminators
from soulbench.training.networks import Networks, build

Entry = TypeVar("Entry")
Word = TypeVar("Word", bound=str)


@dataclass(frozen=True)
class Changes:
    """What an unlearning method changes in training; nothing by default.

    Attributes:
        exclude: ids of images that are left out.
        edited: scenes that replace the packed ones, by row of the packed set.
        guidance_while: whether negative guidance acts always, or only on hidden pixels (as in the release).
    """

    exclude: frozenset[int] = frozenset()
    edited: Mapping[int, EditedScene] = field(default_factory=dict)
    guidance_while: Literal["always", "hidden"] = "always"


#: Training as configured, without any method.
UNCHANGED = Changes()


@dataclass(frozen=True)
class BenchmarkData:
    """The packed scenes, their visual features, their roles, and the requests.

    Attributes:
        config: the whole configuration.
        scenes: the packed set.
        visual: [N, F] frozen visual features of all its objects, memory-mapped.
        train, validation: rows of the packed set in these splits.
        subset, heldout: rows of the fine-tuning subset and of the held-out images.
        requests: by id, in the order of requests.csv.
        edited: scenes without objects that are no longer in the data, by row, whatever a method changes
            (`soulbench.unlearning.edits.after_requests`); none at first.
    """

    config: Mapping[str, Any]
    scenes: PackedScenes
    visual: np.ndarray
    train: list[int]
    validation: list[int]
    subset: list[int]
    heldout: list[int]
    requests: Mapping[str, Request]
    edited: Mapping[int, EditedScene] = field(default_factory=dict)

    @classmethod
    def open(cls, config: Mapping[str, Any], data_dir: str | Path) -> "BenchmarkData":
        """Open `results/<name>/data`.

        Raises:
            UserError: a file is absent or damaged; names the rule that makes it anew.
        """
        folder = Path(data_dir)
        scenes = PackedScenes.open(folder / "packed")
        visual = map_array(folder / "visual.npy")
        expected = (len(scenes.object_ids), config["generator"]["visual"]["features"])
        if visual.shape != expected:
            raise DamagedFile(folder / "visual.npy", f"shape {visual.shape}, {expected} is expected")
        roles = _parsed(
            folder / "subset.csv", lambda entry: (entry["role"], scenes.find(int(entry["image_id"])))
        )
        splits = np.asarray(scenes.splits)
        return cls(
            config=config,
            scenes=scenes,
            visual=visual,
            train=np.flatnonzero(splits == "train").tolist(),
            validation=np.flatnonzero(splits == "val").tolist(),
            subset=[row for role, row in roles if role == "subset"],
            heldout=[row for role, row in roles if role == "heldout"],
            requests=_requests(folder / "requests.csv", scenes.vocabulary.objects),
        )

    def networks(self, seed: int) -> Networks:
        """Initialise networks of the configured sizes for this vocabulary."""
        vocabulary = {
            "objects": self.scenes.vocabulary.objects,
            "predicates": self.scenes.vocabulary.predicates,
        }
        adversarial = uses_discriminators(self.config["training"]["losses"])
        images = np.ascontiguousarray(self.scenes.image_ids)
        data = f"{len(images)} images, {hashlib.sha256(images.tobytes()).hexdigest()[:12]}"
        return build(self.config["generator"], vocabulary, seed, adversarial, data)

    def batches(self, changes: Changes = UNCHANGED) -> SceneBatches:
        """Return a source of batches, with the edited scenes instead of the packed ones."""
        return SceneBatches(self.scenes, self.visual, {**self.edited, **changes.edited})

    def without(self, rows: list[int], changes: Changes) -> list[int]:
        """Return those of `rows` whose images the changes do not exclude."""
        return [row for row in rows if int(self.scenes.image_ids[row]) not in changes.exclude]


def _requests(path: Path, names: list[str]) -> dict[str, Request]:
    """Return the requests of a requests.csv by id; `names` is the object vocabulary."""

    def parse(entry: Mapping[str, str]) -> tuple[tuple[str, Kind], RequestedObject]:
        ids, category = (int(entry["image_id"]), int(entry["object_id"])), names.index(entry["category"])
        one = RequestedObject(*ids, category, _known(entry["role"], ROLES))
        return (entry["request"], _known(entry["kind"], KINDS)), one

    grouped: dict[tuple[str, Kind], list[RequestedObject]] = {}
    for request, one in _parsed(path, parse):
        grouped.setdefault(request, []).append(one)
    return {name: Request.of(name, kind, objects) for (name, kind), objects in grouped.items()}


def _known(text: str, words: Sequence[Word]) -> Word:
    for word in words:
        if word == text:
            return word
    raise ValueError(f"{text!r} is none of {', '.join(words)}")


def _parsed(path: Path, parse: Callable[[Mapping[str, str]], Entry]) -> list[Entry]:
    """Return the parsed rows of a small CSV file; importing pandas would take longer than reading it."""
    entries = csv.DictReader(io.StringIO(table_text(path), newline=""))
    parsed = []
    for line, entry in enumerate(entries, 2):
        try:
            if None in {*entry, *entry.values()}:
                raise ValueError("more or fewer values than columns")
            parsed.append(parse(entry))
        except (KeyError, ValueError) as error:
            why = f"no column {error}" if isinstance(error, KeyError) else error
            raise DamagedFile(path, f"line {line}: {why}") from None
    return parsed
