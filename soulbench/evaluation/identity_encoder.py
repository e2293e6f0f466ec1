"""The job that makes the identity encoder: whom it may see, how well it identifies others, and the galleries."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import normalize

from soulbench.core import checkpoint
from soulbench.core import device as devices
from soulbench.core.device import Meter
from soulbench.core.log import Log
from soulbench.core.records import provenance, write_json
from soulbench.core.seeds import derive_seed, generator
from soulbench.core.tables import read_csv
from soulbench.core.terms import IDENTITY, LEAST_ACCURACY, OF_TWIN
from soulbench.data.crops import Crops
from soulbench.data.demo.extras import render_extras
from soulbench.data.identities import GALLERY, Identities, asked_for, object_name
from soulbench.data.packed import PackedScenes
from soulbench.data.prepare.source_files import source_folder
from soulbench.data.requests.individuals import read_individuals
from soulbench.evaluation.identity import PROTOTYPES, WEIGHTS, Subject, place
from soulbench.models.identity_encoder import IdentityEncoder, crops_of
from soulbench.training.identity import altered, train_encoder

#: Of the identities that nobody asks for, every so manyth is not trained on, so that the accuracy is of strangers.
HELD_OUT = 4
#: Of a trained identity with so many crops, one is not trained on.
ENOUGH = 3
#: Crops by which an accuracy is measured.
MOST_QUERIES = 500
CHUNK = 256  # crops that are embedded at once, which bounds the memory


def make_encoder(
    config: Mapping[str, Any],
    packed_dir: str,
    subset_csv: str,
    requests_csv: str,
    source_dir: str,
    out_model: str,
    out_record: str,
    source: str,
    log: Log,
) -> None:
    """Train the encoder, measure its accuracy, and write it with the galleries of all requests, and its record.

    Args:
        config: the whole configuration; reads `seed`, `data.source`, `data.root`, `evaluation.identity`.
        packed_dir: the packed set.
        subset_csv, requests_csv: written by their rules; everybody in requests.csv is kept from the encoder.
        source_dir: folder with Visual Genome's file layout; its `individuals.csv`, if any, says who is who.
        out_model: the checkpoint to write.
        out_record: the record to write: its accuracy, what it was trained on, and where it comes from.
        source: hash of the sources, for the record.
        log: takes a line.
    """
    # A network of this size gains nothing on a GPU, and regions are compared on the CPU.
    devices.prepare("cpu")
    settings, seed = config["evaluation"]["identity"], config["seed"]
    packed, requests = PackedScenes.open(packed_dir), read_csv(requests_csv)
    individuals = read_individuals(source_folder(dict(config), Path(source_dir)))
    found = Identities.of(packed, individuals, requests, seed)
    crops = found.crops
    with Meter(torch.device("cpu")) as meter:
        if config["data"]["source"] == "demo" and settings["extra_people"]:
            crops = crops.joined(render_extras(seed, settings["extra_people"], packed.image_size))
        strangers, trained, kept = shares(crops, found.reserved)
        encoder = train_encoder(crops, trained, settings["steps"], settings["batch"], seed, log)
        galleries = Galleries(crops, encoder)
        unseen = [index for index, name in enumerate(crops.identities) if name in strangers]
        accuracy, queries = galleries.accuracy(unseen, seed)
        known_accuracy, known_queries = galleries.accuracy(kept, seed)
        subset = read_csv(subset_csv).query("role == 'subset'")["image_id"].tolist()
        subjects = list(_subjects(found, galleries, requests, {*subset}))
    facts = {
        "accuracy": accuracy,
        "accuracy_queries": queries,
        "accuracy_trained": known_accuracy,
        "accuracy_trained_queries": known_queries,
        "least_accuracy": LEAST_ACCURACY,
        "identities": "individuals" if found.known else "objects",
        "trained_identities": len({crops.identities[index] for index in trained}),
        "trained_crops": len(trained),
    }
    tensors = {f"{WEIGHTS}{name}": tensor for name, tensor in encoder.state_dict().items()}
    meta = {"accuracy": accuracy, "subjects": [msgspec.to_builtins(subject) for subject in subjects]}
    checkpoint.save(out_model, {**tensors, PROTOTYPES: galleries.prototypes()}, meta)
    origin = provenance(
        parameters=config,
        seeds={"base": seed},
        source_hash=source,
        device=devices.describe(torch.device("cpu")),
    )
    write_json(out_record, {**facts, "timing": meter.timing(settings["steps"]), **origin})
    verdict = "used" if accuracy >= LEAST_ACCURACY else f"below {LEAST_ACCURACY}: identity is not judged"
    log(
        f"{facts['trained_identities']} {facts['identities']} trained on; {accuracy:.3f} of {queries} crops of others "
        f"identified ({verdict}), {known_accuracy:.3f} of {known_queries} new crops of those trained on"
    )


def shares(crops: Crops, reserved: frozenset[str]) -> tuple[set[str], list[int], list[int]]:
    """Return the identities that the encoder never sees, its training crops, and other crops of the same people.

    Those who are asked for are strangers, and so is one of `HELD_OUT` of the others, always together with the twin.
    """
    strangers = set(reserved)
    names = [name for name in dict.fromkeys(crops.identities) if name not in reserved]
    for name in names[::HELD_OUT]:
        strangers |= {name, crops.twins.get(name, name)}
    of_name: dict[str, list[int]] = {}
    for index, name in enumerate(crops.identities):
        if name not in strangers:
            of_name.setdefault(name, []).append(index)
    several = any(len(indices) > 1 for indices in of_name.values())
    if not several:  # each is an object of its own, of which new crops are made by altering
        trained = [index for indices in of_name.values() for index in indices]
        return strangers, trained, trained
    trained = [i for own in of_name.values() for i in (own[:-1] if len(own) >= ENOUGH else own)]
    return strangers, trained, [own[-1] for own in of_name.values() if len(own) >= ENOUGH]


class Galleries:
    """The embeddings of all crops, and the prototypes of identities among those of one category.

    Args:
        crops: all crops.
        encoder: trained.
    """

    def __init__(self, crops: Crops, encoder: IdentityEncoder):
        self.crops, self.encoder = crops, encoder
        self.by_label: dict[str, dict[str, list[int]]] = {}
        for index, (label, name) in enumerate(zip(crops.labels, crops.identities, strict=True)):
            self.by_label.setdefault(label, {}).setdefault(name, []).append(index)
        self._rows: dict[tuple[str, str], int] = {}
        self._cache: dict[int, Tensor] = {}

    def names(self, label: str, name: str) -> list[str]:
        """Return the identities of a gallery: the one that is looked for, its twin if it is there, and others."""
        members = self.by_label[label]
        first = [one for one in (name, self.crops.twins.get(name, "")) if one in members]
        return [*first, *(one for one in members if one not in first)][:GALLERY]

    def row(self, label: str, name: str) -> int:
        """Return the row of an identity's prototype, which is made with those of all rows that were asked for."""
        return self._rows.setdefault((label, name), len(self._rows))

    def prototypes(self) -> Tensor:
        """Return the prototypes of all rows that were asked for, [rows, D]."""
        made = [self._prototype(self.by_label[label][name]) for label, name in self._rows]
        return torch.stack(made) if made else torch.zeros(0, 1)

    def accuracy(self, indices: Sequence[int], seed: int) -> tuple[float, int]:
        """Return the share of crops that are identified in their gallery, and how many were tried.

        A crop of several is compared with the prototype of the others. The only crop of an identity is altered as in
        training, and compared with itself.

        Args:
            indices: of the crops.
            seed: of what is chosen where there are more than `MOST_QUERIES`, and of the alterations.
        """
        rng, hits = generator(seed, "identity-accuracy"), list[bool]()
        for index in rng.permutation(np.array(indices, dtype=np.int64))[:MOST_QUERIES].tolist():
            label, name = self.crops.labels[index], self.crops.identities[index]
            own = [one for one in self.by_label[label][name] if one != index]
            names = self.names(label, name)
            if len(names) < 2 or (not own and self._several):
                continue
            query = self._embedded([index])[0] if own else self._altered(index, seed)
            prototypes = [self._prototype(own or [index])]
            prototypes += [self._prototype(self.by_label[label][other]) for other in names[1:]]
            hits.append(place((torch.stack(prototypes).double() @ query.double()).numpy()) == 1)
        return float(np.mean(hits)) if hits else 0.0, len(hits)

    @property
    def _several(self) -> bool:
        return len(set(self.crops.identities)) < len(self.crops)

    def _prototype(self, indices: Sequence[int]) -> Tensor:
        return normalize(self._embedded(indices).mean(dim=0), dim=0)

    @torch.no_grad()
    def _altered(self, index: int, seed: int) -> Tensor:
        crop = altered(self.crops, [index], generator(derive_seed(seed, "identity-query", index), "crop"))
        embedding: Tensor = self.encoder(crop)[0]
        return embedding

    @torch.no_grad()
    def _embedded(self, indices: Sequence[int]) -> Tensor:
        missing = [index for index in dict.fromkeys(indices) if index not in self._cache]
        for start in range(0, len(missing), CHUNK):
            part = missing[start : start + CHUNK]
            images = torch.from_numpy(self.crops.pixels[self.crops.image_of[part]])
            seen = self.encoder(crops_of(images, torch.from_numpy(self.crops.boxes[part])))
            self._cache |= dict(zip(part, seen, strict=True))
        return torch.stack([self._cache[index] for index in indices])


def _subjects(
    found: Identities, galleries: Galleries, requests: pd.DataFrame, subset: set[int]
) -> Iterator[Subject]:
    """Yield whom to look for where: the requested individuals in their regions, and their twins in the subset."""
    label_of = dict(zip(found.objects, found.crops.labels, strict=False))
    twins: dict[str, dict[str, None]] = {}
    for request, pair, individual in asked_for(requests):
        name = individual if found.known else object_name(*pair)
        if pair in label_of and name:
            yield from _subject(galleries, request, IDENTITY, pair, label_of[pair], name)
            if twin := found.crops.twins.get(name):
                twins.setdefault(request, {})[twin] = None
    for request, names in twins.items():
        for pair, name in zip(found.objects, found.crops.identities, strict=True):
            if name in names and pair[0] in subset:
                yield from _subject(galleries, request, OF_TWIN, pair, label_of[pair], name)


def _subject(
    galleries: Galleries, request: str, dimension: str, pair: tuple[int, int], label: str, name: str
) -> Iterator[Subject]:
    names = galleries.names(label, name)
    if len(names) < 2:
        return  # nobody else to be taken for
    rows = [galleries.row(label, one) for one in names]
    twin = rows[1] if names[1] == galleries.crops.twins.get(name) else None
    yield Subject(request, dimension, *pair, rows, twin)
